"""Anything over time -> evaluation frames; ground truth -> evaluation frames.

All intervals are half open, ``[start, stop)``, in seconds. Evaluation frame ``k`` covers
``[k * frame_length, (k + 1) * frame_length)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from igsed_core.base.errors import IgsedError

# Guards against 0.3 / 0.1 = 2.9999999999999996.
_EPSILON = 1e-9


def n_frames(duration: float, frame_length: float) -> int:
    """Return how many frames cover a clip; the last one may be shorter.

    Examples
    --------
    >>> from igsed_core.metrics.frames import n_frames
    >>> n_frames(10.0, 0.1), n_frames(1.05, 0.1)
    (100, 11)
    """
    return int(np.ceil(duration / frame_length - _EPSILON))


def seconds_of_frames(n_frames: int, frame_length: float, duration: float | None = None) -> NDArray[np.float64]:
    """Return each frame's length in seconds; where the clip's ``duration`` is given, the last frame ends with it.

    Returns
    -------
    np.ndarray [shape=(n_frames,)]

    Raises
    ------
    IgsedError
        If the clip does not end within the last frame.
    """
    seconds = np.full(n_frames, float(frame_length))
    if duration is None or not n_frames:
        return seconds
    left = duration - frame_length * (n_frames - 1)
    if not _EPSILON < left <= frame_length + _EPSILON:
        raise IgsedError(
            f"{n_frames} frames of {frame_length:g} s do not end with a clip of {duration:g} s: "
            f"take {int(np.ceil(duration / frame_length - _EPSILON))}"
        )
    if left < frame_length - _EPSILON:
        seconds[-1] = left
    return seconds


def coverage(
    onsets: ArrayLike,
    offsets: ArrayLike,
    *,
    n_frames: int,
    frame_length: float,
    start: float = 0.0,
    duration: float | None = None,
) -> NDArray[np.float64]:
    """Share of each frame in which at least one event is active.

    Parameters
    ----------
    onsets, offsets
        Events in seconds, ``[shape=(n_events,)]``; events may overlap.
    n_frames
        Number of frames.
    frame_length
        Frame length in seconds.
    start
        Start of the first frame in seconds (encoders may centre it on time zero).
    duration
        Of the clip, in seconds, for frames that begin with it: the last frame's share is of what lies in the clip.

    Returns
    -------
    np.ndarray [shape=(n_frames,)]
        Values in [0, 1]; the union of overlapping events is counted once.

    Examples
    --------
    >>> from igsed_core.metrics.frames import coverage
    >>> coverage([0.5], [1.25], n_frames=3, frame_length=0.5).tolist()
    [0.0, 1.0, 0.5]
    """
    edges = start + frame_length * np.arange(n_frames + 1)
    total = np.zeros(n_frames)
    for onset, offset in union(np.atleast_1d(onsets), np.atleast_1d(offsets)):
        # The frames that it touches alone: of a recording of days all frames for each event would take minutes.
        some = slice(np.searchsorted(edges[1:], onset, side="right"), np.searchsorted(edges[:-1], offset, side="left"))
        ends, begins = np.minimum(offset, edges[1:][some]), np.maximum(onset, edges[:-1][some])
        total[some] += np.clip(ends - begins, 0.0, None)
    return np.clip(total / seconds_of_frames(n_frames, frame_length, duration), 0.0, 1.0)


def activity(
    onsets: ArrayLike,
    offsets: ArrayLike,
    *,
    n_frames: int,
    frame_length: float,
    start: float = 0.0,
    min_coverage: float = 0.0,
    duration: float | None = None,
) -> NDArray[np.bool_]:
    """Active frames: those of which events cover more than ``min_coverage`` (0: any part).

    An event shorter than a frame activates the frame it lies in when ``min_coverage`` is 0, and may
    activate none otherwise.

    Returns
    -------
    np.ndarray [shape=(n_frames,), dtype=bool]

    Examples
    --------
    >>> from igsed_core.metrics.frames import activity
    >>> activity([0.5], [1.25], n_frames=3, frame_length=0.5).tolist()
    [False, True, True]
    >>> activity([0.5], [1.25], n_frames=3, frame_length=0.5, min_coverage=0.5).tolist()
    [False, True, False]
    """
    share = coverage(onsets, offsets, n_frames=n_frames, frame_length=frame_length, start=start, duration=duration)
    return share > min_coverage + _EPSILON


def average(
    values: NDArray[np.floating],
    *,
    step: float,
    frame_length: float,
    n_frames: int,
    start: float = 0.0,
    duration: float | None = None,
) -> NDArray[np.float64]:
    """Average a piecewise constant function of time over evaluation frames.

    Frames that lie within one step, or within steps of one value, get this very value, so that they tie exactly:
    thresholds and the pointing game say what becomes of ties, and rounding must not decide it for them.

    Parameters
    ----------
    values
        Value ``j`` holds on ``[start + j * step, start + (j + 1) * step)``;
        ``[shape=(..., n_steps)]``. The first value also holds before, the last one after.
    step
        Length of a step in seconds (0.32 for framewise scores, 0.01 for attributions).
    frame_length, n_frames
        The evaluation frames.
    start
        Time at which the first step begins, in seconds.
    duration
        Of the clip, in seconds: where frames do not divide it, the last one ends with it.

    Returns
    -------
    np.ndarray [shape=(..., n_frames)]
        Means, weighted by the time that each step takes of a frame.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.frames import average
    >>> average(np.array([0.0, 4.0]), step=1.0, frame_length=0.8, n_frames=2).round(6).tolist()
    [0.0, 3.0]
    """
    values = np.asarray(values, dtype=np.float64)
    index, weights = _steps_of_frames(
        values.shape[-1], step, seconds_of_frames(n_frames, frame_length, duration), frame_length, start
    )
    taken = values[..., index]  # (..., n_frames, most steps in a frame)
    lowest = taken.min(axis=-1)
    return np.asarray(lowest + ((taken - lowest[..., None]) * weights).sum(axis=-1))


def average_logits(
    logits: NDArray[np.floating],
    *,
    step: float,
    frame_length: float,
    n_frames: int,
    start: float = 0.0,
    duration: float | None = None,
) -> NDArray[np.float64]:
    """Average probabilities over evaluation frames, given and returned as logits.

    The order of frames is that of the averaged probabilities, but nothing saturates: the logits 40 and 41 stay apart,
    whose probabilities are both 1.

    Parameters
    ----------
    logits
        As the ``values`` of :func:`average`, ``[shape=(..., n_steps)]``.
    step, frame_length, start, duration
        As for :func:`average`, in seconds.
    n_frames
        Number of evaluation frames.

    Returns
    -------
    np.ndarray [shape=(..., n_frames)]
        Logits of the mean probabilities; a frame within steps of one value gets this very value.
    """
    logits = np.asarray(logits, dtype=np.float64)
    index, weights = _steps_of_frames(
        logits.shape[-1], step, seconds_of_frames(n_frames, frame_length, duration), frame_length, start
    )
    taken = logits[..., index]  # (..., n_frames, most steps in a frame)
    with np.errstate(divide="ignore"):
        share = np.log(weights)
    active = logsumexp(share - np.logaddexp(0.0, -taken), axis=-1)
    inactive = logsumexp(share - np.logaddexp(0.0, taken), axis=-1)
    lowest, highest = taken.min(axis=-1), taken.max(axis=-1)
    return np.where(highest > lowest, np.clip(active - inactive, lowest, highest), lowest)


def _steps_of_frames(
    n_steps: int, step: float, seconds: NDArray[np.float64], frame_length: float, start: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which steps each frame touches, and the share of its time that each takes, ``(n_frames, most of them)``."""
    begin = (frame_length * np.arange(len(seconds)) - start) / step  # in steps
    end = begin + seconds / step
    first = np.floor(begin + _EPSILON).astype(int)
    last = np.maximum(np.ceil(end - _EPSILON).astype(int) - 1, first)
    number = first[:, None] + np.arange((last - first).max(initial=0) + 1)
    overlap = np.minimum(end[:, None], number + 1) - np.maximum(begin[:, None], number)
    # Rounded, so that frames which cut their steps alike weigh them alike.
    weights = np.round(np.clip(overlap, 0.0, None) * (step / seconds)[:, None], 10)
    return np.clip(np.minimum(number, last[:, None]), 0, n_steps - 1), weights


