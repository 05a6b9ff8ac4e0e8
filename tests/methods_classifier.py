"""A classifier and clips on which the methods of the registry are tried: the package's encoder, an untrained head."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders

CLASSES = ("Bell", "Hum", "Whistle")
RATE = 32_000
SECONDS = 1.6


@functools.cache
def classifier(head: str = "clip_level") -> Classifier:
    encoder = encoders.load("embedded")
    made = heads.create(head, encoder.n_features, CLASSES, seed=3)
    return Classifier(encoder, made).eval().requires_grad_(False)


@functools.cache
def clips(n: int = 2, seconds: float = SECONDS) -> Tensor:
    """Noise whose level changes every 100 ms: (n, samples)."""
    random = torch.Generator().manual_seed(7)
    envelope = torch.rand(n, round(10 * seconds), generator=random).repeat_interleave(RATE // 10, dim=1) ** 2
    return 0.2 * envelope * torch.randn(n, round(RATE * seconds), generator=random)
