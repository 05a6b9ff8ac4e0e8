"""A classifier layer by layer: what rules of propagation, which hang on modules, can work on.

Batch normalisation is folded first. Each call of an activation or a pooling is a module of its own, residual sums and
channel attention (factors between 0 and 1) are modules, too. What lies before the first layer with weights (turning a
map, normalising each mel band) acts element by element and is left as it is. What a network calls that no rule is known
for is refused, lest it be passed through by its gradient without a word.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse
from torch.nn.utils.fusion import fuse_linear_bn_eval

from igsed_core.attribution._zennit import layer
from igsed_core.attribution.ig.reduced import UNTRACEABLE
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import AnyClassifier, Classifier, NetworkClassifier
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.heads import ClipLevelHead, FramewiseHead, Head

BEGIN = "begin"
_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)
_F = nn.functional
_ACTIVATIONS: dict[Any, type[nn.Module]] = {
    torch.relu: nn.ReLU,
    torch.relu_: nn.ReLU,
    _F.relu: nn.ReLU,
    torch.sigmoid: nn.Sigmoid,
}
# Of networks trained as a whole: calls (functions, methods of a tensor) that become modules with the same options ...
_CALLS: dict[Any, type[nn.Module]] = {
    **_ACTIVATIONS,
    **{"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, torch.tanh: nn.Tanh, _F.tanh: nn.Tanh},
    **{_F.sigmoid: nn.Sigmoid, _F.leaky_relu: nn.LeakyReLU, _F.elu: nn.ELU, _F.softplus: nn.Softplus},
    **{_F.gelu: nn.GELU, _F.silu: nn.SiLU, _F.hardswish: nn.Hardswish},
    **{_F.max_pool1d: nn.MaxPool1d, _F.max_pool2d: nn.MaxPool2d, _F.avg_pool1d: nn.AvgPool1d},
    **{_F.avg_pool2d: nn.AvgPool2d, _F.adaptive_avg_pool1d: nn.AdaptiveAvgPool1d},
    **{_F.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d},
}
# ... and what moves values about, which any rule may go through.
_MOVES: set[Any] = {
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "movedim"),
    *("contiguous", "size", "chunk", "split", "float", "dim", "swapaxes", "narrow", "select", "unbind"),
    *(torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze, torch.transpose, torch.permute, torch.movedim),
    *(torch.cat, torch.chunk, torch.split, torch.narrow, operator.getitem, getattr, _F.dropout, _F.pad),
}
_PASSIVE = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.GELU, nn.SiLU, nn.Hardswish, nn.Hardsigmoid),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity, nn.Flatten, nn.Unflatten),
    *(nn.ReLU6, nn.SELU, nn.CELU),
)


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


class Pool(nn.Module):
    """Mean or maximum over some axes, by a module that rules know.

    Parameters
    ----------
    mean
        Else the maximum.
    dim
        Axes, not the first.
    keepdim
        Whether they stay, with length 1.
    """

    def __init__(self, mean: bool, dim: Any = None, keepdim: bool = False) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool1d(1) if mean else nn.MaxPool1d(1)
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x: Tensor) -> Tensor:
        """(n_clips, ...) -> (n_clips, ...) without the pooled axes; where none are given, over all others."""
        given = range(1, x.ndim) if self.dim is None else self.dim if isinstance(self.dim, tuple | list) else [self.dim]
        axes = sorted(axis % x.ndim for axis in given)
        stay = [axis for axis in range(x.ndim) if axis not in axes]
        turned = x.permute(*stay, *axes)
        shape = turned.shape[: len(stay)]
        flat = turned.reshape(x.shape[0], -1, turned.shape[len(stay) :].numel())  # (batch, kept, pooled)
        if isinstance(self.pool, nn.MaxPool1d):
            self.pool.kernel_size = self.pool.stride = flat.shape[-1]
        pooled = self.pool(flat).reshape(shape)
        for axis in axes if self.keepdim else ():
            pooled = pooled.unsqueeze(axis)
        return pooled


class PooledHead(nn.Module):
    """Feature map -> clip-level logits, by a linear layer and a maximum over time, in the order of the head.

    Raises
    ------
    IgsedError
        If the head is none that pools by a maximum over time.
    """

    def __init__(self, head: Head) -> None:
        super().__init__()
        if not isinstance(head, ClipLevelHead | FramewiseHead):
            raise IgsedError(f"head {type(head).__name__} is none that rules of propagation know: use another method")
        self.mean = nn.AdaptiveAvgPool2d((1, None))
        self.embedding = _embedding(head)
        self.linear = copy.deepcopy(head.linear)
        self.pool = nn.MaxPool1d(1)
        self.pools_first = isinstance(head, ClipLevelHead)

    def forward(self, features: Tensor) -> Tensor:
        """(n_clips, channels, freq, time) -> (n_clips, n_outputs)."""
        features = self.mean(features)[:, :, 0]  # (n_clips, channels, time)
        self.pool.kernel_size = self.pool.stride = features.shape[-1]
        if self.pools_first:
            return self.linear(self.embedding(self.pool(features)[:, :, 0]))
        logits = self.linear(self.embedding(features.transpose(1, 2))).transpose(1, 2)  # (n_clips, n_outputs, time)
        return self.pool(logits)[:, :, 0]


def _embedding(head: Head) -> nn.Module:
    """The embedding as layers that rules know."""
    if head.embedding is None:
        return nn.Identity()
    n_embedded, n_features = head.embedding.weight.shape
    layer = nn.Linear(n_features, n_embedded)
    layer.load_state_dict(head.embedding.state_dict())
    return nn.Sequential(layer, nn.ReLU())


class Layers(nn.Module):
    """What the network hears (a log-mel map, or the waveform) -> logits, by modules that are each called once.

    Parameters
    ----------
    classifier
        Encoder and head, or a network trained as a whole; copied.
    gate
        Makes the module that multiplies a map with factors for its channels.

    Attributes
    ----------
    begin
        Hands over what the first layer with weights takes; relevance is read there.

    Raises
    ------
    IgsedError
        If the network cannot be traced, has no layer with weights, or calls what no rule is known for; if the head is
        none that pools by a maximum over time.
    """

    def __init__(self, classifier: AnyClassifier, gate: Callable[[], nn.Module]) -> None:
        super().__init__()
        whole = isinstance(classifier, NetworkClassifier)
        if isinstance(classifier, Classifier) and not isinstance(classifier.encoder, Encoder):
            raise IgsedError(
                f"encoder {classifier.name!r} has no front end and network, which rules of propagation need: "
                "make a NetworkClassifier of the whole"
            )
        called = f"network {classifier.name!r}" if whole else f"the network of encoder {classifier.name!r}"
        head = nn.Identity() if isinstance(classifier, NetworkClassifier) else PooledHead(classifier.head)
        network = classifier.network if isinstance(classifier, NetworkClassifier) else classifier.encoder.network
        try:
            self.network = _modular(network, gate, whole)
        except IgsedError as error:
            raise IgsedError(f"{called} {error}") from error
        except UNTRACEABLE as error:
            raise IgsedError(
                f"{called} cannot be traced ({error}), which rules of propagation need: use a method of another family"
            ) from error
        self.head = head  # after the network: composites find the first layer by the order of the modules
        self.begin = self.network.get_submodule(BEGIN)
        self.eval().requires_grad_(False)

    def forward(self, inputs: Tensor) -> Tensor:
        """(n_clips, frames, mels) or (n_clips, n_samples) -> (n_clips, n_outputs)."""
        return self.head(self.network(inputs))


def _modular(network: nn.Module, gate: Callable[[], nn.Module], whole: bool) -> fx.GraphModule:
    traced: Any = fuse(copy.deepcopy(network).eval())  # a GraphModule
    if whole:
        _fold_behind_linear(traced)
    modules = dict(traced.named_modules())
    within = False  # behind the first layer with weights
    for number, node in enumerate(list(traced.graph.nodes)):
        called = modules.get(str(node.target)) if node.op == "call_module" else None
        within = within or isinstance(called, _WEIGHTED)
        made: nn.Module | None = None
        kept = node.args
        if called is not None and not list(called.parameters()):
            made = copy.deepcopy(called)  # it may be called elsewhere, too
            if hasattr(made, "inplace"):
                made.inplace = False
        elif within and node.op in ("call_function", "call_method"):
            made, kept = _module_of(node, gate, modules, whole)
        if whole and within:
            _check(node, called, made)
        if made is None:
            continue
        name = f"call_{number}"
        traced.add_submodule(name, made)
        if whole and isinstance(kept[0], fx.Node):
            # Where an activation's output is a pooling's very input, Captum's rule for the pooling is lost.
            with traced.graph.inserting_before(node):
                kept = (traced.graph.call_method("clone", (kept[0],)), *kept[1:])
        with traced.graph.inserting_after(node):
            new = traced.graph.call_module(name, kept)
        node.replace_all_uses_with(new)
        traced.graph.erase_node(node)
        modules[name] = made
    _mark_begin(traced)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _mark_begin(traced: Any) -> None:
    """Put a module where the first layer with weights, and whatever runs beside it, takes its input."""
    modules = dict(traced.named_modules())
    first = next((node for node in traced.graph.nodes if isinstance(modules.get(str(node.target)), _WEIGHTED)), None)
    if first is None:
        raise IgsedError("has no convolution and no linear layer: use a method of another family")
    source = first.args[0]
    traced.add_submodule(BEGIN, nn.Identity())
    with traced.graph.inserting_after(source):
        begin = traced.graph.call_module(BEGIN, (source,))
    source.replace_all_uses_with(begin, delete_user_cb=lambda user: user is not begin)


def _module_of(
    node: fx.Node, gate: Callable[[], nn.Module], modules: dict[str, nn.Module], whole: bool
) -> tuple[nn.Module | None, tuple[Any, ...]]:
    """The module that takes the place of a call, and which of the call's arguments it takes."""
    both = len(node.args) == 2 and all(isinstance(arg, fx.Node) for arg in node.args)
    target: Any = node.target
    if node.op == "call_function" and target in _ACTIVATIONS:
        return _ACTIVATIONS[target](), node.args
    if target is operator.add and both:
        return Residual(), node.args
    if target is operator.mul and both:
        one, other = node.args
        gated = (other, one) if whole and _is_factor(one, modules) and not _is_factor(other, modules) else (one, other)
        return gate(), gated
    if not whole:
        return None, node.args
    options: dict[str, Any] = {
        name: value for name, value in node.kwargs.items() if name not in ("input", "training", "inplace")
    }
    if target in _CALLS:
        return _CALLS[target](*node.args[1:], **options), node.args[:1]
    if target in ("mean", torch.mean, "amax", torch.amax):
        further: tuple[Any, ...] = node.args[1:]
        return Pool(target in ("mean", torch.mean), *further, **options), node.args[:1]
    return None, node.args