def window_mean(samples: NDArray[np.floating], length: int) -> NDArray[np.floating]:
    """Mean over consecutive windows of ``length`` samples; a shorter last window is averaged as it is.

    Parameters
    ----------
    samples
        ``[shape=(..., n_samples)]``
    length
        Samples in a window.

    Returns
    -------
    np.ndarray [shape=(..., ceil(n_samples / length))]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.frames import window_mean
    >>> window_mean(np.arange(5.0), 2).tolist()
    [0.5, 2.5, 4.0]
    """
    starts = np.arange(0, samples.shape[-1], length)
    counts = np.diff(np.append(starts, samples.shape[-1]))
    return np.add.reduceat(samples, starts, axis=-1) / counts


def union(onsets: NDArray[np.float64], offsets: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Merge overlapping intervals.

    Parameters
    ----------
    onsets, offsets
        In seconds, ``[shape=(n_events,)]``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.frames import union
    >>> [(float(a), float(b)) for a, b in union(np.array([0.0, 0.5, 3.0]), np.array([1.0, 2.0, 4.0]))]
    [(0.0, 2.0), (3.0, 4.0)]
    """
    merged: list[tuple[float, float]] = []
    for onset, offset in sorted(zip(onsets, offsets, strict=True)):
        if merged and onset <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], offset))
        else:
            merged.append((onset, offset))
    return merged


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the runs of active frames, each from its first frame to the one after its last.

    Parameters
    ----------
    mask
        ``[shape=(n_frames,)]``

    Returns
    -------
    np.ndarray [shape=(n_runs, 2)]
    """
    return runs_by_row(mask[None])[1]


def runs_by_row(masks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the runs of active frames of several masks.

    Parameters
    ----------
    masks
        ``[shape=(n_masks, n_frames)]``

    Returns
    -------
    of : np.ndarray [shape=(n_runs,)]
        Number of each run's mask, rising.
    runs : np.ndarray [shape=(n_runs, 2)]
        As of :func:`runs`.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.frames import runs_by_row
    >>> of, found = runs_by_row(np.array([[True, True, False], [False, False, False], [True, False, True]]))
    >>> of.tolist(), found.tolist()
    ([0, 2, 2], [[0, 2], [0, 1], [2, 3]])
    """
    padded = np.zeros((len(masks), masks.shape[1] + 2), dtype=bool)
    padded[:, 1:-1] = masks
    row, frame = np.nonzero(padded[:, 1:] != padded[:, :-1])
    return row[::2], frame.reshape(-1, 2)
