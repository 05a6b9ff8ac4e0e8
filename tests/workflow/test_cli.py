"""The command line: what it prints, what it refuses, and in how few words."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
import yaml

from igsed_core import __version__
from igsed_core.base import children, files, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import choices_of
from igsed_core.base.paths import RunPaths
from igsed_core.base.run import link
from igsed_core.base.store import Entry
from igsed_core.workflow import cli, experiments, notebook, stages

PARAMS = Path(__file__).resolve().parents[2] / "params"


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))


def test_parameters_are_listed_once_as_a_file_would_hold_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parameters"]) == 0
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == {name: field.default for name, field in experiments.parameter_fields().items()}
    lines = [line for line in out.splitlines() if not line.startswith("#")]
    assert len(lines) == len(experiments.parameter_fields())
    for line, (name, field) in zip(sorted(lines), sorted(experiments.parameter_fields().items()), strict=True):
        assert line.startswith(f"{name}: ")
        assert field.metadata["doc"] in line
        assert all(choice in line for choice in choices_of(field))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "no.yaml"], "igsed: parameter file no.yaml does not exist: give one such as params/embedded.yaml"),
        (["run", str(PARAMS / "smoke.yaml"), "snr_mim=3"], "igsed: override 'snr_mim=3': unknown parameter 'snr_mim'."),
        (["stage", "training", str(PARAMS / "smoke.yaml"), "seed"], "igsed: override 'seed': write it as name=value"),
        (["notebooks", "no.yaml", "--out", "x"], "igsed: parameter file no.yaml does not exist"),
        (["book", "no.yaml"], "igsed: parameter file no.yaml does not exist"),
    ],
)
def test_errors_are_one_message_and_exit_code_1(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_as_a_program() -> None:
    """Exit status and streams as a shell sees them."""
    words = [sys.executable, "-m", "igsed_core", "run", "no.yaml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "igsed: parameter file no.yaml does not exist: give one such as params/embedded.yaml\n"
    assert done.stdout == ""


def test_stopping_is_explained(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(notebook, "execute", stop)
    assert cli.main(["stage", "training", str(PARAMS / "smoke.yaml")]) == 130
    assert "what was finished is kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["stage", "test", "x.yaml"],
        ["fly"],
        ["notebooks", "x.yaml"],
        ["run", "x.yaml", "--fast"],
        ["parameters", "x"],
    ],
)
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert "usage: igsed" in capsys.readouterr().err


def test_help_lists_what_people_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    told = capsys.readouterr().out
    assert "``" not in told and "sweep-job" not in told  # which a sweep calls
    assert "say how far a sweep is" in told


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_stage_executes_one_notebook_with_the_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(notebook, "execute", lambda *of, planned: calls.append((*of, planned)))
    words = ["stage", "baselines", str(PARAMS / "smoke.yaml"), "energy=power"]
    assert cli.main(words) == cli.main([*words, "--planned", "abc"]) == 0
    experiment = experiments.load(PARAMS / "smoke.yaml", ["energy=power"])
    assert calls == [("baselines", experiment, ""), ("baselines", experiment, "abc")]


@pytest.mark.parametrize(
    "words",
    [
        ["{}", "seed=3", "energy=power", "--cores", "1"],
        ["--cores", "1", "{}", "seed=3", "energy=power"],
        ["{}", "--cores", "1", "seed=3", "energy=power"],
        ["{}", "seed=3", "--cores", "1", "energy=power"],
    ],
)
def test_options_may_stand_anywhere(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run(params: Path, overrides: list[str], *, cores: int, dry_run: bool) -> experiments.Experiment:
        calls.append((params, overrides, cores, dry_run))
        return experiments.load(params, overrides)

    monkeypatch.setattr(notebook, "run", run)
    path = PARAMS / "smoke.yaml"
    assert cli.main(["run", *(word.format(path) for word in words)]) == 0
    assert calls == [(path, ["seed=3", "energy=power"], 1, False)]


def test_notebooks_are_written_with_the_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["notebooks", str(PARAMS / "smoke.yaml"), "seed=3", "--out", str(tmp_path / "out")]) == 0
    written = sorted((tmp_path / "out").iterdir())
    assert [p.stem for p in written] == [stage.notebook for stage in stages.STAGES.values()]
    assert capsys.readouterr().out.split() == [str(p) for p in written]
    for path in written:
        injected = [c for c in jupytext.read(path).cells if "injected-parameters" in c["metadata"].get("tags", [])]
        assert len(injected) == 1
        assert "seed = 3" in injected[0]["source"]
        assert 'experiment = "smoke"' in injected[0]["source"]


def test_a_failing_snakemake_is_an_explained_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "run", lambda *_, **__: 1)
    with pytest.raises(IgsedError, match="experiment 'smoke' did not finish: the reason stands above"):
        notebook.run(PARAMS / "smoke.yaml", [], cores=1)


def test_dry_run_names_what_would_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["run", str(PARAMS / "smoke.yaml"), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(stages.STAGES)
    assert all("to be run" in line for line in lines)
    assert not (tmp_path / "runs").exists()


def test_store_lists_and_prunes(capsys: pytest.CaptureFixture[str]) -> None:
    for key, used in (("0123", True), ("4567", False)):
        entry = Entry("training", key)
        entry.describe({})
        files.write_json(entry.folder / "record.json", {"stage": "training", "uses": ["features/89"]})
        if used:
            link(RunPaths("mine").stage("training"), entry.folder)
    shared, orphan = Entry("features", "89"), Entry("features", "ab")
    shared.describe({})
    orphan.describe({})
    assert cli.main(["store"]) == 0
    heading, *rows, total = capsys.readouterr().out.splitlines()
    assert heading.split() == ["artefact", "size", "age", "used", "by"] and total.startswith("4 artefacts, ")
    assert [row.split()[0] for row in rows] == ["features/89", "features/ab", "training/0123", "training/4567"]
    assert [row.split()[-1] for row in rows] == ["mine", "nobody", "mine", "nobody"]
    with orphan.lock():
        assert cli.main(["store", "prune", "--yes"]) == 0
        out = capsys.readouterr().out
        assert "features/ab: a run is making it, or uses it now: kept" in out
        assert out.splitlines()[-1].startswith("removed 1 artefact, 0.0 MB")
    assert orphan.folder.is_dir() and shared.folder.is_dir()
    assert not Entry("training", "4567").folder.exists()
    assert cli.main(["store", "prune", "--yes"]) == 0
    assert not orphan.folder.exists()
    assert cli.main(["store", "prune"]) == 0
    assert "every artefact is in use" in capsys.readouterr().out.splitlines()[-1]


def test_what_a_stage_shares_is_not_pruned_while_it_is_made() -> None:
    """A run died of it: the features that its training had just made were nobody's yet."""
    stage, shared = Entry("training", "01"), Entry("features", "02")
    stage.describe({})
    shared.describe({})
    link(stage.folder / "features", shared.folder)
    with stage.lock():
        assert cli.main(["store", "prune", "--yes"]) == 0
    assert stage.folder.is_dir() and shared.folder.is_dir()
    assert cli.main(["store", "prune", "--yes"]) == 0
    assert not stage.folder.exists() and not shared.folder.exists()


