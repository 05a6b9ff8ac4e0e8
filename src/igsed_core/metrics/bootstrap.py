"""Bootstrap over clips: how sure a figure is. Whatever is averaged comes and goes with its clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError

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

    Parameters
    ----------
    weights
        ``[shape=(replicates, n_clips)]``

    Returns
    -------
    np.ndarray [shape=(1 + replicates, n_clips)]

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

    Parameters
    ----------
    values
        Of any shape.
    axis
        What is averaged over, and gone from the result.

    Returns
    -------
    np.ndarray
        Of the shape of ``values`` without the axis.

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


def two_way_weights(
    clip_of: NDArray[np.int64], sources: Sequence[Sequence[str]], *, replicates: int, seed: int
) -> NDArray[np.float64]:
    """Draw clips and, independently, source files: how often each instance counts in each replicate.

    Instances that share a source file vary together even in different clips, which resampling of clips alone cannot
    see. An instance counts as often as its clip was drawn times as often as its sources were (the pigeonhole bootstrap
    of Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007, which errs on the wide side); of several
    sources the mean counts, for it holds a part of each.

    Parameters
    ----------
    clip_of
        Number of each instance's clip, ``[shape=(n_instances,)]``.
    sources
        Names of the files that each instance's events come from, at least one for each.
    replicates, seed
        Of the bootstrap; the draws of clips are those of :func:`clip_weights`.

    Returns
    -------
    np.ndarray [shape=(replicates, n_instances)]

    Raises
    ------
    IgsedError
        If an instance has no source.
    """
    if len(sources) != len(clip_of) or not all(sources):
        raise IgsedError("two-way resampling needs at least one source file for each instance")
    number = {name: i for i, name in enumerate(sorted({name for names in sources for name in names}))}
    share = np.zeros((len(number), len(sources)))
    for i, names in enumerate(sources):
        for name in names:
            share[number[name], i] += 1 / len(names)
    rng = np.random.default_rng([seed, 0x50CE])
    drawn = rng.multinomial(len(number), np.full(len(number), 1.0 / len(number)), size=replicates)
    clips = clip_weights(int(clip_of.max()) + 1, replicates=replicates, seed=seed)
    return clips[:, clip_of] * (drawn @ share)
