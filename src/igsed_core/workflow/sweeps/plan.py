"""From experiments to one graph: what is shared comes once, what is at hand not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from igsed_core.base import files
from igsed_core.base.code import still
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import store_dir
from igsed_core.workflow import checks, experiments, stages
from igsed_core.workflow.sweeps.costs import START, Cost, Costs
from igsed_core.workflow.sweeps.sweep_file import Sweep

DECIDED = "shards.json"  # in a sweep's folder: what an earlier call decided


@dataclass(frozen=True)
class Node:
    """One stage with one set of parameters, whichever experiments need it.

    Attributes
    ----------
    stage, keys
        Its name, and where its artefacts and page lie.
    experiment
        The first experiment that needs it: the job works in its name.
    params
        Its parameters there.
    upstream
        Identifiers of the nodes before it.
    whole
        Whether it lies whole in the store.
    cost
        What it takes.
    shards
        Jobs among which each of its long steps is shared; 1: the stage's own job does all.
    data_whole
        Whether at least its artefacts do.
    gpu
        Whether its jobs ask for a GPU.
    """

    stage: str
    keys: stages.Keys
    experiment: str
    params: StageParams
    upstream: tuple[str, ...]
    whole: bool
    cost: Cost
    shards: int = 1
    data_whole: bool = False
    gpu: bool = False

    @property
    def id(self) -> str:
        """``<stage>/<key of the page>``."""
        return f"{self.stage}/{self.keys.page.key}"


@dataclass(frozen=True)
class Job:
    """One job of a plan: a stage, or a shard of one.

    Attributes
    ----------
    id
        ``<stage>/<key>`` with ``.<step>-<number>-of-<count>`` for a shard; its marker is named after it.
    node
        Identifier of the node.
    shard
        As :class:`igsed_core.base.shards.Shard` writes it; empty for the stage itself.
    needs
        Jobs before it.
    """

    id: str
    node: str
    shard: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The graph of a sweep.

    Attributes
    ----------
    sweep
        What was asked.
    nodes
        By their identifiers, each after those that it needs.
    of_experiment
        Experiment -> identifiers of its nodes, in the order of its stages.
    """

    sweep: Sweep
    nodes: dict[str, Node]
    of_experiment: dict[str, tuple[str, ...]]

    def missing(self) -> list[Node]:
        """Nodes that are to be made."""
        return [node for node in self.nodes.values() if not node.whole]

    def jobs(self, nodes: list[Node] | None = None) -> Iterator[Job]:
        """Jobs that make some nodes, by default all that are missing."""
        for node in self.missing() if nodes is None else nodes:
            before = tuple(up for up in node.upstream if not self.nodes[up].whole)
            for step in range(1, self.steps(node) + 1):
                shards = []
                for number in range(node.shards):
                    job = f"{node.id}.{step}-{number}-of-{node.shards}"
                    yield Job(job, node.id, f"{step}:{number}/{node.shards}", before)
                    shards.append(job)
                before = tuple(shards)
            yield Job(node.id, node.id, "", before)

    def steps(self, node: Node) -> int:
        """Rounds of shards of a node: none where one job does everything, or the results are at hand already."""
        return 0 if node.shards == 1 or node.data_whole else type(node.params).long_steps

    def number(self, node: Node) -> int:
        """Jobs of a node."""
        return self.steps(node) * node.shards + 1

    def lots(self, nodes: list[Node] | None = None, *, seconds: float) -> Iterator[list[Node]]:
        """Put nodes together that one job of a cluster makes one after another, since a job takes a while to start.

        Nodes of one experiment that follow one another go together until they have so many core seconds. One that has
        them by itself, or shards, is a lot of its own. What other experiments need is in no lot with what they do not
        need, and what can use a GPU in none with what cannot. Every lot needs lots before it alone.

        Parameters
        ----------
        nodes
            By default all that are missing.
        seconds
            0: every node by itself.
        """
        every = self.nodes.values()
        shared = {up for node in every for up in node.upstream if self.nodes[up].experiment != node.experiment}

        def kind(node: Node) -> tuple[str, bool, bool]:
            return node.experiment, node.gpu, node.id in shared

        lot: list[Node] = []
        for node in self.missing() if nodes is None else nodes:
            alike = lot and kind(node) == kind(lot[0])
            short = not self.steps(node) and node.cost.seconds < seconds
            if lot and not (alike and short and sum(one.cost.seconds for one in lot) < seconds):
                yield lot
                lot = []
            lot.append(node)
            if not short:
                yield lot
                lot = []
        if lot:
            yield lot

    def groups(self, most_jobs: int) -> Iterator[list[Node]]:
        """Split the missing nodes into groups of at most so many jobs, each complete once those before it are.

        Experiments stay together, so that a group brings whole experiments to their end.

        Parameters
        ----------
        most_jobs
            Of a group; one experiment alone may exceed it.
        """
        group: list[Node] = []
        size, seen = 0, set[str]()
        for names in self.of_experiment.values():
            mine = [node for name in names if not (node := self.nodes[name]).whole and name not in seen]
            seen.update(node.id for node in mine)
            number = sum(map(self.number, mine))
            if group and size + number > most_jobs:
                yield group
                group, size = [], 0
            group += mine
            size += number
        if group:
            yield group


