"""Heads that pool over time in other ways than the maximum of the paper, trained on clip-level labels alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from igsed_core.models.heads import ClipLevelHead, Head, WeakFramewiseHead

LARGEST = 1 - 1e-6  # of a pooled probability, so that its logit is finite


class MeanHead(ClipLevelHead):
    """Mean of each feature over time, then linear."""

    def clip_logits(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, n_classes)``."""
        return self.linear(features.mean(dim=1))


class MaxMeanHead(ClipLevelHead):
    """Maximum plus mean of each feature over time, then linear, as PANNs pool (Kong et al. 2020)."""

    def clip_logits(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, n_classes)``."""
        return self.linear(features.amax(dim=1) + features.mean(dim=1))

    def frame_logits(self, features: Tensor) -> Tensor:
        """Logit of a clip in which every frame is like this one: ``(batch, time, n_features) -> (..., n_classes)``."""
        return self.linear(2 * features)


class ProbabilityPooling(Head):
    """Linear in each frame, then a pooling of the frames' probabilities (Wang, Li and Metze 2019)."""

    supervision = "clip"

    def weights(self, probabilities: Tensor, features: Tensor) -> Tensor:
        """How much each frame counts, not yet normalised: ``(batch, time, n_classes)``, as the probabilities."""
        raise NotImplementedError

    def clip_logits(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, n_classes)``."""
        probabilities = torch.sigmoid(self.frame_logits(features))  # (batch, time, n_classes)
        weights = self.weights(probabilities, features)
        pooled = (weights * probabilities).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-12)
        return torch.logit(pooled.clamp(1 - LARGEST, LARGEST))


class LinearSoftmaxHead(ProbabilityPooling):
    """Each frame counts as much as it is probable."""

    def weights(self, probabilities: Tensor, features: Tensor) -> Tensor:
        """``(batch, time, n_classes)``."""
        return probabilities


class ExponentialSoftmaxHead(ProbabilityPooling):
    """Each frame counts as the exponential of its probability."""

    def weights(self, probabilities: Tensor, features: Tensor) -> Tensor:
        """``(batch, time, n_classes)``."""
        return probabilities.exp()


class AutoPoolHead(ProbabilityPooling):
    """Each frame counts as the exponential of its probability times a factor learned for each class (McFee 2018)."""

    def __init__(self, n_features: int, classes: Sequence[str]) -> None:
        super().__init__(n_features, classes)
        self.factor = nn.Parameter(torch.ones(len(self.classes)))

    def weights(self, probabilities: Tensor, features: Tensor) -> Tensor:
        """``(batch, time, n_classes)``."""
        return torch.softmax(self.factor * probabilities, dim=1)


class AttentionHead(ProbabilityPooling):
    """Each frame counts as a second linear layer says, by a softmax over time for each class (Kong et al. 2018)."""

    def __init__(self, n_features: int, classes: Sequence[str]) -> None:
        super().__init__(n_features, classes)
        self.attention = nn.Linear(n_features, len(self.classes))

    def weights(self, probabilities: Tensor, features: Tensor) -> Tensor:
        """``(batch, time, n_classes)``."""
        return torch.softmax(self.attention(features), dim=1)


# Of features, then of the frames' scores.
POOLINGS: dict[str, type[Head]] = {
    "max_features": ClipLevelHead,
    "mean_features": MeanHead,
    "max_mean_features": MaxMeanHead,
    "max": WeakFramewiseHead,
    "linear_softmax": LinearSoftmaxHead,
    "exponential_softmax": ExponentialSoftmaxHead,
    "attention": AttentionHead,
    "auto_pool": AutoPoolHead,
}
