"""The polyphonic sound detection score (PSDS), exact over all thresholds, with bootstrap replicates.

A threshold on the scores turns them into detections, of which some are good, some false, and some events are found
(:mod:`igsed_core.metrics.intersection`). As the threshold falls, each class runs through operating points (false
positives, found events). The score is the area under the mean over classes of the share of events found, minus its
spread over classes, against false positives per hour (Bilen et al., "A framework for the robust evaluation of sound
event detection", 2020; all thresholds: Ebbers et al., "Threshold independent evaluation of sound event detection
scores", 2022). Cross-triggers cost nothing in DCASE's first scenario (:data:`SCENARIO_1`, the default) and half a
false positive in its second (:data:`SCENARIO_2`). Systems that come as event lists go through :func:`of_points`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import event_based, frames, intersection
from igsed_core.metrics.event_based import Spans
from igsed_core.metrics.intersection import SCENARIO_1, SCENARIO_2, TOLERANCE, Points, Scenario

__all__ = ["SCENARIO_1", "SCENARIO_2", "Changes", "Scenario", "changes", "of_points", "score"]

_CACHED = 1 << 18  # counts at once: arrays that a processor's own memory holds


@dataclass(frozen=True, eq=False)
class Changes:
    """How the counts of (clip, class) pairs change as the threshold falls below their scores.

    Attributes
    ----------
    thresholds
        Falling scores of each pair, ``[shape=(n_pairs, n_frames)]``.
    found, false
        Changes in the number of events found and of false positives, of the same shape.
    cross
        Changes in the number of cross-triggers of each class, ``[shape=(n_pairs, n_frames, n_classes)]``; ``None``
        where no other class's events were given.
    """

    thresholds: NDArray[np.float64]
    found: NDArray[np.int64]
    false: NDArray[np.int64]
    cross: NDArray[np.int64] | None = None


def changes(
    scores: NDArray[np.floating],
    true: list[Spans],
    *,
    frame_length: float,
    duration: float | None = None,
    of_others: Sequence[Sequence[Spans]] | None = None,
    scenario: Scenario | None = None,
) -> Changes:
    """Count found events and false positives of every pair at every threshold.

    Parameters
    ----------
    scores
        ``[shape=(n_pairs, n_frames)]``
    true
        Events of each pair, from :func:`igsed_core.metrics.event_based.true_spans`; none for a false detection.
    frame_length
        Seconds.
    duration
        Of the clips, in seconds: where frames do not divide it, the last one ends with it.
    of_others
        Of each pair the events of every class in its clip (none in the place of its own class), for scenarios that
        weigh cross-triggers.
    scenario
        Its three shares are used.

    Raises
    ------
    IgsedError
        For scores that are not finite, events without a length, and events of a pair that overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.psds import changes
    >>> scores = np.array([[0.9, 0.8, 0.1, 0.2]])
    >>> of_pair = changes(scores, [np.array([[0.0, 2.0]])], frame_length=1.0)
    >>> of_pair.thresholds.tolist()
    [[0.9, 0.8, 0.2, 0.1]]
    >>> of_pair.found.tolist(), of_pair.false.tolist()
    ([[0, 1, 0, -1]], [[0, 0, 1, 0]])
    """
    scenario = scenario or SCENARIO_1
    if not np.isfinite(scores).all():
        raise IgsedError("PSDS takes finite scores: some are NaN or infinite")
    true = [event_based.checked(spans, apart=True) for spans in true]
    seconds = frames.seconds_of_frames(np.shape(scores)[1], frame_length, duration)
    falling = -np.sort(-np.asarray(scores, dtype=float), axis=-1)
    found, false = np.zeros(falling.shape, dtype=np.int64), np.zeros(falling.shape, dtype=np.int64)
    cross = None if of_others is None else np.zeros((*falling.shape, len(of_others[0])), dtype=np.int64)
    for i, spans in enumerate(true):
        masks = scores[i] >= falling[i][:, None]  # (n_thresholds, n_frames)
        others = () if of_others is None else [event_based.checked(one, apart=True) for one in of_others[i]]
        found[i], false[i], triggered = _counts(masks, spans, frame_length, seconds, scenario, others)
        if cross is not None:
            cross[i] = np.diff(triggered, prepend=0, axis=0)
    return Changes(falling, np.diff(found, prepend=0), np.diff(false, prepend=0), cross)


def _counts(
    masks: NDArray[np.bool_],
    spans: Spans,
    frame_length: float,
    seconds: NDArray[np.float64],
    scenario: Scenario,
    of_others: Sequence[Spans],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Events found, false positives and cross-triggers of each mask."""
    n_frames = masks.shape[1]
    # Seconds of each event in each frame.
    overlap = np.zeros((len(spans), n_frames))
    for k, (onset, offset) in enumerate(spans):
        overlap[k] = frame_length * frames.coverage(onset, offset, n_frames=n_frames, frame_length=frame_length)
    starts = masks & ~np.pad(masks, ((0, 0), (1, 0)))[:, :-1]
    # Detections of all masks, numbered through; 0 stands for no detection.
    detection = np.cumsum(starts).reshape(masks.shape) * masks
    length = np.bincount(detection.ravel(), weights=np.broadcast_to(seconds, masks.shape).ravel())
    inside = np.bincount(detection.ravel(), weights=np.broadcast_to(overlap.sum(axis=0), masks.shape).ravel())
    good = inside >= scenario.dtc_threshold * length - TOLERANCE
    good[0] = False
    covered = good[detection] @ overlap.T  # (n_thresholds, n_events)
    found = (covered >= scenario.gtc_threshold * (spans[:, 1] - spans[:, 0]) - TOLERANCE).sum(axis=1)
    bad = starts & ~good[detection]
    cross = np.zeros((len(masks), len(of_others)), dtype=np.int64)
    for k, others in enumerate(of_others):
        if len(others):
            share = frames.coverage(*others.T, n_frames=n_frames, frame_length=frame_length) * frame_length
            within = np.bincount(detection.ravel(), weights=np.broadcast_to(share, masks.shape).ravel())
            enough = (within >= scenario.cttc_threshold * length - TOLERANCE) & (within > TOLERANCE)
            cross[:, k] = (bad & enough[detection]).sum(axis=1)
    return found, bad.sum(axis=1), cross


