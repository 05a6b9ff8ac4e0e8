"""Evaluation: three clips and two classes by hand, then the rules of the house."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.attribution.maps import STEP
from igsed_core.base.errors import IgsedError
from igsed_core.detection import evaluation
from igsed_core.detection.scored import COMPARED
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import frames, localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime

OTHERS = ("fw_ws", "fw_ss", "random", "energy")
# Ten frames of 0.1 s. Instances in the order of the classifier's predictions: (clip, label, active frames).
HAND = [("a", "Bell", [0, 1]), ("a", "Hum", [4, 5, 6, 7]), ("b", "Bell", [9]), ("c", "Bell", [2, 3])]


def by_hand(chosen: list[list[int]], split: str = "test") -> evaluation.Instances:
    """HAND, with 1 as every method's score in the frames given for each instance, 0 elsewhere."""
    truth, scores = np.zeros((4, 10), dtype=bool), np.zeros((4, 10))
    for i, (_, _, active) in enumerate(HAND):
        truth[i, active] = True
        scores[i, chosen[i]] = 1
    index = pd.DataFrame([(split, clip, label) for clip, label, _ in HAND], columns=["split", "clip", "label"])
    return evaluation.Instances(index, truth, {m: scores for m in (*COMPARED, "oracle")})


def random_instances(seed: int, split: str = "test", n_clips: int = 6) -> evaluation.Instances:
    rng = np.random.default_rng(seed)
    rows = [(split, f"{split}{i}", label) for i in range(n_clips) for label in ("Bell", "Hum") if rng.random() < 0.7]
    rows.append((split, f"{split}0", "Whistle"))
    truth = rng.random((len(rows), 20)) < 0.3
    scores = {m: rng.random(truth.shape) + 0.5 * truth for m in (*COMPARED, "oracle")}
    return evaluation.Instances(pd.DataFrame(rows, columns=["split", "clip", "label"]), truth, scores)


def cell(table: pd.DataFrame, **wanted: Any) -> pd.Series:
    rows = table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]
    assert len(rows) == 1
    return rows.iloc[0]


def chosen(threshold: float) -> dict[str, dict[str, float]]:
    return {m: {"iou": threshold, "f1": threshold} for m in (*COMPARED, "oracle")}


def events_of(measured: dict[str, evaluation.Measured]) -> pd.DataFrame:
    """Each class has two source files, which clips share."""
    rows = pd.concat([m.index for m in measured.values()])
    files = [f"{label}{len(clip) + ord(clip[-1]) % 2}" for clip, label in zip(rows["clip"], rows["label"], strict=True)]
    return rows.assign(source_file=files)


def hand_report() -> evaluation.Report:
    """The frames with score 1 are above the 50th percentile, which is 0."""
    measured = {"test": evaluation.measure(by_hand([[0, 1], [4, 5], [8], [3, 4]]), np.array([50.0]))}
    return evaluation.report(
        measured, chosen(50.0), ("Bell", "Hum", "Whistle"), events_of(measured), replicates=50, seed=0
    )


def test_a_table_by_hand() -> None:
    table = hand_report().detection
    iou = np.array([1, 2 / 4, 0, 1 / 3])
    f1 = np.array([1, 4 / 6, 0, 2 / 4])
    pointing = np.array([1, 1, 0, 1 / 2])
    bell = [0, 2, 3]
    for metric, values in (("iou", iou), ("f1", f1), ("pointing_game", pointing)):
        over_instances = cell(table, method="ig", average="instance", metric=metric)
        assert over_instances["value"] == pytest.approx(values.mean())
        assert over_instances["std"] == pytest.approx(values.std())
        assert over_instances["n"] == 4
        over_classes = cell(table, method="ig", average="class", metric=metric)
        by_class = [values[bell].mean(), values[1]]
        assert over_classes["value"] == pytest.approx(np.mean(by_class))
        assert over_classes["std"] == pytest.approx(np.std(by_class))
        assert over_classes["n"] == 2
    assert cell(table, method="ig", average="instance", metric="iou_std")["value"] == pytest.approx(iou.std())
    assert cell(table, method="ig", average="instance", metric="iou")["value"] == pytest.approx(11 / 24)
    assert cell(table, method="ig", average="class", metric="iou")["value"] == pytest.approx((4 / 9 + 1 / 2) / 2)


