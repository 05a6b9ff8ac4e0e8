"""Maps of many clips: the same however they are computed, and computed once."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.attribution import maps
from igsed_core.attribution.ig import engines
from igsed_core.attribution.ig.base import Attribution
from igsed_core.base import files, progress
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, soundscapes
from igsed_core.data.clips import MemoryClips
from igsed_core.metrics import frames
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from tiny_classifier import CLASSES, RATE, TinyEncoder, TinyExplainer, tiny_head

OPTIONS = (("quadrature", "gausslegendre"), ("n_steps", 6), ("target", "logit"), ("internal_batch_size", 4))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def explainer(tmp_path: Path) -> TinyExplainer:
    rng = np.random.default_rng(0)
    for split, clip in (("validation", "v0"), ("test", "t0"), ("test", "t1")):
        samples = 0.3 * rng.uniform(-1, 1, 500) * np.repeat(rng.random(5), 100)
        audio.write(tmp_path / "soundscapes" / split / f"{clip}.flac", samples, RATE)
    head = tmp_path / "clip_level.safetensors"
    heads.save(tiny_head(), "clip_level", head)
    return TinyExplainer("tiny", "", head, tmp_path / "soundscapes", "captum", OPTIONS)


DETECTED = pd.DataFrame(
    [("validation", "v0", "Hum"), ("test", "t0", "Hum"), ("test", "t0", "Bell"), ("test", "t1", "Bell")],
    columns=["split", "clip", "label"],
)


def same(one: ScoresOverTime, other: ScoresOverTime) -> None:
    assert_array_equal(one.absolute, other.absolute)
    assert_array_equal(one.values, other.values)
    pd.testing.assert_frame_equal(one.index.drop(columns="seconds"), other.index.drop(columns="seconds"))


def test_a_map_is_the_attribution_at_ten_milliseconds(explainer: TinyExplainer, tmp_path: Path) -> None:
    found = maps.compute(explainer, DETECTED, tmp_path / "maps", workers=1)
    assert found.absolute.shape == found.values.shape == (4, 50)
    pd.testing.assert_frame_equal(found.index[["split", "clip", "label"]], DETECTED)
    classifier = Classifier(TinyEncoder(), tiny_head())  # type: ignore[arg-type]
    engine = engines.create("captum", **dict(OPTIONS))
    for i, (split, clip, label) in enumerate(DETECTED.itertuples(index=False)):
        rows = pd.DataFrame({"split": [split], "clip": [clip]})
        x = torch.from_numpy(soundscapes.read_clips(explainer.soundscapes, rows)[0])
        wanted = engine(classifier, x, [CLASSES.index(label)])
        windows = wanted.samples[0].reshape(50, 10)
        assert_allclose(found.absolute[i], windows.abs().mean(dim=1), rtol=1e-5, atol=1e-9)
        assert_allclose(found.values[i], windows.mean(dim=1), rtol=1e-5, atol=1e-9)
        row = found.index.iloc[i]
        assert row["score"] == pytest.approx(float(wanted.score), rel=1e-5)
        assert row["baseline_score"] == pytest.approx(float(wanted.baseline_score), rel=1e-5)
        assert row["completeness_error"] == pytest.approx(float(wanted.completeness_error), abs=1e-5)
        assert row["n_steps"] == 6
        assert row["seconds"] > 0


def test_two_workers_give_the_maps_of_one(explainer: TinyExplainer, tmp_path: Path) -> None:
    one = maps.compute(explainer, DETECTED, tmp_path / "one", workers=1)
    two = maps.compute(explainer, DETECTED, tmp_path / "two", workers=2)
    same(one, two)
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["t0.npz", "t1.npz", "v0.npz"]


def test_maps_that_exist_are_not_computed_again(explainer: TinyExplainer, tmp_path: Path) -> None:
    out = tmp_path / "maps"
    first = maps.compute(explainer, DETECTED, out, workers=1)
    (out / "t0.npz").unlink()  # as if it had been stopped there
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    second = maps.compute(explainer, DETECTED, out, workers=1)
    after = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    assert {name: after[name] for name in before} == before
    assert after.keys() == {"v0.npz", "t0.npz", "t1.npz"}
    same(first, second)
    same(first, maps.read(out, DETECTED))


def test_a_head_that_was_trained_again_is_loaded_again(explainer: TinyExplainer, tmp_path: Path) -> None:
    """A kernel lives on while another notebook writes new heads to the same place."""
    first = maps.compute(explainer, DETECTED, tmp_path / "one", workers=1)
    heads.save(tiny_head(seed=1), "clip_level", explainer.head)
    second = maps.compute(explainer, DETECTED, tmp_path / "two", workers=1)
    assert (first.index["score"] != second.index["score"]).all()


def test_maps_of_one_clip(explainer: TinyExplainer, tmp_path: Path) -> None:
    found = maps.compute(explainer, DETECTED, tmp_path / "maps", workers=1)
    of_clip = found.read_as("absolute").of_clip("t0")
    assert list(of_clip) == ["Hum", "Bell"]
    assert_array_equal(of_clip["Bell"], found.absolute[2])


def test_a_missing_head_is_named(explainer: TinyExplainer, tmp_path: Path) -> None:
    without = dataclasses.replace(explainer, head=tmp_path / "no.safetensors")
    with pytest.raises(IgsedError, match=r"no\.safetensors is missing: run notebook 02_training first"):
        maps.compute(without, DETECTED, tmp_path / "maps", workers=1)
    assert not list((tmp_path / "maps").glob("*"))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40), st.integers(1, 12))
def test_readings_of_the_sign(samples: list[float], window: int) -> None:
    """The mean positive part of a window follows from its absolute and its signed mean."""
    x = np.array(samples)
    absolute, signed = (frames.window_mean(values, window)[None] for values in (np.abs(x), x))
    found = ScoresOverTime(pd.DataFrame(index=[0]), signed, 0.01, absolute=absolute)
    assert_array_equal(found.read_as("absolute").values, absolute)
    assert_array_equal(found.read_as("signed").values, signed)
    assert_allclose(found.read_as("positive").values[0], frames.window_mean(np.maximum(x, 0), window), atol=1e-9)


def test_points_are_those_of_each_map(
    explainer: TinyExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adaptive rule spends more on one class of a clip than on another."""

    create = engines.create

    def adaptive(classifier: Classifier, waveform: torch.Tensor, classes: list[int]) -> Attribution:
        found = create("captum", **dict(OPTIONS))(classifier, waveform, classes)
        return dataclasses.replace(found, n_steps=9, points=torch.tensor([7, 9])[: len(classes)])

    monkeypatch.setattr(engines, "create", lambda name: adaptive)
    chosen = dataclasses.replace(explainer, engine="adaptive", options=())
    found = maps.compute(chosen, DETECTED, tmp_path / "maps", workers=1)
    assert list(found.index["n_steps"]) == [7, 7, 9, 7]


