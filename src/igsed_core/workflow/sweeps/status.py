"""How far a sweep is: stages, shards, what runs, what failed, time left."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.workflow import experiments
from igsed_core.workflow.sweeps import job as jobs
from igsed_core.workflow.sweeps import plan as planning
from igsed_core.workflow.sweeps import sweep_file
from igsed_core.workflow.sweeps.plan import Plan
from igsed_core.workflow.sweeps.sweep_file import Sweep

SUMMARY = "sweep.json"  # what a call of `igsed sweep` leaves of itself
DONE, RUNNING, FAILED, WAITING = "done", "running", "failed", "waiting"
STALE = 120.0  # s without a word after which a log without an end is taken for that of a job that was killed


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
    states = states_of(plan)
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
    left = planning.estimate(plan)
    at_once = max(1, sum(state == RUNNING for state in states.values()))
    if left.jobs:
        hours = left.core_hours / (at_once * plan.sweep.cores)
        lines.append(
            f"about {left.core_hours:.3g} core hours are left: {hours:.3g} hours with the {at_once} jobs that now run"
        )
    lines += [f"failed: {jobs.log(plan.sweep.folder, i)}" for i, state in states.items() if state == FAILED]
    return "\n".join(lines)


def states_of(plan: Plan) -> dict[str, str]:
    """Return the state of every job of a sweep, finished nodes among them, by identifier."""
    found = {}
    for node in plan.nodes.values():
        if node.whole:
            found[node.id] = DONE
    for one in plan.jobs():
        log = jobs.log(plan.sweep.folder, one.id)
        if one.shard and jobs.marker(plan.sweep.folder, one.id).is_file():
            found[one.id] = DONE
        elif not log.is_file():
            found[one.id] = WAITING
        else:
            found[one.id] = FAILED if reason(log) or time.time() - log.stat().st_mtime > STALE else RUNNING
    return found


def reason(log: Path) -> str:
    """Return why a job failed, by the end of its log; empty if it says nothing."""
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return next((line for line in reversed(lines) if line.startswith(("igsed:", "Traceback"))), "")


def started(name: str) -> Sweep:
    """Return a sweep as the last call of ``igsed sweep`` left it.

    Raises
    ------
    IgsedError
        If there is none of that name.
    """
    folder = sweep_file.folder_of(name)
    if not (folder / SUMMARY).is_file():
        known = sorted(p.parent.name.removesuffix(".sweep") for p in folder.parent.glob(f"*.sweep/{SUMMARY}"))
        raise IgsedError(f"no sweep {name!r} was started: there are {', '.join(known) or 'none'}")
    content: dict[str, Any] = files.read_json(folder / SUMMARY)
    try:
        for key, least, most in (
            ("shards", 1, sweep_file.MOST_SHARDS),
            ("shard_seconds", 0, sweep_file.MOST_SHARD_SECONDS),
            ("cores", 1, sweep_file.MOST_CORES),
        ):
            if type(content[key]) is not int or not least <= content[key] <= most:
                raise TypeError(f"{key} is {content[key]}")
        found = {one: experiments.load(folder / jobs.PARAMETERS / f"{one}.json") for one in content["varied"]}
        return Sweep(
            content["sweep"],
            found,
            content["varied"],
            **{key: content[key] for key in ("shards", "shard_seconds", "cores", "gpu", "scratch")},
        )
    except (KeyError, TypeError) as error:
        raise IgsedError(f"{folder / SUMMARY} is damaged: start the sweep again, what is finished is kept") from error
    except IgsedError as error:
        raise IgsedError(f"{error} (of sweep {name!r}: start it again, what is finished is kept)") from error
