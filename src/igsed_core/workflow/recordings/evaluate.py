"""``igsed evaluate``: event lists against the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base import progress, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, labels
from igsed_core.metrics import event_lists

_MOST = 20_000  # frames: every threshold is tried on every frame
_RENAMED = {"filename": "clip", "event_label": "label"}


def evaluate(
    predictions: Path,
    truth: Path,
    *,
    audio_folder: Path | None = None,
    scores_folder: Path | None = None,
    collar: float = 0.2,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare events with the truth.

    Parameters
    ----------
    predictions
        Table in DCASE's strong form, or the folder that ``igsed locate`` wrote to.
    truth
        Table in DCASE's strong form; a row with a filename alone says that a file holds no event.
    audio_folder
        Of the recordings, for their lengths; without it a file is as long as its last event says.
    scores_folder
        Of score files (``<recording>.tsv``, as ``igsed locate --scores`` writes them), for PSDS over all thresholds.
    collar
        Of event F1, in seconds.
    seed
        Of the bootstrap over files.

    Returns
    -------
    pd.DataFrame
        See :func:`igsed_core.metrics.event_lists.evaluate`.

    Raises
    ------
    IgsedError
        If a table has another form, a file is missing, or predictions are of files that the truth does not list.
    """
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
    if audio_folder is None:
        progress.tell("igsed: without --audio a file is as long as its last event says; PSDS counts hours")
        last = pd.concat([found, true]).groupby("clip")["offset"].max()
        durations = {name: float(last.get(name, event_lists.SEGMENT)) for name in files}
    else:
        durations = {name: audio.duration(audio_folder / name) for name in files}
    scores = None if scores_folder is None else {name: _scores(scores_folder, name, classes) for name in files}
    return event_lists.evaluate(found, true, durations, classes, scores=scores, collar=collar, seed=seed)


def _scores(folder: Path, name: str, classes: list[str]) -> tuple[NDArray[np.float64], float]:
    stem = f"{Path(name).stem}.tsv"
    place = next(iter(sorted(folder.rglob(stem))), folder / stem)
    try:
        table = pd.read_csv(place, sep="\t")
        length = float((table["offset"] - table["onset"]).iloc[0])
        if len(table) > _MOST:
            raise IgsedError(
                f"{text.shown(place)} has {len(table)} frames, and PSDS over all thresholds takes at most {_MOST}: cut "
                "the recording, or leave --scores out"
            )
        values = table.reindex(columns=classes, fill_value=0.0).to_numpy(float)
    except (OSError, ValueError, KeyError) as error:
        raise IgsedError(f"{text.shown(place)} is no file of scores ({error}): write it by `--scores`") from error
    return values, length
