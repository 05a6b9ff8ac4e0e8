"""PSDS: by hand, held to a slow reference, and the bootstrap to drawing clips one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import reference_metrics
from igsed_core.metrics import event_based, psds

LENGTH = 0.5  # s, of a frame


def system(seed: int, n_clips: int = 5, n_classes: int = 3, ties: bool = False) -> dict[str, np.ndarray | list]:
    """Random scores and events; some pairs hold no event, some events lie in no pair."""
    rng = np.random.default_rng(seed)
    clip_of, class_of, true, scores = [], [], [], []
    n_events = np.zeros((n_classes, n_clips), dtype=int)
    for clip, label in np.ndindex(n_clips, n_classes):
        truth = np.repeat(rng.random(5) < 0.5, 4)
        spans = event_based.mask_spans(truth, LENGTH) if clip else np.array([[1.0, 4.3]])
        n_events[label, clip] = len(spans)
        if rng.random() < 0.2 and clip:
            continue
        clip_of.append(clip)
        class_of.append(label)
        true.append(spans)
        noisy = 1.5 * truth + rng.random(20)
        scores.append(noisy.round(1) if ties else noisy)
    return {
        "scores": np.array(scores),
        "true": true,
        "class_of": np.array(class_of),
        "clip_of": np.array(clip_of),
        "n_events": n_events,
        "durations": np.full(n_clips, 10.0),
    }


def score(one: dict, weights: np.ndarray | None = None) -> np.ndarray:
    found = psds.changes(one["scores"], one["true"], frame_length=LENGTH)
    weights = np.ones((1, len(one["durations"]))) if weights is None else weights
    return psds.score(found, one["class_of"], one["clip_of"], one["n_events"], weights, one["durations"])


def by_definition(one: dict, drawn: list[int]) -> float:
    pairs = [
        (int(one["class_of"][i]), one["scores"][i], [tuple(span) for span in one["true"][i]])
        for clip in drawn
        for i in np.flatnonzero(one["clip_of"] == clip)
    ]
    hours = one["durations"][drawn].sum() / 3600
    return reference_metrics.psds(pairs, one["n_events"][:, drawn].sum(axis=1).tolist(), hours, LENGTH)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_score_agrees_with_the_definition(seed: int, ties: bool) -> None:
    one = system(seed, n_clips=12, ties=ties)
    assert score(one)[0] == pytest.approx(by_definition(one, list(range(12))), abs=1e-9)


def test_replicates_are_those_of_drawn_clips() -> None:
    one = system(4, n_clips=8)
    weights = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), size=12).astype(float)
    drawn = [[clip for clip, times in enumerate(row) for _ in range(int(times))] for row in weights]
    assert_allclose(score(one, weights), [by_definition(one, clips) for clips in drawn], atol=1e-9)


def test_changes_by_hand() -> None:
    """Frames 1 and 2 hold the event; the best frame is one of them, the second best lies outside."""
    scores = np.array([[0.1, 0.9, 0.7, 0.8]])
    true = [np.array([[0.5, 1.5]])]
    found = psds.changes(scores, true, frame_length=LENGTH)
    assert_array_equal(found.thresholds, [[0.9, 0.8, 0.7, 0.1]])
    # 0.9: half the event. 0.8: a false one beside. 0.7: one detection of three frames, two thirds of it inside, so
    # it is false, and nothing is found. 0.1: still.
    assert_array_equal(np.cumsum(found.found, axis=1), [[0, 0, 0, 0]])
    assert_array_equal(np.cumsum(found.false, axis=1), [[0, 1, 1, 1]])


def test_perfect_scores_earn_one_and_none_at_all_nothing() -> None:
    one = system(1)
    starts = LENGTH * np.arange(20)
    perfect = np.array([[any(on <= t < off for on, off in spans) for t in starts] for spans in one["true"]])
    one |= {"scores": perfect + 0.0, "true": [event_based.mask_spans(row, LENGTH) for row in perfect]}
    one["n_events"] = np.zeros_like(one["n_events"])
    for spans, label, clip in zip(one["true"], one["class_of"], one["clip_of"], strict=True):
        one["n_events"][label, clip] = len(spans)
    assert score(one)[0] == pytest.approx(1)
    one["scores"] = 1 - one["scores"]
    assert score(one)[0] == 0


def test_a_class_without_events_is_left_out() -> None:
    one = system(2, n_classes=2)
    with_third = {**one, "n_events": np.vstack([one["n_events"], np.zeros((1, 5), dtype=int)])}
    assert score(with_third)[0] == score(one)[0]
