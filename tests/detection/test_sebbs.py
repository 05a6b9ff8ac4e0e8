"""cSEBBs: events are cut where scores change most, and joined over shallow gaps only."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from igsed_core.detection.sebbs import boxes


def plateaus(*levels: float, each: int = 25) -> np.ndarray:
    return np.repeat(levels, each)


def test_a_plateau_is_one_box_with_its_height() -> None:
    found = boxes(plateaus(0.1, 0.9, 0.1), step=0.04, filter_length=0.32)
    assert_allclose(found.spans, [[1.0, 2.0]], atol=1e-9)
    assert_allclose(found.confidence, [0.9])


def test_a_shallow_gap_is_closed_and_a_deep_one_is_not() -> None:
    shallow, deep = plateaus(0.0, 0.9, 0.8, 0.9, 0.0), plateaus(0.0, 0.9, 0.1, 0.9, 0.0)
    options = {"step": 0.04, "filter_length": 0.32, "absolute": 0.2}
    assert_allclose(boxes(shallow, **options).spans, [[1.0, 4.0]])
    assert_allclose(boxes(deep, **options).spans, [[1.0, 2.0], [3.0, 4.0]])
    assert len(boxes(shallow, **{**options, "absolute": 0.05}).spans) == 2
    relative = {"step": 0.04, "filter_length": 0.32, "relative": 1.5}
    assert [len(boxes(one, **relative).spans) for one in (shallow, deep)] == [1, 2]


def test_an_event_at_either_end_of_the_clip_has_a_box() -> None:
    found = boxes(plateaus(0.9, 0.1, 0.9), step=0.04, filter_length=0.32, absolute=0.2)
    assert_allclose(found.spans, [[0.0, 1.0], [2.0, 3.0]])


def test_scores_without_a_change_give_the_whole_clip_or_nothing() -> None:
    assert len(boxes(np.zeros(50), step=0.04, filter_length=0.32).spans) == 0
