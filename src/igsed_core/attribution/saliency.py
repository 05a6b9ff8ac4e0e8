"""Saliency: the size of the gradient of the class score (Simonyan et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.models.classifier import Classifier


class Saliency:
    """Gradient with respect to the log-mel map, or to the waveform.

    The gradient of a logarithm is large where there is little: on the waveform quiet stretches stand out.

    Parameters
    ----------
    of
        ``log_mel`` or ``waveform``.
    """

    def __init__(self, *, of: str = "log_mel") -> None:
        self.of = of

    @checked
    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        model = mel.folded(classifier)
        _, found = mel.input_gradients(model, waveforms, classes, self.of)
        return [mel.importance(one, model.encoder.frontend, self.of) for one in found]
