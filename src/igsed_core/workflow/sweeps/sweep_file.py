"""A sweep file as a person reads it: a base parameter file, a grid, a list of variations."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from igsed_core.base import files, paths
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import LONGEST_NAME, absolute, shown
from igsed_core.workflow import experiments, parameter_file
from igsed_core.workflow.experiments import Experiment

KEYS = ("sweep", "base", "grid", "variations", "shards", "shard_seconds", "cores", "gpu", "scratch")
MOST_SHARDS = 1000
SHARD_SECONDS = 120  # ten times what a job takes to start
MOST_SHARD_SECONDS = 86_400
MOST_CORES = 1024
_MOST_EXPERIMENTS = 10_000
_LARGEST_FILE = 1_000_000  # bytes
_MOST_DIGITS = 18  # of the ends of a range


@dataclass(frozen=True)
class Sweep:
    """Experiments that differ in a few parameters.

    Attributes
    ----------
    name
        Of the sweep; its folder is ``runs/<name>.sweep``.
    experiments
        By their names, which say what varies.
    varied
        Experiment -> the parameters that vary in the sweep, and its values of them.
    shards
        Jobs among which a long step is shared, at most.
    shard_seconds
        Core seconds that each of them has to do, at least: a step that takes less has fewer jobs, or none of its own.
    cores
        Cores of a job that computes much.
    gpu
        Whether stages that can use a GPU get one.
    scratch
        Folder on the node for what a job needs only while it runs; variables in it are the node's.
    """

    name: str
    experiments: dict[str, Experiment]
    varied: dict[str, dict[str, Any]]
    shards: int = 1
    shard_seconds: int = SHARD_SECONDS
    cores: int = 1
    gpu: bool = False
    scratch: str = ""

    @property
    def folder(self) -> Path:
        """Where plan, markers, logs and report lie."""
        return folder_of(self.name)

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters that vary."""
        return list(dict.fromkeys(name for values in self.varied.values() for name in values))


def folder_of(name: str) -> Path:
    """Return ``runs/<name>.sweep``."""
    return paths.runs_dir() / f"{name}.sweep"


