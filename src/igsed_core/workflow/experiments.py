"""An experiment: the parameters of all its stages, from a parameter file and overrides, checked.

Every parameter has one name in the whole project, so that a parameter file is flat, an override is
``name=value`` and a notebook's ``parameters`` cell holds plain scalars.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from igsed_core.base.errors import IgsedError
from igsed_core.base.params import StageParams
from igsed_core.workflow.chapters import PAGES

STAGE_PARAMS: dict[str, type[StageParams]] = {cls.stage: cls for cls in PAGES}


@dataclass(frozen=True)
class Experiment:
    """The parameters of all stages of one experiment, by stage name."""

    stages: dict[str, StageParams]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return next(iter(self.stages.values())).experiment

    def values(self) -> dict[str, Any]:
        """All parameters as one flat mapping."""
        return {name: value for p in self.stages.values() for name, value in dataclasses.asdict(p).items()}


def parameter_fields(cls: type[StageParams] | None = None) -> dict[str, dataclasses.Field[Any]]:
    """Fields by parameter name: of one stage, or of all stages in their order."""
    classes = [cls] if cls else list(STAGE_PARAMS.values())
    return {f.name: f for c in classes for f in fields(c)}


def build(cls: type[StageParams], values: dict[str, Any], *, source: str) -> StageParams:
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
    known = parameter_fields(cls)
    _reject_unknown(values, known, source)
    typed = {name: _coerce(known[name], value, source) for name, value in values.items()}
    try:
        return cls(**typed)
    except IgsedError as error:
        raise IgsedError(f"{source}: {error}") from None


def load(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Experiment:
    """Read a parameter file (YAML, flat), apply ``name=value`` overrides, check everything.

    Raises
    ------
    IgsedError
        If the file is missing or no flat YAML mapping, has a key twice, or holds an unknown or
        ill-typed parameter; the message names file and parameter and lists the valid ones.
    """
    path = Path(path)
    if not path.is_file():
        raise IgsedError(f"parameter file {path} does not exist: give one such as params/embedded.yaml")
    try:
        values = yaml.load(path.read_text(), Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise IgsedError(f"parameter file {path} is not valid YAML: {error}") from None
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise IgsedError(f"parameter file {path} must hold 'name: value' lines")
    known = parameter_fields()
    _reject_unknown(values, known, f"parameter file {path}")
    for item in overrides:
        name, sign, text = item.partition("=")
        if not sign:
            raise IgsedError(f"override {item!r}: write it as name=value, for instance snr_min=5")
        _reject_unknown({name: text}, known, f"override {item!r}")
        try:
            values[name] = text if known[name].type == "str" else yaml.safe_load(text)
        except yaml.YAMLError:
            raise IgsedError(f"override {item!r}: {text!r} is no number; write it as name=value") from None
    return from_values(values, source=f"parameter file {path}")


def from_values(values: dict[str, Any], *, source: str = "parameters") -> Experiment:
    """Split a flat mapping of parameters over the stages (missing ones take their defaults)."""
    _reject_unknown(values, parameter_fields(), source)
    stages = {}
    for name, cls in STAGE_PARAMS.items():
        mine = {key: value for key, value in values.items() if key in parameter_fields(cls)}
        stages[name] = build(cls, mine, source=source)
    return Experiment(stages)


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
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise IgsedError(f"{source}: unknown parameter {name!r}.{hint} Valid ones: {', '.join(known)}")


def _coerce(f: dataclasses.Field[Any], value: Any, source: str) -> Any:
    """Return ``value`` as the field's type; whole numbers pass as floats, nothing else is converted."""
    kind = str(f.type)
    if isinstance(value, str) and kind == "float":
        value = _number_from(value)  # YAML 1.1 reads 1e-3 as text
    good = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
    }[kind]
    if not good:
        names = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
        raise IgsedError(
            f"{source}: parameter {f.name!r} is {value!r}, but must be {names[kind]} "
            f"({f.metadata['doc']}; default {f.default!r})"
        )
    return float(value) if kind == "float" else value


def _number_from(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


class _StrictLoader(yaml.SafeLoader):
    """A YAML loader for which a key given twice is an error (by default the second silently wins)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, refusing duplicate keys."""
        mapping = super().construct_mapping(node, deep=deep)  # refuses keys that are no scalars
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return mapping
