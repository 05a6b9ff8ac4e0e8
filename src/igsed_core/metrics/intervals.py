"""Intervals from bootstrap replicates, by methods whose coverage ``benchmarks/coverage.py`` measures.

The plain percentile interval is too narrow for few clips (nominal 95 %: 84 % of five clips) and has no width at all
where all replicates agree. So there are three ways, and each says when it has no answer:

- from twelve clips on the percentile interval with its tails stretched as Student's t stretches the normal's
  (Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015);
- for fewer, Student's t with the standard error of the replicates;
- for proportions Wilson's interval (1927), its number of trials the one that would give the replicates' variance, as
  surveys do; where all outcomes agree there is no variance to go by, and the clips are the trials.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from igsed_core.metrics.judging import FEWEST

LEVEL = 0.95
SHARE = (0.0, 1.0)  # where all values of a share lie
APART = (-1.0, 1.0)  # ... and of the difference of two
FEW = 12  # clips, below which the percentiles of replicates fall short however they are stretched
_EQUAL = 1e-12  # replicates no farther apart are equal but for rounding


def intervals(
    resampled: NDArray[np.float64],
    n: ArrayLike,
    *,
    level: float = LEVEL,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> NDArray[np.float64]:
    """Intervals of many series at once.

    Parameters
    ----------
    resampled
        The statistic in the sample (row 0) and in each bootstrap replicate, ``[shape=(1 + replicates, n_series)]``;
        replicates that are NaN are left out.
    n
        Number of units that were resampled (clips), one for all or one for each series, ``[shape=(n_series,)]``.
    level
        Nominal coverage.
    within
        What no value can lie beyond (:data:`SHARE`, :data:`APART`): Student's t for few units may, and is cut there.

    Returns
    -------
    np.ndarray [shape=(2, n_series)]
        Lower and upper ends; NaN where nothing is decided: the sample's statistic is NaN, there are fewer than two
        units, or all replicates are equal.

    Examples
    --------
    Replicates that all agree decide nothing.

    >>> import numpy as np
    >>> from igsed_core.metrics.intervals import intervals
    >>> varied = np.concatenate([[0.5], np.linspace(0.4, 0.6, 101)])
    >>> intervals(np.stack([varied, np.full(102, 0.5)], axis=1), n=30).round(3).tolist()
    [[0.404, nan], [0.596, nan]]
    """
    value, replicates = resampled[0], resampled[1:]
    n = np.broadcast_to(np.asarray(n), value.shape)
    result = np.full((2, len(value)), np.nan)
    there = ~np.isnan(replicates)
    usable = ~np.isnan(value) & (n >= FEWEST) & (there.sum(axis=0) >= FEWEST)
    if not usable.any():
        return result
    spread = np.where(there, replicates, -np.inf).max(axis=0) - np.where(there, replicates, np.inf).min(axis=0)
    usable &= spread > _EQUAL * np.maximum(np.abs(value), 1.0)
    for size in np.unique(n[usable]).tolist():
        of_size = usable & (n == size)
        whole = of_size & there.all(axis=0)
        if whole.any():
            result[:, whole] = _of_whole(value[whole], replicates[:, whole], size, level)
        for column in np.flatnonzero(of_size & ~whole):
            kept = replicates[there[:, column], column][:, None]
            result[:, column] = _of_whole(value[[column]], kept, size, level)[:, 0]
    return np.clip(result, *within)


def interval(
    resampled: NDArray[np.float64],
    n: float,
    *,
    level: float = LEVEL,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """Interval of one series, ``[shape=(1 + replicates,)]`` (:func:`intervals`)."""
    low, high = intervals(resampled[:, None], n, level=level, within=within)[:, 0]
    return float(low), float(high)


def proportions(
    resampled: NDArray[np.float64], n_trials: ArrayLike, n: ArrayLike, *, level: float = LEVEL
) -> NDArray[np.float64]:
    """Wilson's intervals of proportions whose trials come in clusters.

    Parameters
    ----------
    resampled
        As for :func:`intervals`, ``[shape=(1 + replicates, n_series)]``, in [0, 1].
    n_trials
        Number of trials (instances), one for all or one for each series, ``[shape=(n_series,)]``.
    n
        Number of units that were resampled (clips), likewise, ``[shape=(n_series,)]``.
    level
        Nominal coverage.

    Returns
    -------
    np.ndarray [shape=(2, n_series)]
        Lower and upper ends; NaN where the proportion is NaN or there are fewer than two units.
    """
    value = resampled[0]
    n_trials, n = (np.broadcast_to(np.asarray(a, dtype=float), value.shape) for a in (n_trials, n))
    effective = effective_trials(resampled, n_trials, n)
    result = wilson(value, effective, level=level)
    result[:, ~(n >= FEWEST)] = np.nan
    return result


def effective_trials(
    resampled: NDArray[np.float64], n_trials: NDArray[np.float64], n: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Number of independent trials that would vary as the replicates do, ``[shape=(n_series,)]``.

    At most as many as there are trials; where all outcomes agree, as many as there are units.
    """
    value = resampled[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        # Replicates of n units vary by the share 1 - 1/n of what the estimate does.
        variance = _variance(resampled[1:]) * n / (n - 1)
        binomial = value * (1 - value)
        effective = np.where(variance > 0, binomial / variance, n_trials)
    return np.where(binomial > _EQUAL, np.clip(effective, 1.0, n_trials), n)


def wilson(share: ArrayLike, n: ArrayLike, *, level: float = LEVEL) -> NDArray[np.float64]:
    """Wilson's score interval of a proportion.

    Parameters
    ----------
    share
        Of successes, in [0, 1], ``[shape=(...)]``.
    n
        Number of trials, not necessarily whole, ``[shape=(...)]``.
    level
        Nominal coverage.

    Returns
    -------
    np.ndarray [shape=(2, ...)]
        Lower and upper ends; NaN without a trial.

    Examples
    --------
    All of 14 are right, which is no proof that all are.

    >>> from igsed_core.metrics.intervals import wilson
    >>> wilson(1.0, 14).round(3).tolist()
    [0.785, 1.0]
    """
    share, n = np.broadcast_arrays(np.asarray(share, dtype=float), np.asarray(n, dtype=float))
    z = float(stats.norm.ppf(0.5 + level / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(np.clip(share * (1 - share), 0, None) / n + z**2 / (4 * n**2))
    ends = np.stack([centre - half, centre + half])
    ends = np.where(n > 0, np.clip(ends, 0.0, 1.0), np.nan)
    ends[0] = np.where(share <= 0, np.where(n > 0, 0.0, np.nan), ends[0])  # but for rounding
    ends[1] = np.where(share >= 1, np.where(n > 0, 1.0, np.nan), ends[1])
    return ends


def f1_of_counts(tp: ArrayLike, wrong: ArrayLike, *, level: float = LEVEL) -> NDArray[np.float64]:
    """Wilson's interval of an F1 whose counts are independent clips.

    ``F1 = 2 J / (1 + J)`` with ``J``, the share of hits among hits, false alarms and misses, which is a proportion.

    Parameters
    ----------
    tp
        Hits, ``[shape=(...)]``.
    wrong
        False alarms and misses together, ``[shape=(...)]``.
    level
        Nominal coverage.

    Returns
    -------
    np.ndarray [shape=(2, ...)]
    """
    tp, wrong = np.broadcast_arrays(np.asarray(tp, dtype=float), np.asarray(wrong, dtype=float))
    n = tp + wrong
    ends = wilson(np.divide(tp, n, out=np.full(n.shape, np.nan), where=n > 0), n, level=level)
    return np.asarray(2 * ends / (1 + ends))


def p_values(resampled: NDArray[np.float64], n: ArrayLike) -> NDArray[np.float64]:
    """Two-sided p-values that differences are zero, by Student's t with the standard error of the replicates.

    Replicates themselves give none below two over their number, too coarse to correct many comparisons.

    Parameters
    ----------
    resampled
        As for :func:`intervals`, ``[shape=(1 + replicates, n_series)]``.
    n
        Likewise, one for all or ``[shape=(n_series,)]``.

    Returns
    -------
    np.ndarray [shape=(n_series,)]
        NaN where :func:`intervals` has no answer.
    """
    decided = ~np.isnan(intervals(resampled, n)[0])
    n = np.broadcast_to(np.asarray(n, dtype=float), decided.shape)
    result = np.full(len(decided), np.nan)
    error = np.sqrt(_variance(resampled[1:, decided]) * n[decided] / (n[decided] - 1))
    result[decided] = 2 * stats.t.sf(np.abs(resampled[0, decided]) / error, n[decided] - 1)
    return result


def _of_whole(value: NDArray[np.float64], replicates: NDArray[np.float64], n: int, level: float) -> NDArray[np.float64]:
    quantile = float(stats.t.ppf(0.5 + level / 2, n - 1))
    if n < FEW:
        half = quantile * np.sqrt(_variance(replicates) * n / (n - 1))
        return np.stack([value - half, value + half])
    tail = 100 * float(stats.norm.cdf(-np.sqrt(n / (n - 1)) * quantile))
    return np.asarray(np.percentile(replicates, [tail, 100 - tail], axis=0))


def _variance(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance along the first axis of what is not NaN; NaN of fewer than two."""
    there = ~np.isnan(replicates)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, replicates, 0.0).sum(axis=0) / count
        return np.asarray(
            np.where(there, (replicates - mean) ** 2, 0.0).sum(axis=0) / np.where(count > 1, count - 1, np.nan)
        )
