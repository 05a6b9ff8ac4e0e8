"""Shares and means with intervals over clips: the unit is the clip, whatever is attacked in it, and by whom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.metrics import bootstrap, intervals, ranking

MARGIN = 0.05  # smallest difference of a share, or of a correlation, that is called one
COLUMNS = ["metric", "split", "n", "value", "ci_low", "ci_high"]


def of_groups(
    table: pd.DataFrame, keys: Sequence[str], metric: str, *, proportion: bool, replicates: int, seed: int
) -> pd.DataFrame:
    """Mean of a column in each group of rows, resampled by clip.

    Parameters
    ----------
    table
        The keys, ``clip``, and a column named as the metric; NaN is left out.
    keys
        What tells one figure from another.
    metric
        The column.
    proportion
        It holds yes and no: Wilson's interval.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        The keys, then ``metric, split, n`` (clips), ``value, ci_low, ci_high``.
    """
    rows = []
    for key, group in table.groupby(list(keys), sort=False):
        known = group.dropna(subset=[metric])
        value = of_values(
            known["clip"].to_numpy(), known[metric].to_numpy(dtype=float), proportion, replicates=replicates, seed=seed
        )
        rows.append((*key, metric, "test", *value))
    return pd.DataFrame(rows, columns=[*keys, *COLUMNS])


def of_values(
    clips: NDArray[np.object_], values: NDArray[np.float64], proportion: bool, *, replicates: int, seed: int
) -> tuple[int, float, float, float]:
    """Mean of some values with its interval over clips.

    Parameters
    ----------
    clips, values
        Clip and value of each row, ``[shape=(n_rows,)]`` both.
    proportion
        The values are 0 or 1: Wilson's interval.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    tuple
        Clips, mean, lower and upper end; NaN where there is nothing.
    """
    names, of_clip = np.unique(clips.astype(str), return_inverse=True)
    if not len(names):
        return 0, np.nan, np.nan, np.nan
    weights = bootstrap.with_sample(bootstrap.clip_weights(len(names), replicates=replicates, seed=seed))
    drawn = bootstrap.weighted_means(values[:, None], weights[:, of_clip])
    ends = (
        intervals.proportions(drawn, len(values), len(names)) if proportion else intervals.intervals(drawn, len(names))
    )
    return len(names), float(drawn[0, 0]), float(ends[0, 0]), float(ends[1, 0])


def areas(
    clips: NDArray[np.object_],
    scores: NDArray[np.float64],
    attacked: NDArray[np.bool_],
    *,
    replicates: int,
    seed: int,
) -> NDArray[np.float64]:
    """Chance that an attacked clip scores higher than a clean one (AUROC), of the sample and of its replicates.

    Parameters
    ----------
    clips, scores, attacked
        Of each row, ``[shape=(n_rows,)]``; a clip's clean and attacked rows are drawn together. A row whose score is
        NaN does not count.
    replicates, seed
        Of the bootstrap: the same clips are drawn for all scores of the same rows, so that differences are paired.

    Returns
    -------
    np.ndarray [shape=(1 + replicates,)]
        The sample's own first; NaN where there are not both.
    """
    names, of_clip = np.unique(clips.astype(str), return_inverse=True)
    known = ~np.isnan(scores)
    if not len(names) or not (attacked & known).any() or not (~attacked & known).any():
        return np.full(1 + replicates, np.nan)
    above = scores[attacked & known][:, None] - scores[~attacked & known][None]
    wins = (above > 0) + 0.5 * (above == 0)  # (n_attacked, n_clean)
    weights = bootstrap.with_sample(bootstrap.clip_weights(len(names), replicates=replicates, seed=seed))
    hit, miss = weights[:, of_clip[attacked & known]], weights[:, of_clip[~attacked & known]]
    pairs = hit.sum(axis=1) * miss.sum(axis=1)
    with np.errstate(invalid="ignore"):
        drawn: NDArray[np.float64] = np.einsum("ra,ac,rc->r", hit, wins, miss) / np.where(pairs > 0, pairs, np.nan)
    return drawn


def area(drawn: NDArray[np.float64], n_clips: int) -> tuple[float, float, float]:
    """Return an AUROC with its interval over clips.

    Parameters
    ----------
    drawn
        From :func:`areas`, ``[shape=(1 + replicates,)]``.
    n_clips
        Clips that were drawn from.

    Returns
    -------
    tuple
        AUROC, lower and upper end; NaN where there are not both kinds.
    """
    if np.isnan(drawn[0]):
        return np.nan, np.nan, np.nan
    low, high = intervals.interval(drawn, n_clips, within=intervals.SHARE)
    if drawn[0] in (0.0, 1.0):  # all agree: no more is known than so many clips can tell
        low, high = intervals.wilson(drawn[0], n_clips)
    return float(drawn[0]), float(low), float(high)


def correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Rank correlation of two maps over time, ``[shape=(n_frames,)]`` both; NaN where one is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(ranking.rank_correlation(one, other))


def entropy(values: NDArray[np.float64]) -> float:
    """How evenly a map lies in time: entropy of its positive part over that of an even one, from 0 to 1.

    Parameters
    ----------
    values
        ``[shape=(n_frames,)]``
    """
    positive = np.maximum(values, 0.0)
    total = float(positive.sum())
    if total <= 0:
        return float("nan")
    share = positive / total
    return float(-(share * np.log(np.maximum(share, 1e-30))).sum() / np.log(len(share)))
