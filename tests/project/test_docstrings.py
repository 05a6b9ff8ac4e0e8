"""Docstrings: examples run, parameters are those of the signature, shapes and units are named, Sphinx can read all."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles
from sphinx.ext.napoleon import Config, NumpyDocstring

import igsed_core

ROOT = Path(igsed_core.__file__).parent
WITH_EXAMPLES = ("metrics", "attribution", "detection")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Modules of array functions without an example, and why.
NO_EXAMPLE: dict[str, str] = dict.fromkeys(
    (
        "igsed_core.attribution.explainer",
        "igsed_core.attribution.ig.adaptive",
        "igsed_core.attribution.maps",
        "igsed_core.detection.baselines",
        "igsed_core.detection.further_metrics",
        "igsed_core.detection.thresholds.partitions",
        "igsed_core.metrics.event_based",
        "igsed_core.metrics.intersection",
        "igsed_core.metrics.psds",
        "igsed_core.metrics.scores",
    ),
    "rewritten while the examples were: to come",
)

# An array, several, or perhaps none; what lies in mappings, lists and callables is told where these are.
ARRAY = re.compile(r"(tuple\[)?\b(NDArray|Tensor|ArrayLike|np\.ndarray|torch\.Tensor|Spans)\b")
# "[shape=(n, m)]", "``(n_clips, n_frames)``", "(batch, frames) -> (batch,)", another's shape, or where it is said.
SHAPE = re.compile(
    r"shape=\(|\((\.\.\.|[\w.+/ *()-]+),[^)]*\)|\bshapes? of\b|\bof (its|their|that|any|one|the same) shape\b"
    r"|\b(As|see|See|From|in|of) :(func|class|meth|attr):"
)
TIME_OR_LEVEL = re.compile(
    r"(seconds|duration|frame_length|step|start|stop|onset|offset|collar|gap|lag|shift|smoothing|level|floor|snr"
    r"|gain_db|loudness|sample_rate|frequency)s?"
)
UNIT = re.compile(r"\b(seconds?|s|ms|dB|Hz|LUFS|LU|samples?|frames?|steps?|shares?|factor|coverage)\b|%", re.I)

# What is still to be mended, and may only become less: descriptions of arrays without a shape, others without a unit or
# that do not match the signature.
SHAPES_TO_COME, UNITS_TO_COME, PARAMETERS_TO_COME = 97, 9, 6


def module_names(*layers: str) -> list[str]:
    """All modules of the package, or of some of its layers."""
    found = (info.name for info in pkgutil.walk_packages([str(ROOT)], "igsed_core.") if "__main__" not in info.name)
    return sorted(name for name in found if not layers or name.split(".")[1] in layers)


# ---- sections of a docstring


@dataclass(frozen=True)
class Documented:
    """A public function, method or class with its docstring."""

    module: str
    name: str
    node: ast.FunctionDef | ast.ClassDef
    text: str

    def __str__(self) -> str:
        return f"{self.module.removeprefix('igsed_core.')}:{self.name}"

    def section(self, title: str) -> str:
        """Text of a section, empty where there is none."""
        found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", self.text, re.S | re.M)
        return found[1] if found else ""

    def entries(self, title: str) -> dict[str, str]:
        """Each name of a section with its line and its description."""
        result: dict[str, str] = {}
        for line, body in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n)*)", self.section(title) + "\n", re.M):
            for name in line.partition(" :")[0].split(","):
                result[name.strip().lstrip("*`").rstrip("`")] = f"{line}\n{body}"
        return result

    @property
    def signature(self) -> dict[str, str]:
        """Annotation of every parameter, as text; that of ``__init__`` for a class."""
        function: ast.AST | None = self.node
        if isinstance(self.node, ast.ClassDef):
            function = next((n for n in self.node.body if getattr(n, "name", "") == "__init__"), None)
        if not isinstance(function, ast.FunctionDef):
            return {}
        args = function.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
        return {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in every if a.arg not in ("self", "cls")}


def documented() -> Iterator[Documented]:
    """Public functions, classes and methods of the whole package that have a docstring."""
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(("igsed_core", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        pending = [("", child) for child in ast.parse(path.read_text()).body]
        while pending:
            prefix, node = pending.pop(0)
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or (
                node.name.startswith("_") and not (prefix and node.name == "__call__")
            ):
                continue
            if text := ast.get_docstring(node):
                yield Documented(module, prefix + node.name, node, text + "\n")
            if isinstance(node, ast.ClassDef):
                pending += [(f"{node.name}.", child) for child in node.body]


EVERY = list(documented())


# ---- examples


def has_array_functions(name: str) -> bool:
    """Whether a module holds public functions (not methods) that take or give arrays."""
    mine = (
        one for one in EVERY if one.module == name and isinstance(one.node, ast.FunctionDef) and "." not in one.name
    )
    return any(
        any(ARRAY.match(text) for text in (*one.signature.values(), ast.unparse(one.node.returns or ast.Constant(0))))
        for one in mine
    )


@pytest.mark.parametrize("name", module_names(*WITH_EXAMPLES))
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    if has_array_functions(name):
        assert tests or name in NO_EXAMPLE, f"{name}: give at least one public function an Examples section"
        assert not (tests and name in NO_EXAMPLE), f"{name} has examples: take it off the list NO_EXAMPLE"
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    said: list[str] = []
    for test in tests:
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


# ---- parameters, shapes, units


def test_parameters_are_those_of_the_signature() -> None:
    wrong = []
    for one in EVERY:
        said, held = one.entries("Parameters"), one.signature
        if said and (isinstance(one.node, ast.FunctionDef) or held):
            wrong += [f"{one}: {name} is documented, but no parameter" for name in said.keys() - held.keys()]
            wrong += [f"{one}: {name} is not documented" for name in held.keys() - said.keys()]
    assert len(wrong) <= PARAMETERS_TO_COME, "\n".join(wrong)


def test_arrays_have_shapes() -> None:
    wrong = []
    for one in EVERY:
        if isinstance(one.node, ast.ClassDef):
            continue
        said = one.entries("Parameters")
        without = one.text.replace(one.section("Parameters"), "") if said else one.text
        without = without.replace(one.section("Examples"), "")
        for name, annotation in one.signature.items():
            if ARRAY.match(annotation) and not SHAPE.search(said.get(name, without)):
                wrong.append(f"{one}: {name} has no shape")
        if one.node.returns and ARRAY.match(ast.unparse(one.node.returns)) and not SHAPE.search(without):
            wrong.append(f"{one}: what it returns has no shape")
    assert len(wrong) <= SHAPES_TO_COME, "\n".join(wrong)


def test_times_and_levels_have_units() -> None:
    wrong = []
    for one in EVERY:
        for title in ("Parameters", "Attributes"):
            for name, entry in one.entries(title).items():
                if TIME_OR_LEVEL.fullmatch(name) and not UNIT.search(entry.partition("\n")[2]):
                    wrong.append(f"{one}: {name} has no unit")
    assert len(wrong) <= UNITS_TO_COME, "\n".join(wrong)


# ---- reStructuredText


class _Plain(Directive):
    """Stands in for Sphinx's directives, whose contents are read like any text."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = None

    def run(self) -> list[nodes.Node]:
        container = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, container)
        return [container]