def test_by_class_by_hand() -> None:
    table = hand_report().per_class
    bell = cell(table, method="ig", metric="iou", **{"class": "Bell"})
    assert (bell["value"], bell["n"]) == (pytest.approx(4 / 9), 3)
    assert bell["std"] == pytest.approx(np.std([1, 0, 1 / 3]))
    hum = cell(table, method="ig", metric="f1", **{"class": "Hum"})
    assert (hum["value"], hum["n"], hum["std"]) == (pytest.approx(2 / 3), 1, 0)
    whistle = cell(table, method="ig", metric="iou", **{"class": "Whistle"})
    assert whistle["n"] == 0
    assert whistle[["value", "std", "ci_low", "ci_high"]].isna().all()


def test_every_two_methods_are_compared_once() -> None:
    table = hand_report().differences
    pairs = list(itertools.combinations(COMPARED, 2))
    assert list(dict.fromkeys(zip(table["method"], table["other_method"], strict=True))) == pairs
    # All methods have the same scores here, so that no replicate differs: nothing is decided.
    assert (table["value"] == 0).all()
    assert table[["ci_low", "ci_high", "p"]].isna().all(axis=None)
    assert not table["survives"].any()


def test_differences_are_the_same_and_their_intervals_wider_when_sources_are_drawn_too() -> None:
    measured = {"test": evaluation.measure(random_instances(3, n_clips=40), np.arange(1.0, 100))}
    best = evaluation.optimal_thresholds(measured["test"])
    found = evaluation.report(measured, best, (), events_of(measured), replicates=200, seed=0)
    assert_allclose(found.two_way["value"], found.differences["value"])
    assert list(found.two_way.columns) == list(found.differences.columns) == summaries.DIFFERENCE_COLUMNS
    alone, both = (table["ci_high"] - table["ci_low"] for table in (found.differences, found.two_way))
    assert (both / alone).median() > 1.1


def test_columns_and_rows_of_the_tables() -> None:
    measured = {
        s: evaluation.measure(random_instances(i, s), np.arange(1.0, 100)) for i, s in enumerate(("validation", "test"))
    }
    best = evaluation.optimal_thresholds(measured["validation"])
    report = evaluation.report(measured, best, ("Bell", "Hum", "Whistle"), events_of(measured), replicates=20, seed=0)
    curves = evaluation.curves(measured, replicates=20, seed=0)
    own, at_ig = report.detection, report.at_ig
    for table in (own, at_ig, report.per_class, curves):
        assert list(table.columns) == summaries.COLUMNS
        assert set(table["split"]) == {"validation", "test"}
        assert set(table["rule"]) == {"percentile"}
        assert len(table) == len(table.drop_duplicates(summaries.KEY_COLUMNS))
    for table in (own, at_ig):
        assert set(table["method"]) == set(COMPARED)
        assert set(table["metric"]) == {"iou", "iou_std", "f1", "pointing_game"}
        assert len(table) == 2 * 5 * (2 * 3 + 1)
        assert table.loc[table["metric"] == "pointing_game", "threshold"].isna().all()
        assert table["value"].between(0, 1).all()
    assert set(report.per_class["class"]) == {"Bell", "Hum", "Whistle"}
    assert set(curves["method"]) == {*COMPARED, "oracle"}
    assert set(curves["metric"]) == {"iou", "f1"}
    assert len(curves) == 2 * 6 * 2 * 2 * 99
    for method, metric, average in itertools.product(COMPARED, ("iou", "f1"), ("instance", "class")):
        where = {"split": "test", "method": method, "average": average, "metric": metric}
        assert cell(own, **where)["threshold"] == best[method][metric]
        assert cell(at_ig, **where)["threshold"] == best["ig"][metric]
        on_curve = cell(curves, threshold=best[method][metric], **where)
        for column in ("value", "n", "ci_low", "ci_high"):
            assert cell(own, **where)[column] == pytest.approx(on_curve[column])


def test_thresholds_come_from_validation_alone() -> None:
    grid = np.arange(1.0, 100)
    validation = evaluation.measure(random_instances(0, "validation"), grid)
    best = evaluation.optimal_thresholds(validation)
    for seed in (1, 2):
        measured = {"validation": validation, "test": evaluation.measure(random_instances(seed), grid)}
        table = evaluation.report(measured, best, ("Bell",), events_of(measured), replicates=10, seed=0).detection
        found = table[(table["metric"] == "iou") & (table["average"] == "instance")]
        for split in ("validation", "test"):
            rows = found[found["split"] == split]
            assert dict(zip(rows["method"], rows["threshold"], strict=True)) == {m: best[m]["iou"] for m in COMPARED}


