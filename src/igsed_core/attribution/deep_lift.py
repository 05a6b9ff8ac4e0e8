"""DeepLift (Shrikumar et al. 2017) by Captum, with the rescale rule and the clip's own background as the reference."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from captum.attr import DeepLift as CaptumDeepLift
from captum.attr._core import deep_lift as captum_rules
from torch import Tensor, nn

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.layers import Layers
from igsed_core.attribution.replacement import quiet_frames
from igsed_core.models.classifier import Classifier


class _Shared(torch.autograd.Function):
    """A product whose difference from the reference is shared: each side's difference times the other's mean.

    ``x f - x' f' = (x - x') (f + f') / 2 + (f - f') (x + x') / 2``. Captum puts clip and reference into one batch.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, factor: Tensor) -> Tensor:
        context.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(context: Any, *multiplier: Tensor) -> Any:
        x, factor = (sum(side.chunk(2)).repeat(2, 1, 1, 1) / 2 for side in context.saved_tensors)  # type: ignore[union-attr]
        return multiplier[0] * factor, (multiplier[0] * x).sum(dim=(2, 3), keepdim=True)


class DifferenceGate(nn.Module):
    """Channel attention that shares differences exactly.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.deep_lift import DifferenceGate
    >>> x, factor = torch.ones(1, 2, 1, 1), torch.tensor([0.5, 0.25]).reshape(1, 2, 1, 1)
    >>> DifferenceGate()(x, factor).flatten().tolist()
    [0.5, 0.25]
    """

    def forward(self, x: Tensor, factor: Tensor) -> Tensor:
        """(n, channels, freq, time) by (n, channels, 1, 1)."""
        return _Shared.apply(x, factor)


class DeepLift:
    """Contributions of the log-mel map's bins to the change of the logit from the reference.

    The reference is the mean of the clip's quiet frames, for its whole length. Captum's rescale rule does for
    hard-swish what it does for any activation. It knows no products, which channel attention needs: their rule is here.
    """

    @checked
    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`).

        Raises
        ------
        IgsedError
            For a network or head that rules of propagation cannot work on.
        """
        captum_rules.SUPPORTED_NON_LINEAR.setdefault(nn.Hardswish, captum_rules.nonlinear)
        model = mel.folded(classifier)
        method = CaptumDeepLift(mel.derived(classifier, "deep_lift", lambda: Layers(classifier, DifferenceGate)))
        found = []
        for log_mel, wanted in zip(mel.log_mel(model, waveforms), classes, strict=True):
            reference = quiet_frames(log_mel).mean(dim=0).expand_as(log_mel)[None]
            clip = log_mel[None].requires_grad_()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)  # it removes them
                contributions = [method.attribute(clip, baselines=reference, target=int(c))[0].detach() for c in wanted]
            found.append(mel.of_map(torch.stack(contributions), model.encoder.frontend))
        return found