def is_name(text: str) -> bool:
    """Whether a sweep may be called so."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", text) is not None


def read(path: Path) -> Sweep:
    """Read and check a sweep file.

    Parameters
    ----------
    path
        YAML with the keys ``sweep`` (the name), ``base`` (a parameter file; a relative path starts from the sweep
        file's folder), ``grid`` (parameter -> list of values, or ``1..10``), ``variations`` (a list of mappings, each
        combined with every point of the grid), ``shards``, ``shard_seconds``, ``cores``, ``gpu`` and ``scratch``.

    Raises
    ------
    IgsedError
        If the file cannot be read, a key or a parameter is unknown, a value is out of bounds, or two experiments are
        the same; the message names the file and the remedy.
    """
    source = f"sweep file {path}"
    instead = "give one such as params/sweeps/snr.yaml"
    written = files.read_text(path, "sweep file", largest=_LARGEST_FILE, instead=instead)
    try:
        node = yaml.compose(written, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise IgsedError(f"{source} is not valid YAML: {parameter_file.reason(error)}") from None
    content = _mapping(node, source, "it")
    for key in content:
        if key not in KEYS:
            raise IgsedError(f"{source}: unknown key {key!r}: use {', '.join(KEYS)}")
    name, base = (_scalar(content.get(key), source, key) for key in ("sweep", "base"))
    if not is_name(name):
        raise IgsedError(
            f"{source}: 'sweep' is {shown(name)}: name the sweep with at most 40 letters, digits, '_' and '-', "
            "since it names folders and jobs"
        )
    if not base:
        raise IgsedError(f"{source}: 'base' is missing: name the parameter file that the experiments start from")
    folder = paths.absolute(path).parent
    points = _points(content, source, folder)
    try:
        start = experiments.load(paths.absolute(base, folder))
    except IgsedError as error:
        raise IgsedError(f"{source}, 'base': {error}") from None
    common = start.values()
    found: dict[str, Experiment] = {}
    varied: dict[str, dict[str, Any]] = {}
    every = _varying(points, common)
    rows = [{parameter: point.get(parameter, common.get(parameter)) for parameter in every} for point in points]
    names = _names(name, rows)
    same: dict[str, str] = {}  # what decides an experiment -> its name
    for point, values, called in zip(points, rows, names, strict=True):
        made = experiments.from_values({**common, **point, "experiment": called}, source=f"{source}, {called}")
        # 5, 5.0 and 5e0 are one number, and "a, b" names the chapters that "b,a" does.
        decides = repr({**made.values(), "experiment": "", "chapters": tuple(made.stages)})
        if decides in same:
            other = "" if same[decides] == called else f" (as {same[decides]})"
            raise IgsedError(f"{source}: {called} comes twice{other}: leave out one of the same values")
        same[decides] = called
        found[called], varied[called] = made, values
    return Sweep(
        name,
        found,
        varied,
        shards=_number(content.get("shards"), source, "shards", MOST_SHARDS),
        shard_seconds=_number(
            content.get("shard_seconds"), source, "shard_seconds", MOST_SHARD_SECONDS, least=0, default=SHARD_SECONDS
        ),
        cores=_number(content.get("cores"), source, "cores", MOST_CORES),
        gpu=_truth(content.get("gpu"), source, "gpu"),
        scratch=_scratch(content.get("scratch"), source),
    )


def _points(content: dict[str, yaml.Node], source: str, folder: Path) -> list[dict[str, Any]]:
    """Every experiment's own values: each variation with each point of the grid."""
    grid = _mapping(content["grid"], source, "'grid'") if "grid" in content else {}
    axes = [[(name, value) for value in _values(name, node, source, folder)] for name, node in grid.items()]
    listed: list[dict[str, Any]] = [{}]
    if "variations" in content:
        node = content["variations"]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise IgsedError(f"{source}: 'variations' must be a list of mappings: write '- snr_min: 5' below it")
        listed = [
            {name: _value(name, one, source, folder) for name, one in _mapping(item, source, "a variation").items()}
            for item in node.value
        ]
    number = len(listed)
    for axis in axes:
        number *= len(axis)
    if number > _MOST_EXPERIMENTS:
        raise IgsedError(f"{source} describes {number} experiments: at most {_MOST_EXPERIMENTS}, make several sweeps")
    points = [{**dict(point), **own} for own in listed for point in itertools.product(*axes)]
    both = set(grid) & {name for own in listed for name in own}
    if both:
        raise IgsedError(f"{source}: {sorted(both)[0]!r} stands in 'grid' and in 'variations': keep one of them")
    return points


def _varying(points: list[dict[str, Any]], common: dict[str, Any]) -> list[str]:
    """Parameters that have several values; where there is a single experiment, all that it names."""
    every = list(dict.fromkeys(parameter for point in points for parameter in point))
    several = [name for name in every if len({repr(one.get(name, common.get(name))) for one in points}) > 1]
    return several or every


def _values(name: str, node: yaml.Node, source: str, folder: Path) -> list[Any]:
    """Values of one axis: a list, or a range of whole numbers such as ``1..10``."""
    if isinstance(node, yaml.ScalarNode) and (ends := re.fullmatch(r"([0-9]+)\.\.([0-9]+)", str(node.value))):
        if len(max(ends.groups(), key=len)) > _MOST_DIGITS:
            raise IgsedError(f"{source}: 'grid' has {name}: {shown(node.value)}: at most {_MOST_DIGITS} digits")
        low, high = map(int, ends.groups())
        if low > high:
            raise IgsedError(f"{source}: 'grid' has {name}: {node.value}: write the lower number first, as in 1..10")
        if high - low >= _MOST_EXPERIMENTS:
            raise IgsedError(
                f"{source}: 'grid' has {name}: {node.value}, {high - low + 1} values: at most {_MOST_EXPERIMENTS} "
                "experiments, make several sweeps"
            )
        _known(name, source)
        return list(range(low, high + 1))
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise IgsedError(f"{source}: 'grid' needs a list of values of {name!r}: write [0, 5, 15] or 1..10")
    return [_value(name, one, source, folder) for one in node.value]


