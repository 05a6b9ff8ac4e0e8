"""The classifier layer by layer: what rules of propagation, which hang on modules, can work on.

Batch normalisation is folded first. Each call of an activation or a pooling is a module of its own, residual sums and
channel attention (factors between 0 and 1) are modules, too. What lies before the first convolution (turning the map,
normalising each mel band) acts element by element and is left as it is.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse

from igsed_core.attribution._zennit import layer
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import Classifier
from igsed_core.models.heads import ClipLevelHead, FramewiseHead

_ACTIVATIONS: dict[Any, type[nn.Module]] = {
    torch.relu: nn.ReLU,
    torch.relu_: nn.ReLU,
    nn.functional.relu: nn.ReLU,
    torch.sigmoid: nn.Sigmoid,
}


class Residual(nn.Module):
    """Sum of two branches.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.layers import Residual
    >>> Residual()(torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])).tolist()
    [11.0, 22.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.sum = layer.Sum(dim=-1)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Any two tensors of one shape."""
        return self.sum(torch.stack([one, other], dim=-1))


class Layers(nn.Module):
    """Log-mel map -> clip-level logits, by modules that are each called once.

    Parameters
    ----------
    classifier
        Encoder and head; both are copied.
    gate
        Makes the module that multiplies a map with factors for its channels.

    Raises
    ------
    IgsedError
        If the network cannot be traced or has no convolution, or the head is none that pools by a maximum over time.
    """

    def __init__(self, classifier: Classifier, gate: Callable[[], nn.Module]) -> None:
        super().__init__()
        name, head = classifier.encoder.name, classifier.head
        if not isinstance(head, ClipLevelHead | FramewiseHead):
            raise IgsedError(f"head {type(head).__name__} is none that rules of propagation know: use another method")
        try:
            self.network = _modular(classifier.encoder.network, gate)
        except fx.proxy.TraceError as error:
            raise IgsedError(
                f"the network of encoder {name!r} cannot be traced ({error}), which rules of propagation need: "
                "use a method of another family"
            ) from error
        convolutions = [module for module in self.network.modules() if isinstance(module, nn.Conv2d)]
        if not convolutions:
            raise IgsedError(f"the network of encoder {name!r} has no convolution: use a method of another family")
        self.first = convolutions[0]
        self.mean = nn.AdaptiveAvgPool2d((1, None))
        self.linear = copy.deepcopy(head.linear)
        self.pool = nn.MaxPool1d(1)
        self.pools_first = isinstance(head, ClipLevelHead)
        self.eval().requires_grad_(False)

    def forward(self, log_mel: Tensor) -> Tensor:
        """(n_clips, frames, mels) -> (n_clips, n_outputs)."""
        features = self.mean(self.network(log_mel))[:, :, 0]  # (n_clips, channels, time)
        self.pool.kernel_size = self.pool.stride = features.shape[-1]
        if self.pools_first:
            return self.linear(self.pool(features)[:, :, 0])
        logits = self.linear(features.transpose(1, 2)).transpose(1, 2)  # (n_clips, n_outputs, time)
        return self.pool(logits)[:, :, 0]


def _modular(network: nn.Module, gate: Callable[[], nn.Module]) -> fx.GraphModule:
    traced: Any = fuse(copy.deepcopy(network).eval())  # a GraphModule
    modules = dict(traced.named_modules())
    within = False  # behind the first convolution
    for number, node in enumerate(list(traced.graph.nodes)):
        called = modules.get(str(node.target)) if node.op == "call_module" else None
        within = within or isinstance(called, nn.Conv2d)
        both = len(node.args) == 2 and all(isinstance(arg, fx.Node) for arg in node.args)
        made: nn.Module | None = None
        if called is not None and not list(called.parameters()):
            made = copy.deepcopy(called)  # it may be called elsewhere, too
            if hasattr(made, "inplace"):
                made.inplace = False
        elif node.op == "call_function" and within:
            if node.target in _ACTIVATIONS:
                made = _ACTIVATIONS[node.target]()
            elif node.target is operator.add and both:
                made = Residual()
            elif node.target is operator.mul and both:
                made = gate()
        if made is None:
            continue
        name = f"call_{number}"
        traced.add_submodule(name, made)
        with traced.graph.inserting_after(node):
            new = traced.graph.call_module(name, node.args)
        node.replace_all_uses_with(new)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced
