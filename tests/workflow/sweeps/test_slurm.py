"""A sweep on a real Slurm of one node: the same bytes as on this machine, whatever is killed on the way.

Skipped where Slurm cannot be started: it needs root, Debian's slurm-wlm and munge (`.ci/run` installs them), and the
extra `cluster`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[3]
LOCAL_SLURM = ROOT / "tools" / "local-slurm"
# Smaller than the smoke run: what is tested is who runs it.
SWEEP = f"""
sweep: sw
base: {ROOT / "params" / "smoke.yaml"}
shards: 2
grid: {{frame_length: [0.1, 0.2]}}
variations:
  - {{chapters: none, n_train: 60, n_eval: 24, epochs: 10, replicates: 50, percentile_step: 20, n_steps: 2}}
"""
LIMIT = 900  # s for one call of the sweep


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    """A Slurm of one node on this machine, started for these tests where none runs."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the extra `cluster` (snakemake-executor-plugin-slurm) is not installed")
    if not shutil.which("slurmctld") or not shutil.which("munged"):
        pytest.skip("Slurm is not installed: apt-get install slurm-wlm munge")
    ran = responds()
    started = subprocess.run([str(LOCAL_SLURM), "start"], check=False, capture_output=True, text=True)
    if started.returncode:
        pytest.skip(f"Slurm cannot be started here: {started.stderr.strip()}")
    yield
    if not ran:
        subprocess.run([str(LOCAL_SLURM), "stop"], check=True)


def responds() -> bool:
    """Whether a Slurm answers already."""
    return subprocess.run(["sinfo", "-h"], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sound bank for all sweeps."""
    return tmp_path_factory.mktemp("data")


Sweep = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def sweep(slurm: None, data: Path, tmp_path: Path) -> Iterator[Sweep]:
    """Start `igsed sweep` on Slurm, or here; what is left of it at the end is killed."""
    begun: list[subprocess.Popen[str]] = []

    def start(settings: str = "") -> subprocess.Popen[str]:
        path = tmp_path / "sweep.yaml"
        path.write_text(SWEEP)
        profile = tmp_path / "profile"
        profile.mkdir(exist_ok=True)
        shipped = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
        # One node: nothing to wait for, and a failure is to be seen.
        quicker = {"status-checks: 20": "status-checks: 2", "wait: 60": "wait: 10", "retries: 2": "retries: 0"}
        for ours, here in quicker.items():
            assert ours in shipped
            shipped = shipped.replace(ours, here)
        shipped += f"slurm-no-account: true\nslurm-status-command: squeue\n{settings}\n"
        (profile / "config.yaml").write_text(shipped)
        process = subprocess.Popen(
            [sys.executable, "-m", "igsed_core", "sweep", str(path), "--profile", str(profile)],
            env={**os.environ, "IGSED_RUNS_DIR": str(tmp_path / "runs"), "IGSED_DATA_DIR": str(data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    subprocess.run(["scancel", *map(str, running(tmp_path))], check=False)


def running(folder: Path) -> list[int]:
    """Numbers of the jobs of a test's sweep that Slurm runs now, its longest running first."""
    asked = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%i %Z"], check=False, capture_output=True, text=True)
    rows = [line.split(maxsplit=1) for line in asked.stdout.splitlines()]
    return sorted(int(row[0]) for row in rows if len(row) == 2 and str(folder) in row[1])


def wait_for(condition: Callable[[], object], what: str, limit: float = 300.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.5)


def ends_well(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    return output


def contents(folder: Path) -> dict[str, object]:
    """What a sweep made, without what says how long it took."""
    found: dict[str, object] = {}
    for path in sorted((folder / "runs" / ".store").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".csv":
            table = pd.read_csv(path, dtype=str)
            found[name] = table.drop(columns=[c for c in table if "seconds" in str(c)]).to_csv(index=False)
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                found[name] = {key: arrays[key].tobytes() for key in arrays.files if "seconds" not in key}
        elif path.suffix == ".flac":
            found[name] = path.read_bytes()
        elif path.suffix == ".safetensors":  # the library writes the header's words in an order drawn anew each time
            with safe_open(path, "np") as file:
                found[name] = {**file.metadata(), **{key: file.get_tensor(key).tobytes() for key in list(file.keys())}}
    return found


def assert_same(folder: Path, other: Path) -> None:
    mine, theirs = contents(folder), contents(other)
    assert mine.keys() == theirs.keys()
    assert len([name for name in mine if name.endswith(".npz")]) > 10
    assert [name for name in mine if mine[name] != theirs[name]] == []


@pytest.fixture(scope="module")
def here(slurm: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep run on this machine's cores, in one piece."""
    folder = tmp_path_factory.mktemp("here")
    path = folder / "sweep.yaml"
    path.write_text(SWEEP.replace("shards: 2", "shards: 1"))
    environment = {**os.environ, "IGSED_RUNS_DIR": str(folder / "runs"), "IGSED_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "igsed_core", "sweep", str(path)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_sweep_that_loses_a_job_its_driver_and_its_daemon_ends_with_the_same_bytes(
    sweep: Sweep, here: Path, tmp_path: Path
) -> None:
    first = sweep()
    wait_for(lambda: running(tmp_path), "a job runs")
    subprocess.run(["scancel", str(running(tmp_path)[0])], check=True)
    output, _ = first.communicate(timeout=LIMIT)
    assert first.returncode == 1  # what needs that job was not come to
    failed = pd.read_csv(tmp_path / "runs" / "sw.sweep" / "failed.csv")
    assert "data_synthesis" in set(failed["stage"]), output

    second = sweep()
    wait_for(lambda: running(tmp_path), "a job runs again")
    os.kill(second.pid, signal.SIGKILL)  # the driver alone: its jobs go on
    second.wait()

    third = sweep()
    wait_for(lambda: running(tmp_path), "a job runs a third time")
    pid = int(Path(os.environ.get("LOCAL_SLURM_DIR", "/var/tmp/igsed-slurm"), "slurmd.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    time.sleep(3)
    subprocess.run([str(LOCAL_SLURM), "start"], check=True)
    third.communicate(timeout=LIMIT)  # well or not, as Slurm saw it

    ends_well(sweep())
    assert_same(tmp_path, here)
    assert pd.read_csv(tmp_path / "runs" / "sw.sweep" / "failed.csv").empty
    told = pd.read_csv(tmp_path / "runs" / "sw.sweep" / "sweep.csv")
    assert set(told["frame_length"]) == {0.1, 0.2}


def test_a_job_over_its_memory_is_named_and_made_by_the_next_call(sweep: Sweep, here: Path, tmp_path: Path) -> None:
    first = sweep(settings="set-resources: [training:mem_mb=150]")
    first.communicate(timeout=LIMIT)
    assert first.returncode == 1
    failed = pd.read_csv(tmp_path / "runs" / "sw.sweep" / "failed.csv")
    assert "training" in set(failed["stage"])
    ends_well(sweep())
    assert_same(tmp_path, here)
