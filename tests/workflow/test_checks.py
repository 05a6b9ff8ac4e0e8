"""What a stage would refuse later is refused before anything runs, by a dry run too."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from igsed_core.attribution import replacement
from igsed_core.base import names
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.faithfulness import params as faithfulness
from igsed_core.data import mixing
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.models.encoders import registry as encoders
from igsed_core.workflow import checks, cli, experiments, stages
from tiny_bank import tone, write_bank
from tiny_project import ROOT

PARAMS = ROOT / "params" / "smoke.yaml"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bank(tmp_path_factory.mktemp("template") / "bank")


@pytest.fixture
def bank(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "bank")


def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, *overrides: str) -> str:
    """What a dry run says instead of what would run; nothing is written."""
    assert cli.main(["run", str(PARAMS), *overrides, "--dry-run"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("igsed: ")
    assert "Traceback" not in told.err
    assert not (tmp_path / "runs").exists()
    return told.err


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("sample_rate=44100", "'sample_rate' is 44100 Hz, but encoder 'embedded_mean' needs 32000 Hz: set sample"),
        ("sample_rate=16000 encoder=mn04_as", "'sample_rate' is 16000 Hz, but encoder 'mn04_as' needs 32000 Hz"),
        ("sample_rate=16000 encoder=cnn14", "'sample_rate' is 16000 Hz, but encoder 'cnn14' needs 32000 Hz"),
        ("encoder=CNN14", "parameter 'encoder' is 'CNN14': choose one of"),
        (
            "window=hamming",
            "'window' is 'hamming', but the weights of encoder 'embedded_mean' were trained with 'hann'",
        ),
        ("window=hamming encoder=mn04_as", "the weights of encoder 'mn04_as' were trained with 'hann'"),
        ("pooled_embedding=kept", "encoder 'embedded_mean' has no layer between its pooling and its output layer"),
        ("pooled_embedding=kept encoder=cnn14", "leave the chapter localiser out (parameter 'chapters')"),
        (f"background_source={ROOT}", "which only the bank 'desed' takes"),
        ("learning_rate=0", "'learning_rate' is 0.0, but must be at least 1e-09"),
        ("workers=100000", "'workers' is 100000, but must be at least 0 and at most 512"),
        ("other_encoder=none", "'other_encoder' is 'none'"),
        ("replacements=zeros", "parameter 'replacements' holds 'zeros': choose from silence, background, mean"),
        ("replacements=silence,,zeros", "parameter 'replacements' holds 'zeros'"),
        ("replacements=,", "parameter 'replacements' names nothing"),
        ("methods=saliencyy", "parameter 'methods' holds 'saliencyy'"),
        ("faithfulness_methods=ig,camm", "parameter 'faithfulness_methods' holds 'camm'"),
        ("engine=captum", "parameter 'quadrature' is 'db_adaptive', which engine 'captum' does not have"),
        ("engine=captum quadrature=gausslegendre precision=bfloat16", "which engine 'captum' does not have"),
        ("quadrature=riemann_trapezoid n_steps=1", "'n_steps' is 1, but must be at least 2"),
        ("snr_min=30", "'snr_min' (30.0) exceeds 'snr_max'"),
        ("chapters=audits", "parameter 'chapters' names 'audits'"),
        ("seeds=2026", "each must differ from the others and from 'seed'"),
        ("frame_length=0.125", "use a multiple of 0.01 s"),
    ],
)
def test_what_does_not_fit_together(
    overrides: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert message in refused(capsys, tmp_path, *overrides.split())


def test_the_other_encoder_hears_the_same_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encoders.TRAITS, "embedded_mean", encoders.Traits(16_000, "hann"))
    experiment = experiments.load(PARAMS)
    with pytest.raises(IgsedError, match="encoder 'embedded_mean' needs 16000 Hz"):
        checks.check(experiment, list(experiment.stages))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["notebooks", str(PARAMS), "--out", "/dev/null/x"], "nothing can be written to /dev/null/x"),
        (["notebooks", str(PARAMS), "--out", __file__], "is a file): let --out name another folder"),
        (["run", str(PARAMS), "--cores", "-2", "--dry-run"], "is -2: give 1 or more, or 0 for all cores"),
    ],
)
def test_options_of_the_command_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("parameter", ["device", "ig_device"])
def test_a_gpu_that_is_not_there(
    parameter: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    told = refused(capsys, tmp_path, f"{parameter}=cuda")
    assert f"parameter {parameter!r} is 'cuda', but no CUDA device is there: use 'auto' or 'cpu'" in told


def test_a_precision_that_the_processor_does_not_know(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from igsed_core.base import devices

    monkeypatch.setattr(devices, "has_bfloat16", lambda _: False)
    assert "'precision' is 'bfloat16'" in refused(capsys, tmp_path, "precision=bfloat16")


def test_weights_are_read_before_anything_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"no weights")
    assert str(weights) in refused(capsys, tmp_path, f"weights={weights}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mn04_as_mAP_432.pt").write_bytes(b"half a download")
    assert "mn04_as_mAP_432.pt" in refused(capsys, tmp_path, "encoder=mn04_as")


def test_the_program_that_scaper_calls(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing.shutil, "which", lambda _: None)
    assert "the program 'sox'" in refused(capsys, tmp_path)


def test_sounds_that_are_all_too_long(bank: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for path in (bank / "foreground" / "eval" / "Bell").iterdir():
        soundfile.write(path, np.tile(tone(440, 1.0), 3), 16_000)
    told = refused(capsys, tmp_path, f"soundbank={bank}", "duration=2")
    assert "foreground/eval/Bell" in told
    assert "is longer than the soundscape (3.00 s of 2 s)" in told


def test_sounds_that_cannot_be_read(bank: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for path in (bank / "background").rglob("*.wav"):
        path.write_bytes(b"RIFF")
    told = refused(capsys, tmp_path, f"soundbank={bank}")
    assert "background/<label>/" in told
    assert "cannot be read as audio" in told


def test_one_usable_sound_will_do(bank: Path) -> None:
    first, *_ = sorted((bank / "foreground" / "train" / "Bell").iterdir())
    first.write_bytes(b"RIFF")
    experiment = experiments.load(PARAMS, [f"soundbank={bank}"])
    checks.check(experiment, list(stages.STAGES))


def test_a_bank_of_one_class(bank: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for pool in ("train", "eval"):
        for place in (bank / "foreground" / pool).iterdir():
            if place.name != "Bell":
                shutil.rmtree(place)
    assert "has one class, 'Bell'" in refused(capsys, tmp_path, f"soundbank={bank}")
    assert cli.main(["run", str(PARAMS), f"soundbank={bank}", "chapters=none", "--dry-run"]) == 0


def test_a_folder_of_backgrounds_without_sounds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Before a fetch of 46 GB, not after it."""
    (tmp_path / "empty").mkdir()
    told = refused(capsys, tmp_path, "soundbank=desed", f"background_source={tmp_path / 'empty'}")
    assert "no background file was found" in told


