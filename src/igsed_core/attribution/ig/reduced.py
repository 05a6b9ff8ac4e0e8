"""The classifier from mel power on, as a lean copy: what every point on the path goes through."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from igsed_core.attribution.ig.base import score_function
from igsed_core.base import devices
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import AnyClassifier, Classifier, NetworkClassifier
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import FrontEnd

PRECISIONS = ("float32", "bfloat16")
UNTRACEABLE = (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError)  # what torch.fx may raise
_REMEDY = "use engine=captum with quadrature=gausslegendre, which needs nothing but a gradient"


class UnsupportedEncoder(IgsedError):
    """The encoder's score is not a function of mel power that is quadratic in the waveform."""


class MelScore(nn.Module):
    """Mel power -> class scores.

    Parameters
    ----------
    classifier
        Encoder and head; both are copied as they are now, with batch normalisation folded.
    target
        ``logit`` or ``probability``.

    Raises
    ------
    UnsupportedEncoder
        If the encoder has no front end of the needed form.
    """

    def __init__(self, classifier: AnyClassifier, *, target: str = "logit") -> None:
        super().__init__()
        if isinstance(classifier, NetworkClassifier) and classifier.frontend is not None:
            raise UnsupportedEncoder(
                f"network {classifier.name!r} is no frozen encoder with a head, which the path over mel power needs: "
                f"{_REMEDY}"
            )
        encoder = classifier if isinstance(classifier, NetworkClassifier) else classifier.encoder
        if not isinstance(encoder, Encoder) or not isinstance(encoder.frontend, FrontEnd):
            raise UnsupportedEncoder(
                f"encoder {getattr(encoder, 'name', type(encoder).__name__)!r} has no front end of mel power and "
                f"element-wise compression, which the path over mel power needs: {_REMEDY}"
            )
        assert isinstance(classifier, Classifier)
        self.encoder = copy.deepcopy(encoder)
        self.encoder.network = fold_batch_norm(encoder.network)
        self.head = copy.deepcopy(classifier.head)
        self._silence: dict[torch.Size, Tensor] = {}
        self.target = target
        self.dtype: torch.dtype | None = None

    def reduce(self) -> None:
        """Compute the network alone, between log-mel and features, in bfloat16 from now on.

        Raises
        ------
        IgsedError
            If the processor has no bfloat16.
        """
        if not devices.has_bfloat16(next(self.head.parameters()).device):
            raise IgsedError(
                "parameter 'precision' is 'bfloat16', for which this processor has no instructions "
                "(AVX512-BF16, AMX, or a recent GPU): use 'float32'"
            )
        self.dtype = torch.bfloat16
        self.encoder.network.to(torch.bfloat16)
        self._silence.clear()

    def forward(self, power: Tensor) -> Tensor:
        """Scores: ``(batch, frames, mels) -> (batch, n_classes)``."""
        log_mel = self.encoder.frontend.compress(power)
        features = self.encoder.feature_map(log_mel.to(self.dtype or log_mel.dtype))  # (batch, channels, freq, time)
        logits = self.head.clip_logits(features.to(power.dtype).mean(dim=2).transpose(1, 2))
        return torch.sigmoid(logits) if self.target == "probability" else logits

    def silence(self, power: Tensor) -> Tensor:
        """Scores of silence as long as the clips of ``power``: ``[shape=(n_outputs,)]``."""
        shape = power.shape[1:]
        if shape not in self._silence:
            with torch.no_grad():
                self._silence[shape] = self(torch.zeros_like(power[:1]))[0]
        return self._silence[shape]

    def check(self, classifier: AnyClassifier, waveform: Tensor) -> None:
        """See on one clip that the two identities hold on which the path over mel power rests; not once reduced.

        Parameters
        ----------
        classifier
            What this copy was made from.
        waveform
            ``(n_samples,)``

        Raises
        ------
        UnsupportedEncoder
            If mel power is not quadratic in the waveform, the compression not element-wise, or the copy's
            scores are not the classifier's.
        """
        frontend = self.encoder.frontend
        with torch.no_grad():
            power = frontend.power(waveform[None])
            quadratic = _close(frontend.power(0.5 * waveform[None]), 0.25 * power, 1e-3)
            turned = frontend.compress(power.flip(1, 2)).flip(1, 2)
            if not quadratic or not _close(turned, frontend.compress(power), 1e-3):
                raise UnsupportedEncoder(
                    f"the front end of encoder {self.encoder.name!r} is no quadratic map and element-wise "
                    f"compression, which the path over mel power needs: {_REMEDY}"
                )
            expected = score_function(classifier, self.target)(waveform[None])
            if not _close(self(power), expected, 1e-3):
                raise UnsupportedEncoder(
                    f"encoder {self.encoder.name!r} does not score a clip by its front end and feature map "
                    f"alone, which the path over mel power needs: {_REMEDY}"
                )


class Pointwise(nn.Module):
    """A 1x1 convolution as one matrix product over the channels, which lie side by side in memory.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.reduced import Pointwise
    >>> convolution = torch.nn.Conv2d(2, 3, kernel_size=1)
    >>> x = torch.ones(1, 2, 4, 5)
    >>> torch.allclose(Pointwise(convolution)(x), convolution(x), atol=1e-6)
    True
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight[:, :, 0, 0].detach().clone())
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> the same with other channels."""
        return nn.functional.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Copy a network with each batch normalisation that follows a convolution folded into it.

    Channels come last in memory: there 1x1 convolutions are matrix products, the gradient of depthwise ones is
    several times faster, and no other is slower. ReLUs after convolutions that are not 1x1 work in place, since the
    gradient of a convolution does not need its output. A network whose forward pass cannot be traced is copied as
    it is.

    Parameters
    ----------
    network
        In evaluation mode.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.ig.reduced import fold_batch_norm
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    >>> folded = fold_batch_norm(network)
    >>> any(isinstance(part, torch.nn.BatchNorm2d) for part in folded.modules())
    False
    >>> x = torch.ones(1, 1, 4, 4)
    >>> torch.allclose(folded(x), network(x), atol=1e-6)
    True
    """
    network = copy.deepcopy(network).eval()
    try:
        traced = fx.symbolic_trace(network)
    except UNTRACEABLE:
        return network
    calls = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or len(before.users) > 1 or calls[before.target] > 1:
            continue
        convolution, after = _module(traced, before), _module(traced, node)
        if not isinstance(convolution, nn.Conv2d):
            continue
        if isinstance(after, nn.BatchNorm2d):
            traced.set_submodule(str(before.target), fuse_conv_bn_eval(convolution, after))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
        elif isinstance(after, nn.ReLU) and not _is_pointwise(convolution):
            # In place on the permuted output of a matrix product, autograd would copy it.
            with traced.graph.inserting_after(node):
                relu = traced.graph.call_function(nn.functional.relu, (before,), {"inplace": True})
            node.replace_all_uses_with(relu)
            traced.graph.erase_node(node)
    for name, module in list(traced.named_modules()):
        if isinstance(module, nn.Conv2d) and _is_pointwise(module):
            traced.set_submodule(name, Pointwise(module))
    traced.delete_all_unused_submodules()
    traced.recompile()
    traced.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return traced.requires_grad_(False)


def _is_pointwise(convolution: nn.Conv2d) -> bool:
    plain = convolution.kernel_size == convolution.stride == (1, 1) and convolution.groups == 1
    return plain and convolution.padding in ((0, 0), "valid")


def _module(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return bool((a - b).abs().max() <= tolerance * b.abs().max())
