"""Rules without a parameter that part the scores of one clip in two, in no regard to their order in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BINS = 256  # of Otsu's histogram, the number of grey levels of his pictures
_FEW = 32  # distinct scores of a clip, up to which Otsu's bins would merge or part them at will
_FEWEST = 3  # frames on either side of which a variance can be told


def two_means(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Frames of the upper of two clusters with the least squared distance to their means, exactly.

    In one dimension clusters are intervals, so that all partitions can be tried. A constant score gives an
    empty mask.

    Parameters
    ----------
    scores
        ``[shape=(n_instances, n_frames)]``

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames), dtype=bool]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.partitions import two_means
    >>> two_means(np.array([[0.0, 0.1, 1.0, 0.9]])).tolist()
    [[False, False, True, True]]
    >>> two_means(np.ones((1, 3))).tolist()
    [[False, False, False]]
    """
    n = scores.shape[1]
    if n < 2:
        return np.zeros(scores.shape, dtype=bool)
    ordered = np.sort(scores, axis=1)
    below = np.arange(1, n)
    sums = np.cumsum(ordered, axis=1)
    low, total = sums[:, :-1], sums[:, -1:]
    # The variance between the clusters is greatest where that within them is least.
    between = (low / below - (total - low) / (n - below)) ** 2 * below * (n - below)
    return _above(scores, ordered, -between)


def otsu(scores: NDArray[np.floating], bins: int = _BINS) -> NDArray[np.bool_]:
    """Otsu's threshold (IEEE Trans. SMC 9, 1979): :func:`two_means` on a histogram from lowest to highest score.

    Where a clip's frames take few distinct scores, as they do on a picture of few grey levels, each of these has a bin
    of its own, so that the threshold is the best there is; even bins may merge two of them.

    Parameters
    ----------
    scores
        ``[shape=(n_instances, n_frames)]``
    bins
        Of the histogram of clips with more than 32 distinct scores.

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames), dtype=bool]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.partitions import otsu
    >>> otsu(np.array([[0.0, 0.1, 1.0, 0.9]])).tolist()
    [[False, False, True, True]]
    """
    ordered = np.sort(scores, axis=1)
    few = 1 + (ordered[:, 1:] > ordered[:, :-1]).sum(axis=1) <= _FEW
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    width = np.where(high > low, high - low, 1.0)
    binned = np.minimum(np.floor(bins * ((scores - low) / width)), bins - 1)
    return two_means(np.where(few[:, None], scores, binned))


def minimum_error(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Threshold of least error between two Gaussians of their own spread (Kittler & Illingworth, 1986).

    Parameters
    ----------
    scores
        ``[shape=(n_instances, n_frames)]``; at least three frames lie on either side, so clips of fewer than
        six give an empty mask.

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames), dtype=bool]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.partitions import minimum_error
    >>> minimum_error(np.array([[0.0, 0.1, 0.2, 1.0, 0.9, 1.1]])).astype(int).tolist()
    [[0, 0, 0, 1, 1, 1]]
    """
    n = scores.shape[1]
    if n < 2 * _FEWEST:
        return np.zeros(scores.shape, dtype=bool)
    spread = scores.std(axis=1, keepdims=True)
    centred = (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    ordered = np.sort(centred, axis=1)
    below = np.arange(1, n)
    sums, squares = np.cumsum(ordered, axis=1), np.cumsum(ordered**2, axis=1)
    cost = np.zeros((len(scores), n - 1))
    for size, total, square in (
        (below, sums[:, :-1], squares[:, :-1]),
        (n - below, sums[:, -1:] - sums[:, :-1], squares[:, -1:] - squares[:, :-1]),
    ):
        # Equal scores have no spread; a hundredth of the clip's keeps them from winning for that alone.
        variance = np.maximum(square / size - (total / size) ** 2, 0.0) + 1e-4
        cost += size / n * (np.log(variance) - 2 * np.log(size / n))
    cost[:, : _FEWEST - 1] = np.inf
    cost[:, n - _FEWEST :] = np.inf
    return _above(centred, ordered, cost)


def _above(scores: NDArray[np.floating], ordered: NDArray[np.floating], cost: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Frames above the cheapest cut; ``cost[:, k]`` is that of ``k + 1`` frames below it."""
    cost = np.where(ordered[:, 1:] > ordered[:, :-1], cost, np.inf)  # no cut parts equals
    at = cost.argmin(axis=1)[:, None]
    level = np.take_along_axis(ordered, at, axis=1)
    return np.asarray((scores > level) & np.isfinite(np.take_along_axis(cost, at, axis=1)))
