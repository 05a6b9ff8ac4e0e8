"""Values of instances -> tidy rows with bootstrap intervals: the one form that every result table has.

Whatever is measured (a method at a threshold, a rule, a condition) is a series: one value for each (clip, class)
instance. All series of a table are resampled together, by the same draws of clips, so that differences between
them are paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.base.names import ALL as ALL  # in the column `class`: over all classes
from igsed_core.metrics import bootstrap, intervals, judging

INSTANCE, CLASS = "instance", "class"  # in the column `average`: what the mean is over
KEY_COLUMNS = ["split", "method", "rule", "metric", "class", "average", "threshold"]
COLUMNS = [*KEY_COLUMNS, "value", "n", "std", "ci_low", "ci_high"]
DIFFERENCE_COLUMNS = [
    *("split", "method", "rule", "other_method", "other_rule", "metric", "class", "average"),
    *("value", "n", "n_clips", "ci_low", "ci_high", "p", "survives"),
]
CLIPS, TWO_WAY = "clips", "clips and source files"  # in a column `resampled`
# Shares of instances: their intervals are Wilson's. So are those of any metric that is 0 or 1 for every instance.
PROPORTIONS = frozenset({"pointing_game"})
# Metrics that no mean can take beyond 1.
AT_MOST_ONE = frozenset(
    {
        *("iou", "f1", "auroc", "average_precision", "event_f1", "events_found", *PROPORTIONS),
        *("share", "heard_share", "overlap_share", "accuracy", "accuracy_left"),
    }
)


@dataclass(frozen=True, eq=False)
class Series:
    """One metric of one method under one rule, for every instance.

    Attributes
    ----------
    method, rule, metric
        Names, as they stand in the table.
    values
        ``[shape=(n_instances,)]``; NaN where the metric has no value (an onset error where nothing was detected).
    threshold
        The rule's parameter, where it has one.
    weights
        ``[shape=(n_instances,)]``: how much each instance counts, by default all alike. A ratio of sums is a mean of
        the instances' own ratios, weighted by their denominators: F1 of pooled counts, an error over all events.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.metrics.summaries import Series
    >>> Series("ig", "otsu", "iou", np.array([0.5, 0.25])).weights is None
    True
    """

    method: str
    rule: str
    metric: str
    values: NDArray[np.float64]
    threshold: float = float("nan")
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class _Resampled:
    """Means of all series in the sample (row 0) and in each bootstrap replicate."""

    instance: NDArray[np.float64]  # (1 + replicates, n_series)
    by_class: NDArray[np.float64]  # (n_classes, 1 + replicates, n_series)

    @property
    def of_classes(self) -> NDArray[np.float64]:
        """Mean over the classes that have a value: ``(1 + replicates, n_series)``."""
        return bootstrap.mean_of_present(self.by_class, axis=0)


def summarise(
    index: pd.DataFrame,
    series: Sequence[Series],
    *,
    replicates: int,
    seed: int,
    classes: Sequence[str] = (),
    spread_of: Sequence[str] = (),
    sources: Sequence[Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Average every series over instances, over classes and, if wanted, within each class.

    Parameters
    ----------
    index
        ``split, clip, label``, a row per instance, all of one split.
    series
        What was measured on these instances.
    replicates, seed
        Of the bootstrap over clips.
    classes
        Adds a row for each of these classes (average ``instance``); one without an instance has ``n`` 0.
    spread_of
        Metrics whose standard deviation over instances is a result too: rows of the metric ``<name>_std``.
    sources
        Source files of each instance (:func:`sources_of`): these are resampled as well, which gives wider intervals
        (:func:`igsed_core.metrics.bootstrap.two_way_weights`).

    Returns
    -------
    pd.DataFrame
        ``split, method, rule, metric, class, average, threshold, value, n, std, ci_low, ci_high``. ``n`` and
        ``std`` (population) are of what is averaged. The 95 % interval is of
        :mod:`igsed_core.metrics.intervals`: Wilson's for proportions; none (NaN) of fewer than two clips, or where all
        replicates are equal.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.metrics.summaries import Series, summarise
    >>> index = pd.DataFrame({"split": "test", "clip": ["a", "a", "b"], "label": ["Bell", "Hum", "Bell"]})
    >>> one = Series("ig", "otsu", "iou", np.array([0.2, 0.9, 0.4]))
    >>> found = summarise(index, [one], replicates=100, seed=0)
    >>> found[["average", "value", "n"]].round(3).to_dict("records")
    [{'average': 'instance', 'value': 0.5, 'n': 3}, {'average': 'class', 'value': 0.6, 'n': 2}]
    """
    if not series:
        return pd.DataFrame(columns=COLUMNS)
    values, own, labels, names = _values(index, series)
    drawn, clip_of = _draws(index, sources, replicates=replicates, seed=seed)
    means = _resample(drawn, values, own, labels, names)
    split = str(index["split"].iloc[0])
    rows: list[tuple[object, ...]] = []
    per_class = means.by_class[:, 0]  # (n_classes, n_series)
    everything = np.ones(len(index), dtype=bool)
    ends = {
        INSTANCE: _intervals(series, means.instance, values, own, clip_of, everything),
        CLASS: _intervals(series, means.of_classes, values, own, clip_of, everything),
        **{
            name: _intervals(series, means.by_class[i], values, own, clip_of, labels == name)
            for i, name in enumerate(names)
            if name in classes
        },
    }
    spreads = _spreads(drawn, clip_of, series, spread_of, means, values, own)
    for i, one in enumerate(series):
        mine, weights = values[own[:, i] > 0, i], own[own[:, i] > 0, i]
        there = per_class[~np.isnan(per_class[:, i]), i]
        key = (split, one.method, one.rule, one.metric)
        for average, over, by in ((INSTANCE, mine, weights), (CLASS, there, np.ones(len(there)))):
            low, high = ends[average][:, i]
            rows.append((*key, ALL, average, one.threshold, *_moments(over, by), low, high))
        if i in spreads:
            low, high = spreads[i]
            of_metric = (split, one.method, one.rule, f"{one.metric}_std")
            _, n, spread = _moments(mine, weights)
            rows.append((*of_metric, ALL, INSTANCE, one.threshold, spread, n, np.nan, low, high))
        for label in classes:
            held = (labels == label) & (own[:, i] > 0)
            low, high = ends[label][:, i] if label in ends else (np.nan, np.nan)
            rows.append((*key, label, INSTANCE, one.threshold, *_moments(values[held, i], own[held, i]), low, high))
    return pd.DataFrame(rows, columns=COLUMNS)


