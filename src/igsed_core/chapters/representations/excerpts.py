"""Excerpts of one second from isolated sounds, half overlapping, and how they are split into training and test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.base import files as storage
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.representations import urbansound8k
from igsed_core.chapters.representations.params import BANK, URBANSOUND8K
from igsed_core.data import audio
from igsed_core.data.soundbank.base import SoundBank

RATE, LENGTH, HOP = 16_000, 16_000, 8_000  # Hz; samples of an excerpt; samples from one to the next
BY_RECORDING, AT_RANDOM = "by_recording", "at_random"
TEST_FOLD = 1  # of a bank: its pool eval
_FULL = 32_000  # of 16 bits, with a margin


@dataclass(frozen=True, eq=False)
class Excerpts:
    """All excerpts of a collection.

    Attributes
    ----------
    place
        File of the samples.
    rows
        ``recording, label, fold``, a row per excerpt.
    """

    place: Path
    rows: pd.DataFrame

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels, sorted."""
        return tuple(sorted(self.rows["label"].unique()))

    @property
    def folds(self) -> tuple[int, ...]:
        """Folds that can be tested: of two, the first."""
        there = tuple(sorted(int(fold) for fold in self.rows["fold"].unique()))
        return there[:1] if len(there) <= 2 else there

    def targets(self) -> Tensor:
        """Number of each excerpt's class, ``[shape=(n_excerpts,)]``."""
        number = {name: i for i, name in enumerate(self.classes)}
        return torch.tensor([number[label] for label in self.rows["label"]])

    def samples(self, rows: NDArray[np.int64]) -> Tensor:
        """Samples of some excerpts, each divided by its root mean square, ``[shape=(n, 16000)]``."""
        return normalised(torch.from_numpy(np.load(self.place, mmap_mode="r")[rows].astype(np.float32)))


@dataclass(frozen=True, eq=False)
class Split:
    """What is trained on, and what is tested.

    Attributes
    ----------
    protocol, fold
        How it was drawn: :data:`BY_RECORDING` or :data:`AT_RANDOM`, and for which fold.
    train, test
        Numbers of excerpts, ``[shape=(n,)]``.
    """

    protocol: str
    fold: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def normalised(waveforms: Tensor) -> Tensor:
    """Divide waveforms by their root mean square: ``(n, n_samples) -> (n, n_samples)``; silence stays."""
    return waveforms / waveforms.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-6)


def listed(data: str, bank: SoundBank, *, files: int) -> pd.DataFrame:
    """List the recordings of a collection.

    Parameters
    ----------
    data
        As the parameter ``repr_data``.
    bank
        The experiment's own sounds.
    files
        Recordings of each class and fold that are used; 0: all.

    Returns
    -------
    pd.DataFrame
        ``path, recording, label, fold``.
    """
    if data == BANK:
        chosen = bank.files[bank.files["role"] == "foreground"]
        found = pd.DataFrame(
            {
                "path": [bank.root / path for path in chosen["path"]],
                "recording": chosen["path"].astype(str),
                "label": chosen["label"].astype(str),
                "fold": np.where(chosen["pool"] == "eval", TEST_FOLD, TEST_FOLD + 1),
            }
        )
    else:
        found = urbansound8k.files(urbansound8k.fetched() if data == URBANSOUND8K else Path(data))
    if not files:
        return found.reset_index(drop=True)
    kept = found.groupby(["label", "fold"])["recording"].transform(lambda names: names.isin(names.unique()[:files]))
    return found[kept].reset_index(drop=True)


def cut(recordings: pd.DataFrame, place: Path) -> Excerpts:
    """Cut recordings into excerpts; a shorter one is continued by silence, and what is silent is left out.

    Parameters
    ----------
    recordings
        From :func:`listed`.
    place
        File to write, ``.npy``.

    Raises
    ------
    IgsedError
        If a class or a fold has no excerpt that sounds.
    """
    pieces: list[NDArray[np.int16]] = []
    numbers: list[int] = []
    for number, path in enumerate(recordings["path"]):
        samples = audio.read_mono(Path(path), RATE)
        samples = np.pad(samples, (0, max(0, LENGTH - len(samples))))
        for begin in range(0, len(samples) - LENGTH + 1, HOP):
            piece = samples[begin : begin + LENGTH]
            peak = float(np.abs(piece).max())
            if peak > 1e-5:
                pieces.append((piece * (_FULL / peak)).astype(np.int16))
                numbers.append(number)
    rows = recordings.iloc[numbers][["recording", "label", "fold"]].reset_index(drop=True)
    lost = set(zip(recordings["label"], recordings["fold"], strict=True)) - set(
        zip(rows["label"], rows["fold"], strict=True)
    )
    if lost or rows["label"].nunique() < 2:
        label = sorted(lost)[0][0] if lost else "the only class"
        raise IgsedError(f"no excerpt of {label} sounds, or there is nothing to tell it from: use other recordings")
    with storage.atomic(place) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.stack(pieces))
    return Excerpts(place, rows)


def split(excerpts: Excerpts, protocol: str, fold: int, *, seed: int) -> Split:
    """Split by recording (the fold is tested), or at random into parts of the same sizes.

    Excerpts of one recording overlap by half, so that a random split trains on halves of what it tests.

    Parameters
    ----------
    excerpts
        All.
    protocol
        :data:`BY_RECORDING` or :data:`AT_RANDOM`.
    fold
        The one that is tested.
    seed
        Of the random split.
    """
    tested = (excerpts.rows["fold"] == fold).to_numpy()
    if protocol == BY_RECORDING:
        return Split(protocol, fold, np.flatnonzero(~tested), np.flatnonzero(tested))
    order = np.random.default_rng([seed, fold]).permutation(len(tested))
    return Split(protocol, fold, np.sort(order[tested.sum() :]), np.sort(order[: tested.sum()]))


def heard_before(excerpts: Excerpts, parts: Split) -> float:
    """Return the share of tested excerpts whose recording is trained on.

    Parameters
    ----------
    excerpts, parts
        All, and how they are split.
    """
    trained = set(excerpts.rows["recording"].iloc[parts.train])
    return float(excerpts.rows["recording"].iloc[parts.test].isin(trained).mean())
