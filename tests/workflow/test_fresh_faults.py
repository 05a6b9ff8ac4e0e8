"""Faults of the eleven kinds that were found by looking for more of them; each failed before it was mended."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from igsed_core.base import names, plugins
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, fetching, labels, recordings
from igsed_core.data.soundbank import survey
from igsed_core.detection import localiser
from igsed_core.models.encoders import registry as encoders
from igsed_core.workflow import cli, experiments
from igsed_core.workflow.sweeps import job, status
from tiny_bank import RATE, noise, put, tone

PARAMS = Path(__file__).resolve().parents[2] / "params" / "smoke.yaml"


def test_a_key_that_stands_twice_in_json(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"experiment": "a", "seed": 1, "seed": 2}')
    with pytest.raises(IgsedError, match=r"mine\.json .*'seed' is given twice"):
        experiments.load(tmp_path / "mine.json")


def test_the_override_is_named_and_not_the_file_alone() -> None:
    with pytest.raises(IgsedError, match=r"smoke\.yaml with 'encoder=CNN14'.*'encoder' is 'CNN14'"):
        experiments.load(PARAMS, ["encoder=CNN14"])


@pytest.mark.parametrize("name", ["snr.sweep", "snr.SWEEP"])
def test_the_name_of_a_sweeps_folder_is_no_experiments(name: str) -> None:
    with pytest.raises(IgsedError, match="those of sweeps"):
        experiments.load(PARAMS, [f"experiment={name}"])


@pytest.mark.parametrize("content", ['{"sweep": "bad"}', "[1]", '{"sweep": "bad", "varied": {"e": {}}}'])
def test_a_damaged_sweep_says_how_to_go_on(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path))
    folder = tmp_path / "bad.sweep"
    folder.mkdir()
    (folder / "sweep.json").write_text(content)
    with pytest.raises(IgsedError, match=r"start (the sweep|it) again"):
        status.of("bad")
    (folder / "batch.json").write_text(content)
    with pytest.raises(IgsedError, match="start the sweep again"):
        job.run(folder, "x")


def test_a_file_in_the_place_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "file"))
    assert cli.main(["fetch", "mn04_as", "--verify"]) == 1
    assert "IGSED_DATA_DIR names" in capsys.readouterr().err


def test_an_emptied_folder_is_not_taken_for_an_unpacked_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path))
    (tmp_path / "avp").mkdir()
    asked: list[str] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        raise IgsedError("asked")

    monkeypatch.setattr(fetching.assets, "fetch", fetch)
    with pytest.raises(IgsedError, match="asked"):
        fetching.avp()
    assert asked == ["avp"]
    assert fetching.state("avp", check=False) == "absent"


def test_a_rate_that_holds_nothing_audible_and_channels_beyond_a_float(tmp_path: Path) -> None:
    slow = put(tmp_path / "slow.wav", np.array(tone(1, 10, 3)), 3)
    assert audio.read_sound(slow, RATE).fault == audio.DRIFT
    loud = 3e38 * np.sign(tone(900, 0.5))
    sound = audio.read_sound(put(tmp_path / "loud.wav", np.stack([loud] * 2, axis=1), subtype="FLOAT"), RATE)
    assert not sound.fault and np.isfinite(sound.samples).all()


@pytest.mark.parametrize("name", ["mean over classes", "Mean_over_classes", "ALL"])
def test_names_of_the_averages(name: str) -> None:
    assert survey.class_label(name) == f"{name} (class)"
    with pytest.raises(IgsedError, match="stands for the averages"):
        names.check_classes([names.folded(name)])


@pytest.mark.parametrize("group", ["igsed.encoders", "igsed.methods", "igsed.threshold_rules", "igsed.soundbanks"])
@pytest.mark.parametrize("words", [["run", str(PARAMS), "--dry-run"], ["stage", "methods", str(PARAMS)]])
def test_an_installed_package_that_raises_on_import_is_told_by_every_command(
    words: list[str], group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was a traceback for all but ImportError, before anything that a user had typed was looked at."""
    info = tmp_path / "site" / "igsed_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: igsed-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\nmine = igsed_broken:MINE\n")
    (info.parent / "igsed_broken.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("IGSED_STORE_DIR", str(tmp_path / "store"))
    registry = plugins.registry(group)
    monkeypatch.setitem(registry.__dict__, "_all", None)
    del registry.__dict__["_all"]  # what it knew comes back after the test
    assert cli.main(words) == 1
    said = capsys.readouterr().err
    assert "of the installed package igsed-broken cannot be loaded (RuntimeError: no licence)" in said
    assert "pip uninstall igsed-broken" in said and said.count("\n") <= 2
    assert not (tmp_path / "runs" / "smoke" / "results").exists()


def test_rows_that_stand_twice_are_one_event(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", noise(3.0))
    rows = "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tBell\na.wav\t0.0\t1.00\tBell\n"
    (tmp_path / "events.tsv").write_text(rows)
    assert len(recordings.read(str(tmp_path), ("Bell",)).events) == 1


def weak(folder: Path, rows: str, header: str = "filename\tevent_labels") -> list[labels.WeakClip]:
    (folder / "labels.tsv").write_text(f"{header}\n{rows}")
    return labels.weak(folder / "labels.tsv")


def test_a_file_is_one_clip_however_the_table_or_a_link_calls_it(tmp_path: Path) -> None:
    put(tmp_path / "low" / "a.wav", noise(1.0))
    (tmp_path / "link.wav").symlink_to("low/a.wav")
    assert len(weak(tmp_path, "low/a.wav\tx\nlow\\a.wav\tx\nLOW/A.WAV\tx\nlink.wav\tx\n")) == 1
    with pytest.raises(IgsedError, match=r"line 3: link\.wav stands in line 2 with other labels"):
        weak(tmp_path, "low/a.wav\tx\nlink.wav\ty\n")
    with pytest.raises(IgsedError, match="is a folder"):
        weak(tmp_path, "low\tx\n")


@pytest.mark.parametrize("cell", ["x;y", "x; y", "['x', 'y']", '["x"]', "[x]", "[]"])
def test_labels_in_another_programs_list_are_no_class(cell: str, tmp_path: Path) -> None:
    """They were classes of their own: "x;y", or "['x'" and "'y']"."""
    put(tmp_path / "a.wav", noise(1.0))
    with pytest.raises(
        IgsedError, match=r"labels\.tsv, line 2: event_labels is .*: write the labels as they are, with"
    ):
        weak(tmp_path, f"a.wav\t{cell}\n")
    assert weak(tmp_path, "a.wav\tx [loud],y\n")[0].labels == ("x [loud]", "y")


@pytest.mark.parametrize("name", ["weights", "soundbank", "recordings"])
@pytest.mark.parametrize("address", ["https://example.org/w.pt", "file:///w.pt", "s3://bucket/bank"])
def test_an_address_is_no_path(name: str, address: str, tmp_path: Path) -> None:
    """It was taken for one in the user's folder, with one slash fewer, which was missing there."""
    said = rf"parameter '{name}': '{address}' is an address, no path: fetch what lies there, and give its path"
    (tmp_path / "mine.yaml").write_text(f"{name}: {address}")
    with pytest.raises(IgsedError, match=rf"mine\.yaml: {said}"):
        experiments.load(tmp_path / "mine.yaml")
    with pytest.raises(IgsedError, match=said):
        experiments.load(PARAMS, [f"{name}={address}"])
    with pytest.raises(IgsedError, match="is an address, no path"):
        encoders.load("embedded", address)


@pytest.mark.parametrize("written", ["SEED", "Seed", "N_Train", "LEARNING-RATE"])
def test_a_parameter_in_capitals_is_known_by_its_letters(written: str) -> None:
    wanted = written.lower().replace("-", "_")
    with pytest.raises(IgsedError, match=f"unknown parameter '{written}'. Did you mean '{wanted}'"):
        experiments.load(PARAMS, [f"{written}=1"])


def test_a_quoted_column_of_sources_is_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"{name}.wav", noise(1.0))
    found = weak(tmp_path, '"a.wav"\t"x"\t"s"\n"b.wav"\t"x"\t"s"\n', '"filename"\t"event_labels"\t"Source"')
    assert [clip.source for clip in found] == ["s", "s"]


def test_the_lean_network_is_made_before_the_threads_that_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing changes classes of PyTorch while it goes on: two threads at once ended in a NameError, at random."""
    made: list[threading.Thread] = []
    fold = localiser.mel.folded

    def folded(classifier: object) -> object:
        made.append(threading.current_thread())
        return fold(classifier)  # type: ignore[arg-type]

    monkeypatch.setattr(localiser.mel, "folded", folded)
    waveforms = [0.01 * noise(2.0, seed=i).astype(np.float32) for i in range(12)]
    held = [["x"] if i % 2 else [] for i in range(12)]
    fitted = localiser.Localiser.fit(waveforms, held, RATE, encoder="embedded")
    fitted.locate(np.tile(waveforms[0], 20), RATE)
    assert set(made) == {threading.current_thread()}
