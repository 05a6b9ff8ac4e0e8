"""Metrics beyond the paper's, as tables: a small split by hand, and what gating means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from igsed_core.detection import evaluation, further_metrics
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import RANKED
from igsed_core.metrics import summaries

EVENTS = pd.DataFrame(
    [("a", "Bell", 0.0, 1.0), ("a", "Hum", 1.0, 2.0), ("b", "Bell", 1.0, 2.0), ("c", "Bell", 0.0, 1.0)],
    columns=["clip", "label", "onset", "offset"],
)
GRID = np.array([10.0, 50.0])


def split(name: str) -> further_metrics.Split:
    """Three clips; Bell in c is missed, Hum in b is made up. IG is perfect, FW-WS the reverse of it."""
    index = pd.DataFrame(
        [(name, "a", "Bell"), (name, "a", "Hum"), (name, "b", "Bell"), (name, "b", "Hum")],
        columns=["split", "clip", "label"],
    )
    truth = np.zeros((4, 20), dtype=bool)
    truth[0, :10] = truth[1, 10:] = truth[2, 10:] = True
    perfect = truth + 0.0
    perfect[3] = 0.1
    scores = dict.fromkeys(RANKED, perfect) | {"fw_ws": 1 - perfect}
    return further_metrics.Split(Instances(index, truth, scores), ["a", "b", "c"], EVENTS, 2.0, 0.1)


@pytest.fixture(scope="module")
def report() -> tuple[pd.DataFrame, pd.DataFrame]:
    chosen = {method: {"iou": 10.0, "f1": 50.0} for method in RANKED}
    splits = {name: split(name) for name in ("validation", "test")}
    return further_metrics.report(splits, chosen, GRID, replicates=50, seed=0)


def test_values_by_hand(report: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = report[0]
    assert list(table.columns) == summaries.COLUMNS
    test = table[table["split"] == "test"].set_index(["method", "rule", "metric", "average"])
    assert test.index.is_unique
    for metric in ("auroc", "average_precision"):
        assert test.loc[("ig", "none", metric, "instance"), "value"] == 1
    assert test.loc[("fw_ws", "none", "auroc", "instance"), "value"] == 0
    assert test.loc[("ig", "percentile", "event_f1", "instance"), ["value", "n"]].tolist() == [1, 3]
    assert test.loc[("ig", "percentile", "onset_error", "instance"), "value"] == pytest.approx(0)
    # above the 50th percentile of half ones there is nothing: all ties with it
    assert test.loc[("fw_ws", "percentile", "events_found", "instance"), "value"] == 0
    assert np.isnan(test.loc[("fw_ws", "percentile", "onset_error", "instance"), "value"])


def test_psds_takes_the_missed_and_the_false_ones(report: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Bell: two of three events are found; Hum: its one. Mean 5/6, spread 1/6."""
    test = report[0][report[0]["split"] == "test"].set_index(["method", "rule", "metric"]).sort_index()
    row = test.loc[("ig", "raw", "psds")].iloc[0]
    assert row["value"] == pytest.approx(5 / 6 - 1 / 6)
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    # a share of the maximum makes the false pair as sure as the true one; one false positive in six seconds is too many
    assert test.loc[("ig", "share_of_maximum", "psds"), "value"].item() < row["value"]
    assert test.loc[("fw_ws", "raw", "psds"), "value"].item() == 0


def test_every_two_methods_are_compared_under_each_rule(report: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = report[1]
    assert list(table.columns) == summaries.DIFFERENCE_COLUMNS
    assert not table.duplicated(summaries.DIFFERENCE_COLUMNS[:8]).any()
    rows = table[(table["split"] == "test") & (table["method"] == "ig") & (table["other_method"] == "fw_ws")]
    values = rows.set_index(["rule", "metric", "average"])["value"]
    assert values["none", "auroc", "instance"] == 1
    assert values["raw", "psds", "class"] == pytest.approx(2 / 3)


def test_the_percentile_for_events_comes_from_validation(report: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    rows = report[0][report[0]["metric"] == "event_f1"]
    assert rows.groupby("method")["threshold"].nunique().eq(1).all()
    assert set(rows["threshold"]) <= set(GRID)
    assert set(rows["rule"]) == {evaluation.RULE}
