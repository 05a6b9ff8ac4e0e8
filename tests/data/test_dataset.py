"""Data that Scaper never saw: tables, folders, clips of any length; features and heads are trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, dataset, soundscapes
from igsed_core.data.dataset import Dataset
from igsed_core.models import features, training
from igsed_core.models.encoders import registry as encoders

RATE = 32_000
CLASSES = ("high", "low")
FREQUENCY = {"high": 4000.0, "low": 300.0}


def tone(label: str, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * FREQUENCY[label] * np.arange(round(seconds * rate)) / rate)


def with_tone(label: str, seconds: float, onset: float, offset: float) -> np.ndarray:
    """A tone within noise that is 50 dB lower."""
    samples = 1e-3 * np.random.default_rng(0).normal(size=round(seconds * RATE))
    samples[round(onset * RATE) : round(offset * RATE)] += tone(label, offset - onset)
    return samples


def made(root: Path, *, n: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clips of 0.9 to 2 s, one event in each: tables of clips and events."""
    random = np.random.default_rng(1)
    clips, events = [], []
    for number in range(n):
        label, seconds = CLASSES[number % 2], 0.9 + 0.1 * number
        onset = float(random.uniform(0, 0.3))
        split = ("train", "train", "validation", "test")[number // 2 % 4]
        audio.write(root / "sounds" / f"{number}.wav", with_tone(label, seconds, onset, onset + 0.5), RATE)
        clips.append((f"c{number}", split, f"sounds/{number}.wav", "me"))
        events.append((f"c{number}", label, onset, onset + 0.5))
    return (
        pd.DataFrame(clips, columns=["clip", "split", "file", "by"]),
        pd.DataFrame(events, columns=list(dataset.EVENT_COLUMNS)),
    )


def test_features_and_heads_are_trained_on_data_that_scaper_never_saw(tmp_path: Path) -> None:
    clips, events = made(tmp_path, n=16)
    data: Dataset = dataset.from_tables(tmp_path, clips, events=events, sample_rate=RATE)
    encoder = encoders.load("embedded")
    of = {}
    for split in ("train", "validation", "test"):
        rows = data.clips[data.clips["split"] == split]
        found = features.extract(encoder, data, rows, tmp_path / "features" / split, device=torch.device("cpu"))
        assert list(found.clips) == list(rows["clip"])
        of[split] = (found, features.targets_of(found, data))
    options = {"learning_rate": 1e-2, "batch_size": 4, "epochs": 60, "patience": 60, "seed": 0}
    for name in ("clip_level", "fw_ss"):
        head = training.train(name, of["train"], of["validation"], data.classes, **options).head  # type: ignore[arg-type]
        held_out, truth = of["test"]
        logits = head.clip_logits(torch.from_numpy(held_out.values))
        assert_array_equal(logits.argmax(dim=1), truth.clip.argmax(axis=1))


def test_targets_say_when_where_events_do_and_nothing_of_frames_where_they_do_not(tmp_path: Path) -> None:
    clips, events = made(tmp_path, n=4)
    strong = dataset.from_tables(tmp_path, clips, events=events, sample_rate=RATE)
    weak = dataset.from_tables(tmp_path, clips, labels=events[["clip", "label"]], sample_rate=RATE)
    encoder = encoders.load("embedded")
    found = features.extract(encoder, strong, strong.clips, tmp_path / "f", device=torch.device("cpu"))
    targets = features.targets_of(found, strong)
    assert_array_equal(targets.frame, features.targets(found, events, CLASSES).frame)
    assert_array_equal(targets.clip, [[0, 1] if label == "low" else [1, 0] for label in events["label"]])
    clip_only = features.targets_of(found, weak)
    assert_array_equal(clip_only.clip, targets.clip)
    assert clip_only.frame.shape == (4, 0, 2)
    options = {"learning_rate": 1e-2, "batch_size": 4, "epochs": 2, "patience": 2, "seed": 0}
    training.train("fw_ws", (found, clip_only), (found, clip_only), CLASSES, **options)  # type: ignore[arg-type]
    with pytest.raises(IgsedError, match="head 'fw_ss' is trained on frames, but the data say only what a clip holds"):
        training.train("fw_ss", (found, clip_only), (found, clip_only), CLASSES, **options)  # type: ignore[arg-type]


def test_clips_of_any_length_and_rate_are_brought_to_one(tmp_path: Path) -> None:
    clips, events = made(tmp_path, n=4)
    audio.write(tmp_path / "sounds" / "0.wav", np.stack([tone("high", 0.4, 16_000)] * 2, axis=1), 16_000)
    events.loc[0, ["onset", "offset"]] = [0.1, 0.3]
    every = dataset.from_tables(tmp_path, clips, events=events, sample_rate=RATE)
    assert every.duration == pytest.approx(1.2)  # the longest
    read = every.read(every.clips)
    assert read.shape == (4, round(1.2 * RATE))
    assert read.dtype == np.float32
    assert (read[0, round(0.4 * RATE) :] == 0).all()
    assert_allclose(read[0, 1000:11_000], tone("high", 0.4)[1000:11_000], atol=2e-3)
    assert_array_equal(every.read(every.clips.iloc[[2, 0]]), read[[2, 0]])
    cut = dataset.from_tables(tmp_path, clips, events=events, sample_rate=RATE, duration=0.3)
    assert_array_equal(cut.read(cut.clips), read[:, : round(0.3 * RATE)])
    assert cut.events is not None
    assert (cut.events["onset"] < 0.3).all()
    assert float(cut.events["offset"].max()) == pytest.approx(0.3)
    assert list(every.clips["by"]) == ["me"] * 4


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in CLASSES:
            for number in range(2):
                audio.write(tmp_path / split / label / f"{number}.wav", tone(label, 0.2 + 0.1 * number), RATE)
    (tmp_path / "README.txt").write_text("not a sound")
    found: Dataset = dataset.from_folder(tmp_path, sample_rate=RATE)
    assert found.classes == CLASSES
    assert found.events is None
    assert sorted(found.clips["split"].unique()) == ["test", "train"]
    assert dict(zip(found.labels["clip"], found.labels["label"], strict=True))["test/low/1.wav"] == "low"
    assert found.read(found.clips).shape == (8, round(0.3 * RATE))


def test_soundscapes_are_a_data_set(tmp_path: Path) -> None:
    audio.write(tmp_path / "train" / "train_0000.flac", tone("low", 0.2), RATE)
    clips = pd.DataFrame([("train_0000", "train", 1, 1, "b.wav", 0.0)], columns=soundscapes.CLIP_COLUMNS)
    events = pd.DataFrame([("train_0000", "low", 0.0, 0.1, 6.0, "s.wav")] * 2, columns=soundscapes.EVENT_COLUMNS)
    empty = pd.DataFrame(columns=soundscapes.REMOVED_COLUMNS)
    made: Dataset = soundscapes.SoundscapeSet(tmp_path, clips, events, empty)
    assert made.sample_rate == RATE
    assert made.classes == ("low",)
    assert made.labels.to_dict("list") == {"clip": ["train_0000"], "label": ["low"]}
    assert_array_equal(made.read(made.clips), soundscapes.SoundscapeSet(tmp_path, clips, events, empty).read())


def test_a_rate_that_the_encoder_does_not_hear_is_refused(tmp_path: Path) -> None:
    clips, events = made(tmp_path, n=2)
    data = dataset.from_tables(tmp_path, clips, events=events, sample_rate=16_000)
    with pytest.raises(IgsedError, match="'sample_rate' is 16000 Hz, but encoder 'embedded' needs 32000 Hz"):
        features.extract(encoders.load("embedded"), data, data.clips, tmp_path / "f", device=torch.device("cpu"))


def test_a_fingerprint_changes_with_tables_and_files(tmp_path: Path) -> None:
    clips, events = made(tmp_path, n=2)
    one = dataset.from_tables(tmp_path, clips, events=events, sample_rate=RATE)
    assert one.fingerprint() == dataset.from_tables(tmp_path, clips, events=events, sample_rate=RATE).fingerprint()
    moved = dataset.from_tables(tmp_path, clips, events=events.assign(onset=0.01), sample_rate=RATE)
    assert moved.fingerprint() != one.fingerprint()
    before = one.fingerprint()
    audio.write(tmp_path / "sounds" / "0.wav", tone("low", 0.6), RATE)
    assert one.fingerprint() != before


def test_faults_of_tables_and_folders_are_told_in_a_sentence(tmp_path: Path) -> None:
    clips, events = made(tmp_path, n=2)

    def make(clips: pd.DataFrame = clips, **options: object) -> None:
        dataset.from_tables(tmp_path, clips, **{"events": events, "sample_rate": RATE, **options})  # type: ignore[arg-type]

    with pytest.raises(IgsedError, match="the table of clips has no column file: it needs clip, split, file"):
        make(clips.drop(columns="file"))
    with pytest.raises(IgsedError, match="there is no clip in"):
        make(clips.iloc[:0])
    with pytest.raises(IgsedError, match="clip 'c0' stands twice in the table of clips"):
        make(clips.assign(clip="c0"))
    with pytest.raises(IgsedError, match="neither 'events' nor 'labels' says what the clips hold"):
        make(events=None)
    with pytest.raises(IgsedError, match="the table of events names clip 'c9', which is none of the clips"):
        make(events=events.assign(clip="c9"))
    with pytest.raises(IgsedError, match=r"an event of clip 'c0' has onset 0\.9 s and offset 0\.\d+ s: expected"):
        make(events=events.assign(onset=0.9))
    with pytest.raises(IgsedError, match=r"label 'high' is none of the classes \(low\): add it"):
        make(classes=("low",))
    with pytest.raises(IgsedError, match=r"no\.wav"):
        make(clips.assign(file="no.wav"))
    with pytest.raises(IgsedError, match=r"holds no wav, flac or ogg file as <split>/<class>/<name>\.wav"):
        dataset.from_folder(tmp_path / "sounds", sample_rate=RATE)
    with pytest.raises(IgsedError, match="is no folder: give one with audio files"):
        dataset.from_folder(tmp_path / "nowhere", sample_rate=RATE)
