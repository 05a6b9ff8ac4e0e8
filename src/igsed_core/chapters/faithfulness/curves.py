"""Deletion and insertion in time, sufficiency and necessity: does the classifier need what a method points at?

References: V. Petsiuk et al., "RISE", BMVC 2018 (deletion, insertion); J. DeYoung et al., "ERASER", ACL 2020
(sufficiency, comprehensiveness).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.attribution.replacement import replacement
from igsed_core.chapters.faithfulness import occlusion
from igsed_core.detection.thresholds import levels
from igsed_core.metrics.summaries import INSTANCE, Series, summarise

# Denser where curves fall: events are short.
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TRUTH = "truth"  # as a method: the annotation itself, what a perfect localiser would point at


def of_clip(
    model: MelScore,
    log_mel: Tensor,
    output: int,
    scores: Mapping[str, NDArray[np.floating]],
    truth: NDArray[np.bool_],
    frame: NDArray[np.int64],
    *,
    replacements: Sequence[str],
    percentile: float,
    seed: int,
) -> pd.DataFrame:
    """Logit of one class of one clip, with ever more frames removed, or with ever more put back.

    Parameters
    ----------
    model
        Encoder and head.
    log_mel
        ``[shape=(mel_frames, mels)]``
    output
        The class.
    scores
        Method -> score of each evaluation frame, ``[shape=(n_frames,)]``.
    truth
        Active frames; they stand as a method of their own.
    frame
        Evaluation frame of each log-mel frame, from :func:`igsed_core.chapters.faithfulness.occlusion.frame_of`.
    replacements
        Names from :data:`igsed_core.attribution.replacement.KINDS`.
    percentile
        Frames above it are a method's detection; the annotation's is the annotation.
    seed
        Orders equal scores.

    Returns
    -------
    pd.DataFrame
        ``method, kind, share, replacement, logit``. ``kind`` is ``deletion`` (the first ``share`` of the frames is
        replaced), ``insertion`` (all others are), ``kept`` (only what is detected stays) or ``removed`` (only what is
        not detected stays); for the last two ``share`` is that of the frames that are detected.
    """
    kinds = ["deletion"] * len(SHARES) + ["insertion"] * len(SHARES) + ["kept", "removed"]
    versions, rows = [], []
    for name, values in {**scores, TRUTH: truth.astype(float)}.items():
        mask = truth if name == TRUTH else levels.percentile(values, percentile)
        first = occlusion.top(occlusion.ranks(values, seed=seed), SHARES)  # (n_shares, n_frames)
        versions += [~first, first, np.stack([mask, ~mask])]
        rows += list(zip([name] * len(kinds), kinds, [*SHARES, *SHARES, mask.mean(), mask.mean()], strict=True))
    # Methods share versions, the whole clip and none of it at least.
    distinct, which = np.unique(np.concatenate(versions), axis=0, return_inverse=True)
    tables = []
    for replaced in replacements:
        fill = replacement(replaced, model, log_mel, seed)
        logit = occlusion.occluded_logits(model, log_mel, distinct[:, frame], fill)[which, output]
        tables.append(pd.DataFrame(rows, columns=["method", "kind", "share"]).assign(replacement=replaced, logit=logit))
    return pd.concat(tables, ignore_index=True)


def probability(logit: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logistic function."""
    return 1 / (1 + np.exp(-np.asarray(logit, dtype=float)))


def area(shares: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Area under piecewise linear curves over the shares 0 to 1, along the last axis."""
    return np.trapezoid(values, shares, axis=-1)


def report(
    rows: pd.DataFrame, index: pd.DataFrame, *, target: str, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Averages over instances with bootstrap intervals: areas and masks, and the curves themselves.

    Parameters
    ----------
    rows
        ``clip, label`` and the columns of :func:`of_clip`.
    index
        ``split, clip, label`` of the instances.
    target
        ``probability`` or ``logit``: the height of the curves.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    areas
        Tidy; ``rule`` is the replacement, ``metric`` one of ``deletion``, ``insertion`` (areas), ``gap`` (insertion
        less deletion), ``sufficiency`` (probability of the detected frames alone, relative to that of the clip),
        ``necessity`` (share of the clip's probability that is lost without them).
    curves
        Tidy; ``threshold`` is the share of the frames.
    """
    pairs = pd.MultiIndex.from_frame(index[["clip", "label"]])
    one, many = [], []
    for (method, replaced), group in rows.groupby(["method", "replacement"], sort=False):
        names = (str(method), str(replaced))
        tables = {
            kind: of_kind.pivot_table("logit", ["clip", "label"], "share").loc[pairs].to_numpy()
            for kind, of_kind in group[group["kind"].isin(["deletion", "insertion"])].groupby("kind")
        }
        heights = {kind: probability(t) if target == "probability" else t for kind, t in tables.items()}
        areas = {kind: area(np.array(SHARES), heights[kind]) for kind in ("deletion", "insertion")}
        for kind, values in heights.items():
            many += [Series(*names, str(kind), values[:, i], share) for i, share in enumerate(SHARES)]
        whole = probability(tables["deletion"][:, 0])
        left = {
            kind: probability(group[group["kind"] == kind].set_index(["clip", "label"])["logit"].loc[pairs].to_numpy())
            for kind in ("kept", "removed")
        }
        metrics = {
            **areas,
            "gap": areas["insertion"] - areas["deletion"],
            "sufficiency": left["kept"] / whole,
            "necessity": 1 - left["removed"] / whole,
        }
        one += [Series(*names, metric, values.astype(float)) for metric, values in metrics.items()]
    curves = summarise(index, many, replicates=replicates, seed=seed)
    return summarise(index, one, replicates=replicates, seed=seed), curves[curves["average"] == INSTANCE].reset_index(
        drop=True
    )
