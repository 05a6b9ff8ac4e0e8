"""How far a sweep is: stages, shards, what runs, what failed, time left."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from filelock import FileLock, Timeout

from igsed_core.base import children, paths, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import shown
from igsed_core.workflow import experiments
from igsed_core.workflow.sweeps import job as jobs
from igsed_core.workflow.sweeps import plan as planning
from igsed_core.workflow.sweeps import slurm, sweep_file
from igsed_core.workflow.sweeps.plan import Plan
from igsed_core.workflow.sweeps.sweep_file import Sweep

SUMMARY = "sweep.json"  # what a call of `igsed sweep` leaves of itself
DONE, RUNNING, FAILED, WAITING = "done", "running", "failed", "waiting"
OPTIONS = ("shards", "shard_seconds", "cores", "gpu", "scratch")
STALE = 4 * jobs.BEAT  # s untouched, after which a log without an end is taken for that of a job that was killed


def of(name: str) -> str:
    """Say how far a sweep is, a line per stage.

    Parameters
    ----------
    name
        Of the sweep.

    Raises
    ------
    IgsedError
        If no sweep of that name was started.
    """
    plan = planning.make(started(name))
    alive = works_on(plan.sweep)
    states = states_of(plan, alive=alive)
    table: dict[str, Counter[str]] = {}
    for identifier, state in states.items():
        stage = identifier.partition("/")[0]
        kind = f"{stage}, shards" if "-of-" in identifier else stage
        table.setdefault(kind, Counter())[state] += 1
    lines = [f"{'':28}{'done':>8}{'running':>9}{'failed':>8}{'waiting':>9}"]
    for kind, count in table.items():
        lines.append(f"{kind:28}{count[DONE]:>8}{count[RUNNING]:>9}{count[FAILED]:>8}{count[WAITING]:>9}")
    finished = sum(all(plan.nodes[i].whole for i in ids) for ids in plan.of_experiment.values())
    lines.append(f"{finished} of {len(plan.of_experiment)} experiments are whole")
    together = plan.sweep.shard_seconds if (plan.sweep.folder / jobs.ON_SLURM).exists() else 0
    left = planning.estimate(plan, together=together)
    at_once = max(1, sum(state == RUNNING for state in states.values()))
    if left.jobs and not alive:
        lines.append(
            f"about {left.core_hours:.3g} core hours are left; no call works on it: `igsed sweep` goes on from there"
        )
    elif left.jobs:
        hours = left.core_hours / (at_once * plan.sweep.cores)
        lines.append(
            f"about {left.core_hours:.3g} core hours are left: {hours:.3g} hours with the {at_once} jobs that now run"
        )
    lines += [f"failed: {jobs.log(plan.sweep.folder, i)}" for i, state in states.items() if state == FAILED]
    return "\n".join(lines)


def names() -> str:
    """Name the sweeps that were started, a line each, or say that there are none."""
    return "\n".join(_names()) or "no sweep was started: `igsed sweep FILE` starts one"


def _names() -> list[str]:
    places = paths.runs_dir().glob(f"*.sweep/{SUMMARY}")
    return sorted(place.parent.name.removesuffix(".sweep") for place in places if place.is_file())


def works_on(sweep: Sweep) -> bool:
    """Whether jobs of a sweep may be running: a call works on it, or left jobs on a cluster, where they outlive it."""
    try:
        with FileLock(sweep.folder / store.LOCK, timeout=0):
            pass  # let go at once: a call that begins meanwhile would be refused, and the queue may take seconds
    except (Timeout, OSError):  # somebody else's folder cannot be asked
        return True
    return (sweep.folder / jobs.ON_SLURM).exists() and slurm.in_queue(sweep) != []


def states_of(plan: Plan, *, alive: bool = True) -> dict[str, str]:
    """Return the state of every job of a sweep, finished nodes among them, by identifier.

    Parameters
    ----------
    plan
        The sweep, as the store now has it.
    alive
        Whether jobs may be running.
    """
    found = {}
    for node in plan.nodes.values():
        if node.whole:
            found[node.id] = DONE
    for one in plan.jobs():
        log = jobs.log(plan.sweep.folder, one.id)
        if jobs.marker(plan.sweep.folder, one.id).is_file():  # of a stage that has gone from the store it says nothing
            found[one.id] = DONE if one.shard else WAITING
        elif not log.is_file():
            found[one.id] = WAITING
        else:
            ended = next(reversed(_lines(log)), "").startswith((jobs.ENDED, children.STOPPED))
            found[one.id] = FAILED if ended or not alive or time.time() - log.stat().st_mtime > STALE else RUNNING
    return found


def reason(log: Path) -> str:
    """Return why a job failed, by the end of its log; empty if it says nothing.

    What was explained ends with status 1. A job that was killed has another, or none at all, and what it said before
    (that it waits for another, for instance) is no reason.
    """
    *lines, last = _lines(log) or [""]
    if last != f"{jobs.ENDED}1":
        return ""
    explained = next((line for line in reversed(lines) if line.startswith(("igsed:", "Traceback"))), "")
    return lines[-1] if explained.startswith("Traceback") else explained


def _lines(log: Path) -> list[str]:
    try:
        return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def started(name: str) -> Sweep:
    """Return a sweep as the last call of ``igsed sweep`` left it.

    Raises
    ------
    IgsedError
        If there is none of that name.
    """
    if not sweep_file.is_name(name) or not (sweep_file.folder_of(name) / SUMMARY).is_file():
        raise IgsedError(f"no sweep {shown(name)} was started: there are {', '.join(_names()) or 'none'}")
    folder = sweep_file.folder_of(name)
    try:
        return _as_written(name, folder)
    except (IgsedError, OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # What a parameter file of it lacks is said; what the summary lacks is of no use to anybody.
        said = error.strerror if isinstance(error, OSError) else error if isinstance(error, IgsedError) else ""
        why = f" ({said})" if said else ""
        raise IgsedError(
            f"{folder / SUMMARY} is damaged, or of another version of igsed{why}: start the sweep again, what is "
            "finished is kept"
        ) from error


def _as_written(name: str, folder: Path) -> Sweep:
    """Read a sweep's folder; whatever is odd in it is an error of one kind or another."""
    content = json.loads((folder / SUMMARY).read_bytes())
    for key, least, most in (
        ("shards", 1, sweep_file.MOST_SHARDS),
        ("shard_seconds", 0, sweep_file.MOST_SHARD_SECONDS),
        ("cores", 1, sweep_file.MOST_CORES),
    ):
        if type(content[key]) is not int or not least <= content[key] <= most:
            raise ValueError(f"{key} is {content[key]}")
    found, varied = {}, content["varied"]
    for one, values in varied.items():
        experiment = experiments.load(folder / jobs.PARAMETERS / f"{one}.json")
        if experiment.name != one or not isinstance(values, dict):
            raise ValueError(f"{one} is another experiment")
        found[one] = experiment
    if not found or type(content["gpu"]) is not bool or type(content["scratch"]) is not str:
        raise ValueError("a value is of another type")
    return Sweep(name, found, varied, **{key: content[key] for key in OPTIONS})
