"""Where events begin, and which soundscapes a polyphony filter removes: readings that the paper leaves open.

The paper places events "at random temporal positions" and removes "files containing three simultaneous overlapping
sound events" (section II-A), by "the DESED soundscape generation pipeline". That pipeline
(``desed.soundscape.Soundscape``) draws onsets uniformly up to 0.25 s before the end and cuts what runs over it. The
truncated normal is that of the example in Scaper's documentation, which moves late events to where they fit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Scaper's example of many soundscapes: truncated normal, mean and deviation in s of its clips of 10 s.
NORMAL_MEAN, NORMAL_STD, NORMAL_CLIP = 5.0, 2.0, 10.0
ROUNDING = 1e-9  # s: an event that was moved to where it fits keeps its length to the last digit
SHORTEST = 0.25  # s, of an event that DESED's generator cuts

Draw = Callable[[np.random.Generator, NDArray[np.float64], float], NDArray[np.float64]]


def _fitting(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    return rng.random(lengths.shape) * (duration - lengths)


def _moved(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    return np.minimum(rng.random(lengths.shape) * duration, duration - lengths)


def _normal(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    scale = duration / NORMAL_CLIP
    onsets = rng.normal(NORMAL_MEAN * scale, NORMAL_STD * scale, lengths.shape)
    while (outside := (onsets < 0) | (onsets > duration)).any():
        onsets[outside] = rng.normal(NORMAL_MEAN * scale, NORMAL_STD * scale, int(outside.sum()))
    return np.minimum(onsets, duration - lengths)


def _cut(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    return rng.random(lengths.shape) * max(duration - SHORTEST, 0.0)


# name -> (what it is, onsets in s of events of some lengths)
ONSETS: dict[str, tuple[str, Draw]] = {
    "fitting": ("uniform where the event fits", _fitting),
    "moved": ("uniform over the clip, late events moved (Scaper)", _moved),
    "normal": ("truncated normal around the middle, late events moved (Scaper's example)", _normal),
    "cut": ("uniform over the clip, late events cut (DESED's generator)", _cut),
}
# name -> what is removed, of soundscapes with at most m events at once
FILTERS = {
    "at_once": "more than {m} sound at one instant",
    "chain": "more than {m} events, each overlaps another",
    "any_of_more": "more than {m} events, any two overlap",
    "any_two": "any two events overlap",
}


def place(
    name: str, rng: np.random.Generator, lengths: NDArray[np.float64], duration: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw onsets of events.

    Parameters
    ----------
    name
        One of :data:`ONSETS`.
    rng
        Source of the draw.
    lengths
        Natural lengths in s, none above ``duration``; of any shape.
    duration
        Of the soundscape, in s.

    Returns
    -------
    onsets, lengths : np.ndarray
        In s, of the shape of ``lengths``; an event ends with the soundscape at the latest.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.data.onsets import place
    >>> onsets, lengths = place("cut", np.random.default_rng(0), np.full(4, 3.0), 10.0)
    >>> bool((onsets + lengths <= 10).all()), lengths.round(2).tolist()
    (True, [3.0, 3.0, 3.0, 3.0])
    """
    onsets = ONSETS[name][1](rng, lengths, duration)
    late = onsets + lengths > duration + ROUNDING
    return onsets, np.where(late, duration - onsets, lengths)


def removed(
    onsets: NDArray[np.float64], lengths: NDArray[np.float64], max_polyphony: int = 2
) -> dict[str, NDArray[np.bool_]]:
    """Which soundscapes each reading of the filter removes.

    Parameters
    ----------
    onsets, lengths
        In s, ``[shape=(n_soundscapes, n_events)]``; NaN where there is no event.
    max_polyphony
        Events that may sound at once.

    Returns
    -------
    dict
        Filter -> ``[shape=(n_soundscapes,)]``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.data.onsets import removed
    >>> gone = removed(np.array([[0.0, 1.0, 2.5]]), np.array([[1.5, 2.0, 1.0]]))
    >>> {name: bool(found[0]) for name, found in gone.items()}
    {'at_once': False, 'chain': True, 'any_of_more': True, 'any_two': True}
    """
    n = onsets.shape[1]
    offsets = onsets + lengths
    with np.errstate(invalid="ignore"):
        # The most at once is reached at an onset; an end does not overlap a begin.
        sounding = (onsets[:, :, None] >= onsets[:, None]) & (onsets[:, :, None] < offsets[:, None])
    at_once = sounding.sum(axis=2).max(axis=1, initial=0)
    overlap = (sounding | sounding.transpose(0, 2, 1)) & ~np.eye(n, dtype=bool)
    any_two = overlap.any(axis=(1, 2))
    more = (~np.isnan(onsets)).sum(axis=1) > max_polyphony
    return {
        "at_once": at_once > max_polyphony,
        "chain": more & (overlap.any(axis=2).sum(axis=1) > max_polyphony),
        "any_of_more": more & any_two,
        "any_two": any_two,
    }
