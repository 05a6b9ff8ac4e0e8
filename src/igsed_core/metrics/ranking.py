"""Threshold-free metrics of scores over time: how well do they rank active frames before the others?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auroc(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Probability that an active frame scores higher than an inactive one; a tie counts half.

    It is the area under the receiver operating characteristic, by the statistic of Mann and Whitney.

    Parameters
    ----------
    scores, truth
        ``[shape=(..., n_frames)]``

    Returns
    -------
    np.ndarray [shape=(...)]
        Values in [0, 1]; NaN where all frames or none are active.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.ranking import auroc
    >>> truth = np.array([True, False, True, False])
    >>> float(auroc(np.array([0.9, 0.8, 0.7, 0.1]), truth)), float(auroc(np.ones(4), truth))
    (0.75, 0.5)
    """
    n_active = truth.sum(axis=-1)
    pairs = n_active * (truth.shape[-1] - n_active)
    ranks = (rankdata(scores, axis=-1) * truth).sum(axis=-1)
    above = ranks - n_active * (n_active + 1) / 2
    return np.where(pairs > 0, above / np.maximum(pairs, 1), np.nan)


def average_precision(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over active frames of the precision at the threshold that just takes the frame in.

    It is the sum of precision times the step in recall over all thresholds, without interpolation; frames of the
    same score enter together.

    Parameters
    ----------
    scores, truth
        ``[shape=(..., n_frames)]``

    Returns
    -------
    np.ndarray [shape=(...)]
        Values in [0, 1]; NaN where no frame is active.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.ranking import average_precision
    >>> truth = np.array([True, False, True, False])
    >>> round(float(average_precision(np.array([0.9, 0.8, 0.7, 0.1]), truth)), 4)
    0.8333
    """
    scores, truth = np.broadcast_arrays(scores, truth)
    order = np.argsort(-scores, axis=-1)
    falling = np.take_along_axis(truth, order, axis=-1)
    # How many frames score at least as high as each: those of its tie are all in.
    taken = np.take_along_axis(rankdata(-scores, method="max", axis=-1).astype(int), order, axis=-1)
    found = np.take_along_axis(np.cumsum(falling, axis=-1), taken - 1, axis=-1)
    n_active = truth.sum(axis=-1)
    total = (falling * found / taken).sum(axis=-1)
    return np.where(n_active > 0, total / np.maximum(n_active, 1), np.nan)


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """Spearman's rank correlation along the last axis; 0 where one of the two is constant.

    Equal values share their mean rank. As :func:`scipy.stats.spearmanr`, for many pairs of rows at once.

    Parameters
    ----------
    one, other
        ``[shape=(..., n)]``

    Returns
    -------
    np.ndarray [shape=(...)]
    """
    ranks = [rankdata(values, axis=-1) for values in (one, other)]
    a, b = (r - r.mean(axis=-1, keepdims=True) for r in ranks)
    length = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    return np.asarray((a * b).sum(axis=-1) / np.where(length > 0, length, 1.0))


def partial_rank_correlation(
    one: NDArray[np.floating], other: NDArray[np.floating], given: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Spearman's rank correlation of two rows with what a third one explains of both taken out.

    ``(r12 - r13 r23) / sqrt((1 - r13^2) (1 - r23^2))``: what is alike in two maps beyond both following, say, loudness.

    Parameters
    ----------
    one, other, given
        ``[shape=(..., n)]``

    Returns
    -------
    np.ndarray [shape=(...)]
        NaN where one of the two is constant or follows ``given`` entirely, since nothing is left to correlate.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.ranking import partial_rank_correlation
    >>> one, other, given = np.array([1.0, 2, 4, 3]), np.array([2.0, 1, 3, 4]), np.array([1.0, 2, 3, 4])
    >>> round(float(partial_rank_correlation(one, other, given)), 3)
    -0.111
    """
    r12, r13, r23 = (rank_correlation(a, b) for a, b in ((one, other), (one, given), (other, given)))
    constant = [np.ptp(values, axis=-1) == 0 for values in (one, other)]
    left = (1 - r13**2) * (1 - r23**2)
    nothing = (left < 1e-12) | constant[0] | constant[1]
    return np.where(nothing, np.nan, (r12 - r13 * r23) / np.sqrt(np.where(nothing, 1.0, left)))
