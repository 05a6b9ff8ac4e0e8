"""A stage being run: its checked parameters, what it reads from, where its artefacts go, what it says of itself."""

from __future__ import annotations

import contextlib
import datetime
import os
import resource
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from igsed_core.base import code, files, imports, plugins, provenance, shards, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import RunPaths
from igsed_core.base.store import RECORD, Entry

P = TypeVar("P", bound=StageParams)


@dataclass(frozen=True)
class Finished:
    """A stage that has run: its place in the store and its record."""

    entry: Entry
    record: dict[str, Any]

    @classmethod
    def read(cls, entry: Entry) -> Finished | None:
        """Read what lies in the store; None where the stage has not finished, or a part of it has been lost."""
        try:
            record = files.read_json(entry.folder / RECORD)
        except IgsedError:
            return None
        return cls(entry, record) if isinstance(record, dict) and not entry.losses() else None


@dataclass
class StageRun:
    """A stage being run.

    Attributes
    ----------
    params
        Checked parameters.
    entry
        Where its artefacts go.
    upstream
        The stages that it reads from, by name.
    """

    params: Any
    entry: Entry
    upstream: dict[str, Finished]
    started: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict)
    taken: dict[str, None] = field(default_factory=dict)
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def dir(self) -> Path:
        """Folder of this stage's artefacts."""
        return self.entry.folder

    def input(self, stage: str) -> Path:
        """Folder of an earlier stage's artefacts."""
        return self._of(stage).entry.folder

    def figures_of(self, stage: str) -> dict[str, Any]:
        """Figures that an earlier stage recorded about itself."""
        return self._of(stage).record["figures"]

    def params_of(self, cls: type[P]) -> P:
        """Parameters that an earlier stage ran with."""
        values = self._of(cls.stage).record["params"]
        return cls(**{**values, "experiment": self.params.experiment})

    def _of(self, stage: str) -> Finished:
        if stage not in self.upstream:
            raise KeyError(f"{self.params.stage} does not read from {stage}")
        return self.upstream[stage]

    def shared(
        self,
        kind: str,
        made_from: dict[str, Any],
        *,
        modules: Iterable[str],
        uses: plugins.Uses = (),
        name: str = "",
    ) -> Path:
        """Return a folder for something that other stages and experiments may need, too: made once.

        It lies in the store by itself; this stage's folder holds a link to it.

        Parameters
        ----------
        kind
            ``features``, ``maps``: the folder's name in the store.
        made_from
            What decides its contents: options, identities of its inputs (:func:`igsed_core.base.store.identity`).
        modules
            Names of the modules that make it; all that they import counts.
        uses
            Entries of registries that make it (:mod:`igsed_core.base.plugins`).
        name
            Of the link, by default ``kind``.
        """
        further, entries = plugins.digest_of(uses)
        digest = code.digest([*modules, *further], without=imports.drawing)
        made_from = {**made_from, "entries": entries, "code": digest}
        entry = store.entry(kind, made_from)
        entry.describe(made_from)
        self.taken[entry.name] = None
        place = self.dir / (name or kind)
        link(place, entry.folder)
        return place

    def table(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Keep a tidy table, which the run's ``results/`` and the book will offer, and return it.

        Raises
        ------
        IgsedError
            If the stage's parameters do not declare a table of that name.
        """
        if name not in self.params.tables:
            raise IgsedError(
                f"stage {self.params.stage!r} declares no table {name!r}: add it, with what it holds, to `tables` of "
                f"{type(self.params).__module__}.{type(self.params).__name__}"
            )
        files.write_table(self.dir / f"{name}.csv", table)
        return table

    def tables(self) -> dict[str, pd.DataFrame]:
        """Read the tidy tables of all stages that this one reads from."""
        return {
            name: files.read_table(one.entry.folder / f"{name}.csv")
            for one in self.upstream.values()
            for name in one.record["tables"]
        }

    @contextlib.contextmanager
    def timed(self, figure: str) -> Iterator[None]:
        """Add the seconds that a block takes to one of the figures that :meth:`finish` records."""
        began = time.perf_counter()
        yield
        self.timings[figure] = round(self.timings.get(figure, 0.0) + time.perf_counter() - began, 2)

    def finish(self, **figures: Any) -> None:
        """Write the stage's record, let the experiment refer to it and others work on it.

        From now on later stages may read its artefacts.

        Parameters
        ----------
        **figures
            Figures about the run itself (counts, seconds) for the provenance page.

        Raises
        ------
        IgsedError
            If a table that the stage declares was not made.
        """
        shards.end_of_notebook()
        for name in self.params.tables:
            if not (self.dir / f"{name}.csv").is_file():
                raise IgsedError(f"stage {self.params.stage!r} declares table {name!r} and did not make it")
        seconds = time.perf_counter() - self.started
        figures = {**self.timings, **figures}
        self.entry.seal()
        before = Finished.read(self.entry)
        if before:  # all artefacts were there already: keep what making them took
            seconds = before.record.get("seconds", seconds)
            figures = {**figures, **before.record.get("figures", {})}
        files.write_json(
            self.dir / RECORD,
            {
                "stage": self.params.stage,
                "key": self.entry.key,
                "upstream": {name: one.entry.key for name, one in self.upstream.items()},
                "uses": [*(one.entry.name for one in self.upstream.values()), *self.taken],
                "params": {name: value for name, value in asdict(self.params).items() if name != "experiment"},
                "tables": list(self.params.tables),
                "seconds": seconds,
                "core_seconds": before.record.get("core_seconds") if before else _core_seconds(),
                "figures": figures,
                "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                **provenance.environment(),
            },
        )
        publish(self.params.experiment, Finished(self.entry, files.read_json(self.dir / RECORD)))
        self.held.close()


def _core_seconds() -> float:
    """Processor time of this process and of the workers that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(one.ru_utime + one.ru_stime for one in used), 2)


