"""One mechanism shares a step out: its parts are disjoint, together everything, and end the notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from igsed_core.attribution import runner
from igsed_core.base import shards
from igsed_core.base.errors import IgsedError
from igsed_core.base.shards import Shard, ShardEnd


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's kernel has passed no step."""
    monkeypatch.setattr(shards, "_passed", 0)
    monkeypatch.delenv(shards.VARIABLE, raising=False)


def as_shard(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(shards.VARIABLE, text)
    monkeypatch.setattr(shards, "_passed", 0)


def nothing() -> None:
    return None


def leave_a_file(_: None, path: Path) -> None:
    path.write_text(path.name)


def jobs(folder: Path, number: int = 7) -> list[runner.Job]:
    folder.mkdir(exist_ok=True)
    return [runner.Job(folder / f"{i}.txt", (folder / f"{i}.txt",)) for i in range(number)]


def test_without_a_shard_everything_is_done_and_nothing_ends(tmp_path: Path) -> None:
    runner.run(jobs(tmp_path), nothing, leave_a_file, what="x", workers=1)
    assert len(list(tmp_path.iterdir())) == 7
    shards.end_of_notebook()


@pytest.mark.parametrize("count", [2, 3, 20])
def test_shards_make_each_item_once_and_the_notebook_finds_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    seen: list[str] = []
    for number in range(count):
        as_shard(monkeypatch, f"1:{number}/{count}")
        before = {path.name for path in tmp_path.iterdir()}
        with pytest.raises(ShardEnd):
            runner.run(jobs(tmp_path), nothing, leave_a_file, what="x", workers=1)
        seen += sorted({path.name for path in tmp_path.iterdir()} - before)
    assert sorted(seen) == [f"{i}.txt" for i in range(7)]
    monkeypatch.delenv(shards.VARIABLE)
    runner.run(jobs(tmp_path), nothing, fails, what="x", workers=1)  # nothing is left to do


def fails(_: None, path: Path) -> None:
    raise AssertionError(f"{path} is made again")


def test_a_later_step_is_come_to_through_whole_ones_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    as_shard(monkeypatch, "2:0/2")
    with pytest.raises(ShardEnd):  # the first step lacks the other shard's files: no further
        runner.run(jobs(first), nothing, leave_a_file, what="x", workers=1)
    as_shard(monkeypatch, "2:1/2")
    runner.run(jobs(first), nothing, leave_a_file, what="x", workers=1)  # now it is whole, and this shard goes on
    with pytest.raises(ShardEnd):
        runner.run(jobs(second), nothing, leave_a_file, what="x", workers=1)
    assert sorted(path.name for path in second.iterdir()) == ["1.txt", "3.txt", "5.txt"]


def test_a_shard_never_ends_a_stage_as_if_it_were_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    as_shard(monkeypatch, "1:0/2")
    with pytest.raises(ShardEnd):
        shards.end_of_notebook()


def test_steps_inside_an_item_are_done_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_shard(monkeypatch, "1:0/2")
    with shards.item_by_itself():
        runner.run(jobs(tmp_path), nothing, leave_a_file, what="x", workers=1)
    assert len(list(tmp_path.iterdir())) == 7
    assert shards.current() == Shard(1, 0, 2)


@pytest.mark.parametrize("text", ["", "1", "0:0/2", "1:2/2", "1:-1/2", "a:b/c", "1:0/0"])
def test_a_shard_that_does_not_exist_is_told(text: str) -> None:
    with pytest.raises(IgsedError, match=r"shard"):
        Shard.parse(text)
