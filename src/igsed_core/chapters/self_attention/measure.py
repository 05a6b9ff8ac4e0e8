"""How well detectors do, as ratios of sums over clips, so that clips can be drawn anew.

A figure of several networks of one kind is the mean of theirs. Levels and median filters are chosen on validation, for
event-based F and, for all that is judged by segments and for IoU, for segment-based F at 1 s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from igsed_core.chapters.self_attention.material import Material, Part
from igsed_core.chapters.self_attention.study import Trained, probabilities
from igsed_core.data.urban_recipe import DURATION
from igsed_core.metrics import bootstrap, error_rates, frames, intervals, judging, localisation, psds
from igsed_core.metrics.error_rates import Events

EVEN, TUNED, NO_RULE = "even_odds", "tuned", "none"
RULES = {EVEN: "probability above one half", TUNED: "threshold and median filter tuned on validation"}
EVENT_F, EVENT_ER, SEGMENT_F, SEGMENT_ER = "event_f1", "event_er", "segment_f1", "segment_er"
FINE_F, FINE_ER, IOU, PSDS_1, PSDS_2 = "segment_f1_100ms", "segment_er_100ms", "iou", "psds_1", "psds_2"
METRICS = {
    EVENT_F: "event-based F",
    EVENT_ER: "event-based error rate",
    SEGMENT_F: "segment-based F, 1 s",
    SEGMENT_ER: "segment-based error rate, 1 s",
    FINE_F: "segment-based F, 100 ms",
    FINE_ER: "segment-based error rate, 100 ms",
    IOU: "IoU",
    PSDS_1: "PSDS 1",
    PSDS_2: "PSDS 2",
}
MARGIN = 0.03  # smallest difference that is called one
COMPARED = (EVENT_F, SEGMENT_F, IOU)
LEVELS = (0.15, 0.25, 0.35, 0.5, 0.65)
MEDIANS = (0.0, 0.25, 0.5, 1.0)  # s
FRAME = 0.1  # s, of IoU and PSDS
_FEW_DRAWS = 100  # of PSDS 2, whose replicates are computed one by one
_BINS = {"length": (0.0, 1.0, 2.0, 4.0, np.inf), "polyphony": (1, 2, 3, 4, np.inf)}


@dataclass(frozen=True, eq=False)
class Measured:
    """One figure of one network.

    Attributes
    ----------
    system, seed, rule, metric
        Which one.
    values
        In the sample and in each replicate, ``[shape=(1 + replicates,)]``.
    n
        Clips.
    """

    system: str
    seed: int
    rule: str
    metric: str
    values: NDArray[np.float64]
    n: int


@dataclass(frozen=True, eq=False)
class Judge:
    """What all networks are held to.

    Attributes
    ----------
    material
        The soundscapes.
    drawn
        The test clips once, then as often as each replicate has them, ``[shape=(1 + replicates, n_clips)]``.
    """

    material: Material
    drawn: NDArray[np.float64]

    @classmethod
    def of(cls, material: Material, *, replicates: int, seed: int) -> Judge:
        """Draw the test clips."""
        n = len(material.parts["test"].clips)
        return cls(material, bootstrap.with_sample(bootstrap.clip_weights(n, replicates=replicates, seed=seed)))

    def ratio(self, parts: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Ratio of sums over clips in each draw; of numerators and denominators ``(n_clips,)``."""
        above, below = (self.drawn @ one for one in parts)
        return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def detections(values: NDArray[np.float64], level: float, median: float, hop: float) -> Events:
    """Events where probabilities lie above a level, after a median filter.

    Parameters
    ----------
    values
        ``[shape=(n_clips, n_classes, time)]``
    level, median, hop
        Of probability; seconds of the filter and of a frame.
    """
    mask, size = values > level, 2 * int(median / hop / 2) + 1
    if size > 1:
        mask = median_filter(mask, size=(1, 1, size), mode="nearest")
    return error_rates.of_masks(mask, step=hop, start=-hop / 2, duration=DURATION)


def _events(found: Events, part: Part, n_classes: int) -> error_rates.Counts:
    return error_rates.of_events(found, part.true)[0]


def _segments(found: Events, part: Part, n_classes: int, segment: float = 1.0) -> error_rates.Counts:
    return error_rates.of_segments(
        *(error_rates.activity(one, n_classes, segment=segment, duration=DURATION) for one in (found, part.true))
    )


Count = Callable[[Events, Part, int], error_rates.Counts]


def tune(values: NDArray[np.float64], part: Part, hop: float, count: Count) -> tuple[float, float]:
    """Choose level and median filter with the highest F.

    Parameters
    ----------
    values
        Of validation clips, ``[shape=(n_clips, n_classes, time)]``.
    part
        The validation clips.
    hop
        Seconds of a frame.
    count
        Of events or of segments.

    Returns
    -------
    tuple of float
        Level, seconds of the filter; of equals the first.
    """
    best, chosen = -1.0, (LEVELS[0], MEDIANS[0])
    for level, median in itertools.product(LEVELS, MEDIANS):
        hits, of = count(detections(values, level, median, hop), part, values.shape[1]).f1()
        score = hits.sum() / max(of.sum(), 1.0)
        if score > best:
            best, chosen = score, (level, median)
    return chosen


