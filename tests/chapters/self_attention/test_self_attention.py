"""Page 18: figures by hand, attention where it must fall, and the study from end to end on tones."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root
from igsed_core.base.shipped import Shipped
from igsed_core.chapters.self_attention import (
    attended,
    audit,
    cost,
    figures,
    main_experiment,
    material,
    measure,
    overview,
    study,
    systems,
    tables,
)
from igsed_core.chapters.self_attention.material import Material
from igsed_core.chapters.self_attention.measure import EVEN, TUNED, Judge, Measured, Result
from igsed_core.chapters.self_attention.params import SelfAttentionStudy
from igsed_core.chapters.self_attention.study import Trained
from igsed_core.chapters.self_attention.systems import CRNN, SCRAMBLED, System
from igsed_core.data import audio, dataset
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.framewise_crnn import Recipe
from igsed_core.metrics import judging
from igsed_core.metrics.error_rates import Events
from igsed_core.models.detectors.crnn import Shape

shipped = Shipped("self_attention")

RATE, HOP = 4000, 0.1
CLASSES = ("High", "Low")
RECIPE = Recipe(Shape(channels=4, kernel=3, units=4, dropout=0.0), epochs=2, batch_size=4, learning_rate=5e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Tones of two pitches in noise, one or two in each clip of 10 s."""
    root, rng = tmp_path_factory.mktemp("tones"), np.random.default_rng(0)
    clips, events = [], []
    for split, n in (("train", 6), ("validation", 3), ("test", 14)):
        (root / split).mkdir()
        for i in range(n):
            name = f"{split}_{i}"
            samples = 0.001 * rng.standard_normal(10 * RATE)
            for label, hertz in (("High", 1500.0), ("Low", 300.0)):
                onset, length = rng.uniform(0, 6), rng.uniform(1, 3)
                rows = slice(round(onset * RATE), round((onset + length) * RATE))
                samples[rows] += 0.3 * np.sin(2 * np.pi * hertz * np.arange(10 * RATE)[rows] / RATE)
                events.append((name, label, onset, onset + length))
            audio.write(root / split / f"{name}.flac", samples, RATE)
            clips.append((name, split, f"{split}/{name}.flac"))
    data = dataset.from_tables(
        root,
        pd.DataFrame(clips, columns=["clip", "split", "file"]),
        sample_rate=RATE,
        events=pd.DataFrame(events, columns=["clip", "label", "onset", "offset"]),
        duration=10.0,
    )
    return material.prepare(data, hop=HOP)


@pytest.fixture(scope="module")
def trained(sounds: Material, tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    wanted = [*systems.compared((1.0, 10.0), (0.5, 1.0), 1.0), *systems.audited(1.0, (0.5, 1.0))]
    folder = tmp_path_factory.mktemp("networks")
    return study.train(wanted, sounds, RECIPE, folder, seeds=1, seed=3, workers=1)


@pytest.fixture(scope="module")
def judge(sounds: Material) -> Judge:
    return Judge.of(sounds, replicates=60, seed=0)


@pytest.fixture(scope="module")
def results(trained: list[Trained], judge: Judge) -> list[Result]:
    return [measure.evaluate(one, judge) for one in trained]


# --- what is compared


def test_systems_are_named_once_and_released_choices_are_one_at_a_time() -> None:
    every = [*systems.compared((0.25, 1.0), (0.25, 1.0), 1.0), *systems.audited(1.0, (0.25, 1.0))]
    names = [one.name for one in every]
    assert names == [
        *("crnn", "width_0.25", "width_1", "heads", "average_1"),
        *("scrambled", "scrambled_width_1", "windows_dropped", "first_weights"),
    ]
    assert len({one.title for one in every}) == len(every)
    assert all(sum(dataclasses.astuple(one.released)) <= 1 for one in every)
    assert [one.name for one in systems.audited(1.0, ())] == ["scrambled", "scrambled_width_1"]
    several = audit.comparisons(1.0, several=True)
    assert {name for pair in several.values() for name in pair} <= set(names)
    assert set(several) == set(audit.QUESTIONS) and systems.DROPPED not in audit.comparisons(1.0, several=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"attention_widths": "1, x"}, "'attention_widths' is '1, x'"),
        ({"attention_widths": ""}, "names no window"),
        ({"attention_heads": "1, 1"}, "different numbers of seconds"),
        ({"attention_heads": "1"}, "one head is an entry of 'attention_widths'"),
        ({"attention_widths": "0, 1"}, "seconds above 0"),
        ({"attention_test": 0}, "the recipe needs"),
    ],
)
def test_bad_parameters_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        SelfAttentionStudy(**values)  # type: ignore[arg-type]


