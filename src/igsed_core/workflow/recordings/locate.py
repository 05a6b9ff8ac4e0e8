"""``igsed locate``: events of recordings, a folder of results for each; goes on after an interruption."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

import igsed_core
from igsed_core.base import bounds, files, paths, progress, store, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, long_audio
from igsed_core.detection.localiser import Localiser
from igsed_core.detection.localiser_curves import THRESHOLD, Curves
from igsed_core.models import shifts as shifted
from igsed_core.workflow.recordings import attributions, formats, outputs

EVENTS = formats.EVENTS
_DONE = "done.json"
_BEGUN = "begun"  # instead of what results are made from, while they are made: the folder is ours


@dataclass(frozen=True)
class Options:
    """What is searched for, and what is written beside ``events.tsv``.

    Attributes
    ----------
    threshold, min_duration, classes, edges
        See :meth:`igsed_core.detection.localiser_curves.Curves.events`; probability, seconds, names, whether corrected.
    shifts
        Of a feature frame; 0: the model's.
    outputs
        Names of :data:`igsed_core.workflow.recordings.formats.WRITERS`.
    explain
        Method by which found events are explained as well; empty for none.
    """

    threshold: float = THRESHOLD
    min_duration: float = 0.0
    classes: tuple[str, ...] = ()
    shifts: int = 0
    outputs: tuple[str, ...] = ()
    explain: str = ""
    edges: bool = True


@dataclass(frozen=True)
class Located:
    """What became of some recordings.

    Attributes
    ----------
    events
        ``filename, onset, offset, event_label, probability`` of all of them.
    failed
        Recording -> why it could not be searched.
    kept
        Recordings whose results were there.
    """

    events: pd.DataFrame
    failed: dict[Path, str]
    kept: list[Path]


def locate(recordings: Iterable[str], model: Path, out: Path, *, weights: str = "", options: Options) -> Located:
    """Search recordings one after the other.

    Each gets a folder in ``out`` with ``events.tsv``; ``out/events.tsv`` holds all of this call. A recording whose
    results are there, by the same model and options, is not searched again. A bad file is left out, and the rest goes
    on. Several calls may write to one folder, at the same time too.

    Parameters
    ----------
    recordings
        Files, folders and patterns.
    model
        File of the model.
    out
        Folder to write to.
    weights
        Of the encoder; empty for its own.
    options
        What to search for.

    Raises
    ------
    IgsedError
        If there is nothing to search, the model is none, an option has no sense, or the results cannot be written,
        or would take the place of files that somebody else made.
    """
    found = long_audio.find(recordings)
    localiser = Localiser.load(model, weights)
    _check(options, localiser)
    paths.check_writable(out, "choose another --out")
    made_with = {
        "igsed": igsed_core.__version__,
        "model": hashlib.sha256(model.read_bytes()).hexdigest(),
        "options": dataclasses.asdict(options),
    }
    asked = json.loads(json.dumps(made_with))  # as it is read back
    names, shown = _names(found, out), _shown(found)
    _spare(out, names, options)
    failed: dict[Path, str] = {}
    kept, made = [], []
    for number, path in enumerate(found, start=1):
        folder = out / names[path]
        try:
            wanted = files_key(path, asked)
            if _stored(folder / _DONE) == wanted and formats.there(folder, _outputs(path, options)):
                kept.append(path)
                made.append(formats.read_events(folder / EVENTS, shown[path]))
                continue
            curves = _searched(localiser, path, f"{number} of {len(found)}: {names[path]}", options)
            with _alone(folder):
                files.write_json(folder / _DONE, {_BEGUN: wanted})
                _write(folder, path, localiser, curves, options)
                files.write_json(folder / _DONE, wanted)
                made.append(formats.read_events(folder / EVENTS, shown[path]))
        except IgsedError as error:
            if not path.is_file() or _is_about(path, error):
                progress.tell(f"igsed: {error}")
                failed[path] = str(error)
            else:  # the output, not the input: no other recording would fare better
                raise
    events = pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=formats.COLUMNS)
    formats.write_tsv(out / EVENTS, events)
    others = [done.parent.name for done in out.glob(f"*/{_DONE}") if done.parent.name not in set(names.values())]
    if others:
        progress.tell(
            f"igsed: {text.shown(out / EVENTS)} holds the recordings of this call; the {len(others)} others that were "
            f"searched before have a table in their own folders, such as {text.shown(out / min(others) / EVENTS)}"
        )
    return Located(events, failed, kept)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep another call out of a recording's folder: files by two sets of options would be taken for those of one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IgsedError(
            f"--out: {text.shown(folder)} cannot be made ({text.reason(error)}): choose another place"
        ) from error
    guard = FileLock(folder / ".lock")
    store.acquire(guard, f"another call writes to {text.shown(folder)}")
    try:
        yield
    finally:
        guard.release()


def _outputs(path: Path, options: Options) -> list[str]:
    return formats.names(path, options.outputs, explained=bool(options.explain))


def _spare(out: Path, names: Mapping[Path, str], options: Options) -> None:
    """Refuse to write over what is not ours: the truth that a user keeps beside the recordings, labels, a page."""
    ours = [done.parent for done in out.glob(f"*/{_DONE}") if _about(done) is not None]
    if not ours:
        outputs.check_table(out / EVENTS, formats.COLUMNS, "table of `igsed locate`")
    for path, name in names.items():
        folder = out / name
        if os.path.lexists(folder) and not folder.is_dir():
            raise IgsedError(f"--out: {text.shown(folder)} is there already and is no folder: choose another place")
        for file in (folder / name for name in (_DONE, EVENTS, *_outputs(path, options))):
            if file.is_dir():
                raise IgsedError(f"--out: {text.shown(file)} is a folder where a file is to be: move it away")
            if folder not in ours and file.is_file() and file.stat().st_size:  # in an empty one nothing is lost
                if file.name != EVENTS:
                    raise outputs.other(file, "file of `igsed locate`")
                outputs.check_table(file, formats.COLUMNS, "table of `igsed locate`")


def _about(done: Path) -> dict[str, Any] | None:
    """Return what the results beside a file are made from, finished or not; None if the file is none of ours."""
    content = _stored(done)
    if isinstance(content, dict) and isinstance(content.get(_BEGUN), dict):
        content = content[_BEGUN]
    return content if isinstance(content, dict) and {"igsed", "model", "file"} <= set(content) else None


def files_key(path: Path, asked: dict[str, object]) -> dict[str, object]:
    """What a recording's results are made from, as JSON can hold it."""
    try:
        known = path.stat()
    except OSError as error:
        raise IgsedError(f"{text.shown(path)} cannot be read ({text.reason(error)}): check its name") from error
    return {**asked, "file": [str(path.resolve()), known.st_size, known.st_mtime_ns]}


