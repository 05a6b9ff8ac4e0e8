"""Feature frames at shifts: the grid on which an encoder that looks several times, each time later, gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders.base import Encoder


@dataclass(frozen=True)
class Grid:
    """Where interleaved feature frames lie.

    Attributes
    ----------
    ratio
        Log-mel frames in a feature frame.
    step
        Seconds: a feature frame divided by the shifts.
    start
        Begin of the first step, in seconds; step ``i`` is centred where a feature frame of its shift is.
    lead
        Steps before the first centre of a feature frame, where the first value is continued.
    """

    ratio: int
    step: float
    start: float
    lead: int


def grid(encoder: Encoder, shifts: int) -> Grid:
    """Return the grid of an encoder's feature frames at shifts.

    Parameters
    ----------
    encoder
        The frozen encoder.
    shifts
        Of a feature frame.

    Raises
    ------
    IgsedError
        If the log-mel frames of a feature frame are no multiple of the shifts.

    Examples
    --------
    >>> from igsed_core.models import shifts
    >>> from igsed_core.models.encoders import registry
    >>> found = shifts.grid(registry.load("embedded"), 8)
    >>> found.ratio, round(found.step, 3)
    (32, 0.04)
    """
    ratio = round(encoder.frame_duration * encoder.frontend.sample_rate / encoder.frontend.hop_length)
    if shifts < 1 or ratio % shifts:
        divisors = ", ".join(str(n) for n in range(1, ratio + 1) if not ratio % n)
        raise IgsedError(
            f"parameter 'shifts': {shifts} shifts of a feature frame of {ratio} log-mel frames: "
            f"choose one of {divisors}, which divide it"
        )
    step = encoder.frame_duration / shifts
    centre = encoder.frame_start + (encoder.frame_duration - step) / 2
    lead = max(0, math.ceil(centre / step - 1e-9))
    return Grid(ratio, step, centre - lead * step, lead)
