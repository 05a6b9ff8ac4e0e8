"""Which code does something depend on, read from its static imports: nothing that is traced is imported.

A dependency is named by an import statement, at the top of a file or inside a function. An import by string is not
seen: whoever makes one (a registry of "module:attribute") hands the module over as a further root. So is an attribute
that a package makes up in ``__getattr__``; submodules reached as attributes (``package.module.f``) are seen.

Why not grimp, which finds the same graph: it takes no plug-in of one file, knows no cells of a notebook, and a key
needs the syntax tree of every file anyway, from which the imports fall out. The tests hold the two graphs together.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from igsed_core.base import parsed
from igsed_core.base.errors import IgsedError

PACKAGE = __name__.partition(".")[0]
REMEMBERED = parsed.Remembered(__file__)


def never(module: str) -> bool:
    """Leave out no module."""
    return False


def drawing(module: str) -> bool:
    """Say whether a module of this package only draws: what it does changes pages and no artefact."""
    parts = module.split(".")
    return parts[0] == PACKAGE and (parts[1:2] == ["show"] or parts[-1] in ("figures", "tables", "overview"))


def reached(roots: Iterable[str], *, without: Callable[[str], bool] = never) -> frozenset[str]:
    """Return the modules that some modules import, directly or not, these included.

    Followed are this package and the packages of the roots (a plug-in's). What stands under ``if TYPE_CHECKING:``
    changes no result and is left out. The packages in which a module lies are reached with it.

    Parameters
    ----------
    roots
        Dotted names of modules.
    without
        Modules for which it is true are neither followed nor returned.

    Raises
    ------
    IgsedError
        If a root has no source file, or if a module does not parse.
    """
    waiting = [root for root in roots if not without(root)]
    followed = {PACKAGE, *map(top_of, waiting)}
    for root in waiting:
        if source_file(root) is None:
            raise IgsedError(f"module {root!r} has no source file: check its name, or install its package")
    seen: set[str] = set()
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        if top_of(module) not in followed or without(module):
            continue
        if module.endswith(".*"):
            waiting += submodules(module)
        if (path := source_file(module)) is None:
            continue
        found.add(module)
        source = source_of(module, path)
        waiting += source.named | source.perhaps
        waiting += [module.rpartition(".")[0]] * ("." in module)
    return frozenset(found)


@dataclass(frozen=True)
class Source:
    """A file's normalised source, hashed, and the names of what it imports."""

    digest: str
    empty: bool  # nothing but a docstring
    named: frozenset[str]  # modules
    perhaps: frozenset[str]  # modules, or what lies in one


def top_of(module: str) -> str:
    """Return the package (or the module) in which a module lies, by its first name."""
    return module.partition(".")[0]


@cache
def _home(top: str, search_path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the file and the folders of a top-level module or package."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module made by hand, such as __main__
        spec = None
    if spec is None:
        return "", ()
    return (spec.origin or "") if spec.has_location else "", tuple(spec.submodule_search_locations or ())


_looked_up: dict[str, str | None] | None = None
_read: dict[tuple[str, str], Source] | None = None


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """Take it for the length of a block that no file changes: each module is looked for once, and each file once."""
    global _looked_up, _read
    if _looked_up is not None:
        yield
        return
    _looked_up, _read = {}, {}
    try:
        yield
    finally:
        _looked_up, _read = None, None


def source_file(module: str) -> str | None:
    """Return the source file of a module, None if there is none."""
    if _looked_up is None:
        return _look_up(module)
    if module not in _looked_up:
        _looked_up[module] = _look_up(module)
    return _looked_up[module]


def _look_up(module: str) -> str | None:
    top, *rest = module.split(".")
    origin, folders = _home(top, tuple(sys.path))
    if not rest:
        return origin if origin.endswith(".py") else None
    for folder in folders:
        stem = os.path.join(folder, *rest)
        for path in (stem + ".py", os.path.join(stem, "__init__.py")):
            if os.path.isfile(path):
                return path
    return None


def found(module: str) -> str:
    """Return the source file of a module.

    Raises
    ------
    IgsedError
        If it has none.
    """
    path = source_file(module)
    if path is None:
        raise IgsedError(f"module {module!r} has no source file: check its name")
    return path


def package_of(module: str, path: str) -> str:
    """Return the package of a module, which is the module itself where its file is an ``__init__.py``."""
    return module if os.path.basename(path) == "__init__.py" else module.rpartition(".")[0]


def source_of(module: str, path: str) -> Source:
    """Read a module; once, as long as its file stays as it is.

    Raises
    ------
    IgsedError
        If it does not parse.
    """
    if _read is not None and (module, path) in _read:
        return _read[module, path]
    stat = os.stat(path)
    source = _read_source(path, package_of(module, path), stat.st_mtime_ns, stat.st_size)
    if _read is not None:
        _read[module, path] = source
    return source


@cache
def _read_source(path: str, package: str, mtime: int, size: int) -> Source:
    content = Path(path).read_bytes()
    key = REMEMBERED.key(package, content)
    if known := REMEMBERED.get(key):
        return Source(known[0], known[1], frozenset(known[2]), frozenset(known[3]))
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        raise IgsedError(f"{path}, line {error.lineno}, is no valid Python ({error.msg}): mend it") from None
    named, perhaps = imports_in(stripped(tree), package)
    text = ast.dump(tree, annotate_fields=False)
    source = Source(hashlib.sha256(text.encode()).hexdigest(), not tree.body, frozenset(named), frozenset(perhaps))
    REMEMBERED.put(key, [source.digest, source.empty, sorted(source.named), sorted(source.perhaps)])
    return source


def stripped(tree: ast.Module) -> Iterator[ast.AST]:
    """Drop bare strings and what is for type checkers only, in place, and pass every node that stays."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for value in node.__dict__.values():
            if isinstance(value, list):
                if value and isinstance(value[0], ast.stmt):
                    value[:] = _counting(value)
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)


def _counting(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            if isinstance(statement.value.value, str):
                continue
        elif isinstance(statement, ast.If):
            test, (then, otherwise) = statement.test, (statement.body, statement.orelse)
            if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test, (then, otherwise) = test.operand, (otherwise, then)
            if getattr(test, "id", getattr(test, "attr", None)) == "TYPE_CHECKING":
                yield from _counting(otherwise)
                continue
        elif _is_registry(statement):
            continue
        yield statement


def _is_registry(statement: ast.stmt) -> bool:
    """Say whether a statement is the table of a registry, of which each user's key holds the entries that it takes."""
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    function = value.func if isinstance(value, ast.Call) else None
    function = function.value if isinstance(function, ast.Subscript) else function
    return getattr(function, "id", getattr(function, "attr", None)) == "Registry"


def imports_in(nodes: Iterable[ast.AST], package: str) -> tuple[set[str], set[str]]:
    """Return the modules that syntax trees import, and names that are modules or attributes of one."""
    named: set[str] = set()
    perhaps: set[str] = set()
    bound: dict[str, set[str]] = {}
    chains: set[tuple[str, ...]] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            chains.add(chain(node))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                named.add(alias.name)
                bound.setdefault(alias.asname or top_of(alias.name), set()).add(
                    alias.name if alias.asname else top_of(alias.name)
                )
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            named.add(module)
            for alias in node.names:
                perhaps.add(f"{module}.{alias.name}")
                bound.setdefault(alias.asname or alias.name, set()).add(f"{module}.{alias.name}")
    for name, *attributes in chains:
        for origin in bound.get(name, ()):
            perhaps.add(".".join([origin, *attributes]))
    return named, perhaps


def chain(node: ast.AST) -> tuple[str, ...]:
    """Return a, b, c of ``a.b.c``; only what stands before the first call or index of a longer expression."""
    parts: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call | ast.Subscript):
            parts.clear()
            node = node.func if isinstance(node, ast.Call) else node.value
        else:
            return ("",)
    return (node.id, *reversed(parts))


def submodules(star: str) -> set[str]:
    """Return the modules right below a package, given as ``package.*``: what ``import *`` may bring."""
    package = star.removesuffix(".*")
    path = source_file(package)
    if path is None or os.path.basename(path) != "__init__.py":
        return set()
    names = {name.removesuffix(".py") for name in os.listdir(os.path.dirname(path))} - {"__init__"}
    return {f"{package}.{name}" for name in names if source_file(f"{package}.{name}")}
