"""UrbanSound8K as it is published: an archive of its layout, its own folds, and what is wrong is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.chapters.representations import excerpts, urbansound8k
from igsed_core.chapters.representations.params import RepresentationStudy
from igsed_core.data import archives, assets, fetching
from urbansound8k_archive import CLASSES, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("us8k")
    archives.unpack(write(place / "UrbanSound8K.tar.gz"), place / "unpacked", tables=True)
    return place / "unpacked"


def test_clips_and_folds(folder: Path) -> None:
    found = urbansound8k.files(folder)
    assert len(found) == 60
    assert sorted(found["fold"].unique()) == list(range(1, 11))
    assert set(found["label"]) == set(CLASSES)
    assert found["path"].map(Path.is_file).all()
    # Clips of one recording lie in one fold: two clips each here.
    assert (found.groupby("recording").size() == 2).all()


def test_all_ten_folds_are_tested_and_no_recording_is_on_both_sides(folder: Path, tmp_path: Path) -> None:
    found = excerpts.cut(excerpts.listed(str(folder), None, files=0), tmp_path / "e.npy")  # type: ignore[arg-type]
    assert found.folds == tuple(range(1, 11))
    for fold in found.folds:
        parts = excerpts.split(found, excerpts.BY_RECORDING, fold, seed=0)
        assert set(found.rows["fold"].iloc[parts.test]) == {fold}
        assert excerpts.heard_before(found, parts) == 0
    # 0.6 s gives one excerpt, 1.5 s gives two.
    assert len(found.rows) == 90


def test_a_folder_is_part_of_the_key(folder: Path, tmp_path: Path) -> None:
    mine = RepresentationStudy(repr_data=str(folder)).outside()
    assert mine == urbansound8k.fingerprint(folder / "UrbanSound8K")
    archives.unpack(write(tmp_path / "other.tar.gz", folds=9), tmp_path / "other", tables=True)
    assert RepresentationStudy(repr_data=str(tmp_path / "other")).outside() != mine
    assert RepresentationStudy().outside() is None


def test_what_is_wrong_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"holds no metadata/UrbanSound8K.csv"):
        urbansound8k.files(tmp_path)
    archives.unpack(write(tmp_path / "a.tar.gz", folds=2), tmp_path / "a", tables=True)
    first = urbansound8k.files(tmp_path / "a")["path"][0]
    first.unlink()
    with pytest.raises(IgsedError, match="1 of 12 clips are missing, the first"):
        urbansound8k.files(tmp_path / "a")
    table = tmp_path / "a" / "UrbanSound8K" / urbansound8k.TABLE
    table.write_text("slice_file_name,fold,class\n")
    with pytest.raises(IgsedError, match="has no column fsID"):
        urbansound8k.files(tmp_path / "a")
    archives.unpack(write(tmp_path / "b.tar.gz", folds=2, straddling=True), tmp_path / "b", tables=True)
    with pytest.raises(IgsedError, match="has recording 1 in several folds"):
        urbansound8k.files(tmp_path / "b")


def test_it_is_fetched_with_its_checksum_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asset = assets.get("urbansound8k")
    assert (asset.record, asset.checksum) == (1203745, "md5:9aa69802bbf37fb986f71ec1483a196e")
    assert asset.licence == "CC BY-NC 4.0"
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    archive = write(tmp_path / "UrbanSound8K.tar.gz", folds=2)
    with pytest.raises(IgsedError, match="MD5"):  # not the published one
        fetching.fetch("urbansound8k")
    digest = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    trusted = assets.Asset(**{**vars(asset), "checksum": f"md5:{digest}"})
    monkeypatch.setitem(assets.REGISTRY, "urbansound8k", trusted)
    assert len(urbansound8k.files(fetching.fetch("urbansound8k"))) == 12
    archive.unlink()
    assert len(urbansound8k.files(urbansound8k.fetched())) == 12
