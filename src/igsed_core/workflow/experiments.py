"""An experiment: the parameters of all its stages, from a parameter file and overrides, checked.

Every parameter has one name in the whole project, so that a parameter file is flat, an override is
``name=value`` and a notebook's ``parameters`` cell holds plain scalars.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from igsed_core.base import paths
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import RENAMED, StageParams, absolute, param, shown
from igsed_core.workflow import parameter_file
from igsed_core.workflow.chapters import PAGES

P = TypeVar("P", bound="StageParams | RunParams")
STAGE_PARAMS: dict[str, type[StageParams]] = {cls.stage: cls for cls in PAGES}
MAIN_JOB = tuple(name for name, cls in STAGE_PARAMS.items() if cls.__module__ == "igsed_core.main_job.params")
CHAPTERS = tuple(name for name in STAGE_PARAMS if name not in MAIN_JOB)
_LISTED = 40  # names at most that a message lists
ALL, NONE = "all", "none"


@dataclass(frozen=True)
class RunParams:
    """What a run holds: a parameter of the parameter file alone, which no notebook has."""

    title: ClassVar[str] = "The run"

    chapters: str = param(ALL, f"pages beyond the main job: {ALL}, {NONE}, or names by commas ({', '.join(CHAPTERS)})")

    def stages(self) -> tuple[str, ...]:
        """Names of the stages that run, in their order: the main job, and the chapters with what they read from.

        Raises
        ------
        IgsedError
            For an unknown chapter; the message lists the valid ones.
        """
        wanted = [name.strip() for name in self.chapters.split(",") if name.strip()]
        if wanted in ([ALL], [NONE]):
            wanted = list(CHAPTERS) if wanted == [ALL] else []
        elif not wanted or not set(wanted) <= set(CHAPTERS):
            unknown = next((name for name in wanted if name not in CHAPTERS), self.chapters)
            raise IgsedError(
                f"parameter 'chapters' names {shown(unknown)}, which is no chapter: "
                f"use {ALL}, {NONE}, or some of {', '.join(CHAPTERS)}"
            )
        needed = {*MAIN_JOB, *wanted, *(up for name in wanted for up in STAGE_PARAMS[name].upstream)}
        return tuple(name for name in STAGE_PARAMS if name in needed)


@dataclass(frozen=True)
class Experiment:
    """The parameters of one experiment: of the run, and of each stage that runs, by its name."""

    stages: dict[str, StageParams]
    run: RunParams = RunParams()

    @property
    def name(self) -> str:
        """The experiment's name."""
        return next(iter(self.stages.values())).experiment

    def values(self) -> dict[str, Any]:
        """All parameters as one flat mapping."""
        every: list[StageParams | RunParams] = [self.run, *self.stages.values()]
        return {name: value for p in every for name, value in dataclasses.asdict(p).items()}


def parameter_fields(cls: type[StageParams | RunParams] | None = None) -> dict[str, dataclasses.Field[Any]]:
    """Fields by parameter name: of one stage, or of the run and all stages in their order."""
    classes: list[type[StageParams | RunParams]] = [cls] if cls else [RunParams, *STAGE_PARAMS.values()]
    return {f.name: f for c in classes for f in fields(c)}


