"""Chapters with data of their own: what a stage would refuse is refused before anything runs, each a sentence."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import avp_archive
import fsdkaggle_archive
import urban_sed_archive
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial import fsdkaggle
from igsed_core.chapters.representations.params import RepresentationStudy
from igsed_core.chapters.self_attention.params import SelfAttentionStudy
from igsed_core.models.encoders import registry as encoders
from igsed_core.workflow import checks, cli, experiments
from tiny_project import ROOT

PARAMS = ROOT / "params" / "smoke.yaml"
CHAPTER = {
    "attention_data": "self_attention",
    "attack_bank": "adversarial",
    "repr_data": "representations",
    "vocal_bank": "vocal_percussion",
}


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNS", "DATA", "STORE"):
        monkeypatch.setenv(f"IGSED_{name}_DIR", str(tmp_path / name))


def refused(capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    """What a dry run says instead of what would run."""
    assert cli.main(["run", str(PARAMS), *overrides, "--dry-run"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("igsed: ") and told.err.count("\n") == 1
    return told.err


@pytest.mark.parametrize("parameter", list(CHAPTER))
def test_a_folder_of_something_else(parameter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    told = refused(capsys, f"{parameter}={tmp_path / 'other'}", f"chapters={CHAPTER[parameter]}")
    assert "other holds no" in told and ("give the" in told or "name the" in told)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("chapters=localiser shifts=5", "'shifts' is 5, which does not divide the 32 log-mel frames"),
        ("chapters=ceilings shifts=12", "choose one of 1, 2, 4, 8, 16, 32"),
        ("chapters=adversarial attack_shifts=1000", "parameter 'attack_shifts' is 1000"),
        ("chapters=vocal_percussion vocal_bank=avp vocal_takes=Fixed", "use vocal_takes=Personal, or vocal_labels="),
    ],
)
def test_what_does_not_fit(overrides: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(capsys, *overrides.split())


def test_a_gpu_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    told = refused(capsys, "chapters=self_attention", "attention_device=cuda")
    assert "parameter 'attention_device' is 'cuda', but no CUDA device is there" in told


@pytest.mark.parametrize("name", ["embedded", "embedded_mean"])
def test_feature_frames_have_so_many_log_mel_frames(name: str) -> None:
    encoder = encoders.load(name)
    frames = encoder.frame_duration * encoder.frontend.sample_rate / encoder.frontend.hop_length
    assert round(frames) == checks.LOG_MEL_FRAMES


# Folders in their exact layouts; what breaks one, and what is said then.


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("layouts")
    with tarfile.open(urban_sed_archive.write(place / "urban.tar.gz", seconds=0.1)) as archive:
        archive.extractall(place / "urban", filter="data")
    urban_sed_archive.write_urbansound8k(place / "us8k")
    for path in fsdkaggle_archive.write(place).values():
        shutil.unpack_archive(path, place / "fsd")
    shutil.unpack_archive(avp_archive.write(place / "avp.zip"), place / "avp")
    return place


def put(name: str, text: bytes) -> Callable[[Path], None]:
    """Replace a file that lies somewhere below."""

    def change(root: Path) -> None:
        next(root.rglob(name)).write_bytes(text)

    return change


def replace(name: str, old: str, new: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = next(root.rglob(name))
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding=encoding)

    return change


def lead_nowhere(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = next(root.rglob(name))
        path.unlink()
        path.symlink_to("/nowhere/at/all.wav")

    return change


TABLE, FSD = "UrbanSound8K.csv", "train_post_competition.csv"


@pytest.mark.parametrize(
    ("parameter", "layout", "change", "message"),
    [
        ("attention_data", "urban", lead_nowhere("soundscape_test_uniform0.wav"), "is a link that leads nowhere"),
        ("attention_data", "urban", replace("soundscape_test_uniform1.txt", "siren", "sirene"), "class 'sirene' is"),
        ("attention_data", "urban", put("soundscape_train_uniform0.txt", b"a\xe4b"), "soundscape_train_uniform0.txt"),
        ("attention_data", "us8k", replace(TABLE, ",1,0,dog", ",eins,0,dog"), "row 2: fold is 'eins', which is no wh"),
        ("attention_data", "us8k", replace(TABLE, ",1,0,dog", ",11,0,dog"), "has fold 11 for 1-0.wav, but folds are"),
        ("attention_data", "us8k", put(TABLE, b""), "is no table in CSV"),
        ("repr_data", "us8k", replace(TABLE, ",1,0,dog", ",,0,dog"), "row 2: fold is '', which is no whole number"),
        ("repr_data", "us8k", put(TABLE, b"\xff\xfe\x00"), "save the file as UTF-8"),
        ("repr_data", "us8k", put(TABLE, b"fs\0ID"), "it holds NUL bytes"),
        ("attack_bank", "fsd", replace(FSD, ",1,0,", ",yes,0,"), "row 2: manually_verified is 'yes', which is no who"),
        ("attack_bank", "fsd", put(FSD, "Lizenz für alle".encode("latin-1")), "line 1: this is not UTF-8 text"),
        ("vocal_bank", "avp", put("P9_Kick_Personal.csv", b"0.1;kd"), "P9_Kick_Personal.csv"),
        ("vocal_bank", "avp", put("P9_Kick_Personal.wav", b"RIFF"), "P9_Kick_Personal.wav cannot be read as audio"),
    ],
)
def test_what_is_damaged_is_named(
    parameter: str,
    layout: str,
    change: Callable[[Path], None],
    message: str,
    layouts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = shutil.copytree(layouts / layout, tmp_path / layout)
    change(mine)
    told = refused(capsys, f"{parameter}={mine}", f"chapters={CHAPTER[parameter]}")
    assert message in told and str(tmp_path) in told


@pytest.mark.parametrize(
    ("parameter", "layout"),
    [("attention_data", "urban"), ("attention_data", "us8k"), ("repr_data", "us8k"), ("attack_bank", "fsd")],
)
def test_what_is_whole_is_taken(parameter: str, layout: str, layouts: Path) -> None:
    made = experiments.load(PARAMS, [f"{parameter}={layouts / layout}"])
    checks.check_stage(made.stages[CHAPTER[parameter]], "embedded")


def test_a_table_with_a_mark_of_byte_order_or_of_utf_16_is_read(layouts: Path, tmp_path: Path) -> None:
    for number, encoding in enumerate(("utf-8-sig", "utf-16")):
        mine = shutil.copytree(layouts / "us8k", tmp_path / str(number))
        replace(TABLE, "siren", "siren", encoding)(mine)
        made = experiments.load(PARAMS, [f"repr_data={mine}"])
        checks.check_stage(made.stages["representations"], "embedded")


def test_an_unreadable_clip_is_listed(layouts: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mine = shutil.copytree(layouts / "fsd", tmp_path / "fsd")
    put("train0000.wav", b"no sound")(mine)
    assert not fsdkaggle.load(mine).clips["clip"].eq("train/train0000.wav").any()
    assert "train0000.wav (cannot be read as audio)" in capfd.readouterr().err


def test_an_annotation_or_a_clip_of_the_same_size_is_part_of_the_key(layouts: Path, tmp_path: Path) -> None:
    """Only the sounds of URBAN-SED were, and of UrbanSound8K's clips the sizes alone."""
    urban, us8k = (shutil.copytree(layouts / name, tmp_path / name) for name in ("urban", "us8k"))
    before = SelfAttentionStudy(attention_data=str(urban)).outside(), RepresentationStudy(repr_data=str(us8k)).outside()
    replace("soundscape_test_uniform0.txt", "siren", "drill")(urban)
    clip = next(us8k.rglob("3-1.wav"))
    put("3-1.wav", bytes(len(clip.read_bytes())))(us8k)
    after = SelfAttentionStudy(attention_data=str(urban)).outside(), RepresentationStudy(repr_data=str(us8k)).outside()
    assert before[0] != after[0] and before[1] != after[1]


def test_a_link_that_leads_nowhere_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "x.wav").symlink_to("/nowhere/at/all.wav")
    assert SelfAttentionStudy(attention_data=str(tmp_path)).outside()
    with pytest.raises(IgsedError, match="holds no folders audio and annotations"):
        checks.check_stage(SelfAttentionStudy(attention_data=str(tmp_path)), "embedded")
