"""Quadrature rules by name: gains on the path from silence to the clip, and their weights.

A rule approximates the integral of `f(a)` over the gain `a` from 0 to 1 by a weighted sum; the integrator
knows nothing else of it. Captum's five rules spread their points over the gain. The decibel rules spread them
over the level `s = 20 log10(a)`, `da = a ln(10) / 20 ds`, on which a log-mel network sees a gain as a shift.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError

Points = tuple[NDArray[np.float64], NDArray[np.float64]]

# da = NEPER * a ds
NEPER = np.log(10.0) / 20.0
ADAPTIVE = "db_adaptive"


def _gauss_legendre(n: int) -> Points:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (1 + nodes) / 2, weights / 2


def _midpoints(n: int) -> Points:
    return (np.arange(n) + 0.5) / n, np.full(n, 1 / n)


def _left(n: int) -> Points:
    return np.arange(n) / n, np.full(n, 1 / n)


def _right(n: int) -> Points:
    return np.arange(1, n + 1) / n, np.full(n, 1 / n)


def _trapezoid(n: int) -> Points:
    """Captum's own: the ends have half the weight of the others, and all weights sum to 1 - 1 / n."""
    weights = np.full(n, 1 / n)
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, n), weights


STRAIGHT: dict[str, Callable[[int], Points]] = {
    "gausslegendre": _gauss_legendre,
    "riemann_left": _left,
    "riemann_right": _right,
    "riemann_middle": _midpoints,
    "riemann_trapezoid": _trapezoid,
}
DECIBEL: dict[str, Callable[[int], Points]] = {"db_midpoint": _midpoints, "db_gauss": _gauss_legendre}
FIXED = (*STRAIGHT, *DECIBEL)
NAMES = (*FIXED, ADAPTIVE)


def points(rule: str, n: int, floor: float) -> Points:
    """Gains and weights of a rule whose points are known beforehand.

    Parameters
    ----------
    rule : str
        One of :data:`FIXED`.
    n : int
        Points on the path.
    floor : float
        Level re the clip, in dB, at which the decibel rules begin; the score must be flat below.

    Returns
    -------
    gains, weights : NDArray [shape=(n,)]
        ``sum(weights * f(gains))`` approximates the integral of ``f`` over the gain from 0 to 1.

    Raises
    ------
    IgsedError
        For an unknown rule, or too few points; the message says what is valid.

    Examples
    --------
    >>> from igsed_core.attribution.ig.quadrature import points
    >>> gains, weights = points("riemann_middle", 4, 0.0)
    >>> gains.tolist(), float(weights @ gains)
    ([0.125, 0.375, 0.625, 0.875], 0.5)
    >>> gains, weights = points("db_gauss", 8, -60.0)
    >>> round(float(weights @ gains**2), 6)  # the integral of a squared, from 0 to 1
    0.333315
    """
    if rule not in FIXED:
        raise IgsedError(f"parameter 'quadrature' is {rule!r}: choose one of {', '.join(NAMES)}")
    # One point at gain 0 sees nothing, so Captum too asks for two.
    least = 2 if rule.startswith("riemann") else 1
    if n < least:
        raise IgsedError(f"parameter 'n_steps' is {n}: quadrature {rule!r} needs at least {least}")
    if rule in STRAIGHT:
        return STRAIGHT[rule](n)
    shares, weights = DECIBEL[rule](n)  # of the range of levels, from its floor to 0 dB
    gains = gain(floor * (1 - shares))
    return gains, weights * -floor * NEPER * gains


def gain(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitude factor of a level in dB; an array of any shape gives one of its shape.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.attribution.ig.quadrature import gain
    >>> gain(np.array([0.0, -20.0, -40.0])).round(3).tolist()
    [1.0, 0.1, 0.01]
    """
    return np.exp(NEPER * level)
