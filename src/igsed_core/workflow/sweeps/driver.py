"""A sweep from its file to its report: plan, groups of jobs through Snakemake, the experiments' results."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from igsed_core.base import children, files, paths, store
from igsed_core.base.errors import IgsedError
from igsed_core.workflow import checks, kernels, local_snakemake, notebook
from igsed_core.workflow.sweeps import job as jobs
from igsed_core.workflow.sweeps import places, report, slurm
from igsed_core.workflow.sweeps import plan as planning
from igsed_core.workflow.sweeps.costs import asked_minutes
from igsed_core.workflow.sweeps.plan import Job, Node, Plan
from igsed_core.workflow.sweeps.status import OPTIONS, SUMMARY
from igsed_core.workflow.sweeps.sweep_file import Sweep

SERVERS_MEMORY = 1000  # MiB of a lot: its own process, and the libraries that are imported for its jobs
_ON = "the same command goes on from there"
MOST_JOBS = 2000  # in one call of Snakemake: its graph takes about 1 ms and 60 kB a job, more where they are many


def run(sweep: Sweep, *, profile: Path, cores: int, most_jobs: int = MOST_JOBS) -> Path:
    """Run what is missing of a sweep, then write its report.

    Jobs that an earlier call left on the cluster, killed before it could see to them, are cancelled first.

    Parameters
    ----------
    sweep
        What to run.
    profile
        Folder of a Snakemake profile: ``profiles/local``, ``profiles/slurm``.
    cores
        Cores for jobs on this machine; with a cluster's profile, its ``jobs`` decide.
    most_jobs
        Jobs in one call of Snakemake; a larger sweep is run in groups.

    Returns
    -------
    Path
        The report's page.

    Raises
    ------
    IgsedError
        If something is missing, or if experiments did not finish; the message says which, and where their logs are.
    """
    places.check(sweep, profile)
    busy = f"another call works on sweep {sweep.name!r}"  # a second one would count the first one's jobs as its own
    remedy = (
        f"wait for its end (`igsed status {sweep.name}` says how far it is), or end it; the same command goes on then"
    )
    with store.alone(sweep.folder, busy, refusal=remedy):
        plan = planning.make(sweep)
        _check(plan, profile)
        if cluster := places.on_slurm(profile):
            (sweep.folder / jobs.ON_SLURM).touch()
        if (
            cluster or (sweep.folder / jobs.ON_SLURM).exists()
        ):  # where there is no Slurm that answers, asking takes 10 s
            slurm.cancel_left(sweep)
        _describe(plan)
        planning.keep(plan)
        _hold(plan, sweep)
        _forget_untrue(plan)
        with _warm_ones(profile) as further:
            for group in plan.groups(most_jobs):
                write_batch(plan, group, together=_together(sweep, profile))
                _make(sweep, snakemake(sweep, profile, cores), further)
        planned, plan = plan, planning.make(sweep)
        for name, experiment in sweep.experiments.items():
            for node in map(plan.nodes.__getitem__, plan.of_experiment[name]):
                notebook.adopt(experiment, node.stage, node.keys)
        page = report.write(plan)
        short = [name for name, ids in plan.of_experiment.items() if any(not plan.nodes[i].whole for i in ids)]
        _hold(plan if short else None, sweep)
    if short:
        raise IgsedError(
            f"{len(short)} of {len(sweep.experiments)} experiments did not finish: {_why(planned, plan, page)}"
        )
    return page


def _why(planned: Plan, plan: Plan, page: Path) -> str:
    """What to do about experiments that did not finish."""
    if planned.nodes.keys() != plan.nodes.keys():
        return f"what they depend on {notebook.CHANGED}; {_ON}"
    if set(report.failures(plan)["reason"]) == {report.NOT_COME_TO}:
        return f"no job was started, for the reason that Snakemake gives above; {page} names them; {_ON}"
    return f"{page} names the stages and their logs; {_ON}"


def dry_run(sweep: Sweep, *, profile: Path) -> str:
    """Say what a sweep would run, how much of it is shared or at hand, and what it would take.

    Raises
    ------
    IgsedError
        For what a job would refuse later; the message names it and the remedy.
    """
    places.check(sweep, profile)
    plan = planning.make(sweep)
    _check(plan, profile)
    found = planning.estimate(plan, together=_together(sweep, profile))
    every = sum(map(len, plan.of_experiment.values()))
    missing = len(plan.missing())
    groups = sum(1 for _ in plan.groups(MOST_JOBS))
    sources = ", ".join(f"{source}: {number} stages" for source, number in sorted(found.sources.items()))
    lines = [
        f"{len(sweep.experiments)} experiments, which vary {', '.join(sweep.parameters) or 'nothing'}",
        f"{every} stages, {len(plan.nodes)} of them different: {every - len(plan.nodes)} are shared",
        f"{len(plan.nodes) - missing} at hand, {missing} to be made",
        f"{found.jobs} jobs (at most {sweep.shards} for a long step), in {groups} group{'s' if groups > 1 else ''}",
        f"about {found.core_hours:.3g} core hours with the starts of jobs; all experiments, each run by itself from an "
        f"empty store without shards, {found.alone_core_hours:.3g}",
        f"estimated from times {sources or 'of none'}",
    ]
    return "\n".join(lines)


def _check(plan: Plan, profile: Path) -> None:
    """Look at everything that jobs would refuse later; at devices and programs only where they run on this machine."""
    wanted = (
        (plan.sweep.experiments[name], [node.stage for node in map(plan.nodes.__getitem__, of) if not node.data_whole])
        for name, of in plan.of_experiment.items()
    )
    checks.check_each(wanted, here=not places.on_slurm(profile))


def _warm_ones(profile: Path) -> contextlib.AbstractContextManager[dict[str, str]]:
    """Let jobs on this machine start with their libraries imported; on another one there is nobody to ask."""
    return contextlib.nullcontext({}) if places.on_slurm(profile) else kernels.warm_ones()


def _make(sweep: Sweep, command: list[str], further: dict[str, str]) -> None:
    """Call Snakemake; whoever is asked to end takes the jobs back that lie on the cluster."""
    try:
        children.run(command, further=further)
    except KeyboardInterrupt:
        if (sweep.folder / jobs.ON_SLURM).exists():
            slurm.cancel_left(sweep)
        raise


def _describe(plan: Plan) -> None:
    """Write each experiment's parameters, and what status and report need to know of the sweep."""
    sweep = plan.sweep
    for name, experiment in sweep.experiments.items():
        path = sweep.folder / jobs.PARAMETERS / f"{name}.json"
        if not files.holds_json(path, experiment.values()):
            files.write_json(path, experiment.values())
    files.write_json(
        sweep.folder / SUMMARY,
        {
            "sweep": sweep.name,
            "varied": sweep.varied,
            **{name: getattr(sweep, name) for name in OPTIONS},
        },
    )


