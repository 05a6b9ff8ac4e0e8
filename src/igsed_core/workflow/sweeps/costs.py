"""What a job takes: cores, memory, minutes, from what earlier jobs and runs took."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from igsed_core.base import files
from igsed_core.base.params import StageParams
from igsed_core.base.paths import store_dir
from igsed_core.base.store import RECORD
from igsed_core.workflow import experiments

COST = "cost.json"  # beside a stage's record: what all its jobs took
SHIPPED = Path(__file__).with_name("measured.csv")
START = 12.0  # s that a job takes before it computes: an interpreter, a kernel, imports
_SPARE_MEMORY, _SPARE_TIME = 1.5, 4.0  # asked for, over what was measured
_LEAST_MEMORY, _LEAST_MINUTES = 1500, 10
UNKNOWN = 600.0  # s of a stage that nobody measured


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
        Where that is from: ``measured`` (in the store, with these parameters or the nearest), ``shipped`` (the largest
        size of the table, mostly at most what it takes) or
        ``unknown``.
    """

    seconds: float
    memory: float
    source: str

    def share(self, shards: int) -> float:
        """Core seconds of one of so many shards, with its start."""
        return START + self.seconds / shards

    def asked_memory(self) -> int:
        """MiB to ask a scheduler for, at the first attempt."""
        return max(_LEAST_MEMORY, math.ceil(self.memory * _SPARE_MEMORY / 100) * 100)

    def asked_minutes(self, cores: int, shards: int = 1) -> int:
        """Minutes to ask a scheduler for, at the first attempt."""
        return max(_LEAST_MINUTES, math.ceil(_SPARE_TIME * self.share(shards) / cores / 60))


@dataclass
class Costs:
    """Costs of stages, from the records in the store and the table that ships with the package.

    Attributes
    ----------
    records
        Stage -> (parameters that can change a result, core seconds) of each recorded run.
    """

    records: dict[str, list[tuple[dict[str, Any], float]]] = field(default_factory=dict)

    @classmethod
    def of_store(cls, stages: Iterable[str]) -> Costs:
        """Read the records of some stages."""
        found: dict[str, list[tuple[dict[str, Any], float]]] = {}
        for stage in stages:
            for path in sorted((store_dir() / stage).glob(f"*/{RECORD}")):
                record = files.read_json(path)
                # Of a stage that shards shared the notebook's own time says little: the sweep's jobs say it.
                whole = path.with_name(COST)
                told = files.read_json(whole) if whole.is_file() else record
                taken = told.get("core_seconds") or record.get("seconds", 0.0)
                found.setdefault(stage, []).append((dict(record["params"]), float(taken)))
        return cls(found)

    def of(self, params: StageParams) -> Cost:
        """Return what a stage takes with some parameters.

        The recorded run whose parameters differ in the fewest values counts (the median of several). Without one, the
        figures that ship with the package, of the size that is nearest in number of soundscapes.
        """
        memory = _shipped_memory(params.stage)
        wanted = experiments.result_values(params)
        known = self.records.get(params.stage, [])
        if known:
            distance = [sum(values.get(n) != v for n, v in wanted.items()) for values, _ in known]
            nearest = sorted(taken for (_, taken), d in zip(known, distance, strict=True) if d == min(distance))
            return Cost(nearest[len(nearest) // 2], memory, "measured")
        rows = [row for row in shipped() if row["stage"] == params.stage]
        if not rows:
            return Cost(UNKNOWN, memory, "unknown")
        return Cost(max(float(row["core_seconds"]) for row in rows), memory, "shipped")


def _shipped_memory(stage: str) -> float:
    known = [float(row["memory_mib"]) for row in shipped() if row["stage"] == stage and row["memory_mib"]]
    return max(known, default=3000.0)


@cache
def shipped() -> tuple[dict[str, str], ...]:
    """Return the table ``measured.csv``: what each stage took, by size, on the machine that it names."""
    with SHIPPED.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))
