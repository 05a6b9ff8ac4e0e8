"""Does a classifier get better when parts of its input are hidden? Occlusion by loss gradient over a whole split.

To first order, replacing the element ``x`` of the input by ``r`` changes the loss by ``(r - x) dL/dx``. An order that
follows it knows the labels. What is left of a gain when the classifier's own decisions stand for the labels, and when
an explanation of these decisions gives the order, is what somebody without labels could have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.attribution.replacement import replacement
from igsed_core.chapters.faithfulness import occlusion
from igsed_core.metrics import bootstrap, intervals, localisation
from igsed_core.metrics.summaries import ALL, CLASS, COLUMNS, INSTANCE

# Unit -> share of the input that is replaced. Bins are many, and to first order only the smallest steps are safe.
LEVELS = {"frames": (0.01, 0.05, 0.2, 0.6), "bins": (0.001, 0.01, 0.1, 0.5)}  # frames of 100 ms; single mel bins
UNITS = tuple(LEVELS)
# What is replaced first -> does the order know the labels?
ORDERS = {
    "random": False,
    "cam": False,  # frames least important by class activation
    "ig": False,  # frames least important by Integrated Gradients
    "loss_gradient": True,  # smallest absolute loss gradient: what "does not matter"
    "harmful": True,  # what lowers the loss most, to first order, when it is replaced
    "harmful_decided": False,  # the same for the loss against the classifier's own decisions
}
EXPLANATIONS = ("cam", "ig")  # know frames, not bins
NONE = "none"  # in the column `method`: the clips as they are
RESULT_COLUMNS = ["unit", *COLUMNS]


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over classes: ``(..., n_classes) -> (...)``, as in training."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(dim=-1)


def loss_gradient(model: MelScore, log_mel: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the loss with respect to a log-mel map: ``(frames, mels)``."""
    inputs = log_mel[None].clone().requires_grad_()
    value = loss(occlusion.logits(model, inputs), labels[None])
    return torch.autograd.grad(value.sum(), inputs)[0][0]


def versions(replacements: Sequence[str]) -> pd.DataFrame:
    """Name the occluded versions of a clip, the same for every clip and in the order of :func:`of_clip`.

    Parameters
    ----------
    replacements
        Names from :data:`igsed_core.attribution.replacement.KINDS`.

    Returns
    -------
    pd.DataFrame
        ``unit, method`` (the order), ``rule`` (the replacement), ``threshold`` (the share); first the clip as it is.
    """
    rows: list[tuple[str, str, str, float]] = [("frames", NONE, NONE, 0.0)]
    for replaced in replacements:
        for unit in UNITS:
            rows += [(unit, order, replaced, share) for order in orders(unit) for share in LEVELS[unit]]
    return pd.DataFrame(rows, columns=["unit", "method", "rule", "threshold"])


def orders(unit: str) -> tuple[str, ...]:
    """Orders in which a unit is replaced: explanations know frames alone."""
    return tuple(order for order in ORDERS if unit == "frames" or order not in EXPLANATIONS)


def of_clip(
    model: MelScore,
    log_mel: Tensor,
    labels: NDArray[np.bool_],
    explained: Mapping[str, NDArray[np.floating]],
    frame: NDArray[np.int64],
    *,
    replacements: Sequence[str],
    threshold: float,
    seed: int,
) -> NDArray[np.float32]:
    """Logits of one clip in every occluded version.

    Parameters
    ----------
    model
        Encoder and head.
    log_mel
        ``[shape=(mel_frames, mels)]``
    labels
        Classes that are present, ``[shape=(n_classes,)]``.
    explained
        Importance of each evaluation frame by each of :data:`EXPLANATIONS`; where one is missing (no class is
        detected) nothing is occluded.
    frame
        Evaluation frame of each log-mel frame, ``[shape=(mel_frames,)]``.
    replacements
        Names from :data:`igsed_core.attribution.replacement.KINDS`.
    threshold
        Probability above which a class is detected.
    seed
        Of the random order, and of equal scores.

    Returns
    -------
    np.ndarray [shape=(n_versions, n_classes)]
        In the order of :func:`versions`.
    """
    with torch.no_grad():
        original = occlusion.logits(model, log_mel[None])[0]
    decided = (torch.sigmoid(original) > threshold).float()
    against = {
        "harmful": loss_gradient(model, log_mel, torch.as_tensor(labels, dtype=torch.float32, device=log_mel.device)),
        "harmful_decided": loss_gradient(model, log_mel, decided),
    }
    size = -against["harmful"].abs()
    rng = np.random.default_rng([seed, 0x0CC1])
    noise = {"frames": rng.random(int(frame.max()) + 1), "bins": rng.random(log_mel.shape)}
    logits = [original[None].cpu().numpy()]
    for replaced in replacements:
        fill = replacement(replaced, model, log_mel, seed)
        first_order = {name: (log_mel - fill) * gradient for name, gradient in against.items()}
        for unit in UNITS:
            scores = {name: _per_unit(of_bins, unit, frame) for name, of_bins in first_order.items()}
            scores |= {"loss_gradient": _per_unit(size, unit, frame), "random": noise[unit]}
            if unit == "frames":
                scores |= {name: -np.asarray(values) for name, values in explained.items()}
            for order in orders(unit):
                if order not in scores:
                    logits.append(np.repeat(logits[0], len(LEVELS[unit]), axis=0))
                    continue
                hidden = occlusion.top(occlusion.ranks(scores[order], seed=seed), LEVELS[unit])
                kept = ~(hidden[:, frame] if unit == "frames" else hidden)
                logits.append(occlusion.occluded_logits(model, log_mel, kept, fill))
    return np.concatenate(logits)


