"""Tables of page 21, made from its tidy tables."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.time_frequency.names import title
from igsed_core.chapters.time_frequency.study import (
    ALONE,
    ENERGY,
    EVERY,
    GAIN,
    HEARD,
    IN_TIME,
    IOU,
    MAP,
    METRICS,
    NOTHING,
    OVERLAP,
    OVERLAPPED,
    POINTING,
    REFERENCES,
    SHARE,
    TIME_ONLY,
)
from igsed_core.metrics.summaries import ALL, CLIPS, TWO_WAY
from igsed_core.show.cells import Cells, by_key, frame, number, with_interval
from igsed_core.show.claims import marked

_HEAD = {
    SHARE: "share of the map",
    HEARD: "share of what is heard",
    OVERLAP: "... where another class sounds",
    POINTING: "highest bin",
    IOU: "IoU",
    GAIN: "SI-SDR gain (dB)",
}


def maps_table(table: pd.DataFrame) -> pd.DataFrame:
    """Every method and reference, the largest share of what is heard first.

    Parameters
    ----------
    table
        The tidy table ``time_frequency.csv``.
    """
    rows = by_key(table, ("overlap", "method", "rule", "metric"), average="instance", **{"class": ALL})
    names = list(dict.fromkeys(method for _, method, *_ in rows))
    names.sort(key=lambda name: -rows[EVERY, name, MAP, HEARD]["value"])
    cells: dict[str, Cells] = {}
    for name in names:
        mine: Cells = {("", "n"): number(rows[EVERY, name, MAP, HEARD]["n"], 0)}
        for metric, head in _HEAD.items():
            mine["all instances", head] = with_interval(rows.get((EVERY, name, MAP, metric)))
        for overlap, words in ((ALONE, "alone"), (OVERLAPPED, "with another class")):
            mine["share of what is heard", words] = with_interval(rows.get((overlap, name, MAP, HEARD)))
        mine["share of what is heard", TIME_ONLY] = with_interval(rows.get((EVERY, name, TIME_ONLY, HEARD)))
        cells[title(name)] = mine
    return frame(cells, "Map")


def differences_table(differences: pd.DataFrame, metric: str = HEARD) -> pd.DataFrame:
    """Each method's map minus itself without frequency, exact times, energy and no map, in one metric.

    Parameters
    ----------
    differences
        The tidy table ``time_frequency_differences.csv``.
    metric
        One of :data:`igsed_core.chapters.time_frequency.study.METRICS`.
    """
    rows = by_key(differences, ("method", "other_method", "other_rule", "resampled"), average="instance", metric=metric)
    names = [name for name in dict.fromkeys(key[0] for key in rows) if name not in REFERENCES]
    cells: dict[str, Cells] = {}
    for name in names:
        others = {"itself without frequency": (name, TIME_ONLY)}
        others |= {REFERENCES[other]: (other, MAP) for other in (IN_TIME, ENERGY, NOTHING)}
        mine: Cells = {("", "n"): number(rows[name, NOTHING, MAP, CLIPS]["n"], 0)}
        for words, other in others.items():
            mine[f"minus {words}", "clips"] = marked(rows.get((name, *other, CLIPS)))
            mine[f"minus {words}", "clips and source files"] = marked(rows.get((name, *other, TWO_WAY)))
        cells[title(name)] = mine
    return frame(cells, METRICS[metric][0].upper() + METRICS[metric][1:])
