"""What a sentence may say of a figure: the verdict on it, the interval that this rests on, how many it is from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.metrics import judging
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED, NOT_TOLD_APART
from igsed_core.show.cells import number, with_interval
from igsed_core.show.style import METRICS

# Smallest difference of IoU, F1 or pointing game that a sentence calls an effect, and how near is "level", where no
# parameter says otherwise (`margin`).
MARGIN = 0.03
SURVIVES = "\N{ASTERISK}"  # in tables, behind a difference that survives Holm's correction
FEW = 30  # instances; what rests on fewer says "only"
MOST_DIGITS = 4

# How a sentence goes on from one method to another: "the IoU of IG is ... random scores".
RELATIONS = {
    ABOVE: "above",
    BELOW: "below",
    LEVEL: "level with",
    NOT_TOLD_APART: "not told apart from",
    NOT_DECIDED: "undecided against",
}

Row = Mapping[str, Any]


def listed(words: list[str]) -> str:
    """Join words by commas, the last by "and".

    Examples
    --------
    >>> from igsed_core.show.claims import listed
    >>> listed(["IG"]), listed(["IG", "CAM", "LRP"])
    ('IG', 'IG, CAM and LRP')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def verdict_on(row: Row | None, *, margin: float = MARGIN) -> str:
    """Judge a tidy row of differences as it is printed.

    Parameters
    ----------
    row
        With ``value, ci_low, ci_high, n``; none is not decided.
    margin
        Smallest size worth naming.

    Returns
    -------
    str
        One of :data:`igsed_core.metrics.judging.VERDICTS`. An end that is zero in print does not leave zero out.
    """
    if row is None or _missing(row.get("n")):
        return NOT_DECIDED
    value, low, high = (float(row[column]) for column in ("value", "ci_low", "ci_high"))
    said = judging.judge(value, low, high, float(row["n"]), margin=margin)
    end = {ABOVE: low, BELOW: high}.get(said, 1.0)
    return NOT_TOLD_APART if round(end, MOST_DIGITS) == 0 else said


def against(row: Row | None, value: float, *, margin: float = MARGIN) -> str:
    """Judge a figure against a fixed number, such as one of the paper."""
    if row is None:
        return NOT_DECIDED
    moved = {column: row[column] - value for column in ("value", "ci_low", "ci_high")}
    return verdict_on({**moved, "n": row.get("n")}, margin=margin)


def figure(row: Row | None, *, margin: float | None = None) -> str:
    """Format ``value [low, high]`` with enough digits to show on which side of zero the interval's ends lie.

    Parameters
    ----------
    row
        With ``value, ci_low, ci_high``.
    margin
        Where a verdict stands beside the figure, the size that it rests on: there are enough digits, too, to show
        whether the value reaches it and whether the ends go beyond it.

    Examples
    --------
    >>> from igsed_core.show.claims import figure
    >>> row = {"value": 0.026, "ci_low": 0.01, "ci_high": 0.04}
    >>> figure(row).replace(chr(0xA0), " "), figure(row, margin=0.03).replace(chr(0xA0), " ")
    ('0.03 [0.01, 0.04]', '0.026 [0.010, 0.040]')
    """
    if row is None or _missing(row["value"]) or _missing(row["ci_low"]) or _missing(row["ci_high"]):
        return with_interval(row)
    value, ends = float(row["value"]), [float(row["ci_low"]), float(row["ci_high"])]

    def unclear(digits: int) -> bool:
        if any(end and round(end, digits) == 0 for end in ends):
            return True
        if margin is None:
            return False
        reaches = (round(abs(value), digits) >= margin) != (abs(value) >= margin)
        return reaches or any((round(abs(end), digits) > margin) != (abs(end) > margin) for end in ends)

    digits = 2
    while digits < MOST_DIGITS and unclear(digits):
        digits += 1
    return with_interval(row, digits)


def sample(n: Any, what: str = "instances") -> str:
    """Say how many something is from: "from 179 instances", "from 5 instances only"."""
    count = 0 if _missing(n) else round(float(n))
    what = what.removesuffix("s") if count == 1 else what
    return f"from {count} {what}{' only' if count < FEW else ''}"


def effect_size(margin: float = MARGIN) -> str:
    """Say what is called an effect."""
    return f"an effect is an interval off zero and a size of at least {number(margin)}"


def surviving(row: Row | None) -> str:
    """Say whether a difference survives Holm's correction for its table's family; nothing if undecided."""
    if row is None or _missing(row.get("p")):
        return ""
    return "survives Holm's correction" if row["survives"] else "does not survive Holm's correction"


def marked(row: Row | None, digits: int = 2) -> str:
    """Format a difference for a table: :data:`SURVIVES` behind one that survives the correction of its family."""
    text = with_interval(row, digits)
    return f"{text} {SURVIVES}" if row is not None and not _missing(row.get("p")) and row["survives"] else text


def family(table: pd.DataFrame, **where: str) -> str:
    """Say how many differences of a family survive Holm's correction.

    Parameters
    ----------
    table
        With ``split, metric, average, p, survives``.
    where
        Column and value of the rows that make the family, as they were corrected together.
    """
    for column, value in where.items():
        table = table[table[column] == value]
    decided = table[table["p"].notna()]
    if decided.empty:
        return "Of these differences none is decided."
    n = int(decided["survives"].sum())
    n_clips = int(decided["n_clips"].min())
    of = f" in {METRICS[where['metric']]}" if where.get("metric") in METRICS else ""
    return (
        f"Of {len(decided)} differences{of} that were corrected together (Holm, level 0.05) {n if n else 'none'} "
        f"{'survives' if n == 1 else 'survive'} ({sample(n_clips, 'clips')})."
    )


def _missing(value: Any) -> bool:
    return value is None or math.isnan(float(value))