def differences(
    index: pd.DataFrame,
    series: Sequence[Series],
    pairs: Iterable[tuple[tuple[str, str], tuple[str, str]]],
    *,
    replicates: int,
    seed: int,
    sources: Sequence[Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Paired differences of means between (method, rule) pairs, for every metric that both have.

    Parameters
    ----------
    index, series, replicates, seed, sources
        As in :func:`summarise`; the draws are the same.
    pairs
        ``((method, rule), (other method, other rule))``.

    Returns
    -------
    pd.DataFrame
        :data:`DIFFERENCE_COLUMNS`. ``value`` is the first's mean minus the other's, ``n`` the number of what is
        averaged (instances or classes), ``n_clips`` that of the clips it comes from, ``p`` of a test that the
        difference is zero, ``survives`` whether that is below 0.05 after Holm's correction for all rows of the same
        metric and average. :func:`igsed_core.metrics.judging.judge` makes a verdict of a row.

    Raises
    ------
    IgsedError
        If a pair names a series that there is not.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.metrics.summaries import Series, differences
    >>> index = pd.DataFrame({"split": "test", "clip": ["a", "a", "b"], "label": ["Bell", "Hum", "Bell"]})
    >>> ig = Series("ig", "otsu", "iou", np.array([0.2, 0.9, 0.4]))
    >>> cam = Series("cam", "otsu", "iou", np.array([0.1, 0.6, 0.4]))
    >>> pair = (("ig", "otsu"), ("cam", "otsu"))
    >>> found = differences(index, [ig, cam], [pair], replicates=100, seed=0)
    >>> found[["average", "value", "n", "n_clips", "survives"]].round(3).to_dict("records")[0]
    {'average': 'instance', 'value': 0.133, 'n': 3, 'n_clips': 2, 'survives': False}
    """
    values, own, labels, names = _values(index, series)
    drawn, clip_of = _draws(index, sources, replicates=replicates, seed=seed)
    means = _resample(drawn, values, own, labels, names)
    split = str(index["split"].iloc[0])
    column = {(one.method, one.rule, one.metric): i for i, one in enumerate(series)}
    known = {(one.method, one.rule) for one in series}
    rows: list[tuple[object, ...]] = []
    for first, other in pairs:
        for wanted in (first, other):
            if wanted not in known:
                raise IgsedError(f"no series of method {wanted[0]!r} under rule {wanted[1]!r} to compare")
        metrics = dict.fromkeys(one.metric for one in series if (one.method, one.rule) == first)
        for metric in metrics:
            if (*other, metric) not in column:
                continue
            a, b = column[(*first, metric)], column[(*other, metric)]
            n_clips = len(np.unique(clip_of[(own[:, a] > 0) | (own[:, b] > 0)]))
            for average, of, n in (
                (INSTANCE, means.instance, len(index)),
                (CLASS, means.of_classes, len(names)),
            ):
                key = (split, *first, *other, metric, ALL, average)
                rows.append((*key, *difference(of[:, a] - of[:, b], n, n_clips, units(n_clips, sources))))
    return with_survivors(pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS))


def difference(
    apart: NDArray[np.float64], n: int, n_clips: int, n_units: int | None = None
) -> tuple[float, int, int, float, float, float, bool]:
    """Return ``value`` to ``survives`` of a row of differences; the last is for :func:`with_survivors` to say.

    Parameters
    ----------
    apart
        The difference in the sample (first) and in each replicate, ``[shape=(1 + replicates,)]``.
    n, n_clips
        For the columns of this name.
    n_units
        What was resampled, if not the clips alone.
    """
    n_units = n_clips if n_units is None else n_units
    low, high = intervals.interval(apart, n_units, within=intervals.APART)
    return float(apart[0]), n, n_clips, low, high, float(intervals.p_values(apart[:, None], n_units)[0]), False


def with_survivors(table: pd.DataFrame) -> pd.DataFrame:
    """Say which differences survive Holm's correction within their family: same split, metric and average."""
    family = table.groupby(["split", "metric", "average"], sort=False).ngroup().to_numpy()
    p, survives = table["p"].to_numpy(dtype=float), np.zeros(len(table), dtype=bool)
    for number in np.unique(family[family >= 0]):
        survives[family == number] = judging.holm(p[family == number]) < judging.SIGNIFICANCE
    return table.assign(survives=survives)


def in_both_ways(
    index: pd.DataFrame,
    series: Sequence[Series],
    pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]],
    events: pd.DataFrame,
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Paired differences twice: with intervals over clips, and over clips and source files.

    Parameters
    ----------
    index, series, pairs, replicates, seed
        As in :func:`differences`.
    events
        ``clip, label, source_file``.

    Returns
    -------
    pd.DataFrame
        ``resampled`` (:data:`CLIPS` or :data:`TWO_WAY`) and :data:`DIFFERENCE_COLUMNS`.
    """
    tables = [
        differences(index, series, pairs, replicates=replicates, seed=seed, sources=sources).assign(resampled=resampled)
        for resampled, sources in ((CLIPS, None), (TWO_WAY, sources_of(events, index)))
    ]
    return pd.concat(tables, ignore_index=True)[["resampled", *DIFFERENCE_COLUMNS]]


def sources_of(events: pd.DataFrame, index: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the source files that the events of each instance come from.

    Parameters
    ----------
    events
        ``clip, label, source_file``.
    index
        ``clip, label``, a row an instance.
    """
    by_pair = {
        pair: tuple(sorted(set(rows))) for pair, rows in events.groupby(["clip", "label"])["source_file"] if len(rows)
    }
    return [by_pair.get(pair, ()) for pair in zip(index["clip"], index["label"], strict=True)]


def units(n_clips: int, sources: Sequence[Sequence[str]] | None) -> int:
    """Return how many units are resampled: clips, or source files if these are fewer."""
    return n_clips if sources is None else min(n_clips, len({name for names in sources for name in names}))


def _values(
    index: pd.DataFrame, series: Sequence[Series]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_], list[str]]:
    """Values and weights of all series ``(n_instances, n_series)``, each instance's label, the names of the classes."""
    for one in series:
        if one.values.shape != (len(index),):
            raise IgsedError(
                f"series {one.method}/{one.rule}/{one.metric} has the shape {one.values.shape} "
                f"for {len(index)} instances"
            )
    labels = index["label"].to_numpy(dtype=str)
    values = np.stack([one.values for one in series], axis=1).astype(float)
    own = np.stack([np.ones(len(index)) if one.weights is None else one.weights for one in series], axis=1)
    return values, np.where(np.isnan(values), 0.0, own), labels, sorted(set(labels.tolist()))


