"""``igsed evaluate``: event lists against the truth."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import bounds, progress, text
from igsed_core.base import files as storage
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, labels, listing
from igsed_core.data.named_files import NamedFiles
from igsed_core.metrics import event_lists
from igsed_core.workflow.recordings import formats, outputs

_ROUNDED = 0.1  # of a frame
_MOST = 20_000  # frames: every threshold is tried on every frame
_SLACK = 0.05  # s by which an event may exceed its recording: annotators round
_RENAMED = {"filename": "clip", "event_label": "label"}


def evaluate(
    predictions: Path,
    truth: Path,
    *,
    audio_folder: Path | None = None,
    scores_folder: Path | None = None,
    collar: float = 0.2,
    seed: int = 0,
    out: Path | None = None,
) -> pd.DataFrame:
    """Compare events with the truth.

    Parameters
    ----------
    predictions
        Table in DCASE's strong form, or the folder that ``igsed locate`` wrote to.
    truth
        Table in DCASE's strong form; a row with a filename alone says that a file holds no event.
    audio_folder
        Of the recordings, for their lengths; without it a file is as long as its scores, or its last event, say.
    scores_folder
        Of score files (``<recording>.tsv``, as ``igsed locate --scores`` writes them), for PSDS over all thresholds.
    collar
        Of event F1, in seconds.
    seed
        Of the bootstrap over files.
    out
        CSV file to write the figures to.

    Returns
    -------
    pd.DataFrame
        See :func:`igsed_core.metrics.event_lists.evaluate`.

    Raises
    ------
    IgsedError
        If a table has another form, a file is missing, predictions are of files that the truth does not list, or
        something else lies at ``out``.
    """
    bounds.check_seconds(collar, "collar")
    bounds.check_seed(seed)
    if out is not None:
        outputs.check_table(out, event_lists.COLUMNS, "table of `igsed evaluate`", separator=",")
    if predictions.is_dir():
        predictions = predictions / "events.tsv"
    tables = [labels.strong(path).rename(columns=_RENAMED) for path in (predictions, truth)]
    files = list(dict.fromkeys(tables[1]["clip"]))
    if not files:
        raise IgsedError(f"{text.shown(truth)} lists no file: write a line for each event")
    if others := sorted(set(tables[0]["clip"]) - set(files)):
        raise IgsedError(
            f"{text.shown(predictions)} holds {others[0]!r}, which {text.shown(truth)} does not list: leave it out, "
            "or add a row with its name alone if it holds no event"
        )
    found, true = (table[table["label"] != ""] for table in tables)
    classes = sorted(set(true["label"]))
    if unknown := sorted(set(found["label"]) - set(classes)):
        progress.tell(f"igsed: the truth knows no {', '.join(unknown)}: events of that class are left out")
        found = found[found["label"].isin(classes)]
    known = {} if scores_folder is None else _all_scores(scores_folder, files, classes)
    if audio_folder is not None:
        durations = _durations(audio_folder, files)
        durations |= {name: one.within(durations[name]) for name, one in known.items()}
    elif scores_folder is not None:
        durations = {name: one.end for name, one in known.items()}
    else:
        progress.tell("igsed: without --audio a file is as long as its last event says; PSDS counts hours")
        last = pd.concat([table for table in (found, true) if len(table)] or [true]).groupby("clip")["offset"].max()
        durations = {name: float(last.get(name, event_lists.SEGMENT)) for name in files}
    for path, table in ((predictions, found), (truth, true)):
        _require_within(path, table, durations)
    scores = {name: (one.values, one.length) for name, one in known.items()} or None
    figures = event_lists.evaluate(found, true, durations, classes, scores=scores, collar=collar, seed=seed)
    if out is not None:
        storage.write_table(out, figures)
    return figures


def _durations(folder: Path, names: list[str]) -> dict[str, float]:
    """Length of every recording in seconds, however the table spells its name."""
    found = listing.find_folder(folder)
    if found is None:
        raise IgsedError(f"folder {text.shown(folder)} of the recordings {_missing(folder)}: give it by --audio FOLDER")
    named = cache(lambda: NamedFiles(found, listing.scan(found).files))

    def path_of(name: str) -> Path:
        path = found / name
        return path if path.is_file() else named().search(name, text.shown(found)) or path

    return {name: audio.duration(path_of(name)) for name in names}


def _missing(folder: Path) -> str:
    return "is a file" if folder.is_file() else "does not exist"


def _require_within(path: Path, table: pd.DataFrame, durations: dict[str, float]) -> None:
    """Times in another unit, or of another recording, would only lower the figures, without a word."""
    length = table["clip"].map(durations)
    late = table[table["onset"] >= length]
    if len(late):
        first = late.iloc[0]
        raise IgsedError(
            f"{text.shown(path)}: the event at {first['onset']:g} s begins after the end of {first['clip']!r} "
            f"({durations[first['clip']]:.2f} s): correct it, or the folder of --audio or --scores"
        )
    over = table[table["offset"] > length + _SLACK]
    if len(over):
        first = over.iloc[0]
        progress.tell(
            f"igsed: {len(over)} events of {text.shown(path)} end after their recording, the first in "
            f"{first['clip']!r} at {first['offset']:g} s of {durations[first['clip']]:.2f} s"
        )


@dataclass(frozen=True)
class _Scores:
    """A file of scores: values ``(n_frames, n_classes)``, the length of a frame and the end of the last (s)."""

    place: Path
    name: str
    columns: list[str]
    values: NDArray[np.float64]
    length: float
    end: float

    def within(self, duration: float) -> float:
        """A recording's length in seconds; its end is in the last frame, and rounded times may leave out a little."""
        frames = len(self.values)
        if not self.length * (frames - 1) < duration < self.length * (frames + _ROUNDED):
            raise IgsedError(
                f"{text.shown(self.place)}: the scores end at {self.end:g} s, and {self.name!r} at {duration:g} s: "
                "write them for this recording by `igsed locate --scores`, or correct --audio FOLDER"
            )
        return min(duration, self.length * frames)


