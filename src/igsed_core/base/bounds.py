"""Numbers that a command or a caller gives: in their bounds, or refused before anything is computed with them."""

from __future__ import annotations

import math
import re

from igsed_core.base.errors import IgsedError
from igsed_core.base.params import LARGEST_SEED, shown

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")


def check_seed(seed: int) -> None:
    """Make sure that every generator of random numbers takes a seed.

    Raises
    ------
    IgsedError
        If it is no whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise IgsedError(f"parameter 'seed' is {shown(seed)}: give a whole number from 0 to {LARGEST_SEED}")


def check_seconds(value: float, parameter: str) -> None:
    """Make sure that a length can be one.

    Parameters
    ----------
    value
        In seconds.
    parameter
        Its name, for the message.

    Raises
    ------
    IgsedError
        If it is negative, infinite or not a number.
    """
    if not (math.isfinite(value) and value >= 0):
        raise IgsedError(f"parameter {parameter!r} is {value}: give seconds, finite and not negative")


def number(written: str) -> float:
    """Read a number in a table as a person reads it: ``1.5``, ``.5``, ``1e-3``.

    Python alone would read ``1_0`` as ten, too, and ``nan`` and ``infinity`` as numbers.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> from igsed_core.base.bounds import number
    >>> number("1.50")
    1.5
    """
    if not _NUMBER.fullmatch(written):
        raise ValueError(f"{written!r} is no number")
    return float(written)
