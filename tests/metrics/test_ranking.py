"""Threshold-free metrics: held to slow references, to identities, and to scikit-learn where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

import reference_metrics
from igsed_core.metrics import ranking

SCORES = arrays(np.float64, (3, 12), elements=st.integers(0, 5).map(float))  # many ties
TRUTH = arrays(np.bool_, (3, 12))


@settings(max_examples=60, deadline=None)
@given(SCORES, TRUTH)
def test_both_agree_with_the_slow_references(scores: np.ndarray, truth: np.ndarray) -> None:
    for fast, slow in (
        (ranking.auroc, reference_metrics.auroc),
        (ranking.average_precision, reference_metrics.average_precision),
    ):
        assert_allclose(fast(scores, truth), [slow(s, t) for s, t in zip(scores, truth, strict=True)], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(SCORES, TRUTH)
def test_a_monotone_change_of_the_scores_changes_nothing(scores: np.ndarray, truth: np.ndarray) -> None:
    for metric in (ranking.auroc, ranking.average_precision):
        assert_array_equal(metric(scores, truth), metric(np.exp(scores) - 7, truth))
    assert_allclose(ranking.auroc(-scores, truth), 1 - ranking.auroc(scores, truth))


def test_by_hand() -> None:
    """Active frames rank first and third of four: three of four pairs in order, precisions 1 and 2/3."""
    scores, truth = np.array([0.9, 0.7, 0.5, 0.1]), np.array([True, False, True, False])
    assert ranking.auroc(scores, truth) == pytest.approx(3 / 4)
    assert ranking.average_precision(scores, truth) == pytest.approx((1 + 2 / 3) / 2)


def test_a_perfect_ranking_a_constant_and_nothing_to_rank() -> None:
    truth = np.array([True, True, False, False, False])
    assert ranking.auroc(truth.astype(float), truth) == ranking.average_precision(truth.astype(float), truth) == 1
    constant = np.ones(5)
    assert ranking.auroc(constant, truth) == 0.5
    assert ranking.average_precision(constant, truth) == pytest.approx(2 / 5)  # what chance earns
    assert np.isnan(ranking.auroc(constant, np.zeros(5, bool)))
    assert np.isnan(ranking.auroc(constant, np.ones(5, bool)))
    assert np.isnan(ranking.average_precision(constant, np.zeros(5, bool)))


def test_against_scikit_learn() -> None:
    sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, truth = rng.integers(0, 8, 30).astype(float), rng.random(30) < 0.4
        assert ranking.auroc(scores, truth) == pytest.approx(sklearn_metrics.roc_auc_score(truth, scores))
        assert ranking.average_precision(scores, truth) == pytest.approx(
            sklearn_metrics.average_precision_score(truth, scores)
        )
