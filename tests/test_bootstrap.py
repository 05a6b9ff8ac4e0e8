"""Bootstrap over clips: held against drawing clips one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core import bootstrap


def drawn_clips(weights: np.ndarray) -> list[int]:
    """The clips of one replicate, each as often as it was drawn."""
    return [clip for clip, times in enumerate(weights) for _ in range(int(times))]


def example(seed: int = 0, n_clips: int = 7, n_instances: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    clip_of = np.concatenate([np.arange(n_clips), rng.integers(0, n_clips, n_instances - n_clips)])
    return rng.random(n_instances), clip_of, rng.integers(0, 3, n_instances)


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


def test_instance_means_against_drawing_one_by_one() -> None:
    values, clip_of, _ = example()
    weights = bootstrap.clip_weights(7, replicates=40, seed=3)
    wanted = [
        np.mean([values[i] for clip in drawn_clips(row) for i in range(len(values)) if clip_of[i] == clip])
        for row in weights
    ]
    assert_allclose(bootstrap.instance_means(values, clip_of, weights), wanted)


def test_class_means_against_drawing_one_by_one() -> None:
    """A class whose clips a replicate misses is left out of that replicate."""
    values, clip_of, class_of = example()
    weights = bootstrap.clip_weights(7, replicates=40, seed=3)
    wanted, missed = [], 0
    for row in weights:
        by_class: dict[int, list[float]] = {}
        for clip in drawn_clips(row):
            for i in np.flatnonzero(clip_of == clip):
                by_class.setdefault(class_of[i], []).append(values[i])
        missed += 3 - len(by_class)
        wanted.append(np.mean([np.mean(mine) for mine in by_class.values()]))
    assert missed  # the case is there
    assert_allclose(bootstrap.class_means(values, clip_of, class_of, weights), wanted)


def test_unit_weights_give_the_plain_means() -> None:
    values, clip_of, class_of = example()
    ones = np.ones((1, 7))
    assert_allclose(bootstrap.instance_means(values, clip_of, ones), values.mean())
    assert_allclose(
        bootstrap.class_means(values, clip_of, class_of, ones),
        np.mean([values[class_of == c].mean() for c in range(3)]),
    )


def test_a_constant_has_an_interval_of_no_width() -> None:
    _, clip_of, class_of = example()
    weights = bootstrap.clip_weights(7, replicates=100, seed=0)
    constant = np.full(15, 0.25)
    for means in (
        bootstrap.instance_means(constant, clip_of, weights),
        bootstrap.class_means(constant, clip_of, class_of, weights),
    ):
        assert bootstrap.interval(means) == pytest.approx((0.25, 0.25))


def test_a_replicate_without_an_instance_is_nan_and_left_out_of_the_interval() -> None:
    weights = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        means = bootstrap.instance_means(np.array([0.5]), np.array([0]), weights)
        interval = bootstrap.interval(means)
    assert_array_equal(means, [0.5, np.nan, 0.5])
    assert interval == (0.5, 0.5)


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
        low, high = bootstrap.interval(bootstrap.instance_means(values, clip_of, weights))
        covered += low <= 0.5 <= high
    assert 0.88 <= covered / 150 <= 0.99