def test_the_best_threshold_is_the_lowest_of_equals_over_instances() -> None:
    data = random_instances(3, "validation")
    grid = np.array([10.0, 50.0, 90.0])
    measured = evaluation.measure(data, grid)
    measured.values["ig"]["iou"] = np.array([[0.0, 0.9], [0.5, 0.5], [0.6, 0.4]])
    assert evaluation.optimal_thresholds(measured)["ig"]["iou"] == 50.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_measures_are_those_of_single_instances(seed: int) -> None:
    data = random_instances(seed)
    grid = np.array([20.0, 80.0])
    measured = evaluation.measure(data, grid)
    for method, scores in data.scores.items():
        for i in range(len(data.index)):
            for t, tau in enumerate(grid):
                mask = levels.percentile(scores[i], tau)
                assert measured.values[method]["iou"][t, i] == localisation.iou(mask, data.truth[i])
                assert measured.values[method]["f1"][t, i] == localisation.f1(mask, data.truth[i])
            assert measured.values[method]["pointing_game"][0, i] == localisation.pointing_game(
                scores[i], data.truth[i]
            )


# --- from predictions, events and scores to instances --------------------------------------------------------


@pytest.fixture
def inputs() -> dict[str, Any]:
    """Clip a holds Bell twice and Hum, clip b holds Hum; the classifier misses Hum in a and hears Bell in b."""
    rows = [
        ("test", "clip_level", "a", "Bell", True, True),
        ("test", "clip_level", "a", "Hum", True, False),
        ("test", "clip_level", "b", "Bell", False, True),
        ("test", "clip_level", "b", "Hum", True, True),
        ("test", "fw_ws", "a", "Hum", True, True),
        ("validation", "clip_level", "v", "Bell", False, True),
    ]
    predictions = pd.DataFrame(rows, columns=["split", "method", "clip", "label", "present", "detected"])
    predictions["probability"] = 0.5
    events = pd.DataFrame(
        [("a", "Bell", 0.0, 0.15), ("a", "Hum", 0.5, 0.9), ("a", "Bell", 0.8, 1.0), ("b", "Hum", 0.35, 0.4)],
        columns=["clip", "label", "onset", "offset"],
    )
    rng = np.random.default_rng(0)
    index = pd.DataFrame(
        [("test", "b", "Hum"), ("test", "a", "Bell"), ("test", "b", "Bell")], columns=["split", "clip", "label"]
    )
    signed = rng.standard_normal((3, 100)).astype(np.float32)
    maps = ScoresOverTime(index, signed, STEP, absolute=np.abs(signed) + 0.1)
    clips, classes = np.array(["b", "a"]), np.array(["Hum", "Bell"])  # another order than that of the instances
    scores = {
        name: ScoresOverTime.of_product(clips, classes, rng.random((2, 2, 4)).astype(np.float32), 0.32, -0.16)
        for name in OTHERS
    }
    return {"predictions": predictions, "events": events, "maps": maps, "scores": scores}


OPTIONS: dict[str, Any] = {
    "split": "test",
    "duration": 1.0,
    "frame_length": 0.1,
    "min_coverage": 0.0,
    "sign": "absolute",
    "seed": 0,
}


def test_instances_are_detected_and_present(inputs: dict[str, Any]) -> None:
    data = evaluation.instances(**inputs, **OPTIONS)
    assert list(zip(data.index["clip"], data.index["label"], strict=True)) == [("a", "Bell"), ("b", "Hum")]
    assert_array_equal(np.flatnonzero(data.truth[0]), [0, 1, 8, 9])
    assert_array_equal(np.flatnonzero(data.truth[1]), [3])
    assert data.scores.keys() == {*COMPARED, "oracle"}
    assert all(scores.shape == (2, 10) for scores in data.scores.values())


