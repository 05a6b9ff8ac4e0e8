"""Disjoint parameter regions: what keeps the train and eval sounds of a class apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from igsed_core.base.errors import IgsedError


@dataclass(frozen=True)
class Region:
    """A part of the unit interval from which the identity parameters of a sound are drawn.

    Every generator draws the parameters that make one source differ from another (the fundamental of a motor,
    the length of a vocal tract, the lowest mode of a bell) with `draw`, which maps a uniform variate into the
    region's sub-intervals. Since the intervals of `train` and `eval` do not meet, no eval source has the
    value of a train source in any of its identity parameters; since they interleave, eval asks for moderate
    generalisation and not for extrapolation far beyond the training range.

    Attributes
    ----------
    name : str
        Name in `REGIONS`.
    code : int
        Stable number of the region, part of the seed of every sound.
    intervals : tuple of (float, float)
        Half-open sub-intervals of [0, 1), ascending.
    """

    name: str
    code: int
    intervals: tuple[tuple[float, float], ...]

    def unit(self, rng: np.random.Generator) -> float:
        """Draw a number uniformly from the union of the intervals."""
        rest = rng.random() * sum(stop - start for start, stop in self.intervals)
        for start, stop in self.intervals:
            if rest < stop - start:
                return start + rest
            rest -= stop - start
        return math.nextafter(self.intervals[-1][1], 0.0)  # rounding left a rest: the last point inside

    def draw(self, rng: np.random.Generator, low: float, high: float, *, log: bool = False) -> float:
        """Draw an identity parameter between `low` and `high` (`log`: uniform in its logarithm)."""
        u = self.unit(rng)
        return float(low * (high / low) ** u) if log else float(low + (high - low) * u)


REGIONS: dict[str, Region] = {
    "train": Region("train", 0, ((0.0, 0.35), (0.5, 0.85))),
    "eval": Region("eval", 1, ((0.35, 0.5), (0.85, 1.0))),
    "pretrain": Region("pretrain", 2, ((0.0, 1.0),)),
}


def region_named(name: str) -> Region:
    """Return the region called `name`.

    Raises
    ------
    IgsedError
        If there is no such region.
    """
    if name not in REGIONS:
        raise IgsedError(f"region {name!r} is unknown: use one of {', '.join(REGIONS)}")
    return REGIONS[name]