@pytest.fixture(autouse=True)
def _sphinx_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let docutils alone read what Sphinx would."""
    names = ("func", "class", "mod", "data", "meth", "attr", "doc", "cite", "exc", "obj", "ref")
    monkeypatch.setattr(roles, "_roles", dict(roles._roles))
    monkeypatch.setattr(directives, "_directives", dict(directives._directives))
    for name in names:
        for full in (name, f"py:{name}", f"{name}:t"):
            roles.register_local_role(full, roles.GenericRole(full, nodes.literal))
    for name in ("attribute", "method", "seealso", "versionadded", "rubric"):
        directives.register_directive(name, _Plain)


def complaints(text: str, what: str) -> list[str]:
    """What docutils says of a docstring once napoleon has turned it into reStructuredText."""
    lines = str(NumpyDocstring(inspect.cleandoc(text), Config(napoleon_use_ivar=True), what=what))
    settings = {"report_level": 2, "halt_level": 5, "warning_stream": False}
    tree = publish_doctree(lines, settings_overrides=settings)
    return [m.astext() for m in tree.findall(nodes.system_message) if int(m["level"]) >= 2]


@pytest.mark.parametrize("name", ["igsed_core", *module_names()])
def test_sphinx_can_read(name: str) -> None:
    mine = [one for one in EVERY if one.module == name]
    text = inspect.getdoc(importlib.import_module(name)) or ""
    wrong = [f"{name}: {said}" for said in complaints(text, "module")]
    for one in mine:
        what = "class" if isinstance(one.node, ast.ClassDef) else "function"
        wrong += [f"{one}: {said}" for said in complaints(one.text, what)]
    assert not wrong, "\n".join(wrong)
