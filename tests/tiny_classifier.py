"""Encoders and classifiers of a few numbers, whose attributions are known in closed form."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig import engines
from igsed_core.attribution.ig.base import Engine

RATE = 1000  # Hz
CLASSES = ("Bell", "Hum")


class TinyEncoder(nn.Module):
    """Energy and a smooth measure of level in frames of 100 samples: (batch, samples) -> (batch, time, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "tiny"
        self.frontend = types.SimpleNamespace(sample_rate=RATE)
        self.n_features = 2
        self.frame_duration = 0.1
        self.frame_start = 0.0

    def forward(self, waveform: Tensor) -> Tensor:
        power = waveform.unflatten(1, (-1, 100)).square().mean(dim=2)  # (batch, time)
        return torch.stack([power, torch.log1p(10 * power)], dim=2)


class Function(nn.Module):
    """Any function of the waveform in the place of a classifier."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, waveform: Tensor) -> Tensor:
        return self.function(waveform)


def tiny_head(seed: int = 0) -> nn.Module:
    from igsed_core.models import heads

    return heads.create("clip_level", 2, CLASSES, seed=seed).requires_grad_(False).eval()


@dataclass(frozen=True)
class TinyExplainer(Explainer):
    """As the real one, with the tiny encoder; a class of a module, so that worker processes find it."""

    def load(self) -> tuple[Any, Engine]:
        from igsed_core.models import heads
        from igsed_core.models.classifier import Classifier

        classifier = Classifier(TinyEncoder(), heads.load(self.head))  # type: ignore[arg-type]
        return classifier, engines.create(self.engine, **dict(self.options))

    def weights_sha256(self) -> str:
        return "none"
