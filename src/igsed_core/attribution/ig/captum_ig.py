"""The paper's engine: Captum's IntegratedGradients on the waveform (paper, section II-C)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from igsed_core.attribution.ig.base import Attribution, score_function
from igsed_core.models import inputs
from igsed_core.models.classifier import AnyClassifier


class CaptumIntegratedGradients:
    """Integrated Gradients by Captum, with silence (a zero waveform) as the baseline.

    Parameters
    ----------
    rule
        Captum's quadrature rule; its default, Gauss-Legendre.
    n_points
        Points on the straight path (the paper: 50).
    target
        ``logit`` or ``probability``; the paper's words mean the probability.
    internal_batch
        Points in one forward pass; it bounds memory and changes nothing else.
    """

    def __init__(
        self,
        *,
        rule: str = "gausslegendre",
        n_points: int = 50,
        target: str = "logit",
        internal_batch: int = 10,
    ) -> None:
        self.rule = rule
        self.n_points = n_points
        self.target = target
        self.internal_batch = internal_batch

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
        maps = [
            method.attribute(
                clip,
                target=int(c),
                n_steps=self.n_points,
                method=self.rule,
                internal_batch_size=self.internal_batch,
            )[0].detach()
            for c in classes
        ]
        with torch.no_grad():
            ends = score(torch.stack([waveform, torch.zeros_like(waveform)]))[:, list(classes)]
        return Attribution(torch.stack(maps).to(waveform.dtype), ends[0], ends[1], self.n_points)
