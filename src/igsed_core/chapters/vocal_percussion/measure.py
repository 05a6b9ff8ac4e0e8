"""Accuracies with intervals over users, and paired differences between systems.

What is averaged over is users: a user's accuracy is the mean over splits and seeds, and users are resampled. Another
user is what a figure must hold for, and there are few, so that intervals are wide; sounds of one user are no sample of
other users' sounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.metrics import bootstrap, intervals, judging

AVERAGES = ("user", "boxeme")  # every user counts alike, or every sound
MARGIN = 0.03  # smallest difference in accuracy that is called one
KNN = "knn"


def per_user(scored: pd.DataFrame, keys: Sequence[str] = ("system", "classifier")) -> pd.DataFrame:
    """Mean over splits and seeds: the keys, ``user, n_boxemes, value``."""
    groups = scored.groupby([*keys, "user"], sort=False)
    return groups.agg(n_boxemes=("n_boxemes", "first"), value=("value", "mean")).reset_index()


def accuracies(
    scored: pd.DataFrame, *, keys: Sequence[str] = ("system", "classifier"), replicates: int, seed: int
) -> pd.DataFrame:
    """Mean accuracy of each system with its interval over users.

    Parameters
    ----------
    scored
        ``user, n_boxemes, value, repetition`` and the keys.
    keys
        What tells one figure from another.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        The keys, ``split, average, n`` (users), ``n_boxemes, value, ci_low, ci_high, std`` (over splits and seeds;
        NaN for one).
    """
    rows = []
    for key, group in scored.groupby(list(keys), sort=False):
        mine = per_user(group, keys)
        over = group.groupby("repetition")["value"].mean()
        for average in AVERAGES:
            drawn = _resampled(
                mine["value"].to_numpy()[:, None], mine["n_boxemes"].to_numpy(), average, replicates, seed
            )
            low, high = intervals.intervals(drawn, len(mine), within=intervals.SHARE)[:, 0]
            rows.append(
                {
                    **dict(zip(keys, key, strict=True)),
                    **{"split": "test", "average": average, "n": len(mine)},
                    **{"n_boxemes": int(mine["n_boxemes"].sum()), "value": drawn[0, 0]},
                    **{"ci_low": max(low, 0.0), "ci_high": min(high, 1.0)},
                    "std": over.std() if len(over) > 1 else np.nan,
                }
            )
    return pd.DataFrame(rows)


def differences(
    scored: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, key: str = "system", replicates: int, seed: int
) -> pd.DataFrame:
    """Paired differences over users between systems, or between variants of one.

    Parameters
    ----------
    scored
        Rows of one classifier.
    pairs
        (System, other).
    key
        Column that names them.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        ``system, other, split, average, n, value, ci_low, ci_high, p_holm, verdict``; p-values are corrected over the
        pairs, and a verdict of above or below needs a corrected one below 0.05 as well.
    """
    mine = per_user(scored, (key,))
    table = mine.pivot_table(index="user", columns=key, values="value")
    rows, values = [], []
    for one, other in pairs:
        gap = (table[one] - table[other]).to_numpy()
        drawn = _resampled(gap[:, None], np.ones(len(gap)), "user", replicates, seed)
        low, high = intervals.intervals(drawn, len(gap), within=intervals.APART)[:, 0]
        values.append(float(intervals.p_values(drawn, len(gap))[0]))
        rows.append(
            {
                **{"system": one, "other": other, "split": "test", "average": "user", "n": len(gap)},
                **{"value": drawn[0, 0], "ci_low": low, "ci_high": high},
            }
        )
    return judging.judge_family(pd.DataFrame(rows), values, margin=MARGIN)


def mean_interval(
    values: NDArray[np.float64], *, replicates: int, seed: int, within: tuple[float, float]
) -> tuple[float, float, float]:
    """Mean over users with its interval; of values ``[shape=(n_users,)]``, all of them ``within`` these."""
    drawn = _resampled(values[:, None], np.ones(len(values)), "user", replicates, seed)
    low, high = intervals.intervals(drawn, len(values), within=within)[:, 0]
    return float(drawn[0, 0]), float(low), float(high)


def _resampled(
    values: NDArray[np.float64], n_boxemes: NDArray[np.float64], average: str, replicates: int, seed: int
) -> NDArray[np.float64]:
    drawn = bootstrap.with_sample(bootstrap.clip_weights(len(values), replicates=replicates, seed=seed))
    own = np.asarray(n_boxemes, dtype=float)[:, None] if average == "boxeme" else None
    return bootstrap.weighted_means(values, drawn, own)
