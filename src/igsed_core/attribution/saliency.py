"""Saliency: the size of the gradient of the class score (Simonyan et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.passes import gradients
from igsed_core.models.classifier import AnyClassifier


class Saliency:
    """Gradient with respect to what the network hears, its log-mel map or the waveform.

    The gradient of a logarithm is large where there is little: on the waveform quiet stretches stand out.

    Parameters
    ----------
    of
        What is explained, one of :data:`igsed_core.attribution.domain.NAMES`; by default what the network hears.
    """

    def __init__(self, *, of: str = "input") -> None:
        self.of = domain.check_name(of)

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        explained = domain.of(classifier, self.of)
        inputs = explained.input(waveforms).requires_grad_()
        return [explained.to_steps(one).of_gradient() for one in gradients(explained.score(inputs), inputs, classes)]