def _forget_untrue(plan: Plan) -> None:
    """Remove markers of what the store does not hold: it decides, not they; and logs of what is to be done again."""
    for node in plan.missing():
        jobs.marker(plan.sweep.folder, node.id).unlink(missing_ok=True)
        if not node.keys.data.folder.is_dir():  # pruned: its shards are gone, too
            for path in jobs.marker(plan.sweep.folder, node.id).parent.glob(f"{node.keys.page.key}.*"):
                path.unlink()
    if (plan.sweep.folder / jobs.LOGS).is_dir():
        for one in plan.jobs():
            if not jobs.marker(plan.sweep.folder, one.id).exists():
                jobs.log(plan.sweep.folder, one.id).unlink(missing_ok=True)


def _hold(plan: Plan | None, sweep: Sweep) -> None:
    """Let the store know what a sweep refers to until it is at its end: no experiment names what shards have made."""
    nodes = plan.nodes.values() if plan else ()
    store.hold(sweep.folder, [one for node in nodes for one in (node.keys.data, node.keys.page)])


def _together(sweep: Sweep, profile: Path) -> float:
    """Core seconds up to which stages share a job: on a cluster each job starts anew, here they are forked."""
    return sweep.shard_seconds if places.on_slurm(profile) else 0


def write_batch(plan: Plan, group: list[Node], *, together: float = 0) -> None:
    """Write what Snakemake and the jobs read.

    Parameters
    ----------
    plan, group
        The sweep, and those of its nodes that are made now.
    together
        Core seconds up to which one job for Snakemake does several (:meth:`Plan.lots`), named after its last.
    """
    sweep = plan.sweep
    rows: dict[str, Any] = {}
    lots: dict[str, Any] = {}
    last: dict[str, str] = {}  # of the lot in which a job is
    for nodes in plan.lots(group, seconds=together):
        mine = list(plan.jobs(nodes))
        for one in mine:
            rows[one.id] = _row(sweep, plan.nodes[one.node], one)
        for lot in [mine] if len(nodes) > 1 else [[one] for one in mine]:
            last |= {one.id: lot[-1].id for one in lot}
            needs = dict.fromkeys(last[need] for one in lot for need in one.needs if need in last)
            jobs.log(sweep.folder, lot[-1].id).parent.mkdir(parents=True, exist_ok=True)
            lots[lot[-1].id] = _asked(sweep, plan, lot) | {"needs": [need for need in needs if need != lot[-1].id]}
    files.write_json(
        sweep.folder / jobs.BATCH, {"scratch": sweep.scratch, "ended": jobs.ENDED, "jobs": rows, "lots": lots}
    )


