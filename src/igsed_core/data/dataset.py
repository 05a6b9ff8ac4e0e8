"""Labelled clips from anywhere: what features, heads and whole networks are trained on, mixed by Scaper or not.

:class:`Dataset` is all that is asked of data. :class:`igsed_core.data.soundscapes.SoundscapeSet` is one; for other
clips there is :class:`TableDataset`, from tables or from a folder for each class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from igsed_core.base.errors import IgsedError
from igsed_core.data import audio

CLIP_COLUMNS = ("clip", "split")
EVENT_COLUMNS = ("clip", "label", "onset", "offset")
LABEL_COLUMNS = ("clip", "label")


class Dataset(Protocol):
    """Clips, what sounds in them, and their samples.

    Attributes
    ----------
    clips
        A row per clip: ``clip`` (unique), ``split``, and whatever else is known.
    events
        ``clip, label, onset, offset`` (s); none where nobody knows when a class sounds.
    labels
        ``clip, label``: the classes of each clip; a clip without a row has none.
    classes
        Class names, in the order of the outputs.
    sample_rate
        Of what :meth:`read` gives, in Hz.
    """

    @property
    def clips(self) -> pd.DataFrame: ...  # noqa: D102

    @property
    def events(self) -> pd.DataFrame | None: ...  # noqa: D102

    @property
    def labels(self) -> pd.DataFrame: ...  # noqa: D102

    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def sample_rate(self) -> int: ...  # noqa: D102

    def read(self, rows: pd.DataFrame) -> np.ndarray:
        """Read the audio of some rows of ``clips``, all of one length: ``[shape=(clips, samples), float32]``."""
        ...


@dataclass(frozen=True, eq=False)
class TableDataset:
    """Clips of any length that lie in a folder, with tables of what they hold.

    Clips are read at one rate, mixed down, and brought to one length: a shorter one is followed by silence, of a longer
    one the end is left out, and the events in it.

    Attributes
    ----------
    root
        Folder of the audio files.
    clips
        ``clip, split, file`` (path within the folder), ``duration`` (s, of the file), and further columns as given.
    events
        As :class:`Dataset` has them, none where only labels are known.
    labels, classes
        As :class:`Dataset` has them.
    sample_rate
        At which clips are read, in Hz.
    duration
        Length of a clip as it is read, in seconds.
    """

    root: Path
    clips: pd.DataFrame
    events: pd.DataFrame | None
    labels: pd.DataFrame
    classes: tuple[str, ...]
    sample_rate: int
    duration: float

    def read(self, rows: pd.DataFrame) -> np.ndarray:
        """Read the audio of some rows of ``clips``, ``[shape=(clips, samples), float32]``.

        Raises
        ------
        IgsedError
            If a file is missing or cannot be read as audio.
        """
        samples = np.zeros((len(rows), round(self.duration * self.sample_rate)), dtype=np.float32)
        for row, file in zip(samples, rows["file"], strict=True):
            mono = audio.read_mono(self.root / str(file), self.sample_rate)[: row.size]
            row[: mono.size] = mono
        return samples

    def fingerprint(self) -> str:
        """Say what the set is made from, for a key: tables, rate, length, and the sizes and times of its files."""
        digest = hashlib.sha256(repr((self.classes, self.sample_rate, self.duration)).encode())
        for table in (self.clips, self.events, self.labels):
            digest.update(b"" if table is None else table.to_csv(index=False).encode())
        for file in self.clips["file"]:
            known = (self.root / str(file)).stat()
            digest.update(repr((known.st_size, known.st_mtime_ns)).encode())
        return digest.hexdigest()


def from_tables(
    root: Path,
    clips: pd.DataFrame,
    *,
    sample_rate: int,
    events: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
    classes: Iterable[str] = (),
    duration: float = 0.0,
) -> TableDataset:
    """Make a data set from tables.

    Parameters
    ----------
    root
        Folder of the audio files.
    clips
        ``clip, split, file``, and further columns that are kept.
    sample_rate
        At which clips are read, in Hz.
    events
        ``clip, label, onset, offset`` (s), where known.
    labels
        ``clip, label``; by default those of the events.
    classes
        In the order of the outputs; by default the labels that occur, sorted.
    duration
        Length to which clips are brought, in seconds; 0: that of the longest.

    Raises
    ------
    IgsedError
        If a column or a file is missing, a clip stands twice, a table names a clip or class that is not there, or an
        event does not begin before it ends; the message names it.
    """
    _check_columns("clips", clips, (*CLIP_COLUMNS, "file"))
    if clips.empty:
        raise IgsedError(f"there is no clip in {root}: give a table of at least one")
    twice = clips["clip"][clips["clip"].duplicated()]
    if len(twice):
        raise IgsedError(
            f"clip {twice.iloc[0]!r} stands twice in the table of clips: give every clip a name of its own"
        )
    if events is None and labels is None:
        raise IgsedError("neither 'events' nor 'labels' says what the clips hold: give one of them")
    for name, table, columns in (("events", events, EVENT_COLUMNS), ("labels", labels, LABEL_COLUMNS)):
        if table is not None:
            _check_columns(name, table, columns)
            unknown = sorted(set(table["clip"]) - set(clips["clip"]))
            if unknown:
                raise IgsedError(
                    f"the table of {name} names clip {unknown[0]!r}, which is none of the clips: add it there"
                )
    lengths = [audio.duration(root / str(file)) for file in clips["file"]]
    clips = clips.assign(duration=lengths).reset_index(drop=True)
    duration = duration or max(lengths)
    if events is not None:
        events = _within(events, duration)
    if labels is None:
        assert events is not None
        labels = events[list(LABEL_COLUMNS)]
    labels = labels[list(LABEL_COLUMNS)].drop_duplicates(ignore_index=True)
    names = tuple(classes) or tuple(sorted({str(label) for label in labels["label"]}))
    held = set(labels["label"]) | (set() if events is None else set(events["label"]))
    if other := sorted(str(label) for label in held - set(names)):
        raise IgsedError(
            f"label {other[0]!r} is none of the classes ({', '.join(names)}): add it, or leave its rows out"
        )
    return TableDataset(root, clips, events, labels, names, sample_rate, duration)


def from_folder(root: Path, *, sample_rate: int, duration: float = 0.0) -> TableDataset:
    """Make a data set from a folder of audio files, ``<split>/<class>/<name>.wav`` (or ``flac``, ``ogg``).

    Parameters
    ----------
    root
        The folder; one folder in it per split, one per class in each.
    sample_rate
        At which clips are read, in Hz.
    duration
        Length to which clips are brought, in seconds; 0: that of the longest.

    Raises
    ------
    IgsedError
        If there is no such folder or no audio file in that layout.
    """
    if not root.is_dir():
        raise IgsedError(f"{root} is no folder: give one with audio files as <split>/<class>/<name>.wav")
    found = sorted(path for path in root.glob("*/*/*") if path.suffix.lower() in audio.EXTENSIONS)
    if not found:
        raise IgsedError(f"{root} holds no wav, flac or ogg file as <split>/<class>/<name>.wav: lay them out like that")
    files = [path.relative_to(root) for path in found]
    clips = pd.DataFrame(
        {
            "clip": [file.as_posix() for file in files],
            "split": [file.parts[0] for file in files],
            "file": [file.as_posix() for file in files],
        }
    )
    labels = pd.DataFrame({"clip": clips["clip"], "label": [file.parts[1] for file in files]})
    return from_tables(root, clips, labels=labels, sample_rate=sample_rate, duration=duration)


def _check_columns(name: str, table: pd.DataFrame, wanted: Iterable[str]) -> None:
    if missing := [column for column in wanted if column not in table.columns]:
        raise IgsedError(f"the table of {name} has no column {', '.join(missing)}: it needs {', '.join(wanted)}")


def _within(events: pd.DataFrame, duration: float) -> pd.DataFrame:
    """Events that begin within the clips' length, ended where it ends."""
    wrong = events[~((events["onset"] >= 0) & (events["onset"] < events["offset"]))]
    if len(wrong):
        first = wrong.iloc[0]
        raise IgsedError(
            f"an event of clip {first['clip']!r} has onset {first['onset']} s and offset {first['offset']} s: "
            "expected 0 <= onset < offset"
        )
    kept = events[events["onset"] < duration]
    return kept.assign(offset=kept["offset"].clip(upper=duration)).reset_index(drop=True)