@pytest.mark.parametrize(
    ("workers", "told"), [(1, "3 minutes (60 s for one)"), (2, "2 minutes (60 s for one, 2 at a time)")]
)
def test_the_time_is_told_before(
    workers: int, told: str, explainer: TinyExplainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """One batch of 4 of the 6 points of the first map in 30 s: 45 s a map, four maps of three clips."""
    monkeypatch.delenv(progress.TERMINAL_VARIABLE, raising=False)
    tried = []
    monkeypatch.setattr(progress, "seconds_of", lambda trial: tried.append(trial()) or 30.0)
    maps.compute(explainer, DETECTED, tmp_path / "maps", workers=workers)
    assert f"attribution: 3 clips, about {told}\n" in capsys.readouterr().err
    assert tried[0].shape == (1, 500)  # the trial explains the first clip's classes
    assert torch.get_num_threads() == 1
    maps.compute(explainer, DETECTED, tmp_path / "maps", workers=workers)
    assert len(tried) == 1  # nothing left to do


# --- a file names what it holds


def computed(explainer: TinyExplainer, out: Path) -> ScoresOverTime:
    return maps.compute(explainer, DETECTED, out, workers=1)


def test_a_file_copied_over_another_clips_is_an_error(explainer: TinyExplainer, tmp_path: Path) -> None:
    computed(explainer, tmp_path / "maps")
    shutil.copy(tmp_path / "maps" / "t1.npz", tmp_path / "maps" / "t0.npz")
    for again in (computed, lambda _, out: maps.read(out, DETECTED)):
        with pytest.raises(IgsedError, match=r"t0\.npz holds scores of something else, clip 't1' and not 't0': delete"):
            again(explainer, tmp_path / "maps")


@pytest.mark.parametrize("labels", [["Hum", "Bell", "Bell", "Bell"], ["Hum", "Bell", "Hum", "Bell"]])
def test_changed_predictions_are_an_error(labels: list[str], explainer: TinyExplainer, tmp_path: Path) -> None:
    """As many classes as before, but others, or in another order: no map is given another name."""
    computed(explainer, tmp_path / "maps")
    changed = DETECTED.assign(label=labels)
    for again in (
        lambda: maps.compute(explainer, changed, tmp_path / "maps", workers=1),
        lambda: maps.read(tmp_path / "maps", changed),
    ):
        with pytest.raises(IgsedError, match=r"npz holds scores of something else, labels \['"):
            again()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"engine": "mel_path"}, "engine 'captum' and not 'mel_path'"),
        ({"options": (*OPTIONS[:2], ("target", "probability"), OPTIONS[3])}, "options {'n_steps': 6"),
    ],
)
def test_another_engine_in_the_same_folder_is_an_error(
    changed: dict[str, object], told: str, explainer: TinyExplainer, tmp_path: Path
) -> None:
    computed(explainer, tmp_path / "maps")
    other = dataclasses.replace(explainer, **changed)
    with pytest.raises(IgsedError, match=re.escape(told)):
        computed(other, tmp_path / "maps")
    with pytest.raises(IgsedError, match=re.escape(told)):
        maps.read(tmp_path / "maps", DETECTED, other.identity())


