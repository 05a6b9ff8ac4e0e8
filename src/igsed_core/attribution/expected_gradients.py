"""Expected gradients (Erion et al. 2021): Integrated Gradients from real backgrounds instead of silence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.passes import gradients
from igsed_core.models.classifier import AnyClassifier


class ExpectedGradients:
    """Each point of the path has another background as its baseline, drawn from the clip's own quiet frames.

    The path is straight on what the network hears; on a log-mel map that is over decibels. Captum's ``GradientShap``
    draws the same; here the points are evenly spread over the path, which costs nothing and has less variance, and all
    classes share a pass.

    Parameters
    ----------
    n_samples
        Backgrounds, and points on the path.
    seed
        Of the draws.
    of
        What is explained, one of :data:`igsed_core.attribution.domain.NAMES`; by default what the network hears.
    """

    def __init__(self, *, n_samples: int = 16, seed: int = 0, of: str = "input") -> None:
        self.n_samples = n_samples
        self.seed = seed
        self.of = domain.check_name(of)

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        explained = domain.of(classifier, self.of)
        clean = explained.input(waveforms)
        randoms = [torch.Generator().manual_seed(self.seed) for _ in clean]  # the same for every clip
        totals: list[Tensor] = []
        for point in range(self.n_samples):
            baseline = torch.stack([explained.background(*drawn) for drawn in zip(clean, randoms, strict=True)])
            change = clean - baseline
            inputs = (baseline + (point + 0.5) / self.n_samples * change).requires_grad_()
            found = gradients(explained.score(inputs), inputs, classes)
            found = [d * g for d, g in zip(change, found, strict=True)]
            totals = [t + g for t, g in zip(totals, found, strict=True)] if totals else found
        return [explained.to_steps(total / self.n_samples) for total in totals]
