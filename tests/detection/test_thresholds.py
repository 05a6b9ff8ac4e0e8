"""The percentile rule: what it keeps, what ties do to it, what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base.errors import IgsedError
from igsed_core.detection.thresholds import levels
from igsed_core.detection.thresholds import registry as thresholds

scores_with_ties = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)
taus = st.floats(0, 100)


def percentile_by_sorting(scores: list[float], tau: float) -> float:
    """Interpolate linearly between order statistics."""
    ordered = sorted(scores)
    position = tau / 100 * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


@given(scores_with_ties, st.integers(0, 100))
def test_mask_is_strictly_above_the_percentile(scores: list[float], tau: int) -> None:
    level = percentile_by_sorting(scores, tau)
    mask = levels.percentile(np.array(scores), tau)
    for score, kept in zip(scores, mask, strict=True):
        if abs(score - level) > 1e-9:
            assert kept == (score > level)


@pytest.mark.parametrize("tau", range(1, 100))
def test_share_that_is_kept_of_a_hundred_distinct_scores(tau: int) -> None:
    """The paper's 100 frames: the percentile lies between two scores, ``100 - tau`` frames lie above it."""
    scores = np.random.default_rng(tau).permutation(100).astype(float)
    mask = levels.percentile(scores, tau)
    assert mask.sum() == 100 - tau
    assert scores[mask].min() > scores[~mask].max()


@settings(deadline=None)
@given(st.integers(1, 60), taus, st.integers(0, 2**31))
def test_number_that_is_kept_of_distinct_scores(n: int, tau: float, seed: int) -> None:
    """Of ``n`` order statistics those after position ``tau / 100 (n - 1)`` are kept."""
    scores = np.random.default_rng(seed).permutation(n).astype(float)
    position = tau / 100 * (n - 1)
    if abs(position - round(position)) < 1e-9:  # rounding decides on which side an exact hit falls
        position = round(position)
        assert n - 1 - position <= levels.percentile(scores, tau).sum() <= n - position
    else:
        assert levels.percentile(scores, tau).sum() == n - 1 - math.floor(position)


@given(st.floats(-1e6, 1e6), st.integers(1, 30), taus)
def test_constant_scores_give_an_empty_mask(value: float, n: int, tau: float) -> None:
    assert not levels.percentile(np.full(n, value), tau).any()


def test_ties_with_the_percentile_are_left_out() -> None:
    assert_array_equal(levels.percentile(np.array([0.0, 1.0, 1.0, 1.0, 2.0]), 50), [0, 0, 0, 0, 1])
    assert_array_equal(levels.percentile(np.array([0.0, 0.0, 0.0, 3.0]), 10), [0, 0, 0, 1])


@given(scores_with_ties, taus, taus)
def test_a_higher_threshold_keeps_no_other_frames(scores: list[float], one: float, other: float) -> None:
    low, high = levels.percentile(np.array(scores), [min(one, other), max(one, other)])
    assert not (high & ~low).any()


@given(scores_with_ties, st.integers(0, 100))
def test_the_scale_of_the_scores_does_not_matter(scores: list[float], tau: int) -> None:
    """Scaling by a power of two is exact, so that it must change nothing at all."""
    assert_array_equal(levels.percentile(np.array(scores), tau), levels.percentile(4 * np.array(scores), tau))


def test_several_thresholds_and_rows_are_single_calls() -> None:
    scores = np.random.default_rng(0).random((2, 3, 20))
    grid = [10.0, 50.0, 90.0]
    masks = levels.percentile(scores, grid)
    assert masks.shape == (3, 2, 3, 20)
    assert masks.dtype == bool
    for t, tau in enumerate(grid):
        assert_array_equal(levels.percentile(scores, tau), masks[t])
        for i, j in np.ndindex(2, 3):
            assert_array_equal(levels.percentile(scores[i, j], tau), masks[t, i, j])


@pytest.mark.parametrize("tau", [-0.1, 100.5, [50, 101]])
def test_percentiles_outside_0_to_100(tau: object) -> None:
    with pytest.raises(IgsedError, match="percentiles must lie between 0 and 100, got "):
        levels.percentile(np.arange(5.0), tau)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "step", "n"), [(1, 99, 1, 99), (1, 99, 2, 50), (1, 99, 0.1, 981), (5, 5, 1, 1), (0, 1, 0.3, 4)]
)
def test_grid_includes_its_ends(low: float, high: float, step: float, n: int) -> None:
    grid = levels.percentile_grid(low, high, step)
    assert len(grid) == n
    assert grid[0] == low
    assert high - step < grid[-1] <= high + 1e-9
    assert_allclose(np.diff(grid), step)


def test_registry_names_the_rule() -> None:
    scores = np.random.default_rng(0).random((3, 20))
    assert_array_equal(thresholds.get("percentile").apply(scores, 60.0), levels.percentile(scores, 60.0))
