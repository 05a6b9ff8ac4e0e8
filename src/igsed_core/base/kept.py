"""Results of a few long jobs, each kept in a file of its own: in parallel, none done twice, all of them or one shard.

What trains networks or attacks them for minutes goes through :func:`results`. A run that breaks off loses the jobs that
were being done, and no other; the shards of a sweep (:mod:`igsed_core.base.shards`) each do their part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from igsed_core.base import files, shards
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import parallel_map

# Tensors, numbers, text, None, and lists, tuples and mappings of them: what PyTorch reads without running any code.
Content = Any


@dataclass(frozen=True, eq=False)
class _Call:
    """All that a process needs for one job."""

    function: Callable[..., Content]
    item: Any
    path: Path
    data: Path | None


def results(
    function: Callable[..., Content],
    jobs: Mapping[str, Any],
    folder: Path,
    *,
    workers: int,
    desc: str,
    data: Callable[[], Content] | None = None,
) -> dict[str, Any]:
    """Return ``{name: function(item)}``, each result from its file; what has a file is not computed.

    Files lie in the folder of a stage, whose key stands for all that decides them. Each is written whole or not at all,
    and looked for again right before its job begins, since another run may have done it meanwhile.

    Parameters
    ----------
    function
        A function of a module; it is given an item, and what ``data`` made if there is any. It returns tensors,
        numbers, text, or lists and mappings of them.
    jobs
        Name -> item. Which are a shard's depends on their order alone.
    folder
        A file ``<name>.pt`` for each.
    workers
        Processes; 0: one per core.
    desc
        Words before the progress bar.
    data
        Makes what all jobs read. It is called if a job is left to do; the processes map one file of it into memory,
        which is removed when all jobs are done.

    Returns
    -------
    dict
        In the order of the jobs.

    Raises
    ------
    IgsedError
        If a file is damaged.
    ShardEnd
        In a shard whose part is done.
    """
    paths = {name: folder / f"{name}.pt" for name in jobs}
    common = folder / "data.shared" if data is not None else None
    missing = [name for name in shards.share(list(jobs)) if not paths[name].exists()]
    if missing and data is not None and common is not None and not common.exists():
        _write(common, data())
    calls = [_Call(function, jobs[name], paths[name], common) for name in missing]
    parallel_map(_do, calls, workers=workers, desc=desc)
    whole = all(path.exists() for path in paths.values())
    if whole and common is not None:
        common.unlink(missing_ok=True)
    shards.end_of_step(whole=whole)
    return {name: _read(path) for name, path in paths.items()}


def unfinished(folder: Path, name: str) -> Path:
    """File for what a job notes while it runs, for instance a checkpoint; it is removed when the result is kept."""
    return folder / f"{name}.unfinished"


def _do(call: _Call) -> None:
    if call.path.exists():
        return
    given = [] if call.data is None else [torch.load(call.data, mmap=True, weights_only=True)]
    _write(call.path, call.function(call.item, *given))
    unfinished(call.path.parent, call.path.stem).unlink(missing_ok=True)


def _write(path: Path, content: Content) -> None:
    with files.atomic(path) as temporary:
        with temporary.open("wb") as stream:  # PyTorch would write the temporary file's name into it
            torch.save(content, stream)
        torch.load(temporary, mmap=True, weights_only=True)  # what cannot be read back fails now, not at the end


def _read(path: Path) -> Content:
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:  # of many kinds; PyTorch's own words advise to load the file unsafely
        raise IgsedError(f"{path} is damaged: remove it, and run the same command again") from error
