"""Is the paper's Table II a mean over classes or over instances? Its own tables answer.

Table II says "macro-averaged over classes". A mean over (clip, class) instances weighs each class of Table III by
its share of the instances; shares that explain all six figures of Table II at once either exist or do not. Table I
narrows them down, since precision and recall of a few clips are fractions of small whole numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from igsed_core import paper
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.audit.material import TUNED, Material, measured
from igsed_core.detection.scored import LEARNED
from igsed_core.metrics import bootstrap, summaries
from igsed_core.metrics.summaries import CLASS, INSTANCE, Series

# Both tables give two decimals, so that a weighted mean of one may be this far from the other.
ROUNDING = 0.01
HALF = ROUNDING / 2 + 1e-6
MOST_EVENTS = 3  # in a clip (paper, section II-A)
SECONDS = 10.0  # that the integer program may take; on a slow machine it may end undecided
POSSIBLE, IMPOSSIBLE, UNDECIDED = "yes", "no", "undecided"
_OPTIMAL, _STOPPED, _INFEASIBLE = 0, 1, 2  # status of scipy.optimize.milp

Counts = tuple[int, int, int]  # of one class: pairs detected and present, present, detected but absent
# way to count -> what the sum over detected and present pairs is divided by
COUNTINGS: dict[str, Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]] = {
    "evaluated": lambda evaluated, present, false: evaluated,
    "missed_as_zero": lambda evaluated, present, false: present,
    "false_as_zero": lambda evaluated, present, false: evaluated + false,
    "both_as_zero": lambda evaluated, present, false: present + false,
}


def published() -> tuple[pd.DataFrame, pd.Series]:
    """Table III by class, ``(method, metric)`` as columns, and Table II in the same order."""
    by_class = paper.per_class().pivot_table(index="class", columns=["method", "metric"], values="value")
    overall = paper.detection().set_index("method")
    values = [float(overall.loc[key[0], key[1]]) for key in by_class.columns.to_list()]  # type: ignore[arg-type]
    return by_class, pd.Series(values, index=by_class.columns)


def mix_ranges(
    by_class: NDArray[np.float64], overall: NDArray[np.float64], tolerance: float = ROUNDING
) -> tuple[float, NDArray[np.float64]]:
    """Weights of the classes that turn class means into overall means.

    Parameters
    ----------
    by_class
        ``[shape=(n_classes, n_figures)]``
    overall
        ``[shape=(n_figures,)]``
    tolerance
        How far a weighted mean may be off.

    Returns
    -------
    error : float
        Smallest possible largest deviation, over all non-negative weights that sum to 1.
    ranges : np.ndarray [shape=(n_classes, 2)]
        Lowest and highest weight of each class among all mixes within the tolerance; NaN if there is none.
    """
    n = len(by_class)
    apart = (by_class - overall).T  # (n_figures, n_classes)
    unit = np.ones((1, n))
    best = linprog(
        np.r_[np.zeros(n), 1.0],
        np.c_[np.r_[apart, -apart], -np.ones(2 * len(apart))],
        np.zeros(2 * len(apart)),
        np.c_[unit, 0.0],
        [1.0],
    )
    if best.fun > tolerance:
        return float(best.fun), np.full((n, 2), np.nan)
    within = {"A_ub": np.r_[apart, -apart], "b_ub": np.full(2 * len(apart), tolerance), "A_eq": unit, "b_eq": [1.0]}
    ranges = [[sign * linprog(sign * row, **within).fun for sign in (1, -1)] for row in np.eye(n)]
    return float(best.fun), np.array(ranges)


def counts_of(precision: float, recall: float, most: int) -> list[Counts]:
    """Whole numbers that round to a precision and a recall of two decimals.

    Parameters
    ----------
    precision, recall
        Of one class at clip level.
    most
        Clips.
    """
    return [
        (evaluated, present, false)
        for present in range(1, most + 1)
        for evaluated in range(1, present + 1)
        if abs(evaluated / present - recall) <= HALF
        for false in range(most - present + 1)
        if abs(evaluated / (evaluated + false) - precision) <= HALF
    ]


@dataclass(frozen=True, eq=False)
class Fit:
    """What the integer program says of one way to count.

    Attributes
    ----------
    possible
        ``yes``: there are counts that fit; ``no``: it is proven that there are none; ``undecided``: the time was up
        before either was known.
    smallest
        Whether it is proven that no fewer present pairs fit.
    counts
        Evaluated, present and false of each class, ``[shape=(n_classes, 3)]``; None unless ``possible`` is ``yes``.
    """

    possible: str
    smallest: bool
    counts: NDArray[np.int64] | None


def smallest_counts(
    options: list[list[Counts]],
    by_class: NDArray[np.float64],
    overall: NDArray[np.float64],
    *,
    counting: str = "evaluated",
    tolerance: float = ROUNDING,
    seconds: float = SECONDS,
) -> Fit:
    """Fewest present pairs whose evaluated ones, as weights, turn class means into overall means.

    Parameters
    ----------
    options
        For each class the counts that may be; one of each is chosen.
    by_class, overall, tolerance
        As in :func:`mix_ranges`.
    counting
        One of :data:`COUNTINGS`: what the sum over evaluated instances is divided by.
    seconds
        That the solver may take. Whoever stops it learns nothing from that: what it has not proven is undecided.

    Raises
    ------
    IgsedError
        If the solver fails.
    """
    which = np.concatenate([np.full(len(of_class), i) for i, of_class in enumerate(options)])
    evaluated, present, false = np.array([counts for of_class in options for counts in of_class]).T
    total = COUNTINGS[counting](evaluated, present, false)
    apart = (evaluated[:, None] * by_class[which] - total[:, None] * overall).T  # (n_figures, n_options)
    slack = tolerance * total
    found = milp(
        present.astype(float),
        integrality=np.ones(len(which)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint((np.arange(len(options))[:, None] == which).astype(float), 1, 1),
            LinearConstraint(apart - slack, -np.inf, 0),
            LinearConstraint(apart + slack, 0, np.inf),
            LinearConstraint(present[None].astype(float), test_clips(), MOST_EVENTS * test_clips()),
        ],
        options={"time_limit": seconds},
    )
    if found.x is not None:
        chosen = found.x > 0.5
        counts = np.column_stack([evaluated[chosen], present[chosen], false[chosen]])
        return Fit(POSSIBLE, found.status == _OPTIMAL, counts)
    if found.status == _INFEASIBLE:
        return Fit(IMPOSSIBLE, False, None)
    if found.status == _STOPPED:
        return Fit(UNDECIDED, False, None)
    raise IgsedError(f"the integer program of counting {counting!r} cannot be solved ({found.message}): report it")


def test_clips() -> int:
    """Clips of the paper's test split: the larger half of those kept."""
    kept = paper.dataset().set_index("pool")["kept"].to_dict()["eval"]
    return int(kept + 1) // 2


