"""Masks as events: event-based counts with collars, and how far onsets and offsets are off."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames

COLLAR = 0.2  # s, for onsets, and at least for offsets
OFFSET_SHARE = 0.2  # of the event's length, if that is more (DCASE's convention)
_EPSILON = 1e-9

Spans = NDArray[np.float64]  # (n_events, 2): onset and offset in seconds, in order, apart from each other


@dataclass(frozen=True, eq=False)
class EventCounts:
    """Event-based counts of instances, ``[shape=(...)]`` each."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]


def checked(spans: Spans, *, apart: bool = False) -> Spans:
    """Return events as they are, or refuse what no metric of events can judge.

    Parameters
    ----------
    spans
        ``[shape=(n_events, 2)]``: onset and offset in seconds; an empty list of any shape is no event.
    apart
        Whether they must be in order and apart from each other (touching is allowed).

    Returns
    -------
    np.ndarray [shape=(n_events, 2)]

    Raises
    ------
    IgsedError
        For another shape, a time that is not finite, an event that does not end after its onset, or, where they must
        be apart, events that overlap or are out of order.
    """
    spans = np.asarray(spans, dtype=float)
    if not spans.size:
        return spans.reshape(0, 2)
    if spans.ndim != 2 or spans.shape[1] != 2:
        raise IgsedError(f"events are pairs of onset and offset, got the shape {spans.shape}")
    if not np.isfinite(spans).all():
        raise IgsedError("the onset or offset of an event is NaN or infinite: leave such events out")
    for onset, offset in spans[spans[:, 1] <= spans[:, 0]][:1]:
        raise IgsedError(
            f"the event from {onset:g} to {offset:g} s has no length: an event must end after its onset, leave it out"
        )
    if apart:
        for before, after in itertools.pairwise(spans):
            if after[0] < before[1] - _EPSILON:
                raise IgsedError(
                    f"the events {before[0]:g}-{before[1]:g} s and {after[0]:g}-{after[1]:g} s of one class overlap or "
                    "are out of order: merge them by true_spans first"
                )
    return spans


def true_spans(events: pd.DataFrame, pairs: pd.DataFrame) -> list[Spans]:
    """Return the events of each (clip, label) pair; those that overlap or touch are one, as in a mask.

    Parameters
    ----------
    events
        ``clip, label, onset, offset`` in seconds.
    pairs
        ``clip, label``, a row per pair.

    Raises
    ------
    IgsedError
        If an event of a pair does not end after its onset, or has no time.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.metrics.event_based import true_spans
    >>> events = pd.DataFrame({"clip": "a", "label": "Bell", "onset": [0.0, 0.5, 3.0], "offset": [1.0, 2.0, 4.0]})
    >>> pairs = pd.DataFrame({"clip": ["a"], "label": ["Bell"]})
    >>> [spans.tolist() for spans in true_spans(events, pairs)]
    [[[0.0, 2.0], [3.0, 4.0]]]
    """
    by_pair = dict(iter(events.groupby(["clip", "label"])))
    result = []
    for pair in zip(pairs["clip"], pairs["label"], strict=True):
        rows = by_pair.get(pair)
        spans = [] if rows is None else frames.union(*checked(rows[["onset", "offset"]].to_numpy(dtype=float)).T)
        result.append(np.array(spans, dtype=float).reshape(-1, 2))
    return result


def mask_spans(mask: NDArray[np.bool_], frame_length: float, duration: float | None = None) -> Spans:
    """Return runs of detected frames as events, in seconds.

    Parameters
    ----------
    mask
        ``[shape=(n_frames,)]``
    frame_length
        Seconds.
    duration
        Of the clip, in seconds: where frames do not divide it, the last one ends with it. Without it every frame has
        its full length.

    Returns
    -------
    np.ndarray [shape=(n_events, 2)]
        Onset and offset in seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import mask_spans
    >>> mask_spans(np.array([False, True, True, False, True]), 0.5).tolist()
    [[0.5, 1.5], [2.0, 2.5]]
    """
    return _seconds(frames.runs(mask), frame_length, duration)


