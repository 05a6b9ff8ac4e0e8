"""Scores over time -> masks -> metrics -> tidy tables (paper, sections III-C and IV).

Instances are the (clip, class) pairs that the clip-level classifier detects and that are present; they are
the same for every method, so that methods compare like with like.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.detection.scored import COMPARED, IG, ORACLE
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import frames, localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models import classification

THRESHOLDED = ("iou", "f1")
RULE = "percentile"  # the paper's rule, in the column `rule`


@dataclass(frozen=True)
class Instances:
    """The (clip, class) pairs of one split with their ground truth and each method's scores.

    Attributes
    ----------
    index
        ``split, clip, label``, a row per instance.
    truth
        Active frames, ``[shape=(n_instances, n_frames), dtype=bool]``.
    scores
        Method -> ``[shape=(n_instances, n_frames)]``.
    logits
        Of methods whose scores are probabilities their logits, of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> index = pd.DataFrame({"split": "validation", "clip": ["a", "b"], "label": "Bell"})
    >>> truth = np.array([[False, True, True, False], [True, False, False, False]])
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2], [0.7, 0.2, 0.1, 0.1]])
    >>> data = Instances(index, truth, {"ig": scores})
    >>> data.first_of("b").truth.tolist()
    [True, False, False, False]
    >>> data.where(np.array([False, True])).index["clip"].tolist()
    ['b']
    """

    index: pd.DataFrame
    truth: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    logits: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def ranked(self) -> dict[str, NDArray[np.float64]]:
        """Method -> what ranks its frames: logits where there are any, for probabilities saturate at 1, else scores."""
        return {name: self.logits.get(name, values) for name, values in self.scores.items()}

    def where(self, rows: NDArray[np.bool_]) -> Instances:
        """Return some of the instances.

        Parameters
        ----------
        rows
            Which to keep, ``[shape=(n_instances,), dtype=bool]``.
        """
        scores, logits = ({name: v[rows] for name, v in one.items()} for one in (self.scores, self.logits))
        return Instances(self.index[rows].reset_index(drop=True), self.truth[rows], scores, logits)

    def first_clips(self, n_clips: int) -> Instances:
        """Return the instances of the first clips; 0 keeps all."""
        return self.where(self.index["clip"].isin(self.index["clip"].unique()[: n_clips or None]).to_numpy())

    def first_row(self, clip: str) -> int:
        """Return the row of the first instance of a clip."""
        return int(np.flatnonzero(self.index["clip"] == clip)[0])

    def first_of(self, clip: str) -> Instance:
        """Return the first instance of a clip."""
        row = self.first_row(clip)
        by_method = {name: values[row] for name, values in self.scores.items() if name != ORACLE}
        return Instance(str(self.index["label"].iloc[row]), self.truth[row], by_method)


@dataclass(frozen=True)
class Instance:
    """One (clip, class) pair: its class, active frames and each method's scores, ``[shape=(n_frames,)]``."""

    label: str
    truth: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Measured:
    """Metrics of every instance at every threshold.

    Attributes
    ----------
    index
        As in :class:`Instances`.
    thresholds
        ``[shape=(n_thresholds,)]``
    values
        Method -> metric -> ``[shape=(n_thresholds, n_instances)]``; one row for the pointing game, which
        has no threshold.
    """

    index: pd.DataFrame
    thresholds: NDArray[np.floating]
    values: dict[str, dict[str, NDArray[np.float64]]]


