"""Averages, intervals and paired differences of series of instances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import bootstrap, intervals, judging, summaries
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
    """By hand: draw the clips, pool their instances, average; of two clips Student's t with the spread of these."""
    weights = bootstrap.clip_weights(2, replicates=500, seed=1)
    pooled = np.array([np.average(IOU), *(np.average(IOU, weights=[a, a, b]) for a, b in weights)])
    row = table(Series("ig", "percentile", "iou", IOU)).loc[("ig", "iou", "all", "instance")]
    low, high = intervals.interval(pooled, 2)
    assert low < 0 < 1 < high
    assert (row["ci_low"], row["ci_high"]) == (0, 1)  # where an IoU can lie
    row = table(Series("ig", "percentile", "onset_error", IOU)).loc[("ig", "onset_error", "all", "instance")]
    assert (row["ci_low"], row["ci_high"]) == (0, pytest.approx(high))


def test_one_clip_and_equal_clips_have_no_interval() -> None:
    made = table(Series("ig", "percentile", "iou", np.full(3, 0.4)), classes=("Hum", "Bell"), spread_of=("iou",))
    assert made[["ci_low", "ci_high"]].isna().all(axis=None)
    made = table(Series("ig", "percentile", "iou", IOU), classes=("Hum", "Bell"))
    assert np.isnan(made.loc[("ig", "iou", "Hum", "instance"), "ci_low"])  # in one clip only
    assert made.loc[("ig", "iou", "Bell", "instance"), "ci_low"] == 0


def test_proportions_have_wilsons_intervals() -> None:
    """All hit: as many trials as there are clips. Whatever is 0 or 1 for every instance is a proportion, too."""
    for metric in ("pointing_game", "anything"):
        row = table(Series("ig", "none", metric, np.ones(3))).loc[("ig", metric, "all", "instance")]
        assert (row["ci_low"], row["ci_high"]) == (pytest.approx(intervals.wilson(1.0, 2)[0]), 1)
    halves = table(Series("ig", "none", "pointing_game", np.array([1.0, 0.5, 0.0])))
    row = halves.loc[("ig", "pointing_game", "all", "instance")]
    assert 0 <= row["ci_low"] < 0.5 < row["ci_high"] <= 1
    weighted = table(Series("ig", "none", "anything", np.ones(3), weights=np.array([1.0, 2.0, 3.0])))
    assert weighted["ci_low"].isna().all()  # no trials that count alike


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
    row = table(Series("ig", "percentile", "d", hits / size - 1, weights=size)).loc[("ig", "d", "all", "instance")]
    assert row["value"] == pytest.approx(hits.sum() / size.sum() - 1)
    weights = np.vstack([np.ones(2), bootstrap.clip_weights(2, replicates=500, seed=1)])[:, [0, 0, 1]]
    wanted = intervals.interval((weights @ hits) / (weights @ size) - 1, 2)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(wanted)
    nothing = table(Series("ig", "percentile", "f1", np.zeros(3), weights=np.zeros(3)))
    assert nothing["value"].isna().all()


PAIR = (("fw_ws", "percentile"), ("ig", "percentile"))


def test_a_difference_is_paired() -> None:
    """However much both vary, a constant difference does not; then nothing is decided, for nothing was resampled."""
    series = [Series("fw_ws", "percentile", "iou", IOU + 0.05), Series("ig", "percentile", "iou", IOU)]
    made = summaries.differences(INDEX, series, [PAIR], replicates=200, seed=1)
    assert list(made.columns) == summaries.DIFFERENCE_COLUMNS
    assert made["value"].tolist() == pytest.approx([0.05, 0.05])
    assert made["n"].tolist() == [3, 2]
    assert made["n_clips"].tolist() == [2, 2]
    assert made[["ci_low", "ci_high", "p"]].isna().all(axis=None)
    assert not made["survives"].any()


def many(n: int, seed: int = 0) -> tuple[pd.DataFrame, list[Series], list]:
    """Six methods, of which the first is far above the others, which differ by noise."""
    rng = np.random.default_rng(seed)
    index = pd.DataFrame({"split": "test", "clip": [f"c{i:03d}" for i in range(n)], "label": "Bell"})
    base = rng.random(n)
    series = [Series(f"m{k}", "r", "iou", base + 0.3 * (k == 0) + 0.2 * rng.standard_normal(n)) for k in range(6)]
    pairs = [((f"m{i}", "r"), (f"m{j}", "r")) for i in range(6) for j in range(i + 1, 6)]
    return index, series, pairs


def test_what_survives_holms_correction() -> None:
    index, series, pairs = many(60)
    made = summaries.differences(index, series, pairs, replicates=300, seed=1)
    ours = made["method"] == "m0"
    assert made.loc[ours, "survives"].all()
    assert not made.loc[~ours, "survives"].any()
    assert (made["ci_low"] <= made["value"]).all()
    wanted = judging.holm(made.loc[made["average"] == "instance", "p"].to_numpy()) < 0.05
    assert (made.loc[made["average"] == "instance", "survives"] == wanted).all()


def test_sources_that_clips_share_widen_intervals() -> None:
    index, series, pairs = many(60)
    shift = np.random.default_rng(2).standard_normal(6)
    files = np.random.default_rng(1).integers(0, 6, 60)
    series[0] = Series("m0", "r", "iou", series[0].values + 0.3 * shift[files])
    events = index.assign(onset=0.0, offset=1.0, source_file=[f"f{i}.wav" for i in files])
    sources = summaries.sources_of(events, index)
    assert sources[0] == (f"f{files[0]}.wav",)
    options = {"replicates": 400, "seed": 1}
    for make in (
        lambda **more: summaries.differences(index, series, pairs[:1], **options, **more),
        lambda **more: summaries.summarise(index, series[:1], **options, **more),
    ):
        one, two = make(), make(sources=sources)
        assert one["value"].tolist() == two["value"].tolist()
        width = [(table["ci_high"] - table["ci_low"]).iloc[0] for table in (one, two)]
        assert width[1] > 1.5 * width[0]
    assert summaries.units(60, sources) == 6
    nothing = summaries.sources_of(events.iloc[1:], index)
    assert nothing[0] == ()
    with pytest.raises(IgsedError, match="at least one source file"):
        summaries.differences(index, series, pairs[:1], **options, sources=nothing)


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