@functools.cache
def _fitted(counting: str) -> Fit:
    by_class, overall = published()
    by_name = paper.classification().set_index("class").loc[by_class.index]
    options = [counts_of(p, r, test_clips()) for p, r in zip(by_name["precision"], by_name["recall"], strict=True)]
    return smallest_counts(options, by_class.to_numpy(), overall.to_numpy(), counting=counting)


def paper_countings() -> pd.DataFrame:
    """Which ways to count missed and false classes can turn Table III into Table II, given Table I.

    Returns
    -------
    pd.DataFrame
        ``counting, possible, smallest, evaluated, present, false``: see :class:`Fit`; totals of its counts.
    """
    rows = []
    for counting in COUNTINGS:
        found = _fitted(counting)
        totals = (np.nan,) * 3 if found.counts is None else found.counts.sum(axis=0)
        rows.append((counting, found.possible, found.smallest, *totals))
    return pd.DataFrame(rows, columns=["counting", "possible", "smallest", "evaluated", "present", "false"])


def paper_averages() -> pd.DataFrame:
    """Table II beside the class mean of Table III and beside the best weighted mean.

    Returns
    -------
    pd.DataFrame
        ``method, metric, table_2, class_mean, rebuilt``; ``rebuilt`` is the mean over the instances of
        :func:`paper_mix`.
    """
    by_class, overall = published()
    mix = paper_mix()
    weights = mix["evaluated"].to_numpy(dtype=float)
    rebuilt = (weights / weights.sum()) @ by_class.loc[mix["class"]].to_numpy()
    return pd.DataFrame(
        {
            "method": by_class.columns.get_level_values("method"),
            "metric": by_class.columns.get_level_values("metric"),
            "table_2": overall.to_numpy(),
            "class_mean": by_class.mean().to_numpy(),
            "rebuilt": rebuilt,
        }
    )


def paper_mix() -> pd.DataFrame:
    """What class mix of instances the paper's tables imply.

    Returns
    -------
    pd.DataFrame
        ``class, share_low, share_high, evaluated, present``: the range of each class's share of the instances by
        Tables II and III alone; the smallest counts that fit Tables I to III together (NaN if none do).
    """
    by_class, overall = published()
    _, ranges = mix_ranges(by_class.to_numpy(), overall.to_numpy())
    found = _fitted("evaluated").counts
    counted = np.full((len(by_class), 3), np.nan) if found is None else found
    return pd.DataFrame(
        {
            "class": by_class.index,
            "share_low": ranges[:, 0],
            "share_high": ranges[:, 1],
            "evaluated": counted[:, 0],
            "present": counted[:, 1],
        }
    )


def of_run(material: Material, split: str = "test") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both averages of this run's methods, and the class mean less the instance mean with its interval.

    Returns
    -------
    averages, gaps : pd.DataFrame
        Tidy rows; ``gaps`` has the columns of :func:`igsed_core.metrics.summaries.differences`, with ``rule`` and
        ``other_rule`` naming the two averages.
    """
    data = material.splits[split]
    series = [
        one
        for method in LEARNED
        for one in measured(method, TUNED, data.ranked[method], data.truth, material.tuned[method])
    ]
    return material.tidy("averages", data.index, series), gaps(material, "averages", data.index, series)


def gaps(material: Material, question: str, index: pd.DataFrame, series: list[Series]) -> pd.DataFrame:
    """Class mean less instance mean of every series, with a paired interval."""
    labels = index["label"].to_numpy(dtype=str)
    clips, clip_of = np.unique(index["clip"].to_numpy(dtype=str), return_inverse=True)
    drawn = bootstrap.clip_weights(len(clips), replicates=material.settings.replicates, seed=material.seed)
    drawn = np.concatenate([np.ones((1, len(clips))), drawn])[:, clip_of]
    values = np.stack([one.values for one in series], axis=1)
    of_classes = [bootstrap.weighted_means(values[labels == c], drawn[:, labels == c]) for c in np.unique(labels)]
    gap = np.nanmean(of_classes, axis=0) - bootstrap.weighted_means(values, drawn)  # (1 + replicates, n_series)
    split = str(index["split"].iloc[0])
    rows = [
        (
            *(split, one.method, CLASS, one.method, INSTANCE, one.metric, summaries.ALL, "gap"),
            *summaries.difference(gap[:, i], len(index), len(clips)),
        )
        for i, one in enumerate(series)
    ]
    table = summaries.with_survivors(pd.DataFrame(rows, columns=summaries.DIFFERENCE_COLUMNS))
    table.insert(0, "question", question)
    return table