def test_what_a_stopped_run_made_is_kept_for_it_until_it_is_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    path, further = PARAMS / "smoke.yaml", ["chapters=none"]
    mine = stages.keys(experiments.load(path, further))["training"].data
    shared = Entry("features", "02")
    mine.describe({})
    shared.describe({})
    link(mine.folder / "features", shared.folder)
    monkeypatch.setattr(children, "run", lambda *_, **__: 1)
    with pytest.raises(IgsedError, match="did not finish"):
        notebook.run(path, further, cores=1)
    assert {one.entry: one.users for one in store.listed()} == {mine: ("smoke",), shared: ("smoke",)}
    monkeypatch.setattr(children, "run", lambda *_, **__: 0)
    notebook.run(path, further, cores=1)
    assert {one.users for one in store.listed()} == {()}


def test_pruning_asks_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    orphan = Entry("features", "ab")
    orphan.describe({})
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert cli.main(["store", "prune"]) == 0
    assert "nothing was removed" in capsys.readouterr().out
    assert orphan.folder.is_dir()


# --- who reads may go


@pytest.mark.parametrize("words", ["parameters", "--help", "run --help", "parameters 2>&1"])
def test_head_leaves_no_traceback(words: str, tmp_path: Path) -> None:
    """`igsed parameters | head -1`, with a reader that has gone before anything is printed."""
    lines = f"({shlex.quote(sys.executable)} -m igsed_core {words}; echo $? > status) 2> errors | true"
    subprocess.run(["bash", "-c", lines], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "errors").read_text() == ""
    assert (tmp_path / "status").read_text().strip() in ("0", "141")  # all was in the pipe, or not


def test_an_error_whose_reader_has_gone(tmp_path: Path) -> None:
    lines = f"({shlex.quote(sys.executable)} -m igsed_core run no.yaml; echo $? > status) 2>&1 | true"
    subprocess.run(["bash", "-c", lines], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "status").read_text().strip() in ("1", "141")


def test_another_broken_pipe_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a worker process must not pass for a reader who has gone."""

    def breaks(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(notebook, "execute", breaks)
    with pytest.raises(BrokenPipeError):
        cli.main(["stage", "training", str(PARAMS / "smoke.yaml")])
