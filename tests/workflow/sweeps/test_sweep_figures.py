"""Figures of the sweep's report: one axis, panels for what else varies."""

from __future__ import annotations

import pandas as pd
import pytest

from igsed_core.show import style
from igsed_core.workflow.sweeps import figures


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two methods at three thresholds and two seeds."""
    return pd.DataFrame(
        {
            "method": method,
            "other_method": method,
            "percentile": percentile,
            "seed": seed,
            "value": 0.4 + percentile / 1000,
            "ci_low": 0.3,
            "ci_high": 0.6,
        }
        for method in ("ig", "fw_ss")
        for percentile in (70, 56, 90)
        for seed in (0, 1)
    )


def test_values_stand_in_order_along_the_first_parameter(rows: pd.DataFrame) -> None:
    figure = figures.along(rows, ["percentile", "seed"])
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()] == ["seed 0", "seed 1"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["56", "70", "90"]
    assert figure.axes[0].get_ylabel() == style.METRICS["iou"]


def test_differences_show_what_counts_as_level(rows: pd.DataFrame) -> None:
    (axes,) = figures.differences(rows[rows["seed"] == 0], ["percentile"]).axes
    assert len(axes.patches) == 1 and axes.get_ylabel() == "IG minus the other, IoU"
