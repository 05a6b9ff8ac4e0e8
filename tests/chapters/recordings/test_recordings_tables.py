"""Tables of page 16."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.recordings import tables


def test_ways_of_searching_stand_side_by_side() -> None:
    located = pd.DataFrame(
        [
            ("whole", "iou", "all", 0.5, 9, 0.4, 0.6),
            ("in parts", "iou", "all", 0.25, 8, 0.1, 0.3),
            ("whole", "event_f1", "all", 0.125, 10, float("nan"), float("nan")),
            ("whole", "iou", "Cat", 1.0, 1, 1.0, 1.0),
        ],
        columns=["name", "metric", "class", "value", "n", "ci_low", "ci_high"],
    )
    table = tables.side_by_side(located)
    assert table.to_dict("list") == {
        "Metric": ["IoU", "Event-based F1"],
        "n": ["8 to 9", 10],
        "whole": ["0.50 [0.40,\N{NO-BREAK SPACE}0.60]", "0.12"],
        "in parts": ["0.25 [0.10,\N{NO-BREAK SPACE}0.30]", "\N{EN DASH}"],
    }
