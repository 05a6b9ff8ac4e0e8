"""The study of rules and engines: what it measures is what it says, and it goes on where it was stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig import quadrature
from igsed_core.attribution.ig.decibel import MelPathIntegratedGradients
from igsed_core.base import devices
from igsed_core.chapters.engine import one_clip
from igsed_core.chapters.engine import study as engine_study
from igsed_core.data import audio, soundscapes
from igsed_core.detection.evaluation import Instances
from igsed_core.models import heads
from igsed_core.models.encoders import registry as encoders

RATE = 32_000
CLASSES = ("Bell", "Hum")
SETTINGS = engine_study.Settings(reference_points=24, percentile=50.0, batch=25)
FEW = {"gausslegendre": (2, 6), "db_midpoint": (4, 24), "db_adaptive": (16,)}


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    """Untrained head on the encoder of the package, and two clips of 0.6 s whose level rises and falls."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    for clip in ("t0", "t1"):
        envelope = np.repeat(rng.random(6), RATE // 10)
        audio.write(
            folder / "soundscapes" / "test" / f"{clip}.flac", 0.1 * envelope * rng.standard_normal(19_200), RATE
        )
    head = folder / "clip_level.safetensors"
    n_features = encoders.load("embedded").n_features
    heads.save(heads.create("clip_level", n_features, CLASSES, seed=1), "clip_level", head)
    return Explainer("embedded", "", head, folder / "soundscapes", "mel_path", ())


@pytest.fixture(scope="module")
def instances() -> Instances:
    index = pd.DataFrame(
        [("test", "t0", "Hum"), ("test", "t0", "Bell"), ("test", "t1", "Bell")], columns=["split", "clip", "label"]
    )
    return Instances(index, np.arange(6) < np.array([[2], [3], [4]]), {})


@pytest.fixture(scope="module", autouse=True)
def _few_maps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_study, "RULES", FEW)
        patch.setattr(engine_study, "CAPTUM", ("gausslegendre", 6))
        patch.setattr(engine_study, "BOTH_PRECISIONS", ("db_midpoint", 4))
        yield


@pytest.fixture(scope="module")
def study(
    explainer: Explainer, instances: Instances, tmp_path_factory: pytest.TempPathFactory, _few_maps: None
) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("clips")
    return engine_study.compare(explainer, instances, SETTINGS, out, n_clips=2, n_captum=1, workers=1)


def test_each_map_once_for_the_first_class_of_each_clip(study: pd.DataFrame) -> None:
    assert list(study.columns) == engine_study.COLUMNS
    assert set(zip(study["clip"], study["label"], strict=True)) == {("t0", "Hum"), ("t1", "Bell")}
    mine = study[(study["engine"] == "mel_path") & (study["precision"] == "float32")]
    wanted = [(rule, n) for rule, counts in FEW.items() for n in counts]
    for _, of_clip in mine.groupby("clip"):
        assert list(zip(of_clip["quadrature"], of_clip["n_steps"], strict=True)) == [
            ("reference", 24),
            *wanted,
            ("db_adaptive", 24),  # of the other target
        ]
        assert list(of_clip["target"]) == ["logit"] * (1 + len(wanted)) + ["probability"]
    fixed = mine[mine["quadrature"] != "db_adaptive"]
    assert_array_equal(fixed["points"], fixed["n_steps"])
    assert (mine["points"] <= mine["n_steps"]).all()
    assert (study["seconds"] > 0).all()


def test_maps_are_compared_with_the_reference(study: pd.DataFrame) -> None:
    """Over the same levels it is as exact as its rule, and closer to it than few points come."""
    assert_allclose(study.loc[study["quadrature"] == "reference", "cosine"], 1.0, rtol=1e-6)
    assert study["cosine"].between(0, 1 + 1e-6).all()
    same = (
        study[(study["quadrature"] == "db_midpoint") & (study["precision"] == "float32")]
        .groupby("n_steps")["cosine"]
        .min()
    )
    assert same[4] < same[24] < 1
    assert same[24] == pytest.approx(1, abs=0.01)


def test_a_row_is_what_the_engine_gives(study: pd.DataFrame, explainer: Explainer) -> None:
    engine = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=4, batch=3)
    classifier = explainer.load()[0]
    clip = pd.DataFrame({"split": ["test"], "clip": ["t1"]})
    samples = torch.from_numpy(soundscapes.read_clips(explainer.soundscapes, clip)[0])
    result = engine(classifier, samples, [0])
    frames = result.samples[0].abs().reshape(6, -1).mean(dim=1).numpy()
    above = frames > np.median(frames)
    truth = np.arange(6) < 4
    row = study[(study["clip"] == "t1") & (study["quadrature"] == "db_midpoint") & (study["n_steps"] == 4)].iloc[0]
    assert row["completeness_error"] == pytest.approx(float(result.completeness_error), rel=1e-3, abs=1e-5)
    assert row["iou"] == pytest.approx((above & truth).sum() / (above | truth).sum())
    assert row["pointing_game"] == float(truth[frames.argmax()])