def instances(
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    maps: ScoresOverTime,
    scores: dict[str, ScoresOverTime],
    *,
    split: str,
    duration: float,
    frame_length: float,
    min_coverage: float,
    sign: str,
    seed: int,
    false_too: bool = False,
) -> Instances:
    """Bring ground truth and all methods' scores of one split's instances to evaluation frames.

    Parameters
    ----------
    predictions
        From :func:`igsed_core.models.classification.predict`.
    events
        ``clip, label, onset, offset`` in seconds.
    maps
        Attributions.
    scores
        The other methods' scores.
    split
        ``validation`` or ``test``.
    duration, frame_length
        Seconds.
    min_coverage
        See :func:`igsed_core.metrics.frames.activity`.
    sign
        See :func:`igsed_core.metrics.scores.read`.
    seed
        Breaks the oracle's ties.
    false_too
        Take pairs that are detected but not present as well; none of their frames is active.

    Raises
    ------
    IgsedError
        If the split has no instance.
    """
    index = classification.evaluated_pairs(predictions, split)
    if false_too:
        index = classification.detected_pairs(predictions).query("split == @split")[[*index]].reset_index(drop=True)
    n = frames.n_frames(duration, frame_length)
    by_pair = dict(iter(events.groupby(["clip", "label"])))
    nothing = events.iloc[:0]
    pairs = list(zip(index["clip"], index["label"], strict=True))
    truth = np.stack(
        [
            frames.activity(
                by_pair.get(pair, nothing)["onset"],
                by_pair.get(pair, nothing)["offset"],
                n_frames=n,
                frame_length=frame_length,
                min_coverage=min_coverage,
                duration=duration,
            )
            for pair in pairs
        ]
    )
    by_method = {IG: maps.at(index).read_as(sign).to_frames(frame_length, n, duration)}
    logits: dict[str, NDArray[np.float64]] = {}
    for name, over_time in scores.items():
        mine = over_time.at(index)
        by_method[name] = mine.to_frames(frame_length, n, duration)
        if mine.logits is not None:
            logits[name] = mine.ranked_frames(frame_length, n, duration)
    # A perfect ranking: the ceiling of any rule that keeps a fixed share of the frames.
    noise = np.random.default_rng([seed, 0x0AC1]).random(truth.shape)
    by_method[ORACLE] = truth + 0.5 * noise
    return Instances(index, truth, by_method, logits)


def measure(data: Instances, grid: NDArray[np.floating]) -> Measured:
    """Compute every metric of every method and instance at every percentile threshold.

    Parameters
    ----------
    data
        The instances.
    grid
        Percentiles, ``[shape=(n_thresholds,)]``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances, measure
    >>> index = pd.DataFrame({"split": "validation", "clip": ["a", "b"], "label": "Bell"})
    >>> truth = np.array([[False, True, True, False], [True, False, False, False]])
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2], [0.7, 0.2, 0.1, 0.1]])
    >>> data = Instances(index, truth, {"ig": scores})
    >>> found = measure(data, np.array([50.0, 70.0]))
    >>> found.values["ig"]["iou"].tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    >>> found.values["ig"]["pointing_game"].tolist()
    [[1.0, 1.0]]
    """
    values = {}
    for method, scores in data.ranked.items():
        masks = levels.percentile(scores, grid)  # (n_thresholds, n_instances, n_frames)
        values[method] = {
            "iou": localisation.iou(masks, data.truth),
            "f1": localisation.f1(masks, data.truth),
            "pointing_game": localisation.pointing_game(scores, data.truth)[None],
        }
    return Measured(data.index, grid, values)


def optimal_thresholds(validation: Measured) -> dict[str, dict[str, float]]:
    """Return, by method and metric, the threshold with the best instance average (the lowest of equals)."""
    return {
        method: best(validation.thresholds, {metric: by_metric[metric] for metric in THRESHOLDED})
        for method, by_metric in validation.values.items()
    }


def best(grid: NDArray[np.floating], values: Mapping[str, NDArray[np.floating]]) -> dict[str, float]:
    """Return, by metric, the parameter with the best mean over instances (the lowest of equals).

    Parameters
    ----------
    grid
        Parameters that were tried, ascending, ``[shape=(n_parameters,)]``.
    values
        Metric -> ``[shape=(n_parameters, n_instances)]``.
    """
    return {metric: float(grid[int(of.mean(axis=-1).argmax())]) for metric, of in values.items()}


def operating_percentile(detection: pd.DataFrame) -> float:
    """Return the percentile at which the paper's table has the IoU of Integrated Gradients.

    Parameters
    ----------
    detection
        :attr:`Report.detection`, which holds the test split.
    """
    mine = detection.query("split == 'test' and method == @IG and average == 'instance' and metric == 'iou'")
    return float(mine["threshold"].iloc[0])


