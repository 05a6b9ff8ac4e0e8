"""The localiser as a tool: trained on weak labels, it finds events whatever the file's length and beginning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from igsed_core.base.errors import IgsedError
from igsed_core.detection import localiser_model, localiser_training
from igsed_core.detection.localiser import Localiser
from igsed_core.models.encoders import registry

RATE = 32_000
FRAME = 0.1 + 1e-6  # s, an evaluation frame
HELD = [[], ["low"], ["high"], ["low", "high"]] * 12


def clip(rng: np.random.Generator, names: list[str], seconds: float = 4.0) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    sound = 0.001 * rng.standard_normal(time.size)
    for name in names:
        begin = rng.uniform(0.5, seconds - 2.0)
        inside = (time > begin) & (time < begin + 1.5)
        sound += 0.3 * np.sin(2 * np.pi * {"low": 440.0, "high": 2000.0}[name] * time) * inside
    return sound.astype(np.float32)


def localiser_of(trained: localiser_training.Trained) -> Localiser:
    return Localiser(trained.model, registry.load(trained.model.encoder))


@pytest.fixture(scope="module")
def trained() -> localiser_training.Trained:
    rng, encoder = np.random.default_rng(0), registry.load("embedded")
    features = [localiser_training.features_of(encoder, clip(rng, names), RATE) for names in HELD]
    return localiser_training.fit(encoder, features, HELD, seed=1)


@pytest.fixture(scope="module")
def recording() -> tuple[NDArray[np.float32], pd.DataFrame]:
    """A minute and a half of noise with tones at known times."""
    rng, time = np.random.default_rng(3), np.arange(90 * RATE) / RATE
    sound, rows = 0.001 * rng.standard_normal(time.size), []
    for i, begin in enumerate(np.arange(6.0, 86.0, 7.3)):
        name, length = ("low", "high")[i % 2], 1.0 + 0.3 * (i % 4)
        inside = (time > begin) & (time < begin + length)
        sound += 0.3 * np.sin(2 * np.pi * {"low": 440.0, "high": 2000.0}[name] * time) * inside
        rows.append((begin, begin + length, name))
    return sound.astype(np.float32), pd.DataFrame(rows, columns=["onset", "offset", "event_label"])


def test_events_of_a_long_recording_are_found(trained: localiser_training.Trained, recording) -> None:
    sound, truth = recording
    found = localiser_of(trained).locate(sound, RATE)
    assert found["event_label"].tolist() == truth["event_label"].tolist()
    # feature frames are 0.32 s long, and the encoder hears beyond them
    assert np.abs(found[["onset", "offset"]].to_numpy() - truth[["onset", "offset"]].to_numpy()).max() < 0.5
    assert (found["probability"] > 0.5).all()


@pytest.mark.parametrize("cut", [3.7, 5.7])  # more than two seconds, and a third of a second, before the first event
def test_events_do_not_depend_on_where_a_recording_begins(
    trained: localiser_training.Trained, recording, cut: float
) -> None:
    sound, _ = recording
    whole = localiser_of(trained).locate(sound, RATE)
    later = localiser_of(trained).locate(sound[round(cut * RATE) :], RATE)
    assert whole["event_label"].tolist() == later["event_label"].tolist()
    moved = later[["onset", "offset"]].to_numpy() + cut - whole[["onset", "offset"]].to_numpy()
    assert np.abs(moved).max() <= FRAME


@pytest.mark.parametrize("begins", [True, False])
def test_an_event_that_the_recording_cuts_reaches_to_its_end(
    trained: localiser_training.Trained, recording, begins: bool
) -> None:
    sound, truth = recording
    event = truth.iloc[3]
    middle = (event["onset"] + event["offset"]) / 2
    part = sound[round(middle * RATE) :] if begins else sound[: round(middle * RATE)]
    found = localiser_of(trained).locate(part, RATE).iloc[0 if begins else -1]
    assert found["event_label"] == event["event_label"]
    assert (found["onset"] if begins else len(part) / RATE - found["offset"]) <= FRAME
    whole = localiser_of(trained).locate(sound, RATE).iloc[3]
    moved = found["offset"] + middle - whole["offset"] if begins else found["onset"] - whole["onset"]
    assert abs(moved) <= FRAME


def test_a_clip_as_long_as_a_window_gives_page_tens_localiser(trained: localiser_training.Trained) -> None:
    import torch

    from igsed_core.attribution.shifted_cam import ShiftedCam
    from igsed_core.models.classifier import Classifier

    localiser = localiser_of(trained)
    sound = clip(np.random.default_rng(9), ["low"], seconds=10.0)
    classifier = Classifier(localiser.encoder, localiser.model.head).eval()
    cam = ShiftedCam(8)(classifier, torch.from_numpy(sound)[None], [[0, 1]])[0]
    sounds = localiser.model.sounds
    of_classes = zip(localiser.classes, cam.signed, strict=True)
    expected = np.stack([sounds[name].log_odds_interleaved(logits, 8) for name, logits in of_classes])
    found = localiser.curves(sound, RATE)
    # But for half a second at either end, where page 10 hears nothing before and after the clip.
    inner = slice(13, 235)
    assert (found.here[inner].T > 0.5).tolist() == (expected[:, inner] > 0).tolist()


def test_the_recording_may_come_in_any_rate_and_number_of_channels(
    trained: localiser_training.Trained, recording
) -> None:
    import soxr

    sound, truth = recording
    for rate, channels in ((44_100, 2), (48_000, 6), (192_000, 1)):
        other = soxr.resample(sound[: 30 * RATE], RATE, rate)
        given = np.stack([other] * channels, axis=1) if channels > 1 else other
        found = localiser_of(trained).locate(given, rate)
        assert found["event_label"].tolist() == truth["event_label"].tolist()[: len(found)]
        assert len(found) == int((truth["offset"] < 30).sum())
    # What half the band is missing from is no recording of the kind that it learned; it is searched all the same.
    assert set(localiser_of(trained).locate(soxr.resample(sound, RATE, 8_000), 8_000)["event_label"]) <= {"low", "high"}


def test_a_file_in_blocks_gives_what_the_samples_give(
    trained: localiser_training.Trained, recording, tmp_path: Path
) -> None:
    import soundfile

    sound = recording[0][: 40 * RATE]
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    of_file, of_samples = localiser_of(trained).of_file(tmp_path / "a.wav"), localiser_of(trained).curves(sound, RATE)
    np.testing.assert_allclose(of_file.here, of_samples.here, atol=1e-5)
    np.testing.assert_allclose(of_file.around, of_samples.around, atol=1e-5)


def test_a_model_file_keeps_everything(trained: localiser_training.Trained, recording, tmp_path: Path) -> None:
    path = tmp_path / "model.igsed"
    localiser_of(trained).save(path)
    again = Localiser.load(path)
    pd.testing.assert_frame_equal(again.locate(recording[0], RATE), localiser_of(trained).locate(recording[0], RATE))
    again.save(tmp_path / "again.igsed")
    assert load_file(path).keys() == load_file(tmp_path / "again.igsed").keys()
    assert localiser_model.load(path).info["clips"] == trained.model.info["clips"]


def test_edges_travel_with_the_model(trained: localiser_training.Trained, tmp_path: Path) -> None:
    from dataclasses import replace

    model = replace(trained.model, edges={"onset": np.array([0.1, -0.1])})
    model.save(tmp_path / "m.igsed")
    assert localiser_model.load(tmp_path / "m.igsed").edges["onset"].tolist() == [0.1, -0.1]


@pytest.fixture(scope="module")
def calibrated() -> localiser_training.Trained:
    rng, encoder = np.random.default_rng(0), registry.load("embedded")
    clips = [clip(rng, names) for names in HELD]
    features = [localiser_training.features_of(encoder, one, RATE) for one in clips]
    sounds = localiser_training.Sounds.of(encoder, clips, RATE)
    return localiser_training.fit(encoder, features, HELD, seed=1, sounds=sounds, gates=6)


def test_calibrated_edges_come_nearer_to_the_truth(
    trained: localiser_training.Trained, calibrated: localiser_training.Trained, recording, tmp_path: Path
) -> None:
    sound, truth = recording
    assert set(calibrated.model.corrections) == {"low", "high"}
    assert set(calibrated.edges["class"]) == {"low", "high"}
    found = localiser_of(calibrated).locate(sound, RATE)
    as_found = localiser_of(calibrated).locate(sound, RATE, edges=False)
    pd.testing.assert_frame_equal(as_found, localiser_of(trained).locate(sound, RATE))
    wanted = truth[["onset", "offset"]].to_numpy()

    def apart(events: pd.DataFrame) -> float:
        return float(np.abs(events[["onset", "offset"]].to_numpy() - wanted).mean())

    assert found["event_label"].tolist() == truth["event_label"].tolist()
    assert apart(found) < 0.7 * apart(as_found)
    localiser_of(calibrated).save(tmp_path / "m.igsed")
    pd.testing.assert_frame_equal(Localiser.load(tmp_path / "m.igsed").locate(sound, RATE), found)


def test_short_events_and_gaps_go_after_the_correction(calibrated: localiser_training.Trained, recording) -> None:
    sound, _ = recording
    longest = localiser_of(calibrated).locate(sound, RATE)
    lengths = (longest["offset"] - longest["onset"]).sort_values().to_numpy()
    between = float(lengths[2] + lengths[3]) / 2
    left = localiser_of(calibrated).locate(sound, RATE, min_duration=between)
    assert len(left) == len(longest) - 3
    with pytest.raises(IgsedError, match="must not be negative"):
        localiser_of(calibrated).locate(sound, RATE, min_duration=-1.0)


def test_clips_too_short_for_gates_leave_edges_as_found() -> None:
    rng, encoder = np.random.default_rng(0), registry.load("embedded")
    clips = [clip(rng, names)[: round(0.9 * RATE)] for names in HELD]
    features = [localiser_training.features_of(encoder, one, RATE) for one in clips]
    sounds = localiser_training.Sounds.of(encoder, clips, RATE)
    made = localiser_training.fit(encoder, features, HELD, seed=1, sounds=sounds, gates=2)
    assert made.edges.empty
    assert made.model.corrections == {}


def test_wrong_model_files_are_named(trained: localiser_training.Trained, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"none\.igsed does not exist"):
        Localiser.load(tmp_path / "none.igsed")
    (tmp_path / "text.igsed").write_text("hello")
    with pytest.raises(IgsedError, match=r"text\.igsed is damaged"):
        Localiser.load(tmp_path / "text.igsed")
    save_file({"a": np.zeros(1)}, tmp_path / "other.igsed")
    with pytest.raises(IgsedError, match="no model of `igsed train`"):
        Localiser.load(tmp_path / "other.igsed")
    about = json.dumps({"format": localiser_model.FORMAT, "version": 99, "info": {"igsed": "9.0"}})
    save_file({"a": np.zeros(1)}, tmp_path / "newer.igsed", metadata={"igsed": about})
    with pytest.raises(IgsedError, match=r"format 99 \(igsed 9\.0\).*update igsed"):
        Localiser.load(tmp_path / "newer.igsed")
    localiser_of(trained).save(tmp_path / "whole.igsed")
    content = (tmp_path / "whole.igsed").read_bytes()
    (tmp_path / "cut.igsed").write_bytes(content[: len(content) // 2])
    with pytest.raises(IgsedError, match=r"cut\.igsed is damaged"):
        Localiser.load(tmp_path / "cut.igsed")


def test_sources_are_not_divided_and_few_examples_are_named() -> None:
    rng, encoder = np.random.default_rng(0), registry.load("embedded")
    held = [[], ["low"]] * 10 + [["high"]]
    features = [localiser_training.features_of(encoder, clip(rng, names, 2.5), RATE) for names in held]
    present = np.array([["low" in names, "high" in names] for names in held], dtype=np.float32)
    sources = [f"s{i // 3}" for i in range(len(held))]
    parts = localiser_training._split(present, sources, None, localiser_training.Options(), seed=0)
    assert sum(part.astype(int) for part in parts.values()).tolist() == [1] * len(held)
    for part in parts.values():
        assert {s for s, here in zip(sources, part, strict=True) if here}.isdisjoint(
            {s for s, here in zip(sources, part, strict=True) if not here}
        )
    counts = localiser_training.fit(encoder, features, held, seed=0).counts.set_index("class")
    assert counts.loc["high", "note"]


def test_held_out_figures_and_calibrated_probabilities(trained: localiser_training.Trained) -> None:
    figures = trained.figures
    mean = figures[(figures["class"] == "all") & (figures["metric"] == "f1")].iloc[0]
    assert mean["value"] > 0.9
    assert trained.model.calibration.shape == (2, 2)


@pytest.mark.parametrize(
    ("given", "rate", "words"),
    [
        (np.zeros(0, np.float32), RATE, "shape"),
        (np.full(RATE, np.nan, np.float32), RATE, "NaN"),
        (np.zeros(RATE, np.int16), RATE, "floating-point"),
        (np.zeros(RATE, np.float32), 4000, "sample rate 4000"),
        (np.zeros((2, RATE), np.float32), RATE, "transposed"),
    ],
)
def test_what_is_no_recording_is_refused(trained: localiser_training.Trained, given, rate: int, words: str) -> None:
    with pytest.raises(IgsedError, match=words):
        localiser_of(trained).locate(given, rate)


def test_silence_and_very_short_recordings_hold_no_event(trained: localiser_training.Trained) -> None:
    assert localiser_of(trained).locate(np.zeros(12 * RATE, np.float32), RATE).empty
    assert localiser_of(trained).locate(np.zeros(100, np.float32), RATE).empty


def test_long_clips_are_learnt_from_and_too_long_ones_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, encoder = np.random.default_rng(4), registry.load("embedded")
    long = np.concatenate([clip(rng, []), clip(rng, ["low"]), *[clip(rng, []) for _ in range(15)]])
    last = localiser_training.features_of(encoder, long, RATE)
    assert len(last) == pytest.approx(68.0 / 0.32, abs=1)
    held = [*HELD[:16], ["low"]]
    features = [*(localiser_training.features_of(encoder, clip(rng, names), RATE) for names in held[:-1]), last]
    assert Localiser(localiser_training.fit(encoder, features, held, seed=0, epochs=2).model, encoder).classes == (
        "high",
        "low",
    )
    monkeypatch.setattr(localiser_training, "MOST_BYTES", 10_000)
    with pytest.raises(IgsedError, match=r"17 clips of which one has 21\d feature frames.*cut the longest"):
        localiser_training.fit(encoder, features, held, seed=0)
