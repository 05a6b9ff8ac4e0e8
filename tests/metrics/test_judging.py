"""Verdicts on differences: examples, and properties over random and degenerate intervals."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igsed_core.base.errors import IgsedError
from igsed_core.metrics.judging import VERDICTS, holm, judge, judge_family

SIZES = st.floats(-2, 2, allow_nan=False)
ANY = st.floats(allow_nan=True, allow_infinity=True)
MARGINS = st.floats(0, 1)
UNITS = st.integers(2, 1000)


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float, float]:
    """Value, low and high, of a width that is no rounding error."""
    low = draw(SIZES)
    high = low + draw(st.floats(1e-6, 2))
    return draw(st.floats(low, high)), low, high


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.05, 0.02, 0.08, "above"),
        (-0.05, -0.08, -0.02, "below"),
        (0.05, -0.01, 0.11, "not told apart"),  # holds zero
        (0.02, 0.01, 0.04, "not told apart"),  # off zero, but too small to be named, and not surely level
        (0.01, -0.02, 0.029, "level"),
        (0.01, 0.005, 0.015, "level"),  # surely there, and surely too small to matter
        (0.03, 0.001, 0.05, "above"),  # just worth naming
    ],
)
def test_an_effect_needs_an_interval_off_zero_and_a_size_worth_naming(
    value: float, low: float, high: float, verdict: str
) -> None:
    assert judge(value, low, high, 112, margin=0.03) == verdict


@given(ANY, ANY, ANY, UNITS, MARGINS)
def test_what_is_not_finite_decides_nothing(value: float, low: float, high: float, n: int, margin: float) -> None:
    if all(map(math.isfinite, (value, low, high))):
        value = math.nan
    assert judge(value, low, high, n, margin=margin) == "not decided"


@given(intervals(), st.one_of(st.integers(-3, 1), st.just(math.nan)), MARGINS)
def test_one_clip_or_none_decides_nothing(of: tuple[float, float, float], n: float, margin: float) -> None:
    assert judge(*of, n, margin=margin) == "not decided"


@given(SIZES, UNITS, MARGINS, st.sampled_from([0.0, 1e-16, -1e-16]))
def test_equal_replicates_decide_nothing(value: float, n: int, margin: float, rounding: float) -> None:
    assert judge(value, value, value + rounding, n, margin=margin) == "not decided"


@given(intervals(), UNITS, MARGINS)
def test_a_verdict_says_no_more_than_the_numbers(of: tuple[float, float, float], n: int, margin: float) -> None:
    value, low, high = of
    verdict = judge(value, low, high, n, margin=margin)
    assert verdict in VERDICTS
    assert (verdict == "level") == (-margin <= low and high <= margin)
    if verdict == "above":
        assert low > 0 and value >= margin
    if verdict == "below":
        assert high < 0 and value <= -margin
    if low <= 0 <= high:
        assert verdict in ("level", "not told apart")


@given(intervals(), UNITS, MARGINS)
def test_the_other_way_round_the_verdict_is_mirrored(of: tuple[float, float, float], n: int, margin: float) -> None:
    value, low, high = of
    mirrored = {"above": "below", "below": "above"}
    verdict = judge(value, low, high, n, margin=margin)
    assert judge(-value, -high, -low, n, margin=margin) == mirrored.get(verdict, verdict)


@given(intervals(), UNITS)
def test_without_a_margin_nothing_is_level(of: tuple[float, float, float], n: int) -> None:
    assert judge(*of, n, margin=0) != "level"


def test_a_value_outside_its_interval_proves_no_equivalence() -> None:
    assert judge(0.2, -0.01, 0.01, 112, margin=0.03) == "not told apart"


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_margin_is_a_size(margin: float) -> None:
    with pytest.raises(IgsedError, match="margin"):
        judge(0.1, 0.0, 0.2, 10, margin=margin)


def test_an_interval_in_reverse_is_refused() -> None:
    with pytest.raises(IgsedError, match="reverse"):
        judge(0.1, 0.2, 0.0, 10, margin=0.03)


def test_a_family_is_corrected_and_only_effects_need_it() -> None:
    """Of two equal effects the one with the larger p-value falls; level and not decided are no effects."""
    table = pd.DataFrame(
        [(0.2, 0.1, 0.3), (0.2, 0.1, 0.3), (0.0, -0.01, 0.01), (0.2, np.nan, np.nan)],
        columns=["value", "ci_low", "ci_high"],
    ).assign(n=40)
    found = judge_family(table, [0.001, 0.03, 0.9, np.nan], margin=0.03)
    assert found["verdict"].tolist() == ["above", "not told apart", "level", "not decided"]
    assert found["p_holm"].tolist()[:3] == pytest.approx([0.003, 0.06, 0.9]) and math.isnan(found["p_holm"].iloc[3])


def test_holm_by_hand() -> None:
    """The smallest of four is quadrupled, the next tripled, never below the one before."""
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    with_gap = holm(np.array([0.01, np.nan, 0.04]))
    assert with_gap[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert math.isnan(with_gap[1])
    assert holm(np.array([])).shape == (0,)
    with pytest.raises(IgsedError, match="p-values"):
        holm(np.array([1.2]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_helps_and_keeps_the_order(p: list[float]) -> None:
    values, found = np.array(p), holm(np.array(p))
    assert (found >= values).all()
    assert (found <= np.minimum(values * len(p), 1) + 1e-15).all()  # never harsher than Bonferroni
    order = np.argsort(values, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
