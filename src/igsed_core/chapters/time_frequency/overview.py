"""The page's answers in words, by rule from its tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from igsed_core.chapters.time_frequency.names import title
from igsed_core.chapters.time_frequency.study import (
    EVERY,
    GAIN,
    HEARD,
    IN_TIME,
    MAP,
    NOTHING,
    OVERLAP,
    PERFECT,
    REFERENCES,
    TIME_ONLY,
)
from igsed_core.metrics.judging import ABOVE, BELOW, NOT_DECIDED
from igsed_core.metrics.summaries import ALL, CLIPS, TWO_WAY
from igsed_core.show.answers import NOT_DECIDED as NOTHING_DECIDED
from igsed_core.show.cells import by_key
from igsed_core.show.claims import MARGIN, RELATIONS, figure, sample, verdict_on

MARGIN_DB = 0.5  # smallest gain worth naming
_WHERE = {"split": "test", "average": "instance", "class": ALL}
Rows = dict[tuple[str, ...], dict[str, Any]]


def sound(table: pd.DataFrame, differences: pd.DataFrame, *, margin: float = MARGIN) -> str:
    """Say which share of what is heard through the best map is the class's own, and what the references have.

    Parameters
    ----------
    table, differences
        The tidy tables ``time_frequency.csv`` and ``time_frequency_differences.csv``.
    margin
        Smallest difference worth naming.
    """
    rows = _rows(table)
    best = _best(rows, HEARD)
    if best is None:
        return f"{NOTHING_DECIDED}: no map was judged."
    gap = _apart(differences, TWO_WAY).get((best, MAP, IN_TIME, MAP, HEARD))
    row = rows[best, MAP, HEARD]
    return (
        f"Let a map weigh the soundscape: of the power that is then heard, **{title(best)}**, the best of "
        f"{len(_methods(rows))} methods by this very figure, has {figure(row)} from the class's own stem "
        f"({sample(row['n'])}); no map at all has {figure(rows.get((NOTHING, MAP, HEARD)))}, exact onsets and offsets "
        f"{figure(rows.get((IN_TIME, MAP, HEARD)))}, a perfect mask {figure(rows.get((PERFECT, MAP, HEARD)))}. It is "
        f"{RELATIONS[verdict_on(gap, margin=margin)]} exact times (difference {figure(gap)}, clips and source "
        "files drawn anew)."
    )


def frequency(table: pd.DataFrame, differences: pd.DataFrame, *, margin: float = MARGIN) -> str:
    """Say for how many methods the frequencies of the map add to what it says of time.

    Parameters
    ----------
    table, differences, margin
        As for :func:`sound`.
    """
    both = [
        {key[0]: row for key, row in _apart(differences, way).items() if key[3] == TIME_ONLY and key[4] == HEARD}
        for way in (CLIPS, TWO_WAY)
    ]
    said, wider = ({name: verdict_on(row, margin=margin) for name, row in of.items()} for of in both)
    gains = both[0]
    decided = [name for name, verdict in said.items() if verdict != NOT_DECIDED]
    if not decided:
        return "Whether frequency adds anything is not decided: too few instances."
    above, below = ([name for name in decided if said[name] == verdict] for verdict in (ABOVE, BELOW))
    still = [name for name in above if wider.get(name) == ABOVE]
    most = max(decided, key=lambda name: gains[name]["value"])
    least = min(decided, key=lambda name: gains[name]["value"])
    surviving = sum(bool(row["survives"]) for row in gains.values() if pd.notna(row.get("p")))
    few = sample(min(row["n"] for row in gains.values()))
    return (
        f"Of {len(gains)} methods whose maps know frequency, the map has more of the own stem than itself with its "
        f"frequencies averaged away for {len(above)}, less for {len(below)} (with source files drawn anew as "
        f"well, more for {len(still)}); "
        f"the differences go from {figure(gains[least])} ({title(least)}) to {figure(gains[most])} ({title(most)}), "
        f"and {surviving} of {len(gains)} survive Holm's correction ({few}; intervals over clips)."
    )


def overlap(table: pd.DataFrame) -> str:
    """Say what is left where another class sounds at the same time, and knowing the time cannot help.

    Parameters
    ----------
    table
        The tidy table ``time_frequency.csv``.
    """
    rows = _rows(table)
    best = _best(rows, OVERLAP)
    if best is None or rows.get((NOTHING, MAP, OVERLAP)) is None:
        return "In this run no class sounds with another at the same time."
    mine, no_map = rows[best, MAP, OVERLAP], rows[NOTHING, MAP, OVERLAP]
    above = [name for name in _methods(rows) if _clear(rows.get((name, MAP, OVERLAP)), no_map)]
    return (
        f"In the frames in which another class sounds, too, no map leaves the class {figure(no_map)} of what is heard, "
        f"the best method ({title(best)}) {figure(mine)}, a perfect mask {figure(rows.get((PERFECT, MAP, OVERLAP)))} "
        f"({sample(mine['n'])}); {len(above)} of {len(_methods(rows))} methods have an interval that lies wholly "
        "above what no map leaves on average."
    )


def separation(table: pd.DataFrame) -> str:
    """Say what a map is worth as a separator of sounds.

    Parameters
    ----------
    table
        The tidy table ``time_frequency.csv``.
    """
    rows = _rows(table)
    best = _best(rows, GAIN)
    if best is None:
        return "In this run no map was listened to."
    mine = rows[best, MAP, GAIN]
    worse = [name for name in _methods(rows) if rows[name, MAP, GAIN]["ci_high"] < 0]
    return (
        f"Heard through the map of {title(best)}, the best by this figure, the class gains {figure(mine)} dB of SI-SDR "
        f"over the soundscape ({sample(mine['n'])}); exact times give {figure(rows.get((IN_TIME, MAP, GAIN)))} dB and "
        f"the ratio mask of the true stem {figure(rows.get((PERFECT, MAP, GAIN)))} dB. "
        f"{len(worse)} of {len(_methods(rows))} methods lose by it, by their whole interval."
    )


def real(table: pd.DataFrame | None, differences: pd.DataFrame | None, said: str) -> str:
    """Say what the run on real recordings found, in the same words.

    Parameters
    ----------
    table, differences
        As for :func:`sound`, of that run; none where it does not ship.
    said
        Who made it.
    """
    if table is None or differences is None:
        return "No run on real recordings ships with this copy."
    parts = (sound(table, differences), frequency(table, differences), overlap(table), separation(table), said)
    return " ".join(part for part in parts if part)


def _rows(table: pd.DataFrame) -> Rows:
    return by_key(table, ("method", "rule", "metric"), overlap=EVERY, **_WHERE)


def _apart(differences: pd.DataFrame, resampled: str = CLIPS) -> Rows:
    key = ("method", "rule", "other_method", "other_rule", "metric")
    return by_key(differences, key, split="test", average="instance", resampled=resampled)


def _methods(rows: Rows) -> list[str]:
    return list(dict.fromkeys(method for method, *_ in rows if method not in REFERENCES))


def _best(rows: Rows, metric: str) -> str | None:
    there = [name for name in _methods(rows) if pd.notna(rows.get((name, MAP, metric), {}).get("value"))]
    return max(there, key=lambda name: rows[name, MAP, metric]["value"], default=None)


def _clear(row: dict[str, Any] | None, other: dict[str, Any]) -> bool:
    return row is not None and bool(row["ci_low"] > other["value"])