def _is_factor(node: Any, modules: dict[str, nn.Module]) -> bool:
    return isinstance(modules.get(str(node.target)), nn.Sigmoid | nn.Hardsigmoid)


def _check(node: fx.Node, called: nn.Module | None, made: nn.Module | None) -> None:
    """Refuse what rules of propagation would pass through by its gradient alone."""
    if node.op == "call_module":
        known, name = isinstance(called, (*_WEIGHTED, *_PASSIVE)), type(called).__name__
    else:
        known = made is not None or node.op in ("placeholder", "output", "get_attr") or node.target in _MOVES
        name = getattr(node.target, "__name__", str(node.target))
    if not known:
        raise IgsedError(f"has {name}, which rules of propagation do not know: use a method of another family")


def _fold_behind_linear(traced: fx.GraphModule) -> None:
    """Fold batch normalisation behind linear layers, which torch's own folding leaves."""
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or len(before.users) > 1:
            continue
        linear, norm = modules.get(str(before.target)), modules.get(str(node.target))
        once = sum(other.target == before.target for other in traced.graph.nodes) == 1
        if isinstance(linear, nn.Linear) and isinstance(norm, nn.BatchNorm1d) and once:
            traced.set_submodule(str(before.target), fuse_linear_bn_eval(linear, norm))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.recompile()