def publish(experiment: str, one: Finished) -> None:
    """Let an experiment refer to a finished stage: a link to its folder, and its tidy tables with the columns
    ``experiment`` and ``seed`` in ``results/``.
    """
    paths = RunPaths(experiment)
    link(paths.stage(one.record["stage"]), one.entry.folder)
    for name in one.record["tables"]:
        table = pd.read_csv(one.entry.folder / f"{name}.csv", dtype=str, keep_default_na=False)
        text = labelled(table, experiment=experiment, seed=one.record["params"]["seed"]).to_csv(index=False)
        target = paths.results / f"{name}.csv"
        if not files.holds(target, text):
            files.write_text(target, text)


def labelled(table: pd.DataFrame, *, experiment: str, seed: int) -> pd.DataFrame:
    """Put the columns ``experiment`` and ``seed`` before a tidy table; one of several seeds keeps its own."""
    named = table.assign(experiment=experiment) if "seed" in table else table.assign(experiment=experiment, seed=seed)
    first = ["experiment", "seed"]
    return named[[*first, *(column for column in named.columns if column not in first)]]


def link(place: Path, target: Path) -> None:
    """Let ``place`` point to ``target``, by a relative path, in one step.

    Raises
    ------
    IgsedError
        If a folder of somebody's own lies there, or the file system knows no links.
    """
    if place.is_symlink() and place.resolve() == target.resolve():
        return
    if place.exists() and not place.is_symlink():
        raise IgsedError(f"{place} is in the way: igsed puts a link there; move it elsewhere")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(files.temporary_name(place))
        temporary.symlink_to(os.path.relpath(target.resolve(), place.parent.resolve()))
        os.replace(temporary, place)
    except OSError as error:
        raise IgsedError(
            f"no link can be made at {place} ({error.strerror or error}): let IGSED_RUNS_DIR and IGSED_STORE_DIR name "
            "folders that can be written, on a file system that knows links"
        ) from error
