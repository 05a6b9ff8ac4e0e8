"""The page's answers in words, by rule from its tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from igsed_core.chapters.ceilings import study
from igsed_core.chapters.ceilings.names import RULES, method_name, supervision
from igsed_core.metrics.judging import NOT_DECIDED
from igsed_core.metrics.summaries import ALL, TWO_WAY
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.claims import MARGIN, RELATIONS, figure, sample, verdict_on

Rows = dict[tuple[str, ...], dict[str, Any]]
_PAIR = ("method", "rule", "other_method", "other_rule")


def ceilings(table: pd.DataFrame, differences: pd.DataFrame, *, split: str = "test", margin: float = MARGIN) -> str:
    """Say how the localiser stands to its best ceiling and to the linear one, before and after its edges.

    Verdicts are by the intervals over clips and source files.

    Parameters
    ----------
    table, differences
        The tidy tables ``ceilings.csv`` and ``ceilings_differences.csv``.
    split, margin
        Which rows; the smallest difference worth naming.
    """
    ours, apart = _rows(table, differences, split)
    after, before = (study.LOCALISER, study.CALIBRATED), (study.LOCALISER, study.FOUND)
    gain = apart.get((*after, *before))
    words = [
        f"With edges calibrated on gates the localiser's IoU is {with_interval(ours.get(after), 3)}, "
        f"{with_interval(ours.get(before), 3)} without: a difference of {with_interval(gain, 3)}"
        f"{_size(gain, margin)}, {sample(gain['n'] if gain else 0)}."
    ]
    return " ".join([*words, *_held_to_labels(ours, apart, margin)])


def against_labels(
    table: pd.DataFrame, differences: pd.DataFrame, *, split: str = "test", margin: float = MARGIN
) -> str:
    """Say how the localiser with calibrated edges stands to detectors that learn from time labels.

    Parameters
    ----------
    table, differences
        The tidy tables ``ceilings.csv`` and ``ceilings_differences.csv``.
    split, margin
        Which rows; the smallest difference worth naming.
    """
    ours, apart = _rows(table, differences, split)
    said = _held_to_labels(ours, apart, margin)
    if not said:
        return "This run has no such detector."
    n = min(row["n"] for pair, row in apart.items() if pair[:2] == (study.LOCALISER, study.CALIBRATED))
    return f"{' '.join(said)} The best was picked on these clips ({sample(n)})."


def _rows(table: pd.DataFrame, differences: pd.DataFrame, split: str) -> tuple[Rows, Rows]:
    where = {"split": split, "average": "instance", "class": ALL, "metric": "iou"}
    paired = {key: where[key] for key in ("split", "average", "metric")}
    return by_key(table, ("method", "rule"), **where), by_key(differences, _PAIR, **paired, resampled=TWO_WAY)


def _held_to_labels(ours: Rows, apart: Rows, margin: float) -> list[str]:
    words = []
    after = (study.LOCALISER, study.CALIBRATED)
    known = [key for key in ours if "training" in supervision(*key) and pd.notna(ours[key]["value"])]
    for title, key in (
        ("the linear detector with strong labels", study.MAIN[1]),
        ("the best detector with strong labels", max(known, key=lambda one: ours[one]["value"], default=None)),
    ):
        row = apart.get((*after, *key)) if key else None
        if key is None or row is None:
            continue
        words.append(
            f"It is {RELATIONS[verdict_on(row, margin=margin)]} {title} at its own resolution ({method_name(key[0])}, "
            f"{RULES[key[1]]}: {with_interval(ours[key], 3)}; difference {with_interval(row, 3)})."
        )
    return words


def _size(row: dict[str, object] | None, margin: float) -> str:
    """Say that a difference is small, though its interval leaves out zero, or that nothing can be said of it."""
    if verdict_on(row, margin=margin) == NOT_DECIDED or row is None:
        return ", which decides nothing"
    low, high, value = (float(row[column]) for column in ("ci_low", "ci_high", "value"))  # type: ignore[arg-type]
    if low <= 0 <= high:
        return ", whose interval holds zero"
    return f", small (below {number(margin)})" if abs(value) < margin else ""


def pooling(table: pd.DataFrame, *, split: str = "test") -> str:
    """Say whether Integrated Gradients of heads that do not pool by a maximum are less concentrated.

    Parameters
    ----------
    table
        The tidy table ``pooling.csv``.
    split
        Which rows.
    """
    rows = by_key(table, ("rule", "method", "metric"), **{"split": split, "average": "instance", "class": ALL})
    halves = {rule: row for (rule, method, metric), row in rows.items() if (method, metric) == ("ig", "half_mass")}
    maximum, others = halves.pop("max_features", None), halves
    if maximum is None or not others:
        return "This run does not compare poolings."
    wider = [name for name, row in others.items() if row["ci_low"] > maximum["ci_high"]]
    narrower = [name for name, row in others.items() if row["ci_high"] < maximum["ci_low"]]
    listed = ", ".join(f"{method_name(name)} {figure(row)}" for name, row in others.items())
    said = (
        f"{len(wider)} of {len(others)} other poolings spread IG over more of an event's frames than the maximum of "
        f"features, "
        f"{len(narrower)} over fewer (by intervals that do not overlap)"
    )
    return (
        f"{said}. Half of what IG gives an event lies in {figure(maximum)} of its frames with the maximum of features; "
        f"with others: {listed} ({sample(maximum['n'])})."
    )
