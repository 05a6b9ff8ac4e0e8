"""Edges: gates with known instants are made as drawn, what a decision adds to them is found and taken off again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.detection import edges, gates
from igsed_core.detection.edges import Edges

RATE = 1000


def smeared(spans: NDArray[np.float64], *, step: float, before: float, after: float, duration: float) -> np.ndarray:
    """Scores that are 1 from ``before`` seconds ahead of each span to ``after`` its end, and -1 elsewhere."""
    centres = step * (np.arange(round(duration / step)) + 0.5)
    inside = [(centres > a - before) & (centres < b + after) for a, b in spans]
    return np.where(np.any(inside, axis=0), 1.0, -1.0)


def drawn(n: int = 12) -> pd.DataFrame:
    return gates.draw(
        {"Bell": [(0, 1.0, 4.0)], "Hum": [(1, 0.5, 1.2)]},
        {"Bell": np.array([1]), "Hum": np.array([0])},
        np.array([8.0, 8.0]),
        per_length=n,
        seed=3,
    )


def observe(step: float) -> pd.DataFrame:
    rows = drawn()
    scores = [
        smeared(one[None], step=step, before=0.15, after=-0.05, duration=5.0)
        for one in rows[["onset", "offset"]].to_numpy()
    ]
    return edges.observe(rows, scores, step=step)


@pytest.mark.parametrize("step", [0.01, 0.04, 0.16])
def test_what_a_decision_adds_is_found_whatever_the_step(step: float) -> None:
    bell = edges.fit(observe(step))["Bell"]
    assert_allclose([bell.early, bell.late], [0.15, -0.05], atol=0.6 * step)
    assert bell.missed == 0


def test_corrected_events_have_the_edges_of_the_gates() -> None:
    seen = observe(0.01)
    of = edges.fit(seen)["Bell"]
    mine = seen[seen["label"] == "Bell"]
    corrected = of.corrected(mine[["found_onset", "found_offset"]].to_numpy())
    assert_allclose(corrected, mine[["onset", "offset"]], atol=0.011)


def test_gates_missed_count_and_do_not_correct() -> None:
    rows = drawn()
    nothing = edges.observe(rows, [np.full(50, -1.0)] * len(rows), step=0.1)
    assert edges.fit(nothing)["Hum"] == Edges(0.0, 0.0, 24, 1.0)


def test_no_gate_is_longer_than_the_inside_it_is_cut_from() -> None:
    rows = drawn()
    assert sorted(rows[rows["label"] == "Hum"]["length"].unique()) == [0.25, 0.5]
    assert (rows["from"] + rows["length"] <= np.where(rows["label"] == "Hum", 1.2, 4.0) + 1e-9).all()
    assert (rows["onset"] >= 1.0 - 1e-9).all() and (rows["offset"] <= 4.0 + 1e-9).all()


def test_a_mixture_is_the_recipient_outside_the_gate_and_the_sum_within() -> None:
    rows = drawn(1).iloc[:1]
    sounds = [np.full(8 * RATE, 1.0, dtype=np.float32), np.linspace(0, 1, 8 * RATE, dtype=np.float32)]
    (mixed,) = gates.mix(rows, lambda clip: sounds[clip], sample_rate=RATE)
    gate = rows.iloc[0]
    at = round(gate["window"] * RATE)
    added = mixed - sounds[1][at : at + 5 * RATE]
    first, last = round(gate["onset"] * RATE), round(gate["onset"] * RATE) + round(gate["length"] * RATE)
    assert_allclose(added[first:last], 1.0, atol=1e-6)
    assert_allclose(added[: first - 10], 0.0, atol=1e-6)
    assert_allclose(added[last + 10 :], 0.0, atol=1e-6)
    assert (np.diff(added[first - 11 : first + 1]) >= -1e-6).all()


def test_a_soft_gate_rises_and_falls_within_itself() -> None:
    rows = drawn(1).iloc[[2]]
    sounds = [np.full(8 * RATE, 1.0, dtype=np.float32), np.zeros(8 * RATE, dtype=np.float32)]
    (mixed,) = gates.mix(rows, lambda clip: sounds[clip], sample_rate=RATE, soft=0.25)
    gate = rows.iloc[0]
    n, first = round(gate["length"] * RATE), round(gate["onset"] * RATE)
    rise = min(round(0.25 * RATE), n // 2)
    assert np.flatnonzero(mixed).min() > first
    assert np.flatnonzero(mixed).max() < first + n
    assert_allclose(mixed[first : first + rise], np.arange(rise) / rise, atol=1e-6)
    assert_allclose(mixed[first : first + n], mixed[first : first + n][::-1], atol=1e-6)


def test_overlaps_of_events_apart_are_zero() -> None:
    spans = np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 3.0]])
    others = np.array([[0.0, 1.0], [0.5, 1.0], [0.0, 1.0]])
    assert_allclose(edges.overlaps(spans, others), [1.0, 0.5, 0.0])


def test_the_seed_decides_and_the_order_of_classes_does_not() -> None:
    inside = {"Bell": [(0, 1.0, 4.0)], "Hum": [(1, 0.5, 1.2)]}
    without = {"Bell": np.array([1]), "Hum": np.array([0])}
    durations = np.array([8.0, 8.0])
    one = gates.draw(inside, without, durations, per_length=3, seed=1)
    other = gates.draw(dict(reversed(inside.items())), without, durations, per_length=3, seed=1)
    pd.testing.assert_frame_equal(
        one.sort_values(["label", "length", "onset"], ignore_index=True),
        other.sort_values(["label", "length", "onset"], ignore_index=True),
    )
    assert not one.equals(gates.draw(inside, without, durations, per_length=3, seed=2))


def test_a_recording_of_any_length_is_corrected_alike() -> None:
    of = {"Bell": Edges(0.1, 0.2, 9, 0.0)}
    spans = np.array([[10.0, 12.0], [3600.0, 3601.5]])
    scores = smeared(spans, step=0.01, before=0.1, after=0.2, duration=4000.0)
    assert_allclose(edges.events(of, "Bell", scores, step=0.01, duration=4000.0), spans, atol=0.011)


def test_edges_at_the_border_of_the_recording_stay() -> None:
    found = edges.events({"Bell": Edges(0.3, 0.3, 9, 0.0)}, "Bell", np.ones(20), step=0.1, duration=2.0)
    assert found.tolist() == [[0.0, 2.0]]


def test_an_event_that_would_vanish_keeps_its_middle() -> None:
    found = Edges(0.3, 0.1, 9, 0.0).corrected(np.array([[1.0, 1.2]]))
    assert_allclose(found, [[1.18, 1.22]])


def test_tables_come_back_as_they_went() -> None:
    seen = observe(0.04)
    table = edges.table(seen)
    assert edges.of_table(table) == edges.fit(seen)
    with pytest.raises(IgsedError, match="lacks the columns early"):
        edges.of_table(table.drop(columns="early"))


def test_masks_mark_what_corrected_events_touch() -> None:
    scores = smeared(np.array([[1.02, 1.48]]), step=0.01, before=0.1, after=0.1, duration=3.0)[None]
    placed = {"step": 0.01, "duration": 3.0, "frame_length": 0.1}
    mask = edges.masks({"Bell": Edges(0.1, 0.1, 9, 0.0)}, ["Bell"], scores, **placed)
    assert np.flatnonzero(mask[0]).tolist() == [10, 11, 12, 13, 14]
    assert edges.masks({}, ["Bell"], scores, **placed).sum() == 7
