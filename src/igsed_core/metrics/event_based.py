"""Masks as events: event-based counts with collars, and how far onsets and offsets are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

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


def true_spans(events: pd.DataFrame, pairs: pd.DataFrame) -> list[Spans]:
    """Return the events of each (clip, label) pair; those that overlap or touch are one, as in a mask.

    Parameters
    ----------
    events
        ``clip, label, onset, offset`` in seconds.
    pairs
        ``clip, label``, a row a pair.

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
        spans = (
            []
            if rows is None
            else frames.union(rows["onset"].to_numpy(dtype=float), rows["offset"].to_numpy(dtype=float))
        )
        result.append(np.array(spans, dtype=float).reshape(-1, 2))
    return result


def mask_spans(mask: NDArray[np.bool_], frame_length: float) -> Spans:
    """Return runs of detected frames as events, in seconds.

    Parameters
    ----------
    mask
        ``[shape=(n_frames,)]``
    frame_length
        Seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import mask_spans
    >>> mask_spans(np.array([False, True, True, False, True]), 0.5).tolist()
    [[0.5, 1.5], [2.0, 2.5]]
    """
    padded = np.zeros(len(mask) + 2, dtype=bool)
    padded[1:-1] = mask
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return np.asarray(edges.reshape(-1, 2) * frame_length)


def matches(detected: Spans, true: Spans, *, collar: float = COLLAR, offset_share: float = OFFSET_SHARE) -> int:
    """Count the most pairs of a detected and a true event whose onsets and offsets agree.

    An event is in one pair at most. Onsets agree within ``collar``, offsets within ``collar`` or ``offset_share`` of
    the true event's length, whichever is more (Mesaros, Heittola and Virtanen, "Metrics for polyphonic sound event
    detection", 2016).

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.event_based import matches
    >>> true = np.array([[0.0, 1.0], [3.0, 4.0]])
    >>> matches(np.array([[0.1, 1.0], [3.5, 4.0]]), true)
    1
    """
    if not len(detected) or not len(true):
        return 0
    apart = np.abs(detected[:, None] - true[None])  # (n_detected, n_true, 2)
    tolerated = np.maximum(collar, offset_share * (true[:, 1] - true[:, 0]))
    fits = (apart[..., 0] <= collar + _EPSILON) & (apart[..., 1] <= tolerated + _EPSILON)
    if fits.sum(axis=0).max() <= 1 and fits.sum(axis=1).max() <= 1:
        return int(fits.sum())
    rows, columns = linear_sum_assignment(fits, maximize=True)
    return int(fits[rows, columns].sum())


def counts(masks: NDArray[np.bool_], true: list[Spans], *, frame_length: float) -> EventCounts:
    """Count matched, superfluous and missed events of every mask.

    Parameters
    ----------
    masks
        ``[shape=(..., n_instances, n_frames)]``
    true
        From :func:`true_spans`.
    frame_length
        Seconds.

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
    for i, spans in enumerate(true):
        for j, mask in enumerate(flat[:, i]):
            found = mask_spans(mask, frame_length)
            n_detected[j, i] = len(found)
            tp[j, i] = matches(found, spans)
    shape = masks.shape[:-1]
    n_true = np.array([len(spans) for spans in true])
    return EventCounts(tp.reshape(shape), (n_detected - tp).reshape(shape), (n_true - tp).reshape(shape))


def boundary_errors(masks: NDArray[np.bool_], true: list[Spans], *, frame_length: float) -> NDArray[np.float64]:
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
        found = mask_spans(mask, frame_length)
        errors = []
        for onset, offset in spans if len(found) else ():
            shared = np.minimum(found[:, 1], offset) - np.maximum(found[:, 0], onset)
            if shared.max() > _EPSILON:
                errors.append(np.abs(found[shared.argmax()] - (onset, offset)))
        result[2, i] = len(errors)
        if errors:
            result[:2, i] = np.mean(errors, axis=0)
    return result
