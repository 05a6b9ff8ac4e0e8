"""Metrics of maps against stems, by hand: cases of a few bins, and identities on random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igsed_core.metrics import time_frequency as tf

STEM = np.array([[4.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
REST = np.array([[1.0, 1.0, 1.0], [1.0, 1e-9, 0.0]])


def random(seed: int, shape: tuple[int, ...] = (6, 5)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def test_the_truth_of_a_bin_by_hand() -> None:
    assert tf.own_share(STEM, REST).tolist() == [[0.8, 0.0, 0.5], [0.0, 0.0, 1.0]]
    # One half is no majority; a bin of silence has no owner.
    assert tf.dominated(STEM, REST).tolist() == [[True, False, False], [False, False, True]]
    assert not tf.dominated(np.zeros((2, 2)), np.zeros((2, 2))).any()


def test_a_bin_far_below_the_loudest_is_nobodys() -> None:
    stem = np.array([[1.0, 1.1e-6, 0.9e-6]])
    assert tf.dominated(stem, np.zeros((1, 3))).tolist() == [[True, True, False]]


def test_share_by_hand() -> None:
    own = tf.own_share(STEM, REST)
    assert tf.share(np.array([[1.0, 0, 0], [0, 0, 1.0]]), own) == pytest.approx(0.9)
    assert tf.share(np.ones((2, 3)), own) == pytest.approx(2.3 / 6)
    assert np.isnan(tf.share(np.zeros((2, 3)), own))


def test_no_map_weighted_by_power_has_the_power_of_the_stem() -> None:
    power = STEM + REST
    assert tf.share(power, tf.own_share(STEM, REST)) == pytest.approx(STEM.sum() / power.sum())


def test_pointing_game_by_hand() -> None:
    mask = tf.dominated(STEM, REST)
    assert tf.pointing_game(np.array([[9.0, 1, 1], [1, 1, 1]]), mask) == 1
    assert tf.pointing_game(np.array([[1.0, 9, 1], [1, 1, 1]]), mask) == 0
    assert tf.pointing_game(np.ones((2, 3)), mask) == pytest.approx(2 / 6)


def test_iou_at_size_by_hand() -> None:
    mask = np.array([[True, True, False, False, False]])
    assert tf.iou_at_size(np.array([[5.0, 4, 3, 2, 1]]), mask) == 1
    assert tf.iou_at_size(np.array([[5.0, 1, 4, 3, 2]]), mask) == pytest.approx(1 / 3)
    assert tf.iou_at_size(np.array([[0.0, 0, 1, 1, 0]]), mask) == 0
    # One bin above, four that tie for one place, one of which is right: 1 + 1/4 of 2.
    assert tf.iou_at_size(np.array([[5.0, 1, 1, 1, 1]]), mask) == pytest.approx(1.25 / 2.75)
    assert np.isnan(tf.iou_at_size(np.ones((1, 5)), np.zeros((1, 5), dtype=bool)))


@given(st.integers(0, 10_000))
def test_iou_at_size_is_that_of_the_highest_bins(seed: int) -> None:
    weights, mask = random(seed), random(seed + 1) > 0.6
    if not mask.any():
        return
    taken = weights >= np.sort(weights.ravel())[::-1][mask.sum() - 1]
    assert tf.iou_at_size(weights, mask) == pytest.approx((taken & mask).sum() / (taken | mask).sum())


@given(st.integers(0, 10_000))
def test_no_map_beats_the_truth(seed: int) -> None:
    stem, rest, weights = random(seed), random(seed + 1), random(seed + 2)
    own, mask = tf.own_share(stem, rest), tf.dominated(stem, rest)
    best = own * mask
    if mask.any():
        assert tf.iou_at_size(best, mask) == 1
        assert tf.pointing_game(best, mask) == 1
        assert tf.share(weights, own) <= own.max()


def test_without_frequency_keeps_each_frame() -> None:
    weights = random(0)
    flat = tf.without_frequency(weights)
    assert flat.sum(axis=1) == pytest.approx(weights.sum(axis=1))
    assert np.ptp(flat, axis=1).max() == 0


def test_a_map_of_time_alone_is_itself_without_frequency() -> None:
    weights, own = np.repeat(random(0, (6, 1)), 5, axis=1), random(1)
    assert tf.share(tf.without_frequency(weights), own) == pytest.approx(tf.share(weights, own))


def test_gain_mask_passes_as_many_bins_as_it_is_told() -> None:
    gains = tf.gain_mask(random(3), 7)
    assert (gains == 1).sum() == 7
    assert ((gains >= 0) & (gains <= 1)).all()
    assert tf.gain_mask(np.array([[0.0, 2.0, 0.0]]), 2).tolist() == [[0, 1, 0]]


def test_si_sdr_does_not_depend_on_the_level_and_by_hand() -> None:
    target, noise = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.0, 0.1, 0.0, 0.1])
    assert tf.si_sdr(target + noise, target) == pytest.approx(20.0)
    assert tf.si_sdr(7 * (target + noise), target) == pytest.approx(20.0)
    assert tf.si_sdr(-(target + noise), target) == pytest.approx(20.0)
    assert np.isnan(tf.si_sdr(target, np.zeros(4)))
    # Silence, and what has nothing of the target, are as far from it as can be told.
    assert tf.si_sdr(np.zeros(4), target) == tf.si_sdr(noise, target) == tf.LEAST == -30


def test_octaves_centroid_and_concentration_by_hand() -> None:
    frequencies = np.array([0.0, 100.0, 200.0, 400.0])
    assert tf.by_octave(np.array([[9.0, 1, 2, 1]]), frequencies, np.array([100.0, 200, 400, 800])).tolist() == [
        0.25,
        0.5,
        0.25,
    ]
    assert tf.centroid(np.array([[9.0, 1, 0, 1]]), frequencies) == pytest.approx(200)
    assert np.isnan(tf.centroid(np.zeros((1, 4)), frequencies))
    assert tf.half_of_it(np.array([[3.0, 1, 1, 1]])) == 0.25
    assert tf.half_of_it(np.ones((2, 4))) == 0.5
    assert np.isnan(tf.half_of_it(np.zeros(4)))
