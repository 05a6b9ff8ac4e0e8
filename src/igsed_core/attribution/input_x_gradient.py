"""Input x gradient (Shrikumar et al. 2016): the change of the score to first order, down to the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.passes import gradients
from igsed_core.models.classifier import AnyClassifier


class InputXGradient:
    """Input minus baseline, times the gradient, on the waveform or on the log-mel map.

    Silence is zero as a waveform, and the floor of the compression as a log-mel map.

    Parameters
    ----------
    of
        What is explained, one of :data:`igsed_core.attribution.domain.NAMES`.
    baseline
        As :meth:`igsed_core.attribution.domain.Domain.baseline` takes it; the same for every clip if it is a tensor.
    """

    def __init__(self, *, of: str = "waveform", baseline: domain.Baseline = "silence") -> None:
        self.of = domain.check_name(of)
        self.baseline = baseline

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        explained = domain.of(classifier, self.of)
        inputs = explained.input(waveforms).requires_grad_()
        found = gradients(explained.score(inputs), inputs, classes)
        change = [clip - explained.baseline(clip, self.baseline) for clip in inputs.detach()]
        return [explained.to_steps(d * g) for d, g in zip(change, found, strict=True)]
