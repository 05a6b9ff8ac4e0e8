"""The baseline of Integrated Gradients: silence as ever, a background, any waveform; both engines agree on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from igsed_core.attribution import replacement
from igsed_core.attribution.ig import engines, quadrature, straight
from igsed_core.attribution.integrated_gradients import IntegratedGradients
from igsed_core.base.errors import IgsedError
from methods_classifier import RATE, classifier, clips
from tiny_classifier import Function

STRAIGHT = ("gausslegendre", "riemann_middle", "riemann_trapezoid")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def short(n: int = 2) -> Tensor:
    return clips(n)[:, :20_480]


@pytest.mark.parametrize("baseline", ["background", "mean", "quiet", "other"])
@pytest.mark.parametrize("rule", STRAIGHT)
def test_the_engines_agree_from_any_baseline(baseline: str, rule: str) -> None:
    given = 0.5 * short()[1] if baseline == "other" else baseline
    options = {"quadrature": rule, "n_steps": 6, "baseline": given, "seed": 3}
    captum = engines.create("captum", **options)(classifier(), short()[0], [2, 0])
    ours = engines.create("mel_path", **options)(classifier(), short()[0], [2, 0])
    scale = float(captum.samples.abs().max())
    assert_allclose(ours.samples, captum.samples, rtol=5e-3, atol=1e-3 * scale)
    assert_allclose(ours.score, captum.score, rtol=1e-4, atol=1e-5)
    assert_allclose(ours.baseline_score, captum.baseline_score, rtol=1e-4, atol=1e-5)
    assert ours.frames is not None
    assert ours.time_frequency is not None
    assert_allclose(ours.frames.sum(dim=1), ours.samples.sum(dim=1), rtol=1e-3, atol=1e-4)
    assert_allclose(ours.time_frequency.sum(dim=2), ours.frames, rtol=1e-4, atol=1e-6)


def test_the_baselines_score_is_that_of_the_baseline() -> None:
    noise = replacement.of_waveform("background", short()[0], RATE, 5)
    found = engines.create("captum", n_steps=2, baseline="background", seed=5)(classifier(), short()[0], [0, 1, 2])
    assert_allclose(found.baseline_score, classifier()(noise[None])[0], rtol=1e-5)


def test_from_a_baseline_integrated_gradients_are_complete() -> None:
    engine = engines.create("mel_path", quadrature="gausslegendre", n_steps=60, baseline="background")
    found = engine(classifier(), short()[0], [0, 1, 2])
    change = found.score - found.baseline_score
    assert_allclose(found.samples.sum(dim=1), change, atol=0.05 * float(change.abs().max()))


@pytest.mark.parametrize("engine", ["captum", "mel_path"])
def test_silence_given_as_a_waveform_is_silence(engine: str) -> None:
    options = {"quadrature": "gausslegendre", "n_steps": 5}
    named = engines.create(engine, **options, baseline="silence")(classifier(), short()[0], [1])
    bare = engines.create(engine, **options)(classifier(), short()[0], [1])
    given = engines.create(engine, **options, baseline=torch.zeros(short().shape[1]))(classifier(), short()[0], [1])
    assert torch.equal(named.samples, bare.samples)
    assert_allclose(given.samples, named.samples, rtol=1e-3, atol=1e-4 * float(named.samples.abs().max()))
    assert_allclose(given.baseline_score, named.baseline_score, rtol=1e-5)


def test_several_clips_have_their_own_backgrounds_and_other_clips_change_nothing() -> None:
    engine = engines.create("mel_path", quadrature="riemann_middle", n_steps=5, baseline="background", batch=3)
    both = engine.many(classifier(), short(), [[2, 0], [1]])  # type: ignore[attr-defined]
    for clip, wanted in enumerate([[2, 0], [1]]):
        alone = engine(classifier(), short()[clip], wanted)
        assert_allclose(both[clip].samples, alone.samples, rtol=1e-3, atol=1e-4 * float(alone.samples.abs().max()))
    assert [len(one.samples) for one in both] == [2, 1]


def test_a_quadratic_score_from_a_baseline_in_closed_form() -> None:
    """F = sum of squares: the attribution of a sample is (x - b)(x + b)."""
    x, b = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([1.0, 0.25, 2.0])
    square = Function(lambda waveform: waveform.square().sum(dim=1, keepdim=True))
    found = engines.create("captum", n_steps=4, baseline=b)(square, x, [0])  # type: ignore[arg-type]
    assert_allclose(found.samples[0], (x - b) * (x + b), rtol=1e-5)
    assert_allclose(found.baseline_score, [float(b.square().sum())], rtol=1e-6)


def test_mel_power_between_two_waveforms_is_that_of_their_mixture() -> None:
    power = classifier().encoder.frontend.power
    x, b = short()[:1], short()[1:]
    for a in (0.0, 0.3, 1.0):
        wanted = power(b + a * (x - b))
        found = straight.between(power(b), power(x), power(x - b), a)
        assert_allclose(found, wanted, rtol=1e-3, atol=1e-5 * float(wanted.max()))


@pytest.mark.parametrize("rule", [*quadrature.DECIBEL, quadrature.ADAPTIVE])
def test_the_decibel_path_begins_at_silence_and_says_so(rule: str) -> None:
    with pytest.raises(IgsedError, match=rf"quadrature '{rule}' goes over levels, which begin at silence: .*gauss"):
        engines.create("mel_path", quadrature=rule, baseline="background")


@pytest.mark.parametrize("engine", ["captum", "mel_path"])
def test_a_baseline_that_is_none_is_an_error(engine: str) -> None:
    with pytest.raises(IgsedError, match="replacement 'noise' is unknown: choose one of silence, background, mean"):
        engines.create(engine, baseline="noise")
    wrong = engines.create(engine, quadrature="gausslegendre", n_steps=2, baseline=torch.zeros(7))
    with pytest.raises(IgsedError, match=r"the baseline has the shape \(7,\), the clip's input \(20480,\)"):
        wrong(classifier(), short()[0], [0])


def test_the_method_takes_the_engines_baseline() -> None:
    found = IntegratedGradients("captum", n_steps=3, baseline=short()[0])(classifier(), short()[:1], [[0]])[0]
    assert (found.absolute == 0).all()  # there is no way to go
    assert np.isfinite(found.signed).all()
