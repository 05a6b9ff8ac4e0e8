"""What is the threshold of Fig. 3: a percentile of the clip's frames, of all frames, or a value of the score?

A percentile fixes how many frames are marked. Of a clip of which the share ``a`` is active, a mask of the share ``k``
has an IoU of at most ``min(a, k) / max(a, k)``, an F1 of at most ``2 min(a, k) / (a + k)``, whatever the score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from igsed_core import paper
from igsed_core.chapters.audit import averages
from igsed_core.chapters.audit.material import Material
from igsed_core.detection.scored import LEARNED, ORACLE, SCORED
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation
from igsed_core.metrics.summaries import INSTANCE, Series

CLIP, POOLED, VALUE, SHARE = "clip_percentile", "pooled_percentile", "value", "share_of_maximum"
READINGS = (CLIP, POOLED, VALUE, SHARE)
STEPS = 50  # thresholds at most

Masks = Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.bool_]]


def _pooled(scores: NDArray[np.floating], tau: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(scores > np.percentile(scores, tau)[:, None, None])


def _value(scores: NDArray[np.floating], tau: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(scores > (tau / 100)[:, None, None])


def _share(scores: NDArray[np.floating], tau: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(scores > (tau / 100)[:, None, None] * scores.max(axis=-1, keepdims=True))


MASKS: dict[str, Masks] = {CLIP: levels.percentile, POOLED: _pooled, VALUE: _value, SHARE: _share}


def ceiling(activity: ArrayLike, kept: ArrayLike, metric: str) -> NDArray[np.float64]:
    """Highest IoU or F1 that a mask of the share ``kept`` can have where the share ``activity`` is active.

    Parameters
    ----------
    activity, kept
        Shares of any shape, broadcast against each other.
    metric
        ``iou`` or ``f1``.

    Returns
    -------
    np.ndarray
        Of the shape that both have together.
    """
    a, k = np.asarray(activity, dtype=float), np.asarray(kept, dtype=float)
    small, large = np.minimum(a, k), np.maximum(a, k)
    return small / large if metric == "iou" else 2 * small / (a + k)


def mean_ceiling(activity: ArrayLike, kept: ArrayLike, metric: str, reading: str) -> NDArray[np.float64]:
    """Highest mean IoU or F1 over clips, however activity is spread over them, given its mean.

    For a percentile of the clip: where ``k`` exceeds the mean activity, ``min(a, k) / max(a, k) <= a / k`` and
    ``2 min(a, k) / (a + k) <= 2 a / (a + k)``, both concave in ``a``. For a percentile of all frames the kept share
    may differ from clip to clip; its mean is ``k``, and a clip's IoU is at most ``1 - |k - a|``, its F1
    ``1 - |k - a| / 2``.

    Parameters
    ----------
    activity
        Mean share of active frames, of any shape.
    kept
        Share of frames that the threshold keeps, of any shape.
    metric
        ``iou`` or ``f1``.
    reading
        One of :data:`READINGS`; 1 for those that fix no share.
    """
    a, k = np.asarray(activity, dtype=float), np.asarray(kept, dtype=float)
    if reading == CLIP:
        return np.where(k >= a, ceiling(a, k, metric), 1.0)
    if reading == POOLED:
        return np.minimum(1.0, 1 - np.abs(k - a) * (1.0 if metric == "iou" else 0.5))
    return np.ones(np.broadcast(a, k).shape)


def paper_activity() -> tuple[float, int, float, float]:
    """Mean share of active frames of the paper's instances, as its random baseline's pointing game estimates it.

    Returns
    -------
    activity : float
        Random's pointing game.
    n : int
        Instances that it is a share of, by the paper's own tables
        (:func:`igsed_core.chapters.audit.averages.paper_countings`); 0 if no number agrees with them.
    low, high : float
        Wilson's 95 % interval; NaN if ``n`` is 0. The hits of instances of unequal activity scatter less than the
        binomial distribution, so that the interval is wide enough.
    """
    activity = float(paper.detection().set_index("method")["pointing_game"].to_dict()["random"])
    counted = averages.paper_countings().set_index("counting")["evaluated"].to_dict()["evaluated"]
    if np.isnan(counted):
        return activity, 0, float("nan"), float("nan")
    n = int(counted)
    interval = binomtest(round(activity * n), n).proportion_ci(0.95, method="wilson")
    return activity, n, float(interval.low), float(interval.high)


def paper_bounds() -> pd.DataFrame:
    """Each peak of the paper's Fig. 3 beside what a percentile could reach there.

    Returns
    -------
    pd.DataFrame
        ``method, metric, threshold, value, activity, clip_percentile, pooled_percentile, needed, n, activity_low,
        activity_high, clip_percentile_high, pooled_percentile_high``: the paper's peak; its mean share of active frames
        (random's pointing game); the ceilings; the mean activity that the peak would need under a percentile of the
        clip; how many instances the activity is from, and its interval; the ceilings at its upper end.
    """
    peaks = paper.threshold_sensitivity()
    activity, n, low, high = paper_activity()
    rows = []
    for row in peaks.to_dict("records"):
        kept, value, metric = 1 - float(row["peak_percentile"]) / 100, float(row["peak_value"]), str(row["metric"])
        ceilings, highest = (
            [float(mean_ceiling(a, kept, metric, reading)) for reading in (CLIP, POOLED)] for a in (activity, high)
        )
        needed = value * kept if metric == "iou" else value * kept / (2 - value)
        key = (row["method"], metric, row["peak_percentile"], value)
        rows.append((*key, activity, *ceilings, needed, n, low, high, *highest))
    columns = ["method", "metric", "threshold", "value", "activity", CLIP, POOLED, "needed"]
    columns += ["n", "activity_low", "activity_high", f"{CLIP}_high", f"{POOLED}_high"]
    return pd.DataFrame(rows, columns=columns)


def paper_ceilings() -> pd.DataFrame:
    """Return the most that percentiles can give with the paper's mean activity.

    Returns
    -------
    pd.DataFrame
        ``rule, metric, threshold, value, value_high``: with the activity, and with the upper end of its interval.
    """
    activity, _, _, high = paper_activity()
    tau = np.linspace(0, 100 * (1 - activity), 100)
    tables = [
        pd.DataFrame(
            {
                "rule": r,
                "metric": m,
                "threshold": tau,
                "value": mean_ceiling(activity, 1 - tau / 100, m, r),
                "value_high": mean_ceiling(high, 1 - tau / 100, m, r),
            }
        )
        for r in (CLIP, POOLED)
        for m in ("iou", "f1")
    ]
    return pd.concat(tables, ignore_index=True)


def curves(material: Material, split: str = "test") -> pd.DataFrame:
    """IoU and F1 at every threshold under every reading; the method ``oracle`` ranks perfectly.

    Returns
    -------
    pd.DataFrame
        Tidy rows; ``rule`` is the reading.
    """
    data = material.splits[split]
    tau = material.grid[:: -(-len(material.grid) // STEPS)]
    series = []
    for method in (*LEARNED, ORACLE):
        for reading, masks in MASKS.items():
            if (reading == VALUE and not SCORED[method].probability) or (method == ORACLE and reading != CLIP):
                continue
            found = masks(data.scores[method] if reading in (VALUE, SHARE) else data.ranked[method], tau)
            for metric, function in (("iou", localisation.iou), ("f1", localisation.f1)):
                values = function(found, data.truth)  # (n_thresholds, n_instances)
                series += [
                    Series(method, reading, metric, row, threshold=float(t)) for t, row in zip(tau, values, strict=True)
                ]
    return material.tidy("fig3", data.index, series)


def peaks(found: pd.DataFrame) -> pd.DataFrame:
    """Highest point of each curve over instances, beside the paper's.

    Returns
    -------
    pd.DataFrame
        Rows of ``found`` with ``paper_threshold`` and ``paper_value``; only methods and metrics of the paper.
    """
    rows = found[found["average"] == INSTANCE].reset_index(drop=True)
    best = rows.loc[rows.groupby(["method", "rule", "metric"], sort=False)["value"].idxmax()]
    theirs = paper.threshold_sensitivity().rename(
        columns={"peak_percentile": "paper_threshold", "peak_value": "paper_value"}
    )
    return best.merge(theirs[["method", "metric", "paper_threshold", "paper_value"]], on=["method", "metric"])