def _per_unit(of_bins: Tensor, unit: str, frame: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum over what is replaced together."""
    values = of_bins.double().cpu().numpy()
    return values if unit == "bins" else np.bincount(frame, weights=values.sum(axis=1)).astype(float)


def report(
    versions: pd.DataFrame,
    logits: NDArray[np.floating],
    labels: NDArray[np.bool_],
    *,
    split: str,
    threshold: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Macro F1 and loss of every version, and their change against the clips as they are, with intervals.

    Parameters
    ----------
    versions
        From :func:`versions`.
    logits
        ``[shape=(n_clips, n_versions, n_classes)]``
    labels
        ``[shape=(n_clips, n_classes)]``
    split
        Name of the split.
    threshold
        Probability above which a class is detected.
    replicates, seed
        Of the bootstrap over clips, the same draws for every version.

    Returns
    -------
    pd.DataFrame
        Tidy, with the column ``unit`` before; ``method`` is the order, ``rule`` the replacement, ``threshold`` the
        share that is replaced, ``metric`` one of ``f1``, ``loss``, ``f1_change``, ``loss_change``.
    """
    n_clips, n_versions, _ = logits.shape
    weights = bootstrap.with_sample(bootstrap.clip_weights(n_clips, replicates=replicates, seed=seed))
    detected = torch.sigmoid(torch.from_numpy(logits)).numpy() > threshold
    losses = loss(torch.from_numpy(logits), torch.from_numpy(labels[:, None].astype(np.float32)).expand(logits.shape))
    means = weights @ losses.double().numpy() / weights.sum(axis=1, keepdims=True)  # (1 + replicates, n_versions)
    f1 = np.stack([macro_f1(detected[:, i], labels, weights) for i in range(n_versions)], axis=1)
    values = {"f1": f1, "loss": means, "f1_change": f1 - f1[:, :1], "loss_change": means - means[:, :1]}
    held = int(labels.any(axis=0).sum())
    rows = []
    for metric, of_versions in values.items():
        average, n = (CLASS, held) if metric.startswith("f1") else (INSTANCE, n_clips)
        ends = intervals.intervals(of_versions, n_clips)
        for i, version in enumerate(versions.itertuples(index=False)):
            key = (version.unit, split, version.method, version.rule, metric, ALL, average, version.threshold)
            rows.append((*key, of_versions[0, i], n, np.nan, *ends[:, i]))
    return pd.DataFrame(rows, columns=RESULT_COLUMNS)


def macro_f1(
    detected: NDArray[np.bool_], present: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """F1 averaged over the classes that a replicate holds, as in Table I, in each bootstrap replicate.

    Parameters
    ----------
    detected, present
        ``[shape=(n_clips, n_classes)]``
    weights
        How often each clip counts, ``[shape=(replicates, n_clips)]``.

    Returns
    -------
    np.ndarray [shape=(replicates,)]
        NaN where a replicate holds no class.
    """
    counted = (detected & present, detected & ~present, ~detected & present)
    tp, fp, fn = (weights @ which.astype(float) for which in counted)
    f1 = localisation.of_counts(tp, fp, fn)[2]
    f1[tp + fn == 0] = np.nan
    return bootstrap.mean_of_present(f1, axis=1)
