"""URBAN-SED's archive and its recipe, on stand-ins of their layouts."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.data import archives, assets, fetching, urban_recipe, urban_sed
from igsed_core.data.dataset import TableDataset
from igsed_core.data.soundbank.base import SoundBank
from urban_sed_archive import EVENTS, jams, write, write_urbansound8k


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("urban_sed")
    archives.unpack(write(folder / "URBAN-SED_v2.0.0.tar.gz"), folder / "urban_sed", tables=True)
    return folder / "urban_sed"


def test_one_command_fetches_holds_to_the_md5_and_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    archive = write(tmp_path / "URBAN-SED_v2.0.0.tar.gz")
    assert assets.REGISTRY["urban_sed"].checksum == "md5:a2d24a2148ece7c021fcc079ee87c2dc"
    with pytest.raises(IgsedError, match=r"URBAN-SED_v2\.0\.0\.tar\.gz"):
        urban_sed.fetched()
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(assets.REGISTRY, "urban_sed", replace(assets.REGISTRY["urban_sed"], checksum=f"md5:{digest}"))
    assert len(urban_sed.load(urban_sed.fetched()).clips) == 6


def test_a_dry_run_names_licences_and_does_not_call_an_unknown_size_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    said = fetching.describe(["urban_sed", "urbansound8k"])
    assert "CC BY 4.0" in said and "CC BY-NC 4.0" in said
    assert said.endswith("together 2 files of unknown size")


def test_clips_have_their_split_and_events_in_order(root: Path) -> None:
    data = urban_sed.load(root)
    assert data.clips["split"].tolist() == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert data.classes == urban_sed.CLASSES and data.sample_rate == 44_100
    assert data.events is not None
    one = data.events[data.events["clip"] == data.clips["clip"].iloc[0]]
    assert one[["label", "onset", "offset"]].to_numpy().tolist() == [
        list(e) for e in sorted(EVENTS, key=lambda e: e[1])
    ]
    assert data.read(data.clips.iloc[:1]).shape == (1, 441_000)
    assert len(urban_sed.load(root, most=1).clips) == 3


@pytest.mark.parametrize("old", [True, False])
def test_jams_of_both_versions_of_scaper_are_read(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "a.jams"
    path.write_text(json.dumps(jams(EVENTS, old=old)), encoding="utf-8")
    found = urban_recipe.read_jams(path)
    assert found["role"].tolist() == ["background", *["foreground"] * 3]
    assert found["offset"].tolist() == [10.0, 5.5, 1.0, 6.125]
    assert set(found["pitch"]) == {1.5} and set(found["stretch"]) == {1.0} and set(found["snr"]) == {12.0}
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(IgsedError, match=r"a\.jams is no JAMS file of Scaper"):
        urban_recipe.read_jams(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1 1.0 siren", "1 columns, expected"),
        ("a\t1.0\tsiren", "is no time in s"),
        ("0.1\t1.0\ttuba", "class 'tuba' is none of"),
        ("1.0\t0.5\tsiren", "is no event"),
    ],
)
def test_bad_annotations_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IgsedError, match=rf"a\.txt, row 1: .*{message}"):
        urban_sed.annotation(path)


def test_annotations_that_differ_and_folders_that_lack_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match="no folders audio and annotations"):
        urban_sed.load(tmp_path)
    place = Path(shutil.copytree(root / "URBAN-SED_v2.0.0", tmp_path / "copy"))
    text = next((place / "annotations" / "train").glob("*.txt"))
    rows = text.read_text().splitlines()
    text.write_text("\n".join(rows[1:]), encoding="utf-8")
    with pytest.raises(IgsedError, match="tell different events"):
        urban_sed.load(place)
    text.unlink()
    with pytest.raises(IgsedError, match=text.name):
        urban_sed.load(place)
    shutil.rmtree(place / "audio" / "test")
    text.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(IgsedError, match="test holds no wav file"):
        urban_sed.load(place)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TableDataset, Path]:
    if shutil.which("sox") is None:
        pytest.skip("the program sox is not installed")
    folder = tmp_path_factory.mktemp("recipe")
    sounds = urban_sed.sources(write_urbansound8k(folder / "UrbanSound8K"))
    sizes = {"train": 3, "validation": 2, "test": 2}
    return urban_recipe.generate(sounds, sizes, seed=5, out_dir=folder / "made", workers=1, progress=False), folder


def test_the_recipe_is_kept(made: tuple[TableDataset, Path]) -> None:
    data, _ = made
    events, clips = data.events, data.clips.set_index("clip")
    assert events is not None
    assert clips["split"].value_counts().to_dict() == {"train": 3, "validation": 2, "test": 2}
    assert clips.loc[["train_00000", "train_00001", "train_00002"], "onsets"].tolist() == ["uniform", "middle", "two"]
    assert events.groupby("clip").size().between(1, 9).all()
    assert events["snr"].between(6, 30).all() and events["pitch"].between(-3, 3).all()
    assert events["stretch"].between(0.8, 1.2).all() and (events["offset"] <= 10.0).all()
    assert not events.groupby("clip")["source_file"].apply(lambda names: names.duplicated().any()).any()
    assert np.isfinite(data.read(data.clips)).all() and data.read(data.clips.iloc[:1]).shape == (1, 441_000)
    # Folds 1 to 6 are for training alone.
    folds = events["source_file"].str.split("-").str[0].astype(int)
    split = events["clip"].map(clips["split"])
    for name, allowed in urban_sed.FOLDS.items():
        assert folds[split == name].isin(allowed).all()


def test_the_same_seed_gives_the_same_clips_and_what_is_there_is_kept(made: tuple[TableDataset, Path]) -> None:
    data, folder = made
    sounds = urban_sed.sources(folder / "UrbanSound8K")
    sizes = {"train": 1, "validation": 0, "test": 1}
    again = urban_recipe.generate(sounds, sizes, seed=5, out_dir=folder / "again", workers=1, progress=False)
    one = data.clips[data.clips["clip"].isin(again.clips["clip"])]
    assert np.array_equal(again.read(again.clips), data.read(one))
    before = {p: p.stat().st_mtime_ns for p in (folder / "again").rglob("*.flac")}
    urban_recipe.generate(sounds, sizes, seed=5, out_dir=folder / "again", workers=1, progress=False)
    assert before == {p: p.stat().st_mtime_ns for p in (folder / "again").rglob("*.flac")}
    assert urban_recipe.identity(sounds, sizes, seed=5) != urban_recipe.identity(sounds, sizes, seed=6)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_shards_mix_the_bytes_of_one_run_and_leave_nothing_else(
    made: tuple[TableDataset, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = made
    sounds = urban_sed.sources(folder / "UrbanSound8K")
    sizes = {"train": 3, "validation": 2, "test": 2}

    def mix() -> TableDataset:
        return urban_recipe.generate(sounds, sizes, seed=5, out_dir=folder / "shards", workers=1, progress=False)

    for number in range(2):
        monkeypatch.setattr(shards, "_passed", 0)
        monkeypatch.setenv(shards.VARIABLE, f"1:{number}/2")
        with pytest.raises(shards.ShardEnd):
            mix()
        assert len(list((folder / "shards").rglob("*.jams"))) == (4, 7)[number]
    monkeypatch.delenv(shards.VARIABLE)
    pd.testing.assert_frame_equal(mix().events, data.events)
    assert contents(folder / "shards") == contents(folder / "made")


def test_a_second_run_beside_it_does_not_take_away_what_one_mixes_from(
    made: tuple[TableDataset, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = made
    sounds = urban_sed.sources(folder / "UrbanSound8K")
    sizes = {"train": 2, "validation": 0, "test": 0}
    make, begun = urban_recipe._make, []

    def mix() -> TableDataset:
        return urban_recipe.generate(sounds, sizes, seed=5, out_dir=tmp_path, workers=1, progress=False)

    def beside(job: urban_recipe._Job) -> None:
        if not begun:
            begun.append(job.clip)
            mix()  # another run comes, mixes all and ends
        make(job)

    monkeypatch.setattr(urban_recipe, "_make", beside)
    found = mix()
    one = data.clips[data.clips["clip"].isin(found.clips["clip"])]
    assert len(one) == 2 and np.array_equal(found.read(found.clips), data.read(one))


def test_urbansound8k_must_be_whole(tmp_path: Path) -> None:
    place = write_urbansound8k(tmp_path / "UrbanSound8K")
    assert urban_sed.is_urbansound8k(place) and not urban_sed.is_urbansound8k(tmp_path)
    (place / "audio" / "fold7" / "7-0.wav").unlink()
    with pytest.raises(IgsedError, match=r"7-0\.wav is missing"):
        urban_sed.sources(place)
    table = place / "metadata" / "UrbanSound8K.csv"
    table.write_text("slice_file_name,class\n", encoding="utf-8")
    with pytest.raises(IgsedError, match="no column fold"):
        urban_sed.sources(place)


def bank_of(root: Path, n_train: int, n_eval: int) -> SoundBank:
    rows = [
        (f"foreground/{pool}/{label}/{i}.wav", "foreground", pool, label, 1.0, "0" * 64)
        for pool, n in (("train", n_train), ("eval", n_eval))
        for label in ("Bell", "Hum")
        for i in range(n)
    ]
    for path, *_ in rows:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / path, np.zeros(800), 8000)
    columns = ["path", "role", "pool", "label", "duration", "sha256"]
    return SoundBank(root, pd.DataFrame(rows, columns=columns), pd.DataFrame())


@pytest.mark.parametrize(("n_train", "n_eval", "wanted"), [(3, 5, (3, 2, 3)), (3, 1, (2, 1, 1))])
def test_splits_of_a_bank_share_no_file(tmp_path: Path, n_train: int, n_eval: int, wanted: tuple[int, ...]) -> None:
    found = urban_recipe.of_bank(bank_of(tmp_path, n_train, n_eval))
    assert found.sample_rate == 8000
    for label in ("Bell", "Hum"):
        files = [found.files[split][label] for split in urban_recipe.SPLITS]
        assert tuple(map(len, files)) == wanted and len({path for of in files for path in of}) == sum(wanted)


def test_a_bank_with_too_few_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match="class 'Bell' has 2 files"):
        urban_recipe.of_bank(bank_of(tmp_path, 1, 1))
