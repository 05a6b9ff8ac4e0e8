"""One mechanism for sharing a stage's long steps out over jobs.

A job of a sweep may run a stage's notebook as *shard* ``i`` of ``n``. Long steps (mixing, feature frames, maps, the
repetitions over seeds) then do every ``n``-th of their items, each of which leaves a file of its own, and the notebook
ends there. The notebook itself, run afterwards, finds every file: one shard or fifty leave the same bytes, and a shard
that was lost costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from igsed_core.base.errors import IgsedError

Item = TypeVar("Item")

VARIABLE = "IGSED_SHARD"
_passed = 0  # steps that this process has come to
_suspended = False


class ShardEnd(Exception):
    """The shard's part is done: the notebook ends here. It is no error, and nothing is to catch it but the runner."""


@dataclass(frozen=True)
class Shard:
    """What a job does of a stage.

    Attributes
    ----------
    step
        Number of the long step after which the notebook ends, counted from 1.
    number, count
        The items ``number, number + count, number + 2 count, ...`` are this shard's.
    """

    step: int
    number: int
    count: int

    def __post_init__(self) -> None:
        if self.step < 1 or not 0 <= self.number < self.count:
            raise IgsedError(
                f"shard {self.number} of {self.count} at step {self.step} does not exist: count shards from 0 to "
                f"{max(self.count - 1, 0)} and steps from 1"
            )

    def __str__(self) -> str:
        return f"{self.step}:{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read what ``str`` wrote.

        Raises
        ------
        IgsedError
            If it is no shard.

        Examples
        --------
        >>> Shard.parse("1:3/20")
        Shard(step=1, number=3, count=20)
        """
        found = re.fullmatch(r"(\d+):(\d+)/(\d+)", text)
        if not found:
            raise IgsedError(f"{text[:60]!r} is no shard: write it as step:number/count, for instance 1:0/20")
        return cls(*map(int, found.groups()))


def current() -> Shard | None:
    """Return the shard that this process runs, from the variable ``IGSED_SHARD``; None for the whole notebook."""
    given = os.environ.get(VARIABLE)
    return Shard.parse(given) if given and not _suspended else None


def share(items: Sequence[Item]) -> list[Item]:
    """Return this shard's part of a step's items; without a shard all of them."""
    mine = current()
    return list(items) if mine is None else list(items[mine.number :: mine.count])


def end_of_step(*, whole: bool) -> None:
    """Say that a long step's share is done. In a shard the notebook ends here, unless it has further to go.

    Parameters
    ----------
    whole
        Whether every item of the step is there, those of other shards among them. Only then what follows can be
        computed.

    Raises
    ------
    ShardEnd
        In a shard whose part is done.
    """
    global _passed
    mine = current()
    if mine is None:
        return
    _passed += 1
    if not whole or _passed >= mine.step:
        raise ShardEnd(f"shard {mine} is done")


def end_of_notebook() -> None:
    """End a shard that found nothing (more) to share: only the whole notebook may write a stage's record.

    Raises
    ------
    ShardEnd
        In a shard.
    """
    if current() is not None:
        raise ShardEnd("nothing was left to share")


@contextlib.contextmanager
def item_by_itself() -> Iterator[None]:
    """Let the steps inside one item of a step (the maps of one seed) be done whole by whoever has the item."""
    global _suspended
    before, _suspended = _suspended, True
    try:
        yield
    finally:
        _suspended = before
