"""IoU, F1, pointing game, precision and recall: hand-checked cases, identities, plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation

pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*[st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)] * 2)
)
tables = st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(0, 2**31)).map(
    lambda shape: np.random.default_rng(shape[2]).random((2, *shape[:2])) < 0.4
)


def mask(text: str) -> np.ndarray:
    return np.array([c == "x" for c in text])


@pytest.mark.parametrize(
    ("detected", "active", "iou", "f1"),
    [
        ("xx..", "xx..", 1, 1),
        ("xx..", "..xx", 0, 0),
        ("xxx.", ".xxx", 2 / 4, 2 * 2 / (3 + 3)),
        ("xxxx", "x...", 1 / 4, 2 / 5),
        ("....", "x...", 0, 0),
        ("x...", "....", 0, 0),
        ("....", "....", 1, 1),
    ],
)
def test_by_hand(detected: str, active: str, iou: float, f1: float) -> None:
    assert localisation.iou(mask(detected), mask(active)) == pytest.approx(iou)
    assert localisation.f1(mask(detected), mask(active)) == pytest.approx(f1)


@given(pairs)
def test_iou_is_a_ratio_of_sets(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = (set(np.flatnonzero(m)) for m in pair)
    wanted = len(one & other) / len(one | other) if one | other else 1.0
    assert localisation.iou(*pair) == pytest.approx(wanted)


@given(pairs)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = (set(np.flatnonzero(m)) for m in pair)
    if one & other:
        precision, recall = len(one & other) / len(one), len(one & other) / len(other)
        assert localisation.f1(*pair) == pytest.approx(2 * precision * recall / (precision + recall))


@given(pairs)
def test_identities(pair: tuple[np.ndarray, np.ndarray]) -> None:
    detected, active = pair
    iou, f1 = localisation.iou(detected, active), localisation.f1(detected, active)
    assert f1 == pytest.approx(2 * iou / (1 + iou))
    assert 0 <= iou <= f1 <= 1
    assert localisation.iou(active, detected) == iou
    assert localisation.f1(active, detected) == f1
    order = np.random.default_rng(0).permutation(len(active))
    assert localisation.iou(detected[order], active[order]) == iou
    tp, fp, fn = localisation.counts(detected, active)
    assert (tp + fp, tp + fn) == (detected.sum(), active.sum())


def test_masks_are_broadcast_against_the_truth() -> None:
    rng = np.random.default_rng(0)
    masks, truth = rng.random((4, 3, 10)) < 0.5, rng.random((3, 10)) < 0.5
    for function in (localisation.iou, localisation.f1):
        found = function(masks, truth)
        assert found.shape == (4, 3)
        for t, i in np.ndindex(4, 3):
            assert found[t, i] == function(masks[t, i], truth[i])


@pytest.mark.parametrize(
    ("scores", "active", "wanted"),
    [
        ([0, 1, 3, 2], "..x.", 1),
        ([0, 1, 3, 2], "xx.x", 0),
        ([3, 1, 3, 3], "x..x", 2 / 3),  # three frames share the highest score, two are active
        ([7, 7, 7, 7], "x...", 1 / 4),  # a constant earns the share of active frames
        ([7, 7, 7, 7], "....", 0),
        ([-5, -9, -9, -9], "x...", 1),
    ],
)
def test_pointing_game_by_hand(scores: list[float], active: str, wanted: float) -> None:
    assert localisation.pointing_game(np.array(scores, dtype=float), mask(active)) == pytest.approx(wanted)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=20))
def test_pointing_game_is_the_mean_over_the_highest(frames: list[tuple[int, bool]]) -> None:
    highest = max(score for score, _ in frames)
    wanted = np.mean([active for score, active in frames if score == highest])
    scores, active = (np.array(column) for column in zip(*frames, strict=True))
    assert localisation.pointing_game(scores.astype(float), active) == pytest.approx(wanted)


@given(tables)
def test_precision_and_recall_by_a_plain_loop(table: np.ndarray) -> None:
    detected, present = table
    found = localisation.precision_recall_f1(detected, present)
    for c in range(detected.shape[1]):
        hits = sum(bool(d and p) for d, p in zip(detected[:, c], present[:, c], strict=True))
        n_detected, n_present = int(detected[:, c].sum()), int(present[:, c].sum())
        precision = hits / n_detected if n_detected else 0.0
        recall = hits / n_present if n_present else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert [float(values[c]) for values in found] == pytest.approx([precision, recall, f1])


@pytest.mark.parametrize(("tau", "active"), [(50, 30), (70, 30), (90, 30), (30, 60)])
def test_random_scores_reach_what_chance_reaches(tau: int, active: int) -> None:
    """The overlap of ``k`` random frames of 100 with ``a`` active ones is hypergeometric.

    With ``h`` hits ``IoU = h / (k + a - h)``; its expectation is summed over ``h``.
    """
    from scipy.stats import hypergeom

    k = 100 - tau
    hits = np.arange(max(0, k + active - 100), min(k, active) + 1)
    expected = (hypergeom(100, active, k).pmf(hits) * hits / (k + active - hits)).sum()
    truth = np.arange(100) < active
    scores = np.random.default_rng(0).random((4000, 100))
    values = localisation.iou(levels.percentile(scores, tau), truth)
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / np.sqrt(len(values)))
    assert localisation.pointing_game(scores, truth).mean() == pytest.approx(active / 100, abs=0.03)


@settings(deadline=None)
@given(st.integers(1, 99), st.integers(1, 99))
def test_a_perfect_ranking_reaches_the_ratio_of_lengths(tau: int, active: int) -> None:
    """A fixed share ``k`` marks the wrong number of frames unless the event has that length."""
    truth = np.arange(100) < active
    scores = truth + 0.5 * np.random.default_rng(tau).random(100)
    k = 100 - tau
    found = localisation.iou(levels.percentile(scores, tau), truth)
    assert found == pytest.approx(min(k, active) / max(k, active))


def test_metrics_are_of_each_instance() -> None:
    rng = np.random.default_rng(1)
    scores, truth = rng.integers(0, 4, (5, 12)).astype(float), rng.random((5, 12)) < 0.5
    found = localisation.pointing_game(scores, truth)
    assert_array_equal(found, [localisation.pointing_game(s, t) for s, t in zip(scores, truth, strict=True)])
    assert_allclose(localisation.precision_recall_f1(truth, truth)[2], truth.any(axis=0))