def _known(name: str, source: str) -> Any:
    known = experiments.parameter_fields()
    if name == "experiment":
        raise IgsedError(f"{source}: 'experiment' cannot vary: each experiment is named after what does")
    if name not in known:
        raise IgsedError(f"{source}: unknown parameter {shown(name)}: `igsed parameters` lists all")
    return known[name]


def _value(name: str, node: yaml.Node, source: str, folder: Path) -> Any:
    f = _known(name, source)
    if not isinstance(node, yaml.ScalarNode):
        raise IgsedError(f"{source}: a value of {name!r} is no single number or text")
    try:
        value = parameter_file.value(str(node.value), text=f.type == "str")
        return absolute(f, value, folder) if f.metadata.get("path") else value
    except (ValueError, IgsedError) as error:
        raise IgsedError(f"{source}: {name!r} has the value {shown(node.value)}: {error}") from None


def _mapping(node: yaml.Node | None, source: str, what: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise IgsedError(f"{source}: {what} must hold 'name: value' lines")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise IgsedError(f"{source}: a name must be a single word (line {key.start_mark.line + 1})")
        name = str(key.value)
        if name in found:
            raise IgsedError(f"{source}: {name[:60]!r} is given twice (line {key.start_mark.line + 1})")
        found[name] = value
    return found


def _scalar(node: yaml.Node | None, source: str, key: str) -> str:
    if node is None:
        return ""
    if not isinstance(node, yaml.ScalarNode):
        raise IgsedError(f"{source}: {key!r} must be one text")
    return str(node.value)


def _number(node: yaml.Node | None, source: str, key: str, most: int, *, least: int = 1, default: int = 1) -> int:
    text = _scalar(node, source, key) or str(default)
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        raise IgsedError(f"{source}: {key!r} is {shown(text)}: give a whole number from {least} to {most}")
    return int(text)


def _truth(node: yaml.Node | None, source: str, key: str) -> bool:
    text = (_scalar(node, source, key) or "false").lower()
    if text not in ("true", "false"):
        raise IgsedError(f"{source}: {key!r} is {shown(text)}: write true or false")
    return text == "true"


def _scratch(node: yaml.Node | None, source: str) -> str:
    """Folder on the node, which need not be on this machine; a variable in it is looked up there."""
    text = _scalar(node, source, "scratch")
    if text and (not re.match(r"/|\$\w|\$\{\w", text) or not text.isprintable()):
        raise IgsedError(
            f"{source}: 'scratch' is {shown(text)}: give the whole path of a folder, or begin with a variable that "
            "every node sets, such as $TMPDIR; where there is none, leave 'scratch' out"
        )
    return text


def _names(sweep: str, rows: list[dict[str, Any]]) -> list[str]:
    """Name every experiment; where values differ in what no folder's name can hold, a hash of them follows."""
    names = [_name(sweep, values) for values in rows]
    sharing = Counter(name.casefold() for name in names)
    return [
        f"{name[: LONGEST_NAME - 9]}.{_digest(values)}" if sharing[name.casefold()] > 1 else name
        for name, values in zip(names, rows, strict=True)
    ]


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(repr(values).encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _name(sweep: str, values: dict[str, Any]) -> str:
    """Name an experiment after the sweep and what varies; a name too long for a folder ends with a hash."""
    parts = [f"{name}_{re.sub(r'[^A-Za-z0-9.-]+', '-', Path(str(value)).name)}" for name, value in values.items()]
    whole = ".".join([sweep, *parts])
    if len(whole) <= LONGEST_NAME:
        return whole
    return f"{whole[: LONGEST_NAME - 9]}.{_digest(values)}"
