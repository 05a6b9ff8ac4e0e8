"""DESED's layout: suffixes folded, pools without a common recording, backgrounds of choice, fetched when needed."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

import desed_archive
from failing_server import serve
from igsed_core.base.errors import IgsedError
from igsed_core.data import assets, download, fetching
from igsed_core.data.soundbank import desed
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.data.soundbank.base import BankFile, SoundBank
from igsed_core.workflow import cli

RATE = desed_archive.RATE


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desed_archive.write_bank(tmp_path_factory.mktemp("desed"), recordings=4, segments=2)


@pytest.fixture(scope="module")
def train_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desed_archive.write_bank(tmp_path_factory.mktemp("train"), recordings=4, segments=2, evaluation=False)


def prepare(name: Path | str, cache: Path, source: str = "desed") -> SoundBank:
    return soundbank.prepare(str(name), seed=0, sample_rate=RATE, cache_dir=cache, workers=1, background_source=source)


def pools(files: list[BankFile]) -> dict[str, set[str]]:
    return {pool: {f.path.name for f in files if f.pool == pool} for pool in ("train", "eval")}


def recordings(names: set[str]) -> set[str]:
    return {name.partition("_")[0] for name in names}


def test_a_folder_in_the_layout_is_recognised(bank: Path, tmp_path: Path) -> None:
    prepared = prepare(bank, tmp_path)
    assert prepared.classes == desed.CLASSES
    assert prepared.files.groupby(["pool", "label"]).size().to_dict() == {
        **{(pool, label): 8 for pool in ("train", "eval") for label in desed.CLASSES},
        ("background", "freesound"): 2,
        ("background", "youtube"): 1,
    }
    assert prepared.skipped.empty
    assert prepare(bank, tmp_path).root == prepared.root


def test_suffixes_are_folded_and_counted(bank: Path) -> None:
    folders = {path.name for path in (bank / "audio/train/soundbank/foreground").iterdir()}
    assert {"Frying_nOn_nOff", "Running_water_nOn", "Speech", "Speech_nOff"} < folders
    found = desed.counts(bank / "audio")
    assert found == {part: Counter({label: 8 for label in desed.CLASSES}) for part in ("train", "eval")}
    told = desed.report(bank / "audio")
    assert "Speech: 8 train, 8 eval" in told
    assert "part train: 80 foreground files, published 1009" in told


def test_files_of_the_same_name_in_folded_folders_both_stay(tmp_path: Path) -> None:
    root = desed_archive.write_bank(tmp_path / "bank", recordings=2, segments=1)
    folder = root / "audio/train/soundbank/foreground"
    name = next((folder / "Speech").glob("*.wav")).name
    (folder / "Speech_nOff" / name).write_bytes((folder / "Speech" / name).read_bytes())
    files, _ = desed.list_files(root / "audio", None, "desed")
    paths = [f.prepared_path for f in files]
    assert len(set(paths)) == len(paths)
    assert sum(name.removesuffix(".wav") in path for path in paths) == 2


def test_a_recording_of_the_eval_part_is_in_no_other_pool(tmp_path: Path) -> None:
    root = desed_archive.write_bank(tmp_path / "bank", recordings=2, segments=2)
    held_out = sorted((root / "audio/eval/soundbank/foreground/Cat").glob("*_0.wav"))[0]
    copy = root / "audio/train/soundbank/foreground/Dog" / held_out.name.replace("_0", "_7")
    copy.write_bytes(held_out.read_bytes())
    files, left_out = desed.list_files(root / "audio", None, "desed")
    assert left_out == {copy: "its recording is in pool eval"}
    both = pools(files)
    assert not recordings(both["train"]) & recordings(both["eval"])


def test_the_official_list_is_left_out_of_training(bank: Path, tmp_path: Path) -> None:
    name = "1001_0.wav"
    listed = desed_archive.write_list(tmp_path / "list.tsv", [f"Alarm_bell_ringing/{name}"])
    files, left_out = desed.list_files(bank / "audio", listed, "desed")
    assert {path.name: reason for path, reason in left_out.items()} == {name: "official validation list"}
    assert name not in pools(files)["train"] | pools(files)["eval"]


def test_without_an_eval_part_the_official_list_is_the_eval_pool(train_only: Path, tmp_path: Path) -> None:
    first = {f.label: f for f in desed._foreground(train_only / "audio", "train", "train")[0]}
    listed = desed_archive.write_list(tmp_path / "l.tsv", [f"{f.label}/{f.path.name}" for f in first.values()])
    files, left_out = desed.list_files(train_only / "audio", listed, "desed")
    both = pools(files)
    assert both["eval"] == {f.path.name for f in first.values()}
    assert not recordings(both["train"]) & recordings(both["eval"])
    assert set(left_out.values()) == {"its recording is in pool eval"}  # the other segments


def test_without_a_list_a_quarter_of_the_recordings_is_the_eval_pool(train_only: Path) -> None:
    files, left_out = desed.list_files(train_only / "audio", None, "desed")
    assert left_out == {}
    for label in desed.CLASSES:
        both = pools([f for f in files if f.label == label])
        assert len(recordings(both["eval"])) == 1 and len(recordings(both["train"])) == 3
        assert not recordings(both["train"]) & recordings(both["eval"])
        assert len(both["eval"]) == 2  # both segments
    assert pools(desed.list_files(train_only / "audio", None, "desed")[0]) == pools(files)


def test_long_files_are_left_out(tmp_path: Path) -> None:
    root = desed_archive.write_bank(tmp_path / "bank", recordings=2, segments=1)
    path = next((root / "audio/train/soundbank/foreground/Dog").glob("[0-9]*.wav"))
    desed_archive._write(path, desed_archive.synthesize_background(seed=[0], duration=10.5, sample_rate=RATE))
    assert desed.list_files(root / "audio", None, "desed")[1] == {path: "longer than 10 s"}


def test_other_backgrounds(bank: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    desed_archive._write(home / "a.wav", desed_archive.synthesize_background(seed=[1], sample_rate=RATE))
    prepared = prepare(bank, tmp_path / "cache", str(home))
    assert list(prepared.files.loc[prepared.files["role"] == "background", "label"]) == ["home"]
    assert soundbank.fingerprint(str(bank), seed=0, sample_rate=RATE, background_source=str(home)) not in {
        soundbank.fingerprint(str(bank), seed=0, sample_rate=RATE, background_source=other)
        for other in ("desed", "sins")
    }
    with pytest.raises(IgsedError, match=r"'background_source' is 'nowhere': no such folder"):
        prepare(bank, tmp_path / "cache", "nowhere")


def test_a_bank_without_backgrounds_names_the_choice(tmp_path: Path) -> None:
    root = desed_archive.write_bank(tmp_path / "bank", recordings=2, segments=1)
    for path in (root / "audio/eval/soundbank/background").rglob("*.wav"):
        path.unlink()
    with pytest.raises(IgsedError, match=r"background_source=desed: no background file .* background_source=sins"):
        prepare(root, tmp_path / "cache")


# --- fetched
@pytest.fixture
def mirror(tmp_path: Path, bank: Path, monkeypatch: pytest.MonkeyPatch):
    served = tmp_path / "served"
    served.mkdir()
    desed_archive.write_archive(bank, served / assets.REGISTRY["desed"].file_name)
    desed_archive.write_list(served / desed.VALIDATION_LIST, ["Dog/1017_0.wav"])
    desed_archive.write_notes(served)
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    with serve(served) as server:
        monkeypatch.setenv(assets.MIRROR_VARIABLE, server.url)
        yield server


def test_the_published_bank_is_fetched_once(mirror, tmp_path: Path) -> None:
    before = soundbank.fingerprint("desed", seed=0, sample_rate=RATE)
    with pytest.warns(UserWarning, match=r"not those published\n[\s\S]*part eval: 80 foreground files, published 314"):
        prepared = prepare("desed", tmp_path / "banks")
    assert soundbank.fingerprint("desed", seed=0, sample_rate=RATE) == before
    asked = len(mirror.requests)
    assert prepare("desed", tmp_path / "banks").root == prepared.root
    assert len(mirror.requests) == asked
    assert prepared.skipped["reason"].to_list() == ["official validation list"]
    assert not list((tmp_path / "cache" / "desed").rglob("._*"))
    assert "whole, unpacked" in fetching.verify(["desed"])


def test_a_record_without_the_official_list_is_told_of(mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not so with a mirror that lacks it: there the list may well exist."""
    (mirror.root / desed.VALIDATION_LIST).unlink()
    (mirror.root / f"{desed.VALIDATION_LIST}.checksum.json").unlink()
    with pytest.raises(IgsedError, match=r"soundbank_validation\.tsv could not be fetched .* \(HTTP 404"):
        fetching.validation_list()
    monkeypatch.delenv(assets.MIRROR_VARIABLE)
    monkeypatch.setattr(assets, "_record", lambda _: {"files": [{"key": "other.tsv"}]})
    with pytest.warns(UserWarning, match=r"no official validation list .* record 6026841 names no checksum of"):
        assert fetching.validation_list() is None


