"""The graph of stages, and the keys that say whether an artefact is still good.

A stage is one notebook. It has two keys. The *data key* hashes what its artefacts depend on: its
parameters, outside inputs (a folder of sounds, a checkpoint), the modules that compute, and the data keys
of the stages before it. The *page key* adds what only the page shows: the notebook's text and the modules
that draw. Snakemake runs a notebook whose page key has no marker; the notebook finds artefacts whose data
key still holds and makes only the rest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.base.paths import RunPaths, project_root
from igsed_core.workflow import experiments
from igsed_core.workflow.chapters import PAGES
from igsed_core.workflow.experiments import Experiment

PACKAGE = Path(__file__).resolve().parents[1]
KEY_LENGTH = 16
# What pages show; a change there re-draws every page and recomputes nothing.
DRAWING = ("show/**/*.py", "**/figures.py", "**/tables.py", "main_job/overview.py", "paper/*")


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
        """It computes on one core and may run beside another; of the others one runs at a time."""
        return self.params.light

    @property
    def source(self) -> Path:
        """The notebook's file."""
        return project_root() / "book" / f"{self.notebook}.ipynb"


STAGES: dict[str, Stage] = {cls.stage: Stage(cls) for cls in PAGES}


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


def downstream(name: str) -> list[str]:
    """Return the stages that read from ``name``, directly or not, in order."""
    return [s.name for s in STAGES.values() if name in s.upstream]


def data_key(stage: Stage, params: StageParams, upstream_keys: dict[str, str]) -> str:
    """Hash what the artefacts of a stage depend on."""
    return _digest(
        {
            "stage": stage.name,
            "params": experiments.result_values(params),
            "outside": params.outside(),
            "code": _hash_files(("**/*.py",), without=DRAWING),
            "upstream": upstream_keys,
        }
    )


def page_key(stage: Stage, data: str) -> str:
    """Hash what a stage's executed notebook depends on."""
    text = stage.source.with_suffix(".py").read_text() if stage.source.with_suffix(".py").exists() else ""
    return _digest({"data": data, "notebook": text, "code": _hash_files(DRAWING)})


def keys(experiment: Experiment) -> dict[str, tuple[str, str]]:
    """Return (data key, page key) of every stage of an experiment."""
    result: dict[str, tuple[str, str]] = {}
    for stage in STAGES.values():
        upstream = {name: result[name][0] for name in stage.upstream}
        data = data_key(stage, experiment.stages[stage.name], upstream)
        result[stage.name] = (data, page_key(stage, data))
    return result


def markers(experiment: Experiment) -> dict[str, Path]:
    """Return each stage's marker file: it exists if the executed notebook is good."""
    paths = RunPaths(experiment.name)
    return {name: paths.marker(name, page) for name, (_, page) in keys(experiment).items()}


def _hash_files(patterns: tuple[str, ...], without: tuple[str, ...] = ()) -> str:
    digest = hashlib.sha256()
    left_out = {path for pattern in without for path in PACKAGE.glob(pattern)}
    for pattern in patterns:
        for path in sorted(set(PACKAGE.glob(pattern)) - left_out):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
