"""Averages, intervals and paired differences of series of instances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import bootstrap, summaries
from igsed_core.metrics.summaries import Series

# Two clips hold a Bell, one of them also a Hum.
INDEX = pd.DataFrame({"split": "test", "clip": ["a", "a", "b"], "label": ["Bell", "Hum", "Bell"]})
IOU = np.array([0.2, 0.9, 0.4])


def table(*series: Series, **options: object) -> pd.DataFrame:
    made = summaries.summarise(INDEX, series, replicates=500, seed=1, **options)  # type: ignore[arg-type]
    return made.set_index(["method", "metric", "class", "average"])


def test_means_over_instances_and_over_classes() -> None:
    made = table(Series("ig", "percentile", "iou", IOU, 56.0), classes=("Bell", "Hum", "Kettle"))
    over_instances = made.loc[("ig", "iou", "all", "instance")]
    assert over_instances["value"] == pytest.approx(0.5)
    assert over_instances["std"] == pytest.approx(np.std(IOU))
    assert over_instances["n"] == 3
    assert over_instances["threshold"] == 56.0
    over_classes = made.loc[("ig", "iou", "all", "class")]
    assert over_classes["value"] == pytest.approx((0.3 + 0.9) / 2)
    assert over_classes["n"] == 2
    assert made.loc[("ig", "iou", "Bell", "instance"), "value"] == pytest.approx(0.3)
    assert made.loc[("ig", "iou", "Kettle", "instance"), "n"] == 0
    assert np.isnan(made.loc[("ig", "iou", "Kettle", "instance"), "value"])


def test_the_interval_is_that_of_drawn_clips() -> None:
    """By hand: draw the clips, pool their instances, average."""
    weights = bootstrap.clip_weights(2, replicates=500, seed=1)
    pooled = [np.average(IOU, weights=[a, a, b]) for a, b in weights]
    row = table(Series("ig", "percentile", "iou", IOU)).loc[("ig", "iou", "all", "instance")]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(np.percentile(pooled, [2.5, 97.5])))


def test_an_instance_without_a_value_is_left_out() -> None:
    made = table(Series("ig", "otsu", "onset_error", np.array([0.1, np.nan, 0.3])))
    row = made.loc[("ig", "onset_error", "all", "instance")]
    assert (row["value"], row["n"]) == (pytest.approx(0.2), 2)
    assert made.loc[("ig", "onset_error", "all", "class"), "n"] == 1  # Hum has none
    assert made.loc[("ig", "onset_error", "all", "class"), "value"] == pytest.approx(0.2)


def test_the_spread_over_instances_is_a_row_of_its_own() -> None:
    made = table(Series("ig", "percentile", "iou", IOU), spread_of=("iou",))
    row = made.loc[("ig", "iou_std", "all", "instance")]
    assert row["value"] == pytest.approx(np.std(IOU))
    assert row["ci_low"] <= row["value"] <= row["ci_high"] + 0.1


def test_pooled_counts_are_a_weighted_mean() -> None:
    """F1 of pooled counts is the mean of the instances' F1, weighted by the denominators; so is each replicate's."""
    hits, size = np.array([2.0, 0.0, 3.0]), np.array([4.0, 3.0, 5.0])
    row = table(Series("ig", "percentile", "f1", hits / size, weights=size)).loc[("ig", "f1", "all", "instance")]
    assert row["value"] == pytest.approx(hits.sum() / size.sum())
    weights = bootstrap.clip_weights(2, replicates=500, seed=1)[:, [0, 0, 1]]
    wanted = np.percentile((weights @ hits) / (weights @ size), [2.5, 97.5])
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(wanted))
    nothing = table(Series("ig", "percentile", "f1", np.zeros(3), weights=np.zeros(3)))
    assert nothing["value"].isna().all()


def test_a_difference_is_paired() -> None:
    """A constant difference has no uncertainty, however much both vary."""
    series = [Series("fw_ws", "percentile", "iou", IOU + 0.05), Series("ig", "percentile", "iou", IOU)]
    pair = (("fw_ws", "percentile"), ("ig", "percentile"))
    made = summaries.differences(INDEX, series, [pair], replicates=200, seed=1)
    assert len(made) == 2
    for _, row in made.iterrows():
        assert (row["value"], row["ci_low"], row["ci_high"]) == pytest.approx((0.05, 0.05, 0.05))


def test_wrong_shapes_and_unknown_pairs_are_refused() -> None:
    with pytest.raises(IgsedError, match="has the shape"):
        table(Series("ig", "percentile", "iou", IOU[:2]))
    with pytest.raises(IgsedError, match="no series of method 'cam' under rule 'otsu'"):
        summaries.differences(
            INDEX,
            [Series("ig", "percentile", "iou", IOU)],
            [(("ig", "percentile"), ("cam", "otsu"))],
            replicates=10,
            seed=0,
        )


def test_nothing_gives_an_empty_table() -> None:
    assert list(summaries.summarise(INDEX, [], replicates=10, seed=0).columns) == summaries.COLUMNS
