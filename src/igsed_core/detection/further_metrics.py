"""What the paper does not measure, of every method: rankings without a threshold, events with collars, PSDS."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from igsed_core.detection import evaluation
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import RANKED
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import bootstrap, event_based, intervals, localisation, psds, ranking, summaries
from igsed_core.metrics.summaries import Series

NO_RULE = "none"  # in the column `rule`: the metric needs none
# In the column `rule` of PSDS, whose threshold is the same for all clips: what it is compared with.
RAW, SHARE = "raw", "share_of_maximum"


@dataclass(frozen=True, eq=False)
class Split:
    """One split, as the metrics of events need it.

    Attributes
    ----------
    detected
        All pairs that the clip-level classifier detects, the false ones, too (:func:`evaluation.instances`).
    clips
        Names of the split's clips, of one length each.
    events
        ``clip, label, onset, offset`` in seconds; other clips' are left out.
    duration, frame_length
        Of a clip and of a frame, in seconds.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> from igsed_core.detection.further_metrics import Split
    >>> index = pd.DataFrame({"split": ["test"], "clip": ["a"], "label": ["Bell"]})
    >>> detected = Instances(index, np.array([[False, True]]), {"ig": np.array([[0.1, 0.9]])})
    >>> events = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [1.0], "offset": [2.0]})
    >>> split = Split(detected, ["a"], events, duration=2.0, frame_length=1.0)
    >>> split.detected.truth.shape[1] * split.frame_length == split.duration
    True
    """

    detected: Instances
    clips: Sequence[str]
    events: pd.DataFrame
    duration: float
    frame_length: float


def report(
    splits: dict[str, Split],
    chosen: dict[str, dict[str, float]],
    grid: NDArray[np.float64],
    *,
    replicates: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every method on every split.

    AUROC and average precision rank the frames of an instance. Event-based F1 is of the counts of all instances
    together (within each class, for the mean over classes), at the percentile with the highest such F1 on the
    validation split. Onset and offset error, and the share of events found at all, are those of the masks of Table II.
    PSDS takes all clips of the split: a class has no detection where the clip-level classifier does not detect it,
    whatever the method.

    Parameters
    ----------
    splits
        By name; ``validation`` chooses the percentile.
    chosen
        Thresholds of Table II, from :func:`evaluation.optimal_thresholds`.
    grid
        Percentiles to choose from, ``[shape=(n_thresholds,)]``.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    tuple of pd.DataFrame
        As :func:`summaries.summarise` and :func:`summaries.differences` make them, of all splits.
    """
    measured = {name: _Events.of(split) for name, split in splits.items()}
    best = measured["validation"].best_thresholds(grid)
    pairs = list(itertools.combinations(RANKED, 2))
    rows, apart = [], []
    for name, split in splits.items():
        index = measured[name].present.index
        series = [*_ranking(measured[name].present), *measured[name].series(best, chosen)]
        rules = dict.fromkeys(one.rule for one in series)
        paired = [((a, rule), (b, rule)) for rule in rules for a, b in pairs]
        rows.append(summaries.summarise(index, series, replicates=replicates, seed=seed))
        apart.append(summaries.differences(index, series, paired, replicates=replicates, seed=seed))
        of_psds = _psds(split, replicates=replicates, seed=seed)
        n_classes = index["label"].nunique()
        rows.append(_psds_rows(name, of_psds, n_classes, len(split.clips)))
        apart.append(_psds_differences(name, of_psds, pairs, n_classes, len(split.clips)))
    return pd.concat(rows, ignore_index=True), pd.concat(apart, ignore_index=True)


def _ranking(present: Instances) -> list[Series]:
    # The highest of random scores falls on the sound as often as a frame of the clip is active.
    by_chance = Series("random", NO_RULE, "chance", present.truth.mean(axis=-1))
    ranked = [
        Series(method, NO_RULE, metric, function(present.ranked[method], present.truth))
        for method in RANKED
        for metric, function in (("auroc", ranking.auroc), ("average_precision", ranking.average_precision))
    ]
    return [*ranked, by_chance]


