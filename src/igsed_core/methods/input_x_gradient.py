"""Input x gradient (Shrikumar et al. 2016): the change of the score to first order, down to the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from igsed_core.classifier import Classifier
from igsed_core.methods import mel
from igsed_core.methods.base import Importance


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

    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.methods.base.Method`)."""
        model = mel.folded(classifier)
        frontend = model.encoder.frontend
        if self.of == "waveform":
            inputs = waveforms.detach().clone().requires_grad_()
            found = mel.gradients(mel.score(model, frontend(inputs)), inputs, classes)
            products = [x * g for x, g in zip(inputs.detach(), found, strict=True)]
            return [mel.of_samples(one, frontend.sample_rate) for one in products]
        inputs = mel.log_mel(model, waveforms).requires_grad_()
        change = inputs.detach() - mel.silence(model, inputs)
        found = mel.gradients(mel.score(model, inputs), inputs, classes)
        return [mel.of_map(d * g, frontend) for d, g in zip(change, found, strict=True)]
