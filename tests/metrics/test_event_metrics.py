"""Masks as events: cases by hand, then a slow reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment

import reference_metrics
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import event_based, frames


def mask(text: str) -> np.ndarray:
    """``..##.`` -> detected frames."""
    return np.array([c == "#" for c in text])


def spans(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs, dtype=float).reshape(-1, 2)


def test_runs_are_events() -> None:
    assert_allclose(event_based.mask_spans(mask("##..#."), 0.5), [[0, 1], [2, 2.5]])
    assert_allclose(event_based.mask_spans(mask(".##"), 0.5), [[0.5, 1.5]])
    assert event_based.mask_spans(mask("..."), 0.5).shape == (0, 2)


def test_overlapping_events_of_a_pair_are_one() -> None:
    events = pd.DataFrame(
        [("a", "Bell", 3.0, 4.0), ("a", "Bell", 0.0, 1.0), ("a", "Bell", 0.5, 2.0), ("a", "Hum", 0.0, 9.0)],
        columns=["clip", "label", "onset", "offset"],
    )
    pairs = pd.DataFrame({"clip": ["a", "b"], "label": ["Bell", "Bell"]})
    bell, nothing = event_based.true_spans(events, pairs)
    assert_array_equal(bell, [[0, 2], [3, 4]])
    assert nothing.shape == (0, 2)


@pytest.mark.parametrize(
    ("detected", "wanted"),
    [
        ((1.2, 4.0), 1),  # onset just within 200 ms
        ((1.21, 4.0), 0),
        ((1.0, 4.6), 1),  # offset within 20 % of three seconds
        ((1.0, 4.61), 0),
        ((0.8, 3.4), 1),
    ],
)
def test_collars(detected: tuple[float, float], wanted: int) -> None:
    assert event_based.matches(spans(detected), spans((1.0, 4.0))) == wanted


def test_a_short_event_has_the_offset_collar_of_200_ms() -> None:
    assert event_based.matches(spans((1.0, 1.7)), spans((1.0, 1.5))) == 1
    assert event_based.matches(spans((1.0, 1.71)), spans((1.0, 1.5))) == 0


def test_matching_is_the_best_and_not_the_first() -> None:
    """The first detection fits both events, the second only the first event."""
    true = spans((0.0, 0.3), (0.2, 0.5))
    assert event_based.matches(spans((0.1, 0.4), (0.0, 0.2)), true) == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_matches_agree_with_trying_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sets = []
    for _ in range(2):
        onsets = rng.uniform(0, 1, rng.integers(0, 5))
        sets.append(np.stack([onsets, onsets + rng.uniform(0.05, 1.5, len(onsets))], axis=1).reshape(-1, 2))
    lists = [[(a, b) for a, b in events] for events in sets]
    assert event_based.matches(*sets) == reference_metrics.matches(*lists)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_counts_agree_with_the_slow_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks, truth = rng.random((4, 3, 15)) < 0.5, rng.random((3, 15)) < 0.5
    true = [event_based.mask_spans(row, 0.1) for row in truth]
    wide = event_based.counts(masks, true, frame_length=0.1, collar=0.65)  # one event fits several of the other kind
    found = event_based.counts(masks, true, frame_length=0.1)
    for t, i in np.ndindex(4, 3):
        alone = event_based.mask_spans(masks[t, i], 0.1)
        assert wide.tp[t, i] == event_based.matches(alone, true[i], collar=0.65)
        detected, events = (reference_metrics.runs(m, 0.1) for m in (masks[t, i], truth[i]))
        # the collar of exactly 200 ms on a grid of 100 ms: leave rounding out of it
        detected = [(round(a, 9), round(b, 9)) for a, b in detected]
        assert found.tp[t, i] + found.fp[t, i] == len(detected)
        assert found.tp[t, i] + found.fn[t, i] == len(events)
        assert found.tp[t, i] == event_based.matches(spans(*detected), spans(*events))
    perfect = event_based.counts(truth, true, frame_length=0.1)
    assert perfect.fp.sum() == perfect.fn.sum() == 0


def test_boundary_errors_by_hand() -> None:
    """Two events: one is found 0.2 s late and ends 0.1 s late, of the other the longest part counts."""
    true = [spans((0.0, 0.5), (1.0, 2.0)), spans((0.0, 0.3)), spans((0.5, 0.6))]
    masks = np.stack([mask("..####....#.######.."), mask("....##.............."), mask("....................")])
    onset, offset, n = event_based.boundary_errors(masks, true, frame_length=0.1)
    assert_array_equal(n, [2, 0, 0])
    assert onset[0] == pytest.approx((0.2 + 0.2) / 2)
    assert offset[0] == pytest.approx((0.1 + 0.2) / 2)
    assert np.isnan(onset[1:]).all()