def build(cls: type[P], values: dict[str, Any], *, source: str) -> P:
    """Check ``values`` and build one stage's parameters.

    Parameters
    ----------
    cls
        The stage's dataclass.
    values
        Parameter name -> plain scalar.
    source
        Where the values come from (a file or a notebook): named in every error.

    Raises
    ------
    IgsedError
        For an unknown name, a wrong type or a value out of bounds; the message lists what is valid.
    """
    known = parameter_fields(cls)  # type: ignore[arg-type]
    _reject_unknown(values, known, source)
    typed = {name: _coerce(known[name], value, source) for name, value in values.items()}
    try:
        return cls(**typed)
    except IgsedError as error:
        raise IgsedError(f"{source}: {error}") from None


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Experiment:
    """Read a parameter file (YAML, flat), apply ``name=value`` overrides, check everything.

    A relative path starts from the folder that its writer sees: in the file from the file's folder, in an override from
    the working folder. ``~`` is the home folder.

    Raises
    ------
    IgsedError
        If the file cannot be read or is no flat YAML mapping, has a key twice, or holds an unknown or
        ill-typed parameter; the message names file and parameter and lists the valid ones.
    """
    path = paths.user_path(path)
    source = f"parameter file {path}"
    known = parameter_fields()
    text = {name for name, f in known.items() if f.type == "str"}
    values = parameter_file.read(path, text)
    if "sweep" in values and "base" in values:
        raise IgsedError(f"{source} is a sweep file: run it by `igsed sweep {path}`")
    _reject_unknown(values, known, source)
    for name, value in values.items():
        if known[name].metadata["path"] and isinstance(value, str):
            try:
                values[name] = absolute(known[name], value, paths.absolute(path).parent)
            except IgsedError as error:
                raise IgsedError(f"{source}: {error}") from None
    for item in overrides:
        name, sign, written = item.partition("=")
        if not sign:
            raise IgsedError(f"override {shown(item)}: write it as name=value, for instance snr_min=5")
        _reject_unknown({name: written}, known, f"override {shown(item)}")
        try:
            values[name] = parameter_file.value(written, text=name in text)
        except ValueError:
            raise IgsedError(f"override {shown(item)}: {shown(written)} is no number; write it as name=value") from None
    changed = f" with {' '.join(map(shown, overrides))}" if overrides else ""
    return from_values(values, source=f"{source}{changed}")


def from_values(values: dict[str, Any], *, source: str = "parameters") -> Experiment:
    """Split a flat mapping of parameters over the stages (missing ones take their defaults)."""
    _reject_unknown(values, parameter_fields(), source)

    def mine(cls: type[StageParams | RunParams]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key in parameter_fields(cls)}

    run: RunParams = build(RunParams, mine(RunParams), source=source)
    stages = {name: build(cls, mine(cls), source=source) for name, cls in STAGE_PARAMS.items()}  # all are checked
    try:
        return Experiment({name: stages[name] for name in run.stages()}, run)
    except IgsedError as error:
        raise IgsedError(f"{source}: {error}") from None


def result_values(params: StageParams) -> dict[str, Any]:
    """The parameters that can change a result: all but the experiment's name and those of execution."""
    return {
        f.name: getattr(params, f.name)
        for f in fields(params)
        if not f.metadata.get("execution") and f.name != "experiment"
    }


def _reject_unknown(values: dict[str, Any], known: dict[str, Any], source: str) -> None:
    for name in values:
        if name in known:
            continue
        if RENAMED.get(name) in known:
            raise IgsedError(f"{source}: parameter {name!r} is called {RENAMED[name]!r} now: rename it there")
        near = difflib.get_close_matches(str(name).lower(), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        few = len(known) <= _LISTED
        valid = f"Valid ones: {', '.join(known)}" if few else "`igsed parameters` lists the valid ones"
        raise IgsedError(f"{source}: unknown parameter {shown(name)}.{hint} {valid}")


def _coerce(f: dataclasses.Field[Any], value: Any, source: str) -> Any:
    """Return ``value`` as the field's type; whole numbers pass as floats, nothing else is converted."""
    kind = str(f.type)
    good = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
    }[kind]
    if not good:
        names = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
        raise IgsedError(
            f"{source}: parameter {f.name!r} is {shown(value)}, but must be {names[kind]} "
            f"({f.metadata['doc']}; default {f.default!r})"
        )
    try:
        return float(value) if kind == "float" else value
    except OverflowError:
        raise IgsedError(f"{source}: parameter {f.name!r} is {shown(value)}, but must be a smaller number") from None
