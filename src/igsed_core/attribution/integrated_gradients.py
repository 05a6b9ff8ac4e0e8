"""Integrated Gradients (Sundararajan et al. 2017) by this project's engines, as a method of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.ig import engines
from igsed_core.models.classifier import AnyClassifier


class IntegratedGradients:
    """Attribution of the samples by one of :data:`igsed_core.attribution.ig.engines.ENGINES`, averaged over 10 ms.

    Parameters
    ----------
    engine
        Name of the engine.
    **options
        The engine's own.
    """

    def __init__(self, engine: str = "captum", **options: Any) -> None:
        self.engine = engines.create(engine, **options)

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        found = [self.engine(classifier, clip, wanted) for clip, wanted in zip(waveforms, classes, strict=True)]
        return [mel.of_samples(one.samples, classifier.sample_rate) for one in found]
