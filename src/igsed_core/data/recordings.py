"""Annotated recordings that nobody mixed: a folder of audio files and one table of their events, as DESED has it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import bounds, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, listing
from igsed_core.data.audio import EXTENSIONS
from igsed_core.data.named_files import NamedFiles
from igsed_core.data.soundbank.survey import class_label

COLUMNS = ("filename", "onset", "offset", "event_label")
FAMILY, LEVEL = "recordings", "recordings"
_SLACK = 0.05  # s by which an event may exceed its file: annotators round
_FORMAT = "a folder of wav, flac or ogg files and one .tsv with the columns " + ", ".join(COLUMNS)


@dataclass(frozen=True)
class Recordings:
    """Annotated files.

    Attributes
    ----------
    root
        Their folder.
    files
        Names of those that the table lists, in its order, each once however the table spells it.
    events
        ``filename, label, onset, offset`` (s).
    unlisted
        Names of the audio files that the table does not list.
    """

    root: Path
    files: tuple[str, ...]
    events: pd.DataFrame
    unlisted: tuple[str, ...] = ()


def fingerprint(folder: str) -> list[object]:
    """Names, sizes and times of the folder's files: another result where one of them changes.

    Raises
    ------
    IgsedError
        If there is no such folder.
    """
    root = _root(folder)
    return [listing.stamp(file.path, root).decode().strip() for file in listing.scan(root).files]


def read(folder: str, classes: Sequence[str]) -> Recordings:
    """Read and check the table of a folder of recordings.

    A row with a filename and nothing else says that the file holds no event. Of rows that stand twice one is kept;
    files that the table does not list are left out.

    Parameters
    ----------
    folder
        Path of the folder.
    classes
        What the classifier knows.

    Raises
    ------
    IgsedError
        If the folder has not the format; the message names the file, and the line where there is one.
    """
    root = _root(folder)
    seen = listing.scan(root).files
    tables = [file for file in seen if file.suffix == ".tsv" and len(file.parts) == 1]
    if len(tables) != 1:
        names = ", ".join(file.name for file in tables) or "none"
        raise IgsedError(f"recordings {root}: found {len(tables)} .tsv files ({names}), expected {_FORMAT}")
    table = tables[0].path
    labels = {text.name(label): label for label in classes}
    place = NamedFiles(root, seen)
    lengths: dict[Path, float] = {}
    names_of: dict[Path, str] = {}
    events = []
    for row in text.rows(table, COLUMNS, _FORMAT):
        line = f"{text.shown(table)}, line {row.line}"
        path = place.find(row.cells["filename"], line)
        key = path.resolve()  # the same file, whatever the table or a link calls it
        if key not in lengths:
            lengths[key] = _length(path, line)
            names_of[key] = path.relative_to(root).as_posix()
        if any(row.cells[column] for column in COLUMNS[1:]):
            events.append((names_of[key], *_event(row.cells, lengths[key], labels, line)))
    if not lengths:
        raise IgsedError(f"{text.shown(table)} lists no file: write a line for each event, expected {_FORMAT}")
    rest = [file for file in seen if file.suffix in EXTENSIONS and file.path.resolve() not in lengths]
    return Recordings(
        root,
        tuple(names_of.values()),
        pd.DataFrame(events, columns=["filename", "label", "onset", "offset"]).drop_duplicates(ignore_index=True),
        tuple(text.shown(file.path.relative_to(root).as_posix()) for file in rest),
    )


def cut(
    recordings: Recordings, out_dir: Path, *, duration: float, sample_rate: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut recordings into clips as long as the soundscapes, and write them as ``test/<clip>.flac``.

    A file is mixed down and resampled. What is shorter than a clip is followed by silence; of a longer file the last
    part is left out if it is shorter than half a clip. A clip that exists is not written again.

    Parameters
    ----------
    recordings
        From :func:`read`.
    out_dir
        Folder to write to.
    duration
        Length of a clip in seconds.
    sample_rate
        In Hz.

    Returns
    -------
    clips
        ``clip, split, filename, start`` (s, in the file)
    events
        ``clip, label, onset, offset`` (s, in the clip)

    Warns
    -----
    UserWarning
        If events lie in a part that is left out, or the table does not list all files.
    """
    length = round(duration * sample_rate)
    clips, events, lost = [], [], []
    for number, name in enumerate(recordings.files):
        samples = audio.read_mono(recordings.root / name, sample_rate)
        n_parts = max(1, int(samples.size / length + 0.5))
        mine = recordings.events[recordings.events["filename"] == name]
        late = mine[mine["onset"] >= n_parts * duration]
        lost += [f"{event.label} at {event.onset:g} s of {text.shown(name)}" for event in late.itertuples()]
        for part in range(n_parts):
            clip, start = f"{FAMILY}_{number:04d}_{part:03d}", part * duration
            path = out_dir / "test" / f"{clip}.flac"
            if not path.exists():
                piece = np.zeros(length, dtype=np.float32)
                taken = samples[part * length : (part + 1) * length]
                piece[: taken.size] = taken
                audio.write(path, piece / max(1.0, float(np.abs(piece).max())), sample_rate)
            clips.append((clip, "test", name, start))
            for event in mine.itertuples():
                onset, offset = max(float(event.onset) - start, 0.0), min(float(event.offset) - start, duration)  # type: ignore[arg-type]
                if offset > onset:
                    events.append((clip, event.label, onset, offset))
    if recordings.unlisted:
        warnings.warn(
            f"recordings {recordings.root}: {len(recordings.unlisted)} audio files are left out, since the table does "
            f"not list them, the first {recordings.unlisted[0]}",
            stacklevel=2,
        )
    if lost:
        warnings.warn(
            f"recordings {recordings.root}: {len(lost)} events lie in a last part that is left out, being shorter "
            f"than half a clip, the first {lost[0]}: choose another 'duration', or follow the file with silence",
            stacklevel=2,
        )
    return (
        pd.DataFrame(clips, columns=["clip", "split", "filename", "start"]),
        pd.DataFrame(events, columns=["clip", "label", "onset", "offset"]),
    )