@dataclass(frozen=True, eq=False)
class Result:
    """What is known of one network.

    Attributes
    ----------
    trained
        The network.
    measured
        Its figures.
    found
        Which of the test's true events it finds under :data:`TUNED`, ``[shape=(n_events,)]``.
    chosen
        Level and filter for events, and for segments.
    """

    trained: Trained
    measured: list[Measured]
    found: NDArray[np.bool_]
    chosen: tuple[tuple[float, float], tuple[float, float]]


def evaluate(one: Trained, judge: Judge) -> Result:
    """Measure one network on the test clips.

    Parameters
    ----------
    one
        The network.
    judge
        What it is held to.
    """
    material = judge.material
    validation, test = material.parts["validation"], material.parts["test"]
    on_validation, values = (probabilities(one, part.maps) for part in (validation, test))
    by_event, by_segment = (tune(on_validation, validation, material.hop, count) for count in (_events, _segments))
    made: list[Measured] = []

    def add(rule: str, metric: str, drawn: NDArray[np.float64]) -> None:
        made.append(Measured(one.system.name, one.seed, rule, metric, drawn, len(test.clips)))

    hit = np.zeros(len(test.true.clip), dtype=bool)
    for rule, events, segments in ((EVEN, (0.5, 0.0), (0.5, 0.0)), (TUNED, by_event, by_segment)):
        counts, hit = error_rates.of_events(detections(values, *events, material.hop), test.true)
        add(rule, EVENT_F, judge.ratio(counts.f1()))
        add(rule, EVENT_ER, judge.ratio(counts.error_rate()))
        found = detections(values, *segments, material.hop)
        for length, names in ((1.0, (SEGMENT_F, SEGMENT_ER)), (FRAME, (FINE_F, FINE_ER))):
            counts = _segments(found, test, values.shape[1], length)
            add(rule, names[0], judge.ratio(counts.f1()))
            add(rule, names[1], judge.ratio(counts.error_rate()))
        add(rule, IOU, judge.ratio(_iou(found, test, values.shape[1])))
    for metric, drawn in _psds(values, test, judge).items():
        add(NO_RULE, metric, drawn)
    return Result(one, made, hit, (by_event, by_segment))


