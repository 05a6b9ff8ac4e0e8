"""Rules compared: tuned on validation alone, ceilings, groups, and the choice of one parameter-free rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base.errors import IgsedError
from igsed_core.detection import instance_groups, tuning
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import levels
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.metrics import localisation, summaries

METHODS = ("ig", "fw_ws", "fw_ss")
FRAMES = 40


def instances(seed: int, split: str, n_clips: int = 12) -> Instances:
    """Events of several lengths; the first method ranks worst, the last best."""
    rng = np.random.default_rng([seed, len(split)])
    rows = [(split, f"{split}{i}", ("Bell", "Hum")[i % 2]) for i in range(n_clips)]
    truth = np.zeros((n_clips, FRAMES), dtype=bool)
    for row in truth:
        start = rng.integers(0, 20)
        row[start : start + rng.integers(3, 20)] = True
    noise = {"ig": 0.9, "fw_ws": 0.5, "fw_ss": 0.2, "oracle": 0.0}
    scores = {m: np.clip((0.1 + truth) * np.exp(s * rng.normal(size=truth.shape)) / 4, 0, 1) for m, s in noise.items()}
    return Instances(pd.DataFrame(rows, columns=["split", "clip", "label"]), truth, scores)


@pytest.fixture(scope="module")
def data() -> dict[str, Instances]:
    return {split: instances(0, split) for split in ("validation", "test")}


@pytest.fixture(scope="module")
def evaluated(data: dict[str, Instances]) -> tuning.Evaluated:
    return tuning.evaluate(data)


def test_every_rule_of_every_method_on_every_split(evaluated: tuning.Evaluated) -> None:
    wanted = {(m, r, metric) for m in METHODS for r in thresholds.RULES for metric in ("iou", "f1")}
    wanted -= {("ig", r, metric) for r in ("logit_otsu", "logit_hmm") for metric in ("iou", "f1")}
    for split in ("validation", "test"):
        keys = [(one.method, one.rule, one.metric) for one in evaluated.series[split]]
        assert len(keys) == len(set(keys))
        assert set(keys) == wanted


def test_a_parameter_is_the_best_on_validation(data: dict[str, Instances], evaluated: tuning.Evaluated) -> None:
    validation = data["validation"]
    for metric, of in (("iou", localisation.iou), ("f1", localisation.f1)):
        means = [
            of(levels.share_of_maximum(validation.scores["ig"], share), validation.truth).mean()
            for share in levels.all_shares(validation.scores["ig"])
        ]
        one = evaluated.one("validation", "ig", "share_of_maximum", metric)
        assert one.values.mean() == pytest.approx(max(means))
        assert evaluated.one("test", "ig", "share_of_maximum", metric).threshold == one.threshold


def test_the_test_split_plays_no_part_in_the_choice(data: dict[str, Instances], evaluated: tuning.Evaluated) -> None:
    other = {"validation": data["validation"], "test": instances(7, "test")}
    again = tuning.evaluate(other, ("percentile", "share_of_maximum", "fixed", "global_percentile"))
    for one in again.series["test"]:
        assert one.threshold == evaluated.one("test", one.method, one.rule, one.metric).threshold


def test_parameter_free_rules_need_no_validation(data: dict[str, Instances]) -> None:
    alone = tuning.evaluate({"test": data["test"]}, ("otsu", "hmm"))
    assert all(np.isnan(one.threshold) for one in alone.series["test"])
    with pytest.raises(IgsedError, match="'fixed' is tuned on the validation split, which is missing"):
        tuning.evaluate({"test": data["test"]}, ("fixed",))
    with pytest.raises(IgsedError, match="chosen on the validation split, which was not evaluated"):
        tuning.best_parameter_free(alone)


def test_a_grid_may_be_given(data: dict[str, Instances]) -> None:
    made = tuning.evaluate(data, ("percentile",), grids={"percentile": np.array([37.0])})
    assert {one.threshold for one in made.series["test"]} == {37.0}


def test_the_best_parameter_free_rule_is_chosen_on_validation(evaluated: tuning.Evaluated) -> None:
    means = {
        name: np.mean([evaluated.mean("validation", method, name) for method in METHODS])
        for name, rule in thresholds.RULES.items()
        if rule.parameter_free and rule.acts_on != thresholds.LOGIT
    }
    best = tuning.best_parameter_free(evaluated)
    assert means[best] == max(means.values())
    # Rules on logits are eligible where every method has one.
    of_two = tuning.best_parameter_free(evaluated.under(("logit_otsu",)), methods=("fw_ws", "fw_ss"))
    assert of_two == "logit_otsu"
    with pytest.raises(IgsedError, match="no parameter-free rule was evaluated for all of ig"):
        tuning.best_parameter_free(evaluated.under(("percentile",)), methods=("ig",))


def test_gains_with_source_files_drawn_anew_are_the_same_and_less_sure(evaluated: tuning.Evaluated) -> None:
    """All instances of a class from one file: two files are two units, and three are too few to tell anything."""
    index = pd.concat(list(evaluated.index.values()))
    events = index[["clip", "label"]].assign(source_file=index["label"] + "/0.wav")
    own = events.assign(source_file=events["clip"] + ".wav")
    options = {"replicates": 200, "seed": 0}
    of_clips, shared, apart = (tuning.gains(evaluated, events=e, **options) for e in (None, events, own))  # type: ignore[arg-type]
    assert_allclose(shared["value"], of_clips["value"])
    rows = of_clips["metric"].eq("iou") & of_clips["average"].eq("instance") & (of_clips["value"].abs() > 0.05)
    width = {n: (t["ci_high"] - t["ci_low"])[rows] for n, t in (("clips", of_clips), ("own", apart), ("two", shared))}
    assert rows.sum() > 5
    assert (width["own"] > width["clips"]).mean() > 0.9
    assert not (width["two"] <= width["clips"]).any()  # two units: wider, or no interval at all


def test_values_in_perfect_order(data: dict[str, Instances]) -> None:
    ordered = tuning.perfectly_ordered(data["test"], seed=1)
    for method, scores in ordered.scores.items():
        assert_array_equal(np.sort(scores), np.sort(data["test"].scores[method]))
        active = np.where(ordered.truth, scores, np.inf).min(axis=1)
        assert (active >= np.where(ordered.truth, -np.inf, scores).max(axis=1)).all()


def test_the_ceiling_of_a_percentile_is_its_formula(data: dict[str, Instances]) -> None:
    """A perfect ranking keeps ``k`` frames where ``a`` are active: IoU is the smaller over the larger."""
    ordered = tuning.perfectly_ordered(data["test"], seed=1)
    scores, active = ordered.scores["ig"], ordered.truth.sum(axis=1)
    for tau in (20.0, 55.0, 90.0):
        mask = levels.percentile(scores, tau)
        kept = mask.sum(axis=1)
        assert_allclose(localisation.iou(mask, ordered.truth), np.minimum(kept, active) / np.maximum(kept, active))


def test_no_rule_of_one_level_a_clip_passes_the_best_of_the_clip(
    data: dict[str, Instances], evaluated: tuning.Evaluated
) -> None:
    ceiling = tuning.best_of_clip(data, METHODS)
    of_one_level = [n for n in thresholds.RULES if "smooth" not in n and "hmm" not in n]
    for method in METHODS:
        for metric in ("iou", "f1"):
            best = ceiling.one("test", method, tuning.BEST_OF_CLIP, metric).values
            for rule in of_one_level:
                if (method, rule) != ("ig", "logit_otsu"):
                    assert (evaluated.one("test", method, rule, metric).values <= best + 1e-12).all()
    ordered = {split: tuning.perfectly_ordered(one, seed=0) for split, one in data.items()}
    perfect = tuning.best_of_clip(ordered, ("oracle",))
    assert_allclose(perfect.one("test", "oracle", tuning.BEST_OF_CLIP).values, 1.0)


def test_post_processing_is_tuned_and_can_only_help_on_validation(
    data: dict[str, Instances], evaluated: tuning.Evaluated
) -> None:
    made = tuning.postprocessed(data, evaluated, ("otsu", "percentile"), methods=("ig",), frame_length=0.1)
    for rule in ("otsu", "percentile"):
        for process in tuning.POSTPROCESSING:
            for metric in ("iou", "f1"):
                after = made.one("validation", "ig", f"{rule}+{process}", metric)
                assert after.values.mean() >= evaluated.mean("validation", "ig", rule, metric) - 1e-12
                assert after.threshold in tuning.DURATIONS
                assert made.one("test", "ig", f"{rule}+{process}", metric).threshold == after.threshold


def test_tables(evaluated: tuning.Evaluated) -> None:
    chosen = evaluated.under(("percentile", "otsu"), metrics=("iou",))
    table = tuning.table(chosen, replicates=50, seed=0)
    assert list(table.columns) == summaries.COLUMNS
    assert len(table) == 2 * 3 * 2 * 2  # splits, methods, rules, averages
    row = cell(table, split="test", method="ig", rule="otsu", average="instance")
    assert row["value"] == pytest.approx(evaluated.mean("test", "ig", "otsu"))
    gains = tuning.gains(chosen, replicates=50, seed=0)
    assert set(gains["rule"]) == {"otsu"}
    gain = cell(gains, split="test", method="ig", average="instance")
    assert gain["value"] == pytest.approx(row["value"] - evaluated.mean("test", "ig", "percentile"))
    assert gain["ci_low"] <= gain["value"] <= gain["ci_high"]


def test_groups_part_the_instances(evaluated: tuning.Evaluated) -> None:
    chosen = evaluated.under(("otsu",), methods=("ig",), metrics=("iou",))
    groups = {split: ["short"] * 5 + ["long"] * 7 for split in chosen.index}
    table = instance_groups.table_by(chosen, {"length": groups}, replicates=50, seed=0)
    assert list(table.columns) == ["by", "group", *summaries.COLUMNS]
    rows = table[(table["split"] == "test") & (table["average"] == "instance")].set_index("group")
    assert rows["n"].to_dict() == {"short": 5, "long": 7}
    values = evaluated.one("test", "ig", "otsu").values
    assert rows.loc["short", "value"] == pytest.approx(values[:5].mean())
    assert rows.loc["long", "value"] == pytest.approx(values[5:].mean())


def test_what_was_not_evaluated(evaluated: tuning.Evaluated) -> None:
    with pytest.raises(IgsedError, match="'ig' was not evaluated under rule 'logit_hmm' with metric 'iou'"):
        evaluated.one("test", "ig", "logit_hmm")


def cell(table: pd.DataFrame, **wanted: Any) -> pd.Series:
    rows = table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]
    assert len(rows) == 1
    return rows.iloc[0]
