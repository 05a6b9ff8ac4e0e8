"""Folders of any name: what a shell, Snakemake or make is handed arrives whole."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from igsed_core.base import children, files, warm
from igsed_core.main_job.params import Baselines
from igsed_core.workflow import experiments, notebook, stages

ROOT = Path(__file__).resolve().parents[2]
CHECKOUTS = ["my proj (1), it's {x} $HOME"]
# All in one path, since each costs a start of Snakemake.
RUNS = """My Drive/a #1: b/1e3/it's {x}/Größe 🔔/[*] $HOME; `ls`/q"uo\\te"""
# In the place of the interpreter: notes what it was given, and leaves the marker that the stage would leave.
STAND_IN = """#!/bin/sh
printf '%s\\n' "$#" "$@" >> calls
for stage; do [ "$before" = stage ] && break; before=$stage; done
while IFS= read -r marker; do case "$marker" in *"/$stage-"*) : > "$marker" ;; esac; done < markers
"""


@pytest.fixture(scope="module", params=CHECKOUTS)
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in a folder with an awkward name."""
    folder = tmp_path_factory.mktemp("checkout") / str(request.param)
    folder.mkdir()
    for name in ("src", "book", "params", "results"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("Snakefile", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def snakemake(checkout: Path, root: Path, *words: str, interpreter: str = "") -> subprocess.CompletedProcess[str]:
    """Run the project's Snakefile as `igsed run` does, for parameters that lie in ``root``."""
    program = f"import runpy, sys; sys.executable = {interpreter!r} or sys.executable; "
    program += "runpy.run_module('snakemake', run_name='__main__', alter_sys=True)"
    command = [
        *(sys.executable, "-c", program, "--snakefile", str(checkout / "Snakefile"), "--directory", str(root)),
        *("--cores", "1", "--rerun-triggers", "mtime", "--scheduler", "greedy", "--nolock", *words),
    ]
    environment = {**os.environ, "IGSED_RUNS_DIR": str(root.parent), "PYTHONPATH": str(checkout / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def prepare(root: Path) -> experiments.Experiment:
    """What `igsed run` leaves for Snakemake."""
    experiment = experiments.load(ROOT / "params" / "smoke.yaml", ["experiment=smoke"])
    files.write_json(root / "parameters.json", experiment.values())
    return experiment


@pytest.fixture(scope="module")
def planned(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """The folder of a run with an awkward name, and the words of each command that a dry run on four cores prints."""
    root = tmp_path_factory.mktemp("runs") / RUNS / "smoke"
    prepare(root)
    done = snakemake(checkout, root, "--dry-run", "-p", "--cores", "4")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    lines = [line.partition("Shell command: ")[2] or line.strip() for line in output.splitlines()]
    return root, [shlex.split(line) for line in lines if "base/warm.py" in line]


def test_a_dry_run_names_the_whole_paths(planned: tuple[Path, list[list[str]]], checkout: Path) -> None:
    root, commands = planned
    ours = str(checkout / "src" / "igsed_core" / "base" / "warm.py")
    wanted = [*(ours if word == warm.__file__ else word for word in children.igsed()), "stage"]
    keys = stages.keys(experiments.load(root / "parameters.json"))
    assert {tuple(words[words.index(sys.executable) :]) for words in commands} == {
        (*wanted, stage, str(root / "parameters.json"), "--planned", keys[stage].page.key) for stage in stages.STAGES
    }


def test_two_chapters_at_a_time_have_half_of_the_cores_each(planned: tuple[Path, list[list[str]]]) -> None:
    given = {words[-4]: words[: words.index(sys.executable)] for words in planned[1]}
    light = {name for name, stage in stages.STAGES.items() if stage.light}
    halves = set(experiments.CHAPTERS) - light
    assert given == {name: ["IGSED_CORES=2", "OMP_NUM_THREADS=2"] * (name in halves) for name in stages.STAGES}


def test_a_chapter_by_itself_has_all_cores(checkout: Path, tmp_path: Path) -> None:
    root = tmp_path / "smoke"
    experiment = experiments.load(ROOT / "params" / "smoke.yaml", ["experiment=smoke", "chapters=engine"])
    files.write_json(root / "parameters.json", experiment.values())
    done = snakemake(checkout, root, "--dry-run", "-p", "--cores", "4")
    assert "stage engine" in done.stdout
    assert "IGSED_CORES" not in done.stdout


def test_the_stages_are_called_with_whole_paths(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Really run, by a stand-in for the interpreter in the checkout."""
    root = tmp_path / "My {Drive} (2); it's" / "smoke"
    experiment = prepare(root)
    stand_in = checkout / "stand in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("IGSED_RUNS_DIR", str(root.parent))
    markers = [os.path.relpath(path, root) for path in stages.markers(experiment).values()]
    (root / "markers").write_text("\n".join(markers) + "\n")
    done = snakemake(checkout, root, interpreter=str(stand_in))
    assert done.returncode == 0, done.stdout + done.stderr
    words = (root / "calls").read_text().splitlines()
    number = int(words[0]) + 1
    calls = [words[i : i + number] for i in range(0, len(words), number)]
    assert sorted(call[-5:-1] for call in calls) == sorted(
        ["stage", stage, str(root / "parameters.json"), "--planned"] for stage in stages.STAGES
    )
    assert {call[3] for call in calls} == {str(checkout / "src" / "igsed_core" / "base" / "warm.py")}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is absent")
def test_make_hands_on_a_parameter_file_with_blanks(checkout: Path) -> None:
    words = [
        "make",
        "--no-print-directory",
        "-n",
        "book",
        "PARAMS=my params (1)/x.yaml",
        "ARGS='weights=My Drive/w.pt'",
    ]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=True)
    assert shlex.split(done.stdout.splitlines()[-1])[1:] == ["book", "$PARAMS", "weights=My Drive/w.pt"]
    assert re.search(r"^export .*PARAMS|^PARAMS.*\n(.*\n)*export PARAMS", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_nothing_else_builds_a_shell_line_from_names() -> None:
    """Everything else runs programs by lists of words."""
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").glob("*.py"), *(ROOT / "scripts").glob("*.py")]
    sources += (ROOT / "benchmarks").glob("*.py")
    assert sources
    assert [path for path in sources if "shell=True" in path.read_text() or "os.system(" in path.read_text()] == []


def test_papermill_takes_braces_as_they_are(tmp_path: Path) -> None:
    """It fills in parameters at { } in the paths that it is given."""
    stage = stages.get("baselines")
    target = tmp_path / "a {energy} {nothing}" / "page.ipynb"
    notebook.parameterise(stage, Baselines(energy="power"), target, execute=False)
    assert "energy = 'power'" in target.read_text() or 'energy = \\"power\\"' in target.read_text()
