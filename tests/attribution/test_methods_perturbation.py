"""Methods that take parts of a clip away: hand-checked falls, games whose Shapley values are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from captum.attr import KernelShap
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from igsed_core.attribution import mel, surrogate
from igsed_core.attribution.expected_gradients import ExpectedGradients
from igsed_core.attribution.occlusion import Occlusion
from igsed_core.attribution.replacement import KINDS, quiet_frames, replacement
from igsed_core.attribution.surrogate import Surrogate
from igsed_core.base.errors import IgsedError
from methods_classifier import RATE, SECONDS, classifier, clips

HOP = 320


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_the_background_is_the_quietest_tenth_in_its_order() -> None:
    level = torch.tensor([5.0, 1.0, 9.0, 0.0] + [7.0] * 16)
    log_mel = level[:, None] + torch.zeros(20, 3)
    assert_allclose(quiet_frames(log_mel), [[1.0] * 3, [0.0] * 3])


@pytest.mark.parametrize("kind", KINDS)
def test_what_replaces_a_clip_is_as_long_and_drawn_the_same_each_time(kind: str) -> None:
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips()[:1])[0]
    found = replacement(kind, model, log_mel)
    assert found.shape == log_mel.shape
    assert torch.equal(found, replacement(kind, model, log_mel))
    if kind == "silence":
        assert_allclose(found, mel.log_mel(model, torch.zeros_like(clips()[:1]))[0])


def test_an_unknown_replacement_or_surrogate_is_an_error() -> None:
    model = mel.folded(classifier())
    with pytest.raises(IgsedError, match="replacement 'noise' is unknown: choose one of silence, background, mean"):
        replacement("noise", model, torch.zeros(3, 2))
    with pytest.raises(IgsedError, match="surrogate 'tree' is unknown: choose one of lime, kernel_shap, random_forest"):
        Surrogate("tree")


@pytest.mark.parametrize("kind", KINDS)
def test_occlusion_is_the_fall_of_the_score(kind: str) -> None:
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips()[:1])
    hidden = log_mel.clone()
    hidden[0, 30:40] = replacement(kind, model, log_mel[0])[30:40]  # 0.3 to 0.4 s
    with torch.no_grad():
        fall = (mel.score(model, log_mel) - mel.score(model, hidden))[0]
    found = Occlusion(replace=kind)(classifier(), clips()[:1], [[2, 0]])[0]
    assert found.signed.shape == (2, round(SECONDS / 0.1))
    assert_allclose(found.signed[:, 3], fall[[2, 0]], rtol=1e-3, atol=1e-5)


def test_long_windows_are_averaged_over_the_steps_they_cover() -> None:
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips()[:1])[0]
    other = replacement("mean", model, log_mel)
    hidden = []
    for first in (-1, 0):  # the windows of 0.2 s that cover the step from 0 to 0.1 s
        hidden.append(log_mel.clone())
        hidden[-1][max(0, 10 * first) : 10 * first + 20] = other[max(0, 10 * first) : 10 * first + 20]
    with torch.no_grad():
        fall = mel.score(model, log_mel[None])[0] - mel.score(model, torch.stack(hidden)).mean(dim=0)
    found = Occlusion(replace="mean", window=0.2)(classifier(), clips()[:1], [[1]])[0]
    assert_allclose(found.signed[0, 0], fall[1], rtol=1e-3, atol=1e-5)


def test_frames_on_a_border_belong_to_the_step_that_begins_there() -> None:
    """The frame at 4.2 s counts from step 42 on, not to step 41 as in single precision."""
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips(1, 4.8))
    hidden = log_mel.clone()
    hidden[0, 420:430] = replacement("silence", model, log_mel[0])[420:430]
    with torch.no_grad():
        fall = (mel.score(model, log_mel) - mel.score(model, hidden))[0]
    found = Occlusion(replace="silence")(classifier(), clips(1, 4.8), [[0, 1, 2]])[0]
    assert_allclose(found.signed[:, 42], fall, rtol=1e-3, atol=1e-6)


def test_a_window_that_is_no_multiple_of_the_step_is_an_error() -> None:
    with pytest.raises(IgsedError, match=r"'window' is 0\.25 s, but must be a multiple of 'step' \(0\.1 s\)"):
        Occlusion(window=0.25)


def test_hiding_silence_behind_silence_changes_nothing() -> None:
    quiet = torch.zeros(1, round(RATE * SECONDS))
    for method in (Occlusion(), Surrogate("lime", n_masks=20), Surrogate("kernel_shap", n_masks=20)):
        assert np.abs(method(classifier(), quiet, [[0, 1]])[0].signed).max() < 1e-5  # type: ignore[operator]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=12), st.integers(0, 99))
def test_shapley_values_of_an_additive_game_are_its_terms(terms: list[float], seed: int) -> None:
    masks = surrogate.shapley_masks(len(terms), 60, np.random.default_rng(seed))
    values = masks @ np.array([terms, [2 * t for t in terms]]).T + 3.0
    assert_allclose(surrogate.shapley(masks, values), [terms, [2 * t for t in terms]], atol=1e-8)


def test_shapley_values_of_any_game_agree_with_their_definition_and_with_captum() -> None:
    n = 5
    worth = np.random.default_rng(0).normal(size=2**n)

    def value(masks: np.ndarray) -> np.ndarray:
        return worth[masks @ (2 ** np.arange(n))]

    exact = np.zeros(n)
    for player in range(n):
        for size in range(n):
            for others in itertools.combinations([p for p in range(n) if p != player], size):
                without = np.isin(np.arange(n), others)
                weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                exact[player] += weight * (value(without | (np.arange(n) == player)) - value(without))
    masks = surrogate.shapley_masks(n, 20_000, np.random.default_rng(1))
    found = surrogate.shapley(masks, value(masks)[:, None])[0]
    assert_allclose(found, exact, atol=0.03)
    assert found.sum() == pytest.approx(worth[-1] - worth[0])
    captum = KernelShap(lambda x: torch.from_numpy(value(x.numpy() > 0.5)))
    torch.manual_seed(0)
    theirs = captum.attribute(torch.ones(1, n), n_samples=4000, perturbations_per_eval=500)
    assert_allclose(found, theirs[0], atol=0.1)


def test_lime_finds_the_terms_of_an_additive_game() -> None:
    terms = np.array([3.0, 0.0, -1.0, 0.5])
    masks = surrogate.lime_masks(4, 3000, np.random.default_rng(0))
    assert_allclose(surrogate.lime(masks, (masks @ terms)[:, None])[0], terms, atol=0.05)


def test_a_random_forest_ranks_segments_by_what_they_change() -> None:
    """Also where they act together, which a linear surrogate cannot tell from what adds up."""
    masks = surrogate.lime_masks(6, 200, np.random.default_rng(0))
    together = (masks[:, 1] & masks[:, 4]).astype(float)
    found = surrogate.random_forest(masks, np.stack([together, 0.5 * masks[:, 2] - 0.0 * together], axis=1))
    assert set(np.argsort(found[0])[-2:]) == {1, 4}
    assert found[1].argmax() == 2
    assert_allclose(found.sum(axis=1), 1.0)
    assert (surrogate.random_forest(masks, np.ones((200, 1))) == 0).all()


def test_a_random_forest_hears_where_a_clip_is_loud() -> None:
    explained = Surrogate("random_forest", n_masks=40, segment=0.4, replace="silence")
    found = explained(classifier(), clips()[:1], [[0, 1]])[0]
    assert found.absolute.shape[0] == 2
    assert (found.absolute >= 0).all()
    assert_allclose(found.absolute.sum(axis=1), 1.0, atol=1e-5)


def test_kernel_shap_on_a_clip_sums_to_the_change_of_the_score() -> None:
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips()[:1])
    with torch.no_grad():
        change = mel.score(model, log_mel) - mel.score(model, replacement("background", model, log_mel[0])[None])
    found = Surrogate("kernel_shap", n_masks=40)(classifier(), clips()[:1], [[0, 1]])[0]
    assert_allclose(found.signed.sum(axis=1), change[0, :2], rtol=1e-3, atol=1e-4)


def test_expected_gradients_sum_to_the_change_from_the_mean_background() -> None:
    model = mel.folded(classifier())
    log_mel = mel.log_mel(model, clips()[:1])
    with torch.no_grad():
        backgrounds = torch.stack([replacement("background", model, log_mel[0], seed) for seed in range(40)])
        change = float((mel.score(model, log_mel)[0] - mel.score(model, backgrounds).mean(dim=0))[2])
    found = ExpectedGradients(n_samples=60)(classifier(), clips()[:1], [[2]])[0]
    assert float(found.signed.sum()) * log_mel.shape[2] == pytest.approx(change, rel=0.1)


def test_expected_gradients_of_nothing_but_background_are_zero() -> None:
    quiet = torch.zeros(1, round(RATE * SECONDS))
    assert (ExpectedGradients(n_samples=2)(classifier(), quiet, [[0]])[0].absolute == 0).all()
