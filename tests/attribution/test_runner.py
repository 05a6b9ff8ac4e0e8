"""The runner: every job once, everything loaded once per process, all at once or in shards."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import torch

from igsed_core.attribution import runner
from igsed_core.base import files, progress
from igsed_core.base.errors import IgsedError


def load(folder: Path) -> Path:
    files.write_text(folder / f"loaded-{os.getpid()}-{len(list(folder.glob('loaded-*')))}", "")
    return folder


def warm_up(folder: Path) -> None:
    files.write_text(folder / f"warm-{os.getpid()}", "")


def work(folder: Path, item: tuple[str, Path]) -> None:
    """Leave a file, and a note of who made it with how many threads."""
    name, path = item
    with (folder / "notes").open("a") as notes:
        notes.write(f"{name} {os.getpid()} {torch.get_num_threads()}\n")
    files.write_text(path, name)


def jobs_of(folder: Path, n: int = 6) -> list[runner.Job]:
    return [runner.Job((f"c{i}", folder / f"c{i}.txt"), (folder / f"c{i}.txt",)) for i in range(n)]


def run(folder: Path, jobs: list[runner.Job], **options: object) -> list[list[str]]:
    """Run, and return the notes."""
    folder.mkdir(exist_ok=True)
    (folder / "notes").write_text("")
    runner.run(jobs, partial(load, folder), work, what="jobs", **{"workers": 1, "warm_up": warm_up, **options})
    return [line.split() for line in (folder / "notes").read_text().splitlines()]


def test_jobs_are_done_once_in_order_and_loaded_once(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path)
    assert [name for name, *_ in run(tmp_path, jobs)] == [f"c{i}" for i in range(6)]
    assert len(list(tmp_path.glob("loaded-*"))) == len(list(tmp_path.glob("warm-*"))) == 1
    (tmp_path / "c3.txt").unlink()
    assert [name for name, *_ in run(tmp_path, jobs)] == ["c3"]
    assert run(tmp_path, jobs) == []
    assert len(list(tmp_path.glob("loaded-*"))) == 2  # anew for each run, but not where nothing is left to do


def test_several_processes_load_once_each_and_have_one_thread(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        notes = run(tmp_path, jobs_of(tmp_path), workers=2)
        alone = run(tmp_path, jobs_of(tmp_path, 7), workers=2)  # one job is left: it is done here
        here = run(tmp_path, jobs_of(tmp_path, 8), workers=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert sorted(name for name, *_ in notes) == [f"c{i}" for i in range(6)]
    assert {threads for *_, threads in (*notes, *alone)} == {"1"}
    assert here == [["c7", str(os.getpid()), "2"]]
    assert notes[0][1] == str(os.getpid())  # the first is the trial
    assert str(os.getpid()) not in {process for _, process, _ in notes[1:]}


def test_a_job_that_another_run_did_meanwhile_is_not_done_again(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path)

    def trial(folder: Path, item: tuple[str, Path]) -> float:
        files.write_text(tmp_path / "c4.txt", "by another run")
        return 0.0

    assert [name for name, *_ in run(tmp_path, jobs, trial=trial)] == ["c0", "c1", "c2", "c3", "c5"]
    assert (tmp_path / "c4.txt").read_text() == "by another run"


def test_a_job_of_several_files_is_done_when_all_are_there(tmp_path: Path) -> None:
    both = runner.Job(("a", tmp_path / "a.txt"), (tmp_path / "a.txt", tmp_path / "b.txt"))
    files.write_text(tmp_path / "a.txt", "")
    assert not both.is_done()
    files.write_text(tmp_path / "b.txt", "")
    assert both.is_done()


def test_shards_part_the_jobs_whatever_is_done(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path)
    assert [name for name, *_ in run(tmp_path, jobs, shard=(1, 3))] == ["c1", "c4"]
    assert [name for name, *_ in run(tmp_path, jobs, shard=(0, 3))] == ["c0", "c3"]
    assert [name for name, *_ in run(tmp_path, jobs, shard=(2, 3))] == ["c2", "c5"]
    for shard in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(IgsedError, match=rf"shard {shard[0]} of {shard[1]} does not exist: count them from 0"):
            run(tmp_path, jobs, shard=shard)


def test_a_gpu_is_used_from_this_process(tmp_path: Path) -> None:
    notes = run(tmp_path, jobs_of(tmp_path), workers=4, device="cuda")
    assert {process for _, process, _ in notes} == {str(os.getpid())}


def test_the_time_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.delenv(progress.TERMINAL_VARIABLE, raising=False)
    run(tmp_path, jobs_of(tmp_path), trial=lambda loaded, item: 60.0)
    assert "jobs: 6 clips, about 6 minutes (60 s for one)\n" in capsys.readouterr().err