def score(
    of_pairs: Changes,
    class_of: NDArray[np.int64],
    clip_of: NDArray[np.int64],
    n_events: NDArray[np.int64],
    weights: NDArray[np.float64],
    durations: NDArray[np.float64],
    *,
    seconds: NDArray[np.float64] | None = None,
    scenario: Scenario | None = None,
) -> NDArray[np.float64]:
    """PSDS of a sample of clips and of each of its bootstrap replicates.

    Parameters
    ----------
    of_pairs
        From :func:`changes`. A class has no detection in a clip where it has no pair.
    class_of, clip_of
        Number of each pair's class and clip, ``[shape=(n_pairs,)]``.
    n_events
        Events of each class in each clip, whether a pair or not, ``[shape=(n_classes, n_clips)]``.
    weights
        How often each clip is drawn, ``[shape=(n_replicates, n_clips)]``.
    durations
        Of the clips, in seconds, ``[shape=(n_clips,)]``.
    seconds
        Length of each class's events in each clip, of the shape of ``n_events``, where cross-triggers are weighed.
    scenario
        See :class:`Scenario`.

    Returns
    -------
    np.ndarray [shape=(n_replicates,)]
        Values in [0, 1]. A class without an event in a replicate is left out of it.

    Raises
    ------
    IgsedError
        If the scenario weighs cross-triggers that were not counted.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.psds import changes, score
    >>> scores = np.array([[0.9, 0.8, 0.1, 0.2]])
    >>> of_pair = changes(scores, [np.array([[0.0, 2.0]])], frame_length=1.0)
    >>> first = np.array([0])
    >>> score(of_pair, first, first, np.array([[1]]), np.ones((1, 1)), np.array([3600.0])).tolist()
    [1.0]
    >>> score(of_pair, first, first, np.array([[2]]), np.ones((1, 1)), np.array([3600.0])).tolist()
    [0.5]
    """
    scenario = scenario or SCENARIO_1
    if scenario.alpha_ct:
        if of_pairs.cross is None or seconds is None:
            raise IgsedError("a scenario with alpha_ct needs of_others for changes() and seconds for score()")
        return _with_cross_triggers(
            of_pairs, of_pairs.cross, class_of, clip_of, n_events, weights, durations, seconds, scenario
        )
    hours = weights @ durations / 3600
    # False positives are whole numbers: the curves are steps on 0, 1, 2, ... of them, up to the limit.
    most = scenario.max_efpr * hours
    n_steps = int(np.floor(most.max() + TOLERANCE)) + 1
    found = np.zeros((len(n_events), len(weights), n_steps))
    for c in range(len(n_events)):
        mine = class_of == c
        if mine.any():
            points = Changes(of_pairs.thresholds[mine], of_pairs.found[mine], of_pairs.false[mine])
            found[c] = _most_found(points, clip_of[mine], weights, n_steps)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = found / (n_events @ weights.T)[..., None]
    share[np.isinf(share)] = np.nan
    held = (~np.isnan(share)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(share, axis=0) / held
        spread = np.sqrt(np.clip(np.nansum(share**2, axis=0) / held - mean**2, 0, None))
        width = np.clip(most[:, None] - np.arange(n_steps), 0, 1)  # the last step may be cut
        effective = np.clip(mean - scenario.alpha_st * spread, 0, None)
        return (effective * width).sum(axis=1) / most


def _most_found(
    points: Changes, clip_of: NDArray[np.int64], weights: NDArray[np.float64], n_steps: int
) -> NDArray[np.float64]:
    """Most events of a class found with at most 0, 1, 2, ... false positives: ``(n_replicates, n_steps)``."""
    rows, columns, last = _in_order(points)
    ends, clips = np.flatnonzero(last), clip_of[rows]
    found, false = (change[rows, columns].astype(np.int32) for change in (points.found, points.false))
    drawn = np.rint(weights).astype(np.int32)
    best = np.zeros((len(weights), n_steps), dtype=np.int32)
    at_once = max(1, _CACHED // max(1, len(rows)))
    for part in range(0, len(weights), at_once):
        times = drawn[part : part + at_once, clips]  # (n_replicates of the part, n_points)
        n_false = np.cumsum(times * false, axis=1, dtype=np.int32)[:, ends]
        n_found = np.cumsum(times * found, axis=1, dtype=np.int32)[:, ends]
        replicate, point = np.nonzero(n_false < n_steps)
        np.maximum.at(best, (part + replicate, n_false[replicate, point]), n_found[replicate, point])
    return np.maximum.accumulate(best, axis=1).astype(float)


def _in_order(points: Changes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Rows and columns of what changes, as the threshold falls, and after which of them counts can be read off."""
    changed = (points.found != 0) | (points.false != 0)
    if points.cross is not None:
        changed |= (points.cross != 0).any(axis=2)
    rows, columns = np.nonzero(changed)
    order = np.argsort(-points.thresholds[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    thresholds = points.thresholds[rows, columns]
    # All pairs whose score the threshold falls below change at once: read off after the last of equals.
    return rows, columns, np.append(thresholds[1:] != thresholds[:-1], True)[: len(thresholds)]


def _with_cross_triggers(
    of_pairs: Changes,
    cross: NDArray[np.int64],
    class_of: NDArray[np.int64],
    clip_of: NDArray[np.int64],
    n_events: NDArray[np.int64],
    weights: NDArray[np.float64],
    durations: NDArray[np.float64],
    seconds: NDArray[np.float64],
    scenario: Scenario,
) -> NDArray[np.float64]:
    """:func:`score` where effective false positives are no whole numbers: replicate by replicate."""
    ordered = []
    for c in range(len(n_events)):
        mine = class_of == c
        points = Changes(of_pairs.thresholds[mine], of_pairs.found[mine], of_pairs.false[mine], cross[mine])
        rows, columns, last = _in_order(points)
        # (2 + n_classes, n_changes): found, false and cross-triggers of each class
        changed = [points.found[rows, columns], points.false[rows, columns], *cross[mine][rows, columns].T]
        ordered.append((clip_of[mine][rows], np.stack(changed), last))
    result = np.empty(len(weights))
    for r, drawn in enumerate(weights):
        hours, of_classes, n = drawn @ durations / 3600, seconds @ drawn / 3600, n_events @ drawn
        curves = []
        for c in np.flatnonzero(n > 0).tolist():
            clips, changed_here, last = ordered[c]
            found, false, *triggered = np.cumsum(changed_here * drawn[clips], axis=1)[:, last]
            rate = intersection.effective_rates(false, np.array(triggered).T, hours, of_classes, c, scenario)
            curves.append((rate, found / n[c]))
        result[r] = intersection.area(curves, scenario)
    return result


def of_points(
    points: Points, weights: NDArray[np.float64], durations: NDArray[np.float64], *, scenario: Scenario | None = None
) -> NDArray[np.float64]:
    """PSDS of a system's operating points (event lists), of a sample of clips and of its bootstrap replicates.

    Between operating points the curves are steps, so that few points give a lower score than all thresholds do.

    Parameters
    ----------
    points
        From :func:`igsed_core.metrics.intersection.points`, by the same scenario.
    weights
        How often each clip is drawn, ``[shape=(n_replicates, n_clips)]``.
    durations
        Of the clips, in seconds, ``[shape=(n_clips,)]``.
    scenario
        See :class:`Scenario`.

    Returns
    -------
    np.ndarray [shape=(n_replicates,)]
        Values in [0, 1]. A class without an event in a replicate is left out of it.
    """
    scenario = scenario or SCENARIO_1
    result = np.empty(len(weights))
    for r, drawn in enumerate(weights):
        hours, of_classes, n = drawn @ durations / 3600, points.seconds @ drawn / 3600, points.n_events @ drawn
        found, false, cross = (counted @ drawn for counted in (points.found, points.false, points.cross))
        curves = [
            (
                intersection.effective_rates(false[:, c], cross[:, c], hours, of_classes, c, scenario),
                found[:, c] / n[c],
            )
            for c in np.flatnonzero(n > 0).tolist()
        ]
        result[r] = intersection.area(curves, scenario)
    return result