def _cores(sweep: Sweep, node: Node) -> int:
    return 1 if node.params.light else sweep.cores


def _row(sweep: Sweep, node: Node, one: Job) -> dict[str, Any]:
    """What a job is told."""
    return {
        "stage": node.stage,
        "experiment": node.experiment,
        "shard": one.shard,
        "cores": _cores(sweep, node),
    }


def _asked(sweep: Sweep, plan: Plan, lot: list[Job]) -> dict[str, Any]:
    """What Snakemake is told of jobs that are done one after another."""
    nodes = [plan.nodes[one.node] for one in lot]
    cores = max(_cores(sweep, node) for node in nodes)
    seconds = sum(node.cost.seconds / (node.shards if one.shard else 1) for one, node in zip(lot, nodes, strict=True))
    return {
        "stage": nodes[-1].stage,
        "jobs": [one.id for one in lot],
        "cores": cores,
        "memory": max(node.cost.asked_memory() for node in nodes) + (SERVERS_MEMORY if len(lot) > 1 else 0),
        "minutes": asked_minutes(seconds, cores),
        "gpu": int(nodes[0].gpu),
    }


def snakemake(sweep: Sweep, profile: Path, cores: int) -> list[str]:
    """Return the command that makes the jobs of ``batch.json``, on this machine or where the profile says."""
    executor = places.executor(profile)
    on = ["--slurm-jobname-prefix", slurm.job_prefix(sweep)] if executor == "slurm" else ["--cores", str(cores)]
    # Jobs here end with this process, like all that igsed starts; jobs on a cluster cannot see whether it lives.
    apart = f"import os; del os.environ[{children.LIFELINE_VARIABLE!r}]; " if executor == "slurm" else ""
    return [
        *(
            local_snakemake.command()
            if executor == "local"
            else children.python(apart + "from snakemake.cli import main; main()")
        ),
        *("--snakefile", str(Path(__file__).with_name("sweep.smk"))),
        *("--directory", str(sweep.folder), "--profile", str(paths.absolute(profile)), *on),
        *("--rerun-triggers", "mtime", "--scheduler", "greedy", "--keep-going", "--nolock", "--drop-metadata"),
        *("--quiet", "rules", "host", "progress"),
    ]
