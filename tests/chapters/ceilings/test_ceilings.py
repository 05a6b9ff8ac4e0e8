"""Page 15: detectors learn at the fine grid, decisions are tuned on validation alone, poolings are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.ceilings import decisions, detectors, figures, overview, study, tables
from igsed_core.chapters.ceilings.choices import POOLED, STRONG, WEAK, names_of
from igsed_core.chapters.ceilings.params import Ceilings
from igsed_core.detection import decided
from igsed_core.detection.decided import Split
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import CLIPS, TWO_WAY, Series
from igsed_core.models import heads, pooling
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.show import describe
from random_tables import Tables

CLASSES = ("Bell", "Hum")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def split_of(truth: np.ndarray, name: str = "test") -> Split:
    index = pd.DataFrame({"split": name, "clip": [f"c{i}" for i in range(len(truth))], "label": "Bell"})
    return Split(index, truth, 0.1, truth.shape[1] / 10)


def scores_of(split: Split, values: np.ndarray, step: float = 0.05) -> ScoresOverTime:
    return ScoresOverTime(split.index, values, step, 0.0)


# --- poolings


def test_poolings_by_hand() -> None:
    """One class whose frame logits are those of probabilities 0.2 and 0.8."""
    p = np.array([0.2, 0.8])
    features = torch.logit(torch.from_numpy(p)).float()[None, :, None]
    wanted = {
        "linear_softmax": (p**2).sum() / p.sum(),
        "exponential_softmax": (p * np.exp(p)).sum() / np.exp(p).sum(),
        "auto_pool": (p * np.exp(p)).sum() / np.exp(p).sum(),  # before training its factor is 1
        "max": 0.8,
        "max_features": 0.8,
        "mean_features": 0.5,
    }
    for name, value in wanted.items():
        head = pooling.POOLINGS[name](1, ["Bell"])
        with torch.no_grad():
            head.linear.weight.fill_(1.0)
            head.linear.bias.zero_()
            assert_allclose(torch.sigmoid(head.clip_logits(features)).item(), value, rtol=1e-5, err_msg=name)


def test_attention_counts_frames_as_its_own_layer_says() -> None:
    head = pooling.AttentionHead(1, ["Bell"])
    with torch.no_grad():
        head.linear.weight.fill_(1.0)
        head.linear.bias.zero_()
        head.attention.weight.fill_(-50.0)
        pooled = head.clip_logits(torch.tensor([[[-1.0], [2.0]]]))
    assert_allclose(pooled.item(), -1.0, atol=1e-4)


def test_a_frame_of_max_plus_mean_is_a_clip_that_is_like_it_throughout() -> None:
    head = pooling.MaxMeanHead(3, CLASSES)
    frame = torch.randn(1, 1, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_allclose(head.clip_logits(frame.expand(1, 5, 3)), head.frame_logits(frame)[:, 0], rtol=1e-5)


@pytest.mark.parametrize("name", POOLED)
def test_heads_come_back_from_their_file(name: str, tmp_path: Path) -> None:
    head = pooling.POOLINGS[name](4, CLASSES)
    heads.save(head, name, tmp_path / "head.safetensors")
    again = heads.load(tmp_path / "head.safetensors", pooling.POOLINGS)
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_allclose(again.clip_logits(x), head.clip_logits(x))


# --- detectors


@pytest.fixture(scope="module")
def learnable() -> tuple[FeatureFrames, Targets]:
    """Two classes, each with a feature of its own that is high while it sounds."""
    rng = np.random.default_rng(0)
    frame = np.zeros((40, 50, 2), dtype=np.float32)
    for clip in range(40):
        for c in range(2):
            if rng.random() < 0.6:
                begin = rng.integers(0, 35)
                frame[clip, begin : begin + rng.integers(5, 15), c] = 1
    values = np.concatenate([frame, np.zeros_like(frame[..., :1])], axis=2) * 3 + rng.normal(0, 1, (40, 50, 3))
    names = np.array([f"c{i}" for i in range(40)])
    return FeatureFrames(names, values.astype(np.float32), 0.04, 0.0), Targets(frame.max(axis=1), frame)


Learnable = tuple[FeatureFrames, Targets]


def trained(
    names: tuple[str, ...], data: Learnable, folder: Path, *, epochs: int, seeds: tuple[int, ...] = (1,)
) -> list[detectors.Detector]:
    both = {"train": data, "validation": data}
    return detectors.train(names, lambda: both, CLASSES, folder, epochs=epochs, seeds=seeds, workers=1)


@pytest.mark.parametrize("name", [*STRONG, *WEAK])
def test_each_detector_learns_when_a_class_sounds(name: str, learnable: Learnable, tmp_path: Path) -> None:
    (one,) = trained((name,), learnable, tmp_path, epochs=80)
    found = detectors.scores(one.network, learnable[0], CLASSES).values.reshape(40, 2, 50).transpose(0, 2, 1)
    active = learnable[1].frame > 0.5
    assert found[active].mean() > found[~active].mean() + 0.15
    assert one.row["time_labels"].item() == (name in STRONG)


def test_the_seed_decides_the_detector(learnable: Learnable, tmp_path: Path) -> None:
    one, third = trained(("tcn",), learnable, tmp_path / "a", epochs=2, seeds=(1, 2))
    (other,) = trained(("tcn",), learnable, tmp_path / "b", epochs=2)
    losses = [found.row["validation_loss"].item() for found in (one, other, third)]
    assert losses[0] == losses[1] != losses[2]


def test_an_interrupted_fall_is_no_convergence(learnable: Learnable, tmp_path: Path) -> None:
    assert not trained(("linear",), learnable, tmp_path, epochs=1)[0].row["converged"].item()


def tables_of(found: list[detectors.Detector], learnable: Learnable) -> tuple[pd.DataFrame, list[np.ndarray]]:
    return pd.concat([one.row for one in found]), [
        detectors.scores(one.network, learnable[0], CLASSES).values for one in found
    ]


def test_detectors_finished_before_a_break_are_not_trained_again(
    learnable: Learnable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, seeds = ("linear", "attention"), (1, 2)
    train, done = detectors._train, []

    def breaking(task: detectors._Task, data: dict) -> dict:
        if task == broken_at:
            raise KeyboardInterrupt
        done.append((task.name, task.seed))
        return train(task, data)

    monkeypatch.setattr(detectors, "_train", breaking)
    broken_at: detectors._Task | None = detectors._Task("attention", CLASSES, 3, 2)
    with pytest.raises(KeyboardInterrupt):
        trained(names, learnable, tmp_path / "broken", epochs=3, seeds=seeds)
    before, broken_at = list(done), None
    resumed = trained(names, learnable, tmp_path / "broken", epochs=3, seeds=seeds)
    assert before == [("linear", 1), ("linear", 2), ("attention", 1)] and done == [*before, ("attention", 2)]
    monkeypatch.setattr(detectors, "_train", train)
    (rows, values), (other_rows, others) = (
        tables_of(one, learnable)
        for one in (resumed, trained(names, learnable, tmp_path / "whole", epochs=3, seeds=seeds))
    )
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), other_rows.drop(columns="seconds"))
    for one, other in zip(values, others, strict=True):
        np.testing.assert_array_equal(one, other)
    again = trained(names, learnable, tmp_path / "broken", epochs=3, seeds=seeds)
    pd.testing.assert_frame_equal(tables_of(again, learnable)[0], rows)  # seconds are those of the training


def test_shards_train_the_detectors_of_one_run(
    learnable: Learnable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, seeds = ("linear", "max"), (1, 2)
    for number in range(3):
        monkeypatch.setattr(shards, "_passed", 0)
        monkeypatch.setenv(shards.VARIABLE, f"1:{number}/3")
        with pytest.raises(shards.ShardEnd):
            trained(names, learnable, tmp_path / "shards", epochs=3, seeds=seeds)
    monkeypatch.delenv(shards.VARIABLE)
    monkeypatch.setattr(detectors, "_train", None)  # nothing is left to train
    in_shards = trained(names, learnable, tmp_path / "shards", epochs=3, seeds=seeds)
    monkeypatch.undo()
    whole = trained(names, learnable, tmp_path / "whole", epochs=3, seeds=seeds)
    for one, other in zip(in_shards, whole, strict=True):
        assert (one.name, one.row["seed"].item()) == (other.name, other.row["seed"].item())
        for weights, others in zip(one.network.parameters(), other.network.parameters(), strict=True):
            assert torch.equal(weights, others)


# --- decisions


def test_a_level_is_tuned_on_validation_alone() -> None:
    truth = np.zeros((2, 20), dtype=bool)
    truth[:, 5:10] = True
    fine = np.repeat(truth, 2, axis=1)
    validation, test = split_of(truth, "validation"), split_of(truth)
    low = scores_of(validation, np.where(fine, 0.3, 0.02))
    made = decisions.judged("linear", {"validation": validation, "test": test}, [{"validation": low, "test": low}])
    means = {one.rule: float(one.values.mean()) for one in made if one.metric == "iou"}
    assert means[decisions.EVEN] == 0 and means[decisions.LEVEL] == 1 and means[decisions.CSEBBS] == 1
    # A test split on another scale is not adapted to.
    other = scores_of(test, np.where(fine, 0.04, 0.02))
    made = decisions.judged("linear", {"validation": validation, "test": test}, [{"validation": low, "test": other}])
    assert next(float(one.values.mean()) for one in made if one.rule == decisions.LEVEL) == 0


def test_seeds_are_averaged_for_every_instance() -> None:
    truth = np.array([[True] * 10 + [False] * 10])
    splits = {"validation": split_of(truth, "validation"), "test": split_of(truth)}
    right, wrong = (scores_of(splits["test"], np.repeat(of, 2, axis=1).astype(float)) for of in (truth, ~truth))
    runs = [{"validation": right, "test": right}, {"validation": right, "test": wrong}]
    made = decisions.judged("tcn", splits, runs, (decisions.EVEN,))
    assert [one.values.tolist() for one in made] == [[0.5], [0.5]]


def test_a_perfect_detector_is_held_back_by_its_grid() -> None:
    events = pd.DataFrame({"clip": "c0", "label": "Bell", "onset": [0.31], "offset": [0.79]})
    truth = np.zeros((1, 20), dtype=bool)
    truth[0, 3:8] = True
    made = study.perfect(split_of(truth), events, [(0.32, 0.0), (0.1, 0.0)])
    values = {(one.method, one.rule): one.values[0] for one in made if one.metric == "iou"}
    # Steps of 0.32 s from 0 to 0.96 s: ten frames touched for five that are active.
    assert_allclose(values["perfect_0.32", study.TOUCHED], 0.5)
    assert values["perfect_0.1", study.TOUCHED] == 1.0


# --- what the page says


def tidy() -> tuple[pd.DataFrame, pd.DataFrame, Split]:
    rng = np.random.default_rng(0)
    split = split_of(np.ones((40, 20), dtype=bool))
    base = rng.uniform(0.6, 0.9, 40)
    levels = {
        ("localiser", study.FOUND): 0.0,
        ("localiser", study.TOUCHED): -0.01,
        ("localiser", study.CALIBRATED): 0.06,
        ("linear", decisions.MEDIAN): -0.05,
        ("tcn", decisions.MEDIAN): 0.0595,
        ("perfect_0.04", study.TOUCHED): 0.09,
    }
    made = [Series(*key, "iou", base + up + rng.normal(0, 0.001, 40)) for key, up in levels.items()]
    made += [Series(one.method, one.rule, "f1", one.values) for one in made]
    events = split.index.assign(source_file=[f"s{i % 20}.wav" for i in range(40)])
    return (
        *decided.report(split.index, made, study.pairs(made), events, classes=["Bell"], replicates=100, seed=0),
        split,
    )


def test_the_answer_names_gain_and_ceilings() -> None:
    ceilings, differences, _ = tidy()
    said = overview.ceilings(ceilings, differences)
    assert "a difference of 0.06" in said and "above the linear detector" in said
    assert "level with the best detector with strong labels" in said and "TCN" in said


def test_the_answer_rests_on_the_intervals_over_clips_and_source_files() -> None:
    ceilings, differences, _ = tidy()
    assert set(differences["resampled"]) == {CLIPS, TWO_WAY}
    wide = differences["resampled"] == TWO_WAY
    told = differences.assign(
        ci_low=differences["ci_low"].where(~wide, -0.5), ci_high=differences["ci_high"].where(~wide, 0.5)
    )
    assert "not told apart from the linear detector" in overview.ceilings(ceilings, told)
    other = differences.assign(
        ci_low=differences["ci_low"].where(wide, -0.5), ci_high=differences["ci_high"].where(wide, 0.5)
    )
    assert overview.ceilings(ceilings, other) == overview.ceilings(ceilings, differences)
    assert tables.differences_table(other).equals(tables.differences_table(differences))


def test_tables_and_figures_of_a_run() -> None:
    ceilings, differences, _ = tidy()
    shown = tables.ceilings_table(ceilings)
    assert shown["Detector"].iloc[0] == "A perfect detector every 0.04 s"
    assert dict(zip(shown["Detector"], shown["time labels"], strict=True))["Localiser"] == "none"
    assert len(tables.differences_table(differences)) == 6
    drawn = figures.ceilings(ceilings.assign(n=ceilings["n"].where(ceilings["class"] == "all", 3)))
    assert drawn.axes
    # Instances of single classes are not what is drawn.
    assert str(drawn._repr_mimebundle_()[describe.MIME]).count("n = 40.") and "3 to" not in str(
        drawn._repr_mimebundle_()
    )


def test_names_are_checked() -> None:
    assert names_of("detectors", "all") == (*STRONG, *WEAK)
    with pytest.raises(IgsedError, match="parameter 'detectors' is 'lstm'"):
        Ceilings(detectors="lstm")
    with pytest.raises(IgsedError, match="parameter 'poolings' is ''"):
        Ceilings(poolings="")


def test_training_is_listed_in_words() -> None:
    row = {"seed": 1, "detector": "tcn", "time_labels": True, "epochs": 9, "best_epoch": 4, "converged": True}
    rows = [{**row, "validation_loss": 0.5, "seconds": 2.0}, {**row, "time_labels": False, "converged": False}]
    told = tables.training_table(pd.DataFrame(rows))
    assert told["Detector"].tolist() == ["TCN, strong labels"] * 2
    assert told["time labels"].tolist()[0] == "training" and told["converged"].tolist() == ["yes", "no"]


def test_what_the_front_page_says_of_detectors_with_time_labels_has_its_n() -> None:
    for number in range(12):
        made = Tables(number, "plain")
        said = overview.against_labels(*made.ceilings())
        if said != "This run has no such detector.":
            assert re.search(r"The best was picked on these clips \(from \d+ instances?( only)?\)\.$", said), said
            assert "difference" in said