def test_a_folder_of_sounds_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"'attention_data' is .*gone, which is no folder"):
        SelfAttentionStudy(attention_data=str(tmp_path / "gone")).outside()
    assert SelfAttentionStudy(attention_data=str(tmp_path)).outside()["urbansound8k"] is False


def test_the_audits_window_is_that_nearest_to_a_second() -> None:
    assert SelfAttentionStudy(attention_widths="0.1, 2, 0.9").middle == 0.9
    assert SelfAttentionStudy(attention_heads="none").heads == ()


# --- figures by hand


def events(*rows: tuple[int, int, float, float], n_clips: int = 1) -> Events:
    table = np.array(sorted(rows), dtype=float).reshape(-1, 4)
    return Events(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:], n_clips)


def test_overlapping_events_of_a_class_are_one() -> None:
    rows = [("a", "x", 0.0, 1.0), ("a", "x", 0.5, 2.0), ("a", "y", 0.5, 2.0), ("b", "x", 9.0, 10.5)]
    found = material.merged(["a", "b"], pd.DataFrame(rows, columns=["clip", "label", "onset", "offset"]), ["x", "y"])
    assert found.clip.tolist() == [0, 0, 1] and found.label.tolist() == [0, 1, 0]
    assert found.times.tolist() == [[0.0, 2.0], [0.5, 2.0], [9.0, 10.0]]


def test_polyphony_counts_what_sounds_at_once() -> None:
    true = events((0, 0, 0.0, 4.0), (0, 1, 1.0, 2.0), (0, 2, 3.0, 5.0), (1, 0, 0.0, 1.0), n_clips=2)
    assert measure.polyphony(true).tolist() == [2, 2, 2, 1]
    assert measure.polyphony(events((0, 0, 0.0, 4.0), (0, 1, 1.0, 4.0), (0, 2, 2.0, 4.0))).tolist() == [3, 3, 3]


def test_a_filter_closes_gaps_and_a_level_is_tuned(sounds: Material) -> None:
    part = sounds.parts["validation"]
    perfect = part.targets.transpose(1, 2).double().numpy() * 0.3  # sure of what is there at a low level
    assert measure.tune(perfect, part, HOP, measure._events)[0] < 0.3
    holed = perfect.copy()
    holed[:, :, ::7] = 0.0
    level, median = measure.tune(holed, part, HOP, measure._events)
    assert level < 0.3 and median > 0
    whole, gaps = (measure._events(measure.detections(holed, 0.15, m, HOP), part, 2).f1() for m in (median, 0.0))
    assert whole[0].sum() / whole[1].sum() > gaps[0].sum() / gaps[1].sum()


def perfect_result(sounds: Material, judge: Judge, name: str, values: float) -> Result:
    one = Trained(System(name), 0, None, pd.DataFrame(), 0.0)  # type: ignore[arg-type]
    drawn = values + 0.01 * np.random.default_rng(0).standard_normal(len(judge.drawn))
    measured = [Measured(name, 0, rule, metric, drawn, 14) for rule in measure.RULES for metric in measure.COMPARED]
    return Result(one, measured, np.ones(1, dtype=bool), ((0.5, 0.0), (0.5, 0.0)))


