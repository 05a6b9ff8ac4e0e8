"""Where the waveforms of clips come from: files, or memory (clips that were changed and never written)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import store
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import store_dir
from igsed_core.data import soundscapes

TABLES = ("clips.csv", "events.csv")  # describe a folder of soundscapes


class Clips(Protocol):
    """Gives the waveform of a clip, by name."""

    def read(self, split: str, clip: str) -> NDArray[np.float32]:
        """Return the samples of a clip, ``[shape=(n_samples,)]``."""
        ...

    def only(self, clip: str) -> Clips:
        """Return what must be sent to a process that reads this clip alone."""
        ...

    def identity(self) -> str:
        """Return a digest that differs where the clips do."""
        ...


@dataclass(frozen=True)
class DiskClips:
    """Clips in the folder of a set of soundscapes.

    Attributes
    ----------
    root
        Folder that holds ``<split>/<clip>.flac``.
    """

    root: Path

    def read(self, split: str, clip: str) -> NDArray[np.float32]:
        """Return the samples of a clip, ``[shape=(n_samples,)]``.

        Raises
        ------
        IgsedError
            If the file is missing or unreadable.
        """
        return soundscapes.read_clips(self.root, pd.DataFrame({"split": [split], "clip": [clip]}))[0]

    def only(self, clip: str) -> DiskClips:
        """Return itself: it is only a path."""
        return self

    def identity(self) -> str:
        """Return :func:`folder_identity` of the folder."""
        return folder_identity(self.root)


@dataclass(frozen=True, eq=False)
class MemoryClips:
    """Clips that are held in memory, so that what was perturbed can be explained without a file.

    Attributes
    ----------
    samples
        Clip -> ``[shape=(n_samples,)]``; the names of all splits differ.
    """

    samples: Mapping[str, NDArray[np.floating]]

    def read(self, split: str, clip: str) -> NDArray[np.float32]:
        """Return the samples of a clip, ``[shape=(n_samples,)]``; the split is not looked at.

        Raises
        ------
        IgsedError
            If there is no such clip.
        """
        if clip not in self.samples:
            raise IgsedError(f"clip {clip!r} is not among the {len(self.samples)} clips in memory: add it to them")
        return np.asarray(self.samples[clip], dtype=np.float32)

    def only(self, clip: str) -> MemoryClips:
        """Return this clip alone: the others need not travel to another process."""
        return MemoryClips({clip: self.read("", clip)})

    def identity(self) -> str:
        """Return a digest of the names and samples."""
        digest = hashlib.sha256()
        for clip in sorted(self.samples):
            digest.update(f"{clip}\0{len(self.samples[clip])}\0".encode())
            digest.update(self.read("", clip).tobytes())
        return digest.hexdigest()


def folder_identity(path: Path) -> str:
    """Say what a folder of soundscapes holds, in a form that can go into a key.

    One in the store is named by its entry (:func:`igsed_core.base.store.identity`). Elsewhere it is a digest of the
    relative names and sizes of the files of sound, and of the contents of the tables that describe them: not of the
    folder's own name, so that a folder that was moved is the same, nor of records of when it was made.

    Parameters
    ----------
    path
        The folder.
    """
    if path.resolve().is_relative_to(store_dir()):
        return str(store.identity(path))
    digest = hashlib.sha256()
    for file in sorted(path.glob("*/*.flac")):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
    for name in TABLES:
        if (path / name).is_file():
            digest.update(f"{name}\0".encode() + (path / name).read_bytes())
    return digest.hexdigest()
