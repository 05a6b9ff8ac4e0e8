"""The box at the head of page 16."""

from __future__ import annotations

from igsed_core.metrics import event_lists
from igsed_core.show.answers import NOT_DECIDED, Answer, Found
from igsed_core.show.cells import by_key
from igsed_core.show.claims import figure, sample

_WAYS = {
    "one long recording": "searched as one long recording",
    "clip by clip": "searched clip by clip",
    "one long recording, edges as found": "searched as one long recording with edges as found",
}
_WORDS = {"iou": ("IoU", "pairs of recording and class"), "event_f1": ("event F1", "events")}


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
    return Answer(
        f"A localiser that learnt from {learnt} without a time label gives onsets and offsets in recordings of any "
        f"length: {'; '.join(parts)}. The sounds are synthetic and of the kind that the encoder was trained on: with "
        "your own recordings expect less, and judge by a few minutes that you marked by hand.",
        ("recordings_located",),
    )