def test_a_table_with_one_wrong_label(bank: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = tmp_path / "recordings"
    place.mkdir()
    soundfile.write(place / "a.wav", tone(440, 1.0), 16_000)
    (place / "events.tsv").write_text("filename\tonset\toffset\tevent_label\na.wav\t0\t1\tBel\n")
    told = refused(capsys, tmp_path, f"soundbank={bank}", f"recordings={place}")
    assert "events.tsv, line 2: event_label is 'Bel', which the classifier does not know" in told


def test_only_what_is_yet_to_run_is_looked_at() -> None:
    """A GPU is not needed for a stage whose results are there."""
    experiment = experiments.load(PARAMS, ["sample_rate=44100", "precision=bfloat16", "ig_device=cuda"])
    checks.check(experiment, ["results"])
    with pytest.raises(IgsedError, match="sample_rate"):
        checks.check(experiment, ["training", "results"])


def test_banks_name_their_classes_before_they_are_prepared(bank: Path) -> None:
    for name in ("procedural", "desed", "real", str(bank)):
        experiment = experiments.load(PARAMS, [f"soundbank={name}"])
        classes = soundbank.check_for(experiment.stages["data_synthesis"])
        assert classes and list(classes) == sorted(classes)


def test_classes_of_a_bank_are_checked_when_it_is_looked_at(bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(classes: object) -> None:
        raise IgsedError(f"refused {classes}")

    monkeypatch.setattr(names, "check_classes", refuse)
    with pytest.raises(IgsedError, match=r"refused \['Bell'"):
        soundbank.fingerprint(str(bank), seed=0, sample_rate=16_000)


@pytest.mark.parametrize("name", ["embedded", "embedded_mean"])
def test_traits_are_those_of_the_encoder(name: str) -> None:
    traits = encoders.TRAITS[name]
    frontend = encoders.load(name).frontend
    assert (frontend.sample_rate, frontend.window_name) == (traits.sample_rate, traits.window)
    assert set(encoders.TRAITS) == set(encoders.REGISTRY.own)


def test_replacements_are_those_that_there_are() -> None:
    assert faithfulness.REPLACEMENTS == replacement.KINDS
