"""What an attribution engine takes and gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from igsed_core.models.classifier import AnyClassifier, NetworkClassifier


@dataclass(frozen=True)
class Attribution:
    """Attribution of one clip's class scores to its samples.

    Attributes
    ----------
    samples
        Signed attribution of each sample, ``[shape=(n_classes, n_samples)]``.
    score, baseline_score
        The class score of the clip and of the baseline, ``[shape=(n_classes,)]``.
    n_steps
        Points on the path that were evaluated.
    points
        The same for each class, where that can differ, ``[shape=(n_classes,)]``.
    frames
        Signed attribution of each frame of the front end, ``[shape=(n_classes, n_frames)]``; sums to the
        same as ``samples``.
    time_frequency
        Signed attribution of each mel bin, ``[shape=(n_classes, n_frames, n_mels)]``; sums over bins to
        ``frames``.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.base import Attribution
    >>> found = Attribution(torch.tensor([[0.5, 1.0]]), torch.tensor([2.0]), torch.tensor([0.0]), n_steps=8)
    >>> found.completeness_error.tolist()
    [0.25]
    """

    samples: Tensor
    score: Tensor
    baseline_score: Tensor
    n_steps: int
    points: Tensor | None = None
    frames: Tensor | None = None
    time_frequency: Tensor | None = None

    @property
    def completeness_error(self) -> Tensor:
        """Relative completeness error, ``|sum(samples) - (F(x) - F(0))| / |F(x) - F(0)|``, per class.

        Integrated Gradients is complete: its attributions sum to the change of the score along the path
        :cite:`sundararajan2017axiomatic`; what is missing is the error of the quadrature.

        Returns
        -------
        Tensor [shape=(n_classes,)]
        """
        change = self.score - self.baseline_score
        return (self.samples.sum(dim=1) - change).abs() / change.abs().clamp_min(1e-12)


class Engine(Protocol):
    """Integrated Gradients from a baseline (silence by default) to the clip, for several classes of one clip."""

    def __call__(self, classifier: AnyClassifier, waveform: Tensor, classes: Sequence[int]) -> Attribution:
        """Attribute the scores of ``classes`` to the samples of ``waveform`` ``(n_samples,)``.

        An engine begins with :func:`igsed_core.models.inputs.one_clip`, which converts or refuses what cannot be
        explained.
        """
        ...


def score_function(classifier: AnyClassifier, target: str) -> Callable[[Tensor], Tensor]:
    """Return ``(batch, samples) -> (batch, n_classes)`` scores: logits, or probabilities.

    An encoder is frozen; of a network trained as a whole it is a copy in evaluation mode that scores.
    """
    scoring: nn.Module = classifier
    if isinstance(classifier, NetworkClassifier) and classifier.training:
        scoring = copy.deepcopy(classifier).eval().requires_grad_(False)
    if target == "probability":
        return lambda waveform: torch.sigmoid(scoring(waveform))
    return scoring