@pytest.mark.parametrize("sign", ["absolute", "positive", "signed"])
def test_scores_are_those_of_clip_and_class(inputs: dict[str, Any], sign: str) -> None:
    data = evaluation.instances(**inputs, **{**OPTIONS, "sign": sign})
    rows = [1, 0]  # of the maps: (a, Bell), (b, Hum)
    fine = inputs["maps"].read_as(sign).values[rows]
    assert_allclose(data.scores["ig"], fine.reshape(2, 10, 10).mean(axis=2), atol=1e-6)
    for name in OTHERS:
        values = inputs["scores"][name].values.reshape(2, 2, -1)
        for i, (clip, label) in enumerate([(1, 1), (0, 0)]):
            wanted = frames.average(values[clip, label], step=0.32, start=-0.16, frame_length=0.1, n_frames=10)
            assert_allclose(data.scores[name][i], wanted)


def test_probabilities_are_ranked_by_their_logits(inputs: dict[str, Any]) -> None:
    """Probabilities stay to be read as such; what ranks frames are logits, which do not saturate."""
    logits = np.full((2, 2, 4), -30.0)
    logits[1, 1] = [40.0, 41.0, 39.0, -5.0]  # a, Bell
    clips, classes = np.array(["b", "a"]), np.array(["Hum", "Bell"])
    sure = ScoresOverTime.of_product(clips, classes, np.ones((2, 2, 4), np.float32), 0.32, -0.16, logits)
    scores = {**inputs["scores"], "fw_ws": sure}
    data = evaluation.instances(**{**inputs, "scores": scores}, **OPTIONS)
    assert (data.scores["fw_ws"][0, :4] == 1).all()
    assert data.ranked["fw_ws"][0, 2] == 41  # 0.2 to 0.3 s lies in the second step, from 0.16 to 0.48 s
    assert data.ranked["fw_ws"][0].argmax() == 2
    assert data.ranked["ig"] is data.scores["ig"]
    some = data.where(np.array([True, False]))
    assert_array_equal(some.ranked["fw_ws"], data.ranked["fw_ws"][:1])
    # The pointing game: the highest frames are 2 and 3, of which neither is active; the probabilities all tie.
    measured = evaluation.measure(data, np.array([50.0]))
    assert measured.values["fw_ws"]["pointing_game"][0, 0] == 0


def test_min_coverage_and_frame_length(inputs: dict[str, Any]) -> None:
    data = evaluation.instances(**inputs, **{**OPTIONS, "min_coverage": 0.6})
    assert_array_equal(np.flatnonzero(data.truth[0]), [0, 8, 9])
    assert not data.truth[1].any()
    data = evaluation.instances(**inputs, **{**OPTIONS, "frame_length": 0.2})
    assert_array_equal(np.flatnonzero(data.truth[0]), [0, 4])
    assert data.scores["ig"].shape == (2, 5)


def test_the_oracle_ranks_every_active_frame_first(inputs: dict[str, Any]) -> None:
    data = evaluation.instances(**inputs, **OPTIONS)
    oracle = data.scores["oracle"]
    for i in range(2):
        assert oracle[i][data.truth[i]].min() > oracle[i][~data.truth[i]].max()
        assert len(np.unique(oracle[i])) == 10


def test_the_first_instance_of_a_clip(inputs: dict[str, Any]) -> None:
    data = evaluation.instances(**inputs, **OPTIONS)
    first = data.first_of("b")
    assert first.label == "Hum"
    assert_array_equal(first.truth, data.truth[1])
    assert first.scores.keys() == set(COMPARED)
    assert_array_equal(first.scores["energy"], data.scores["energy"][1])


def test_false_detections_on_request(inputs: dict[str, Any]) -> None:
    """Bell is heard in b, where it is not: none of its frames is active."""
    data = evaluation.instances(**inputs, **OPTIONS, false_too=True)
    pairs = list(zip(data.index["clip"], data.index["label"], strict=True))
    assert pairs == [("a", "Bell"), ("b", "Bell"), ("b", "Hum")]
    assert not data.truth[1].any()
    plain = evaluation.instances(**inputs, **OPTIONS)
    present = data.where(data.truth.any(axis=1))
    assert_array_equal(present.index, plain.index)
    assert_array_equal(present.truth, plain.truth)
    assert_array_equal(present.scores["ig"], plain.scores["ig"])


def test_nothing_to_evaluate(inputs: dict[str, Any]) -> None:
    with pytest.raises(
        IgsedError,
        match=r"detects no class that is present in the validation split.*'n_train'.*'probability_threshold'",
    ):
        evaluation.instances(**inputs, **{**OPTIONS, "split": "validation"})
