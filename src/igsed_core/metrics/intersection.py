"""Intersection criteria of Bilen et al. (ICASSP 2020): good detections, found events, cross-triggers; event lists.

A detection is good if enough of it lies in events of its class (detection tolerance, DTC), a false positive otherwise;
an event is found if good detections cover enough of it (ground truth intersection, GTC). A false positive that lies
far enough in events of another class (cross-trigger tolerance, CTTC) is a cross-trigger of that class as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import event_based, localisation
from igsed_core.metrics.event_based import Spans

TOLERANCE = 1e-7  # s


@dataclass(frozen=True)
class Scenario:
    """What counts as found, and what a false positive costs, by the names of psds_eval and sed_scores_eval.

    The defaults are scenario 1 of DCASE's task 4.

    Attributes
    ----------
    dtc_threshold
        Share of a detection that must lie in events of its class (detection tolerance criterion).
    gtc_threshold
        Share of an event that good detections must cover (ground truth intersection criterion).
    cttc_threshold
        Share of a false positive that makes it a cross-trigger of the class whose events it lies in.
    alpha_ct
        Weight of cross-triggers in the effective false positive rate.
    alpha_st
        Weight of the standard deviation over classes.
    max_efpr
        Effective false positives per hour up to which the area counts.

    Raises
    ------
    IgsedError
        For a share outside (0, 1], ``alpha_ct`` outside [0, 1], a negative ``alpha_st``, or no positive ``max_efpr``.
    """

    dtc_threshold: float = 0.7
    gtc_threshold: float = 0.7
    cttc_threshold: float = 0.3
    alpha_ct: float = 0.0
    alpha_st: float = 1.0
    max_efpr: float = 100.0

    def __post_init__(self) -> None:
        for name in ("dtc_threshold", "gtc_threshold", "cttc_threshold"):
            if not 0 < getattr(self, name) <= 1:
                raise IgsedError(f"{name} of a PSDS scenario is {getattr(self, name)}: give a share above 0, up to 1")
        if not 0 <= self.alpha_ct <= 1 or not self.alpha_st >= 0 or not self.max_efpr > 0:
            raise IgsedError(
                "a PSDS scenario needs an alpha_ct from 0 to 1, an alpha_st of 0 or more and a max_efpr above 0"
            )


SCENARIO_1 = Scenario()
SCENARIO_2 = Scenario(dtc_threshold=0.1, gtc_threshold=0.1, alpha_ct=0.5)


@dataclass(frozen=True, eq=False)
class Points:
    """Counts of operating points, of each class in each clip.

    Attributes
    ----------
    found, false
        Events found and false positives, ``[shape=(n_points, n_classes, n_clips)]``.
    cross
        False positives of the first class that lie in events of the second,
        ``[shape=(n_points, n_classes, n_classes, n_clips)]``.
    n_events, seconds
        Number and total length (s) of the events of each class in each clip, ``[shape=(n_classes, n_clips)]``.
    """

    found: NDArray[np.int64]
    false: NDArray[np.int64]
    cross: NDArray[np.int64]
    n_events: NDArray[np.int64]
    seconds: NDArray[np.float64]


def points(
    detections: Sequence[pd.DataFrame],
    events: pd.DataFrame,
    clips: Sequence[str],
    classes: Sequence[str],
    *,
    scenario: Scenario | None = None,
) -> Points:
    """Count a system's operating points, which are event lists.

    Parameters
    ----------
    detections
        ``clip, label, onset, offset`` (s) at each operating point; those of a class that overlap or touch are merged.
    events
        The truth, in the same form.
    clips, classes
        Names; what lies in other clips or classes is refused.
    scenario
        Its three shares are used.

    Raises
    ------
    IgsedError
        For a clip or class that is not named, and for events without a length.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.metrics.intersection import points
    >>> truth = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [0.0], "offset": [2.0]})
    >>> found = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [0.0], "offset": [1.5]})
    >>> missed = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [5.0], "offset": [6.0]})
    >>> counted = points([found, missed], truth, ["a"], ["Bell"])
    >>> counted.found.ravel().tolist(), counted.false.ravel().tolist()
    ([1, 0], [0, 1])
    """
    scenario = scenario or SCENARIO_1
    true = _Events.of(events, clips, classes, "the truth")
    shape = (len(detections), len(classes), len(clips))
    found, false = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    cross = np.zeros((len(detections), len(classes), *shape[1:]), dtype=np.int64)
    for p, table in enumerate(detections):
        detected = _Events.of(table, clips, classes, f"operating point {p}")
        for clip in np.unique(detected.clip).tolist():
            counted = _of_clip(detected.within(clip), true.within(clip), len(classes), scenario)
            found[p, :, clip], false[p, :, clip], cross[p, :, :, clip] = counted
    n_events, seconds = np.zeros(shape[1:], dtype=np.int64), np.zeros(shape[1:])
    np.add.at(n_events, (true.label, true.clip), 1)
    np.add.at(seconds, (true.label, true.clip), true.length)
    return Points(found, false, cross, n_events, seconds)


def f_scores(of: Points) -> NDArray[np.float64]:
    """Intersection-based F1 of each class at each operating point, ``[shape=(n_points, n_classes)]``.

    Found events, false positives (cross-triggers among them) and missed events are added up over clips.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.metrics.intersection import f_scores, points
    >>> truth = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [0.0], "offset": [2.0]})
    >>> found = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [0.0], "offset": [1.5]})
    >>> f_scores(points([found], truth, ["a"], ["Bell"])).tolist()
    [[1.0]]
    """
    tp, fp = of.found.sum(axis=2), of.false.sum(axis=2)
    return localisation.of_counts(tp, fp, of.n_events.sum(axis=1) - tp)[2]


def area(curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], scenario: Scenario) -> float:
    """Area under the mean over classes minus the weighted spread, as a share of the whole.

    Parameters
    ----------
    curves
        Of each class the effective false positives per hour and the share of events found, of all its operating
        points in any order.
    scenario
        ``alpha_st`` and ``max_efpr`` are used.

    Returns
    -------
    float
        In [0, 1]; NaN without a class. Between operating points a curve is a step, and it never falls.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.intersection import SCENARIO_1, area
    >>> curve = np.array([50.0, 75.0]), np.array([0.5, 1.0])  # half found from 50 per hour on, all from 75
    >>> area([curve], SCENARIO_1)
    0.375
    """
    if not curves:
        return float("nan")
    edges = np.unique(np.concatenate([[0.0, scenario.max_efpr], *(x[x < scenario.max_efpr] for x, _ in curves)]))
    shares = np.zeros((len(curves), len(edges)))
    for c, (x, y) in enumerate(curves):
        order = np.argsort(x, kind="stable")
        best = np.concatenate([[0.0], np.maximum.accumulate(y[order])])
        shares[c] = best[np.searchsorted(x[order], edges, side="right")]
    effective = np.clip(shares.mean(axis=0) - scenario.alpha_st * shares.std(axis=0), 0.0, None)
    return float((effective[:-1] * np.diff(edges)).sum() / scenario.max_efpr)


def effective_rates(
    false: NDArray[np.float64],
    cross: NDArray[np.float64],
    hours: float,
    hours_of_classes: NDArray[np.float64],
    of_class: int,
    scenario: Scenario,
) -> NDArray[np.float64]:
    """Effective false positives per hour: those per hour of audio plus the weighted mean of the cross-triggers'.

    Parameters
    ----------
    false
        ``[shape=(n_points,)]``
    cross
        ``[shape=(n_points, n_classes)]``: cross-triggers of each class, counted per hour of its own events. A class
        without events is left out of the mean, and so is the detected class.
    hours, hours_of_classes
        Of audio, and of each class's events, ``[shape=(n_classes,)]``.
    of_class
        Number of the detected class.
    scenario
        ``alpha_ct`` is used.

    Returns
    -------
    np.ndarray [shape=(n_points,)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.intersection import SCENARIO_1, SCENARIO_2, effective_rates
    >>> false, cross, of_classes = np.array([3.0]), np.array([[0.0, 2.0]]), np.array([0.5, 0.5])
    >>> effective_rates(false, cross, 1.0, of_classes, 0, SCENARIO_1).tolist()
    [3.0]
    >>> effective_rates(false, cross, 1.0, of_classes, 0, SCENARIO_2).tolist()  # 3 + 0.5 * 2 / 0.5
    [5.0]
    """
    rate = false / hours
    others = (hours_of_classes > 0) & (np.arange(len(hours_of_classes)) != of_class)
    if not scenario.alpha_ct or not others.any():
        return rate
    return rate + scenario.alpha_ct * (cross[:, others] / hours_of_classes[others]).mean(axis=1)


@dataclass(frozen=True, eq=False)
class _Events:
    """Events of all clips, those of a class in a clip apart from each other; classes and clips by number."""

    clip: NDArray[np.int64]
    label: NDArray[np.int64]
    spans: Spans

    @property
    def length(self) -> NDArray[np.float64]:
        return np.asarray(self.spans[:, 1] - self.spans[:, 0])

    @classmethod
    def of(cls, table: pd.DataFrame, clips: Sequence[str], classes: Sequence[str], what: str) -> _Events:
        numbers = []
        for column, names in (("clip", clips), ("label", classes)):
            number = pd.Index(names).get_indexer(pd.Index(table[column]))
            if (number < 0).any():
                unknown = table[column].iloc[int((number < 0).argmax())]
                raise IgsedError(f"{what} holds the {column} {unknown!r}, which is not among those evaluated")
            numbers.append(number)
        spans = event_based.checked(table[["onset", "offset"]].to_numpy(dtype=float))
        order = np.lexsort((spans[:, 0], *numbers))
        clip, label, spans = numbers[0][order], numbers[1][order], spans[order]
        last = -1
        keep = np.zeros(len(spans), dtype=bool)
        for i, (onset, offset) in enumerate(spans):
            if last >= 0 and clip[i] == clip[last] and label[i] == label[last] and onset <= spans[last, 1]:
                spans[last, 1] = max(spans[last, 1], offset)
            else:
                keep[i], last = True, i
        return cls(clip[keep], label[keep], spans[keep])

    def within(self, clip: int) -> _Events:
        rows = self.clip == clip
        return _Events(self.clip[rows], self.label[rows], self.spans[rows])


def _of_clip(
    detected: _Events, true: _Events, n_classes: int, scenario: Scenario
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Events found and false positives of each class, cross-triggers of each class by each other one."""
    first, second = _overlapping(detected, true, n_classes)
    ends = np.minimum(detected.spans[first, 1], true.spans[second, 1])
    overlap = ends - np.maximum(detected.spans[first, 0], true.spans[second, 0])
    within = np.bincount(
        first * n_classes + true.label[second], weights=overlap, minlength=len(detected.label) * n_classes
    ).reshape(-1, n_classes)  # (n_detected, n_classes), seconds
    own = within[np.arange(len(within)), detected.label]
    good = own >= scenario.dtc_threshold * detected.length - TOLERANCE
    same = good[first] & (detected.label[first] == true.label[second])
    found = np.bincount(second[same], weights=overlap[same], minlength=len(true.label))
    is_found = found >= scenario.gtc_threshold * true.length - TOLERANCE
    enough = (within >= scenario.cttc_threshold * detected.length[:, None] - TOLERANCE) & (within > TOLERANCE)
    enough &= ~good[:, None] & (detected.label[:, None] != np.arange(n_classes))
    cross = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(cross, detected.label, enough)
    return (
        np.bincount(true.label[is_found], minlength=n_classes),
        np.bincount(detected.label[~good], minlength=n_classes),
        cross,
    )


def _overlapping(detected: _Events, true: _Events, n_classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which events overlap, ``[shape=(n_pairs,)]`` each: a recording of days has far too many pairs to try all.

    Those of one class do not overlap and lie in order (:meth:`_Events.of`).
    """
    firsts, seconds = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for label in range(n_classes):
        rows = np.flatnonzero(true.label == label)
        low = np.searchsorted(true.spans[rows, 1], detected.spans[:, 0], side="right")
        high = np.searchsorted(true.spans[rows, 0], detected.spans[:, 1], side="left")
        first, second = event_based.pairs_within(low, high)
        firsts.append(first)
        seconds.append(rows[second])
    return np.concatenate(firsts), np.concatenate(seconds)
