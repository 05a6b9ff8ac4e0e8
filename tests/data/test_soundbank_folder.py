from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Registry
from igsed_core.data.soundbank import base, procedural
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundbank.base import SoundBank, Wanted
from tiny_bank import CLASSES, RATE, noise, put, tone, write_bank


@pytest.fixture
def bank_dir(tmp_path: Path) -> Path:
    return write_bank(tmp_path / "bank")


def prepare(path: Path | str, cache: Path, sample_rate: int = RATE) -> SoundBank:
    return soundbank.prepare(str(path), seed=0, sample_rate=sample_rate, cache_dir=cache, workers=1)


def fingerprint(path: Path, sample_rate: int = RATE) -> str:
    return soundbank.fingerprint(str(path), seed=0, sample_rate=sample_rate)


def test_layout_and_table(bank_dir: Path, tmp_path: Path) -> None:
    bank = prepare(bank_dir, tmp_path / "cache")
    assert bank.classes == tuple(sorted(CLASSES))
    assert bank.files.groupby(["role", "pool"]).size().to_dict() == {
        ("foreground", "train"): 6,
        ("foreground", "eval"): 6,
        ("background", "background"): 2,
    }
    assert bank.skipped.empty
    for row in bank.files.itertuples():
        info = soundfile.info(bank.root / row.path)
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_24")
        assert row.duration == info.frames / RATE
        assert Path(row.path).parent.name == row.label


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [("a.wav", 44100, 2), ("a.flac", 48000, 1), ("a.ogg", 22050, 2), ("A.WAV", 8000, 1)],
)
def test_any_rate_and_channels_become_mono(bank_dir: Path, tmp_path: Path, name: str, rate: int, channels: int) -> None:
    samples = tone(1000.0, 0.5, rate)
    put(bank_dir / "foreground/train/Bell" / name, np.stack([samples] * channels, axis=1), rate, format=None)
    bank = prepare(bank_dir, tmp_path / "cache")
    prepared, prepared_rate = soundfile.read(bank.root / f"foreground/train/Bell/{Path(name).stem}.wav")
    assert prepared_rate == RATE
    assert prepared.ndim == 1
    assert prepared.size == pytest.approx(0.5 * RATE, abs=2)
    assert np.abs(prepared).max() == pytest.approx(10 ** (-1 / 20), abs=1e-6)
    spectrum = np.abs(np.fft.rfft(prepared * np.hanning(prepared.size)))
    assert np.argmax(spectrum) * RATE / prepared.size == pytest.approx(1000.0, abs=2.5)


def test_channels_are_averaged(bank_dir: Path, tmp_path: Path) -> None:
    both = np.stack([tone(1000.0, 0.5), tone(3000.0, 0.5)], axis=1)
    put(bank_dir / "foreground/train/Bell/two.wav", both, subtype="FLOAT")
    bank = prepare(bank_dir, tmp_path / "cache")
    prepared, _ = soundfile.read(bank.root / "foreground/train/Bell/two.wav")
    assert np.corrcoef(prepared, both.mean(axis=1))[0, 1] > 0.999999


def test_folder_audio_and_hidden_files(tmp_path: Path) -> None:
    write_bank(tmp_path / "bank" / "audio")
    for name in ("._bell_train0.wav", ".DS_Store", "notes.txt"):
        (tmp_path / "bank/audio/foreground/train/Bell" / name).write_text("not audio")
    (tmp_path / "bank/audio/foreground/train/.cache").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bank = prepare(tmp_path / "bank", tmp_path / "cache")
    assert len(bank.files) == 14
    assert bank.files["path"].str.startswith(("foreground/", "background/")).all()


def test_bad_files_are_named_once(bank_dir: Path, tmp_path: Path) -> None:
    bad = bank_dir / "foreground/train/Bell"
    (bad / "broken.wav").write_text("this is text")
    put(bad / "empty.wav", np.zeros(0))
    put(bad / "quiet.flac", np.zeros(RATE))
    put(bad / "nan.wav", np.array([0.1, np.nan, 0.2]), subtype="FLOAT")
    with pytest.warns(UserWarning, match="4 of 18 audio files were skipped") as caught:
        bank = prepare(bank_dir, tmp_path / "cache")
    assert len(caught) == 1
    reasons = dict(zip(bank.skipped["path"], bank.skipped["reason"], strict=True))
    assert reasons == {
        "foreground/train/Bell/broken.wav": "unreadable",
        "foreground/train/Bell/empty.wav": "empty",
        "foreground/train/Bell/quiet.flac": "silent",
        "foreground/train/Bell/nan.wav": "holds NaN or infinite samples",
    }
    assert len(bank.files) == 14
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = prepare(bank_dir, tmp_path / "cache")
    pd.testing.assert_frame_equal(again.skipped, bank.skipped)


def test_class_left_empty_by_bad_files(bank_dir: Path, tmp_path: Path) -> None:
    for path in (bank_dir / "foreground/eval/Hum").iterdir():
        put(path, np.zeros(RATE))
    with pytest.raises(IgsedError, match=r"foreground/eval/Hum; every class.*hum_eval0\.wav \(silent\)"):
        prepare(bank_dir, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("files.csv"))


def remove_tree(path: Path) -> None:
    for entry in sorted(path.rglob("*"), reverse=True):
        entry.rmdir() if entry.is_dir() else entry.unlink()
    path.rmdir()


