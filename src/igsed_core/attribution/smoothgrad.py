"""SmoothGrad: the mean gradient over noisy copies of the log-mel map (Smilkov et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.models.classifier import Classifier


class SmoothGrad:
    """Saliency on the log-mel map, averaged over white noise.

    Parameters
    ----------
    n_samples
        Noisy copies.
    noise
        Standard deviation of the noise as a share of the map's range (its source: 0.1 to 0.2).
    seed
        Of the noise, which is the same for every clip.
    """

    def __init__(self, *, n_samples: int = 16, noise: float = 0.15, seed: int = 0) -> None:
        self.n_samples = n_samples
        self.noise = noise
        self.seed = seed

    @checked
    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        model = mel.folded(classifier)
        clean = mel.log_mel(model, waveforms)  # (n_clips, frames, mels)
        spread = self.noise * (clean.amax(dim=(1, 2)) - clean.amin(dim=(1, 2)))[:, None, None]
        random = torch.Generator().manual_seed(self.seed)
        totals: list[Tensor] = []
        for _ in range(self.n_samples):
            noise = torch.randn(clean.shape[1:], generator=random).to(clean)
            inputs = (clean + spread * noise).requires_grad_()
            found = mel.gradients(mel.score(model, inputs), inputs, classes)
            totals = [t + g for t, g in zip(totals, found, strict=True)] if totals else found
        return [mel.of_map(total / self.n_samples, model.encoder.frontend) for total in totals]
