"""Scores over time -> masks. A rule is a function of scores and a parameter; the registry names them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from igsed_core.errors import IgsedError

Rule = Callable[[NDArray[np.floating], ArrayLike], NDArray[np.bool_]]


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
    """
    tau = np.asarray(tau, dtype=float)
    if tau.size and (tau.min() < 0 or tau.max() > 100):
        raise IgsedError(f"percentiles must lie between 0 and 100, got {tau.min()} to {tau.max()}")
    level = np.percentile(scores, tau, axis=-1)
    return np.asarray(scores > level[..., None])


RULES: dict[str, Rule] = {"percentile": percentile}


def percentile_grid(low: float, high: float, step: float) -> NDArray[np.floating]:
    """Return the thresholds from ``low`` to ``high`` inclusive."""
    return low + step * np.arange(int(np.floor((high - low) / step + 1e-9)) + 1)
