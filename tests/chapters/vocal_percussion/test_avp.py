"""AVP's archive and its traps, on a stand-in of its layout."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from avp_archive import write
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.vocal_percussion import avp, labels
from igsed_core.data import archives, assets


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("avp")
    archives.unpack(write(folder / "AVP_Dataset.zip"), folder / "avp", tables=True)
    return folder / "avp"


def test_one_command_fetches_holds_to_the_md5_and_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    archive = write(tmp_path / "AVP_Dataset.zip")
    assert assets.REGISTRY["avp"].checksum == "md5:a40f3f3bc9d5bc0f52ab9aa4c13a907e"
    with pytest.raises(IgsedError, match=r"AVP_Dataset\.zip"):
        avp.fetched()
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setitem(assets.REGISTRY, "avp", replace(assets.REGISTRY["avp"], checksum=f"md5:{digest}"))
    assert len(avp.load(avp.fetched()).takes.clips) == 15


def test_takes_are_read_with_their_annotations_and_nothing_of_macos(root: Path) -> None:
    bank = avp.load(root)
    assert sorted(p.name for p in root.iterdir()) == ["AVP_Dataset"]
    assert len(bank.takes.clips) == 15 and set(bank.boxemes["user"]) == {"P1", "P9", "P11"}
    kick = bank.boxemes[(bank.boxemes["user"] == "P1") & (bank.boxemes["take"] == "Kick")]
    assert kick["onset"].tolist() == [0.1, 0.4, 0.7, 1.0]
    assert kick["offset"].tolist() == [0.4, 0.7, 1.0, 1.4]
    assert set(kick["onset_phoneme"]) == {"p"} and kick["start"].isna().all()
    assert bank.takes.read(bank.takes.clips.iloc[:1]).shape[0] == 1


def test_held_out_users_are_avps_own(root: Path) -> None:
    bank = avp.load(root)
    splits = bank.boxemes.groupby(["user", "take"])["split"].first()
    assert splits["P1", "Improvisation"] == "train"
    assert splits["P9", "Kick"] == "own" and splits["P11", "Improvisation"] == "test"


def test_a_sound_without_label_is_left_out_and_still_ends_the_one_before(root: Path) -> None:
    bank = avp.load(root)
    mine = bank.boxemes[(bank.boxemes["user"] == "P9") & (bank.boxemes["take"] == "Improvisation")]
    assert len(mine) == 7 and mine["onset"].iloc[0] == 0.4


def test_fixed_takes_have_no_phonemes_and_say_so(root: Path) -> None:
    bank = avp.load(root, variant="Fixed")
    assert labels.of("instrument", bank.boxemes).targets.max() == 3
    with pytest.raises(IgsedError, match=r"has no phonemes.*vocal_takes=Personal"):
        labels.of("syllable", bank.boxemes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1,kd,p,ʊ,0.4,kd,p,ʊ", r"row 1: 7 columns|row 1: 8 columns.*glued"),
        ("onset,label", r"'onset' is no time"),
        ("0.1,tom", r"label 'tom'.*none of kd, sd"),
        ("0_1,kd", r"'0_1' is no time"),
        ("nan,kd", r"'nan' is no time"),
        ('0.1,kd,"' + "x" * 200_000 + '"', r"is no csv of an annotation"),
        ("0.4,kd\n0.1,kd", r"onsets must go up"),
        ("0.1,kd\n9.0,kd", r"within the take"),
    ],
)
def test_bad_annotations_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "take.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IgsedError, match=message):
        avp.annotation(path, 2.0)


def test_labels_that_differ_between_releases_are_listed(root: Path) -> None:
    bank = avp.load(root)
    other = bank.boxemes.copy()
    other.loc[other.index[2], "instrument"] = "sd"
    found = avp.differences(bank, type(bank)(bank.takes, other, bank.users))
    assert found.to_dict("records") == [
        {"user": "P1", "take": "HHclosed", "onset": 0.7, "instrument": "hhc", "other": "sd"}
    ]


def test_labels_and_phonemes_have_one_spelling(tmp_path: Path) -> None:
    path = tmp_path / "take.csv"
    path.write_text("0.1,KD,p,c\u0327\n0.6, kd ,p,\u00e7\n", encoding="utf-8")
    rows = avp.annotation(path, 2.0)
    assert {(row["instrument"], row["coda_phoneme"]) for row in rows} == {("kd", "\u00e7")}


def copied(root: Path, to: Path) -> Path:
    return Path(shutil.copytree(next(root.rglob("Personal")), to / "Personal"))


def test_names_in_capitals_and_without_are_taken(root: Path, tmp_path: Path) -> None:
    personal = copied(root, tmp_path)
    (personal / "Participant_9").rename(personal / "participant 9")
    for path in [*(personal / "Participant_1").iterdir()]:
        path.rename(path.with_suffix(path.suffix.upper()))
    assert len(avp.load(tmp_path).boxemes) == len(avp.load(root).boxemes)


def test_takes_that_cannot_be_used_are_named(root: Path, tmp_path: Path) -> None:
    personal = copied(root, tmp_path)
    take = personal / "Participant_1" / "P1_Kick_Personal.wav"
    content = take.read_bytes()
    take.write_bytes(content[: len(content) // 2])
    with pytest.raises(IgsedError, match=r"P1_Kick_Personal.*cut short"):
        avp.load(tmp_path)
    take.write_bytes(content)
    for name in ("Participant_9", "Participant_11"):
        shutil.rmtree(personal / name)
    with pytest.raises(IgsedError, match="held-out participant"):
        avp.load(tmp_path)


def test_a_folder_that_is_none_of_avp_is_named(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match="holds no folder Personal"):
        avp.load(tmp_path)
