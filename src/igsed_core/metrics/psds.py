"""The polyphonic sound detection score (PSDS), exact over all thresholds, with bootstrap replicates.

A threshold on the scores turns them into detections. A detection is good if enough of it lies in events of its class,
a false positive otherwise; an event is found if good detections cover enough of it. As the threshold falls, each class
runs through operating points (false positives, found events). The score is the area under the mean over classes of the
share of events found, less its spread over classes, against false positives an hour (Bilen et al., "A framework for the
robust evaluation of sound event detection", 2020; all thresholds: Ebbers et al., "Threshold independent evaluation of
sound event detection scores", 2022). Cross triggers are not penalised, as in DCASE's first scenario.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.metrics import frames
from igsed_core.metrics.event_based import Spans

_TOLERANCE = 1e-7  # s


@dataclass(frozen=True)
class Scenario:
    """What counts as found. The defaults are scenario 1 of DCASE's task 4.

    Attributes
    ----------
    detection_share
        Of a detection, that must lie in events of its class (detection tolerance criterion).
    event_share
        Of an event, that good detections must cover (ground truth intersection criterion).
    spread_weight
        Weight of the standard deviation over classes (alpha_ST).
    most_false
        False positives an hour up to which the area counts.
    """

    detection_share: float = 0.7
    event_share: float = 0.7
    spread_weight: float = 1.0
    most_false: float = 100.0


@dataclass(frozen=True, eq=False)
class Changes:
    """How the counts of (clip, class) pairs change as the threshold falls below their scores.

    Attributes
    ----------
    thresholds
        Falling scores of each pair, ``[shape=(n_pairs, n_frames)]``.
    found, false
        Changes in the number of events found and of false positives, of the same shape.
    """

    thresholds: NDArray[np.float64]
    found: NDArray[np.int64]
    false: NDArray[np.int64]


def changes(
    scores: NDArray[np.floating], true: list[Spans], *, frame_length: float, scenario: Scenario | None = None
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
    scenario
        Its two shares are used.

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
    scenario = scenario or Scenario()
    falling = -np.sort(-np.asarray(scores, dtype=float), axis=-1)
    found, false = np.zeros(falling.shape, dtype=np.int64), np.zeros(falling.shape, dtype=np.int64)
    for i, spans in enumerate(true):
        masks = scores[i] >= falling[i][:, None]  # (n_thresholds, n_frames)
        found[i], false[i] = _counts(masks, spans, frame_length, scenario)
    return Changes(falling, np.diff(found, prepend=0), np.diff(false, prepend=0))


def _counts(
    masks: NDArray[np.bool_], spans: Spans, frame_length: float, scenario: Scenario
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Events found and false positives of each mask."""
    grid = {"n_frames": masks.shape[1], "frame_length": frame_length}
    overlap = np.zeros((len(spans), masks.shape[1]))  # seconds of each event in each frame
    for k, (onset, offset) in enumerate(spans):
        overlap[k] = frame_length * frames.coverage(onset, offset, **grid)  # type: ignore[arg-type]
    starts = masks & ~np.pad(masks, ((0, 0), (1, 0)))[:, :-1]
    # Detections of all masks, numbered through; 0 stands for no detection.
    detection = np.cumsum(starts).reshape(masks.shape) * masks
    length = np.bincount(detection.ravel()) * frame_length
    inside = np.bincount(detection.ravel(), weights=np.broadcast_to(overlap.sum(axis=0), masks.shape).ravel())
    good = inside >= scenario.detection_share * length - _TOLERANCE
    good[0] = False
    covered = good[detection] @ overlap.T  # (n_thresholds, n_events)
    found = (covered >= scenario.event_share * (spans[:, 1] - spans[:, 0]) - _TOLERANCE).sum(axis=1)
    return found, (starts & ~good[detection]).sum(axis=1)


def score(
    of_pairs: Changes,
    class_of: NDArray[np.int64],
    clip_of: NDArray[np.int64],
    n_events: NDArray[np.int64],
    weights: NDArray[np.float64],
    durations: NDArray[np.float64],
    *,
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
        Of the clips, in seconds.
    scenario
        See :class:`Scenario`.

    Returns
    -------
    np.ndarray [shape=(n_replicates,)]
        Values in [0, 1]. A class without an event in a replicate is left out of it.

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
    scenario = scenario or Scenario()
    hours = weights @ durations / 3600
    # False positives are whole numbers: the curves are steps on 0, 1, 2, ... of them, up to the limit.
    most = scenario.most_false * hours
    n_steps = int(np.floor(most.max() + _TOLERANCE)) + 1
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
        effective = np.clip(mean - scenario.spread_weight * spread, 0, None)
        return (effective * width).sum(axis=1) / most


def _most_found(
    points: Changes, clip_of: NDArray[np.int64], weights: NDArray[np.float64], n_steps: int
) -> NDArray[np.float64]:
    """Most events of a class found with at most 0, 1, 2, ... false positives: ``(n_replicates, n_steps)``."""
    rows, columns = np.nonzero((points.found != 0) | (points.false != 0))
    order = np.argsort(-points.thresholds[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    thresholds = points.thresholds[rows, columns]
    # All pairs whose score the threshold falls below change at once: read off after the last of equals.
    last = np.append(thresholds[1:] != thresholds[:-1], True)[: len(thresholds)]
    drawn = np.ascontiguousarray(np.rint(weights.T), dtype=np.int32)[clip_of[rows]]  # (n_points, n_replicates)
    found, false = (
        np.cumsum(drawn * change[rows, columns, None].astype(np.int32), axis=0, dtype=np.int32)[last]
        for change in (points.found, points.false)
    )
    best = np.zeros(len(weights) * n_steps, dtype=np.int32)
    point, replicate = np.nonzero(false < n_steps)
    np.maximum.at(best, replicate * n_steps + false[point, replicate], found[point, replicate])
    return np.maximum.accumulate(best.reshape(len(weights), n_steps), axis=1).astype(float)
