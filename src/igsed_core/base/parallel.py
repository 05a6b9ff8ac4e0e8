"""One function over many items, on several processes, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from igsed_core.base.errors import IgsedError
from igsed_core.base.progress import bar

CORES_VARIABLE = "IGSED_CORES"

Item = TypeVar("Item")
Result = TypeVar("Result")


def n_processes(workers: int) -> int:
    """Return the number of processes for the parameter ``workers``; 0 means one per usable core.

    Usable are those that a sweep gave the job (variable ``IGSED_CORES``), else those that the system lets it use.

    Raises
    ------
    IgsedError
        If it is negative, or the variable is no whole number from 1 on.
    """
    if workers < 0:
        raise IgsedError(f"the number of processes or cores is {workers}: give 1 or more, or 0 for all cores")
    if workers > 0:
        return workers
    if given := os.environ.get(CORES_VARIABLE, "").strip():
        if not (given.isascii() and given.isdigit()) or not int(given[:9]):
            raise IgsedError(f"variable {CORES_VARIABLE} is {given[:40]!r}: give a whole number from 1 on, or unset it")
        return int(given[:9])
    if hasattr(os, "sched_getaffinity"):  # Linux: respects containers and SLURM
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_with_parent() -> None:
    """Let a worker process end when its parent is killed; it would wait for work for ever.

    Ctrl-C reaches all processes of a terminal: the parent answers it, and ends the workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    desc: str,
    progress: bool = True,
) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed by several processes.

    Processes are spawned, never forked: a notebook's kernel has threads, which a fork may dead-lock. With one
    process, or one item, everything runs in this process.

    Parameters
    ----------
    function : callable
        A function of a module (it is sent to other processes by name).
    items : iterable
        Its arguments, one by one.
    workers : int
        Number of processes; 0 means one per core.
    desc : str
        Words before the progress bar.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    IgsedError
        If a process was killed. An error that ``function`` raises comes through as it is, and what was
        not begun is not done.
    """
    items = list(items)
    processes = min(n_processes(workers), len(items))
    if processes <= 1:
        return [function(item) for item in bar(items, desc, disable=not progress)]
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        futures = [pool.submit(function, item) for item in items]
        with bar(desc=desc, total=len(items), disable=not progress) as steps:
            for future in as_completed(futures):
                future.result()
                steps.update()
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise IgsedError(
            f"{desc}: a worker process died, most often for want of memory: run the same command again "
            f"with fewer workers (now {processes}); what was finished is kept"
        ) from error
    except KeyboardInterrupt:  # whoever asks for an end does not wait for what is being computed
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
