"""SmoothGrad: the mean gradient over noisy copies of the input (Smilkov et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.passes import gradients
from igsed_core.models.classifier import AnyClassifier


class SmoothGrad:
    """Saliency, averaged over white noise that is added to the log-mel map, or to the waveform.

    Parameters
    ----------
    n_samples
        Noisy copies.
    noise
        Standard deviation of the noise as a share of the input's range (its source: 0.1 to 0.2).
    seed
        Of the noise, which is the same for every clip.
    of
        What is explained, one of :data:`igsed_core.attribution.domain.NAMES`; by default what the network hears.
    """

    def __init__(self, *, n_samples: int = 16, noise: float = 0.15, seed: int = 0, of: str = "input") -> None:
        self.n_samples = n_samples
        self.noise = noise
        self.seed = seed
        self.of = domain.check_name(of)

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        explained = domain.of(classifier, self.of)
        clean = explained.input(waveforms)  # (n_clips, n_units, ...)
        of_a_clip = tuple(range(1, clean.ndim))
        spread = self.noise * (clean.amax(dim=of_a_clip, keepdim=True) - clean.amin(dim=of_a_clip, keepdim=True))
        random = torch.Generator().manual_seed(self.seed)
        totals: list[Tensor] = []
        for _ in range(self.n_samples):
            noise = torch.randn(clean.shape[1:], generator=random).to(clean)
            inputs = (clean + spread * noise).requires_grad_()
            found = gradients(explained.score(inputs), inputs, classes)
            totals = [t + g for t, g in zip(totals, found, strict=True)] if totals else found
        return [explained.to_steps(total / self.n_samples).of_gradient() for total in totals]
