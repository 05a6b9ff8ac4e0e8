"""Label files of recordings: what sounds in a file (weak), and when (strong), in DCASE's forms; a folder per class."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from igsed_core.base import bounds, names, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import listing
from igsed_core.data.named_files import NamedFiles
from igsed_core.data.soundbank import survey

WEAK = ("filename", "event_labels")
STRONG = ("filename", "onset", "offset", "event_label")
_WEAK_FORM = "a header `filename<TAB>event_labels` and a line per file, its labels separated by commas"
_STRONG_FORM = "a header `filename<TAB>onset<TAB>offset<TAB>event_label` and a line per event"
LONGEST = 30 * 86_400.0  # s of a recording: a later time is one in another unit
_OF_A_SOURCE = re.compile(r"_\d+(\.\d+)?_\d+(\.\d+)?$")  # DCASE: <source>_<begin>_<end>


@dataclass(frozen=True)
class WeakClip:
    """A file and what sounds in it.

    Attributes
    ----------
    path
        The audio file.
    labels
        Names of its classes; none where the file is known to hold no class.
    source
        What it was cut from: clips of one source are never divided between training and held-out clips.
    """

    path: Path
    labels: tuple[str, ...]
    source: str


def source_of(name: str) -> str:
    """Return what a file was cut from, by its name: that of DCASE without begin and end.

    Examples
    --------
    >>> from igsed_core.data.labels import source_of
    >>> source_of("Yabc-12_30.000_40.000.wav"), source_of("kitchen.wav")
    ('Yabc-12', 'kitchen')
    """
    return _OF_A_SOURCE.sub("", Path(name).stem)


def weak(labels: Path, audio_folder: Path | None = None) -> list[WeakClip]:
    """Read weak labels: a table in DCASE's form, or a folder with a folder of audio files per class.

    Parameters
    ----------
    labels
        The table, or the folder.
    audio_folder
        Where the files of the table lie; by default beside it.

    Raises
    ------
    IgsedError
        If the table or a file that it lists is missing or has another form (labels with semicolons between them or in
        brackets, which would silently be classes of their own); the message names file and line. A file
        that stands twice with the same labels counts once; with other labels it is an error.
    """
    if labels.is_dir():
        return _folders(labels)
    if labels.is_fifo():  # it is read twice
        raise IgsedError(f"{text.shown(labels)} is a pipe: save the labels as a file, and name that")
    has_source = "source" in text.columns_of(labels)
    root = labels.parent if audio_folder is None else audio_folder
    if listing.find_folder(root) is None:
        raise IgsedError(f"folder {text.shown(root)} of the audio files does not exist: give it by --audio FOLDER")
    named = cache(lambda: NamedFiles(root, listing.scan(root).files))
    found: dict[Path, WeakClip] = {}
    lines: dict[Path, int] = {}
    for row in text.rows(labels, (*WEAK, *(["source"] if has_source else [])), _WEAK_FORM):
        line = f"{text.shown(labels)}, line {row.line}"
        path = _file(root, row.cells["filename"], line, named)
        key = path.resolve()  # the same file, whatever the table or a link calls it
        held = _labels(row.cells["event_labels"], line)
        if key in found and found[key].labels != held:
            raise IgsedError(f"{line}: {path.name} stands in line {lines[key]} with other labels: remove one of them")
        if key not in found:
            found[key] = WeakClip(path, held, row.cells.get("source") or source_of(path.name))
            lines[key] = row.line
    if not found:
        raise IgsedError(f"{text.shown(labels)} lists no file; expected {_WEAK_FORM}")
    return list(found.values())


def _labels(cell: str, line: str) -> tuple[str, ...]:
    """Return the labels of a cell, sorted. What another program wrote as a list would be classes of their own."""
    if (";" in cell and "," not in cell) or (cell.startswith("[") and cell.endswith("]")):
        raise IgsedError(f"{line}: event_labels is {cell!r}: write the labels as they are, with commas between them")
    return tuple(sorted({text.name(label) for label in cell.split(",")} - {""}))


def classes_of(clips: Iterable[WeakClip]) -> tuple[str, ...]:
    """Names of the classes that occur, sorted.

    Raises
    ------
    IgsedError
        If there is none, or a name cannot be one (:func:`igsed_core.base.names.check_classes`).
    """
    found = sorted({label for clip in clips for label in clip.labels})
    names.check_classes(found)
    return tuple(found)


def strong(path: Path) -> pd.DataFrame:
    """Read strong labels in DCASE's form.

    A row with a filename and nothing else says that the file holds no event.

    Returns
    -------
    pd.DataFrame
        ``filename, onset, offset, event_label`` (s); of a file without an event onset and offset are NaN, and the label
        is empty. Of rows that stand twice one is kept.

    Raises
    ------
    IgsedError
        If it has another form, or an event has no time or no length; the message names file and line.
    """
    made: list[tuple[str, float, float, str]] = []
    for row in text.rows(path, STRONG, _STRONG_FORM):
        line = f"{text.shown(path)}, line {row.line}"
        name, label = row.cells["filename"], row.cells["event_label"]
        if not name:
            raise IgsedError(f"{line}: no filename: name the file of the event")
        if not any(row.cells[column] for column in STRONG[1:]):
            made.append((file_name(name), math.nan, math.nan, ""))
            continue
        if not label:
            raise IgsedError(f"{line}: no event_label: name the class of the event")
        times = []
        for column in ("onset", "offset"):
            try:
                times.append(bounds.number(row.cells[column]))
            except ValueError:
                raise IgsedError(
                    f"{line}: {column} {row.cells[column]!r} is no number of seconds: correct it"
                ) from None
        if not 0 <= times[0] < times[1]:
            raise IgsedError(f"{line}: the event from {times[0]:g} to {times[1]:g} s has no length: correct it")
        if times[1] > LONGEST:
            raise IgsedError(
                f"{line}: the event ends at {times[1]:g} s, which is beyond {LONGEST / 86_400:g} days: give seconds"
            )
        made.append((file_name(name), times[0], times[1], label))
    return pd.DataFrame(made, columns=list(STRONG)).drop_duplicates(ignore_index=True)


def file_name(written: str) -> str:
    """Return a file's name in a table in the one spelling in which names are compared: slashes, no dots between.

    Examples
    --------
    >>> from igsed_core.data.labels import file_name
    >>> file_name("./day/a.wav"), file_name("day\\\\a.wav")
    ('day/a.wav', 'day/a.wav')
    """
    return posixpath.normpath(written.replace("\\", "/"))


def _file(root: Path, name: str, line: str, named: Callable[[], NamedFiles]) -> Path:
    if not name:
        raise IgsedError(f"{line}: no filename: name the file of the labels")
    path = root / name
    if path.is_file():
        return path
    if path.is_dir():
        raise IgsedError(f"{line}: {text.shown(path)} is a folder: name a file")
    found = named().search(name, line)  # in another form of Unicode, another case, with the slashes of Windows
    if found is None:
        raise IgsedError(f"{line}: {text.shown(path)} does not exist: correct the name, or --audio FOLDER")
    return found


def _folders(root: Path) -> list[WeakClip]:
    seen = listing.scan(root)
    found, unused = [], [f"{text.shown(path)} ({why})" for path, why in seen.unusable.items()]
    for file in seen.files:
        why = survey.no_sound(file)
        if why is None:
            continue
        if not why and len(file.parts) >= 2:
            found.append(WeakClip(file.path, (text.name(file.parts[0]),), source_of(file.path.name)))
        else:
            unused.append(f"{text.shown(file.path)} ({why or 'lies in no class folder'})")
    listing.tell_unused(unused)
    if not found:
        raise IgsedError(
            f"{text.shown(root)} holds no audio file as <class>/<name>.wav: lay them out like that, or give a table"
        )
    return found
