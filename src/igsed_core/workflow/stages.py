"""The graph of stages, and the keys that say whether an artefact is still good.

A stage is one notebook. Its *data key* hashes what its artefacts depend on: its parameters, outside inputs (a folder
of sounds, a checkpoint), the code that is really imported from the notebook down, the notebook's own cells that
compute, the entries of registries that it takes, the versions of the packages, and the data keys of the stages before
it. Its *page key* adds what only the page shows: the notebook's text and the modules that draw. Both are found, none
is typed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from igsed_core.base import cells, imports, plugins, shipped, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import RunPaths, project_root
from igsed_core.base.run import Finished
from igsed_core.base.store import RECORD, Entry
from igsed_core.workflow import experiments
from igsed_core.workflow.chapters import PAGES
from igsed_core.workflow.experiments import Experiment

PAGE_KIND, PAGE_DONE = "pages", "page.json"


@dataclass(frozen=True)
class Stage:
    """One node of the graph: a notebook and the class of its parameters, which knows what the stage reads from."""

    params: type[StageParams]

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.params.stage

    @property
    def notebook(self) -> str:
        """The notebook's name, without ending."""
        return self.params.notebook

    @property
    def upstream(self) -> tuple[str, ...]:
        """Stages that it reads from."""
        return self.params.upstream

    @property
    def light(self) -> bool:
        """It computes on one core and may run beside another; of the others one runs at a time, or two chapters do."""
        return self.params.light

    @property
    def source(self) -> Path:
        """The notebook that is run: the ``.ipynb``; its twin in percent format is kept in step."""
        return project_root() / "book" / f"{self.notebook}.ipynb"


STAGES: dict[str, Stage] = {cls.stage: Stage(cls) for cls in PAGES}


@dataclass(frozen=True)
class Keys:
    """Where a stage's artefacts and its executed page lie in the store."""

    data: Entry
    page: Entry

    def data_is_whole(self) -> bool:
        """Whether the artefacts are there, whatever became of the page."""
        return (self.data.folder / RECORD).is_file()

    def finished(self) -> Finished | None:
        """The stage's record, if its artefacts and its page are whole."""
        done = Finished.read(self.data)
        return done if done and (self.page.folder / PAGE_DONE).is_file() and not self.page.losses() else None


def get(name: str) -> Stage:
    """Return a stage by name.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the stages.
    """
    if name not in STAGES:
        raise IgsedError(f"unknown stage {name!r}: choose one of {', '.join(STAGES)}")
    return STAGES[name]


def tables() -> dict[str, tuple[str, str]]:
    """Return the tidy tables of all stages: name -> (stage that makes it, what it holds)."""
    return {name: (cls.stage, holds) for cls in PAGES for name, holds in cls.tables.items()}


class Code:
    """Hashes of code, found anew each time they are asked for."""

    def of_notebook(self, notebook: Path, roots: tuple[str, ...]) -> tuple[str, str]:
        """Hash what data and page depend on (:func:`igsed_core.base.cells.stage_digest`)."""
        return cells.stage_digest(notebook, imports.drawing, roots=roots)

    def of_entries(self, uses: plugins.Uses, looks: bool) -> tuple[list[str], list[list[Any]]]:
        """Hash entries of registries (:func:`igsed_core.base.plugins.digest_of`)."""
        return plugins.digest_of(uses, looks=looks)

    def of_shipped(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Hash the tables of a long run that ship with the project and are shown beside a run's own, if there are any.

        Those of the first stage are called by their names alone.
        """
        found = {
            one.name if name == names[0] else f"{name}/{one.name}": hashlib.sha256(one.read_bytes()).hexdigest()
            for name in names
            for one in sorted((project_root() / shipped.FOLDER / name).glob("*"))
        }
        return {"shipped": found} if found else {}


class Remembered(Code):
    """The same few notebooks, entries of registries and tables, which stay as they are, for many sets of parameters."""

    def __init__(self) -> None:
        self.of_notebook = cache(super().of_notebook)  # type: ignore[method-assign]
        self.of_entries = cache(super().of_entries)  # type: ignore[method-assign, assignment]
        self.of_shipped = cache(super().of_shipped)  # type: ignore[method-assign]


FRESH = Code()


def keys_of(
    stage: Stage, params: StageParams, upstream: dict[str, str], code: Code = FRESH
) -> tuple[Keys, dict[str, Any]]:
    """Return a stage's keys, and what the data key was made from.

    Parameters
    ----------
    stage
        The stage.
    params
        Its checked parameters.
    upstream
        Data key of every stage that it reads from, by name.
    code
        What hashes the code; a plan of many experiments gives one that remembers.

    Raises
    ------
    IgsedError
        If a parameter names something that does not exist: an entry of a registry, a file, a folder.
    """
    uses = params.uses()
    modules, entries = code.of_entries(uses, False)
    data, page = code.of_notebook(stage.source, tuple(modules))
    made_from = {
        "stage": stage.name,
        "params": experiments.result_values(params),
        "outside": params.outside(),
        "code": data,
        "entries": entries,
        "upstream": upstream,
    }
    entry = store.entry(stage.name, made_from)
    return Keys(
        entry,
        store.entry(
            PAGE_KIND,
            {
                "data": entry.name,
                "code": page,
                "looks": code.of_entries(uses, True)[1],
                **code.of_shipped((stage.name, *params.shows)),
            },
        ),
    ), made_from


def keys(experiment: Experiment, code: Code = FRESH) -> dict[str, Keys]:
    """Return the keys of every stage of an experiment, whose code is hashed as in :func:`keys_of`."""
    result: dict[str, Keys] = {}
    with imports.unchanged():
        for name, params in experiment.stages.items():
            stage = get(name)
            check_twin(stage)
            result[name] = keys_of(stage, params, {up: result[up].data.key for up in stage.upstream}, code)[0]
    return result


def check_twin(stage: Stage) -> None:
    """Make sure that the notebook, which is run, is not behind its text, which somebody has edited.

    Raises
    ------
    IgsedError
        If it is.
    """
    text = stage.source.with_suffix(".py")
    if not text.is_file() or not stage.source.is_file() or cells.same_cells(text, stage.source):
        return
    if text.stat().st_mtime_ns > stage.source.stat().st_mtime_ns:
        raise IgsedError(
            f"{text} was edited and {stage.source.name}, which is run, was not: bring them into step with "
            f"`python tools/sync_notebooks.py`, or with `jupytext --sync {text.name}` in its folder"
        )


def markers(experiment: Experiment, known: dict[str, Keys] | None = None) -> dict[str, Path]:
    """Return each stage's marker file: it exists if artefacts and executed page are good."""
    paths = RunPaths(experiment.name)
    return {name: paths.marker(name, of.page.key) for name, of in (known or keys(experiment)).items()}
