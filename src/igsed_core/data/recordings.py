"""Annotated recordings that nobody mixed: a folder of audio files and one table of their events, as DESED has it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.data import audio
from igsed_core.data.audio import EXTENSIONS
from igsed_core.base.errors import IgsedError

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
        Names of those that the table lists, in its order.
    events
        ``filename, label, onset, offset`` (s).
    """

    root: Path
    files: tuple[str, ...]
    events: pd.DataFrame


def fingerprint(folder: str) -> list[object]:
    """Names, sizes and times of the folder's files: another result where one of them changes.

    Raises
    ------
    IgsedError
        If there is no such folder.
    """
    root = _root(folder)
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return [[path.relative_to(root).as_posix(), path.stat().st_size, path.stat().st_mtime_ns] for path in found]


def read(folder: str, classes: Sequence[str]) -> Recordings:
    """Read and check the table of a folder of recordings.

    A row with a filename and nothing else says that the file holds no event. Files that the table does not list are
    left out.

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
    found = sorted(root.glob("*.tsv"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise IgsedError(f"recordings {root}: found {len(found)} .tsv files ({names}), expected {_FORMAT}")
    table = found[0]
    with table.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    header = [name.strip() for name in rows[0]] if rows else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise IgsedError(
            f"{table}, line 1: no column {', '.join(missing)}; expected {_FORMAT}, separated by tabulators"
        )
    place = {name: header.index(name) for name in COLUMNS}
    files: dict[str, float] = {}
    events = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        line = f"{table}, line {number}"
        cells = {name: row[i].strip() if i < len(row) else "" for name, i in place.items()}
        name = cells["filename"]
        if name not in files:
            files[name] = _length(root, name, line)
        if any(cells[column] for column in COLUMNS[1:]):
            events.append((name, *_event(cells, files[name], classes, line)))
    if not files:
        raise IgsedError(f"{table} lists no file: write a line for each event, expected {_FORMAT}")
    return Recordings(root, tuple(files), pd.DataFrame(events, columns=["filename", "label", "onset", "offset"]))


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
    """
    length = round(duration * sample_rate)
    clips, events = [], []
    for number, name in enumerate(recordings.files):
        samples = audio.read_mono(recordings.root / name, sample_rate)
        n_parts = max(1, int(samples.size / length + 0.5))
        mine = recordings.events[recordings.events["filename"] == name]
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
    return (
        pd.DataFrame(clips, columns=["clip", "split", "filename", "start"]),
        pd.DataFrame(events, columns=["clip", "label", "onset", "offset"]),
    )


def _root(folder: str) -> Path:
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise IgsedError(f"parameter 'recordings' is {folder!r}: no such folder; give {_FORMAT}, or leave it empty")
    return root


def _length(root: Path, name: str, line: str) -> float:
    """Length of a file in seconds."""
    path = root / name
    if not name or not path.resolve().is_relative_to(root):
        raise IgsedError(f"{line}: filename {name!r} is no file in {root}: give its path within the folder")
    if path.suffix.lower() not in EXTENSIONS or not path.is_file():
        raise IgsedError(f"{line}: {path} is no wav, flac or ogg file: add it, or remove the line")
    samples, rate = audio.read(path)
    if not samples.size:
        raise IgsedError(f"{line}: {path} is empty: replace it, or remove the line")
    return len(samples) / rate


def _event(cells: dict[str, str], length: float, classes: Sequence[str], line: str) -> tuple[str, float, float]:
    """Label, onset and offset of a row."""
    times = []
    for column in ("onset", "offset"):
        try:
            times.append(float(cells[column]))
        except ValueError:
            times.append(float("nan"))
        if not np.isfinite(times[-1]):
            raise IgsedError(f"{line}: {column} is {cells[column]!r}, but must be a time in seconds")
    onset, offset = times
    if not 0 <= onset < offset:
        raise IgsedError(f"{line}: onset is {onset:g} s and offset {offset:g} s; expected 0 <= onset < offset")
    if offset > length + _SLACK:
        raise IgsedError(
            f"{line}: the event ends at {offset:g} s, but {cells['filename']} at {length:.2f} s: correct the offset"
        )
    if cells["event_label"] not in classes:
        raise IgsedError(
            f"{line}: event_label is {cells['event_label']!r}, which the classifier does not know: rename it to one of "
            f"{', '.join(classes)}, or remove the line"
        )
    return cells["event_label"], onset, min(offset, length)
