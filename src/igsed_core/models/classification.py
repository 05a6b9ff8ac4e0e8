"""What each head says of each clip, and how well (paper, section IV-A, Table I)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import bootstrap, intervals, localisation, summaries
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Head

RULE = "probability"  # in the column `rule`
_NOTHING_TO_LOCATE = (
    "so there is nothing to locate: train on more soundscapes ('n_train'), or lower 'probability_threshold'"
)


def predict(
    heads: dict[str, Head], features: FeatureFrames, targets: Targets, *, split: str, threshold: float
) -> pd.DataFrame:
    """Clip-level probabilities of every head for every (clip, class) pair.

    Parameters
    ----------
    heads
        Trained heads by name.
    features, targets
        Feature frames and labels of one split.
    split
        Name of the split.
    threshold
        A class is detected if its probability exceeds this.

    Returns
    -------
    pd.DataFrame
        ``split, method, clip, label, present, probability, detected``.
    """
    tables = []
    x = torch.from_numpy(features.values)
    for name, head in heads.items():
        with torch.inference_mode():
            probability = torch.sigmoid(head.clip_logits(x)).numpy()
        n_clips, n_classes = probability.shape
        tables.append(
            pd.DataFrame(
                {
                    "split": split,
                    "method": name,
                    "clip": np.repeat(features.clips, n_classes),
                    "label": np.tile(head.classes, n_clips),
                    "present": targets.clip.ravel() > 0.5,
                    "probability": probability.ravel(),
                    "detected": probability.ravel() > threshold,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def predict_splits(
    heads: dict[str, Head], data: dict[str, tuple[FeatureFrames, Targets]], *, threshold: float
) -> pd.DataFrame:
    """Return :func:`predict` over several splits, given by name."""
    return pd.concat(
        [predict(heads, *inputs, split=split, threshold=threshold) for split, inputs in data.items()],
        ignore_index=True,
    )


def report(
    predictions: pd.DataFrame, *, threshold: float, seed: int, replicates: int = bootstrap.REPLICATES
) -> pd.DataFrame:
    """Precision, recall and F1 of each class and their macro averages, with intervals, one row per figure.

    Parameters
    ----------
    predictions
        From :func:`predict`.
    threshold
        The probability over which a class was called detected.
    seed, replicates
        Of the bootstrap over clips, for the means over classes; each class has Wilson's interval.

    Returns
    -------
    pd.DataFrame
        The columns of :data:`igsed_core.metrics.summaries.COLUMNS`. In the row of a class ``n`` is the number of clips
        that hold it, and without one there is no value; the mean over classes is over the ``n`` classes that the split
        holds.
    """
    rows: list[tuple[object, ...]] = []
    for (split, method), group in predictions.groupby(["split", "method"], sort=False):
        present = group.pivot_table(index="clip", columns="label", values="present", aggfunc="first")
        detected = group.pivot_table(index="clip", columns="label", values="detected", aggfunc="first")
        truth, found = present.to_numpy(dtype=bool), detected.to_numpy(dtype=bool)
        weights = bootstrap.with_sample(bootstrap.clip_weights(len(truth), replicates=replicates, seed=seed))
        tp, fp, fn = (weights @ which.astype(float) for which in (found & truth, found & ~truth, ~found & truth))
        held = truth.any(axis=0)
        for metric, values in zip(("precision", "recall", "f1"), localisation.of_counts(tp, fp, fn), strict=True):
            values[1:][(tp + fn)[1:] == 0] = np.nan
            key = (split, method, RULE, metric)
            values[0, ~held] = np.nan
            ends = np.where(held, _intervals(metric, tp[0], fp[0], fn[0]), np.nan).T
            for label, value, n, interval in zip(present.columns, values[0], truth.sum(axis=0), ends, strict=True):
                rows.append((*key, label, summaries.INSTANCE, threshold, value, n, np.nan, *interval))
            mean = bootstrap.mean_of_present(values[:, held], axis=1)
            spread = values[0, held].std() if held.any() else np.nan
            # All classes without an error say no more than all their clips do.
            ends_of_mean = intervals.interval(mean, len(truth))
            if mean[0] in (0.0, 1.0):
                ends_of_mean = tuple(intervals.proportions(mean[:, None], len(truth), len(truth))[:, 0])
            over_classes = (mean[0], int(held.sum()), spread, *ends_of_mean)
            rows.append((*key, summaries.ALL, summaries.CLASS, threshold, *over_classes))
    return pd.DataFrame(rows, columns=summaries.COLUMNS)


def _intervals(
    metric: str, tp: NDArray[np.float64], fp: NDArray[np.float64], fn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Wilson's intervals of each class, ``[shape=(2, n_classes)]``: a clip is one trial of a class, or none."""
    trials = tp + {"precision": fp, "recall": fn, "f1": fp + fn}[metric]
    if metric == "f1":
        ends = intervals.f1_of_counts(tp, fp + fn)
    else:
        ends = intervals.wilson(tp / np.maximum(trials, 1), trials)
    return np.where(trials >= intervals.FEWEST, ends, np.nan)


