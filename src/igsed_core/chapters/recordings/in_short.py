"""The box at the head of page 16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.metrics import event_lists
from igsed_core.show.answers import NOT_DECIDED, Answer, Found
from igsed_core.show.cells import by_key
from igsed_core.show.claims import figure, sample
from igsed_core.show.style import class_name

PROCEDURAL, EMBEDDED = "procedural", "embedded"  # the bank that a program makes; encoders trained on its kind of sounds

_WAYS = {
    "one long recording": "searched as one long recording",
    "clip by clip": "searched clip by clip",
    "one long recording, edges as found": "searched as one long recording with edges as found",
}
_WORDS = {
    "iou": ("IoU", "pairs of soundscape and class"),
    "event_f1": ("event F1", "events"),
    "psds_1_of_events": ("PSDS 1", "events"),
}


def answer(found: Found) -> Answer:
    """How well events are found in a long recording, and whether it matters how the recording is cut."""
    table = found.tables["recordings_located"]
    clips = found.params.get("recordings", {}).get("recordings_train_clips")
    rows = by_key(table, ("metric", "name"), **{"class": event_lists.ALL})
    parts = []
    for metric, (title, of) in _WORDS.items():
        here = {name: row for (which, name), row in rows.items() if which == metric}
        if here:
            ways = [f"{figure(row)} {_WAYS.get(name, name)}" for name, row in here.items()]
            said = ", ".join(ways[:-1]) + (" and " if ways[:-1] else "") + ways[-1]
            n = min(row["n"] for row in here.values())
            parts.append(f"{title} is {said} ({sample(n, of)})")
    if not parts:
        return Answer(f"{NOT_DECIDED}: nothing was searched.", ("recordings_located",))
    learnt = f"{clips} clips" if clips else "clips"
    sentences = (
        f"A localiser that learnt from {learnt} without a time label gives onsets and offsets in recordings of any "
        f"length: {'; '.join(parts)}.",
        never_found(table),
        "Intervals are over soundscapes; no paired difference between the ways was computed.",
        limits(found.params),
    )
    return Answer(" ".join(filter(None, sentences)), ("recordings_located",))


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
