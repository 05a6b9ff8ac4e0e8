"""A sweep on a real Slurm of one node: the same bytes as on this machine, whatever is killed on the way.

Skipped where Slurm cannot be started: it needs root, Debian's slurm-wlm and munge (`.ci/run` installs them), and the
extra `cluster`. Who runs a stage is what is tested: most of these make soundscapes and nothing else. Those that
take minutes run with IGSED_SLURM_FAULTS=1; what they found stands on the book's page "From a laptop to a cluster".
"""

from __future__ import annotations

import contextlib
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
shard_seconds: 0
grid: {{frame_length: [0.1, 0.2]}}
variations:
  - {{chapters: none, n_train: 24, n_eval: 12, bank_train_files: 4, bank_eval_files: 4, bank_backgrounds: 2}}
"""
SIX = f"""
sweep: six
base: {ROOT / "params" / "smoke.yaml"}
grid: {{frame_length: [0.1, 0.2], snr_min: [0, 5, 15]}}
variations: [{{chapters: none}}]
"""
# `igsed` with sweeps that end after the soundscapes.
FIRST_STAGE = """
import sys
from igsed_core.workflow import cli
from igsed_core.workflow.sweeps import plan

whole = plan.make


def first(sweep):
    made = whole(sweep)
    nodes = {name: node for name, node in made.nodes.items() if node.stage == "data_synthesis"}
    of = {name: tuple(i for i in ids if i in nodes) for name, ids in made.of_experiment.items()}
    return plan.Plan(sweep, nodes, of)


plan.make = first
sys.exit(cli.main(sys.argv[1:]))
"""
LIMIT = 1800  # s for one call of the sweep
slow = pytest.mark.skipif(not os.environ.get("IGSED_SLURM_FAULTS"), reason="minutes: set IGSED_SLURM_FAULTS=1")


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

    def start(settings: str = "", text: str = "") -> subprocess.Popen[str]:
        path = tmp_path / "sweep.yaml"
        path.write_text(text or SWEEP)
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
            [*igsed(whole=bool(text)), "sweep", str(path), "--profile", str(profile)],
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


def igsed(*, whole: bool = False) -> list[str]:
    """The command; unless asked for whole sweeps, one that ends after the soundscapes."""
    return [sys.executable, *(("-m", "igsed_core") if whole else ("-c", FIRST_STAGE))]


def running(folder: Path) -> list[int]:
    """Numbers of the jobs of a test's sweep that Slurm runs now, its longest running first."""
    asked = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%i %Z"], check=False, capture_output=True, text=True)
    rows = [line.split(maxsplit=1) for line in asked.stdout.splitlines()]
    return sorted(int(row[0]) for row in rows if len(row) == 2 and str(folder) in row[1])


def programs(folder: Path) -> list[int]:
    """Processes that do jobs of a test's sweep."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            here = place.joinpath("cwd").readlink()
            if here.is_relative_to(folder) and b"\0sweep-job\0" in place.joinpath("cmdline").read_bytes():
                found.append(int(place.name))
    return found


def machine_seconds() -> float:
    """Processor time that this machine has spent on anything."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


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
    assert len([name for name in mine if name.endswith(".flac")]) > 30
    assert [name for name in mine if mine[name] != theirs[name]] == []


def run_here(folder: Path, data: Path, text: str, *, whole: bool = False) -> Path:
    """Run a sweep on this machine's cores."""
    path = folder / "sweep.yaml"
    path.write_text(text)
    environment = {**os.environ, "IGSED_RUNS_DIR": str(folder / "runs"), "IGSED_DATA_DIR": str(data)}
    command = [*igsed(whole=whole), "sweep", str(path)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def here(slurm: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep run on this machine's cores, in one piece."""
    return run_here(tmp_path_factory.mktemp("here"), data, SWEEP.replace("shards: 2", "shards: 1"))


def failed(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "runs" / "sw.sweep" / "failed.csv")


def test_a_sweep_that_loses_a_job_and_its_driver_ends_with_the_same_bytes(
    sweep: Sweep, here: Path, tmp_path: Path
) -> None:
    first = sweep()
    wait_for(lambda: running(tmp_path), "a job runs")
    subprocess.run(["scancel", str(running(tmp_path)[0])], check=True)
    output, _ = first.communicate(timeout=LIMIT)
    assert first.returncode == 1, output  # what needs that job was not come to
    assert set(failed(tmp_path)["stage"]) == {"data_synthesis"}
    assert "the same command goes on from there" in output

    second = sweep()
    wait_for(lambda: running(tmp_path), "a job runs again")
    os.kill(second.pid, signal.SIGKILL)  # the driver alone: its jobs go on
    second.wait()

    assert "report: " in ends_well(sweep())
    assert_same(tmp_path, here)
    assert failed(tmp_path).empty


@slow
def test_a_daemon_that_is_killed_costs_time_alone(sweep: Sweep, here: Path, tmp_path: Path) -> None:
    first = sweep()
    wait_for(lambda: running(tmp_path), "a job runs")
    pid = int(Path(os.environ.get("LOCAL_SLURM_DIR", "/var/tmp/igsed-slurm"), "slurmd.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    time.sleep(3)
    subprocess.run([str(LOCAL_SLURM), "start"], check=True)
    first.communicate(timeout=LIMIT)  # well or not, as Slurm saw it
    ends_well(sweep())
    assert_same(tmp_path, here)


@slow
def test_a_job_over_its_memory_is_named_and_made_by_the_next_call(sweep: Sweep, here: Path, tmp_path: Path) -> None:
    first = sweep(settings="set-resources: [data_synthesis:mem_mb=150]")
    first.communicate(timeout=LIMIT)
    assert first.returncode == 1
    assert set(failed(tmp_path)["stage"]) == {"data_synthesis"}
    assert set(failed(tmp_path)["reason"]) == {"killed, or out of time or memory", "not come to"}
    ends_well(sweep())
    assert_same(tmp_path, here)


@slow
def test_a_job_over_its_time_is_named_and_made_by_the_next_call(sweep: Sweep, here: Path, tmp_path: Path) -> None:
    first = sweep()
    wait_for(lambda: programs(tmp_path), "a job's program runs")
    for pid in programs(tmp_path):  # a minute is Slurm's least limit, and the job would not take so long
        os.kill(pid, signal.SIGSTOP)
    for job in running(tmp_path):
        subprocess.run(["scontrol", "update", f"JobId={job}", "TimeLimit=1"], check=True)
    first.communicate(timeout=LIMIT)
    assert first.returncode == 1
    assert set(failed(tmp_path)["stage"]) == {"data_synthesis"}
    ends_well(sweep())
    assert_same(tmp_path, here)


@slow
def test_six_experiments_on_slurm_have_the_bytes_of_local_cores(
    sweep: Sweep, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began, used = time.monotonic(), machine_seconds()
    ends_well(sweep(text=SIX))
    on_slurm, used_on_slurm = time.monotonic() - began, machine_seconds() - used
    alone = tmp_path / "alone"
    alone.mkdir()
    began, used = time.monotonic(), machine_seconds()
    run_here(alone, data, SIX, whole=True)
    on_cores, used_on_cores = time.monotonic() - began, machine_seconds() - used
    assert_same(tmp_path, alone)
    with capsys.disabled():
        print(f"six experiments: {on_slurm:.0f} s on Slurm with its polling, {on_cores:.0f} s on local cores")
        print(f"core seconds of the whole machine meanwhile: {used_on_slurm:.0f} and {used_on_cores:.0f}")
