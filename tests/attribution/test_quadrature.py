import math

import numpy as np
import pytest
from captum.attr._utils.approximation_methods import approximation_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.attribution.ig import quadrature
from igsed_core.base.errors import IgsedError


@pytest.mark.parametrize("rule", quadrature.STRAIGHT)
@pytest.mark.parametrize("n", [2, 7, 50])
def test_straight_rules_are_those_of_captum(rule: str, n: int) -> None:
    steps, alphas = approximation_parameters(rule)
    gains, weights = quadrature.points(rule, n, -60.0)
    np.testing.assert_allclose(gains, alphas(n), atol=1e-7)  # Captum's linspace is in single precision
    np.testing.assert_allclose(weights, steps(n), atol=1e-12)


def test_points_by_hand() -> None:
    gains, weights = quadrature.points("db_midpoint", 2, -40.0)  # two steps of 20 dB, middles at -30 and -10 dB
    np.testing.assert_allclose(gains, [10**-1.5, 10**-0.5])
    np.testing.assert_allclose(weights, 20 * math.log(10) / 20 * gains)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_gauss_legendre_integrates_polynomials_of_degree_2n_minus_1(n: int) -> None:
    gains, weights = quadrature.points("gausslegendre", n, -60.0)
    for degree in range(2 * n):
        assert weights @ gains**degree == pytest.approx(1 / (degree + 1))


@settings(max_examples=50, deadline=None)
@given(
    rule=st.sampled_from(sorted(quadrature.DECIBEL)),
    n=st.integers(1, 40),
    floor=st.floats(-150.0, -1.0),
    slope=st.floats(-5.0, 5.0),
)
def test_decibel_rules_are_exact_where_the_integrand_is_linear_in_the_level(
    rule: str, n: int, floor: float, slope: float
) -> None:
    # f(a) da = (1 + slope * s) ds, s in dB, so that f = (1 + slope * s) * 20 / (ln(10) * a).
    gains, weights = quadrature.points(rule, n, floor)
    level = 20 * np.log10(gains)
    values = (1 + slope * level) * 20 / (math.log(10) * gains)
    expected = -floor - slope * floor**2 / 2
    assert weights @ values == pytest.approx(expected, rel=1e-9, abs=1e-9 * floor**2)


@pytest.mark.parametrize("rule", [*quadrature.STRAIGHT, *quadrature.DECIBEL])
def test_rules_converge(rule: str) -> None:
    def error(n: int) -> float:
        gains, weights = quadrature.points(rule, n, -120.0)
        return abs(weights @ (gains / (gains**2 + 1e-3)) - 0.5 * math.log(1001.0))

    assert error(400) < 0.02
    assert error(400) < error(10) / 5


@pytest.mark.parametrize("rule", quadrature.FIXED)
def test_points_lie_on_the_path_and_weights_are_positive(rule: str) -> None:
    gains, weights = quadrature.points(rule, 13, -70.0)
    assert gains.shape == weights.shape == (13,)
    assert (np.diff(gains) > 0).all()
    assert gains[0] >= (10**-3.5 if rule in quadrature.DECIBEL else 0.0)
    assert gains[-1] <= 1
    assert (weights > 0).all()


def test_unknown_rules_and_too_few_points_are_explained() -> None:
    with pytest.raises(IgsedError, match=r"'simpson'.*db_midpoint.*db_adaptive"):
        quadrature.points("simpson", 10, -60.0)
    with pytest.raises(IgsedError, match=r"'n_steps' is 1.*at least 2"):
        quadrature.points("riemann_left", 1, -60.0)