def test_an_event_at_the_clips_end_is_found_by_its_own_perfect_detection() -> None:
    """Frames of 0.32 s do not divide 10 s: the last one would end 0.24 s after the clip, beyond the collar."""
    active = frames.activity([9.28], [10.0], n_frames=32, frame_length=0.32)
    true = [spans((9.28, 10.0))]
    found = event_based.counts(active[None], true, frame_length=0.32, duration=10.0)
    assert (found.tp[0], found.fp[0], found.fn[0]) == (1, 0, 0)
    assert event_based.counts(active[None], true, frame_length=0.32).tp[0] == 0
    assert_allclose(event_based.mask_spans(active, 0.32, 10.0), true[0])
    errors = event_based.boundary_errors(active[None], true, frame_length=0.32, duration=10.0)
    assert_allclose(errors[:, 0], [0, 0, 1], atol=1e-9)


@pytest.mark.parametrize("wrong", [(1.0, 1.0), (2.0, 1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_events_without_a_length_or_a_time_are_refused(wrong: tuple[float, float]) -> None:
    """They would count as found whatever is detected: nothing of nothing is all of it."""
    fine, message = spans((0.0, 0.5)), "has no length|is NaN or infinite"
    for detected, true in ((fine, spans(wrong)), (spans(wrong), fine)):
        with pytest.raises(IgsedError, match=message):
            event_based.matches(detected, true)
        with pytest.raises(IgsedError, match=message):
            event_based.counts_of_events([detected], [true])
    for function in (event_based.counts, event_based.boundary_errors):
        with pytest.raises(IgsedError, match=message):
            function(mask("#.")[None], [spans(wrong)], frame_length=0.5)
    events = pd.DataFrame([("a", "Bell", *wrong)], columns=["clip", "label", "onset", "offset"])
    with pytest.raises(IgsedError, match=message):
        event_based.true_spans(events, events[["clip", "label"]])


def test_events_that_must_be_apart() -> None:
    assert len(event_based.checked(spans((0.0, 1.0), (1.0, 2.0)), apart=True)) == 2  # touching
    for overlapping in (spans((0.0, 1.0), (0.5, 2.0)), spans((1.0, 2.0), (0.0, 0.5))):
        assert len(event_based.checked(overlapping)) == 2
        with pytest.raises(IgsedError, match="overlap or are out of order"):
            event_based.checked(overlapping, apart=True)
    with pytest.raises(IgsedError, match="pairs of onset and offset"):
        event_based.checked(np.zeros(3))
    assert event_based.checked(np.array([])).shape == (0, 2)


def test_event_lists_count_as_masks_do_and_collars_are_arguments() -> None:
    true = [spans((1.0, 4.0)), spans((0.0, 1.0))]
    detected = [spans((1.3, 4.0)), spans()]
    found = event_based.counts_of_events(detected, true)
    assert (found.tp.tolist(), found.fp.tolist(), found.fn.tolist()) == ([0, 0], [1, 0], [1, 1])
    assert event_based.counts_of_events(detected, true, collar=0.3).tp.tolist() == [1, 0]
    late = [spans((1.0, 4.9)), spans()]
    assert event_based.counts_of_events(late, true).tp.tolist() == [0, 0]
    assert event_based.counts_of_events(late, true, offset_share=0.3).tp.tolist() == [1, 0]
    masks = np.stack([mask("....######"), mask("..........")])
    one = event_based.counts(masks, true, frame_length=0.5, collar=1.0)
    other = event_based.counts_of_events([event_based.mask_spans(m, 0.5) for m in masks], true, collar=1.0)
    assert_array_equal(one.tp, other.tp)
    assert_array_equal(one.fn, other.fn)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_as_many_events_match_as_in_the_best_assignment_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, true = (
        np.stack([onset, onset + rng.integers(1, 8, len(onset)) / 8], axis=1)
        for onset in (np.sort(rng.integers(0, 12, int(rng.integers(0, 9)))) / 8 for _ in range(2))
    )
    collar = float(rng.choice([0.125, 0.25, 0.5]))
    apart = np.abs(found[:, None] - true[None])
    tolerated = np.maximum(collar, 0.2 * (true[:, 1] - true[:, 0]))
    fits = (apart[..., 0] <= collar + 1e-9) & (apart[..., 1] <= tolerated + 1e-9)
    rows, columns = linear_sum_assignment(fits, maximize=True)
    assert event_based._matches(found, true, collar, 0.2) == int(fits[rows, columns].sum())
