"""One job of a sweep, on whichever machine it runs: a stage, or a shard of one, and what it took."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from igsed_core.base import children, files, warm
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import CORES_VARIABLE
from igsed_core.base.params import shown
from igsed_core.base.shards import Shard
from igsed_core.base.warm import USAGE_VARIABLE
from igsed_core.workflow import experiments, kernels, notebook, stages
from igsed_core.workflow.sweeps.costs import COST

BATCH, MARKERS, PARAMETERS, LOGS = "batch.json", "jobs", "experiments", "logs"
ENDED = "igsed: this job ended with status "  # the last line of the log of one that failed
ON_SLURM = ".slurm"  # there where a call has run on a cluster
BEAT = 30.0  # s
SCRATCH_VARIABLE = "IGSED_SCRATCH"


def marker(folder: Path, job: str) -> Path:
    """File whose existence says that a job has ended well."""
    return folder / MARKERS / f"{job}.json"


def log(folder: Path, job: str) -> Path:
    """What a job printed, its reason to fail among it."""
    return folder / LOGS / f"{job}.log"


def run(folder: Path, job: str) -> None:
    """Do a job of the batch in a sweep's folder and leave its marker.

    Parameters
    ----------
    folder
        ``runs/<name>.sweep``.
    job
        Its identifier in ``batch.json``.

    Raises
    ------
    IgsedError
        If there is no such job, or the stage fails.
    """
    batch = _batch(folder, [job])
    what = batch["jobs"][job]
    path = folder / PARAMETERS / f"{what['experiment']}.json"
    experiment = experiments.load(path)
    began = time.perf_counter()
    with alive(log(folder, job)), _as_given(what["cores"], batch["scratch"]) as usage:
        mine = stages.keys(experiment)[what["stage"]]
        notebook.check_planned(mine, job.partition("/")[2].partition(".")[0])
        if what["shard"]:
            notebook.execute_shard(what["stage"], experiment, Shard.parse(what["shard"]))
        elif mine.finished() is None:  # else an earlier attempt had just done it when it was killed
            notebook.execute(what["stage"], experiment)
        forked = [json.loads(line) for line in usage.read_text(encoding="utf-8").splitlines()]
    took = {
        "seconds": round(time.perf_counter() - began, 2),
        "core_seconds": round(_core_seconds() + sum(one["core_seconds"] for one in forked), 2),
        "memory_mib": round(_memory_mib() + max((one["memory_mib"] for one in forked), default=0)),
        "cores": what["cores"],
    }
    if not what["shard"] and not (mine.data.folder / COST).exists():
        files.write_json(mine.data.folder / COST, _whole(folder, job, took))
    files.write_json(marker(folder, job), took)


@contextlib.contextmanager
def alive(path: Path) -> Iterator[None]:
    """Keep a job's log young for as long as it runs, however long it says nothing: ``igsed status`` goes by its age."""
    ended = threading.Event()

    def touch() -> None:
        while not ended.wait(BEAT):
            with contextlib.suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run_lot(folder: Path, lot: Sequence[str]) -> int:
    """Do jobs one after another, each by a process and with a log of its own, forked from libraries imported once.

    What an earlier attempt has done is not done again. The first that fails ends the lot.

    Returns
    -------
    int
        Exit status of the job that failed, or 0.

    Raises
    ------
    IgsedError
        If there is no such job.
    """
    planned = _batch(folder, lot)["jobs"]
    cores_of = {one: planned[one]["cores"] for one in lot if not marker(folder, one).exists()}
    with contextlib.ExitStack() as held:
        servers = {cores: held.enter_context(kernels.warm_ones(cores)) for cores in set(cores_of.values())}
        for one, cores in cores_of.items():
            further = {**servers[cores], **dict.fromkeys(warm.THREADS, str(cores))}  # as Snakemake gives them to a job
            if status := _with_log(folder, one, further):
                return status
    return 0


def _batch(folder: Path, wanted: Sequence[str]) -> dict[str, Any]:
    """Read the batch, which must hold some jobs."""
    batch = files.read_json(folder / BATCH)
    planned = batch.get("jobs") if isinstance(batch, dict) else None
    for job in wanted:
        if not isinstance(planned, dict) or job not in planned:
            raise IgsedError(f"{folder / BATCH} holds no job {job!r}: start the sweep again, it plans anew")
    return dict(batch)


def _with_log(folder: Path, job: str, further: Mapping[str, str]) -> int:
    """Do a job by a process of its own; return its exit status, which is the last line of the log of one that fails."""
    path = log(folder, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.truncate(0)
        command = [*children.igsed(), "sweep-job", str(folder), job]
        status = children.run(command, output=stream, further=further)
        if status < 0:
            status = 128 - status  # as a shell has it
        if status:
            stream.write(f"{ENDED}{status}\n")
    return status


def _whole(folder: Path, job: str, took: dict[str, Any]) -> dict[str, Any]:
    """What a stage took with all its shards."""
    every = [took]
    for place in marker(folder, job).parent.glob(f"{Path(job).name}.*-of-*.json"):
        with contextlib.suppress(IgsedError, LookupError, TypeError):  # a damaged one: what it took is not known
            shard = files.read_json(place)
            every.append({name: 0 + shard[name] for name in ("core_seconds", "memory_mib")})
    return {
        "jobs": len(every),
        "core_seconds": round(sum(one["core_seconds"] for one in every), 2),
        "memory_mib": max(one["memory_mib"] for one in every),
    }


def _core_seconds() -> float:
    """Processor time of this process and of all that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _memory_mib() -> float:
    """This process and the largest that it has waited for (the kernel, or one of its workers)."""
    kib = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return kib / 1024


@contextlib.contextmanager
def _as_given(cores: int, scratch: str) -> Iterator[Path]:
    """Let a job use the cores that it was given, and its node's own disk for what it needs only while it runs.

    Yields the file in which a server of warm programs notes what they took: they are no children of this process.
    """
    given = {CORES_VARIABLE: str(cores), "OMP_NUM_THREADS": str(cores)}
    before = dict(os.environ)
    with contextlib.ExitStack() as held:
        if own := held.enter_context(scratch_folder(scratch)):
            given["TMPDIR"] = own
            tempfile.tempdir = None  # it is remembered otherwise
        os.environ.update(given)
        try:
            usage = Path(held.enter_context(tempfile.NamedTemporaryFile(prefix="igsed-", suffix=".usage")).name)
            os.environ[USAGE_VARIABLE] = str(usage)
            yield usage
        finally:
            os.environ.clear()
            os.environ.update(before)
            tempfile.tempdir = None


@contextlib.contextmanager
def scratch_folder(named: str) -> Iterator[str]:
    """Make a folder on the node for as long as a job runs; none (an empty text) where nobody names a place.

    Parameters
    ----------
    named
        As the sweep file has it; else the variable ``IGSED_SCRATCH`` counts.

    Raises
    ------
    IgsedError
        If there is no such folder on this node, or nothing can be written there.
    """
    source = "'scratch'" if named else SCRATCH_VARIABLE
    place = os.path.expandvars(named or os.environ.get(SCRATCH_VARIABLE, ""))
    if not place:
        yield ""
        return
    if "$" in place or not Path(place).is_dir():
        raise IgsedError(
            f"the scratch folder {shown(place)} is not on this node: let {source} name one that every node has, or "
            "leave it out"
        )
    try:
        folder = tempfile.TemporaryDirectory(prefix="igsed-", dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        raise IgsedError(
            f"nothing can be written to the scratch folder {place} ({error.strerror or error}): free some space, or "
            f"let {source} name another one"
        ) from error
    with folder:
        yield folder.name