def _iou(found: Events, part: Part, n_classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of IoU over the classes that are in each clip, and their numbers."""
    marked, true = (
        error_rates.activity(one, n_classes, segment=FRAME, duration=DURATION) for one in (found, part.true)
    )
    present = true.any(axis=2)
    each = np.where(present, localisation.iou(marked, true), 0.0)
    return each.sum(axis=1), present.sum(axis=1).astype(float)


def _psds(values: NDArray[np.float64], part: Part, judge: Judge) -> dict[str, NDArray[np.float64]]:
    n_clips, n_classes, _ = values.shape
    hop, n_frames = judge.material.hop, frames.n_frames(DURATION, FRAME)
    scores = frames.average(
        values.reshape(n_clips * n_classes, -1), step=hop, start=-hop / 2, frame_length=FRAME, n_frames=n_frames
    )
    true = part.true
    pair = true.clip * n_classes + true.label
    spans = [true.times[pair == i] for i in range(n_clips * n_classes)]
    nothing = np.zeros((0, 2))
    others = [
        [nothing if c == i % n_classes else spans[i // n_classes * n_classes + c] for c in range(n_classes)]
        for i in range(len(spans))
    ]
    class_of, clip_of = np.tile(np.arange(n_classes), n_clips), np.repeat(np.arange(n_clips), n_classes)
    n_events = np.array([len(one) for one in spans]).reshape(n_clips, n_classes).T
    seconds = np.array([np.diff(one, axis=1).sum() for one in spans]).reshape(n_clips, n_classes).T
    drawn = {PSDS_1: judge.drawn, PSDS_2: judge.drawn[: 1 + _FEW_DRAWS]}
    result = {}
    for name, scenario in ((PSDS_1, psds.SCENARIO_1), (PSDS_2, psds.SCENARIO_2)):
        of_others = others if scenario.alpha_ct else None
        changes = psds.changes(scores, spans, frame_length=FRAME, of_others=of_others, scenario=scenario)
        result[name] = psds.score(
            changes,
            class_of,
            clip_of,
            n_events,
            drawn[name],
            np.full(n_clips, DURATION),
            seconds=seconds if scenario.alpha_ct else None,
            scenario=scenario,
        )
    return result


def means(results: Sequence[Result]) -> dict[tuple[str, str, str], tuple[NDArray[np.float64], list[float], int]]:
    """Mean of the networks of each kind: (system, rule, metric) -> draws, the networks' own figures, clips."""
    grouped: dict[tuple[str, str, str], list[Measured]] = {}
    for one in itertools.chain.from_iterable(result.measured for result in results):
        grouped.setdefault((one.system, one.rule, one.metric), []).append(one)
    return {
        key: (np.mean([m.values for m in many], axis=0), [float(m.values[0]) for m in many], many[0].n)
        for key, many in grouped.items()
    }


def summary(results: Sequence[Result]) -> pd.DataFrame:
    """Tabulate the figures of each kind of network.

    Parameters
    ----------
    results
        From :func:`evaluate`.

    Returns
    -------
    pd.DataFrame
        ``system, rule, metric, split, n`` (clips), ``networks, value, ci_low, ci_high, std`` (over networks; NaN for
        one).
    """
    rows = []
    for (system, rule, metric), (drawn, each, n) in means(results).items():
        within = (0.0, np.inf) if metric.endswith(("_er", "_er_100ms")) else intervals.SHARE
        low, high = intervals.interval(drawn, n, within=within)
        spread = float(np.std(each, ddof=1)) if len(each) > 1 else np.nan
        rows.append((system, rule, metric, "test", n, len(each), drawn[0], low, high, spread))
    columns = ["system", "rule", "metric", "split", "n", "networks", "value", "ci_low", "ci_high", "std"]
    return pd.DataFrame(rows, columns=columns)


Named = tuple[str, str]  # system and rule


def differences(results: Sequence[Result], pairs: Sequence[tuple[Named, Named]]) -> pd.DataFrame:
    """Paired differences between kinds of networks, in the metrics :data:`COMPARED`.

    Parameters
    ----------
    results
        From :func:`evaluate`.
    pairs
        ((system, rule), (other, other rule)).

    Returns
    -------
    pd.DataFrame
        ``system, rule, other, other_rule, metric, split, n, networks, value, ci_low, ci_high, p_holm, verdict``;
        p-values are corrected over all rows, and a verdict of above or below needs a corrected one below 0.05 as well.
    """
    known = means(results)
    rows, values = [], []
    for (one, other), metric in itertools.product(pairs, COMPARED):
        (first, each, n), (second, _, _) = (known[*name, metric] for name in (one, other))
        apart = first - second
        low, high = intervals.interval(apart, n, within=intervals.APART)
        values.append(float(intervals.p_values(apart[:, None], n)[0]))
        rows.append((*one, *other, metric, "test", n, len(each), apart[0], low, high))
    columns = [
        "system",
        "rule",
        "other",
        "other_rule",
        "metric",
        "split",
        "n",
        "networks",
        "value",
        "ci_low",
        "ci_high",
    ]
    return judging.judge_family(pd.DataFrame(rows, columns=columns), values, margin=MARGIN)


def by_event(results: Sequence[Result], judge: Judge) -> pd.DataFrame:
    """Share of events that are found, by their length and by how many sound at once.

    Parameters
    ----------
    results
        From :func:`evaluate`.
    judge
        What they were held to.

    Returns
    -------
    pd.DataFrame
        ``system, by, low, high, split, n`` (events), ``n_clips, value, ci_low, ci_high``; length in s.
    """
    true = judge.material.parts["test"].true
    of = {"length": np.diff(true.times, axis=1)[:, 0], "polyphony": polyphony(true).astype(float)}
    names = dict.fromkeys(result.trained.system.name for result in results)
    rows = []
    for name, (by, edges) in itertools.product(names, _BINS.items()):
        hits = np.mean([result.found for result in results if result.trained.system.name == name], axis=0)
        for low, high in itertools.pairwise(edges):
            mine = (of[by] >= low) & (of[by] < high)
            parts = [np.bincount(true.clip[mine], weights=w, minlength=true.n_clips) for w in (hits[mine], None)]
            drawn = judge.ratio((parts[0].astype(float), parts[1].astype(float)))
            n_clips = int((parts[1] > 0).sum())
            ends = intervals.interval(drawn, n_clips, within=intervals.SHARE)
            rows.append((name, by, low, high, "test", int(mine.sum()), n_clips, drawn[0], *ends))
    columns = ["system", "by", "low", "high", "split", "n", "n_clips", "value", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def polyphony(true: Events) -> NDArray[np.int64]:
    """Most events that sound at once at any instant of each event, itself among them, ``[shape=(n_events,)]``.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.chapters.self_attention.measure import polyphony
    >>> from igsed_core.metrics.error_rates import Events
    >>> times = np.array([[0.0, 2.0], [1.0, 3.0], [5.0, 6.0]])
    >>> polyphony(Events(np.zeros(3, int), np.array([0, 1, 0]), times, 1)).tolist()
    [2, 2, 1]
    """
    found = np.ones(len(true.clip), dtype=np.int64)
    for rows in true.of_clips():
        onset, offset = true.times[rows].T
        # The most at once is reached at an onset, of this event or of another within it.
        at = ((onset[None] <= onset[:, None]) & (offset[None] > onset[:, None])).sum(axis=1)
        within = (onset[None] >= onset[:, None]) & (onset[None] < offset[:, None])
        found[rows] = np.where(within, at[None], 1).max(axis=1, initial=1)
    return found
