"""FSDKaggle2018 and its traps, on a stand-in of its layout."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fsdkaggle_archive
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial import fsdkaggle, names
from igsed_core.chapters.adversarial.params import AdversarialStudy
from igsed_core.data import assets

MD5 = {
    "meta": "f16828ac8be0e5285b9175a12f90d784",
    "audio_train": "a8b47ff4b52022c178f88fa5c6f080d0",
    "audio_test": "f85c8665c3fc39311ea1b748e194a81d",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data set, fetched from archives that lie in the cache."""
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    for part, path in fsdkaggle_archive.write(tmp_path).items():
        name = f"fsdkaggle2018_{part}"
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        monkeypatch.setitem(assets.REGISTRY, name, replace(assets.REGISTRY[name], checksum=f"md5:{digest}"))
    return fsdkaggle.fetched()


def test_archives_are_held_to_the_published_md5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {part: assets.REGISTRY[f"fsdkaggle2018_{part}"].checksum for part in MD5} == {
        part: f"md5:{digest}" for part, digest in MD5.items()
    }
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    fsdkaggle_archive.write(tmp_path)
    with pytest.raises(IgsedError, match=r"FSDKaggle2018\.meta\.zip"):
        fsdkaggle.fetched()


def test_one_command_unpacks_the_three_folders_side_by_side(root: Path) -> None:
    assert sorted(p.name for p in root.iterdir()) == [f"FSDKaggle2018.{part}" for part in sorted(MD5)]
    assert fsdkaggle.fetched() == root  # nothing is done twice


def test_only_verified_clips_are_learnt_and_an_empty_one_is_left_out(root: Path) -> None:
    found = fsdkaggle.load(root)
    assert found.classes == fsdkaggle_archive.LABELS
    counts = found.clips.groupby("split").size()
    assert counts["train"] + counts["validation"] == 18 and counts["validation"] == 3 and counts["test"] == 9
    assert not found.clips["file"].str.contains("empty").any()
    every = fsdkaggle.load(root, verified=False)
    assert (every.clips["split"] != "test").sum() == 36


@pytest.mark.parametrize("licence", names.LICENCES)
def test_licences_are_honoured(root: Path, licence: str) -> None:
    found = fsdkaggle.load(root, licences=(licence,), verified=False)
    assert set(found.clips["licence"]) == {licence}
    assert 0 < len(found.clips) < len(fsdkaggle.load(root, verified=False).clips)


def test_a_clip_is_the_loudest_stretch_at_the_wanted_rate(root: Path) -> None:
    found = fsdkaggle.load(root)
    bank = fsdkaggle.clips(found, seconds=0.5, sample_rate=16_000, most={"train": 2, "validation": 1, "test": 2})
    part = bank.splits["test"]
    assert part.waveforms.shape == (6, 8000) and part.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert len(bank.splits["train"]) == 6 and np.isnan(part.spans).all()
    spectrum = np.abs(np.fft.rfft(part.waveforms[2].numpy()[:6400]))
    assert np.argmax(spectrum) * 16_000 / 6400 == pytest.approx(600, abs=5)
    quiet_then_loud = np.concatenate([0.1 * np.ones(100), np.ones(50), 0.1 * np.ones(100)]).astype(np.float32)
    np.testing.assert_array_equal(fsdkaggle._loudest(quiet_then_loud, 50), np.ones(50))
    assert fsdkaggle._loudest(np.ones(10, dtype=np.float32), 20).sum() == 10


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Creative Commons 0", "cc0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0"),
        ("Attribution", "by"),
        ("http://creativecommons.org/licenses/by/3.0/", "by"),
        ("Attribution Noncommercial", "by-nc"),
        ("http://creativecommons.org/licenses/by-nc/3.0/", "by-nc"),
    ],
)
def test_licences_by_title_and_by_address(text: str, short: str) -> None:
    assert fsdkaggle._licence(text, Path("a.csv")) == short


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match="licence 'All rights' is none of"):
        fsdkaggle._licence("All rights", Path("a.csv"))
    with pytest.raises(IgsedError, match=r"holds no folder FSDKaggle2018\.meta|holds no folder FSDKaggle2018\.audio"):
        fsdkaggle.load(tmp_path / "nothing")
    with pytest.raises(IgsedError, match="attack_licences"):
        fsdkaggle.load(root, licences=())
    table = root / "FSDKaggle2018.meta" / "train_post_competition.csv"
    whole = table.read_text()
    pd.read_csv(table).drop(columns="license").to_csv(table, index=False)
    with pytest.raises(IgsedError, match="has no column license"):
        fsdkaggle.load(root)
    table.write_text(whole.replace("train0000.wav", "gone.wav"))
    with pytest.raises(IgsedError, match=r"gone\.wav is missing"):
        fsdkaggle.load(root)


def test_a_folder_that_changes_makes_the_page_stale(root: Path) -> None:
    params = AdversarialStudy(attack_bank=str(root))
    before = params.outside()
    (root / "FSDKaggle2018.audio_test" / "test0000.wav").write_bytes(
        (root / "FSDKaggle2018.audio_test" / "test0001.wav").read_bytes()
    )
    assert before and params.outside() != before and AdversarialStudy().outside() is None
