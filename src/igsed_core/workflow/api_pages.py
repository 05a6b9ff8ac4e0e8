"""API pages, one per layer, and the line under each figure and table that names its code and its data."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from igsed_core.base import imports

# Layers from the bottom up, as on the page "How this code is laid out".
LAYERS = (
    *("base", "metrics", "data", "models", "attribution", "detection", "show", "main_job", "chapters", "workflow"),
)


def modules(layer: str) -> list[str]:
    """Return the modules of a layer, dotted and sorted; packages that hold a docstring only are left out."""
    package = importlib.import_module(f"igsed_core.{layer}")
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return sorted(info.name for info in found if not info.ispkg)


def page(layer: str) -> str:
    """Return the API page of a layer, as MyST Markdown: every public name with its docstring and its source."""
    package = importlib.import_module(f"igsed_core.{layer}")
    about = (package.__doc__ or "").strip().splitlines()[0]
    parts = [f"# `{layer}`\n\n{about} *source* beside a name shows its code.\n"]
    for module in modules(layer):
        parts.append(f"## `{module.removeprefix('igsed_core.')}`\n")
        parts.append(f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n")
    return "\n".join(parts)


@dataclass
class Origins:
    """What the cells of a notebook have said so far: which names are modules, which variables hold tables.

    Attributes
    ----------
    offered
        Tables that the book offers for download; others are not named.
    drawn
        Variables that hold figures, with the functions that drew them.
    """

    offered: Collection[str] = ()
    names: dict[str, str] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    drawn: dict[str, list[str]] = field(default_factory=dict)

    def line(self, source: str) -> str:
        """Return the line, in MyST Markdown, that names code and data of what a cell draws; empty if it draws nothing.

        Parameters
        ----------
        source
            The cell's code; cells are given in their order.
        """
        try:
            tree = ast.parse(source)
        except SyntaxError:  # a magic draws nothing of ours
            return ""
        self._read(tree)
        links: dict[str, None] = {}
        data: dict[str, None] = {}
        for statement in tree.body:
            if not isinstance(statement, ast.Expr):
                continue
            drawn = [*self._drawn_in(statement)]
            drawn += [
                d for part in ast.walk(statement) if isinstance(part, ast.Name) for d in self.drawn.get(part.id, ())
            ]
            if not drawn:
                continue
            for dotted in drawn:
                short = ".".join(dotted.split(".")[-2:])
                links[f"{{py:func}}`{short} <{dotted}>`"] = None
            for name in self._tables_in(statement):
                if name not in self.offered:
                    continue
                data[f"{{download}}`{name}.csv <data/{name}.csv>`"] = None
        if not links:
            return ""
        line = "code: " + ", ".join(links)
        return line + (" · data: " + ", ".join(data) if data else "")

    def _read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Assign) and (found := tuple(self._tables_in(node.value))):
                for name in _names_in(node.targets):
                    self.tables[name] = found
            elif isinstance(node, ast.Expr) and (kept := _kept(node.value)):
                self.tables[kept[1]] = (kept[0],)
            if isinstance(node, ast.Assign) and (drawn := [*self._drawn_in(node.value)]):
                for name in _names_in(node.targets):
                    self.drawn[name] = drawn

    def _drawn_in(self, node: ast.AST) -> Iterator[str]:
        """Names of the functions called in an expression that draw something."""
        return (dotted for call in _calls(node) if (dotted := self._dotted(call)) and _draws(dotted))

    def _tables_in(self, node: ast.AST) -> Iterator[str]:
        """Names of the tidy tables that an expression makes or reads."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and ast.unparse(part.func) == "run.table":
                yield from _text(part.args[:1])
            elif isinstance(part, ast.Subscript) and ast.unparse(part.value) in ("found", "run.tables()"):
                yield from _text([part.slice])
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                yield from self.tables.get(part.id, ())

    def _dotted(self, call: ast.Call) -> str:
        name, _, rest = ast.unparse(call.func).partition(".")
        origin = self.names.get(name, "")
        return f"{origin}.{rest}" if rest else origin


def _kept(call: ast.AST) -> tuple[str, str] | None:
    """Name of the tidy table and of the variable in ``run.table("name", variable)``."""
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "run.table" and len(call.args) == 2:
        name, variable = call.args
        if isinstance(name, ast.Constant) and isinstance(variable, ast.Name):
            return str(name.value), variable.id
    return None


def _names_in(targets: Sequence[ast.AST]) -> Iterator[str]:
    return (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def _calls(statement: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(statement) if isinstance(node, ast.Call))


def _draws(dotted: str) -> bool:
    """Say whether a function draws something of its own; ``display.show`` shows what another one made."""
    module = dotted.rpartition(".")[0]
    helpers = ("igsed_core.show.display", "igsed_core.show.style", "igsed_core.show.prose")
    return re.fullmatch(r"igsed_core(\.\w+)+", dotted) is not None and imports.drawing(module) and module not in helpers


def _text(nodes: Sequence[ast.AST]) -> Iterator[str]:
    return (str(node.value) for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
