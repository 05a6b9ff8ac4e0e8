"""What global max pooling does to a classifier's gradients: which frames give each feature, and so the score.

Of every feature the clip-level head sees the highest frame alone. To the score, and to every gradient of it, the
other frames do not exist: a sound of two seconds is explained by the few frames that happen to be highest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.base import Engine
from igsed_core.base.errors import IgsedError
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import Classifier
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import ClipLevelHead

HALF = "half_mass"
RULE = ""  # of metrics that need no mask


class MeanPooledHead(ClipLevelHead):
    """The same weights on the mean of each feature over time, so that every frame counts."""

    def clip_logits(self, features: Tensor) -> Tensor:
        """Average each feature over time, then classify: ``(batch, time, n_features) -> (batch, n_classes)``."""
        return self.classify(features.mean(dim=1))  # (batch, n_features) -> (batch, n_classes)


@dataclass(frozen=True)
class MeanPooledExplainer(Explainer):
    """Explains the classifier as it would be with the mean over time in the place of the maximum."""

    def load(self) -> tuple[Classifier, Engine]:
        """Load the classifier, exchange its pooling, and create the engine."""
        classifier, engine = super().load()
        head = MeanPooledHead(classifier.encoder.n_features, classifier.head.classes, classifier.head.embedding)
        head.load_state_dict(classifier.head.state_dict())
        head.requires_grad_(False)
        return Classifier(classifier.encoder, head).to(self.device).eval(), engine

    def classifier_identity(self) -> dict[str, Any]:
        """Add the pooling."""
        return {**super().classifier_identity(), "pooling": "mean"}


def winners(head: ClipLevelHead, features: FeatureFrames) -> ScoresOverTime:
    """What each feature frame gives to the clip's logit: the weights times the features whose maximum it holds.

    The sum over time, plus the bias, is the logit. Of several frames that share a maximum the first counts.

    Raises
    ------
    IgsedError
        If the head has an embedding: its logit is no sum over features.
    """
    if head.embedding is not None:
        raise IgsedError(
            "with pooled_embedding=kept a logit is no sum over features, so that no frame gives a share of it: "
            "leave the chapter localiser out (parameter 'chapters'), or use pooled_embedding=dropped"
        )
    values = torch.from_numpy(features.values)
    highest, frame = values.max(dim=1)  # (n_clips, n_features) each
    weight, n_clips = head.linear.weight.detach(), len(values)
    given = torch.zeros(n_clips, len(head.classes), values.shape[1])
    for clip in range(n_clips):
        given[clip].index_add_(1, frame[clip], weight * highest[clip])
    return ScoresOverTime.of_product(
        features.clips, head.classes, given.numpy(), features.frame_duration, features.frame_start
    )


def concentration(scores: Mapping[str, NDArray[np.float64]], truth: NDArray[np.bool_]) -> list[Series]:
    """How much of an event a method is about.

    Parameters
    ----------
    scores
        Method -> ``[shape=(n_instances, n_frames)]``; negative scores count as nothing.
    truth
        Active frames, ``[shape=(n_instances, n_frames)]``.

    Returns
    -------
    list of Series
        ``half_mass``: the smallest share of the active frames that holds half of what the method gives to all active
        frames: 0.5 for a method that gives the same to each; no value where it gives nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.concentration import concentration
    >>> truth = np.array([[True, True, True, True, False]])
    >>> (even, peaked) = concentration(
    ...     {"even": np.ones((1, 5)), "peaked": np.array([[1.0, 0.0, 0.0, 0.0, 9.0]])}, truth
    ... )
    >>> even.values.tolist(), peaked.values.tolist()
    ([0.5], [0.125])
    """
    made = []
    for method, values in scores.items():
        mass = np.clip(values, 0, None)
        halves = [_half(of[active]) for of, active in zip(mass, truth, strict=True)]
        made.append(Series(method, RULE, HALF, np.array(halves)))
    return made


def _half(mass: NDArray[np.float64]) -> float:
    """Share of the frames, the largest first, that holds half of the mass; parts of a frame count."""
    total = mass.sum()
    if not total > 0:
        return float("nan")
    held = np.concatenate([[0.0], np.cumsum(np.sort(mass)[::-1])]) / total
    # Up to the first point that holds everything: beyond it the curve is level and has no inverse.
    last = int(np.argmax(held >= 1 - 1e-12))
    return float(np.interp(0.5, held[: last + 1], np.arange(last + 1)) / len(mass))
