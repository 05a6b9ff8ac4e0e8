"""Layer-wise relevance propagation (Bach et al. 2015) by zennit: rules epsilon and gamma, and a composite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from igsed_core.attribution import mel
from igsed_core.attribution._zennit import composites, core, rules, types
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.layers import Layers
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import Classifier

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
        """(n, channels, freq, time) by (n, channels, 1, 1)."""
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
}


class Lrp:
    """Relevance of each mel bin at the input of the first convolution, that is of the normalised log-mel map.

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
        first layer, z-plus in the others, epsilon in the head.

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
    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`).

        Raises
        ------
        IgsedError
            For a network or head that rules of propagation cannot work on.
        """
        model = mel.folded(classifier)
        layers = mel.derived(classifier, "lrp", lambda: Layers(classifier, RelevanceGate))
        log_mel = mel.log_mel(model, waveforms)
        inputs: list[Tensor] = []

        def begin_here(_: nn.Module, arguments: tuple[Tensor, ...]) -> Tensor:
            inputs.append(arguments[0].detach().requires_grad_())
            return inputs[0]

        handle = layers.first.register_forward_pre_hook(begin_here)  # before the hooks of zennit
        try:
            with RULES[self.rule]().context(layers):
                logits = layers(log_mel)
                found = mel.gradients(logits, inputs[0], classes)
        finally:
            handle.remove()
        relevance = []
        for clip, (shares, wanted) in enumerate(zip(found, classes, strict=True)):
            of_map = shares[:, 0] * logits[clip, list(wanted)].detach()[:, None, None]  # (n_classes, 1st axis, 2nd)
            relevance.append(of_map if of_map.shape[1:] == log_mel.shape[1:] else of_map.transpose(1, 2))
        return [mel.of_map(one, model.encoder.frontend) for one in relevance]
