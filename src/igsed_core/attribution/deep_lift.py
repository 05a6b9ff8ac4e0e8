"""DeepLift (Shrikumar et al. 2017) by Captum: the rescale rule, with the clip's own background as the reference."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from captum.attr import DeepLift as CaptumDeepLift
from captum.attr._core import deep_lift as captum_rules
from torch import Tensor, nn

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.layers import Layers
from igsed_core.attribution.passes import derived
from igsed_core.models.classifier import AnyClassifier


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
        saved = context.saved_tensors
        x, factor = (sum(side.chunk(2)).repeat(2, *[1] * (side.ndim - 1)) / 2 for side in saved)  # type: ignore[union-attr]
        return multiplier[0] * factor, (multiplier[0] * x).sum_to_size(saved[1].shape)


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
        """(n, channels, ...) by (n, channels, 1, ...) or the same shape."""
        return _Shared.apply(x, factor)


class DeepLift:
    """Contributions of the elements of what the network hears to the change of the logit from the reference.

    The reference is the mean of the clip's quiet frames, for its whole length. Captum's rescale rule does for
    hard-swish what it does for any activation. It knows no products, which channel attention needs: their rule is here.

    Parameters
    ----------
    baseline
        The reference, as :meth:`igsed_core.attribution.domain.Domain.baseline` takes it.
    seed
        Of the draw, where the reference is a background.
    """

    def __init__(self, *, baseline: domain.Baseline = "quiet", seed: int = 0) -> None:
        self.baseline = baseline
        self.seed = seed

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`).

        Raises
        ------
        IgsedError
            For a network or head that rules of propagation cannot work on.
        """
        for activation in (nn.Hardswish, nn.GELU, nn.SiLU, nn.Hardsigmoid, nn.ReLU6, nn.SELU, nn.CELU):
            captum_rules.SUPPORTED_NON_LINEAR.setdefault(activation, captum_rules.nonlinear)
        explained = domain.of(classifier)
        method = CaptumDeepLift(derived(classifier, "deep_lift", lambda: Layers(classifier, DifferenceGate)))
        found = []
        for heard, wanted in zip(explained.input(waveforms), classes, strict=True):
            reference = explained.baseline(heard, self.baseline, self.seed)[None]
            clip = heard[None].requires_grad_()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)  # it removes them
                contributions = [method.attribute(clip, baselines=reference, target=int(c))[0].detach() for c in wanted]
            found.append(explained.to_steps(torch.stack(contributions)))
        return found
