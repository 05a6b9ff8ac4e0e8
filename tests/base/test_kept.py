"""Long jobs are kept one by one: what is finished is done once, whatever breaks off, whoever does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from igsed_core.base import kept, shards
from igsed_core.base.errors import IgsedError
from igsed_core.base.shards import ShardEnd

JOBS = {f"j{i}": i for i in range(7)}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's kernel has passed no step."""
    monkeypatch.setattr(shards, "_passed", 0)
    monkeypatch.delenv(shards.VARIABLE, raising=False)


def as_shard(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(shards.VARIABLE, text)
    monkeypatch.setattr(shards, "_passed", 0)


def square(item: int) -> dict[str, Any]:
    return {"weights": torch.arange(item + 1) ** 2, "row": ("a", item, 0.1 * item, None)}


def times(item: int, data: torch.Tensor) -> torch.Tensor:
    return item * data


class Counted:
    """Does jobs in this process until one is to break off."""

    def __init__(self, breaks: int | None = None) -> None:
        self.breaks = breaks
        self.done: list[int] = []

    def __call__(self, item: int) -> dict[str, Any]:
        if item == self.breaks:
            raise KeyboardInterrupt
        self.done.append(item)
        return square(item)


def run(function: Any, folder: Path, **options: Any) -> dict[str, Any]:
    return kept.results(function, JOBS, folder, **{"workers": 1, "desc": "x", **options})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_results_come_in_order_and_as_they_were(tmp_path: Path) -> None:
    found = run(square, tmp_path)
    assert list(found) == list(JOBS)
    assert torch.equal(found["j3"]["weights"], torch.tensor([0, 1, 4, 9]))
    assert found["j3"]["row"] == ("a", 3, 0.1 * 3, None)


def test_what_was_finished_before_a_break_is_not_done_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(first := Counted(breaks=4), tmp_path / "broken")
    run(second := Counted(), tmp_path / "broken")
    assert (first.done, second.done) == ([0, 1, 2, 3], [4, 5, 6])
    run(square, tmp_path / "whole")
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_several_processes_leave_the_same_bytes_as_one(tmp_path: Path) -> None:
    run(square, tmp_path / "one")
    run(square, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("count", [2, 50])
def test_shards_leave_the_same_bytes_as_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    run(square, tmp_path / "whole")
    for number in range(count):
        as_shard(monkeypatch, f"1:{number}/{count}")
        with pytest.raises(ShardEnd):
            run(done := Counted(), tmp_path / "shards")
        assert done.done == list(range(number, 7, count))
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    monkeypatch.delenv(shards.VARIABLE)
    run(again := Counted(), tmp_path / "shards")
    assert again.done == []


def test_a_shard_of_a_later_step_goes_through_this_one_if_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_shard(monkeypatch, "2:0/2")
    with pytest.raises(ShardEnd):  # the other shard's are not there
        run(square, tmp_path)
    as_shard(monkeypatch, "2:1/2")
    assert list(run(square, tmp_path)) == list(JOBS)


def test_another_run_that_was_faster_is_not_repeated(tmp_path: Path) -> None:
    """Whoever listed a job as missing looks again before it begins."""

    def slow(item: int) -> dict[str, Any]:
        if item == 0:  # meanwhile another run does all
            for name, other in JOBS.items():
                kept._write(tmp_path / f"{name}.pt", square(other))
        done.append(item)
        return square(item)

    done: list[int] = []
    run(slow, tmp_path)
    assert done == [0]


def test_data_is_made_once_mapped_by_all_and_gone_at_the_end(tmp_path: Path) -> None:
    made: list[int] = []

    def data() -> torch.Tensor:
        made.append(1)
        return torch.ones(3)

    found = run(times, tmp_path, data=data, workers=2)
    assert torch.equal(found["j5"], torch.full((3,), 5.0)) and made == [1]
    assert {path.suffix for path in tmp_path.iterdir()} == {".pt"}
    run(times, tmp_path, data=data)
    assert made == [1]


def test_what_a_job_noted_while_it_ran_goes_when_it_is_done(tmp_path: Path) -> None:
    for name in JOBS:
        kept.unfinished(tmp_path, name).write_text("half")
    run(square, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".pt"}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    run(square, tmp_path)
    path = tmp_path / "j2.pt"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(IgsedError, match=r"j2\.pt is damaged: remove it, and run the same command again"):
        run(square, tmp_path)


def test_what_cannot_be_read_back_fails_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    def unsafe(item: int) -> object:
        return Path("x") if item else 0

    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        run(unsafe, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["j0.pt"]
