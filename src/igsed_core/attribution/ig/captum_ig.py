"""The paper's engine: Captum's IntegratedGradients on the waveform (paper, section II-C)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from igsed_core.attribution import replacement
from igsed_core.attribution.ig.base import Attribution, score_function
from igsed_core.attribution.replacement import Baseline
from igsed_core.models import inputs
from igsed_core.models.classifier import AnyClassifier


class CaptumIntegratedGradients:
    """Integrated Gradients by Captum, from a baseline (silence by default) straight to the clip.

    Parameters
    ----------
    quadrature
        Captum's rule; its default, Gauss-Legendre.
    n_steps
        Points on the straight path (the paper: 50).
    target
        ``logit`` or ``probability``; the paper's words mean the probability.
    internal_batch_size
        Points in one forward pass; it bounds memory and changes nothing else.
    baseline
        One of :data:`igsed_core.attribution.replacement.KINDS`, of the clip's own waveform, or a waveform as long as
        the clip.
    seed
        Of the draw, where the baseline is a background.

    Raises
    ------
    IgsedError
        For an unknown baseline.
    """

    def __init__(
        self,
        *,
        quadrature: str = "gausslegendre",
        n_steps: int = 50,
        target: str = "logit",
        internal_batch_size: int = 10,
        baseline: Baseline = "silence",
        seed: int = 0,
    ) -> None:
        self.quadrature = quadrature
        self.n_steps = n_steps
        self.target = target
        self.internal_batch_size = internal_batch_size
        self.baseline = replacement.checked(baseline)
        self.seed = seed

    def __call__(self, classifier: AnyClassifier, waveform: Tensor, classes: Sequence[int]) -> Attribution:
        """Attribute the scores of ``classes`` to the samples of ``waveform`` ``(n_samples,)``.

        Raises
        ------
        IgsedError
            If the waveform or the classes are none that can be explained (:func:`igsed_core.models.inputs.one_clip`).
        """
        waveform, classes = inputs.one_clip(classifier, waveform, classes)
        score = score_function(classifier, self.target)
        method = IntegratedGradients(score)
        clip = waveform[None]  # (1, n_samples)
        if replacement.is_silence(self.baseline):
            begin = torch.zeros_like(waveform)
        elif isinstance(self.baseline, Tensor):
            begin = replacement.given(waveform, self.baseline)
        else:
            begin = replacement.of_waveform(self.baseline, waveform, classifier.sample_rate, self.seed)
        maps = [
            method.attribute(
                clip,
                None if replacement.is_silence(self.baseline) else begin[None],
                target=int(c),
                n_steps=self.n_steps,
                method=self.quadrature,
                internal_batch_size=self.internal_batch_size,
            )[0].detach()
            for c in classes
        ]
        with torch.no_grad():
            ends = score(torch.stack([waveform, begin]))[:, list(classes)]
        return Attribution(torch.stack(maps).to(waveform.dtype), ends[0], ends[1], self.n_steps)
