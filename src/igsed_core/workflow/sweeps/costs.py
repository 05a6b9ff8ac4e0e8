"""What a job takes: cores, memory, minutes, from what earlier jobs and runs took."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import store_dir
from igsed_core.base.store import RECORD
from igsed_core.workflow import experiments
from igsed_core.workflow.experiments import Experiment

COST = "cost.json"  # beside a stage's record: what all its jobs took
SHIPPED = Path(__file__).with_name("measured.csv")
START = 12.0  # s that a job takes before it computes: an interpreter, a kernel, imports
_SPARE_MEMORY, _SPARE_TIME = 1.5, 4.0  # asked for, over what was measured
_LEAST_MEMORY, _LEAST_MINUTES = 1500, 10
UNKNOWN = 600.0  # s of a stage that nobody measured
SHIPPED_CLIPS, SHIPPED_ENCODER = {"smoke": 108, "embedded": 1250}, "embedded"  # of the sizes in the table
# Forward and gradient pass of a clip on one thread, s (book/encoders_cost.md).
PASS = {"embedded": 0.026, "embedded_mean": 0.026, "mn04_as": 0.052, "cnn14": 1.1}
# Stages whose time is passes of the encoder, nearly; that of the others does not depend on it.
OF_ENCODER = (
    *("training", "integrated_gradients", "methods", "faithfulness", "localiser", "conditions", "engine", "seeds"),
    *("audit", "ceilings", "edges", "time_frequency"),
)


@dataclass(frozen=True)
class Cost:
    """What one execution of a whole stage takes.

    Attributes
    ----------
    seconds
        Core seconds.
    memory
        Most memory of all its processes, MiB.
    source
        Where that is from: ``measured`` (in the store, with these parameters or the nearest), ``shipped`` (a size of
        the table, mostly at most what it takes) or ``unknown``.
    """

    seconds: float
    memory: float
    source: str

    def shards(self, steps: int, most: int, least: float) -> int:
        """Jobs that share each of a stage's long steps so that none computes for less than ``least`` seconds.

        One, the stage's own, where it has no long step.

        Examples
        --------
        >>> from igsed_core.workflow.sweeps.costs import Cost
        >>> [Cost(seconds, 0.0, "measured").shards(2, 20, 120.0) for seconds in (100.0, 1_000.0, 100_000.0)]
        [1, 4, 20]
        """
        if not steps:
            return 1
        return max(1, min(most, int(self.seconds / steps / least))) if least else most

    def asked_memory(self) -> int:
        """MiB to ask a scheduler for, at the first attempt."""
        return max(_LEAST_MEMORY, math.ceil(self.memory * _SPARE_MEMORY / 100) * 100)


def asked_minutes(seconds: float, cores: int) -> int:
    """Minutes to ask a scheduler for, at the first attempt, for so many core seconds and the job's start."""
    return max(_LEAST_MINUTES, math.ceil(_SPARE_TIME * (START + seconds) / cores / 60))


@dataclass(frozen=True)
class Recorded:
    """What a recorded run of a stage took.

    Attributes
    ----------
    params
        The stage's parameters that can change a result.
    encoder
        Of the experiment.
    clips
        Soundscapes that were mixed for it; 0 if that is not known.
    core_seconds
        With its shards.
    """

    params: dict[str, Any]
    encoder: str
    clips: int
    core_seconds: float