def _all_scores(folder: Path, names: list[str], classes: list[str]) -> dict[str, _Scores]:
    if listing.find_folder(folder) is None:
        raise IgsedError(f"folder {text.shown(folder)} of the scores {_missing(folder)}: give that of `--scores`")
    by_name: dict[str, list[Path]] = {}
    for file in listing.scan(folder).files:
        by_name.setdefault(file.parts[-1], []).append(file.path)
    found = {}
    for name in names:
        wanted = text.name(formats.scores_name(Path(name)))
        places = by_name.get(wanted, [])
        if len(places) != 1:
            raise IgsedError(
                f"{text.shown(folder)} holds {len(places)} files {wanted!r} for {name!r}: give the folder of "
                "`igsed locate --scores` in which each recording has one"
            )
        found[name] = _scores(places[0], name, classes)
    absent = [label for label in classes if not any(label in one.columns for one in found.values())]
    if absent:
        progress.tell(f"igsed: no file of scores knows {', '.join(absent)}: their scores count as zero")
    return found


def _scores(place: Path, name: str, classes: list[str]) -> _Scores:
    try:
        table = pd.read_csv(io.StringIO(text.read(place)), sep="\t").rename(columns=text.name)
        onsets, offsets = (table[name].to_numpy(float) for name in ("onset", "offset"))
        lengths = offsets - onsets
        if not len(table) or not lengths[0] > 0:
            raise ValueError("it holds no frame that lasts")
        # Times may be rounded; the last frame may be shorter.
        slack = _ROUNDED * lengths[0]
        apart = np.abs(np.r_[onsets[0], onsets[1:] - offsets[:-1], lengths[:-1] - lengths[0]])
        if not (apart <= slack).all() or not 0 < lengths[-1] <= lengths[0] + slack:
            raise ValueError("its frames do not follow one another from 0 s on, all of one length")
        if len(table) > _MOST:
            raise IgsedError(
                f"{text.shown(place)} has {len(table)} frames, and PSDS over all thresholds takes at most {_MOST}: cut "
                "the recording, or leave --scores out"
            )
        values = table.reindex(columns=classes, fill_value=0.0).to_numpy(float)
        if not np.isfinite(values).all():
            raise ValueError("some scores are NaN or infinite")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IgsedError(f"{text.shown(place)} is no file of scores ({error}): write it by `--scores`") from error
    # The mean of all but the last, since times may be rounded.
    length = float(onsets[-1] / (len(table) - 1) if len(table) > 1 else lengths[0])
    end = min(float(offsets[-1]), length * len(table))
    return _Scores(place, name, list(table.columns), values, length, end)
