"""PSDS: by hand, held to a slow reference, and the bootstrap to drawing clips one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import reference_metrics
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import event_based, intersection, psds

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


def test_scores_that_are_no_numbers_and_events_that_overlap_are_refused() -> None:
    scores, true = np.array([[0.1, 0.9]]), [np.array([[0.0, 0.5]])]
    for wrong in (np.nan, np.inf):
        with pytest.raises(IgsedError, match="finite scores"):
            psds.changes(np.array([[0.1, wrong]]), true, frame_length=LENGTH)
    with pytest.raises(IgsedError, match="overlap or are out of order"):
        psds.changes(scores, [np.array([[0.0, 0.5], [0.25, 1.0]])], frame_length=LENGTH)
    for wrong_event in ([0.5, 0.5], [0.5, 0.25]):
        with pytest.raises(IgsedError, match="has no length"):
            psds.changes(scores, [np.array([wrong_event])], frame_length=LENGTH)
    nothing = np.zeros((0, 2))
    with pytest.raises(IgsedError, match="overlap"):
        psds.changes(scores, true, frame_length=LENGTH, of_others=[[nothing, np.array([[0.0, 0.5], [0.25, 1.0]])]])


def test_a_last_frame_that_the_clip_cuts_counts_with_what_is_left() -> None:
    """Frames of 0.5 s in a clip of 0.7 s: a detection of both lies within the event from 0.2 s on by 5/7, not 1/2."""
    scores, true = np.array([[0.9, 0.9]]), [np.array([[0.2, 0.7]])]
    cut = psds.changes(scores, true, frame_length=LENGTH, duration=0.7)
    whole = psds.changes(scores, true, frame_length=LENGTH)
    assert (cut.found.sum(), cut.false.sum()) == (1, 0)
    assert (whole.found.sum(), whole.false.sum()) == (0, 1)


def with_others(one: dict, scenario: psds.Scenario) -> dict:
    """Changes with cross-triggers, and the events of every pair's class and clip."""
    n_classes = len(one["n_events"])
    of = {(c, f): spans for c, f, spans in zip(one["class_of"], one["clip_of"], one["true"], strict=True)}
    nothing = np.zeros((0, 2))
    others = [
        [of.get((k, f), nothing) if k != c else nothing for k in range(n_classes)]
        for c, f in zip(one["class_of"], one["clip_of"], strict=True)
    ]
    found = psds.changes(one["scores"], one["true"], frame_length=LENGTH, of_others=others, scenario=scenario)
    n_events, seconds = np.zeros_like(one["n_events"]), np.zeros(one["n_events"].shape)
    for pair, spans in of.items():
        n_events[pair], seconds[pair] = len(spans), np.diff(spans).sum()
    return {"changes": found, "n_events": n_events, "seconds": seconds}


def tables(one: dict, threshold: float) -> pd.DataFrame:
    """Detections of all pairs at a threshold."""
    rows = [
        (f, c, *span)
        for c, f, scores in zip(one["class_of"], one["clip_of"], one["scores"], strict=True)
        for span in event_based.mask_spans(scores >= threshold, LENGTH)
    ]
    return pd.DataFrame(rows, columns=["clip", "label", "onset", "offset"])


@pytest.mark.parametrize("scenario", [psds.SCENARIO_1, psds.SCENARIO_2, psds.Scenario(0.5, 0.5, 0.3, 1.0, 0.0, 300.0)])
@pytest.mark.parametrize("ties", [False, True])
def test_all_thresholds_are_the_operating_points_of_all_scores(scenario: psds.Scenario, ties: bool) -> None:
    """The same system, once as scores and once as an event list at every score; replicates, too."""
    one = system(3, n_clips=6, ties=ties)
    made = with_others(one, scenario)
    truth = pd.DataFrame(
        [(f, c, *s) for c, f, many in zip(one["class_of"], one["clip_of"], one["true"], strict=True) for s in many],
        columns=["clip", "label", "onset", "offset"],
    )
    detections = [tables(one, level) for level in np.unique(one["scores"])]
    points = intersection.points(detections, truth, list(range(6)), list(range(3)), scenario=scenario)
    assert_array_equal(points.n_events, made["n_events"])
    assert_allclose(points.seconds, made["seconds"])
    weights = np.concatenate([np.ones((1, 6)), np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), size=4)])
    by_lists = psds.of_points(points, weights, one["durations"], scenario=scenario)
    by_scores = psds.score(
        *(made["changes"], one["class_of"], one["clip_of"], made["n_events"], weights, one["durations"]),
        seconds=made["seconds"],
        scenario=scenario,
    )
    assert by_lists[0] > 0.05
    assert_allclose(by_scores, by_lists, atol=1e-9)


def test_cross_triggers_cost() -> None:
    one = system(3, n_clips=12)
    one["scores"] = np.random.default_rng(0).random(one["scores"].shape)
    scores = []
    for alpha in (0.0, 0.5, 1.0):
        scenario = psds.Scenario(0.3, 0.3, 0.3, alpha, 0.0, 3000.0)
        made = with_others(one, scenario)
        every = (made["n_events"], np.ones((1, 12)), one["durations"])
        scores.append(
            psds.score(
                made["changes"], one["class_of"], one["clip_of"], *every, seconds=made["seconds"], scenario=scenario
            )
        )
    assert scores[0] > scores[1] > scores[2]
    with pytest.raises(IgsedError, match="alpha_ct needs of_others"):
        psds.score(made["changes"], one["class_of"], one["clip_of"], *every, scenario=psds.SCENARIO_2)


@pytest.mark.parametrize("wrong", [{"dtc_threshold": 0}, {"gtc_threshold": 1.1}, {"alpha_ct": 2}, {"max_efpr": 0}])
def test_scenarios_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(IgsedError, match="PSDS scenario"):
        psds.Scenario(**wrong)


def test_what_is_not_evaluated_is_refused() -> None:
    truth = pd.DataFrame([("a", "Bell", 0.0, 1.0)], columns=["clip", "label", "onset", "offset"])
    for clips, classes, name in ((["b"], ["Bell"], "clip 'a'"), (["a"], ["Hum"], "label 'Bell'")):
        with pytest.raises(IgsedError, match=f"the truth holds the {name}"):
            intersection.points([], truth, clips, classes)
    with pytest.raises(IgsedError, match="operating point 0 holds the clip 'c'"):
        intersection.points([truth.assign(clip="c")], truth, ["a"], ["Bell"])
