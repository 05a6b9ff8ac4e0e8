"""Intervals: textbook values, what decides nothing, and coverage by simulation (few draws; see benchmarks/coverage)."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from igsed_core.metrics import bootstrap, intervals

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
shares = st.tuples(st.integers(1, 300), st.floats(0, 1)).map(lambda of: (of[0], round(of[0] * of[1])))


def resampled(values: np.ndarray, clip_of: np.ndarray, seed: int = 0, replicates: int = 1000) -> np.ndarray:
    weights = bootstrap.clip_weights(int(clip_of.max()) + 1, replicates=replicates, seed=seed)
    return bootstrap.weighted_means(values[:, None], bootstrap.with_sample(weights)[:, clip_of])


@given(shares)
def test_wilson_is_that_of_scipy(of: tuple[int, int]) -> None:
    n, hits = of
    wanted = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert_allclose(intervals.wilson(hits / n, n), [wanted.low, wanted.high], atol=1e-12)


def test_all_right_is_not_surely_all_right() -> None:
    """14 of 14 and 179 of 179: the lower ends are 0.78 and 0.98, not 1; no trial has no interval."""
    low, high = intervals.wilson([1.0, 1.0, 0.0, np.nan], [14, 179, 14, 0])
    assert_allclose(low[:3], [0.7847, 0.9790, 0.0], atol=1e-4)
    assert_allclose(high[:3], [1.0, 1.0, 0.2153], atol=1e-4)
    assert np.isnan(low[3]) and np.isnan(high[3])


def test_f1_is_a_proportion_in_disguise() -> None:
    ends = intervals.f1_of_counts([14, 8, 0], [0, 2, 0])
    assert ends[1, 0] == 1
    assert ends[0, 0] == pytest.approx(2 * 0.7847 / 1.7847, abs=1e-4)
    assert ends[0, 1] < 16 / 18 < ends[1, 1]
    assert np.isnan(ends[:, 2]).all()


def test_where_all_outcomes_agree_the_clips_are_the_trials() -> None:
    """179 instances of 112 clips, all hit: the review's lower end is 0.968 by Clopper and Pearson, 0.967 by Wilson."""
    clip_of = np.sort(np.concatenate([np.arange(112), np.arange(67)]))
    low, high = intervals.proportions(resampled(np.ones(179), clip_of), 179, 112)[:, 0]
    assert (low, high) == (pytest.approx(0.9668, abs=1e-4), 1)


def test_instances_that_follow_their_clip_count_as_one() -> None:
    """Three instances a clip that agree are no more than one; independent ones count as three."""
    rng = np.random.default_rng(0)
    clip_of = np.repeat(np.arange(60), 3)
    same = (rng.random(60) < 0.7).astype(float)[clip_of]
    apart = (rng.random(180) < 0.7).astype(float)
    n, trials = np.array([60.0]), np.array([180.0])
    assert intervals.effective_trials(resampled(same, clip_of), trials, n)[0] == pytest.approx(60, rel=0.15)
    assert intervals.effective_trials(resampled(apart, clip_of), trials, n)[0] > 120