def _seconds(runs: NDArray[np.int64], frame_length: float, duration: float | None) -> Spans:
    spans = np.asarray(runs * frame_length)
    return spans if duration is None else np.minimum(spans, duration)


def matches(detected: Spans, true: Spans, *, collar: float = COLLAR, offset_share: float = OFFSET_SHARE) -> int:
    """Count the most pairs of a detected and a true event whose onsets and offsets agree.

    An event is in one pair at most. Onsets agree within ``collar``, offsets within ``collar`` or ``offset_share`` of
    the true event's length, whichever is more (Mesaros, Heittola and Virtanen, "Metrics for polyphonic sound event
    detection", 2016).

    Parameters
    ----------
    detected, true
        ``[shape=(n_events, 2)]``, in seconds, of one class in one clip; they may overlap.
    collar
        Seconds.
    offset_share
        Of the true event's length.

    Raises
    ------
    IgsedError
        For an event that does not end after its onset, or has no time.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import matches
    >>> true = np.array([[0.0, 1.0], [3.0, 4.0]])
    >>> matches(np.array([[0.1, 1.0], [3.5, 4.0]]), true)
    1
    """
    return _matches(checked(detected), checked(true), collar, offset_share)


def _matches(detected: Spans, true: Spans, collar: float, offset_share: float) -> int:
    return int(_matches_by_mask(np.zeros(len(detected), dtype=np.int64), detected, true, collar, offset_share, 1)[0])


def _matches_by_mask(
    of: NDArray[np.int64], detected: Spans, true: Spans, collar: float, offset_share: float, n_masks: int
) -> NDArray[np.int64]:
    """Count matches of each mask's events (``of``: whose each is) with the same true ones, ``[shape=(n_masks,)]``."""
    if not len(detected) or not len(true):
        return np.zeros(n_masks, dtype=np.int64)
    # Only events that begin near each other are held to one another: of a recording of days all pairs are too many.
    true = true[np.argsort(true[:, 0], kind="stable")]
    near = collar + 2 * _EPSILON
    low = np.searchsorted(true[:, 0], detected[:, 0] - near, side="left")
    first, second = pairs_within(low, np.searchsorted(true[:, 0], detected[:, 0] + near, side="right"))
    apart = np.abs(detected[first] - true[second])  # (n_pairs, 2)
    tolerated = np.maximum(collar, offset_share * (true[second, 1] - true[second, 0]))
    fits = (apart[:, 0] <= collar + _EPSILON) & (apart[:, 1] <= tolerated + _EPSILON)
    first, second = first[fits], second[fits]
    each = of[first] * len(true) + second  # a true event of a mask
    if len(np.unique(first)) < len(first) or len(np.unique(each)) < len(each):
        _, each = np.unique(each, return_inverse=True)
        pairs = csr_array((np.ones(len(first), dtype=bool), (first, each)))
        first = np.flatnonzero(maximum_bipartite_matching(pairs, perm_type="column") >= 0)
    return np.bincount(of[first], minlength=n_masks)


