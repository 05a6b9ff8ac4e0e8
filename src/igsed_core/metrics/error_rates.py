"""Error rates of polyphonic detections: by events with collars, and by segments (Mesaros, Heittola, Virtanen 2016).

A detection that is right but for its class is one substitution, not a miss and a false alarm. Counts are kept by clip,
so that clips can be drawn anew: a rate or an F-score is a ratio of their sums. They are those of ``sed_eval`` (overall,
event matching ``optimal``).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames
from igsed_core.metrics.event_based import COLLAR, OFFSET_SHARE

_EPSILON = 1e-9


@dataclass(frozen=True, eq=False)
class Events:
    """Events of many clips.

    Attributes
    ----------
    clip, label
        Number of each event's clip, not falling, and of its class, ``[shape=(n_events,)]``.
    times
        Onset and offset in seconds, ``[shape=(n_events, 2)]``.
    n_clips
        Clips there are.
    """

    clip: NDArray[np.int64]
    label: NDArray[np.int64]
    times: NDArray[np.float64]
    n_clips: int

    def of_clips(self) -> list[slice]:
        """Rows of each clip."""
        ends = np.searchsorted(self.clip, np.arange(self.n_clips + 1))
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]


def of_masks(masks: NDArray[np.bool_], *, step: float, start: float = 0.0, duration: float = np.inf) -> Events:
    """Turn runs of active steps into events.

    Parameters
    ----------
    masks
        ``[shape=(n_clips, n_classes, n_steps)]``
    step, start
        Of a step, and where the first begins, in seconds.
    duration
        Of the clips, in seconds: nothing lies outside.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.error_rates import of_masks
    >>> found = of_masks(np.array([[[False, True, True, False]]]), step=0.5)
    >>> found.clip.tolist(), found.label.tolist(), found.times.tolist()
    ([0], [0], [[0.5, 1.5]])
    """
    changes = np.diff(np.pad(masks, ((0, 0), (0, 0), (1, 1))).astype(np.int8), axis=2)
    clip, label, first = np.nonzero(changes == 1)
    last = np.nonzero(changes == -1)[2]
    times = np.clip(start + step * np.stack([first, last], axis=1), 0.0, duration)
    return Events(clip, label, times, len(masks))


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of each clip, ``[shape=(n_clips,)]`` each.

    Attributes
    ----------
    tp, n_found, n_true
        Right ones; all that were found; all that there are. Of events, or of active segments.
    errors
        Substitutions, deletions and insertions.
    """

    tp: NDArray[np.int64]
    n_found: NDArray[np.int64]
    n_true: NDArray[np.int64]
    errors: NDArray[np.int64]

    def f1(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return numerator and denominator of F1, by clip ``[shape=(n_clips,)]``."""
        return (2 * self.tp).astype(float), (self.n_found + self.n_true).astype(float)

    def error_rate(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return numerator and denominator of the error rate, by clip ``[shape=(n_clips,)]``."""
        return self.errors.astype(float), self.n_true.astype(float)


def of_events(
    found: Events, true: Events, *, collar: float = COLLAR, offset_share: float = OFFSET_SHARE
) -> tuple[Counts, NDArray[np.bool_]]:
    """Count events that agree in class, onset and offset.

    Parameters
    ----------
    found, true
        Events of the same clips.
    collar, offset_share
        See :func:`igsed_core.metrics.event_based.matches`.

    Returns
    -------
    Counts
        By clip.
    np.ndarray [shape=(n_true,), dtype=bool]
        Which true events were found.

    Raises
    ------
    IgsedError
        If they are of different numbers of clips.

    Examples
    --------
    Right but for the class: one substitution.

    >>> import numpy as np
    >>> from igsed_core.metrics.error_rates import Events, of_events
    >>> first, times = np.array([0]), np.array([[1.0, 2.0]])
    >>> counts, hit = of_events(Events(first, np.array([1]), times, 1), Events(first, np.array([0]), times, 1))
    >>> counts.tp.tolist(), counts.errors.tolist(), hit.tolist()
    ([0], [1], [False])
    """
    if found.n_clips != true.n_clips:
        raise IgsedError(f"events of {found.n_clips} and of {true.n_clips} clips cannot be compared: give the same")
    rows = np.zeros((4, true.n_clips), dtype=np.int64)
    hit = np.zeros(len(true.clip), dtype=bool)
    for clip, (mine, theirs) in enumerate(zip(found.of_clips(), true.of_clips(), strict=True)):
        n_found, n_true = mine.stop - mine.start, theirs.stop - theirs.start
        right = substituted = 0
        if n_found and n_true:
            times = true.times[theirs]
            apart = np.abs(times[:, None] - found.times[mine][None])  # (n_true, n_found, 2)
            allowed = np.maximum(collar, offset_share * (times[:, 1] - times[:, 0]))[:, None]
            near = (apart[..., 0] <= collar + _EPSILON) & (apart[..., 1] <= allowed + _EPSILON)
            matched = _matched(near & (true.label[theirs][:, None] == found.label[mine][None]))
            of_true, of_found = (np.asarray(matched.any(axis=axis)) for axis in (1, 0))
            hit[theirs] = of_true
            right = int(matched.sum())
            substituted = _first_come(near & ~of_true[:, None] & ~of_found[None])
        wrong = n_found + n_true - 2 * right - substituted
        rows[:, clip] = right, n_found, n_true, wrong
    return Counts(*rows), hit


def _matched(fits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The most pairs with each row and column in one at most."""
    if fits.sum(axis=0).max() <= 1 and fits.sum(axis=1).max() <= 1:
        return fits
    chosen = np.zeros_like(fits)
    chosen[linear_sum_assignment(fits, maximize=True)] = True
    return chosen & fits


def _first_come(near: NDArray[np.bool_]) -> int:
    """Pairs that are made one after another, each row taking the first column that is left."""
    free, pairs = np.ones(near.shape[1], dtype=bool), 0
    for row in np.flatnonzero(near.any(axis=1)):
        those = np.flatnonzero(near[row] & free)
        if len(those):
            free[those[0]] = False
            pairs += 1
    return pairs


def activity(events: Events, n_classes: int, *, segment: float, duration: float) -> NDArray[np.bool_]:
    """Segments that events touch.

    Parameters
    ----------
    events
        Of all clips.
    n_classes
        Classes there are.
    segment, duration
        Of a segment and of the clips, in seconds.

    Returns
    -------
    np.ndarray [shape=(n_clips, n_classes, n_segments), dtype=bool]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.error_rates import Events, activity
    >>> one = Events(np.array([0]), np.array([0]), np.array([[0.5, 2.0]]), 1)
    >>> activity(one, 1, segment=1.0, duration=3.0).tolist()
    [[[True, True, False]]]
    """
    n = frames.n_frames(duration, segment)
    first = np.floor(events.times[:, 0] / segment + _EPSILON).astype(int)
    last = np.ceil(events.times[:, 1] / segment - _EPSILON).astype(int)
    marked = np.zeros((events.n_clips, n_classes, n), dtype=bool)
    for clip, label, a, b in zip(events.clip, events.label, first, last, strict=True):
        marked[clip, label, a:b] = True
    return marked


def of_segments(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> Counts:
    """Count active segments.

    Parameters
    ----------
    found, true
        From :func:`activity`, ``[shape=(n_clips, n_classes, n_segments)]``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.error_rates import of_segments
    >>> found, true = np.array([[[True, False], [True, False]]]), np.array([[[False, False], [True, True]]])
    >>> counts = of_segments(found, true)
    >>> counts.tp.tolist(), counts.errors.tolist()
    ([1], [2])
    """
    right, n_found, n_true = ((a).sum(axis=1) for a in (found & true, found, true))  # (n_clips, n_segments)
    # Of what is not right in a segment the larger of both sides: the rest of it are substitutions.
    wrong = np.maximum(n_found, n_true) - right
    return Counts(*(a.sum(axis=1) for a in (right, n_found, n_true, wrong)))
