"""Masks made plausible: median filter, events and gaps of a least duration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from igsed_core.base.errors import IgsedError
from igsed_core.metrics.frames import runs


def median(mask: NDArray[np.bool_], seconds: float, *, frame_length: float) -> NDArray[np.bool_]:
    """Majority of the frames around each, an odd number of them; edges are continued.

    Parameters
    ----------
    mask
        ``[shape=(n_instances, n_frames), dtype=bool]``
    seconds
        Length of the window, rounded to the nearest odd number of frames.
    frame_length
        Seconds.
    """
    frames = max(2 * round((_checked(seconds, frame_length) / frame_length - 1) / 2) + 1, 1)
    return median_filter(mask, size=(1, frames), mode="nearest")


def minimum_duration(
    mask: NDArray[np.bool_], seconds: float, *, frame_length: float, gap: float | None = None
) -> NDArray[np.bool_]:
    """Fill short gaps between events, then drop short events.

    Parameters
    ----------
    mask
        ``[shape=(n_instances, n_frames), dtype=bool]``
    seconds
        Events shorter than this are dropped.
    frame_length
        Seconds.
    gap
        Gaps shorter than this are filled, by default ``seconds``. Silence before the first and after the last
        event is no gap.
    """
    shortest = _checked(seconds, frame_length) / frame_length - 1e-9
    narrowest = _checked(seconds if gap is None else gap, frame_length) / frame_length - 1e-9
    result = np.zeros(mask.shape, dtype=bool)
    for row, kept in zip(mask, result, strict=True):
        onsets, offsets = runs(row).T
        if not onsets.size:
            continue
        wide = onsets[1:] - offsets[:-1] >= narrowest
        onsets, offsets = onsets[np.r_[True, wide]], offsets[np.r_[wide, True]]
        for onset, offset in zip(onsets, offsets, strict=True):
            kept[onset:offset] = offset - onset >= shortest
    return result


def _checked(seconds: float, frame_length: float) -> float:
    if seconds < 0 or frame_length <= 0:
        raise IgsedError(f"durations must not be negative, got {seconds} s at frames of {frame_length} s")
    return seconds
