"""Docstrings: examples run, parameters are those of the signature, shapes and units are named, Sphinx can read all."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import io
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
NO_EXAMPLE: dict[str, str] = {}

# An array, several, or perhaps none; what lies in mappings, lists and callables is told where these are.
ARRAY = re.compile(r"(tuple\[)?\b(NDArray|Tensor|ArrayLike|np\.ndarray|torch\.Tensor|Spans)\b")
# "[shape=(n, m)]", "``(n_clips, n_frames)``", "(batch, frames) -> (batch,)", another array's shape, or where to look.
# "(paper, section III)" is none.
AXIS = r"(\.\.\.|[a-z\d_]+( ?[+*/-] ?[a-z\d_]+)*)"
SHAPE = re.compile(
    rf"shape=\(|\({AXIS},( {AXIS})?(, {AXIS})*,?\)"
    r"|\bshapes? of\b|\b[Oo]f (its|their|that|any|one|the|the same) shape\b"
    r"|\b(As|see|See|From|in|of) :(func|class|meth|attr):"
)
TIME_OR_LEVEL = re.compile(
    r"(duration|frame_length|step|start|stop|onset|offset|collar|gap|lag|smoothing|level|floor|snr|loudness"
    r"|sample_rate|frequency|frequencie)s?"
)
UNIT = re.compile(
    r"\b(seconds?|s|ms|dB|decibels?|Hz|LUFS|LU|samples?|frames?|steps?|shares?|factors?|coverage|unit of)\b|%|See :",
    re.I,
)


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
        first = (args.posonlyargs + args.args)[:1]
        # "cls" of a plain function is a parameter like any other.
        bound = first[0] if first and first[0].arg == "cls" and first[0].annotation is None else None
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
        return {
            a.arg: ast.unparse(a.annotation) if a.annotation else ""
            for a in every
            if a.arg != "self" and a is not bound
        }


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
    assert not wrong, "\n".join(wrong)


def gaps_in_shapes(one: Documented) -> list[str]:
    """Arrays of a function of which nobody says what shape they have."""
    if isinstance(one.node, ast.ClassDef):
        return []
    said = one.entries("Parameters")
    others = one.text.replace(one.section("Examples"), "")
    others = others.replace(one.section("Parameters"), "") if said else others
    wrong = [
        f"{one}: {name} has no shape"
        for name, annotation in one.signature.items()
        if ARRAY.match(annotation) and not SHAPE.search(said.get(name, others))
    ]
    if one.node.returns and ARRAY.match(ast.unparse(one.node.returns)) and not SHAPE.search(others):
        wrong.append(f"{one}: what it returns has no shape")
    return wrong


def test_arrays_have_shapes() -> None:
    wrong = sorted({gap for one in EVERY for gap in gaps_in_shapes(one)})
    assert not wrong, "\n".join(wrong)


def is_number(one: Documented, name: str) -> bool:
    """Whether a parameter or a field is annotated as a number or an array."""
    fields = {ast.unparse(n.target): ast.unparse(n.annotation) for n in one.node.body if isinstance(n, ast.AnnAssign)}
    annotation = one.signature.get(name) or fields.get(name) or ""
    return re.search(r"\b(float|int|NDArray|Tensor|ArrayLike)\b", annotation) is not None


def gaps_in_units(one: Documented) -> list[str]:
    """Documented times, levels and rates without a unit."""
    return [
        f"{one}: {name} has no unit"
        for title in ("Parameters", "Attributes")
        for name, entry in one.entries(title).items()
        if TIME_OR_LEVEL.fullmatch(name) and is_number(one, name) and not UNIT.search(entry.partition("\n")[2])
    ]


def test_times_and_levels_have_units() -> None:
    wrong = [gap for one in EVERY for gap in gaps_in_units(one)]
    assert not wrong, "\n".join(wrong)


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
    said = io.StringIO()  # the tree itself lacks what is found late, such as undefined substitutions
    publish_doctree(lines, settings_overrides={"report_level": 2, "halt_level": 5, "warning_stream": said})
    return said.getvalue().splitlines()


@pytest.mark.parametrize("name", ["igsed_core", *module_names()])
def test_sphinx_can_read(name: str) -> None:
    mine = [one for one in EVERY if one.module == name]
    text = inspect.getdoc(importlib.import_module(name)) or ""
    wrong = [f"{name}: {said}" for said in complaints(text, "module")]
    for one in mine:
        what = "class" if isinstance(one.node, ast.ClassDef) else "function"
        wrong += [f"{one}: {said}" for said in complaints(one.text, what)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "Options *args and **kwargs.",
        "Magnitude |x| of it.",
        "An ``unbalanced quote.",
        "A list\n- one\n  - two\n three",
        "Parameters\n----------\nx\n    One\n        two\n    three.",
    ],
)
def test_what_sphinx_cannot_read_is_told(text: str) -> None:
    assert complaints(f"First line.\n\n{text}\n", "function")


def test_gaps_are_told() -> None:
    source = (
        "def f(x: NDArray[np.float64], onset: float) -> Tensor:\n"
        '    """Do.\n\n    Parameters\n    ----------\n    x\n        Values.\n    onset\n        First.\n    """\n'
    )
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    one = Documented("igsed_core.made_up", "f", node, (ast.get_docstring(node) or "") + "\n")
    assert gaps_in_shapes(one) == ["made_up:f: x has no shape", "made_up:f: what it returns has no shape"]
    assert gaps_in_units(one) == ["made_up:f: onset has no unit"]