@dataclass
class Costs:
    """Costs of stages, from the records in the store and the table that ships with the package.

    Attributes
    ----------
    records
        Stage -> its recorded runs.
    """

    records: dict[str, list[Recorded]] = field(default_factory=dict)

    @classmethod
    def of_store(cls, stages: Iterable[str]) -> Costs:
        """Read the records of some stages."""
        found: dict[str, list[Recorded]] = {}
        read: dict[tuple[str, str], dict[str, Any]] = {}
        for stage in stages:
            for path in sorted((store_dir() / stage).glob(f"*/{RECORD}")):
                # What is damaged counts for nothing here, and is made again where it is needed.
                with contextlib.suppress(IgsedError, LookupError, TypeError, ValueError, AttributeError):
                    record = files.read_json(path)
                    one = _recorded(path, record, read)
                    read[stage, path.parent.name] = record
                    found.setdefault(stage, []).append(one)
        return cls(found)

    def of(self, params: StageParams, experiment: Experiment) -> Cost:
        """Return what a stage takes in an experiment.

        Of the recorded runs those with the same encoder count, of these those whose own parameters differ in the fewest
        values, of these those with the nearest number of soundscapes (the median of several). Without one, the figures
        that ship with the package, of the smallest size that has as many soundscapes. More soundscapes than were
        measured take more in proportion, and so does a slower encoder, by its passes, in the stages that are passes
        mostly. Fewer soundscapes or a faster encoder are not taken to take less.
        """
        memory = _shipped_memory(params.stage)
        encoder, clips = _seen(params, experiment)
        known = self.records.get(params.stage, [])
        if known:
            wanted = experiments.result_values(params)

            def far(one: Recorded) -> tuple[bool, int, int]:
                differing = sum(one.params.get(name) != value for name, value in wanted.items())
                return one.encoder != encoder, differing, abs(one.clips - clips)

            nearest = min(map(far, known))
            best = sorted((one for one in known if far(one) == nearest), key=lambda one: one.core_seconds)
            measured, source = best[len(best) // 2], "measured"
        elif rows := [row for row in shipped() if row["stage"] == params.stage]:
            sizes = sorted({SHIPPED_CLIPS[row["size"]] for row in rows})
            size = next((one for one in sizes if one >= clips > 0), sizes[-1])
            most = max(float(row["core_seconds"]) for row in rows if SHIPPED_CLIPS[row["size"]] <= size)
            measured, source = Recorded({}, SHIPPED_ENCODER, size, most), "shipped"
        else:
            return Cost(UNKNOWN, memory, "unknown")
        taken = measured.core_seconds
        if measured.clips:
            taken *= max(1.0, clips / measured.clips)
        if params.stage in OF_ENCODER:
            taken *= max(1.0, _pass(encoder) / _pass(measured.encoder))
        return Cost(taken, memory, source)


def _recorded(path: Path, record: dict[str, Any], read: dict[tuple[str, str], dict[str, Any]]) -> Recorded:
    """Read what a run of a stage took, after those upstream; its record then says what was around it, too."""
    # Of a stage that shards shared the notebook's own time says little: the sweep's jobs say it.
    whole = path.with_name(COST)
    told = files.read_json(whole) if whole.is_file() else record
    taken = float(told.get("core_seconds") or record.get("seconds", 0.0))
    around = dict(record["params"])
    for up in record.get("upstream", {}).items():
        around |= read.get(up, {}).get("around", {})  # a stage stands after those that it reads from
    record["around"] = around
    clips = int(around.get("n_train", 0) + around.get("n_eval", 0))
    return Recorded(dict(record["params"]), str(around.get("encoder", SHIPPED_ENCODER)), clips, taken)


@cache
def _before(stage: str) -> frozenset[str]:
    """Stages that a stage depends on, and itself."""
    return frozenset({stage}).union(*map(_before, experiments.STAGE_PARAMS[stage].upstream))


def _seen(params: StageParams, experiment: Experiment) -> tuple[str, int]:
    """Return the encoder and the number of soundscapes that a stage of an experiment has to do with."""
    these = [experiment.stages[name] for name in _before(params.stage)]
    encoder = next((str(one.encoder) for one in these if hasattr(one, "encoder")), SHIPPED_ENCODER)
    clips = next((int(one.n_train + one.n_eval) for one in these if hasattr(one, "n_train")), 0)  # type: ignore[attr-defined]
    return encoder, clips


def _pass(encoder: str) -> float:
    """Seconds of a forward and gradient pass of a clip on one thread; where nobody measured it, the slowest's."""
    return PASS.get(encoder, max(PASS.values()))


def _shipped_memory(stage: str) -> float:
    known = [float(row["memory_mib"]) for row in shipped() if row["stage"] == stage and row["memory_mib"]]
    return max(known, default=3000.0)


@cache
def shipped() -> tuple[dict[str, str], ...]:
    """Return the table ``measured.csv``: what each stage took, by size, on the machine that it names."""
    with SHIPPED.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))