def _root(folder: str) -> Path:
    root = listing.find_folder(folder)
    if root is None:
        raise IgsedError(f"parameter 'recordings' is {folder!r}: no such folder; give {_FORMAT}, or leave it empty")
    return root


def _length(path: Path, line: str) -> float:
    """Length of a file in seconds, once it is known to hold a sound that can be used."""
    samples, rate = audio.read(path)
    if fault := audio.find_fault_of_recording(samples, rate):
        raise IgsedError(f"{line}: {text.shown(path)} {fault}: replace it, or remove the line")
    return len(samples) / rate


def _event(cells: Mapping[str, str], length: float, labels: Mapping[str, str], line: str) -> tuple[str, float, float]:
    """Label, onset and offset of a row; ``labels`` maps a label in form C to the class."""
    times = []
    for column in ("onset", "offset"):
        try:
            times.append(bounds.number(cells[column]))
        except ValueError:
            times.append(float("nan"))
        if not np.isfinite(times[-1]):
            raise IgsedError(f"{line}: {column} is {cells[column]!r}, but must be a time in seconds")
    onset, offset = times
    if not 0 <= onset < offset:
        raise IgsedError(f"{line}: onset is {onset:g} s and offset {offset:g} s; expected 0 <= onset < offset")
    if offset > length + _SLACK or onset >= length:
        raise IgsedError(
            f"{line}: the event ends at {offset:g} s, but {cells['filename']} at {length:.2f} s: correct the offset"
        )
    label = cells["event_label"]
    known = labels.get(label) or (labels.get(class_label(label)) if label else None)
    if known is None:
        raise IgsedError(
            f"{line}: event_label is {label!r}, which the classifier does not know: rename it to one of "
            f"{', '.join(labels.values())}, or remove the line"
        )
    return known, onset, min(offset, length)
