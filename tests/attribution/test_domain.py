"""Methods on networks that hear the waveform, and on whole networks behind a front end: identities for each family."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

from igsed_core.attribution import domain, lrp, mel, replacement
from igsed_core.attribution import registry as methods
from igsed_core.attribution.deep_lift import DeepLift, DifferenceGate
from igsed_core.attribution.expected_gradients import ExpectedGradients
from igsed_core.attribution.ig import engines
from igsed_core.attribution.input_x_gradient import InputXGradient
from igsed_core.attribution.integrated_gradients import IntegratedGradients
from igsed_core.attribution.layers import Layers
from igsed_core.attribution.lrp import Lrp, RelevanceGate
from igsed_core.attribution.occlusion import Occlusion
from igsed_core.attribution.saliency import Saliency
from igsed_core.attribution.smoothgrad import SmoothGrad
from igsed_core.attribution.surrogate import Surrogate
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import Classifier, NetworkClassifier
from methods_classifier import classifier as encoder_classifier
from methods_classifier import clips as encoder_clips
from tiny_classifier import TinyEncoder, tiny_head
from waveform_network import CLASSES, RATE, SECONDS, GatedCnn, MelCnn, Recurrent, classifier, clips, mel_classifier

EVERY = list(range(len(CLASSES)))
WINDOW = RATE // 100  # samples of a step of 10 ms
NEEDS_FRAMES = ("cam", "grad_cam", "layer_cam", "shifted_cam")
NEEDS_LOG_MEL = ("ixg_log_mel",)
NEEDS_MEL_POWER = ("ig_db",)
FEW_POINTS = {"ig_captum": lambda: IntegratedGradients("captum", n_steps=8)}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def silent(n: int = 1) -> Tensor:
    return torch.zeros_like(clips(n))


def scores(model: nn.Module, waveforms: Tensor) -> Tensor:
    with torch.no_grad():
        return copy.deepcopy(model).eval()(waveforms)


def total(found: list, *, per_step: int = WINDOW) -> np.ndarray:
    """Sum over all samples, or bins: a step holds their mean."""
    return np.stack([one.signed.sum(axis=1) * per_step for one in found])


@pytest.mark.parametrize("name", methods.REGISTRY)
@pytest.mark.parametrize("make", [classifier, lambda: classifier(GatedCnn())], ids=["cnn", "gated"])
def test_the_registry_runs_on_a_network_that_hears_the_waveform(name: str, make) -> None:
    model = make()
    method = FEW_POINTS.get(name, lambda: methods.create(name))()
    missing = {
        **dict.fromkeys(
            NEEDS_FRAMES, "needs the feature frames of an encoder behind a log-mel front end, which network"
        ),
        **dict.fromkeys(NEEDS_LOG_MEL, "network 'tiny' has no front end, so there is no log-mel map to explain"),
        **dict.fromkeys(NEEDS_MEL_POWER, "'tiny' has no front end of mel power"),
    }
    if name in missing:
        with pytest.raises(IgsedError, match=missing[name]):
            method(model, clips(), [[2, 0], [1]])
        return
    found = method(model, clips(), [[2, 0], [1]])
    assert [one.signed.shape[0] for one in found] == [2, 1]
    for one in found:
        assert one.signed.shape == one.absolute.shape
        assert np.isfinite(one.signed).all()
        assert (one.absolute > 0).any()
        assert one.start == 0
        assert one.step * one.signed.shape[1] == pytest.approx(SECONDS)
    alone = method(model, clips()[:1], [[0]])[0]
    assert_allclose(alone.signed[0], found[0].signed[1], rtol=1e-3, atol=1e-4 * np.abs(alone.signed).max())


@pytest.mark.parametrize("name", methods.REGISTRY)
def test_the_registry_runs_on_a_whole_network_behind_a_front_end(name: str) -> None:
    method = FEW_POINTS.get(name, lambda: methods.create(name))()
    waveforms = clips(1, rate=32_000)[:, :20_000]
    if name in (*NEEDS_FRAMES, *NEEDS_MEL_POWER):
        with pytest.raises(IgsedError, match=r"network 'mel_cnn'|'mel_cnn' is no frozen encoder"):
            method(mel_classifier(), waveforms, [[0]])
        return
    assert (method(mel_classifier(), waveforms, [[0]])[0].absolute > 0).any()


def test_a_linear_network_is_explained_exactly_by_every_family() -> None:
    """F(x) = w x: gradient w, products w x, each step's fall the sum of its products; IG, DeepLift and LRP agree."""
    model = classifier(nn.Sequential(nn.Linear(clips().shape[1], len(CLASSES), bias=False)))
    waveforms = clips()
    weight = model.network[0].weight.detach().numpy()  # (3, samples)
    products = weight[None] * waveforms.numpy()[:, None]  # (clips, 3, samples)
    of_steps = products.reshape(2, 3, -1, WINDOW).mean(axis=-1)
    both = [EVERY, EVERY]
    for one in Saliency()(model, waveforms, both):
        assert_allclose(one.signed, weight.reshape(3, -1, WINDOW).mean(axis=-1), rtol=1e-4, atol=1e-6)
    for one in SmoothGrad(n_samples=3)(model, waveforms, both):
        assert_allclose(one.absolute, np.abs(weight).reshape(3, -1, WINDOW).mean(axis=-1), rtol=1e-4, atol=1e-6)
    exact = [
        InputXGradient(),
        IntegratedGradients("captum", n_steps=3),
        DeepLift(baseline="silence"),
    ]
    for method in exact:
        for one, wanted in zip(method(model, waveforms, both), of_steps, strict=True):
            assert_allclose(one.signed, wanted, rtol=1e-3, atol=1e-5)
    for method in (Occlusion(replace="silence"), Surrogate("kernel_shap", n_masks=400, segment=0.1, replace="silence")):
        for one, wanted in zip(method(model, waveforms, both), of_steps, strict=True):  # type: ignore[operator]
            assert_allclose(one.signed, wanted.reshape(3, -1, 10).sum(axis=-1) * WINDOW, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("rule", lrp.RULES)
def test_lrp_conserves_relevance_on_the_waveform(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without biases the relevance of the samples sums to the logit (in double precision)."""
    monkeypatch.setattr(lrp, "EPSILON", 1e-12)
    unbiased = classifier(bias=False).double()
    for module in unbiased.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.zeros_(module.running_mean)  # type: ignore[arg-type]
            nn.init.zeros_(module.bias)
    waveforms = clips().double()
    # Alpha 2, beta 1 hands out twice what it should to a unit that nothing speaks against: then a little is too much.
    near = {"rtol": 1e-2} if rule == "alpha2_beta1" else {"rtol": 2e-3}
    assert_allclose(total(Lrp(rule)(unbiased, waveforms, [EVERY, EVERY])), scores(unbiased, waveforms), **near)


@pytest.mark.parametrize("make", [classifier, lambda: classifier(GatedCnn())], ids=["cnn", "gated"])
@pytest.mark.parametrize("baseline", ["silence", "background", "quiet"])
def test_deep_lift_is_complete_on_the_waveform(make, baseline: str) -> None:
    """Through normalisation, maxima, means and gates: contributions sum to the change from the reference."""
    model = make()
    explained = domain.of(model)
    references = torch.stack([explained.baseline(one, baseline) for one in clips()])
    found = DeepLift(baseline=baseline)(model, clips(), [EVERY, EVERY])
    assert_allclose(total(found), scores(model, clips()) - scores(model, references), rtol=2e-3, atol=1e-4)


def test_the_layers_score_as_the_network_does() -> None:
    for model in (classifier(), classifier(GatedCnn())):
        for gate in (RelevanceGate, DifferenceGate):
            if gate is RelevanceGate or not isinstance(model.network, GatedCnn):
                assert_allclose(Layers(model, gate)(clips()), scores(model, clips()), rtol=1e-4, atol=1e-5)
    log_mel = mel_classifier().frontend(clips(rate=32_000))  # type: ignore[misc]
    assert_allclose(
        Layers(mel_classifier(), RelevanceGate)(log_mel),
        scores(mel_classifier().network, log_mel),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_gate_gets_no_relevance_on_whichever_side_it_stands() -> None:
    """All of the logit's relevance reaches the input through the signal's convolution (biases are zero here)."""
    model = classifier(GatedCnn()).double()
    for module in (model.network.conv, model.network.same, model.network.last):
        nn.init.zeros_(module.bias)
    waveforms = clips().double()
    found = Lrp("gamma")(model, waveforms, [EVERY, EVERY])
    assert_allclose(total(found), scores(model, waveforms), rtol=1e-3)


def test_occlusion_on_the_waveform_is_the_fall_of_the_score() -> None:
    model, waveforms = classifier(), clips()[:1]
    for kind in replacement.KINDS:
        hidden = waveforms.clone()
        hidden[0, 600:800] = domain.of(model).baseline(waveforms[0], kind)[600:800]  # 0.3 to 0.4 s
        fall = (scores(model, waveforms) - scores(model, hidden))[0]
        found = Occlusion(replace=kind)(model, waveforms, [[2, 0]])[0]
        assert_allclose(found.signed[:, 3], fall[[2, 0]], rtol=1e-3, atol=1e-5)


def test_integrated_gradients_and_expected_gradients_are_complete() -> None:
    model = classifier()
    ig = IntegratedGradients("captum", n_steps=400, quadrature="riemann_middle")(model, clips(), [EVERY, EVERY])
    assert_allclose(total(ig), scores(model, clips()) - scores(model, silent(2)), rtol=0.05, atol=0.05)
    assert (ExpectedGradients(n_samples=2)(model, silent(), [[0]])[0].absolute == 0).all()


def test_input_x_gradient_takes_any_baseline() -> None:
    model, waveforms = classifier(), clips()[:1]
    other = 0.1 * clips(2)[1]
    (gradient,) = Saliency()(model, waveforms, [[1]])
    found = InputXGradient(baseline=other)(model, waveforms, [[1]])[0]
    own = InputXGradient(baseline=waveforms[0])(model, waveforms, [[1]])[0]
    assert (own.absolute == 0).all()
    inputs = waveforms.clone().requires_grad_()
    lean = domain.lean(model)
    (exact,) = torch.autograd.grad(lean(inputs)[0, 1], inputs)
    wanted = ((waveforms - other) * exact).reshape(-1, WINDOW).mean(dim=1)
    assert_allclose(found.signed[0], wanted, rtol=1e-3, atol=1e-6)
    assert_allclose(gradient.signed[0], exact.reshape(-1, WINDOW).mean(dim=1), rtol=1e-3, atol=1e-6)


def test_a_baseline_on_the_log_mel_map_may_be_a_waveform_or_a_map() -> None:
    explained = domain.of(encoder_classifier())
    clip = explained.input(encoder_clips())[0]
    assert torch.equal(explained.baseline(clip, encoder_clips()[1]), explained.input(encoder_clips())[1])
    assert torch.equal(explained.baseline(clip, clip + 1), clip + 1)
    silence = torch.zeros_like(encoder_clips()[0])
    assert_allclose(explained.baseline(clip, silence), explained.baseline(clip, "silence"))
    with pytest.raises(IgsedError, match=r"the baseline has the shape \(3, 2\), the clip's input \(\d+, 64\): give a"):
        explained.baseline(clip, torch.zeros(3, 2))


def test_the_waveform_of_an_encoder_is_explained_by_any_method_that_is_asked_to() -> None:
    """Hiding samples and hiding frames are nearly the same where both are replaced by silence."""
    waveforms = encoder_clips()[:1]
    hidden = waveforms.clone()
    hidden[0, 9600:12800] = 0
    fall = (scores(encoder_classifier(), waveforms) - scores(encoder_classifier(), hidden))[0]
    found = Occlusion(replace="silence", of="waveform")(encoder_classifier(), waveforms, [EVERY])[0]
    assert_allclose(found.signed[:, 3], fall, rtol=1e-3, atol=1e-4)


def test_background_of_a_waveform_keeps_the_power_of_its_quiet_stretches() -> None:
    random = torch.Generator().manual_seed(0)
    loud = torch.randn(40_000, generator=random)
    loud[8_000:32_000] *= 0.01  # white noise at 1 %, in the middle
    found = replacement.background_noise(loud, RATE, torch.Generator().manual_seed(1))
    assert found.shape == loud.shape
    assert float(found.square().mean().sqrt()) == pytest.approx(0.01, rel=0.25)
    quiet = replacement.quiet_stretches(loud, RATE)
    assert quiet.shape[1] == round(0.02 * RATE)
    assert float(quiet.abs().max()) < 0.06
    assert float(found.square().mean()) == pytest.approx(float(quiet.square().mean()), rel=0.05)
    short = torch.tensor([1.0, -1.0, 1.0])
    assert replacement.background_noise(short, RATE, random).shape == (3,)


def test_a_network_is_explained_as_it_is_now_and_in_evaluation_mode() -> None:
    model = classifier()
    assert model.training
    before = Saliency()(model, clips(), [[0], [1]])
    assert model.training  # it is left as it was
    assert all(p.requires_grad for p in model.parameters())
    with torch.no_grad():
        model.network.last.weight.mul_(2)
    after = Saliency()(model, clips(), [[0], [1]])
    assert_allclose(after[0].signed, 2 * before[0].signed, rtol=1e-4)
    model.network.norm1.running_var.mul_(4)  # type: ignore[operator]
    assert np.abs(Saliency()(model, clips(), [[0], [1]])[0].signed - after[0].signed).max() > 0


def test_what_no_rule_is_known_for_is_refused_by_name() -> None:
    with pytest.raises(
        IgsedError, match="network 'tiny' has GRU, which rules of propagation do not know: use a method"
    ):
        Lrp()(classifier(Recurrent()), clips(), [[0], [0]])
    assert np.isfinite(Saliency()(classifier(Recurrent()), clips(), [[0], [0]])[0].signed).all()

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(clips().shape[1], 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.exp(self.linear(x))

    with pytest.raises(IgsedError, match="network 'tiny' has exp, which rules of propagation do not know"):
        DeepLift()(classifier(Scaled()), clips(), [[0], [0]])


def test_an_encoder_without_a_front_end_is_explained_on_its_waveform() -> None:
    model = Classifier(TinyEncoder(), tiny_head())  # type: ignore[arg-type]
    x = clips(1, 1.0)[:, :1000]
    found = Saliency()(model, x, [[0, 1]])[0]
    assert found.signed.shape == (2, 100)
    with pytest.raises(IgsedError, match=r"network 'tiny' has no front end.*use of='waveform'"):
        Saliency(of="log_mel")(model, x, [[0]])
    with pytest.raises(IgsedError, match=r"^CAM needs the feature frames of an encoder"):
        methods.create("cam")(model, x, [[0]])
    with pytest.raises(IgsedError, match=r"encoder 'tiny' has no front end and network"):
        Lrp()(model, x, [[0]])


def test_what_a_classifier_does_not_say_is_asked_for() -> None:
    with pytest.raises(IgsedError, match=r"Linear does not say which sample rate .* NetworkClassifier\(network"):
        domain.of(nn.Linear(3, 2))  # type: ignore[arg-type]
    with pytest.raises(IgsedError, match="parameter 'of' is 'mel': choose one of input, log_mel, waveform"):
        Saliency(of="mel")
    with pytest.raises(IgsedError, match="parameter 'sample_rate' of network 'network' is None: give that of its"):
        NetworkClassifier(nn.Identity(), classes=CLASSES)
    with pytest.raises(IgsedError, match="parameter 'sample_rate' is 16000 Hz, but the front end of network 'network'"):
        NetworkClassifier(MelCnn(), classes=CLASSES, frontend=mel_classifier().frontend, sample_rate=16_000)
    model = encoder_classifier()
    assert (model.sample_rate, model.classes, model.name) == (32_000, model.head.classes, "embedded")


def test_a_class_that_a_network_does_not_have_is_refused() -> None:
    with pytest.raises(IgsedError, match="class 3 is out of range: the classifier has the outputs 0 to 2"):
        Saliency()(classifier(), clips(), [[3], [0]])


def test_steps_of_10_ms_keep_time_at_any_sample_rate() -> None:
    """At 22,050 Hz a step is 220 samples: over ten seconds 0.01 s each would run 23 ms late."""
    found = mel.of_samples(torch.ones(1, 220_500), 22_050)
    assert found.step * 22_050 == pytest.approx(220)
    assert found.step * found.signed.shape[1] == pytest.approx(10.0, abs=found.step)
    assert mel.of_samples(torch.ones(1, 32_000), 32_000).step == 0.01


def test_the_mel_path_engine_says_what_it_lacks() -> None:
    with pytest.raises(IgsedError, match=r"'tiny' has no front end of mel power .* use engine=captum"):
        engines.create("mel_path")(classifier(), clips()[0], [0])  # type: ignore[arg-type]