def detections(predictions: pd.DataFrame) -> pd.DataFrame:
    """Count, by class, the pairs that are evaluated in time and those that are not.

    Returns
    -------
    pd.DataFrame
        ``split, class, present, evaluated, missed, false``: pairs present; detected and present; present
        but not detected; detected but not present. Rows of the clip-level head only.
    """
    clip_level = predictions[predictions["method"] == "clip_level"]
    rows = []
    for (split, label), group in clip_level.groupby(["split", "label"], sort=False):
        present, detected = group["present"], group["detected"]
        rows.append(
            (
                split,
                label,
                int(present.sum()),
                int((present & detected).sum()),
                int((present & ~detected).sum()),
                int((~present & detected).sum()),
            )
        )
    table = pd.DataFrame(rows, columns=["split", "class", "present", "evaluated", "missed", "false"])
    return table.sort_values(["split", "class"], ignore_index=True)


def detected_pairs(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return ``split, clip, label, present, probability`` of the pairs that the clip-level head detects.

    Raises
    ------
    IgsedError
        If there is none.
    """
    rows = predictions[(predictions["method"] == "clip_level") & predictions["detected"]]
    if rows.empty:
        raise IgsedError(f"the clip-level classifier detects no class in any clip, {_NOTHING_TO_LOCATE}")
    return rows[["split", "clip", "label", "present", "probability"]].reset_index(drop=True)


def evaluated_pairs(predictions: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return ``split, clip, label`` of one split's instances: detected by the clip-level head and present.

    Raises
    ------
    IgsedError
        If the split has none.
    """
    pairs = detected_pairs(predictions)
    chosen = pairs[pairs["present"] & (pairs["split"] == split)]
    if chosen.empty:
        raise IgsedError(
            f"the clip-level classifier detects no class that is present in the {split} split, {_NOTHING_TO_LOCATE}"
        )
    return chosen[["split", "clip", "label"]].reset_index(drop=True)


def example_clip(predictions: pd.DataFrame, split: str = "test") -> str:
    """Return the first clip of a split among those with the most evaluated classes."""
    counts = evaluated_pairs(predictions, split).groupby("clip", sort=False).size()
    return str(counts.idxmax())


def probabilities(predictions: pd.DataFrame, clip: str) -> dict[str, float]:
    """Return the clip-level head's probability of every class in one clip."""
    rows = predictions[(predictions["method"] == "clip_level") & (predictions["clip"] == clip)]
    return dict(zip(rows["label"], rows["probability"], strict=True))


def labels_of(predictions: pd.DataFrame, clip: str) -> list[str]:
    """Return the classes that the clip-level head detects in one clip."""
    pairs = detected_pairs(predictions)
    return list(pairs.loc[pairs["clip"] == clip, "label"])
