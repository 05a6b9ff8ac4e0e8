"""Runs that are killed, stopped, started twice, in an environment that would break each program they start.

The stages do next to nothing (:mod:`tiny_project`), so that what they must end with is known without another run.
``benchmarks/stopped_runs.py`` does the same with the real ones, at random moments and on a full disk.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tiny_project
from igsed_core.workflow import experiments, stages

FOREIGN_MODULES = ("random", "numpy", "pandas", "snakemake", "papermill")


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stopped_runs", tiny_project.ROOT / "benchmarks" / "stopped_runs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Variables as users have had them; each of them once stopped a run."""
    place = tmp_path / "foreign"
    for name in ("python3", "igsed"):
        kernel = place / "jupyter" / "kernels" / name
        kernel.mkdir(parents=True)
        kernel.joinpath("kernel.json").write_text(
            json.dumps({"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "python"})
        )
    startup = place / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    startup.joinpath("a.py").write_text("raise SystemExit(3)")
    place.joinpath("bash_env").write_text("exit 7")
    return {
        "HOME": "/proc/nowhere",  # where nobody can write, root neither
        "XDG_CACHE_HOME": "/proc/nowhere",
        "XDG_CONFIG_HOME": "/proc/nowhere",
        "MPLCONFIGDIR": "/proc/nowhere",
        "MPLBACKEND": "nonsense",
        "JUPYTER_PATH": str(place / "jupyter"),
        "JUPYTER_CONFIG_DIR": "/proc/nowhere",
        "IPYTHONDIR": str(place / "ipython"),
        "BASH_ENV": str(place / "bash_env"),
        "SNAKEMAKE_PROFILE": "nonsense",
        "GIT_DIR": "/proc/nowhere",
        "LC_ALL": "C",
    }


def expected() -> dict[str, float]:
    """What each stage of the tiny project ends with: its ``last.txt``."""
    found: dict[str, float] = {}
    for name in experiments.MAIN_JOB:
        before = sum(found[up] for up in stages.get(name).upstream)
        found[name] = float(sum(before + i + 2026 for i in range(10)))
    return found


def processes(mark: str) -> Iterator[int]:
    """Processes in whose environment a text stands."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (place / "environ").read_bytes() and int(place.name) != os.getpid():
                yield int(place.name)
        except OSError:  # it has ended, or is not ours
            continue


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") + Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return "ended"


def wait_for(condition: object, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_runs_that_are_stopped_end_as_others_do(harness: ModuleType, hostile: dict[str, str], tmp_path: Path) -> None:
    params = tiny_project.write(tmp_path / "project")
    work = tmp_path / "work"
    work.mkdir()
    for name in FOREIGN_MODULES:
        work.joinpath(f"{name}.py").write_text("raise RuntimeError('the wrong module')")
    own = {name: str(tmp_path / name) for name in ("IGSED_RUNS_DIR", "IGSED_DATA_DIR")}
    done = tmp_path / "IGSED_RUNS_DIR" / "tiny" / ".done"
    environment = {**os.environ, **hostile, **own, "IGSED_PROJECT": str(params.parent)}

    def start(log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as stream:
            words = [sys.executable, "-m", "igsed_core", "run", str(params)]
            return subprocess.Popen(words, cwd=work, env=environment, stdout=stream, stderr=subprocess.STDOUT)

    for number, how in enumerate((signal.SIGKILL, signal.SIGTERM), start=1):
        log = tmp_path / f"log{number}"
        run = start(log)
        assert wait_for(lambda n=number, one=run: len(list(done.glob("*.json"))) >= n or one.poll() is not None, 300)
        assert run.poll() is None, log.read_text()
        time.sleep(0.3)
        run.send_signal(how)
        began = time.monotonic()
        assert run.wait(30) in (-how, 128 + how)
        assert time.monotonic() - began < 10
        if Path("/proc/self/environ").exists():
            ended = wait_for(lambda: not list(processes(own["IGSED_RUNS_DIR"])), 10)
            left = [command_of(pid) for pid in processes(own["IGSED_RUNS_DIR"])]
            assert ended, f"after {how.name} there are {left}"
    told = [line for line in (tmp_path / "log2").read_text().splitlines() if "stopped" in line or "Error" in line]
    assert told == ["igsed: stopped; what was finished is kept, the same command goes on from there"]

    both = [start(tmp_path / f"both{n}") for n in range(2)]
    assert [run.wait(600) for run in both] == [0, 0], (tmp_path / "both0").read_text()
    folder = tmp_path / "IGSED_RUNS_DIR" / "tiny" / "stages"
    assert {name: float((folder / name / "last.txt").read_text()) for name in experiments.MAIN_JOB} == expected()
    contents = harness.contents(tmp_path / "IGSED_RUNS_DIR")
    tables = {name for cls in map(stages.get, experiments.MAIN_JOB) for name in cls.params.tables}
    assert {f"tiny/results/{name}.csv" for name in tables} <= set(contents)
    assert not [path for path in (tmp_path / "IGSED_RUNS_DIR" / ".store").rglob("*tmp*")]


def test_the_benchmark_sees_what_differs(harness: ModuleType, tmp_path: Path) -> None:
    results = tmp_path / "e" / "results"
    results.mkdir(parents=True)
    table = results / "t.csv"
    table.write_text("value,seconds\n1,2.0\n")
    before = harness.contents(tmp_path)
    table.write_text("value,seconds\n1,3.0\n")
    assert harness.contents(tmp_path) == before
    table.write_text("value,seconds\n2,2.0\n")
    assert harness.contents(tmp_path) != before
