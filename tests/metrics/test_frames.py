"""Evaluation frames: held against a clock of fine ticks, on which everything is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames

TICK = 0.001  # s: times below are whole numbers of ticks, so that counting ticks is exact

ticks = st.integers(0, 3000)
events = st.lists(st.tuples(ticks, ticks).map(lambda pair: (min(pair), max(pair))), max_size=6)
starts = st.integers(-200, 200)


def coverage_by_ticks(
    events: list[tuple[int, int]], *, n_frames: int, frame_ticks: int, start_ticks: int
) -> np.ndarray:
    """Count, tick by tick, whether any event is active."""
    share = []
    for k in range(n_frames):
        first = start_ticks + k * frame_ticks
        active = [any(on <= t < off for on, off in events) for t in range(first, first + frame_ticks)]
        share.append(sum(active) / frame_ticks)
    return np.array(share)


def average_by_ticks(
    values: list[float], *, step_ticks: int, frame_ticks: int, n_frames: int, start_ticks: int
) -> np.ndarray:
    """Look the value up at every tick; the first one holds before, the last one after."""
    means = []
    for k in range(n_frames):
        total = 0.0
        for t in range(k * frame_ticks, (k + 1) * frame_ticks):
            total += values[min(max((t - start_ticks) // step_ticks, 0), len(values) - 1)]
        means.append(total / frame_ticks)
    return np.array(means)


def arguments(events: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    on_off = np.array(events, dtype=float).reshape(-1, 2) * TICK
    return on_off[:, 0], on_off[:, 1]


@settings(max_examples=50, deadline=None)
@given(events, starts, st.sampled_from([10, 100, 320]))
def test_coverage_counts_ticks(events: list[tuple[int, int]], start: int, frame: int) -> None:
    n = 8
    found = frames.coverage(*arguments(events), n_frames=n, frame_length=frame * TICK, start=start * TICK)
    wanted = coverage_by_ticks(events, n_frames=n, frame_ticks=frame, start_ticks=start)
    assert_allclose(found, wanted, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(events, starts, st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_activity_counts_ticks(events: list[tuple[int, int]], start: int, min_coverage: float) -> None:
    """Shares are multiples of 1/100 here; the comparison is strict, also at the multiple itself."""
    n = 8
    found = frames.activity(
        *arguments(events), n_frames=n, frame_length=0.1, start=start * TICK, min_coverage=min_coverage
    )
    counted = coverage_by_ticks(events, n_frames=n, frame_ticks=100, start_ticks=start) * 100
    assert_array_equal(found, counted.round() > round(100 * min_coverage))


@given(events)
def test_coverage_does_not_depend_on_order_or_repetition(events: list[tuple[int, int]]) -> None:
    options = {"n_frames": 30, "frame_length": 0.1}
    wanted = frames.coverage(*arguments(events), **options)
    assert_array_equal(frames.coverage(*arguments(events[::-1] + events), **options), wanted)


def test_overlapping_events_count_once() -> None:
    share = frames.coverage([0.0, 0.05, 0.02], [0.1, 0.15, 0.03], n_frames=2, frame_length=0.1)
    assert_allclose(share, [1.0, 0.5])


def test_an_event_shorter_than_a_frame() -> None:
    options = {"n_frames": 3, "frame_length": 0.1}
    assert_array_equal(frames.activity([0.12], [0.13], **options), [False, True, False])
    assert_array_equal(frames.activity([0.12], [0.13], min_coverage=0.2, **options), [False] * 3)
    assert_array_equal(frames.activity([0.19], [0.21], **options), [False, True, True])


@pytest.mark.parametrize("k", range(100))
def test_events_that_end_on_an_edge_touch_no_next_frame(k: int) -> None:
    """``0.1 * 3`` is not ``0.3``: neighbours must not light up by rounding."""
    active = frames.activity([k * 0.1], [(k + 1) * 0.1], n_frames=100, frame_length=0.1)
    assert_array_equal(np.flatnonzero(active), [k])
    active = frames.activity([k / 10], [(k + 1) / 10], n_frames=100, frame_length=0.1)
    assert_array_equal(np.flatnonzero(active), [k])


def test_half_a_frame_is_not_more_than_half_a_frame() -> None:
    options = {"n_frames": 1, "frame_length": 0.1, "min_coverage": 0.5}
    assert_array_equal(frames.activity([0.05], [0.1], **options), [False])
    assert_array_equal(frames.activity([0.049], [0.1], **options), [True])


def test_no_event_is_silence() -> None:
    assert_array_equal(frames.activity([], [], n_frames=4, frame_length=0.1), [False] * 4)


@pytest.mark.parametrize(
    ("duration", "frame_length", "wanted"),
    [(10.0, 0.1, 100), (0.3, 0.1, 3), (10.0, 0.01, 1000), (9.95, 0.1, 100), (10.01, 0.1, 101), (1.0, 0.3, 4)],
)
def test_number_of_frames(duration: float, frame_length: float, wanted: int) -> None:
    assert frames.n_frames(duration, frame_length) == wanted


values = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


@settings(max_examples=50, deadline=None)
@given(values, starts, st.sampled_from([10, 32, 100, 320]), st.sampled_from([10, 70, 100]))
def test_average_looks_values_up(values: list[float], start: int, step: int, frame: int) -> None:
    n = 9
    found = frames.average(
        np.array(values), step=step * TICK, frame_length=frame * TICK, n_frames=n, start=start * TICK
    )
    wanted = average_by_ticks(values, step_ticks=step, frame_ticks=frame, n_frames=n, start_ticks=start)
    # Weights are rounded to ten decimals.
    assert_allclose(found, wanted, atol=1e-9 * max(1.0, *map(abs, values)))


@given(values)
def test_average_is_the_identity_on_equal_grids(values: list[float]) -> None:
    found = frames.average(np.array(values), step=0.1, frame_length=0.1, n_frames=len(values))
    assert_allclose(found, values, atol=1e-9)


@given(st.lists(st.floats(-100, 100), min_size=40, max_size=40))
def test_average_keeps_the_integral(values: list[float]) -> None:
    """Where frames and steps cover the same stretch, 1.28 s here, the mean over it is the same."""
    found = frames.average(np.array(values), step=0.032, frame_length=0.04, n_frames=32)
    assert found.mean() == pytest.approx(np.mean(values), abs=1e-9)


def test_feature_frames_to_evaluation_frames() -> None:
    """31 frames of 0.32 s end at 9.92 s; the last one holds to 10 s. 0.3 to 0.4 s is a fifth of the first."""
    values = np.arange(31.0)
    found = frames.average(values, step=0.32, frame_length=0.1, n_frames=100)
    assert found.shape == (100,)
    assert_allclose(found[:5], [0, 0, 0, 0.8, 1])
    assert_allclose(found[97:], 30)  # from 9.7 s: the last frame begins at 9.6 s
    wanted = average_by_ticks(list(values), step_ticks=320, frame_ticks=100, n_frames=100, start_ticks=0)
    assert_allclose(found, wanted, atol=1e-9)


def test_average_of_many_rows_is_that_of_each() -> None:
    rows = np.random.default_rng(0).standard_normal((3, 2, 7))
    options = {"step": 0.32, "frame_length": 0.1, "n_frames": 25, "start": -0.16}
    found = frames.average(rows, **options)
    assert found.shape == (3, 2, 25)
    for i, j in np.ndindex(3, 2):
        assert_array_equal(found[i, j], frames.average(rows[i, j], **options))


def test_ten_millisecond_maps_are_grouped_in_tens() -> None:
    fine = np.random.default_rng(0).standard_normal(1000)
    found = frames.average(fine, step=0.01, frame_length=0.1, n_frames=100)
    assert_allclose(found, fine.reshape(100, 10).mean(axis=1), atol=1e-12)


@given(values, st.integers(1, 5))
def test_window_mean_slices(values: list[float], length: int) -> None:
    wanted = [np.mean(values[i : i + length]) for i in range(0, len(values), length)]
    assert_allclose(frames.window_mean(np.array(values), length), wanted, atol=1e-9)


def test_window_mean_of_many_rows() -> None:
    rows = np.arange(10.0).reshape(2, 5)
    assert_allclose(frames.window_mean(rows, 2), [[0.5, 2.5, 4.0], [5.5, 7.5, 9.0]])


def test_the_last_frame_ends_with_the_clip() -> None:
    """0.32 s do not divide 10 s: the 32nd frame is 0.08 s long, and an event that fills it covers all of it."""
    options = {"n_frames": 32, "frame_length": 0.32}
    assert_allclose(frames.seconds_of_frames(32, 0.32, 10.0), [0.32] * 31 + [0.08])
    assert_allclose(frames.seconds_of_frames(100, 0.1, 10.0), 0.1)
    assert_allclose(frames.coverage([9.92], [10.0], duration=10.0, **options)[30:], [0, 1])
    assert frames.activity([9.92], [10.0], duration=10.0, min_coverage=0.5, **options)[31]
    assert not frames.activity([9.92], [10.0], min_coverage=0.5, **options)[31]
    for n in (31, 33):
        with pytest.raises(IgsedError, match=f"{n} frames of 0.32 s do not end with a clip of 10 s: take 32"):
            frames.seconds_of_frames(n, 0.32, 10.0)


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=40),
    st.sampled_from([(0.32, 0.0), (0.32, -0.16), (0.04, 0.0), (0.07, 0.013)]),
    st.sampled_from([(0.1, 100), (0.2, 50), (0.32, 32), (0.07, 143)]),
)
def test_frames_within_one_step_get_its_very_value(
    values: list[float], steps: tuple[float, float], grid: tuple[float, int]
) -> None:
    """Ties are exact, not up to rounding: what a threshold does with a tie is a rule, not an accident."""
    (step, start), (length, n) = steps, grid
    found = frames.average(np.array(values), step=step, frame_length=length, n_frames=n, start=start)
    logits = frames.average_logits(np.array(values), step=step, frame_length=length, n_frames=n, start=start)
    for k in range(n):
        first, last = (
            min(max(int(np.floor((t - start) / step + 1e-6 * side)), 0), len(values) - 1)
            for t, side in ((k * length, 1), ((k + 1) * length, -1))
        )
        if len(set(values[first : last + 1])) == 1:
            assert found[k] == values[first]
            assert logits[k] == values[first]


def test_framewise_scores_tie_as_often_as_steps_hold_frames() -> None:
    """31 steps of 0.32 s, 100 frames of 0.1 s: 24 frames hold an edge, so that 45 of 100 scores repeat another."""
    scores = np.random.default_rng(0).random((50, 31))
    found = frames.average(scores, step=0.32, frame_length=0.1, n_frames=100)
    assert {100 - len(np.unique(row)) for row in found} == {45}


def test_a_constant_score_stays_constant() -> None:
    for value in (0.1, 1 / 3, 1e-9, 0.7):
        found = frames.average(np.full(31, value), step=0.32, frame_length=0.1, n_frames=100, start=-0.16)
        assert set(found) == {value}


def test_frames_that_cut_their_steps_alike_tie() -> None:
    """Two values by turns: every frame with a fifth of one and four fifths of the other scores the same."""
    found = frames.average(np.tile([0.3, 0.9], 40), step=0.08, frame_length=0.1, n_frames=64)
    assert len(np.unique(found)) == 4


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=12), starts, st.sampled_from([10, 32, 100, 320]))
def test_averaged_logits_are_those_of_averaged_probabilities(values: list[float], start: int, step: int) -> None:
    options = {"step": step * TICK, "frame_length": 0.07, "n_frames": 9, "start": start * TICK}
    probabilities = frames.average(1 / (1 + np.exp(-np.array(values))), **options)
    found = frames.average_logits(np.array(values), **options)
    assert_allclose(1 / (1 + np.exp(-found)), probabilities, rtol=1e-9)


def test_logits_do_not_saturate() -> None:
    """The probabilities of all three are 1 in double precision; in single precision from a logit of 17 on."""
    logits = np.array([40.0, 41.0, 700.0, -800.0])
    found = frames.average_logits(logits, step=0.32, frame_length=0.1, n_frames=12)
    assert found[0] < found[4] < found[8]
    assert found[11] == -800
    assert np.isfinite(found).all()
    assert logits[1] < found[6] < logits[2]  # two fifths of one, three of the other


def test_the_last_frame_averages_what_lies_in_the_clip() -> None:
    values = np.array([1.0] * 31 + [0.0, 5.0])  # steps of 0.31 s; the clip ends within the last but one
    cut = frames.average(values, step=0.31, frame_length=0.32, n_frames=31, duration=9.8)
    whole = frames.average(values, step=0.31, frame_length=0.32, n_frames=31)
    assert_allclose(cut[:30], whole[:30])
    assert cut[30] == pytest.approx(0.01 / 0.2)
    assert whole[30] == pytest.approx(0.01 / 0.32)


@given(st.lists(st.booleans(), max_size=20))
def test_runs_cover_the_active_frames(active: list[bool]) -> None:
    mask = np.array(active, dtype=bool)
    found = frames.runs(mask)
    again = np.zeros(len(mask), dtype=bool)
    for on, off in found:
        again[on:off] = True
    assert_array_equal(again, mask)
    assert (found[:, 0] < found[:, 1]).all() and (found[1:, 0] > found[:-1, 1]).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_events_count_in_the_frames_that_they_touch_and_in_no_other(seed: int) -> None:
    """As if every event were held to every frame."""
    rng = np.random.default_rng(seed)
    n, length, start = int(rng.integers(1, 30)), float(rng.choice([0.1, 0.25, 0.32])), float(rng.choice([0.0, -0.16]))
    onsets = np.cumsum(rng.integers(1, 9, int(rng.integers(0, 6)))) / 4 - 1
    offsets = onsets + rng.integers(1, 4, len(onsets)) / 16
    edges = start + length * np.arange(n + 1)
    ends = np.minimum(offsets[:, None], edges[1:]) - np.maximum(onsets[:, None], edges[:-1])
    wanted = np.clip(np.clip(ends, 0.0, None).sum(axis=0) / length, 0.0, 1.0)
    assert_allclose(frames.coverage(onsets, offsets, n_frames=n, frame_length=length, start=start), wanted, atol=1e-9)
