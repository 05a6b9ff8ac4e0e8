"""Layer-wise relevance propagation (Bach et al. 2015) by zennit: rules epsilon and gamma, and a composite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from igsed_core.attribution import domain
from igsed_core.attribution._zennit import composites, core, rules, types
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.layers import Layers
from igsed_core.attribution.passes import derived, gradients
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import AnyClassifier

EPSILON = 0.1  # of the root mean square of what it is added to


class _Passed(torch.autograd.Function):
    """A product whose relevance goes to the map alone, not to its factors (Arras et al. 2017, on gates)."""

    @staticmethod
    def forward(context: Any, x: Tensor, factor: Tensor) -> Tensor:
        context.save_for_backward(factor)
        return x * factor

    @staticmethod
    def backward(context: Any, *relevance: Tensor) -> Any:
        return relevance[0], torch.zeros_like(context.saved_tensors[0])


class RelevanceGate(nn.Module):
    """Channel attention that passes relevance on as it is."""

    def forward(self, x: Tensor, factor: Tensor) -> Tensor:
        """(n, channels, ...) by (n, channels, 1, ...) or the same shape."""
        return _Passed.apply(x, factor)


def _epsilon() -> Any:
    stabilizer = core.Stabilizer(EPSILON, norm_scale=True)
    return composites.LayerMapComposite([*composites.layer_map_base(), (types.Linear, rules.Epsilon(stabilizer))])


def _gamma() -> Any:
    layers = [(types.Convolution, rules.Gamma(0.25)), (nn.Linear, rules.Epsilon())]
    return composites.LayerMapComposite([*composites.layer_map_base(), *layers])


RULES: dict[str, Callable[[], Any]] = {
    "epsilon": _epsilon,
    "gamma": _gamma,
    "composite": composites.EpsilonPlusFlat,
    # Biases keep nothing in these two, so that the logit arrives whole at the first layer, a waveform's among them.
    "epsilon_plus": partial(composites.EpsilonPlus, zero_params=["bias"]),
    "alpha2_beta1": partial(composites.EpsilonAlpha2Beta1, zero_params=["bias"]),
}


class Lrp:
    """Relevance of each mel bin at the input of the first convolution, that is of the normalised log-mel map.

    Of a network that hears the waveform, it is the relevance of each sample at the input of its first layer.

    Relevance begins with the logit. The maximum over time gives it to the frame that won, sums share it in proportion,
    activations and channel attention pass it on. Biases keep their share of relevance.

    In a network without biases ``gamma`` and ``composite`` conserve relevance: that of the bins sums to the logit, to
    within one in a thousand. ``epsilon`` does not, and is not meant to: a unit of value ``z`` passes on the share
    ``|z| / (|z| + 0.1 rms)`` of its relevance, where ``rms`` is the root mean square of its layer's values, so that
    units near zero, whose relevance is noise, pass on little. On the embedded encoder without its biases about half of
    the logit arrives.

    Parameters
    ----------
    rule
        ``epsilon``: in every layer. ``gamma``: 0.25 in convolutions, epsilon in the head. ``composite``: flat in the
        first layer, z-plus in the others, epsilon in the head. ``epsilon_plus``: z-plus in convolutions, epsilon in the
        head. ``alpha2_beta1``: twice what speaks for the class, minus what speaks against it, in convolutions; epsilon
        in the head. In these two the biases keep no relevance.

    Raises
    ------
    IgsedError
        For an unknown rule.
    """

    def __init__(self, rule: str = "composite") -> None:
        if rule not in RULES:
            raise IgsedError(f"LRP has no rule {rule!r}: choose one of {', '.join(RULES)}")
        self.rule = rule

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
        explained = domain.of(classifier)
        layers = derived(classifier, "lrp", lambda: Layers(classifier, RelevanceGate))
        heard = explained.input(waveforms)  # (n_clips, frames, mels) or (n_clips, n_samples)
        inputs: list[Tensor] = []

        def begin_here(_: nn.Module, arguments: tuple[Tensor, ...]) -> Tensor:
            inputs.append(arguments[0].detach().requires_grad_())
            return inputs[0]

        handle = layers.begin.register_forward_pre_hook(begin_here)  # before the hooks of zennit
        try:
            with RULES[self.rule]().context(layers):
                logits = layers(heard)
                found = gradients(logits, inputs[0], classes)
        finally:
            handle.remove()
        relevance = []
        for clip, (shares, wanted) in enumerate(zip(found, classes, strict=True)):
            shares = _as_heard(shares, heard.shape[1:], classifier.name)
            relevance.append(shares * logits[clip, list(wanted)].detach().reshape(-1, *[1] * (shares.ndim - 1)))
        return [explained.to_steps(one) for one in relevance]


def _as_heard(shares: Tensor, shape: torch.Size, name: str) -> Tensor:
    """Shares at the first layer, ``(n_classes, ...)``, as the network heard them: without a channel, time first."""
    of_input = shares[:, 0] if shares.ndim == len(shape) + 2 and shares.shape[1] == 1 else shares
    if of_input.shape[1:] != shape and of_input.ndim == 3:
        of_input = of_input.transpose(1, 2)
    if of_input.shape[1:] != shape:
        raise IgsedError(
            f"the first layer of network {name!r} takes {tuple(shares.shape[1:])} where the network hears "
            f"{tuple(shape)}, so its relevance has no place in time: use a method of another family"
        )
    return of_input
