"""Input x gradient (Shrikumar et al. 2016): the change of the score to first order, down to the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.models.classifier import Classifier


class InputXGradient:
    """Input less silence, times the gradient, on the waveform or on the log-mel map.

    Silence is zero as a waveform, and the floor of the compression as a log-mel map.

    Parameters
    ----------
    of
        ``waveform`` or ``log_mel``.
    """

    def __init__(self, *, of: str = "waveform") -> None:
        self.of = of

    @checked
    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        model = mel.folded(classifier)
        inputs, found = mel.input_gradients(model, waveforms, classes, self.of)
        change = inputs if self.of == "waveform" else inputs - mel.silence(model, inputs)
        products = [d * g for d, g in zip(change, found, strict=True)]
        return [mel.importance(one, model.encoder.frontend, self.of) for one in products]
