"""LRP and DeepLift, which work layer by layer: nothing is lost between layers, and the layers are the classifier."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from igsed_core.attribution import lrp, mel
from igsed_core.attribution.deep_lift import DeepLift, DifferenceGate
from igsed_core.attribution.layers import Layers
from igsed_core.attribution.lrp import Lrp, RelevanceGate
from igsed_core.attribution.replacement import quiet_frames
from igsed_core.base.errors import IgsedError
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.encoders.cnn14 import Cnn14
from igsed_core.models.encoders.mobilenet import MobileNet
from igsed_core.models.frontend import EfficientATLogMel, PannsLogMel
from methods_classifier import CLASSES, classifier, clips

EVERY = list(range(len(CLASSES)))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def untrained(network: nn.Module, head: str = "clip_level") -> Classifier:
    """A network of random weights, its normalisations among them, behind its front end."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    mobile = isinstance(network, MobileNet)
    n_features = 384 if mobile else 2048
    frontend = EfficientATLogMel() if mobile else PannsLogMel()
    encoder = Encoder(
        *("random", frontend, network),
        **{"n_features": n_features, "frame_duration": 0.32, "frame_start": 0.0, "weights_sha256": ""},
    )
    made = heads.create(head, n_features, CLASSES, seed=0)
    return Classifier(encoder, made).eval().requires_grad_(False)


@pytest.mark.parametrize("head", heads.HEADS)
def test_the_layers_score_as_the_classifier_does(head: str) -> None:
    log_mel = classifier(head).encoder.frontend(clips())
    assert_allclose(Layers(classifier(head), RelevanceGate)(log_mel), classifier(head)(clips()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "gate"), [(MobileNet, RelevanceGate), (MobileNet, DifferenceGate), (Cnn14, RelevanceGate)]
)
def test_the_layers_of_other_encoders_score_as_they_do(network: type[nn.Module], gate: type[nn.Module]) -> None:
    model, short = untrained(network()), clips()[:1, :20_480]
    assert_allclose(Layers(model, gate)(model.encoder.frontend(short)), model(short), rtol=1e-3, atol=1e-4)


def unbiased() -> tuple[Classifier, torch.Tensor]:
    """The classifier without biases, which keep a share of relevance, and a clip, in double precision."""
    model = copy.deepcopy(classifier()).double()
    for name, module in model.encoder.network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and name != "bn0":
            nn.init.zeros_(module.running_mean)  # type: ignore[arg-type]
            nn.init.zeros_(module.bias)
    nn.init.zeros_(model.head.linear.bias)
    return model, clips()[:1].double()


def arrives(rule: str) -> np.ndarray:
    """Relevance of all bins, as a share of each class's logit."""
    model, waveform = unbiased()
    found = Lrp(rule)(model, waveform, [EVERY])[0]
    return found.signed.sum(axis=1) * model.encoder.frontend.n_mels / model(waveform)[0].numpy()


@pytest.mark.parametrize("rule", ["gamma", "composite"])
def test_lrp_conserves_relevance(rule: str) -> None:
    assert_allclose(arrives(rule), 1, rtol=1e-3)


def test_lrp_by_epsilon_conserves_what_its_epsilon_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it ships it absorbs a part, as the docstring says; with hardly an epsilon nothing."""
    shares = arrives("epsilon")
    assert ((shares > 0.2) & (shares < 0.9)).all()
    monkeypatch.setattr(lrp, "EPSILON", 1e-12)
    assert_allclose(arrives("epsilon"), 1, rtol=1e-3)


def test_a_unit_passes_on_the_share_that_epsilon_leaves() -> None:
    """Of one layer: ``|z| / (|z| + 0.1 rms)`` of the relevance of each unit."""
    torch.manual_seed(0)
    layer, x, relevance = nn.Linear(6, 4, bias=False).double(), torch.randn(1, 6).double(), torch.rand(1, 4).double()
    x.requires_grad_()
    z = layer(x).detach()
    with lrp.RULES["epsilon"]().context(layer):
        received = torch.autograd.grad(layer(x), x, relevance)[0]
    kept = z.abs() / (z.abs() + 0.1 * z.square().mean().sqrt())
    assert received.sum().item() == pytest.approx((relevance * kept).sum().item())


def test_channel_attention_passes_relevance_on() -> None:
    x = torch.rand(1, 2, 3, 3, requires_grad=True)
    factor = torch.rand(1, 2, 1, 1, requires_grad=True)
    relevance = torch.rand(1, 2, 3, 3)
    of_x, of_factor = torch.autograd.grad(RelevanceGate()(x, factor), (x, factor), relevance)
    assert torch.equal(of_x, relevance)
    assert (of_factor == 0).all()


def test_lrp_explains_a_network_with_channel_attention() -> None:
    found = Lrp("composite")(untrained(MobileNet()), clips(), [[0], [1, 2]])
    assert [one.signed.shape for one in found] == [(1, 160), (2, 160)]
    assert all(np.isfinite(one.signed).all() and one.absolute.any() for one in found)


@pytest.mark.parametrize("make", [lambda: classifier(), lambda: classifier("fw_ws"), lambda: untrained(MobileNet())])
def test_deep_lift_is_complete(make) -> None:
    """Contributions sum to the change from the reference, through hard-swish and channel attention, too."""
    model = make()
    log_mel = model.encoder.frontend(clips())
    reference = torch.stack([quiet_frames(one).mean(dim=0).expand_as(one) for one in log_mel])
    folded = mel.folded(model)
    change = mel.score(folded, log_mel) - mel.score(folded, reference)
    for found, wanted in zip(DeepLift()(model, clips(), [EVERY, EVERY]), change, strict=True):
        assert_allclose(found.signed.sum(axis=1) * log_mel.shape[2], wanted, rtol=2e-3, atol=1e-4)


def test_what_cannot_be_propagated_is_refused() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, None] if x.sum() > 0 else -x[:, None]

    with pytest.raises(IgsedError, match=r"the network of encoder 'random' cannot be traced .* another family"):
        Layers(untrained(Branching()), RelevanceGate)
    with pytest.raises(IgsedError, match="the network of encoder 'random' has no convolution"):
        Layers(untrained(nn.Unflatten(1, (1, -1))), RelevanceGate)
    with pytest.raises(IgsedError, match="LRP has no rule 'delta': choose one of epsilon, gamma, composite"):
        Lrp("delta")
    other = copy.deepcopy(classifier())  # a shallow copy would put its head into the shared one
    other.head = heads.Head(4, CLASSES)
    with pytest.raises(IgsedError, match="head Head is none that rules of propagation know"):
        Layers(other, RelevanceGate)
