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
from igsed_core.metrics import bootstrap

INSTANCE, CLASS = "instance", "class"  # in the column `average`: what the mean is over
KEY_COLUMNS = ["split", "method", "rule", "metric", "class", "average", "threshold"]
COLUMNS = [*KEY_COLUMNS, "value", "n", "std", "ci_low", "ci_high"]
DIFFERENCE_COLUMNS = [
    *("split", "method", "rule", "other_method", "other_rule", "metric", "class", "average"),
    *("value", "n", "ci_low", "ci_high"),
]


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
) -> pd.DataFrame:
    """Average every series over instances, over classes and, if wanted, within each class.

    Parameters
    ----------
    index
        ``split, clip, label``, a row an instance, all of one split.
    series
        What was measured on these instances.
    replicates, seed
        Of the bootstrap over clips.
    classes
        Adds a row for each of these classes (average ``instance``); one without an instance has ``n`` 0.
    spread_of
        Metrics whose standard deviation over instances is a result too: rows of the metric ``<name>_std``.

    Returns
    -------
    pd.DataFrame
        ``split, method, rule, metric, class, average, threshold, value, n, std, ci_low, ci_high``. ``n`` and
        ``std`` (population) are of what is averaged; the 95 % interval is the percentile interval over replicates.

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
    means = _resample(index, values, own, labels, names, replicates=replicates, seed=seed)
    split = str(index["split"].iloc[0])
    rows: list[tuple[object, ...]] = []
    per_class = means.by_class[:, 0]  # (n_classes, n_series)
    intervals = {
        INSTANCE: bootstrap.intervals(means.instance[1:]),
        CLASS: bootstrap.intervals(means.of_classes[1:]),
        **{name: bootstrap.intervals(means.by_class[i, 1:]) for i, name in enumerate(names) if name in classes},
    }
    spreads = _spreads(index, series, spread_of, means, replicates=replicates, seed=seed)
    for i, one in enumerate(series):
        mine, weights = values[own[:, i] > 0, i], own[own[:, i] > 0, i]
        there = per_class[~np.isnan(per_class[:, i]), i]
        key = (split, one.method, one.rule, one.metric)
        for average, over, by in ((INSTANCE, mine, weights), (CLASS, there, np.ones(len(there)))):
            low, high = intervals[average][:, i]
            rows.append((*key, ALL, average, one.threshold, *_moments(over, by), low, high))
        if i in spreads:
            low, high = spreads[i]
            of_metric = (split, one.method, one.rule, f"{one.metric}_std")
            _, n, spread = _moments(mine, weights)
            rows.append((*of_metric, ALL, INSTANCE, one.threshold, spread, n, np.nan, low, high))
        for label in classes:
            held = (labels == label) & (own[:, i] > 0)
            low, high = intervals[label][:, i] if label in intervals else (np.nan, np.nan)
            rows.append((*key, label, INSTANCE, one.threshold, *_moments(values[held, i], own[held, i]), low, high))
    return pd.DataFrame(rows, columns=COLUMNS)


def differences(
    index: pd.DataFrame,
    series: Sequence[Series],
    pairs: Iterable[tuple[tuple[str, str], tuple[str, str]]],
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Paired differences of means between (method, rule) pairs, for every metric that both have.

    Parameters
    ----------
    index, series, replicates, seed
        As in :func:`summarise`; the draws are the same.
    pairs
        ``((method, rule), (other method, other rule))``.

    Returns
    -------
    pd.DataFrame
        ``split, method, rule, other_method, other_rule, metric, class, average, value, n, ci_low, ci_high``;
        ``value`` is the first's mean less the other's.

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
    >>> cam = Series("cam", "otsu", "iou", np.array([0.1, 0.8, 0.3]))
    >>> pair = (("ig", "otsu"), ("cam", "otsu"))
    >>> found = differences(index, [ig, cam], [pair], replicates=100, seed=0)
    >>> found[["average", "value", "ci_low"]].round(3).to_dict("records")
    [{'average': 'instance', 'value': 0.1, 'ci_low': 0.1}, {'average': 'class', 'value': 0.1, 'ci_low': 0.1}]
    """
    values, own, labels, names = _values(index, series)
    means = _resample(index, values, own, labels, names, replicates=replicates, seed=seed)
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
            for average, of, n in (
                (INSTANCE, means.instance, len(index)),
                (CLASS, means.of_classes, len(names)),
            ):
                apart = of[:, a] - of[:, b]
                low, high = bootstrap.interval(apart[1:])
                rows.append((split, *first, *other, metric, ALL, average, apart[0], n, low, high))
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


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


def _resample(
    index: pd.DataFrame,
    values: NDArray[np.float64],
    own: NDArray[np.float64],
    labels: NDArray[np.str_],
    names: list[str],
    *,
    replicates: int,
    seed: int,
) -> _Resampled:
    clips, clip_of = np.unique(index["clip"].to_numpy(dtype=str), return_inverse=True)
    weights = bootstrap.with_sample(bootstrap.clip_weights(len(clips), replicates=replicates, seed=seed))
    drawn = weights[:, clip_of]
    of_class = [(labels == c).nonzero()[0] for c in names]
    return _Resampled(
        bootstrap.weighted_means(values, drawn, own),
        np.stack([bootstrap.weighted_means(values[rows], drawn[:, rows], own[rows]) for rows in of_class]),
    )


def _spreads(
    index: pd.DataFrame,
    series: Sequence[Series],
    spread_of: Sequence[str],
    means: _Resampled,
    *,
    replicates: int,
    seed: int,
) -> dict[int, tuple[float, float]]:
    """Intervals of the standard deviation over instances, by number of the series."""
    wanted = [i for i, one in enumerate(series) if one.metric in spread_of]
    if not wanted:
        return {}
    values, own, labels, names = _values(index, [series[i] for i in wanted])
    squares = _resample(index, values**2, own, labels, names, replicates=replicates, seed=seed)
    variance = np.clip(squares.instance - means.instance[:, wanted] ** 2, 0, None)
    return {i: bootstrap.interval(np.sqrt(variance[1:, j])) for j, i in enumerate(wanted)}


def _moments(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, int, float]:
    """Mean, number and standard deviation."""
    if not weights.sum():
        return float("nan"), 0, float("nan")
    mean = float(np.average(values, weights=weights))
    return mean, len(values), float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
