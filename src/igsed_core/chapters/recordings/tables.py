"""Table of page 16: both ways of searching side by side."""

from __future__ import annotations

import pandas as pd

from igsed_core.metrics import event_lists
from igsed_core.show.cells import by_key, with_interval

_TITLES = {
    "iou": "IoU",
    "frame_f1": "Frame F1",
    "segment_f1": "Segment F1",
    "event_f1": "Event-based F1",
    "psds_1_of_events": "PSDS 1, of the events",
    "psds_2_of_events": "PSDS 2, of the events",
}


def side_by_side(located: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of all classes together, a row per metric and a column per way of searching.

    Parameters
    ----------
    located
        From :func:`igsed_core.chapters.recordings.study.together`.
    """
    rows = by_key(located, ("metric", "name"), **{"class": event_lists.ALL})
    ways = list(dict.fromkeys(name for _, name in rows))
    shown = []
    for metric in dict.fromkeys(metric for metric, _ in rows):
        values = {way: rows.get((metric, way)) for way in ways}
        n = [round(row["n"]) for row in values.values() if row]
        title = _TITLES.get(metric, metric.replace("_", " "))
        counted = f"{min(n)} to {max(n)}" if min(n) < max(n) else min(n)
        shown.append({"Metric": title, "n": counted, **{way: with_interval(row) for way, row in values.items()}})
    return pd.DataFrame(shown)
