"""Integrated Gradients where the integral is known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from igsed_core.attribution.ig import engines, quadrature
from igsed_core.attribution.ig.base import Attribution
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import choices_of
from igsed_core.main_job.params import IntegratedGradients
from igsed_core.models.classifier import Classifier
from igsed_core.workflow import experiments
from tiny_classifier import Function, TinyEncoder, tiny_head

N = 40  # samples of a waveform
RULES = ("gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")  # Captum's
W = torch.randn(2, N, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SINGLE = 1e-6  # Captum keeps the weights of its rules in single precision
B = torch.tensor([0.3, -0.7], dtype=torch.float64)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def waveform(seed: int = 1, n: int = N) -> Tensor:
    return torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def attribute(
    function: Callable[[Tensor], Tensor], x: Tensor, classes: tuple[int, ...] = (0, 1), **options: Any
) -> Attribution:
    return engines.create("captum", **options)(Function(function), x, classes)  # type: ignore[arg-type]


def linear(x: Tensor) -> Tensor:
    return x @ W.T + B


def quadratic(x: Tensor) -> Tensor:
    return x.square() @ W.T + B


def loudness(x: Tensor) -> Tensor:
    """As a log-mel network hears: the logarithm of a power."""
    return torch.log1p(x.square() @ W.T.abs())


@pytest.mark.parametrize("rule", [r for r in RULES if r != "riemann_trapezoid"])
@pytest.mark.parametrize("n_steps", [2, 7])
def test_a_linear_score_is_shared_by_weight_and_sample(rule: str, n_steps: int) -> None:
    x = waveform()
    found = attribute(linear, x, quadrature=rule, n_steps=n_steps)
    assert_close(found.samples, W * x, rtol=SINGLE, atol=0)
    assert_close(found.score, linear(x[None])[0])
    assert_close(found.baseline_score, B)
    assert found.n_steps == n_steps
    assert found.completeness_error.max() < SINGLE


@pytest.mark.parametrize("n_steps", [2, 8, 50])
@pytest.mark.parametrize(
    ("rule", "factor"),
    [
        ("gausslegendre", lambda n: 1),
        ("riemann_middle", lambda n: 1),
        ("riemann_left", lambda n: (n - 1) / n),
        ("riemann_right", lambda n: (n + 1) / n),
    ],
)
def test_a_quadratic_score_is_shared_by_weight_and_square(
    rule: str, factor: Callable[[int], float], n_steps: int
) -> None:
    """The gradient grows along the path as ``2 alpha w x``: sums of ``2 alpha`` are known for each rule."""
    x = waveform()
    found = attribute(quadratic, x, quadrature=rule, n_steps=n_steps)
    assert_close(found.samples, W * x**2 * factor(n_steps), rtol=SINGLE, atol=0)
    assert found.completeness_error.tolist() == pytest.approx([abs(factor(n_steps) - 1)] * 2, abs=SINGLE)


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_gauss_legendre_is_exact_up_to_its_degree(n_steps: int) -> None:
    """``n`` points integrate powers of alpha up to ``2 n - 1``; the gradient of ``s^p`` goes with ``p - 1``."""
    x = waveform()

    def power(p: int) -> Tensor:
        return attribute(lambda x: (x @ W.T) ** p, x, n_steps=n_steps).completeness_error

    assert power(2 * n_steps).max() < SINGLE
    assert power(2 * n_steps + 1).min() > 1e-4


@pytest.mark.parametrize("rule", RULES)
def test_completeness_error_vanishes_with_points(rule: str) -> None:
    few, many = (attribute(loudness, waveform(), quadrature=rule, n_steps=n).completeness_error for n in (4, 200))
    assert (many < few / 2).all()
    assert many.max() < (SINGLE if rule == "gausslegendre" else 0.02)


def test_a_linear_probability_in_closed_form() -> None:
    """Along the path only the score changes, so that each sample keeps its share of the score."""
    x = waveform()
    found = attribute(linear, x, target="probability", n_steps=200)
    change = linear(x[None])[0] - B
    rise = torch.sigmoid(linear(x[None])[0]) - torch.sigmoid(B)
    assert_close(found.samples, W * x * (rise / change)[:, None], rtol=1e-6, atol=1e-9)
    assert_close(found.score, torch.sigmoid(linear(x[None])[0]))
    assert_close(found.baseline_score, torch.sigmoid(B))


@pytest.mark.parametrize("internal_batch_size", [1, 3, 7, 1000])
def test_internal_batch_changes_nothing_beyond_rounding(internal_batch_size: int) -> None:
    x = waveform()
    whole = attribute(loudness, x, n_steps=20, internal_batch_size=20)
    assert_close(attribute(loudness, x, n_steps=20, internal_batch_size=internal_batch_size).samples, whole.samples)


def test_several_classes_are_single_calls() -> None:
    x = waveform()
    both = attribute(loudness, x, (1, 0), n_steps=10)
    for row, c in enumerate((1, 0)):
        one = attribute(loudness, x, (c,), n_steps=10)
        assert_close(both.samples[row], one.samples[0], rtol=0, atol=0)
        assert_close(both.score[row], one.score[0], rtol=0, atol=0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=N, max_size=N))
def test_silent_samples_earn_nothing(samples: list[float]) -> None:
    x = torch.tensor(samples, dtype=torch.float64)
    x[::2] = 0
    found = attribute(loudness, x, n_steps=4)
    assert (found.samples[:, ::2] == 0).all()
    assert (found.samples >= 0).all()  # every weight is positive, more power is a higher score


def test_symmetric_samples_earn_alike() -> None:
    """Samples that the score does not tell apart and that are equal have equal attributions."""
    x = waveform()
    x[3] = x[8]
    found = attribute(lambda x: torch.log1p(x.square().sum(dim=1, keepdim=True)), x, (0,), n_steps=10)
    assert_close(found.samples[0, 3], found.samples[0, 8])


def test_completeness_error_is_relative_to_the_change() -> None:
    result = Attribution(
        samples=torch.tensor([[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0]]),
        score=torch.tensor([5.0, -3.0, 1.0]),
        baseline_score=torch.tensor([1.0, 0.0, 1.0]),
        n_steps=1,
    )
    assert_close(result.completeness_error, torch.tensor([1 / 4, 0.0, 0.0]))


def test_a_whole_classifier_is_complete() -> None:
    """Encoder and clip-level head: max over time, then linear; the pooled frame may change along the path."""
    classifier = Classifier(TinyEncoder(), tiny_head())  # type: ignore[arg-type]
    x = waveform(n=400).float() * torch.repeat_interleave(torch.tensor([0.1, 1.0, 0.3, 0.2]), 100)
    found = engines.create("captum", n_steps=100)(classifier, x, [0, 1])
    assert found.samples.shape == (2, 400)
    assert found.samples.dtype == torch.float32
    assert found.completeness_error.max() < 1e-3
    # all features are highest in the second frame, at every level: it earns everything
    frames = found.samples.abs().unflatten(1, (4, 100)).sum(dim=2)
    assert (frames[:, 1] > 0).all()
    assert (frames[:, [0, 2, 3]] == 0).all()


def test_nothing_that_is_returned_holds_a_graph() -> None:
    found = attribute(loudness, waveform(), n_steps=2)
    assert not any(t.requires_grad for t in (found.samples, found.score, found.baseline_score))


def test_unknown_engine() -> None:
    with pytest.raises(IgsedError, match="parameter 'engine' is 'guess': choose one of ") as error:
        engines.create("guess")
    for name in engines.ENGINES:
        assert name in str(error.value)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_the_parameters_of_the_stage_reach_the_engine(engine: str) -> None:
    params = IntegratedGradients(
        engine=engine,
        quadrature="riemann_middle",
        n_steps=7,
        target="probability",
        internal_batch_size=3,
        tolerance=0.2,
    )
    made: Any = engines.create(engine, **params.options())
    assert (made.quadrature, made.n_steps, made.target) == ("riemann_middle", 7, "probability")
    assert (made.internal_batch_size if engine == "captum" else made.batch) == 3
    assert engine == "captum" or (made.tolerance, made.precision) == (0.2, "float32")


def test_the_parameters_offer_every_engine_and_rule() -> None:
    fields = experiments.parameter_fields(IntegratedGradients)
    assert choices_of(fields["engine"]) == tuple(engines.ENGINES)
    assert set(fields["quadrature"].metadata["choices"]) == set(quadrature.NAMES)