def pairs_within(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each ``i`` with all numbers from ``low[i]`` to below ``high[i]``, none where that is not higher.

    Parameters
    ----------
    low, high
        ``[shape=(n,)]``

    Returns
    -------
    first, second : np.ndarray [shape=(n_pairs,)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import pairs_within
    >>> [one.tolist() for one in pairs_within(np.array([0, 5, 2]), np.array([2, 4, 3]))]
    [[0, 0, 2], [0, 1, 2]]
    """
    count = np.maximum(high - low, 0)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(np.arange(len(count)), count), np.repeat(low, count) + within


def counts(
    masks: NDArray[np.bool_],
    true: list[Spans],
    *,
    frame_length: float,
    duration: float | None = None,
    collar: float = COLLAR,
    offset_share: float = OFFSET_SHARE,
) -> EventCounts:
    """Count matched, superfluous and missed events of every mask.

    Parameters
    ----------
    masks
        ``[shape=(..., n_instances, n_frames)]``
    true
        From :func:`true_spans`.
    frame_length
        Seconds.
    duration
        Of the clips, in seconds (:func:`mask_spans`).
    collar, offset_share
        See :func:`matches`.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import counts
    >>> masks = np.array([[True, False, False, True]])
    >>> found = counts(masks, [np.array([[0.0, 1.0]])], frame_length=1.0)
    >>> found.tp.tolist(), found.fp.tolist(), found.fn.tolist()
    ([1], [1], [0])
    """
    flat = masks.reshape(-1, *masks.shape[-2:])
    tp = np.zeros(flat.shape[:2], dtype=np.int64)
    n_detected = np.zeros_like(tp)
    for i, one in enumerate(true):
        of, runs = frames.runs_by_row(flat[:, i])
        found = _seconds(runs, frame_length, duration)
        n_detected[:, i] = np.bincount(of, minlength=len(flat))
        tp[:, i] = _matches_by_mask(of, found, checked(one), collar, offset_share, len(flat))
    shape = masks.shape[:-1]
    n_true = np.array([len(spans) for spans in true])
    return EventCounts(tp.reshape(shape), (n_detected - tp).reshape(shape), (n_true - tp).reshape(shape))


def counts_of_events(
    detected: Sequence[Spans], true: Sequence[Spans], *, collar: float = COLLAR, offset_share: float = OFFSET_SHARE
) -> EventCounts:
    """Count matched, superfluous and missed events, where detections are events and not masks.

    Parameters
    ----------
    detected, true
        Events of each instance, in seconds, ``[shape=(n_events, 2)]`` each; they may overlap.
    collar, offset_share
        See :func:`matches`.

    Returns
    -------
    EventCounts
        Of ``[shape=(n_instances,)]``.

    Raises
    ------
    IgsedError
        As :func:`matches`.
    """
    tp = np.array(
        [matches(d, t, collar=collar, offset_share=offset_share) for d, t in zip(detected, true, strict=True)]
    )
    n_detected, n_true = (np.array([len(spans) for spans in many]) for many in (detected, true))
    return EventCounts(tp, n_detected - tp, n_true - tp)


def boundary_errors(
    masks: NDArray[np.bool_], true: list[Spans], *, frame_length: float, duration: float | None = None
) -> NDArray[np.float64]:
    """Mean absolute onset and offset error of each instance's events that are found at all.

    A true event is found if a detected one overlaps it; the one that overlaps it longest (the earliest of equals) is
    compared. Errors are in seconds, averaged over the instance's found events.

    Parameters
    ----------
    masks
        ``[shape=(n_instances, n_frames)]``
    true
        From :func:`true_spans`.
    frame_length
        Seconds.
    duration
        Of the clips, in seconds (:func:`mask_spans`).

    Returns
    -------
    np.ndarray [shape=(3, n_instances)]
        Onset error, offset error (NaN where no event is found), and the number of events found.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import boundary_errors
    >>> mask = np.array([[False, True, True, False]])
    >>> boundary_errors(mask, [np.array([[0.5, 3.0]])], frame_length=1.0).tolist()
    [[0.5], [0.0], [1.0]]
    """
    result = np.full((3, len(true)), np.nan)
    for i, (mask, spans) in enumerate(zip(masks, true, strict=True)):
        found = mask_spans(mask, frame_length, duration)
        errors = []
        for onset, offset in checked(spans) if len(found) else ():
            shared = np.minimum(found[:, 1], offset) - np.maximum(found[:, 0], onset)
            if shared.max() > _EPSILON:
                errors.append(np.abs(found[shared.argmax()] - (onset, offset)))
        result[2, i] = len(errors)
        if errors:
            result[:2, i] = np.mean(errors, axis=0)
    return result
