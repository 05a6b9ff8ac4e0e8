"""Folders of a sweep, and its profile: looked at before anything runs."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from igsed_core.base import files, paths, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths
from igsed_core.workflow import checks, notebook, parameter_file
from igsed_core.workflow.experiments import Experiment
from igsed_core.workflow.sweeps import job as jobs
from igsed_core.workflow.sweeps.status import SUMMARY
from igsed_core.workflow.sweeps.sweep_file import Sweep


def check(sweep: Sweep, profile: Path) -> None:
    """Make sure that the profile can be read, and that jobs can write to every folder that they will write to.

    Raises
    ------
    IgsedError
        If something cannot, or is in the way; the message names it and the remedy.
    """
    if not (profile / "config.yaml").is_file():
        raise IgsedError(f"there is no profile {profile}: give a folder with a config.yaml, such as profiles/slurm")
    slurm = on_slurm(profile)
    paths.check_folders(next(iter(sweep.experiments)))
    if sweep.folder.exists() and not _is_a_sweeps(sweep.folder):
        raise IgsedError(
            f"{sweep.folder} is in the way, and was made by no sweep: move it elsewhere, or give the sweep another name"
        )
    paths.check_writable(sweep.folder, f"set {paths.RUNS_VARIABLE} to a folder that can be written to")
    for name, experiment in sweep.experiments.items():
        _check_name(name, experiment)
        checks.check_paths(experiment)  # before keys are made from what lies there
    if not slurm:  # jobs run on this machine
        with jobs.scratch_folder(sweep.scratch):
            pass


def _is_a_sweeps(folder: Path) -> bool:
    """Whether a sweep has made a folder, or may take it."""
    return folder.is_dir() and (
        any((folder / name).exists() for name in (store.LOCK, SUMMARY)) or not any(folder.iterdir())
    )


def _check_name(name: str, experiment: Experiment) -> None:
    """Make sure that an experiment of the sweep does not take the place of something else."""
    root = RunPaths(name).root
    if not os.path.lexists(root):
        return
    remedy = "move it elsewhere, or give the sweep another name"
    if not root.is_dir():
        raise IgsedError(f"{root} is no folder, and an experiment of the sweep belongs there: {remedy}")
    if not os.access(root, os.W_OK | os.X_OK):
        raise IgsedError(
            f"nothing can be written to {root}: give yourself the right to, or give the sweep another name"
        )
    of_a_run = root / notebook.VALUES
    if of_a_run.exists() and not files.holds_json(of_a_run, experiment.values()):
        raise IgsedError(f"{root} holds results of `igsed run` with other parameters, which would be lost: {remedy}")


def on_slurm(profile: Path) -> bool:
    """Whether a profile lets jobs run on a Slurm cluster."""
    return executor(profile) == "slurm"


def executor(profile: Path) -> str:
    """Name of the Snakemake executor that a profile chooses, by default ``local``.

    Raises
    ------
    IgsedError
        If its ``config.yaml`` cannot be read.
    """
    place = profile / "config.yaml"
    try:
        content = yaml.safe_load(files.read_text(place, "profile"))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise IgsedError(f"profile {place} is not valid YAML: {parameter_file.reason(error)}") from None
    if content is not None and not isinstance(content, dict):
        raise IgsedError(f"profile {place} must hold 'name: value' lines, Snakemake's options")
    return str((content or {}).get("executor") or "local")
