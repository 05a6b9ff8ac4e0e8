"""What an interval lets one say of a difference: above, below, level, not told apart, or nothing at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError

ABOVE, BELOW = "above", "below"
LEVEL = "level"
NOT_TOLD_APART = "not told apart"
NOT_DECIDED = "not decided"
VERDICTS = (ABOVE, BELOW, LEVEL, NOT_TOLD_APART, NOT_DECIDED)

FEWEST = 2  # units that an interval can come from
SIGNIFICANCE = 0.05  # below which a corrected p-value lets a difference stand


def judge(value: float, low: float, high: float, n: float, *, margin: float) -> str:
    """Say what a difference and its interval allow to be said.

    An effect needs both an interval off zero and a size worth naming. "Level" is a finding too, and needs an interval
    that lies within the margin (an equivalence test); an interval that merely holds zero decides nothing.

    Parameters
    ----------
    value
        The difference.
    low, high
        Ends of its interval, in the value's unit.
    n
        How many units were resampled (clips, not instances).
    margin
        The smallest size worth naming, in the value's unit; 0 names every size, and then nothing is level.

    Returns
    -------
    str
        ``above`` or ``below``: the interval excludes zero, and the value is at least ``margin`` away from it.
        ``level``: value and interval lie within ``-margin`` and ``margin``.
        ``not told apart``: neither.
        ``not decided``: there is no interval to judge by. It or the value is not finite, its ends are equal (so are
        all replicates then), or there are fewer than two units.

    Raises
    ------
    IgsedError
        For a negative margin, or an interval whose ends are in reverse.

    Examples
    --------
    >>> from igsed_core.metrics.judging import judge
    >>> judge(0.05, 0.02, 0.08, 300, margin=0.01)
    'above'
    >>> judge(0.001, -0.005, 0.007, 300, margin=0.01)
    'level'
    >>> judge(0.05, -0.02, 0.12, 300, margin=0.01)
    'not told apart'
    """
    if not margin >= 0 or math.isinf(margin):
        raise IgsedError(f"the margin of a verdict is {margin:g}: give a size of 0 or more")
    if not all(map(math.isfinite, (value, low, high))) or not n >= FEWEST:
        return NOT_DECIDED
    if math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-12):
        return NOT_DECIDED
    if low > high:
        raise IgsedError(f"the interval from {low:g} to {high:g} is in reverse: give its lower end first")
    if -margin <= low and high <= margin:
        # A value outside its own interval shows a biased interval, which proves nothing of it.
        return LEVEL if abs(value) <= margin else NOT_TOLD_APART
    if low > 0 and value > 0 and value >= margin:
        return ABOVE
    if high < 0 and value < 0 and -value >= margin:
        return BELOW
    return NOT_TOLD_APART


def judge_family(table: pd.DataFrame, p_values: Sequence[float], *, margin: float) -> pd.DataFrame:
    """Judge a family of comparisons: above or below needs a p-value that survives Holm's correction as well.

    Parameters
    ----------
    table
        ``value, ci_low, ci_high, n``, a row per comparison, all of one family.
    p_values
        Of each row; NaN for one that is not decided.
    margin
        As for :func:`judge`.

    Returns
    -------
    pd.DataFrame
        The table with ``p_holm`` and ``verdict`` (one of :data:`VERDICTS`).

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.metrics.judging import judge_family
    >>> table = pd.DataFrame({"value": [0.2, 0.2], "ci_low": [0.1, 0.01], "ci_high": [0.3, 0.4], "n": 30})
    >>> judge_family(table, [0.001, 0.06], margin=0.03)["verdict"].tolist()
    ['above', 'not told apart']
    """
    corrected = holm(np.array(p_values, dtype=float))
    said = [
        judge(row["value"], row["ci_low"], row["ci_high"], row["n"], margin=margin) for row in table.to_dict("records")
    ]
    held = [
        NOT_TOLD_APART if one in (ABOVE, BELOW) and not p < SIGNIFICANCE else one
        for one, p in zip(said, corrected, strict=True)
    ]
    return table.assign(p_holm=corrected, verdict=held)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct the p-values of a family of comparisons (Holm, Scandinavian Journal of Statistics 6, 1979).

    The chance that any comparison of the family is called a difference without being one stays below the level at
    which the corrected values are read, however the comparisons hang together.

    Parameters
    ----------
    p_values
        ``[shape=(n_comparisons,)]``; NaN, a comparison that is not decided, does not count.

    Returns
    -------
    np.ndarray [shape=(n_comparisons,)]
        In [0, 1], never below the value that is corrected; NaN stays.

    Raises
    ------
    IgsedError
        For a value outside [0, 1].
    """
    p_values = np.asarray(p_values, dtype=float)
    decided = np.flatnonzero(~np.isnan(p_values))
    if ((p_values[decided] < 0) | (p_values[decided] > 1)).any():
        raise IgsedError("p-values lie between 0 and 1: give those of a test")
    order = decided[np.argsort(p_values[decided], kind="stable")]
    corrected = np.full(p_values.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)), 1.0)
    return corrected
