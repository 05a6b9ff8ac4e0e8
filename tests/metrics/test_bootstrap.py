"""Bootstrap over clips: held against drawing clips one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.metrics import bootstrap


def drawn_clips(weights: np.ndarray) -> list[int]:
    """The clips of one replicate, each as often as it was drawn."""
    return [clip for clip, times in enumerate(weights) for _ in range(int(times))]


def example(seed: int = 0, n_clips: int = 7, n_instances: int = 15) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    clip_of = np.concatenate([np.arange(n_clips), rng.integers(0, n_clips, n_instances - n_clips)])
    return rng.random(n_instances), clip_of


def test_each_replicate_draws_as_many_clips_as_there_are() -> None:
    weights = bootstrap.clip_weights(9, replicates=50, seed=1)
    assert weights.shape == (50, 9)
    assert_array_equal(weights.sum(axis=1), 9)
    assert (weights >= 0).all()
    assert_array_equal(weights, weights.round())


def test_weights_depend_on_the_seed_alone() -> None:
    weights = bootstrap.clip_weights(9, replicates=50, seed=1)
    assert_array_equal(bootstrap.clip_weights(9, replicates=50, seed=1), weights)
    assert (bootstrap.clip_weights(9, replicates=50, seed=2) != weights).any()


def test_every_clip_is_drawn_once_on_average() -> None:
    weights = bootstrap.clip_weights(20, replicates=4000, seed=0)
    assert_allclose(weights.mean(axis=0), 1, atol=0.08)  # standard error 1 / sqrt(4000), five of them
    assert_allclose(weights.var(axis=0), 1 - 1 / 20, atol=0.15)


def test_means_against_drawing_one_by_one() -> None:
    values, clip_of = example()
    weights = bootstrap.clip_weights(7, replicates=40, seed=3)
    wanted = [
        np.mean([values[i] for clip in drawn_clips(row) for i in range(len(values)) if clip_of[i] == clip])
        for row in weights
    ]
    two = np.stack([values, 2 * values], axis=1)
    found = bootstrap.weighted_means(two, weights[:, clip_of])
    assert_allclose(found[:, 0], wanted)
    assert_allclose(found[:, 1], 2 * found[:, 0])


def test_the_sample_itself_comes_first() -> None:
    weights = bootstrap.with_sample(bootstrap.clip_weights(4, replicates=3, seed=0))
    assert_array_equal(weights[0], 1)
    assert_array_equal(weights[1:], bootstrap.clip_weights(4, replicates=3, seed=0))


def test_a_replicate_without_a_value_is_nan_and_left_out_of_the_interval() -> None:
    drawn = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    values = np.array([[0.5, np.nan, 0.1], [np.nan, np.nan, 0.3]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        means = bootstrap.weighted_means(values, drawn)
        intervals = bootstrap.intervals(means)
        nothing = bootstrap.interval(means[:, 1])
        overall = bootstrap.mean_of_present(means, axis=1)
    assert_allclose(means, [[0.5, np.nan, 0.1], [np.nan, np.nan, 0.3], [0.5, np.nan, 0.2]])
    assert_allclose(intervals[:, 0], [0.5, 0.5])
    assert np.isnan(intervals[:, 1]).all()
    assert np.isnan(nothing).all()
    assert_allclose(intervals[:, 2], bootstrap.interval(means[:, 2]))
    assert_allclose(overall, [0.3, 0.3, 0.35])


def test_interval_holds_its_share_of_the_replicates() -> None:
    replicates = np.random.default_rng(0).permutation(1001) / 1000
    assert bootstrap.interval(replicates) == pytest.approx((0.025, 0.975))
    assert bootstrap.interval(replicates, level=0.5) == pytest.approx((0.25, 0.75))


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """150 experiments of 60 clips that share a clip effect; 95 % intervals hold the mean in most of them."""
    rng = np.random.default_rng(0)
    clip_of = np.repeat(np.arange(60), 2)
    covered = 0
    for experiment in range(150):
        values = 0.5 + np.repeat(rng.normal(0, 0.2, 60), 2) + rng.normal(0, 0.1, 120)
        weights = bootstrap.clip_weights(60, replicates=300, seed=experiment)
        low, high = bootstrap.interval(bootstrap.weighted_means(values[:, None], weights[:, clip_of])[:, 0])
        covered += low <= 0.5 <= high
    assert 0.88 <= covered / 150 <= 0.99
