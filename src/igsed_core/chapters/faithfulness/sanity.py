"""Sanity checks: a map that explains a classifier must change when the classifier's weights are shuffled.

Reference: J. Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018 (cascading randomisation).
"""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation, ranking
from igsed_core.metrics.summaries import Series, summarise
from igsed_core.models.classifier import Classifier

ORIGINAL = "original"
# name -> share of the encoder's layers, from the top, whose weights are shuffled; the head's are in every case
MEASURES = ("rank_correlation", "partial_correlation", "iou", "pointing_game", "beyond_chance")
APART = 1_000_003  # between the seeds of two shuffles: no other seed of a run comes near
CASCADE = {"head": 0.0, "top_quarter": 0.25, "top_half": 0.5, "top_three_quarters": 0.75, "all": 1.0}


def turns(place: int, n_clips: int, n_shuffles: int) -> dict[str, int]:
    """Say with which shuffle a clip is explained at each level.

    Shuffles take turns over the clips, so that neighbours share one, and over the levels, so that one unlucky shuffle
    does not meet the same clips at every level. However many clips or shuffles there are, each level has every shuffle
    as often as any other, up to one clip; and with fewer clips than shuffles, other levels have those that one lacks.

    Parameters
    ----------
    place
        Of the clip among those that are explained, from 0.
    n_clips, n_shuffles
        How many there are of each.

    Returns
    -------
    dict
        Level of :data:`CASCADE` -> number of the shuffle.

    Examples
    --------
    >>> from igsed_core.chapters.faithfulness.sanity import turns
    >>> [list(turns(place, 4, 2).values()) for place in range(4)]
    [[0, 1, 0, 1, 0], [0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [1, 0, 1, 0, 1]]
    """
    first = place * min(n_shuffles, n_clips) // n_clips
    return {level: (first + i) % n_shuffles for i, level in enumerate(CASCADE)}


def layers(classifier: Classifier, log_mel: Tensor) -> list[nn.Module]:
    """Layers of the encoder that have a matrix of weights and are used, in the order in which they run.

    Parameters
    ----------
    classifier
        Its encoder is run once.
    log_mel
        ``[shape=(batch, frames, mels)]``
    """
    used: list[nn.Module] = []

    def remember(module: nn.Module, *_: object) -> None:
        if module not in used:
            used.append(module)

    weighted = [
        module
        for module in classifier.encoder.network.modules()
        if isinstance(weight := getattr(module, "weight", None), Tensor) and weight.ndim >= 2
    ]
    hooks = [module.register_forward_hook(remember) for module in weighted]
    try:
        with torch.inference_mode():
            classifier.encoder.feature_map(log_mel)
    finally:
        for hook in hooks:
            hook.remove()
    return used


def randomised(classifier: Classifier, log_mel: Tensor, share: float, *, seed: int, shuffle: int = 0) -> Classifier:
    """Copy of a classifier with shuffled weights: the head's, and those of the top share of the encoder's layers.

    The entries of each weight are permuted, so that their distribution stays and nothing has to be known of how
    a layer is initialised. Biases and normalisation stay. What is shuffled at a small share is shuffled in the same
    way at a larger one.

    Parameters
    ----------
    classifier
        What is copied.
    log_mel
        Any map that fits, ``[shape=(batch, frames, mels)]``; it tells which layers are used.
    share
        Between 0 (the head alone) and 1 (everything).
    seed
        Of the permutations.
    shuffle
        Number of the shuffle: each has permutations of its own.
    """
    changed = copy.deepcopy(classifier)
    used = layers(changed, log_mel)
    chosen = used[len(used) - round(share * len(used)) :]
    generator = torch.Generator().manual_seed(seed + shuffle * APART)
    with torch.no_grad():
        embedding = [] if changed.head.embedding is None else [changed.head.embedding]
        for layer in (changed.head.linear, *embedding, *reversed(chosen)):
            weight = layer.weight
            assert isinstance(weight, Tensor)
            mixed = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.reshape(-1)[mixed].reshape(weight.shape))
    return changed


def measure(
    scores: NDArray[np.floating],
    original: NDArray[np.floating],
    truth: NDArray[np.bool_],
    *,
    percentile: float,
    energy: NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """Compare a map with that of the trained classifier, and with the annotation.

    Parameters
    ----------
    scores, original, truth
        Over evaluation frames, ``[shape=(n_frames,)]``.
    percentile
        Of the clip, at which the map becomes a mask.
    energy
        Of the evaluation frames, which both maps may follow, ``[shape=(n_frames,)]``.

    Returns
    -------
    dict
        :data:`MEASURES`: rank correlation with the original; the same with energy partialled out, NaN where no energy
        is given or nothing is left; IoU; pointing game; the same minus what random scores get on average, which is the
        share of active frames.
    """
    mask = levels.percentile(scores, percentile)
    hit = float(localisation.pointing_game(scores, truth))
    return {
        "rank_correlation": float(ranking.rank_correlation(scores, original)),
        "partial_correlation": float(
            np.nan if energy is None else ranking.partial_rank_correlation(scores, original, energy)
        ),
        "iou": float(localisation.iou(mask, truth)),
        "pointing_game": hit,
        "beyond_chance": hit - float(truth.mean()),
    }


def report(rows: pd.DataFrame, index: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Averages with intervals of a bootstrap over clips and, independently, shuffles.

    Parameters
    ----------
    rows
        ``clip, label, method, level, shuffle`` and :data:`MEASURES`.
    index
        ``split, clip, label`` of the instances.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        Tidy; ``rule`` is the level of the cascade, ``shuffles`` says how many shuffles a level has.
    """
    pairs = pd.MultiIndex.from_frame(index[["clip", "label"]])
    tables = []
    for level, of_level in rows.groupby("level", sort=False):
        by_method = {
            str(method): group.set_index(["clip", "label"]).loc[pairs]
            for method, group in of_level.groupby("method", sort=False)
        }
        series = [
            Series(method, str(level), metric, group[metric].to_numpy())
            for method, group in by_method.items()
            for metric in MEASURES
        ]
        sources = [(str(one),) for one in next(iter(by_method.values()))["shuffle"]]
        number = len(set(sources))
        several = sources if number > 1 else None
        found = summarise(index, series, replicates=replicates, seed=seed, sources=several)
        tables.append(found.assign(shuffles=number))
    return pd.concat(tables, ignore_index=True)
