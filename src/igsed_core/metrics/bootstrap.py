"""Bootstrap over clips: how sure a figure is. Whatever is averaged comes and goes with its clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000  # where no parameter says otherwise


def clip_weights(n_clips: int, *, replicates: int, seed: int) -> NDArray[np.float64]:
    """Draw clips with replacement: how often each clip is drawn in each replicate.

    The same weights serve every method, so that differences between methods are paired.

    Returns
    -------
    np.ndarray [shape=(replicates, n_clips)]

    Examples
    --------
    >>> from igsed_core.metrics.bootstrap import clip_weights
    >>> clip_weights(3, replicates=2, seed=0).sum(axis=1).tolist()
    [3.0, 3.0]
    """
    rng = np.random.default_rng([seed, 0xB007])
    return rng.multinomial(n_clips, np.full(n_clips, 1.0 / n_clips), size=replicates).astype(float)


def with_sample(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the sample itself, every clip once, before the replicates as row 0.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.bootstrap import with_sample
    >>> with_sample(np.array([[2.0, 0.0]])).tolist()
    [[1.0, 1.0], [2.0, 0.0]]
    """
    return np.concatenate([np.ones((1, weights.shape[1])), weights])


def weighted_means(
    values: NDArray[np.float64], drawn: NDArray[np.float64], own: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Means of many series of values at once, by how often each value was drawn.

    Parameters
    ----------
    values
        ``[shape=(n_values, n_series)]``; NaN counts as absent.
    drawn
        ``[shape=(replicates, n_values)]``
    own
        The values' own weights, of the shape of ``values``; without them all count alike.

    Returns
    -------
    np.ndarray [shape=(replicates, n_series)]
        NaN where a replicate holds no value.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.bootstrap import weighted_means
    >>> values = np.array([[1.0], [3.0], [np.nan]])
    >>> drawn = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    >>> weighted_means(values, drawn).tolist()
    [[2.0], [3.0]]
    """
    there = ~np.isnan(values) * (1.0 if own is None else own)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (drawn @ np.where(there > 0, values * there, 0.0)) / (drawn @ there)


def mean_of_present(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Mean along an axis of what is not NaN; NaN where nothing is left.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.bootstrap import mean_of_present
    >>> mean_of_present(np.array([[1.0, 5.0], [3.0, np.nan]]), axis=0).tolist()
    [2.0, 5.0]
    """
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=axis) / there.sum(axis=axis)


def interval(replicates: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates; those that are NaN are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.bootstrap import interval
    >>> [round(end, 3) for end in interval(np.arange(101.0))]
    [2.5, 97.5]
    """
    tail = 50 * (1 - level)
    there = replicates[~np.isnan(replicates)]
    low, high = np.percentile(there, [tail, 100 - tail]) if there.size else (np.nan, np.nan)
    return float(low), float(high)


def intervals(replicates: NDArray[np.float64], level: float = 0.95) -> NDArray[np.float64]:
    """Percentile intervals of many series at once.

    Parameters
    ----------
    replicates
        ``[shape=(replicates, n_series)]``; NaN is left out, a series of nothing else has no interval.
    level
        Coverage.

    Returns
    -------
    np.ndarray [shape=(2, n_series)]
        Lower and upper ends.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.bootstrap import intervals
    >>> intervals(np.stack([np.arange(101.0), np.full(101, 7.0)], axis=1)).round(3).tolist()
    [[2.5, 7.0], [97.5, 7.0]]
    """
    tail = 50 * (1 - level)
    result = np.full((2, replicates.shape[1]), np.nan)
    absent = np.isnan(replicates)
    whole = ~absent.any(axis=0)
    result[:, whole] = np.percentile(replicates[:, whole], [tail, 100 - tail], axis=0)
    for column in np.flatnonzero(~whole & ~absent.all(axis=0)):
        result[:, column] = interval(replicates[:, column], level)
    return result
