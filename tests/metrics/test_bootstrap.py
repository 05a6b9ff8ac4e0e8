"""Bootstrap over clips: held against drawing clips one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base.errors import IgsedError
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


def test_a_replicate_without_a_value_is_nan() -> None:
    drawn = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    values = np.array([[0.5, np.nan, 0.1], [np.nan, np.nan, 0.3]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        means = bootstrap.weighted_means(values, drawn)
        overall = bootstrap.mean_of_present(means, axis=1)
    assert_allclose(means, [[0.5, np.nan, 0.1], [np.nan, np.nan, 0.3], [0.5, np.nan, 0.2]])
    assert_allclose(overall, [0.3, 0.3, 0.35])


def test_two_ways_draw_clips_and_sources_apart() -> None:
    """Instances of one clip and one source come and go together; of two sources the mean counts."""
    clip_of = np.array([0, 0, 1, 2, 2])
    sources = [("x",), ("x",), ("y",), ("x", "y"), ("z",)]
    weights = bootstrap.two_way_weights(clip_of, sources, replicates=4000, seed=5)
    clips = bootstrap.clip_weights(3, replicates=4000, seed=5)
    assert weights.shape == (4000, 5)
    assert_array_equal(weights[:, 0], weights[:, 1])
    assert (weights[clips[:, 1] == 0, 2] == 0).all()
    drawn = {
        name: weights[:, i] / np.where(clips[:, c] > 0, clips[:, c], np.nan)
        for name, i, c in (("x", 0, 0), ("z", 4, 2))
    }
    assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    assert set(np.unique(drawn["x"][~np.isnan(drawn["x"])])) <= {0, 1, 2, 3}
    both = clips[:, [0, 1, 2]].min(axis=1) > 0
    of = [weights[both, i] / clips[both, clip_of[i]] for i in (0, 2, 3)]
    assert_allclose(of[2], (of[0] + of[1]) / 2)
    with pytest.raises(IgsedError, match="at least one source file for each instance"):
        bootstrap.two_way_weights(clip_of, [*sources[:4], ()], replicates=2, seed=0)


def test_shared_sources_make_the_truth_less_sure() -> None:
    """Forty clips draw on five files, whose quality the values follow: resampling clips alone misses most of it."""
    rng = np.random.default_rng(0)
    files = rng.integers(0, 5, 40)
    values = (rng.standard_normal(5)[files] + 0.2 * rng.standard_normal(40))[:, None]
    names = [(str(name),) for name in files]
    one_way = bootstrap.weighted_means(values, bootstrap.clip_weights(40, replicates=500, seed=0))
    two_way = bootstrap.weighted_means(values, bootstrap.two_way_weights(np.arange(40), names, replicates=500, seed=0))
    assert np.nanstd(two_way) > 2 * one_way.std()