def test_incomplete_banks(bank_dir: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(
        IgsedError, match=r"'nowhere'.*one of desed, procedural, real or the path of a folder with foreground/"
    ):
        prepare("nowhere", cache)
    (tmp_path / "hollow").mkdir()
    with pytest.raises(IgsedError, match=r"foreground/train is missing; expected foreground/train/<Class>"):
        prepare(tmp_path / "hollow", cache)
    (bank_dir / "foreground/train/Only").mkdir()
    with pytest.raises(IgsedError, match="in foreground/eval/Only, foreground/train/Only; every class"):
        prepare(bank_dir, cache)
    put(bank_dir / "foreground/train/Only/only.wav", tone(500.0, 0.2))
    with pytest.raises(IgsedError, match="no usable wav, flac or ogg file in foreground/eval/Only; every class"):
        prepare(bank_dir, cache)
    remove_tree(bank_dir / "foreground/train/Only")
    remove_tree(bank_dir / "background/room")
    with pytest.raises(IgsedError, match="in background/<label>/: add one"):
        prepare(bank_dir, cache)
    for label in CLASSES:
        remove_tree(bank_dir / "foreground/train" / label)
        remove_tree(bank_dir / "foreground/eval" / label)
    with pytest.raises(IgsedError, match="has no foreground class"):
        prepare(bank_dir, cache)


def test_same_name_twice(bank_dir: Path, tmp_path: Path) -> None:
    put(bank_dir / "foreground/train/Bell/bell_train0.flac", tone(1000.0, 0.3))
    with pytest.warns(UserWarning, match=r"bell_train0\.flac \(named as bell_train0\.wav but for the suffix\)"):
        bank = prepare(bank_dir, tmp_path / "cache")
    assert len(bank.files) == 14 and len(bank.skipped) == 1


def test_interrupted_preparation_goes_on(bank_dir: Path, tmp_path: Path) -> None:
    whole = prepare(bank_dir, tmp_path / "cache")
    lost, kept = whole.root / whole.files["path"][0], whole.root / whole.files["path"][1]
    before, time = lost.read_bytes(), kept.stat().st_mtime_ns
    (whole.root / "files.csv").unlink()
    lost.unlink()
    lost.with_name(f".{lost.stem}.99.tmp.wav").write_bytes(before[:50])  # what a kill leaves
    assert base.load(whole.root) is None
    again = prepare(bank_dir, tmp_path / "cache")
    pd.testing.assert_frame_equal(again.files, whole.files, check_exact=True)
    assert lost.read_bytes() == before
    assert kept.stat().st_mtime_ns == time


def test_table_comes_back_exactly(bank_dir: Path, tmp_path: Path) -> None:
    put(bank_dir / "foreground/train/Bell/third.wav", noise(1 / 3), 44100)
    first = prepare(bank_dir, tmp_path / "cache")
    second = prepare(bank_dir, tmp_path / "cache")
    pd.testing.assert_frame_equal(second.files, first.files, check_exact=True)


def test_fingerprint_follows_the_content(bank_dir: Path) -> None:
    first = fingerprint(bank_dir)
    (bank_dir / "foreground/train/Bell/.hidden.wav").write_text("")
    assert fingerprint(bank_dir) == first
    assert fingerprint(bank_dir, sample_rate=8000) != first
    os.utime(bank_dir / "background/room/room0.wav", ns=(1, 1))
    second = fingerprint(bank_dir)
    assert second != first
    put(bank_dir / "background/room/room9.wav", noise(1.0))
    assert fingerprint(bank_dir) != second


def test_generated_bank_is_made_once_an_argument_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []

    def write(root: Path, **arguments: int) -> None:
        calls.append(arguments)
        write_bank(root, per_pool=arguments["n_train"])

    monkeypatch.setattr(procedural, "write_bank", write)
    common = {"seed": 3, "sample_rate": RATE, "cache_dir": tmp_path, "workers": 1}
    bank = soundbank.prepare("procedural", **common, n_train=1)
    again = soundbank.prepare("procedural", **common, n_train=1)
    assert calls == [{"seed": 3, "sample_rate": RATE, "workers": 1, "n_train": 1, "n_eval": 25, "n_background": 20}]
    pd.testing.assert_frame_equal(again.files, bank.files, check_exact=True)
    assert (bank.root / bank.files["path"][0]).is_file()
    assert len(soundbank.prepare("procedural", **common, n_train=2).files) == 14


class Anything:
    """A bank of an installed package, for folders that hold a file of its own."""

    def knows(self, place: Path) -> bool:
        return (place / "anything.txt").exists()

    def fingerprint(self, wanted: Wanted) -> str:
        return str(wanted.place)


def test_a_folder_is_read_by_the_bank_that_knows_it(monkeypatch: pytest.MonkeyPatch, bank_dir: Path) -> None:
    mine = soundbank.BankEntry(target=f"{__name__}:Anything", named=False, folders=True)
    monkeypatch.setattr(soundbank, "BANKS", Registry("sound bank", "igsed.none", {**soundbank.BANKS, "mine": mine}))
    assert soundbank.available() == ["desed", "procedural", "real"]  # the others need a folder
    assert soundbank.used("procedural") == ("procedural",)
    assert soundbank.used(str(bank_dir)) == ("desed", "folder", "mine")
    assert fingerprint(bank_dir) != str(bank_dir.resolve())
    (bank_dir / "anything.txt").write_text("")
    assert fingerprint(bank_dir) == str(bank_dir.resolve())


def test_real_bank(tmp_path: Path) -> None:
    shared = Path(os.environ.get("IGSED_SHARED") or Path(__file__).parents[3] / "shared") / "realbank"
    if not shared.is_dir():
        pytest.skip(f"no bank of real recordings at {shared} (set IGSED_SHARED)")
    bank = soundbank.prepare(str(shared), seed=0, sample_rate=32000, cache_dir=tmp_path, workers=1)
    manifest = pd.read_csv(shared / "manifest.csv")
    assert len(bank.files) == len(manifest)
    assert len(bank.classes) == 10
    assert bank.files["duration"].sum() == pytest.approx(manifest["duration_s"].sum(), abs=1.0)