def _draws(
    index: pd.DataFrame, sources: Sequence[Sequence[str]] | None, *, replicates: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How often each instance counts in the sample (row 0) and in each replicate, and the number of its clip."""
    clips, clip_of = np.unique(index["clip"].to_numpy(dtype=str), return_inverse=True)
    if sources is None:
        drawn = bootstrap.clip_weights(len(clips), replicates=replicates, seed=seed)[:, clip_of]
    else:
        drawn = bootstrap.two_way_weights(clip_of, sources, replicates=replicates, seed=seed)
    return bootstrap.with_sample(drawn), clip_of


def _resample(
    drawn: NDArray[np.float64],
    values: NDArray[np.float64],
    own: NDArray[np.float64],
    labels: NDArray[np.str_],
    names: list[str],
) -> _Resampled:
    of_class = [(labels == c).nonzero()[0] for c in names]
    return _Resampled(
        bootstrap.weighted_means(values, drawn, own),
        np.stack([bootstrap.weighted_means(values[rows], drawn[:, rows], own[rows]) for rows in of_class]),
    )


def _clips(clip_of: NDArray[np.int64], own: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of clips in which each series has a value that counts, ``[shape=(n_series,)]``."""
    held = np.zeros((int(clip_of.max()) + 1, own.shape[1]), dtype=bool)
    np.logical_or.at(held, clip_of, own > 0)
    return held.sum(axis=0)


def _intervals(
    series: Sequence[Series],
    resampled: NDArray[np.float64],
    values: NDArray[np.float64],
    own: NDArray[np.float64],
    clip_of: NDArray[np.int64],
    rows: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Intervals of all series over some instances, each by the method for its kind, ``[shape=(2, n_series)]``."""
    values, own, clip_of = values[rows], own[rows], clip_of[rows]
    n_clips, counts = _clips(clip_of, own), own > 0
    ends = intervals.intervals(resampled, n_clips)
    either = np.array([np.isin(values[counts[:, i], i], (0.0, 1.0)).all() for i in range(len(series))])
    named = np.array([one.metric in PROPORTIONS for one in series])
    alike = np.array([len(np.unique(own[counts[:, i], i])) == 1 for i in range(len(series))])
    of_shares = (either | named) & alike
    if of_shares.any():
        trials = counts[:, of_shares].sum(axis=0)
        ends[:, of_shares] = intervals.proportions(resampled[:, of_shares], trials, n_clips[of_shares])
    return _possible(series, ends, values, counts)


def _possible(
    series: Sequence[Series], ends: NDArray[np.float64], values: NDArray[np.float64], counts: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Cut intervals where no mean can lie: below zero if no value does, above one for shares."""
    lowest = np.where((values < 0).any(axis=0, where=counts), -np.inf, 0.0)
    highest = np.array([1.0 if one.metric in AT_MOST_ONE else np.inf for one in series])
    return np.clip(ends, lowest, highest)


def _spreads(
    drawn: NDArray[np.float64],
    clip_of: NDArray[np.int64],
    series: Sequence[Series],
    spread_of: Sequence[str],
    means: _Resampled,
    values: NDArray[np.float64],
    own: NDArray[np.float64],
) -> dict[int, tuple[float, float]]:
    """Intervals of the standard deviation over instances, by number of the series."""
    wanted = [i for i, one in enumerate(series) if one.metric in spread_of]
    if not wanted:
        return {}
    squares = bootstrap.weighted_means(values[:, wanted] ** 2, drawn, own[:, wanted])
    spreads = np.sqrt(np.clip(squares - means.instance[:, wanted] ** 2, 0, None))
    ends = intervals.intervals(spreads, _clips(clip_of, own[:, wanted]), within=(0.0, np.inf))
    return {i: (float(ends[0, j]), float(ends[1, j])) for j, i in enumerate(wanted)}


def _moments(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, int, float]:
    """Mean, number and standard deviation."""
    if not weights.sum():
        return float("nan"), 0, float("nan")
    mean = float(np.average(values, weights=weights))
    return mean, len(values), float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