def make(sweep: Sweep) -> Plan:
    """Plan a sweep: every stage of every experiment with its key, what of it is at hand, and its shards.

    Shards follow the recorded times (:meth:`Cost.shards`). A stage keeps the number that an earlier call gave it
    (:func:`keep`), so that a call which goes on, or asks how far all is, means the same jobs.

    Raises
    ------
    IgsedError
        If a parameter names something that does not exist.
    """
    with still():
        return _make(sweep)


def _make(sweep: Sweep) -> Plan:
    code = stages.Remembered()
    costs, decided = Costs.of_store(stages.STAGES), _decided(sweep)
    there = _in_store()
    remembered: dict[Any, stages.Keys] = {}
    nodes: dict[str, Node] = {}
    of_experiment = {}
    for name, experiment in sweep.experiments.items():
        mine: dict[str, Node] = {}
        for stage_name, params in experiment.stages.items():
            stage = stages.get(stage_name)
            upstream = {up: mine[up].keys.data.key for up in stage.upstream}
            decides = (stage_name, *experiments.result_values(params).items(), *upstream.values())
            if decides not in remembered:
                remembered[decides] = stages.keys_of(stage, params, upstream, code)[0]
            keys = remembered[decides]
            identifier = f"{stage_name}/{keys.page.key}"
            if identifier not in nodes:
                data_whole = keys.data.key in there.get(stage_name, ()) and keys.data_is_whole()
                whole = data_whole and keys.finished() is not None
                before = tuple(mine[up].id for up in stage.upstream)
                cost = costs.of(params, experiment)
                shards = cost.shards(type(params).long_steps, sweep.shards, sweep.shard_seconds)
                shards = decided.get(identifier, shards)
                gpu = sweep.gpu and any(getattr(params, one) != "cpu" for one in checks.devices_of(params))
                nodes[identifier] = Node(stage_name, keys, name, params, before, whole, cost, shards, data_whole, gpu)
            mine[stage_name] = nodes[identifier]
        of_experiment[name] = tuple(node.id for node in mine.values())
    return Plan(sweep, nodes, of_experiment)


def keep(plan: Plan) -> None:
    """Write down the number of shards of each stage that is to be made."""
    of = {node.id: node.shards for node in plan.missing()}
    files.write_json(plan.sweep.folder / DECIDED, {"asked": _asked(plan.sweep), "of": of})


def _asked(sweep: Sweep) -> list[int]:
    return [sweep.shards, sweep.shard_seconds]


def _decided(sweep: Sweep) -> dict[str, int]:
    """Identifier of a node -> the number of its shards, where an earlier call with the same limits decided it."""
    # What is damaged is decided anew, which costs time at most.
    with contextlib.suppress(IgsedError, LookupError, TypeError, AttributeError):
        content = files.read_json(sweep.folder / DECIDED)
        if content["asked"] == _asked(sweep):
            return {name: n for name, n in content["of"].items() if type(n) is int and 1 <= n <= sweep.shards}
    return {}


def _in_store() -> dict[str, set[str]]:
    """Names in the store by kind: one look instead of several for each of many thousand stages."""
    root = store_dir()
    kinds = [kind for kind in stages.STAGES if (root / kind).is_dir()]
    return {kind: set(os.listdir(root / kind)) for kind in kinds}


@dataclass(frozen=True)
class Estimate:
    """What a plan would take.

    Attributes
    ----------
    jobs
        Number of jobs.
    core_hours
        Of those jobs, with their starts.
    alone_core_hours
        What the experiments would take if each were run with an empty store.
    sources
        Where the times are from (:attr:`Cost.source`) -> number of nodes.
    """

    jobs: int
    core_hours: float
    alone_core_hours: float
    sources: dict[str, int]


def estimate(plan: Plan, *, together: float = 0) -> Estimate:
    """Estimate a plan from recorded times, with lots of so many core seconds (:meth:`Plan.lots`)."""
    jobs, seconds = 0, 0.0
    sources: dict[str, int] = {}
    for lot in plan.lots(seconds=together):
        number = plan.number(lot[0]) if len(lot) == 1 else 1
        jobs += number
        seconds += sum(node.cost.seconds for node in lot) + number * START
        for node in lot:
            sources[node.cost.source] = sources.get(node.cost.source, 0) + 1
    alone = sum(START + plan.nodes[name].cost.seconds for names in plan.of_experiment.values() for name in names)
    return Estimate(jobs, seconds / 3600, alone / 3600, sources)