def along_thresholds(measured: Measured) -> list[Series]:
    """Return IoU and F1 of every method at every threshold."""
    return [
        Series(method, RULE, metric, by_metric[metric][row], float(threshold))
        for method, by_metric in measured.values.items()
        for metric in THRESHOLDED
        for row, threshold in enumerate(measured.thresholds)
    ]


def at_thresholds(
    measured: Measured, chosen: dict[str, dict[str, float]], methods: Sequence[str] = COMPARED
) -> list[Series]:
    """Return every metric of some methods at the chosen thresholds; the pointing game has none.

    Parameters
    ----------
    measured
        One split's metrics.
    chosen
        Method -> metric -> threshold, from :func:`optimal_thresholds`; the nearest of the grid is taken.
    methods
        Which, in this order.
    """
    result = []
    for method in methods:
        for metric, values in measured.values[method].items():
            if metric not in THRESHOLDED:
                result.append(Series(method, RULE, metric, values[0]))
                continue
            threshold = chosen[method][metric]
            row = int(np.abs(measured.thresholds - threshold).argmin())
            result.append(Series(method, RULE, metric, values[row], threshold))
    return result


def curves(measured: dict[str, Measured], *, replicates: int, seed: int) -> pd.DataFrame:
    """Return IoU and F1 at every threshold, averaged both ways, of all splits (paper, Fig. 3).

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`.
    """
    return pd.concat(
        [
            summaries.summarise(m.index, along_thresholds(m), replicates=replicates, seed=seed)
            for m in measured.values()
        ],
        ignore_index=True,
    )


@dataclass(frozen=True, eq=False)
class Report:
    """Tidy tables of all splits, as :func:`igsed_core.metrics.summaries.summarise` makes them.

    Attributes
    ----------
    detection
        Each method at its own thresholds, over instances and over classes (paper, Table II).
    at_ig
        The same with every method at the thresholds chosen for IG.
    per_class
        ``detection`` within each class (paper, Table III); one without an instance has ``n`` 0 and no value.
    differences
        Of each method and those after it, paired (:func:`igsed_core.metrics.summaries.differences`).
    """

    detection: pd.DataFrame
    at_ig: pd.DataFrame
    per_class: pd.DataFrame
    differences: pd.DataFrame
    two_way: pd.DataFrame


def report(
    measured: dict[str, Measured],
    chosen: dict[str, dict[str, float]],
    classes: Sequence[str],
    events: pd.DataFrame,
    *,
    replicates: int,
    seed: int,
) -> Report:
    """Compare the methods at the chosen thresholds; the intervals hold these fixed.

    The ``differences`` are resampled over clips, and once more (``two_way``) over clips and the source files of
    ``events`` (``clip, label, source_file``), which clips share.
    """
    summarise = functools.partial(summaries.summarise, replicates=replicates, seed=seed, spread_of=("iou",))
    at_ig = {method: chosen[IG] for method in chosen}
    pairs = [((one, RULE), (other, RULE)) for one, other in itertools.combinations(COMPARED, 2)]
    own, common = [], []
    apart: list[pd.DataFrame] = []
    two_way: list[pd.DataFrame] = []
    for m in measured.values():
        series = at_thresholds(m, chosen)
        own.append(summarise(m.index, series, classes=classes))
        common.append(summarise(m.index, at_thresholds(m, at_ig)))
        both = summaries.in_both_ways(m.index, series, pairs, events, replicates=replicates, seed=seed)
        for tables, resampled in ((apart, summaries.CLIPS), (two_way, summaries.TWO_WAY)):
            tables.append(both.loc[both["resampled"] == resampled, summaries.DIFFERENCE_COLUMNS])
    table = pd.concat(own, ignore_index=True)
    whole = table["class"] == summaries.ALL
    return Report(
        table[whole].reset_index(drop=True),
        pd.concat(common, ignore_index=True),
        table[~whole].reset_index(drop=True),
        pd.concat(apart, ignore_index=True),
        pd.concat(two_way, ignore_index=True),
    )