def test_the_command_counts_what_it_fetched(mirror, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fetch", "desed"]) == 0
    told = capsys.readouterr().out
    assert "Speech: 8 train, 8 eval" in told and "part eval: 80 foreground files, published 314" in told
    assert "backgrounds of its own: 3 files, published 17" in told


def test_sins_keeps_the_files_of_class_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = tmp_path / "served"
    served.mkdir()
    sound = tmp_path / "s.wav"
    desed_archive._write(sound, desed_archive.synthesize_background(seed=[1], duration=1.0, sample_rate=RATE))
    names = ("sins_meta", "sins_1", "sins_2")
    with zipfile.ZipFile(served / assets.REGISTRY["sins_meta"].file_name, "w") as meta:
        meta.writestr("DCASE2018-task5-dev/meta.txt", "audio/a.wav\tother\ts1\naudio/b.wav\tcooking\ts2\n")
    for name, files in (("sins_1", ("a", "b")), ("sins_2", ("b",))):
        with zipfile.ZipFile(served / assets.REGISTRY[name].file_name, "w") as audio:
            for file in files:
                audio.write(sound, f"DCASE2018-task5-dev/audio/{file}.wav")
    desed_archive.write_notes(served)
    meta_asset = assets.REGISTRY["sins_meta"]
    monkeypatch.setitem(
        assets.REGISTRY, "sins_meta", assets.Asset(meta_asset.url, meta_asset.file_name, "", "", record=1)
    )
    monkeypatch.setitem(fetching.GROUPS, "backgrounds", names)
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "cache"))
    with serve(served) as server:
        monkeypatch.setenv(assets.MIRROR_VARIABLE, server.url)
        folder = fetching.sins()
        asked = len(server.requests)
        assert fetching.sins() == folder
        assert len(server.requests) == asked
        assert cli.main(["fetch", "backgrounds"]) == 0
    assert "backgrounds of SINS: 1 files, published 2060" in capsys.readouterr().out
    assert [path.name for path in folder.rglob("*.wav")] == ["a.wav"]
    assert not list((tmp_path / "cache").glob("*audio*.zip"))  # one archive at a time


def test_what_is_not_used_is_listed(tmp_path: Path) -> None:
    root = desed_archive.write_bank(tmp_path / "bank", recordings=2, segments=1)
    place = root / "audio/train/soundbank/foreground"
    sound = next((place / "Dog").glob("[0-9]*.wav"))
    number = sound.name.partition("_")[0]
    for path in (place / "Doorbell" / "9_0.wav", place / "9_1.wav", place / "Dog" / "9_2.m4a"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sound.read_bytes())
    (place / "Dog" / f"{number}_0.flac").write_bytes(sound.read_bytes())
    (place / "Dog" / "9_3.wav").symlink_to(place / "nowhere")
    files, left_out = desed.list_files(root / "audio", None, "desed")
    assert {path.name: reason for path, reason in left_out.items()} == {
        "9_0.wav": "Doorbell is no class of DESED",
        "9_1.wav": "lies in no class folder",
        "9_2.m4a": "not read as audio (.m4a): convert it to wav or flac",
        "9_3.wav": "a link that leads nowhere",
        f"{number}_0.flac": f"named as {number}_0.wav but for the suffix",
    }
    assert len({f.prepared_path for f in files}) == len(files)
