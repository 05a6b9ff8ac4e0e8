"""One function over a few items on several threads of this process.

A process of its own would import torch anew, which takes longer than what is to be done; torch lets other threads go on
while it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from igsed_core.base import devices
from igsed_core.base.parallel import n_processes

Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> list[Result]:
    """Return ``[function(item) for item in items]``, each computed on one core: the bytes do not depend on how many.

    Parameters
    ----------
    function, items
        What is done, and to what.
    workers
        Threads; 0: one per core.
    """
    with (
        devices.threads(1),
        ThreadPoolExecutor(n_processes(workers), initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        return list(pool.map(function, items))
