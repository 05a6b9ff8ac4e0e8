"""Bootstrap over clips: how sure a mean over (clip, class) instances is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def clip_weights(n_clips: int, *, replicates: int, seed: int) -> NDArray[np.float64]:
    """Draw clips with replacement: how often each clip is drawn in each replicate.

    The same weights serve every method, so that differences between methods are paired.

    Returns
    -------
    np.ndarray [shape=(replicates, n_clips)]
    """
    rng = np.random.default_rng([seed, 0xB007])
    return rng.multinomial(n_clips, np.full(n_clips, 1.0 / n_clips), size=replicates).astype(float)


def instance_means(
    values: NDArray[np.float64], clip_of: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean over instances in each replicate; an instance comes and goes with its clip.

    Parameters
    ----------
    values
        ``[shape=(n_instances,)]``
    clip_of
        Row of each instance's clip.
    weights
        From :func:`clip_weights`.

    Returns
    -------
    np.ndarray [shape=(replicates,)]
        NaN in a replicate that holds no instance.
    """
    drawn = weights[:, clip_of]
    with np.errstate(invalid="ignore", divide="ignore"):
        return drawn @ values / drawn.sum(axis=1)


def weighted_means(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of many series of values at once, by how often each value was drawn.

    Parameters
    ----------
    values
        ``[shape=(n_values, n_series)]``; NaN counts as absent.
    drawn
        ``[shape=(replicates, n_values)]``

    Returns
    -------
    np.ndarray [shape=(replicates, n_series)]
        NaN where a replicate holds no value.
    """
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (drawn @ np.where(there, values, 0.0)) / (drawn @ there.astype(float))


def class_means(
    values: NDArray[np.float64],
    clip_of: NDArray[np.int64],
    class_of: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean over classes of the means over their instances, in each replicate.

    Returns
    -------
    np.ndarray [shape=(replicates,)]
        Classes without an instance in a replicate are left out of it.
    """
    by_class = [instance_means(values[class_of == c], clip_of[class_of == c], weights) for c in np.unique(class_of)]
    return np.nanmean(by_class, axis=0)


def interval(replicates: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates."""
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(replicates, [tail, 100 - tail])
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
    """
    tail = 50 * (1 - level)
    result = np.full((2, replicates.shape[1]), np.nan)
    there = ~np.isnan(replicates).all(axis=0)
    if there.any():
        result[:, there] = np.nanpercentile(replicates[:, there], [tail, 100 - tail], axis=0)
    return result
