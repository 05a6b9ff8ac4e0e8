"""The procedural sound bank: format of the sounds, physics of the classes, reproducible files."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile

from igsed_core.base.errors import IgsedError
from igsed_core.data.soundbank.procedural import CLASSES, kinds, synthesize, synthesize_background, write_bank

RATE = 32000
N_SOUNDS = 6


@pytest.fixture(scope="module")
def sounds() -> dict[str, list[np.ndarray]]:
    return {kind: [synthesize(kind, seed=[7, i], region="train") for i in range(N_SOUNDS)] for kind in CLASSES}


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=float))))


def frame_powers(x: np.ndarray, size: int = 2048) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[:: size // 2] * np.hanning(size)
    frames = frames[np.sum(frames**2, axis=1) > 1e-3 * np.max(np.sum(frames**2, axis=1))]
    return np.abs(np.fft.rfft(frames, axis=1)) ** 2


def flatness(x: np.ndarray, low: float = 300.0, high: float = 8000.0) -> float:
    """Median over frames of the geometric over the arithmetic mean of the power between `low` and `high` Hz."""
    power = frame_powers(x)
    hz = np.fft.rfftfreq(2048, 1 / RATE)
    power = power[:, (hz > low) & (hz < high)] + 1e-12
    return float(np.median(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)))


def centroid(x: np.ndarray) -> float:
    power = frame_powers(x).mean(axis=0)
    return float(np.sum(power * np.fft.rfftfreq(2048, 1 / RATE)) / power.sum())


def test_classes_are_the_ten_of_desed_and_kinds_adds_twenty_others():
    assert list(CLASSES) == sorted(CLASSES)
    assert len(CLASSES) == 10
    assert kinds()[:10] == CLASSES
    assert len(set(kinds())) == len(kinds()) >= 30


@pytest.mark.parametrize("kind", kinds())
def test_every_sound_is_finite_bounded_and_sounds_from_end_to_end(kind, sounds):
    made = sounds.get(kind) or [synthesize(kind, seed=[3, i], region="pretrain") for i in range(2)]
    for x in made:
        assert x.dtype == np.float32
        assert x.ndim == 1
        assert np.isfinite(x).all()
        assert 0.25 <= x.size / RATE <= 4.2
        assert -4.01 <= 20 * np.log10(np.abs(x).max()) <= -2.99
        edge = RATE // 20
        assert np.abs(x[:edge]).max() > 0.01 * np.abs(x).max()
        assert np.abs(x[-edge:]).max() > 0.01 * np.abs(x).max()
        assert abs(x[0]) < 1e-3
        assert abs(x[-1]) < 1e-2


def test_same_seed_same_sound_and_other_seed_region_or_kind_another():
    first = synthesize("Cat", seed=[1, 2], region="train")
    np.testing.assert_array_equal(first, synthesize("Cat", seed=[1, 2], region="train"))
    for other in (
        synthesize("Cat", seed=[1, 3], region="train"),
        synthesize("Cat", seed=[1, 2], region="pretrain"),
        synthesize("Dog", seed=[1, 2], region="train"),
    ):
        assert not np.array_equal(first[:4000], other[:4000])


def test_durations_suit_the_classes(sounds):
    seconds = {kind: np.mean([x.size for x in made]) / RATE for kind, made in sounds.items()}
    for kind in ("Blender", "Frying", "Running_water", "Vacuum_cleaner", "Electric_shaver_toothbrush"):
        assert seconds[kind] > 2.0
        assert seconds["Dog"] < 0.7 * seconds[kind]


def test_bells_are_tonal_and_flows_are_noise(sounds):
    flat = {kind: np.median([flatness(x) for x in made]) for kind, made in sounds.items()}
    for noise in ("Frying", "Running_water", "Vacuum_cleaner"):
        assert flat[noise] > 0.1
        for tonal in ("Alarm_bell_ringing", "Cat", "Speech"):
            assert flat[tonal] < 0.5 * flat[noise]


def test_frying_is_brighter_than_a_vacuum_cleaner(sounds):
    bright = {kind: np.median([centroid(x) for x in made]) for kind, made in sounds.items()}
    assert bright["Frying"] > 2.0 * bright["Vacuum_cleaner"]


def test_impacts_are_peakier_than_motors(sounds):
    crest = {kind: np.median([np.abs(x).max() / rms(x) for x in made]) for kind, made in sounds.items()}
    assert crest["Dishes"] > 1.5 * crest["Blender"]
    assert crest["Dishes"] > 1.5 * crest["Electric_shaver_toothbrush"]


def test_speech_has_the_pitch_of_a_human_voice(sounds):
    for x in sounds["Speech"]:
        heights, pitches = [], []
        size = 2048
        for start in range(0, x.size - size, size // 2):
            frame = x[start : start + size] - x[start : start + size].mean()
            spectrum = np.abs(np.fft.rfft(frame * np.hanning(size), 2 * size)) ** 2
            correlation = np.fft.irfft(spectrum)[:size]
            window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[:size]
            normal = correlation / window * window[0] / (correlation[0] + 1e-12)
            lags = slice(RATE // 450, RATE // 60)
            best = int(np.argmax(normal[lags])) + lags.start
            heights.append(normal[best])
            pitches.append(RATE / best)
        voiced = np.array(heights) > 0.7
        assert voiced.sum() >= 2
        assert 65.0 < np.median(np.array(pitches)[voiced]) < 380.0


def test_background_is_steady_and_at_its_level():
    for i in range(10):
        x = synthesize_background(seed=[0, i], duration=4.0)
        assert x.size == 4 * RATE
        assert 20 * np.log10(rms(x)) == pytest.approx(-28.0, abs=0.1)
        levels = [20 * np.log10(rms(part)) for part in np.split(x[RATE // 4 : -RATE // 4], 7)]
        assert max(levels) - min(levels) < 5.0
    a, b = (synthesize_background(seed=[0, i], duration=1.0) for i in (0, 1))
    assert not np.array_equal(a, b)


def digests(root) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


SMALL = {"seed": 4, "sample_rate": RATE, "n_train": 1, "n_eval": 0, "n_background": 1, "progress": False}


def test_the_bank_has_the_same_bytes_for_any_number_of_workers_and_after_an_interruption(tmp_path):
    write_bank(tmp_path / "one", workers=1, **SMALL)
    whole = digests(tmp_path / "one")
    assert len([name for name in whole if name.endswith(".wav")]) == 11
    assert "foreground/train/Cat/Cat_train_0000.wav" in whole
    write_bank(tmp_path / "two", workers=2, **SMALL)
    assert digests(tmp_path / "two") == whole

    kept = tmp_path / "two" / "foreground" / "train" / "Dog" / "Dog_train_0000.wav"
    before = kept.stat().st_mtime_ns
    (tmp_path / "two" / "foreground" / "train" / "Cat" / "Cat_train_0000.wav").unlink()
    write_bank(tmp_path / "two", workers=1, **SMALL)
    assert digests(tmp_path / "two") == whole
    assert kept.stat().st_mtime_ns == before


def test_files_hold_the_synthesised_sound_in_16_bit(tmp_path):
    write_bank(tmp_path, workers=1, **{**SMALL, "n_train": 0, "n_eval": 1})
    info = soundfile.info(tmp_path / "foreground/eval/Frying/Frying_eval_0000.wav")
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
    stored, _ = soundfile.read(tmp_path / "foreground/eval/Frying/Frying_eval_0000.wav")
    made = synthesize("Frying", seed=[SMALL["seed"], 0], region="eval")
    np.testing.assert_allclose(stored, made, atol=1.0 / 16384)
    background = soundfile.info(tmp_path / "background/ambient/ambient_0000.wav")
    assert 12.0 <= background.frames / background.samplerate <= 14.0


def test_a_bank_of_other_settings_is_not_continued(tmp_path):
    none = {"n_train": 0, "n_eval": 0, "n_background": 0, "workers": 1, "progress": False}
    write_bank(tmp_path, seed=1, sample_rate=RATE, **none)
    write_bank(tmp_path, seed=1, sample_rate=RATE, **none)
    with pytest.raises(IgsedError, match="other settings"):
        write_bank(tmp_path, seed=2, sample_rate=RATE, **none)


def test_unknown_kind_lists_the_valid_ones():
    with pytest.raises(IgsedError, match="'Horse' is unknown: use one of Alarm_bell_ringing"):
        synthesize("Horse", seed=[0], region="train")
    with pytest.raises(IgsedError, match="use one of train, eval, pretrain"):
        synthesize("Dog", seed=[0], region="test")


def test_sounds_follow_the_sample_rate():
    for kind in CLASSES:
        x = synthesize(kind, seed=[0, 1], region="train", sample_rate=16000)
        assert 0.25 <= x.size / 16000 <= 4.2
        assert np.isfinite(x).all()
