"""Scores on another scale, for rules that look at values: logarithm, logit, average over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from igsed_core.base.errors import IgsedError

_FLOOR = 1e-3  # of the clip's maximum: below it scores count as equal
_EDGE = 1e-6  # probabilities keep this distance from 0 and 1


def log(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logarithm of the scores as a share of their clip's maximum, from a thousandth of it on.

    Parameters
    ----------
    scores
        ``[shape=(n_instances, n_frames)]``; for signed scores the positive part counts. A clip without a positive
        score becomes constant.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.transforms import log
    >>> log(np.array([[1.0, 0.0, -2.0]])).round(2).tolist()
    [[0.0, -6.91, -6.91]]
    """
    highest = scores.max(axis=1, keepdims=True)
    share = np.maximum(scores, 0.0) / np.where(highest > 0, highest, 1.0)
    return np.log(share + _FLOOR)


def logit(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-odds of probabilities, ``[shape=(n_instances, n_frames)]``.

    Raises
    ------
    IgsedError
        If a value lies outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.transforms import logit
    >>> logit(np.array([[0.5, 0.75]])).round(3).tolist()
    [[0.0, 1.099]]
    """
    if probabilities.min() < -_EDGE or probabilities.max() > 1 + _EDGE:  # averaging over frames rounds
        raise IgsedError(
            f"the logit is of probabilities: scores reach from {probabilities.min():.3g} to {probabilities.max():.3g}"
        )
    kept = np.clip(probabilities, _EDGE, 1 - _EDGE)
    return np.log(kept / (1 - kept))


def smooth_log(scores: NDArray[np.floating], seconds: float, frame_length: float) -> NDArray[np.float64]:
    """Return the moving average (:func:`smooth`) of the logarithm (:func:`log`).

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.transforms import smooth_log
    >>> smooth_log(np.ones((1, 3)), 0.3, 0.1).round(3).tolist()
    [[0.001, 0.001, 0.001]]
    """
    return smooth(log(scores), seconds, frame_length)


def smooth(scores: NDArray[np.floating], seconds: float, frame_length: float) -> NDArray[np.float64]:
    """Moving average over an odd number of frames, the nearest to ``seconds``; edges are continued.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.transforms import smooth
    >>> smooth(np.array([[0.0, 3.0, 0.0, 0.0]]), 0.3, 0.1).tolist()
    [[1.0, 1.0, 1.0, 0.0]]
    """
    frames = 2 * round((seconds / frame_length - 1) / 2) + 1
    return uniform_filter1d(np.asarray(scores, dtype=float), max(frames, 1), axis=1, mode="nearest")