def test_differences_are_paired_and_verdicts_need_holm(sounds: Material, judge: Judge) -> None:
    made = [perfect_result(sounds, judge, name, value) for name, value in ((CRNN, 0.3), ("width_1", 0.5))]
    found = measure.differences(made, audit.pairs(["width_1"], 1.0))
    assert np.allclose(found["value"], 0.2) and set(found["n"]) == {14}
    # Their draws move together, so that the differences do not vary: nothing is decided.
    assert set(found["verdict"]) == {"not decided"}
    shifted = [
        dataclasses.replace(m, values=m.values + 0.02 * np.random.default_rng(i + 1).standard_normal(61))
        for i, m in enumerate(made[1].measured)
    ]
    apart = measure.differences(
        [made[0], dataclasses.replace(made[1], measured=shifted)], audit.pairs(["width_1"], 1.0)
    )
    assert set(apart["verdict"]) == {"above"} and (apart["p_holm"] < 0.05).all()


def test_a_network_that_knows_all_is_perfect(sounds: Material, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    sure = {id(part.maps): part.targets.transpose(1, 2).double().numpy() for part in sounds.parts.values()}
    monkeypatch.setattr(measure, "probabilities", lambda _, maps: sure[id(maps)])
    found = measure.summary([measure.evaluate(Trained(System(CRNN), 0, None, pd.DataFrame(), 0.0), judge)])  # type: ignore[arg-type]
    by = found.set_index(["rule", "metric"])["value"]
    for metric in (measure.EVENT_F, measure.SEGMENT_F):
        assert by[EVEN, metric] == pytest.approx(1.0, abs=0.1) and by[TUNED, metric] == pytest.approx(1.0, abs=0.1)
    assert by[EVEN, measure.EVENT_F] == 1.0 and by[EVEN, measure.EVENT_ER] == 0.0
    assert by["none", measure.PSDS_1] > 0.95 and by["none", measure.PSDS_2] > 0.95 and by[EVEN, measure.IOU] > 0.85


# --- attention


def test_uniform_attention_puts_on_an_event_its_share_of_the_window(sounds: Material, trained: list[Trained]) -> None:
    whole = copy.deepcopy(next(one for one in trained if one.system.name == "width_10"))  # others look at it, too
    with torch.no_grad():
        for weights in (whole.network.attention.weight, whole.network.attention.bias):  # type: ignore[union-attr]
            weights.zero_()  # all scores are equal
    part = sounds.parts["test"]
    found = attended.mass(whole, part, HOP)
    lengths = np.ceil(part.true.times / HOP - 1e-9) @ [-1, 1] / 100
    assert np.allclose(found[attended.ATTENTION], lengths, atol=1e-6)
    assert np.allclose(found[attended.UNIFORM], lengths, atol=1e-9)
    # The tones are far above the noise: energy lies in them.
    assert found[attended.ENERGY].mean() > found[attended.UNIFORM].mean() + 0.1


# --- from end to end


def test_the_study_from_end_to_end(
    sounds: Material, trained: list[Trained], judge: Judge, results: list[Result]
) -> None:
    titles = systems.titles((1.0, 10.0), (0.5, 1.0), 1.0)
    assert {one.system.name for one in trained} == set(titles)
    told = study.training(trained)
    assert (told["epochs"] == 2).all() and len(tables.training_table(told, titles)) == len(titles)
    found = measure.summary(results)
    rates = found["metric"].str.contains("_er")
    assert found.loc[~rates, "value"].between(0, 1).all() and found["value"].ge(0).all() and set(found["n"]) == {14}
    assert len(tables.main_table(found, titles, found)) == len(titles)
    assert len(tables.untuned_table(found, titles)) == len(titles)
    figures.against_width(found)
    figures.against_width(found, found)
    apart = measure.differences(results, audit.pairs(["width_1", "width_10", "heads", "average_1"], 1.0))
    assert len(apart) == 14 * len(measure.COMPARED)
    decided = int((apart["verdict"] != judging.NOT_DECIDED).sum())
    assert len(tables.difference_table(apart, titles, apart)) == decided + (decided < len(apart))
    assert "test clips" in overview.memory(found, apart) and "filter" in overview.smoothing(apart)
    by_event = measure.by_event(results, judge)
    assert by_event[by_event["by"] == "length"].groupby("system")["n"].sum().eq(28).all()
    figures.found_events(by_event, titles)
    assert "moving average over the same window" in overview.average(apart)
    mass = attended.table(trained, judge)
    assert mass["value"].between(0, 1).all() and len(tables.mass_table(mass, titles, mass)) == 3 * 7
    even = mass[mass["system"] == "average_1"].set_index("weights")["value"]
    assert even["attention"] == pytest.approx(even["uniform"])
    assert "on the same event" in overview.mass(mass)
    judged = audit.table(results, 1.0, several=True)
    assert set(judged["choice"]) == set(audit.QUESTIONS)
    silent = int((judged["verdict"] == judging.NOT_DECIDED).sum())
    assert len(tables.audit_table(judged, judged)) == len(judged) - silent + bool(silent)
    assert "reshape" in overview.released(judged) and "Whether the paper's runs" in overview.explains(judged)
    assert "0.50 was asked" in overview.reached(found)
    one = next(one for one in trained if one.system.name == "width_1")
    part = sounds.parts["test"]
    weights = one.network.weights(part.maps[:1])[0].numpy()
    samples = sounds.data.read(part.clips.iloc[:1])[0]
    shown = figures.attention_map(samples, RATE, part.events.iloc[:2], weights, HOP)
    assert len(shown.axes) == 4
    assert len(tables.published_table(audit.published())) == 6


def test_networks_are_the_same_twice(sounds: Material, trained: list[Trained], tmp_path: Path) -> None:
    one = next(one for one in trained if one.system.name == "width_1")
    again = study.train([one.system], sounds, RECIPE, tmp_path, seeds=1, seed=3, workers=1)[0]
    for first, second in zip(again.network.parameters(), one.network.parameters(), strict=True):
        assert torch.equal(first, second)


def test_networks_finished_before_a_break_are_not_trained_again_and_shards_train_the_same(
    sounds: Material, trained: list[Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, train = [one.system for one in trained], study._train
    done: list[str] = []
    most = 2

    def counted(job: study._Job, data: study._Data) -> dict[str, Any]:
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(job.system.name)
        return train(job, data)

    def again(folder: str) -> pd.DataFrame:
        found = study.train(wanted, sounds, RECIPE, tmp_path / folder, seeds=1, seed=3, workers=1)
        for one, other in zip(found, trained, strict=True):
            assert one.system == other.system
            for weights, others in zip(
                one.network.state_dict().values(), other.network.state_dict().values(), strict=True
            ):
                assert torch.equal(weights, others)
        return study.training(found)

    monkeypatch.setattr(study, "_train", counted)
    with pytest.raises(KeyboardInterrupt):
        again("broken")
    most = 100
    resumed = again("broken")
    assert done == [system.name for system in wanted]
    most = len(done)  # none more
    pd.testing.assert_frame_equal(again("broken"), resumed)  # seconds are those of the training
    assert (resumed["seconds_per_epoch"] > 0).all()
    most = 100
    for number in range(2):
        monkeypatch.setattr(shards, "_passed", 0)
        monkeypatch.setenv(shards.VARIABLE, f"1:{number}/2")
        with pytest.raises(shards.ShardEnd):
            again("shards")
    monkeypatch.delenv(shards.VARIABLE)
    most = len(done)
    pd.testing.assert_frame_equal(
        again("shards").drop(columns="seconds_per_epoch"), resumed.drop(columns="seconds_per_epoch")
    )


def test_levels_of_the_main_experiment_are_chosen_on_validation() -> None:
    truth = np.array([[True, True, False, False]] * 4)
    index = pd.DataFrame({"split": "test", "clip": list("abcd"), "label": "Bell"})
    scores = np.tile([0.4, 0.35, 0.2, 0.1], (4, 1))
    both = {split: Instances(index, truth, {"fw_ws": scores}) for split in ("validation", "test")}
    found = {(one.rule, one.metric): one for one in main_experiment.series(both, "fw_ws")}
    assert 0.2 <= found["level", "iou"].threshold < 0.35 and (found["level", "iou"].values == 1).all()
    assert (found["percentile", "f1"].values == 1).all() and (found["level", "pointing_game"].values == 1).all()


# --- the run that ships


def test_without_shipped_tables_nothing_stands_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "Snakefile").touch()
    monkeypatch.setenv("IGSED_PROJECT", str(tmp_path))
    assert shipped.table("self_attention") is None
    assert "No run of full size ships" in overview.shipped_run(shipped.record())


def test_what_ships_is_from_the_parameter_file_that_ships() -> None:
    record = shipped.record()
    if record is None:
        pytest.skip("no full-size run ships yet")
    file = yaml.safe_load((project_root() / "params" / "self_attention.yaml").read_text(encoding="utf-8"))
    mine = {name: value for name, value in record["params"].items() if name in file}
    assert mine == {name: file[name] for name in mine} and {n for n in file if n.startswith("attention_")} <= set(mine)
    for name in record["tables"]:
        assert shipped.table(name) is not None
    found, judged = shipped.table("self_attention"), shipped.table("self_attention_audit")
    assert found is not None and judged is not None
    assert "moving average" in overview.memory(found, shipped.table("self_attention_differences"))  # type: ignore[arg-type]
    assert SCRAMBLED in set(judged["choice"]) and "reaches it" in overview.reached(found)


def test_what_differs_in_the_attention_is_seen() -> None:
    """Weights that differ by a tenth were a plane of one colour on a scale from zero to two."""
    weights = np.full((40, 40), 1 / 40)
    weights[:, 10:20] *= 1.1
    events = pd.DataFrame({"label": ["Dog"], "onset": [1.0], "offset": [2.0]})
    drawn = figures.attention_map(np.random.default_rng(0).normal(size=4000), 1000, events, weights, 0.1)
    image = drawn.axes[2].get_images()[0]
    low, high = image.norm(1.0), image.norm(1.1)
    assert float(high) - float(low) > 0.9
    labels = [ax.get_xlabel() for ax in drawn.axes]
    assert any("98 % lie from 1.00 to 1.10" in label for label in labels), labels


def test_what_is_decided_stands_first_and_what_is_not_is_counted() -> None:
    rows = [
        (0.0, 0.0, 0.0),
        (0.02, -0.1, 0.2),
        (0.3, 0.2, 0.4),
        (0.0, 0.0, 0.0),
        (-0.5, -0.6, -0.4),
        (0.0, -0.01, 0.01),
    ]
    apart = pd.DataFrame(rows, columns=["value", "ci_low", "ci_high"]).assign(
        system="width_1", rule=EVEN, other=CRNN, other_rule=TUNED, metric=measure.EVENT_F, n=20
    )
    apart = judging.judge_family(apart, [0.0001] * len(apart), margin=measure.MARGIN)
    told = tables.difference_table(apart, {})
    assert told["verdict"].tolist() == ["below", "above", "level", "not told apart", "not decided"]
    assert told["Network"].iloc[-1] == "2 more left out, in 2 both are equal"
    at_full_size = tables.difference_table(apart, {}, apart.head(1).assign(verdict="level"))
    assert "2 more left out" not in set(at_full_size["Network"])  # all have the key that the larger run decides
    said = overview.undecided(apart)
    assert said.startswith("2 of 6 comparisons") and "in 2 both networks have the same figure" in said
    assert "not defined" not in said and overview.undecided(apart[apart["value"] != 0]) == ""


def test_what_a_step_costs_is_said_from_the_table() -> None:
    table = pd.DataFrame(
        {
            "case": ["small", "large", "large"],
            "frames": [10, 20, 20],
            "batch": [2, 3, 3],
            "width_s": [1.0, 1.0, 10.0],
            "windowed_peak_mib": [0.5, 1.5, 2.5],
            "plain_peak_mib": [5.0, 80.0, 80.0],
            "plain_over_windowed": [0.9, 2.0, 3.0],
            "gathered_over_windowed": [1.2, 1.4, np.nan],
        }
    )
    told = overview.step_cost(table)
    assert "0.9 to 3.0 times as long" in told and "1.2 to 1.4 times as long" in told and "(n = 2)" in told
    assert "1.5 to 2.5 MiB at once for 3 clips of 20 frames, by its window" in told and "80 MiB with all pairs" in told
    assert "times as long" in overview.step_cost(cost.measured())
