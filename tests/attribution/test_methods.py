"""Every method of the registry: what it promises, and an identity or a reference implementation for each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from captum.attr import Saliency as CaptumSaliency
from numpy.testing import assert_allclose

from igsed_core.attribution import mel
from igsed_core.attribution import registry as methods
from igsed_core.attribution.base import Importance, Method
from igsed_core.attribution.ig import engines
from igsed_core.attribution.input_x_gradient import InputXGradient
from igsed_core.attribution.integrated_gradients import IntegratedGradients
from igsed_core.attribution.smoothgrad import SmoothGrad
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames, scores
from methods_classifier import CLASSES, RATE, SECONDS, classifier, clips

# fewer points, masks and copies than by default: here only what a method promises counts
SLOW = {"ig_captum": lambda: IntegratedGradients("captum", n_steps=4)}
LOOSE = {"ig_db": 0.1}  # the adaptive rule places its points for all classes of a clip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def explain(method: Method, *classes: int, clip: int = 0, head: str = "clip_level") -> Importance:
    return method(classifier(head), clips()[[clip]], [list(classes)])[0]


@pytest.mark.parametrize("name", methods.REGISTRY)
def test_a_method_keeps_what_the_interface_says(name: str) -> None:
    method = SLOW.get(name, lambda: methods.create(name))()
    both = method(classifier(), clips(), [[2, 0], [1]])
    assert [one.signed.shape[0] for one in both] == [2, 1]
    for one in both:
        assert one.signed.dtype == one.absolute.dtype == np.float32
        assert one.signed.shape == one.absolute.shape
        assert np.isfinite(one.signed).all()
        assert (one.absolute >= np.abs(one.signed) - 1e-6 * np.abs(one.signed).max()).all()
        assert (one.absolute > 0).any()
        end = one.start + one.step * one.signed.shape[1]
        assert -one.step <= one.start <= 0
        assert SECONDS - one.step <= end + 1e-9  # the clip is covered
    # rows are in the order of the classes; neither other classes nor other clips change a row
    alone = method(classifier(), clips()[:1], [[0]])[0]
    apart = np.linalg.norm(both[0].signed[1] - alone.signed[0]) / np.linalg.norm(alone.signed[0])
    assert apart < LOOSE.get(name, 1e-3)


@pytest.mark.parametrize("name", methods.REGISTRY)
def test_every_line_of_the_registry_is_well_formed(name: str) -> None:
    entry = methods.REGISTRY[name]
    assert entry.family in methods.FAMILIES
    assert entry.sign in scores.SIGNS
    assert entry.title


def test_an_unknown_method_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(IgsedError, match="method 'guess' is unknown: choose one of ig_captum, ") as error:
        methods.create("guess")
    for name in methods.REGISTRY:
        assert name in str(error.value)


def test_the_positive_reading_is_the_mean_positive_part() -> None:
    parts = np.array([[1.0, -3.0], [2.0, 2.0]], dtype=np.float32)  # two parts of each of two steps
    importance = Importance(parts.mean(axis=1)[None], np.abs(parts).mean(axis=1)[None], step=1.0)
    assert_allclose(importance.read_as("positive"), [[0.5, 2.0]])


def test_saliency_is_captums() -> None:
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips()[:1]).requires_grad_()
    found = explain(methods.create("saliency"), 1)
    wanted = CaptumSaliency(lambda x: mel.score(model, x)).attribute(log_mel, target=1)
    assert_allclose(found.absolute[0], wanted[0].mean(dim=1), rtol=1e-4)


def test_smoothgrad_without_noise_is_saliency() -> None:
    plain, smooth = explain(methods.create("saliency"), 0, 2), explain(SmoothGrad(n_samples=2, noise=0.0), 0, 2)
    assert_allclose(smooth.signed, plain.signed, rtol=1e-4, atol=1e-7)


def test_input_x_gradient_on_the_waveform_obeys_eulers_theorem() -> None:
    """Mel power m is quadratic in the samples: over all samples, x dF/dx sums to 2 m dF/dm."""
    model = mel.folded(classifier())
    power = model.encoder.frontend.power(clips()[:1]).requires_grad_()
    (gradient,) = torch.autograd.grad(model(power)[0, 1], power)
    found = explain(InputXGradient(), 1)
    total = float(found.signed.sum()) * RATE / 100  # means over 10 ms
    assert total == pytest.approx(float(2 * (power.detach() * gradient).sum()), rel=1e-3)


def test_input_x_gradient_of_silence_is_zero() -> None:
    quiet = torch.zeros(1, round(RATE * SECONDS))
    found = InputXGradient(of="log_mel")(classifier(), quiet, [[0]])[0]
    assert (found.absolute == 0).all()


@pytest.mark.parametrize("engine", ["captum", "mel_path"])
def test_integrated_gradients_are_the_engines(engine: str) -> None:
    found = IntegratedGradients(engine, n_steps=6, quadrature="gausslegendre")(classifier(), clips()[:1], [[2]])[0]
    direct = engines.create("captum", n_steps=6)(classifier(), clips()[0], [2]).samples.numpy()
    assert_allclose(
        found.absolute, frames.window_mean(np.abs(direct), RATE // 100), rtol=2e-3, atol=1e-4 * np.abs(direct).max()
    )


@pytest.mark.parametrize("head", ["fw_ws", "fw_ss"])
def test_cam_of_a_framewise_head_is_its_frames(head: str) -> None:
    """Where the clip's logit is the highest of the frames', CAM is exact."""
    found = explain(methods.create("cam"), *range(3), head=head)
    assert_allclose(found.signed.max(axis=1), classifier(head)(clips()[:1])[0], rtol=1e-4, atol=1e-5)


def test_cam_of_a_single_frame_is_the_logit() -> None:
    """With one feature frame there is nothing to pool."""
    short = clips()[:1, : round(0.32 * RATE)]
    found = methods.create("cam")(classifier(), short, [list(range(3))])[0]
    assert found.signed.shape == (len(CLASSES), 1)
    assert_allclose(found.signed[:, 0], classifier()(short)[0], rtol=1e-4, atol=1e-5)


def test_grad_cam_is_captums() -> None:
    model = classifier()
    found = explain(methods.create("grad_cam"), 1)
    wanted = LayerGradCam(model, model.encoder.network).attribute(
        clips()[:1].clone().requires_grad_(), target=1, relu_attributions=True
    )
    assert_allclose(found.signed[0], wanted.detach()[0, 0].mean(dim=0), rtol=1e-4, atol=1e-6)


def test_layer_cam_sees_nothing_but_the_highest_frames() -> None:
    model = mel.folded(classifier())
    features = mel.feature_map(model, mel.log_mel(model, clips()[:1])).mean(dim=2)[0]  # (channels, time)
    winners = set(features.argmax(dim=1).tolist())
    found = explain(methods.create("layer_cam"), 0)
    assert set(np.flatnonzero(found.signed[0]).tolist()) <= winners
