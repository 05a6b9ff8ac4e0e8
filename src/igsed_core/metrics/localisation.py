"""IoU, frame F1 and pointing game of masks and scores against ground truth (paper, section III-B)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def counts(
    mask: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count true positive, false positive and false negative frames along the last axis.

    Parameters
    ----------
    mask, truth
        Detected and active frames, ``[shape=(..., n_frames)]``, broadcast against each other.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.localisation import counts
    >>> mask = np.array([True, True, False, False])
    >>> truth = np.array([False, True, True, False])
    >>> [int(n) for n in counts(mask, truth)]
    [1, 1, 1]
    """
    tp = (mask & truth).sum(axis=-1)
    return tp, mask.sum(axis=-1) - tp, truth.sum(axis=-1) - tp


def iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intersection over union of detected and active frames (paper, eq. 3).

    An empty mask against an active truth, or the reverse, gives 0; two empty masks agree and give 1.

    Returns
    -------
    np.ndarray [shape=(...)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.localisation import iou
    >>> mask = np.array([True, True, False, False])
    >>> truth = np.array([False, True, True, False])
    >>> round(float(iou(mask, truth)), 3)
    0.333
    """
    tp, fp, fn = counts(mask, truth)
    return _ratio(tp, tp + fp + fn)


def f1(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Frame-level F1, the harmonic mean of precision and recall (paper, eq. 4).

    ``F1 = 2 TP / (2 TP + FP + FN) = 2 IoU / (1 + IoU)``; empty masks as in :func:`iou`.

    Returns
    -------
    np.ndarray [shape=(...)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.localisation import f1
    >>> mask = np.array([True, True, False, False])
    >>> truth = np.array([False, True, True, False])
    >>> float(f1(mask, truth))
    0.5
    """
    tp, fp, fn = counts(mask, truth)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def pointing_game(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Does the highest score fall on an active frame (paper, eq. 5)?

    Where several frames share the highest score the result is the share of them that is active, the
    expectation over a random choice among them: a constant score earns what chance earns.

    Parameters
    ----------
    scores, truth
        ``[shape=(..., n_frames)]``

    Returns
    -------
    np.ndarray [shape=(...)]
        Values in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.localisation import pointing_game
    >>> truth = np.array([False, True, True, False])
    >>> float(pointing_game(np.array([0.1, 0.9, 0.3, 0.2]), truth))
    1.0
    >>> float(pointing_game(np.ones(4), truth))
    0.5
    """
    highest = scores == scores.max(axis=-1, keepdims=True)
    return (highest & truth).sum(axis=-1) / highest.sum(axis=-1)


def precision_recall_f1(
    detected: NDArray[np.bool_], present: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Clip-level precision, recall and F1 of each class (paper, Table I).

    A class that is never detected has precision 0, one that is never present has recall 0.

    Parameters
    ----------
    detected, present
        ``[shape=(n_clips, n_classes)]``

    Returns
    -------
    tuple of np.ndarray [shape=(n_classes,)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.localisation import precision_recall_f1
    >>> detected = np.array([[True], [True], [False]])
    >>> present = np.array([[True], [False], [False]])
    >>> [round(float(value[0]), 3) for value in precision_recall_f1(detected, present)]
    [0.5, 1.0, 0.667]
    """
    return of_counts(*counts(detected.T, present.T))


def of_counts(
    tp: NDArray[np.integer] | NDArray[np.floating],
    fp: NDArray[np.integer] | NDArray[np.floating],
    fn: NDArray[np.integer] | NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and F1 of counts of any shape; 0 where there is nothing to divide by.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.localisation import of_counts
    >>> [float(value) for value in of_counts(np.array(3), np.array(1), np.array(3))]
    [0.75, 0.5, 0.6]
    """
    return (
        _ratio(tp, tp + fp, of_nothing=0.0),
        _ratio(tp, tp + fn, of_nothing=0.0),
        _ratio(2 * tp, 2 * tp + fp + fn, of_nothing=0.0),
    )


def _ratio(
    part: NDArray[np.integer] | NDArray[np.floating],
    whole: NDArray[np.integer] | NDArray[np.floating],
    of_nothing: float = 1.0,
) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), of_nothing)