def test_bfloat16_is_near_where_the_processor_has_it(study: pd.DataFrame) -> None:
    coarse = study[study["precision"] == "bfloat16"]
    assert len(coarse) == (2 if devices.has_bfloat16("cpu") else 0)
    for _, row in coarse.iterrows():
        same = study[
            (study["clip"] == row["clip"]) & (study["quadrature"] == row["quadrature"]) & (study["n_steps"] == 4)
        ]
        exact = same.loc[same["precision"] == "float32", "cosine"].item()
        assert 0.8 < row["cosine"] < 1
        assert row["cosine"] != exact


def test_captum_agrees_to_rounding(study: pd.DataFrame) -> None:
    captum = study[study["engine"] == "captum"]
    assert list(captum["clip"]) == ["t0"]
    assert captum["difference"].iloc[0] < 1e-4
    same = study[(study["engine"] == "mel_path") & (study["clip"] == "t0") & (study["quadrature"] == "gausslegendre")]
    same = same[same["n_steps"] == 6].iloc[0]
    for measured in ("completeness_error", "cosine", "iou", "pointing_game"):
        assert captum[measured].iloc[0] == pytest.approx(same[measured], rel=1e-3, abs=1e-5)
    assert study.loc[study["engine"] == "mel_path", "difference"].isna().all()


def test_clips_that_are_done_are_not_explained_again(
    explainer: Explainer, instances: Instances, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_study, "RULES", {})
    out, how = tmp_path / "clips", {"n_captum": 0, "workers": 1}
    first = engine_study.compare(explainer, instances, SETTINGS, out, n_clips=1, **how)
    before = (out / "t0.csv").stat().st_mtime_ns
    both = engine_study.compare(explainer, instances, SETTINGS, out, n_clips=2, **how)
    assert (out / "t0.csv").stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(both[both["clip"] == "t0"], first)
    monkeypatch.setattr(engine_study, "_study", None)  # nothing is left to do
    again = engine_study.compare(explainer, instances, SETTINGS, out, n_clips=2, **how)
    pd.testing.assert_frame_equal(again, both)


def test_the_path_leads_from_silence_to_the_clip(explainer: Explainer) -> None:
    path = one_clip.along_path(explainer, "test", "t0", "Hum", target="probability")
    classifier = explainer.load()[0]
    clip = pd.DataFrame({"split": ["test"], "clip": ["t0"]})
    samples = torch.from_numpy(soundscapes.read_clips(explainer.soundscapes, clip)[0])
    with torch.no_grad():
        ends = torch.sigmoid(classifier(torch.stack([torch.zeros_like(samples), samples])))[:, 1].tolist()
    assert path["score"].iloc[[0, -1]].tolist() == pytest.approx(ends, rel=1e-4)
    assert path["gain"].iloc[[0, -1]].tolist() == [0.0, 1.0]
    assert_allclose(quadrature.gain(path["level"].to_numpy()[1:]), path["gain"][1:])


def test_each_reading_of_an_attribution_adds_up_to_the_same(explainer: Explainer) -> None:
    found = one_clip.readings(explainer, "test", "t0", "Hum", target="logit")
    assert_allclose(found.frames, found.time_frequency.sum(axis=1), atol=1e-5)
    assert found.samples.sum() == pytest.approx(found.frames.sum(), rel=1e-3)
    assert found.frames.sum() == pytest.approx(found.change, rel=0.1)
    assert len(found.samples) == 60


def test_cosine() -> None:
    assert engine_study.cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(np.sqrt(0.5))
    assert engine_study.cosine(np.zeros(2), np.ones(2)) == 0.0


def test_nothing_has_more_points_than_the_reference(explainer: Explainer, instances: Instances, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, reference_points=3)
    found = engine_study.compare(explainer, instances, settings, tmp_path, n_clips=1, n_captum=1, workers=1)
    assert (found["n_steps"] <= 3).all()
    found = found[found["precision"] == "float32"]
    assert list(zip(found["engine"], found["quadrature"], found["n_steps"], strict=True)) == [
        ("mel_path", "reference", 3),
        ("mel_path", "gausslegendre", 2),
        ("mel_path", "gausslegendre", 3),
        ("mel_path", "db_midpoint", 3),
        ("mel_path", "db_adaptive", 3),
        ("mel_path", "db_adaptive", 3),
        ("captum", "gausslegendre", 3),
    ]
    assert found["difference"].iloc[-1] < 1e-4
