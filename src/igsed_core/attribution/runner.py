"""Something for many clips: in parallel, resumable, timed, all of it or one shard."""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from igsed_core.base import devices, progress, shards
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import n_processes, parallel_map

ALL = (0, 1)  # the one shard that is everything


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be done for one clip.

    Attributes
    ----------
    item
        What the work is told; it is sent to another process.
    paths
        Files that the work leaves. Each is written whole or not at all (:func:`igsed_core.base.files.atomic`), so that
        one that is there is done.
    """

    item: Any
    paths: tuple[Path, ...]

    def is_done(self) -> bool:
        """Whether all files are there."""
        return all(path.exists() for path in self.paths)


@dataclass(frozen=True, eq=False)
class _Call:
    """All that a process needs for one job."""

    token: str  # of the run: a worker, or this process, may have loaded something for another one
    load: Callable[[], Any]
    warm_up: Callable[[Any], object] | None
    work: Callable[[Any, Any], object]
    job: Job


_kept: tuple[str, Any] | None = None  # what this process loaded, and for which run


def run(
    jobs: Sequence[Job],
    load: Callable[[], Any],
    work: Callable[[Any, Any], object],
    *,
    what: str,
    workers: int,
    device: str = "cpu",
    warm_up: Callable[[Any], object] | None = None,
    trial: Callable[[Any, Any], float] | None = None,
    shard: tuple[int, int] = ALL,
) -> None:
    """Do the jobs whose files are not all there.

    Parameters
    ----------
    jobs
        One per clip. Each is looked at again right before it starts: another run may have done it meanwhile.
    load
        Called once per process, for what every job needs; a function that can be pickled.
    work
        ``(loaded, item)``: does a job, and leaves its files; a function of a module. What it times is without loading.
    what
        Words before the progress bar.
    workers
        Processes on a CPU (0: one per core). More than one have one thread each: the networks are small, so that two
        processes of one thread beat one process of two. It is so for a job that is left alone, too, as another number
        of threads adds up in another order. With 1 everything runs in this process, with the threads that it has.
    device
        Anything but ``cpu`` is used from this process alone.
    warm_up
        Called with what was loaded, once per process, so that what happens once is not part of any time.
    trial
        ``(loaded, item)`` -> seconds that a job takes on average, from a short trial; without it the first job is
        done, and timed, before the others begin.
    shard
        ``(i, n)``: do jobs ``i, i + n, i + 2 n, ...`` alone. Which they are does not depend on what is done already, so
        that ``n`` machines with one folder leave the same files as one. By default all, or the part of the shard that
        this process runs (:mod:`igsed_core.base.shards`), which then ends the notebook.

    Raises
    ------
    IgsedError
        If there is no such shard.
    """
    number, count = shard
    if not 0 <= number < count:
        raise IgsedError(f"shard {number} of {count} does not exist: count them from 0 to {count - 1}")
    token = uuid.uuid4().hex
    mine = shards.share(jobs) if shard == ALL else jobs[number::count]
    calls = [_Call(token, load, warm_up, work, job) for job in mine if not job.is_done()]
    workers = workers if device == "cpu" else 1
    alone = device != "cpu" or n_processes(workers) == 1
    try:
        with devices.threads(torch.get_num_threads() if alone else 1):
            if len(calls) > 1:
                calls = _announce(calls, what, trial, at_once=min(n_processes(workers), len(calls)))
            parallel_map(_do, calls, workers=workers, desc=what)
    finally:
        _forget()
    if shard == ALL:
        shards.end_of_step(whole=all(job.is_done() for job in jobs))


def _announce(calls: list[_Call], what: str, trial: Callable[[Any, Any], float] | None, *, at_once: int) -> list[_Call]:
    """Say how long the calls will take; return those that are left."""
    first = calls[0]
    started = time.perf_counter()
    loaded = _loaded(first)
    loading = time.perf_counter() - started
    if trial is not None:
        seconds = trial(loaded, first.job.item)
    else:
        started = time.perf_counter()
        _do(first)
        seconds = time.perf_counter() - started
        calls = calls[1:]
    progress.expect(what, len(calls), seconds + loading * at_once / len(calls), item="clip", at_once=at_once)
    if at_once > 1 and len(calls) > 1:
        _forget()  # the workers load their own
    return calls


def _do(call: _Call) -> None:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    if not call.job.is_done():
        call.work(_loaded(call), call.job.item)


def _loaded(call: _Call) -> Any:
    global _kept
    if _kept is None or _kept[0] != call.token:
        _kept = None  # before the next is loaded: not both need fit into memory
        loaded = call.load()
        if call.warm_up is not None:
            call.warm_up(loaded)
        _kept = (call.token, loaded)
    return _kept[1]


def _forget() -> None:
    global _kept
    _kept = None
