"""Results that the repository ships: tidy tables of runs too long for everybody, with who made them and how."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths, project_root

FOLDER, PROVENANCE = "results", "provenance.json"
_TOLD = ("key", "params", "tables", "seconds", "core_seconds", "figures", "finished", "versions", "commit", "machine")


def ship(experiment: str, stages: Iterable[str], target: Path) -> list[str]:
    """Copy the tidy tables of finished stages, with their provenance; what a run read from this machine is named only.

    Parameters
    ----------
    experiment
        Name of the run.
    stages
        Names of its stages.
    target
        Folder to write to, in the project's ``results``.

    Returns
    -------
    list of str
        Names of the tables.

    Raises
    ------
    IgsedError
        If a stage is not finished.
    """
    runs, told, names = RunPaths(experiment), {}, []
    target.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        if not runs.record(stage).is_file():
            raise IgsedError(f"stage {stage!r} of experiment {experiment!r} is not finished: run it, then ship it")
        made = files.read_json(runs.record(stage))
        about = {name: made[name] for name in _TOLD if name in made}
        told[stage] = {**about, "params": {name: _named(value) for name, value in made["params"].items()}}
        for name in made["tables"]:
            shutil.copyfile(runs.results / f"{name}.csv", target / f"{name}.csv")
            names.append(name)
    checksums = {name: hashlib.sha256((target / f"{name}.csv").read_bytes()).hexdigest() for name in names}
    files.write_json(target / PROVENANCE, {"experiment": experiment, "stages": told, "sha256": checksums})
    return names


def _named(value: Any) -> Any:
    """Leave of a path of this machine its last part."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def table(name: str, of: str) -> pd.DataFrame | None:
    """Return a shipped table, or None where the project ships none of that name.

    Parameters
    ----------
    name
        Folder in the project's ``results``.
    of
        The table.
    """
    place = project_root() / FOLDER / name / f"{of}.csv"
    return files.read_table(place) if place.is_file() else None


def record(name: str, stage: str) -> dict[str, Any] | None:
    """Return what a shipped stage was made from, and in which ``folder`` it lies; None if nothing ships there.

    Parameters
    ----------
    name
        Folder in the project's ``results``.
    stage
        Name of the stage.

    Raises
    ------
    IgsedError
        If the folder tells nothing of that stage.
    """
    place = project_root() / FOLDER / name / PROVENANCE
    if not place.is_file():
        return None
    told = files.read_json(place)["stages"]
    if stage not in told:
        raise IgsedError(f"{place} tells nothing of stage {stage!r}: ship it again (tools/ship_results.py)")
    return {"folder": f"{FOLDER}/{name}", **told[stage]}


def said(name: str, stage: str) -> str:
    """Say in a sentence who made a shipped stage: date, commit, time.

    Parameters
    ----------
    name
        Folder in the project's ``results``.
    stage
        Name of the stage.

    Raises
    ------
    IgsedError
        If the folder tells nothing of that stage.
    """
    one = record(name, stage)
    if one is None:
        raise IgsedError(f"no results of {stage!r} ship in {FOLDER}/{name}: ship them (tools/ship_results.py)")
    experiment = files.read_json(project_root() / FOLDER / name / PROVENANCE)["experiment"]
    minutes = one["seconds"] / 60
    return (
        f"Run {experiment}, finished on {one['finished'][:10]} with commit {one['commit'][:7]} in "
        f"{minutes:.0f} minutes."
    )


@dataclass(frozen=True)
class Shipped:
    """What ships of a chapter's long run: a folder in ``results`` with the name of its stage.

    Attributes
    ----------
    name
        Of the stage.
    """

    name: str

    def table(self, of: str) -> pd.DataFrame | None:
        """Return a tidy table (:func:`table`)."""
        return table(self.name, of)

    def tables(self, names: Iterable[str]) -> list[pd.DataFrame] | None:
        """Return several tidy tables, or None where one of them does not ship."""
        found = [self.table(name) for name in names]
        return None if any(one is None for one in found) else [one for one in found if one is not None]

    def record(self) -> dict[str, Any] | None:
        """Return commit, parameters, versions, machine and seconds (:func:`record`)."""
        return record(self.name, self.name)

    def said(self) -> str:
        """Say who made it (:func:`said`); empty where nothing ships."""
        return "" if self.record() is None else said(self.name, self.name)