def _searched(localiser: Localiser, path: Path, words: str, options: Options) -> Curves:
    seconds = audio.duration(path)
    with progress.bar(desc=words, total=round(seconds), unit=" s") as steps:
        done = [0.0, 0]

        def advance(more: float) -> None:
            done[0] += more
            steps.update(int(done[0]) - int(done[1]))
            done[1] = int(done[0])

        return localiser.of_file(path, shifts=options.shifts or None, progress=advance)


def _write(folder: Path, path: Path, localiser: Localiser, curves: Curves, options: Options) -> None:
    events = events_of(curves, options)
    for output in options.outputs:
        formats.WRITERS[output](folder, path, curves, events)
    if options.explain:
        attributions.write(folder, path, localiser, events, method=options.explain)
    formats.write_tsv(folder / EVENTS, events.assign(filename=path.name))


def events_of(curves: Curves, options: Options) -> pd.DataFrame:
    """Events of a recording, as the options want them."""
    return curves.events(
        threshold=options.threshold, min_duration=options.min_duration, classes=options.classes, edges=options.edges
    )


def _check(options: Options, localiser: Localiser) -> None:
    """Refuse options before the first hour of audio, not after it."""
    import numpy as np

    some = np.zeros((1, len(localiser.classes)), dtype=np.float32)
    bounds.check_seconds(options.min_duration, "min_duration")
    events_of(Curves(localiser.classes, some, some, 0.1, 0.0, 0.1), options)
    shifted.grid(localiser.encoder, options.shifts or localiser.model.shifts)
    if unknown := sorted(set(options.outputs) - set(formats.WRITERS)):
        raise IgsedError(f"output {unknown[0]!r} is unknown: choose from {', '.join(formats.WRITERS)}")
    if options.explain:
        attributions.check(options.explain)


def _names(found: Sequence[Path], out: Path) -> dict[Path, str]:
    """A folder's name for each recording: its stem; more of its path where several share that, or shared it before."""
    names: dict[Path, str] = {path: text.file_stem(path.stem) for path in found}
    sharing = Counter(name.casefold() for name in names.values())
    sharing[EVENTS] += 1  # that of the table of all events
    for path, name in names.items():
        about = _about(out / name / _DONE)
        if about is not None and about["file"][:1] != [str(path.resolve())]:
            sharing[name.casefold()] += 1  # an earlier call's results, of another recording: they are not lost
    for path in found:
        if sharing[names[path].casefold()] > 1:
            sharing[names[path].casefold()] -= 1
            mark = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
            names[path] = f"{text.file_stem(path.name)}_{mark}"
            sharing[names[path].casefold()] += 1
    return names


def _shown(found: Sequence[Path]) -> dict[Path, str]:
    """What the table of all events calls a recording: its name; its path where several have that name."""
    alike = Counter(path.name for path in found)
    whole = {path: Path(os.path.abspath(path)) for path in found}
    shared = [place for path, place in whole.items() if alike[path.name] > 1]
    above = Path(os.path.commonpath(shared)) if shared else Path()
    return {
        path: path.name if alike[path.name] == 1 else place.relative_to(above).as_posix()
        for path, place in whole.items()
    }


def _stored(done: Path) -> object:
    try:
        return files.read_json(done)
    except IgsedError:  # not there yet, or damaged: it is made again
        return None


def _is_about(path: Path, error: IgsedError) -> bool:
    return text.shown(path) in str(error)


__all__ = ["Located", "Options", "locate"]