def test_files_of_two_engines_are_not_read_together(explainer: TinyExplainer, tmp_path: Path) -> None:
    computed(explainer, tmp_path / "maps")
    other = dataclasses.replace(explainer, options=(*OPTIONS[:1], ("n_steps", 3), *OPTIONS[2:]))
    computed(other, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "t1.npz", tmp_path / "maps" / "t1.npz")
    with pytest.raises(IgsedError, match=r"t1\.npz holds scores of something else, options .*'n_steps': 3"):
        maps.read(tmp_path / "maps", DETECTED)


def test_a_head_that_was_trained_again_has_maps_of_its_own(explainer: TinyExplainer, tmp_path: Path) -> None:
    computed(explainer, tmp_path / "maps")
    heads.save(tiny_head(seed=1), "clip_level", explainer.head)
    with pytest.raises(IgsedError, match="head_sha256"):
        computed(explainer, tmp_path / "maps")


def test_a_file_that_does_not_say_what_it_holds_is_an_error(explainer: TinyExplainer, tmp_path: Path) -> None:
    files.write_arrays(tmp_path / "maps" / "v0.npz", absolute=np.zeros((1, 50)), signed=np.zeros((1, 50)))
    with pytest.raises(IgsedError, match=r"v0\.npz does not say what it holds: delete it"):
        computed(explainer, tmp_path / "maps")


# --- identity


def test_an_identity_holds_what_changes_maps_and_nothing_else(explainer: TinyExplainer, tmp_path: Path) -> None:
    mine = explainer.identity()
    assert json.loads(json.dumps(mine)) == mine
    assert mine["options"] == {"quadrature": "gausslegendre", "n_steps": 6, "target": "logit"}
    moved = tmp_path / "moved"
    shutil.copytree(explainer.soundscapes, moved / "soundscapes")
    shutil.copy(explainer.head, moved / "other_name.safetensors")
    batches = tuple({**dict(OPTIONS), "internal_batch_size": 1}.items())
    same_maps = dataclasses.replace(
        explainer,
        head=moved / "other_name.safetensors",
        soundscapes=moved / "soundscapes",
        options=batches,
        device="cpu:0",
    )
    assert same_maps.identity() == mine
    audio.write(moved / "soundscapes" / "test" / "t2.flac", np.zeros(500), RATE)
    for changed in (
        same_maps,
        dataclasses.replace(explainer, engine="mel_path"),
        dataclasses.replace(explainer, encoder="other"),
        dataclasses.replace(explainer, options=(*OPTIONS[:3], ("tolerance", 1.0))),
    ):
        assert changed.identity() != mine


# --- clips in memory, shards


def test_clips_in_memory_have_the_maps_of_their_files(explainer: TinyExplainer, tmp_path: Path) -> None:
    held = MemoryClips({clip: explainer.waveform(split, clip).numpy() for split, clip, _ in DETECTED.to_numpy()})
    from_memory = dataclasses.replace(explainer, soundscapes=held)
    found = computed(from_memory, tmp_path / "memory")
    same(found, computed(explainer, tmp_path / "disk"))
    same(found, maps.compute(from_memory, DETECTED, tmp_path / "two", workers=2))
    louder = MemoryClips({clip: 1.1 * samples for clip, samples in held.samples.items()})
    changed = dataclasses.replace(explainer, soundscapes=louder)
    assert (computed(changed, tmp_path / "louder").values != found.values).any()
    with pytest.raises(IgsedError, match="something else, soundscapes"):
        computed(changed, tmp_path / "memory")
    assert list(held.only("t0").samples) == ["t0"]
    with pytest.raises(IgsedError, match="clip 'no' is not among the 3 clips in memory"):
        held.read("test", "no")


def test_shards_leave_the_files_of_one_run(explainer: TinyExplainer, tmp_path: Path) -> None:
    whole = computed(explainer, tmp_path / "one")
    for i in (1, 0):
        part = maps.compute(explainer, DETECTED, tmp_path / "shards", workers=1, shard=(i, 2))
        assert set(part.index["clip"]) == [{"v0", "t1"}, {"t0"}][i]
    same(whole, maps.read(tmp_path / "shards", DETECTED))
    for clip in ("v0", "t0", "t1"):
        one, other = (files.read_arrays(tmp_path / out / f"{clip}.npz") for out in ("one", "shards"))
        assert one.keys() == other.keys()
        for name in one.keys() - {"column_seconds"}:
            assert one[name].tobytes() == other[name].tobytes()
