"""Is it the pooling over time? Heads that pool in other ways, and what is read from each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig import engines
from igsed_core.attribution.ig.base import Engine
from igsed_core.base import devices
from igsed_core.detection import calibration, concentration, decided, localiser_scores
from igsed_core.detection.absence_hmm import fit_classes, probability
from igsed_core.detection.decided import Split
from igsed_core.metrics import localisation, ranking
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models import heads, pooling, trainer
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.examples import InMemory
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Head
from igsed_core.models.objective import Settings

IG, CAM, LOCALISER = "ig", "cam", "localiser"
EPOCHS, PATIENCE = 1000, 10  # the most, so that every pooling converges; the paper's patience


@dataclass(frozen=True)
class PoolingExplainer(Explainer):
    """Explains a classifier whose head pools in one of the ways of :data:`igsed_core.models.pooling.POOLINGS`."""

    def load(self) -> tuple[Classifier, Engine]:
        """Load the classifier with its head, and create the engine."""
        encoder = encoders.load(self.encoder, self.weights)
        classifier = Classifier(encoder, heads.load(self.head, pooling.POOLINGS)).to(self.device).eval()
        return classifier, engines.create(self.engine, **dict(self.options))

    def classifier_identity(self) -> dict[str, Any]:
        """Encoder and digests of its weights and head."""
        return {
            "encoder": self.encoder,
            "weights_sha256": self.weights_sha256(),
            "head_sha256": heads.digest(self.head, pooling.POOLINGS),
        }


@devices.threads(1)
def train(
    name: str,
    data: tuple[FeatureFrames, Targets],
    validation: tuple[FeatureFrames, Targets],
    classes: tuple[str, ...],
    *,
    learning_rate: float,
    batch_size: int,
    seed: int,
    path: Path,
) -> dict[str, Any]:
    """Train a head on clip-level labels, as the explained one was but for its pooling, and keep it.

    Parameters
    ----------
    name
        Of :data:`igsed_core.models.pooling.POOLINGS`.
    data, validation
        Feature frames without shifts, and targets, of which those of clips alone are read.
    classes
        Class names.
    learning_rate, batch_size, seed
        Those of the explained head.
    path
        Where it is written.

    Returns
    -------
    dict
        ``pooling, epochs, best_epoch, converged, validation_loss``
    """
    examples, held_out = (InMemory(torch_of(x), torch_of(y)) for x, y in (data, validation))
    fitted = trainer.fit(
        lambda: pooling.POOLINGS[name](data[0].values.shape[-1], classes),
        examples,
        held_out,
        Settings(learning_rate=learning_rate, batch_size=batch_size, epochs=EPOCHS, patience=PATIENCE, seed=seed),
        name=f"head {name!r}",
        forward=lambda head, x: head.clip_logits(x),  # type: ignore[operator]
        validation_batch=len(held_out),
        quiet=True,
    )
    assert isinstance(fitted.network, Head)
    heads.save(fitted.network, name, path)
    best = int(fitted.history.loc[fitted.history["kept"], "epoch"].iloc[0])
    return {
        **{"pooling": name, "epochs": len(fitted.history), "best_epoch": best, "converged": best < EPOCHS},
        "validation_loss": float(fitted.history["validation_loss"].min()),
    }


def torch_of(of: FeatureFrames | Targets) -> torch.Tensor:
    """Inputs, or targets of clips, as a tensor ``[shape=(n_clips, ...)]``."""
    return torch.from_numpy(of.values if isinstance(of, FeatureFrames) else of.clip)


def measure(
    name: str,
    head: Head,
    ig: ScoresOverTime,
    split: Split,
    *,
    training: tuple[FeatureFrames, Targets],
    features: FeatureFrames,
    shifted: FeatureFrames,
    shifts: int,
    components: int,
) -> list[Series]:
    """Read Integrated Gradients, CAM and localiser of one head.

    Parameters
    ----------
    name
        Of the pooling.
    head
        The head.
    ig
        Its maps of the instances, with the sign read.
    split
        The instances.
    training
        Feature frames of the training clips without shifts, and targets.
    features, shifted
        Feature frames of the instances' clips, without and with shifts.
    shifts, components
        Of a feature frame; of the models of absence and presence.

    Returns
    -------
    list of Series
        Methods ``ig``, ``cam``, ``localiser``, the rule is the pooling: IoU, AUROC, pointing game, share of the
        frames that holds half. IG is marked above Otsu's level of its clip, CAM at probability one half, the localiser
        at even odds.
    """
    models = fit_classes(head, *training, components=components)
    at_shifts = localiser_scores.frame_logits(head, shifted, split.index)
    labels = [str(label) for label in split.index["label"]]
    n = split.truth.shape[1]
    maps, cam, log_odds = (
        of.to_frames(split.frame_length, n, split.duration)
        for of in (
            ig,
            localiser_scores.frame_logits(head, features, split.index),
            localiser_scores.localise(models, at_shifts, labels, shifts=shifts),
        )
    )
    above = {IG: calibration.above_otsu(maps), CAM: cam, LOCALISER: log_odds}
    return _series(name, above, split, {**above, IG: maps}, {IG: maps, CAM: cam, LOCALISER: probability(log_odds)})


def _series(
    name: str,
    above: Mapping[str, NDArray[np.float64]],
    split: Split,
    ranked: Mapping[str, NDArray[np.float64]],
    mass: Mapping[str, NDArray[np.float64]],
) -> list[Series]:
    made = []
    for method, values in above.items():
        made += [one for one in decided.series(method, name, values > 0, split.truth) if one.metric == "iou"]
        made.append(Series(method, name, "auroc", ranking.auroc(ranked[method], split.truth)))
        made.append(Series(method, name, "pointing_game", localisation.pointing_game(ranked[method], split.truth)))
        (half,) = concentration.concentration({method: mass[method]}, split.truth)
        made.append(replace(half, rule=name))
    return made