@dataclass(frozen=True, eq=False)
class _Events:
    """The instances of one split and their events."""

    present: Instances
    true: list[event_based.Spans]
    frame_length: float
    duration: float

    @classmethod
    def of(cls, split: Split) -> _Events:
        spans = event_based.true_spans(split.events, split.detected.index)
        rows = np.array([len(one) > 0 for one in spans])
        return cls(split.detected.where(rows), [one for one in spans if len(one)], split.frame_length, split.duration)

    def counts(self, method: str, tau: ArrayLike) -> event_based.EventCounts:
        """Event-based counts of every instance at one percentile or at several."""
        masks = levels.percentile(self.present.ranked[method], tau)
        return event_based.counts(masks, self.true, frame_length=self.frame_length, duration=self.duration)

    def best_thresholds(self, grid: NDArray[np.float64]) -> dict[str, float]:
        """By method, the percentile with the highest F1 of the counts of all instances together."""
        best = {}
        for method in RANKED:
            c = self.counts(method, grid)
            _, _, f1 = localisation.of_counts(c.tp.sum(axis=1), c.fp.sum(axis=1), c.fn.sum(axis=1))
            best[method] = float(grid[f1.argmax()])
        return best

    def series(self, best: dict[str, float], chosen: dict[str, dict[str, float]]) -> list[Series]:
        """F1 at the best thresholds, errors of onsets and offsets at those chosen for frame F1."""
        result = []
        n_true = np.array([len(spans) for spans in self.true], dtype=float)
        for method in RANKED:
            c = self.counts(method, best[method])
            _, _, f1 = localisation.of_counts(c.tp, c.fp, c.fn)
            size = (2 * c.tp + c.fp + c.fn).astype(float)
            result.append(Series(method, evaluation.RULE, "event_f1", f1, best[method], weights=size))
            threshold = chosen[method]["f1"]
            masks = levels.percentile(self.present.ranked[method], threshold)
            onset, offset, found = event_based.boundary_errors(
                masks, self.true, frame_length=self.frame_length, duration=self.duration
            )
            for metric, values, weights in (
                ("onset_error", onset, found),
                ("offset_error", offset, found),
                ("events_found", found / n_true, n_true),
            ):
                result.append(Series(method, evaluation.RULE, metric, values, threshold, weights=weights))
        return result


def _psds(split: Split, *, replicates: int, seed: int) -> dict[tuple[str, str], NDArray[np.float64]]:
    """(method, rule) -> the sample's PSDS and the replicates', ``[shape=(1 + replicates,)]``."""
    clips = {clip: i for i, clip in enumerate(split.clips)}
    events = split.events[split.events["clip"].isin(clips)]
    pairs = events[["clip", "label"]].drop_duplicates()
    labels = sorted({*pairs["label"], *split.detected.index["label"]})
    classes = {label: i for i, label in enumerate(labels)}
    n_events = np.zeros((len(classes), len(clips)), dtype=np.int64)
    for clip, label, spans in zip(pairs["clip"], pairs["label"], event_based.true_spans(events, pairs), strict=True):
        n_events[classes[label], clips[clip]] = len(spans)
    index = split.detected.index
    true = event_based.true_spans(events, index)
    class_of = np.array([classes[label] for label in index["label"]], dtype=np.int64)
    clip_of = np.array([clips[clip] for clip in index["clip"]], dtype=np.int64)
    weights = bootstrap.with_sample(bootstrap.clip_weights(len(clips), replicates=replicates, seed=seed))
    durations = np.full(len(clips), split.duration)
    result = {}
    for rule, method in itertools.product((RAW, SHARE), RANKED):
        scores = split.detected.ranked[method]
        if rule == SHARE:
            scores = split.detected.scores[method]
            scores = scores / np.maximum(np.abs(scores).max(axis=-1, keepdims=True), np.finfo(float).tiny)
        changes = psds.changes(scores, true, frame_length=split.frame_length, duration=split.duration)
        result[method, rule] = psds.score(changes, class_of, clip_of, n_events, weights, durations)
    return result


def _psds_rows(
    split: str, of_psds: dict[tuple[str, str], NDArray[np.float64]], n_classes: int, n_clips: int
) -> pd.DataFrame:
    rows = []
    for (method, rule), values in of_psds.items():
        key = (split, method, rule, "psds", summaries.ALL, summaries.CLASS, np.nan)
        rows.append((*key, values[0], n_classes, np.nan, *intervals.interval(values, n_clips, within=intervals.SHARE)))
    return pd.DataFrame(rows, columns=summaries.COLUMNS)


def _psds_differences(
    split: str,
    of_psds: dict[tuple[str, str], NDArray[np.float64]],
    pairs: Sequence[tuple[str, str]],
    n_classes: int,
    n_clips: int,
) -> pd.DataFrame:
    rows = []
    for rule, (a, b) in itertools.product((RAW, SHARE), pairs):
        apart = of_psds[a, rule] - of_psds[b, rule]
        key = (split, a, rule, b, rule, "psds", summaries.ALL, summaries.CLASS)
        rows.append((*key, *summaries.difference(apart, n_classes, n_clips)))
    return summaries.with_survivors(pd.DataFrame(rows, columns=summaries.DIFFERENCE_COLUMNS))
