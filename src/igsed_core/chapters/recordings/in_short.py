"""The box at the head of page 16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from igsed_core.metrics import event_lists
from igsed_core.show.answers import NOT_DECIDED, Answer, Found
from igsed_core.show.cells import by_key
from igsed_core.show.claims import Row, figure, listed, sample
from igsed_core.show.style import class_name

PROCEDURAL, EMBEDDED = "procedural", "embedded"  # the bank that a program makes; encoders trained on its kind of sounds

_WAYS = {
    "one long recording": "searched as one long recording",
    "clip by clip": "searched clip by clip",
    "one long recording, edges as found": "searched as one long recording with edges as found",
}
# The hardest first.
_WORDS = {
    "event_f1": ("an event F1", "events"),
    "psds_1_of_events": ("a PSDS 1", "events"),
    "iou": ("an IoU", "pairs of soundscape and class"),
}


def answer(found: Found) -> Answer:
    """How well events are found in a long recording, and whether it matters how the recording is cut."""
    table = found.tables["recordings_located"]
    clips = found.params.get("recordings", {}).get("recordings_train_clips")
    rows = by_key(table, ("name", "metric"), **{"class": event_lists.ALL})
    ways = list(dict.fromkeys(name for name, metric in rows if metric in _WORDS))
    if not ways:
        return Answer(f"{NOT_DECIDED}: nothing was searched.", ("recordings_located",))
    first, *others = ways
    reached = [
        f"{title} of {figure(row)} ({sample(row['n'], of)})"
        for metric, (title, of) in _WORDS.items()
        if (row := rows.get((first, metric)))
    ]
    learnt = f"{clips} clips" if clips else "clips"
    sentences = (
        f"A localiser that learnt from {learnt} without a time label has, {_way(first)}, {listed(reached)}.",
        never_found(table),
        _otherwise(rows, others),
        f"Intervals are over soundscapes. {limits(found.params)}",
    )
    return Answer(" ".join(filter(None, sentences)), ("recordings_located",))


def _way(name: str) -> str:
    return _WAYS.get(name, name)


def _otherwise(rows: Mapping[tuple[str, ...], Row], ways: Sequence[str]) -> str:
    """Say what the other ways of searching reach, by IoU; empty where there is none."""
    said = [
        f"{figure(row)} {_way(name)} ({sample(row['n'], 'pairs')})" for name in ways if (row := rows.get((name, "iou")))
    ]
    return f"The IoU is {listed(said)}; no paired difference between the ways was computed." if said else ""


def never_found(table: pd.DataFrame) -> str:
    """Name the classes of which nothing is found, whichever way is taken; empty where there is none.

    Parameters
    ----------
    table
        The tidy table ``recordings_located.csv``.
    """
    rows = table[(table["metric"] == "iou") & (table["class"] != event_lists.ALL) & (table["n"] > 0)]
    told = []
    for label, of in rows.groupby("class", sort=False):
        if (of["value"] == 0).all():
            told.append(f"{class_name(str(label))} ({sample(of['n'].min(), 'pairs')})")
    return f"Nothing at all is found of {' and '.join(told)}." if told else ""


def limits(params: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how far the sounds of this run are from those of a reader.

    Parameters
    ----------
    params
        Stage -> its parameters.
    """
    own = "with your own recordings expect less, and judge by a few minutes that you marked by hand."
    bank = params.get("data_synthesis", {}).get("soundbank", PROCEDURAL)
    encoder = str(params.get("training", {}).get("encoder", EMBEDDED))
    if bank == PROCEDURAL and encoder.startswith(EMBEDDED):
        return f"The sounds are synthetic and of the kind that the encoder was trained on: {own}"
    return f"Clips and recording are soundscapes mixed from one collection of sounds: {own}"
