"""How a page is made again: the shortest command, and the strip at the end of each page that says it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root
from igsed_core.workflow import experiments
from igsed_core.workflow.experiments import Experiment

PLACE = "%%reproduce%%"  # where a page's Markdown wants the strip; an executed notebook has it at its end


def command(experiment: Experiment, verb: str = "run") -> str:
    """Return the shortest command line that makes an experiment again, to be given in the project's folder.

    Parameters
    ----------
    experiment
        The experiment: its values are compared with those of each file in ``params/``.
    verb
        ``run`` or ``book``.

    Returns
    -------
    str
        ``igsed VERB params/FILE.yaml [name=value ...]``, quoted for a shell. Parameters of execution are left out.

    Examples
    --------
    >>> from igsed_core.workflow import experiments, reproduce
    >>> reproduce.command(experiments.from_values({"seed": 7}))
    'igsed run params/embedded.yaml seed=7'
    """
    found = [
        (len(overrides), f"params/{path.name}", overrides)
        for path in sorted((project_root() / "params").glob("*.yaml"))
        if (overrides := _overrides(path, experiment)) is not None
    ]
    if not found:
        return f"igsed {verb} YOUR_PARAMETERS.yaml experiment={shlex.quote(experiment.name)}"
    _, file, overrides = min(found)
    return shlex.join(["igsed", verb, file, *overrides])


def _overrides(path: Path, experiment: Experiment) -> list[str] | None:
    """What must be said beside a parameter file; None where the file cannot be read here."""
    try:
        theirs = experiments.load(path).values()
    except IgsedError:
        return None
    execution = {n for n, f in experiments.parameter_fields().items() if f.metadata["execution"]}
    defaults = {n: f.default for n, f in experiments.parameter_fields().items()}
    return [
        f"{name}={_written(value)}"
        for name, value in experiment.values().items()
        if name not in execution and value != theirs.get(name, defaults[name])
    ]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def remedy(experiment: str) -> str:
    """Return the one command that runs everything that a notebook of an experiment reads from.

    Parameters
    ----------
    experiment
        Its name, of which a parameter file of that name may know more.
    """
    file = f"params/{experiment}.yaml"
    if (project_root() / file).is_file():
        return f"igsed run {shlex.quote(file)}"
    return f"igsed run params/embedded.yaml experiment={shlex.quote(experiment)}"


def sample(tables: Mapping[str, pd.DataFrame]) -> str:
    """Say on how many instances, clips or rows a page's numbers rest; empty where it has no table.

    Parameters
    ----------
    tables
        The tidy tables of the page's stage, by name.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.workflow import reproduce
    >>> reproduce.sample({"a": pd.DataFrame({"n": [12, 179], "value": [0.1, 0.2]})})
    'n = 12 to 179'
    >>> reproduce.sample({"clips": pd.DataFrame({"clip": ["a", "b"]})})
    'n = 2 rows of clips.csv'
    """
    counts = [count for table in tables.values() for count in _counts(table)]
    if counts:
        low, high = min(counts), max(counts)
        return f"n = {low}" if low == high else f"n = {low} to {high}"
    return next((f"n = {len(table)} rows of {name}.csv" for name, table in tables.items()), "")


def _counts(table: pd.DataFrame) -> list[int]:
    """How many values each mean is over, of means over instances where a table tells averages apart."""
    if "n" not in table:
        return []
    for column, value in (("average", "instance"), ("split", "test")):
        if column in table and (table[column] == value).any():
            table = table[table[column] == value]
    if "value" in table:  # a mean over nothing is no number of the page
        table = table[table["value"].notna()]
    return [round(n) for n in pd.to_numeric(table["n"], errors="coerce").dropna()]


def strip(record: Mapping[str, Any], line: str, n: str, *, commit: str, took: str) -> str:
    """Return a page's strip, as MyST Markdown.

    Parameters
    ----------
    record
        What the stage recorded of itself (``record.json``).
    line
        The command.
    n
        On how much the page's numbers rest (:func:`sample`).
    commit, took
        As the page of provenance shows them.
    """
    parts = [
        f"`{line}`",
        f"seed {record['params']['seed']}",
        *([n] if n else []),
        f"key `{record['key']}`",
        f"commit {commit}",
        f"took {took}",
    ]
    return "```{div} igsed-reproduce\n**Make this page again:** " + " · ".join(parts) + "\n```\n"