def test_what_decides_nothing_has_no_interval() -> None:
    """NaN, no clip, one clip, equal replicates; not the silent width of zero that percentiles would give."""
    rng = np.random.default_rng(0)
    varied = np.concatenate([[0.5], 0.5 + 0.1 * rng.standard_normal(50)])
    equal = np.full(51, 0.3) + np.where(np.arange(51) % 2, 1e-17, 0)
    unknown = np.concatenate([[np.nan], varied[1:]])
    without = np.concatenate([[0.5], np.full(50, np.nan)])
    stacked = np.stack([varied, equal, unknown, without, varied, varied], axis=1)
    n = np.array([20, 20, 20, 20, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ends, p = intervals.intervals(stacked, n), intervals.p_values(stacked, n)
        shares = intervals.proportions(np.clip(stacked, 0, 1), 40, n)
    assert_array_equal(np.isnan(ends), np.array([[False] + 5 * [True]] * 2))
    assert_array_equal(np.isnan(p), [False] + 5 * [True])
    assert_array_equal(np.isnan(shares[0]), [False, False, True, False, True, True])
    assert np.isnan(intervals.interval(equal, 20)).all()


def test_from_twelve_clips_on_percentiles_are_stretched_before_it_is_students_t() -> None:
    rng = np.random.default_rng(0)
    replicates = rng.gamma(2.0, size=4000)
    series = np.concatenate([[2.0], replicates])
    for n in (12, 112, 10**6):
        low, high = intervals.interval(series, n)
        tail = stats.norm.cdf(-np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))
        assert (low, high) == pytest.approx(tuple(np.percentile(replicates, [100 * tail, 100 - 100 * tail])))
    assert (low, high) == pytest.approx(tuple(np.percentile(replicates, [2.5, 97.5])), abs=1e-3)
    low, high = intervals.interval(series, 5)
    half = stats.t.ppf(0.975, 4) * replicates.std(ddof=1) * np.sqrt(5 / 4)
    assert (low, high) == pytest.approx((2 - half, 2 + half))


def test_replicates_without_a_value_are_left_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(201)
    holes = np.concatenate([values, np.full(40, np.nan)])
    for n in (5, 50):
        assert intervals.interval(holes, n) == pytest.approx(intervals.interval(values, n))


def test_p_values_are_those_of_a_paired_t_test() -> None:
    """One value a clip: the replicates' variance is that of the mean, with n and not n - 1 below."""
    rng = np.random.default_rng(0)
    values = 0.1 + 0.3 * rng.standard_normal(40)
    found = intervals.p_values(resampled(values, np.arange(40), replicates=20_000), 40)[0]
    assert found == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=0.1)


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_benchmark", BENCHMARKS / "coverage.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_intervals_of_few_clips_hold_the_truth_as_often_as_they_say(coverage: ModuleType) -> None:
    """250 experiments a size, so that a coverage of 95 % shows as 91 % or more; plain percentiles fall short."""
    table = coverage.simulate(250, 400, seed=3, clips=(5, 30))
    found = table.set_index(["metric", "method", "n_clips"])["coverage"]
    for metric in coverage.TRUTH:
        for n_clips in (5, 30):
            assert found[metric, coverage.USED, n_clips] >= 0.91
    assert found["iou", "percentile", 5] < 0.9
    assert found["pointing_game_0.97", "percentile", 5] < 0.5


def test_the_table_of_coverage_is_whole_and_says_what_the_docstrings_do(coverage: ModuleType) -> None:
    table = pd.read_csv(BENCHMARKS / "coverage.csv")
    found = table.set_index(["metric", "method", "n_clips"])["coverage"]
    assert set(table["metric"]) == set(coverage.TRUTH)
    assert set(table["n_clips"]) == set(coverage.CLIPS)
    assert (table["experiments"] >= 4000).all()
    assert found.xs(coverage.USED, level="method").between(0.935, 0.975).all()
    assert found["iou", "percentile", 5] == pytest.approx(0.84, abs=0.01)


@pytest.mark.parametrize(("within", "value"), [(intervals.SHARE, 0.9), (intervals.APART, -0.9)])
def test_no_end_lies_where_no_value_can(within: tuple[float, float], value: float) -> None:
    """Student's t for two clips is wide: it said that a share may be above one."""
    drawn = np.concatenate([[value], np.clip(value + np.linspace(-0.3, 0.3, 101), *within)])
    free = intervals.interval(drawn, 2)
    assert min(free) < within[0] or max(free) > within[1]
    low, high = intervals.interval(drawn, 2, within=within)
    assert (low, high) == (max(free[0], within[0]), min(free[1], within[1]))


def test_what_is_not_decided_stays_so_within_bounds() -> None:
    assert np.isnan(intervals.interval(np.full(10, 0.5), 5, within=intervals.SHARE)).all()
