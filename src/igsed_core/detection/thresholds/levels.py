"""Rules with one parameter: the paper's percentile of the clip, a share of its maximum, a level for all clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igsed_core.base.errors import IgsedError


def percentile(scores: NDArray[np.floating], tau: ArrayLike) -> NDArray[np.bool_]:
    """Frames whose score lies above the ``tau``-th percentile of their own clip (paper, section III-B).

    "Above" is strict: frames that tie with the percentile are left out, so a constant score gives an
    empty mask at every ``tau``. Without ties the mask holds the ``100 - tau`` per cent highest frames.

    Parameters
    ----------
    scores
        ``[shape=(..., n_frames)]``
    tau
        Percentiles in [0, 100], a scalar or ``[shape=(n_thresholds,)]``; linear interpolation between
        order statistics.

    Returns
    -------
    np.ndarray [dtype=bool]
        ``(..., n_frames)`` for a scalar ``tau``, else ``(n_thresholds, ..., n_frames)``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import percentile
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2]])
    >>> percentile(scores, 50).tolist()
    [[False, True, True, False]]
    >>> percentile(scores, [50, 75]).shape
    (2, 1, 4)
    """
    tau = _checked(tau)
    level = np.percentile(scores, tau, axis=-1)
    return np.asarray(scores > level[..., None])


def share_of_maximum(scores: NDArray[np.floating], share: float) -> NDArray[np.bool_]:
    """Frames above a share of their clip's highest score.

    Nothing is detected where that is not positive: a share of it would mean nothing.

    Parameters
    ----------
    scores
        ``[shape=(..., n_frames)]``; for signed scores the positive part counts.
    share
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import share_of_maximum
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2]])
    >>> share_of_maximum(scores, 0.9).tolist()
    [[False, True, False, False]]
    """
    if not 0 <= share <= 1:
        raise IgsedError(f"a share of the maximum lies between 0 and 1, got {share}")
    highest = scores.max(axis=-1, keepdims=True)
    return np.asarray((scores > share * highest) & (highest > 0))


def fixed(scores: NDArray[np.floating], level: float) -> NDArray[np.bool_]:
    """Frames above one level, the same for every clip: for a framewise detector a probability.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import fixed
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2]])
    >>> fixed(scores, 0.5).tolist()
    [[False, True, True, False]]
    """
    return np.asarray(scores > level)


def pooled_percentile(scores: NDArray[np.floating], tau: float) -> NDArray[np.bool_]:
    """Frames above the ``tau``-th percentile of all scores given, of whatever clip.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import pooled_percentile
    >>> scores = np.array([[0.1, 0.2, 0.1], [0.7, 0.8, 0.9]])
    >>> pooled_percentile(scores, 50).tolist()
    [[False, False, False], [True, True, True]]
    """
    return np.asarray(scores > np.percentile(scores, _checked(tau)))


def percentile_grid(low: float, high: float, step: float) -> NDArray[np.floating]:
    """Return the thresholds from ``low`` to ``high`` inclusive.

    Examples
    --------
    >>> from igsed_core.detection.thresholds.levels import percentile_grid
    >>> percentile_grid(50, 90, 20).tolist()
    [50, 70, 90]
    """
    return low + step * np.arange(int(np.floor((high - low) / step + 1e-9)) + 1)


def all_percentiles(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Grid of the percentile rules, whatever the scores: 1 to 99.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import all_percentiles
    >>> grid = all_percentiles(np.zeros((1, 4)))
    >>> float(grid[0]), float(grid[-1]), len(grid)
    (1.0, 99.0, 99)
    """
    return np.arange(1.0, 100.0)


def all_shares(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Grid of shares, whatever the scores: from 60 dB below the maximum, in steps of 1 dB.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import all_shares
    >>> grid = all_shares(np.zeros((1, 4)))
    >>> float(grid[0]), len(grid)
    (0.001, 60)
    """
    return 10.0 ** (np.arange(-60.0, 0.0) / 20)


def all_levels(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Grid of levels: every half percentile of the scores that the rule is tuned on.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.thresholds.levels import all_levels
    >>> all_levels(np.array([[0.3, 0.3], [0.3, 0.3]])).tolist()
    [0.3]
    """
    return np.unique(np.percentile(scores, np.arange(0.5, 100.0, 0.5)))


def _checked(tau: ArrayLike) -> NDArray[np.float64]:
    tau = np.asarray(tau, dtype=float)
    if tau.size and (tau.min() < 0 or tau.max() > 100):
        raise IgsedError(f"percentiles must lie between 0 and 100, got {tau.min()} to {tau.max()}")
    return tau
