"""A stage that is killed at each of its writes, and two at once: what the next one ends with is as if nothing had been.

Processes are forked here and do next to nothing, so that every moment can be tried; ``test_stopped_runs.py`` does the
same to whole runs, at a few, and ``benchmarks/stopped_runs.py`` to real ones, at random.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from igsed_core.base import files, provenance, store
from igsed_core.base.paths import RunPaths
from igsed_core.base.run import Finished
from igsed_core.workflow import experiments, notebook, stages

STAGE = stages.get("data_synthesis")
PARTS = ("a.txt", "sub/b.txt", "c.txt")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[stages.Keys, dict[str, object]]]:
    """Keys of the stage by seed, found once: that is what a real stage takes longest for."""
    known = {
        seed: stages.keys_of(STAGE, experiments.build(STAGE.params, {"seed": seed}, source="test"), {})
        for seed in (2026, 7)
    }
    monkeypatch.setattr(stages, "keys_of", lambda stage, params, upstream: known[params.seed])
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    monkeypatch.setattr(provenance, "environment", dict)  # which asks git
    return known


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Let runs and store be in a folder of that name."""

    def go(name: str) -> Path:
        for variable in ("RUNS", "STORE"):
            monkeypatch.setenv(f"IGSED_{variable}_DIR", str(tmp_path / name / variable))
        (tmp_path / name).mkdir(exist_ok=True)
        return tmp_path / name

    return go


def stage(log: Path, seed: int = 2026, pause: float = 0.0) -> None:
    """What a notebook does: artefacts one by one unless they are there, tables, the record."""
    cell = f"seed = {seed}"
    run = notebook.begin(STAGE.name, {"In": ["", cell, "begin"], "seed": seed})
    for part in PARTS:
        if not (run.dir / part).exists():
            with log.open("a") as stream:
                stream.write(f"{seed} {part}\n")
            time.sleep(pause)
            files.write_text(run.dir / part, f"{part} {seed}\n" * 1000)
    for name in run.params.tables:
        run.table(name, pd.DataFrame({"value": [seed, 2]}))
    run.finish(count=len(PARTS))


def fork(work: Callable[[], None]) -> int:
    """Do something in a process of its own; its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_at(moment: int) -> None:
    """Let this process be killed before its file number ``moment // 2`` gets its name, or right after."""
    replace, seen = os.replace, iter(range(1000))

    def or_die(source: str, target: str) -> None:
        number = next(seen)
        if 2 * number == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if 2 * number + 1 == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = or_die  # type: ignore[assignment]


def contents(root: Path) -> dict[str, str]:
    """All that lies there by its name, but for what a clock says; locks aside."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name not in (".lock", "log"):
            text = path.read_text()
            if path.name == "record.json":
                record = json.loads(text)
                text = json.dumps({n: v for n, v in record.items() if "seconds" not in n and n != "finished"})
            found[path.relative_to(root).as_posix()] = text
    return found


def test_killed_at_every_write_the_next_one_ends_with_the_same_bytes(place: Callable[[str], Path]) -> None:
    undisturbed = place("undisturbed")
    assert wait(fork(lambda: stage(undisturbed / "log"))) == 0
    wanted = contents(undisturbed)
    assert len([name for name in wanted if name.endswith((".txt", ".csv"))]) == len(PARTS) + 2 * 3
    killed = 0
    for moment in range(200):
        root = place(str(moment))

        def dying(moment: int = moment, root: Path = root) -> None:
            kill_at(moment)
            stage(root / "log")

        if (status := wait(fork(dying))) == 0:  # it has fewer files than that
            break
        assert status == -signal.SIGKILL
        killed += 1
        assert wait(fork(lambda root=root: stage(root / "log"))) == 0  # type: ignore[misc]
        left = contents(root)
        assert {name: text for name, text in left.items() if not name.startswith("RUNS/") or "/." not in name} == wanted
        files.sweep(root / "RUNS")  # as the next run does with what is an hour old
        assert contents(root) == wanted, moment
        # What was finished was not made again: at most the one that was being made.
        assert len((root / "log").read_text().splitlines()) <= len(PARTS) + 1
    assert killed >= 2 * len(wanted) / 1.5


def test_two_of_one_stage_follow_one_another(
    place: Callable[[str], Path], keys: dict[int, tuple[stages.Keys, dict[str, object]]]
) -> None:
    undisturbed = place("undisturbed")
    assert wait(fork(lambda: stage(undisturbed / "log"))) == 0
    root = place("both")
    both = [fork(lambda: stage(root / "log", pause=0.1)) for _ in range(2)]
    assert [wait(pid) for pid in both] == [0, 0]
    assert (root / "log").read_text().splitlines() == [f"2026 {part}" for part in PARTS]  # made once
    assert contents(root) == contents(undisturbed)


def test_two_seeds_of_one_experiment_lose_nothing_of_one_another(
    place: Callable[[str], Path], keys: dict[int, tuple[stages.Keys, dict[str, object]]]
) -> None:
    root = place("seeds")
    both = [fork(lambda seed=seed: stage(root / "log", seed, pause=0.05)) for seed in (2026, 7)]  # type: ignore[misc]
    assert [wait(pid) for pid in both] == [0, 0]
    for seed, (mine, _) in keys.items():
        assert Finished.read(mine.data) is not None
        assert (mine.data.folder / PARTS[0]).read_text() == f"{PARTS[0]} {seed}\n" * 1000
    linked = RunPaths("embedded").stage(STAGE.name).resolve()
    assert linked in [mine.data.folder for mine, _ in keys.values()]


def test_a_second_run_of_an_experiment_waits_and_says_so(
    place: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    root = place("waiting")

    def run(mark: str) -> None:
        with notebook._alone(RunPaths("mine")), (root / "log").open("a") as stream:
            stream.write(f"{mark} begins\n")
            stream.flush()
            time.sleep(0.4)
            stream.write(f"{mark} ends\n")

    both = [fork(lambda mark=mark: run(mark)) for mark in "ab"]  # type: ignore[misc]
    assert [wait(pid) for pid in both] == [0, 0]
    lines = [line.split() for line in (root / "log").read_text().splitlines()]
    assert [one for _, one in lines] == ["begins", "ends", "begins", "ends"]
    assert lines[0][0] == lines[1][0] != lines[2][0] == lines[3][0]
    assert "igsed: another run works on experiment 'mine': waiting for it" in capfd.readouterr().err


def test_a_run_sweeps_up_in_its_folder_what_nobody_writes_any_more(
    place: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = place("left")
    folder = RunPaths("mine").root
    (folder / "results").mkdir(parents=True)
    old, new, link = (folder / "results" / files.temporary_name(Path(f"{i}.csv")) for i in range(3))
    for path in (old, new):
        path.write_text("x")
    link.symlink_to(root)
    for path in (old, link):
        os.utime(path, (0, 0), follow_symlinks=False)
    monkeypatch.setattr(notebook, "check", lambda experiment: {})
    params = root / "mine.yaml"
    params.write_text("experiment: mine\n")
    notebook.run(params, [], cores=1, dry_run=False)
    assert sorted((folder / "results").iterdir()) == [new]
    assert root.is_dir()
