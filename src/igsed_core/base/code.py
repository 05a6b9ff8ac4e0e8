"""Which code does something depend on, read from its static imports: nothing that is traced is imported.

A dependency is named by an import statement, at the top of a file or inside a function. An import by string is not
seen: whoever makes one (a registry of "module:attribute") hands the module over as a further root. So is an attribute
that a package makes up in ``__getattr__``; submodules reached as attributes (``package.module.f``) are seen.

Why not grimp, which finds the same graph: it takes no plug-in of one file, knows no cells of a notebook, and a key
needs the syntax tree of every file anyway, from which the imports fall out. The tests hold the two graphs together.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from igsed_core.base.errors import IgsedError

PACKAGE = __name__.partition(".")[0]
# Files beside a module that are not data.
_CODE = (".py", ".pyc", ".pyi", "py.typed", "~")
_PARAMETERS = {"parameters", "injected-parameters"}


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
    followed = {PACKAGE, *map(_top, waiting)}
    for root in waiting:
        if _file(root) is None:
            raise IgsedError(f"module {root!r} has no source file: check its name, or install its package")
    seen: set[str] = set()
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        if _top(module) not in followed or without(module):
            continue
        if module.endswith(".*"):
            waiting += _submodules(module)
        if (path := _file(module)) is None:
            continue
        found.add(module)
        source = _source(module, path)
        waiting += source.named | source.perhaps
        waiting += [module.rpartition(".")[0]] * ("." in module)
    return frozenset(found)


def packages(modules: Iterable[str]) -> dict[str, str]:
    """Return the distributions that some modules import themselves, name to version.

    Left out are the standard library, this package and the packages of the modules. What a distribution in turn
    needs is not listed. A module that no distribution holds stands under its own name as ``absent``.
    """
    modules = set(modules)
    imported = {_top(name) for module in modules for name in _source(module, _found(module)).named}
    return _versions(imported - {_top(module) for module in modules})


def digest(roots: Iterable[str], *, without: Callable[[str], bool] = never, cells: str = "") -> str:
    """Hash the code that some modules depend on.

    What counts: the reached modules without comments, docstrings and formatting; data files in the folder of a
    reached module of a package (those in folders below it do not count); the versions of :func:`packages`;
    Python's major and minor version.

    Parameters
    ----------
    roots, without
        See :func:`reached`.
    cells
        Further code, as from :func:`computing`.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.

    Raises
    ------
    IgsedError
        See :func:`reached`.
    """
    modules = reached(roots, without=without)
    return _hash(modules, cells, packages(modules))


def notebook_cells(path: Path) -> list[str]:
    """Return the code cells of a notebook, ``.ipynb`` or ``.py`` in percent format, without its parameters.

    Raises
    ------
    IgsedError
        If the file is missing or is no notebook.
    """
    return [cell.source for cell in _cells(path) if cell.kind == "code" and not _PARAMETERS & set(cell.tags)]


def imports_of(source: str) -> set[str]:
    """Return the modules that a piece of source imports, by their absolute names.

    ``from package import name`` gives ``package``, and ``package.name`` if that is a module.

    Raises
    ------
    IgsedError
        If the source does not parse.
    """
    return _imported([source])


def computing(cells: Iterable[str], drawing: Callable[[str], bool]) -> str:
    """Return the normalised source of a notebook's cells without what only draws.

    Left out are bare calls of what was imported from a drawing module, imports of such modules, and bare constants.
    A call inside a drawing call that does not draw itself (``figures.curve(study.run(4))``) may compute and store,
    so it stays; a drawing call that assigns (``:=``) stays whole.

    Parameters
    ----------
    cells
        Code, as from :func:`notebook_cells`.
    drawing
        Says of a module's name whether it only draws.

    Raises
    ------
    IgsedError
        If a cell does not parse.
    """
    trees = [_parse_cell(cell) for cell in cells]
    for tree in trees:
        list(_stripped(tree))
    statements = [statement for tree in trees for statement in tree.body]
    names = _drawing_names(statements, drawing)
    kept: list[ast.AST] = []
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module = (statement.module or "") + "." if isinstance(statement, ast.ImportFrom) else ""
            statement.names = [alias for alias in statement.names if not _draws(module + alias.name, drawing)]
            kept += [statement] if statement.names else []
        elif not isinstance(statement, ast.Expr):
            kept.append(statement)
        elif names(statement.value) and not any(isinstance(node, ast.NamedExpr) for node in ast.walk(statement)):
            kept += _other_calls(statement.value, names)
        elif not isinstance(statement.value, ast.Constant):
            kept.append(statement)
    return "\n".join(map(ast.dump, kept))


def stage_digest(notebook: Path, drawing: Callable[[str], bool], *, roots: Iterable[str] = ()) -> tuple[str, str]:
    """Hash the code that a notebook's artefacts depend on, and the code that its page depends on.

    Both forms of a paired notebook give the same.

    Parameters
    ----------
    notebook
        ``.ipynb``, or ``.py`` in percent format.
    drawing
        Says of a module's name whether it only draws.
    roots
        Modules that the notebook reaches by name only (the chosen entries of registries).

    Returns
    -------
    tuple of str
        The data digest (its cells that compute, the modules reached from its imports without those that draw), and
        the page digest (the cells as they stand, text and tags included, and everything reached).

    Raises
    ------
    IgsedError
        If the notebook is missing, or if it or a module does not parse or is not found.
    """
    cells = notebook_cells(notebook)
    imported = _imported(cells)
    own = {name for name in imported if _top(name) == PACKAGE} | set(roots)
    others = imported - own

    def of(text: str, without: Callable[[str], bool]) -> str:
        modules = reached(own, without=without)
        third = _versions({_top(name) for name in others if not without(name)} - {_top(name) for name in modules})
        return _hash(modules, text, packages(modules) | third)

    page = [(cell.kind, cell.source, cell.tags) for cell in _cells(notebook)]
    return of(computing(cells, drawing), drawing), of(json.dumps(page), never)


def same_cells(one: Path, other: Path) -> bool:
    """Whether two notebooks, each in either form, have the same cells."""
    return _cells(one) == _cells(other)


# Modules and what they import


@dataclass(frozen=True)
class _Source:
    """A file's normalised source, hashed, and the names of what it imports."""

    digest: str
    empty: bool  # nothing but a docstring
    named: frozenset[str]  # modules
    perhaps: frozenset[str]  # modules, or what lies in one


def _top(module: str) -> str:
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


def _file(module: str) -> str | None:
    """Return the source file of a module, None if there is none."""
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


def _found(module: str) -> str:
    path = _file(module)
    if path is None:
        raise IgsedError(f"module {module!r} has no source file: check its name")
    return path


def _package_of(module: str, path: str) -> str:
    return module if os.path.basename(path) == "__init__.py" else module.rpartition(".")[0]


def _source(module: str, path: str) -> _Source:
    stat = os.stat(path)
    return _read_source(path, _package_of(module, path), stat.st_mtime_ns, stat.st_size)


@cache
def _read_source(path: str, package: str, mtime: int, size: int) -> _Source:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except SyntaxError as error:
        raise IgsedError(f"{path}, line {error.lineno}, is no valid Python ({error.msg}): mend it") from None
    named, perhaps = _imports(_stripped(tree), package)
    text = ast.dump(tree, annotate_fields=False)
    return _Source(hashlib.sha256(text.encode()).hexdigest(), not tree.body, frozenset(named), frozenset(perhaps))


def _stripped(tree: ast.Module) -> Iterator[ast.AST]:
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


def _imports(nodes: Iterable[ast.AST], package: str) -> tuple[set[str], set[str]]:
    """Return the modules that syntax trees import, and names that are modules or attributes of one."""
    named: set[str] = set()
    perhaps: set[str] = set()
    bound: dict[str, set[str]] = {}
    chains: set[tuple[str, ...]] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            chains.add(_chain(node))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                named.add(alias.name)
                bound.setdefault(alias.asname or _top(alias.name), set()).add(
                    alias.name if alias.asname else _top(alias.name)
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


def _imported(cells: Iterable[str]) -> set[str]:
    """Return the modules that cells import, read as one piece: a later cell uses what an earlier one imported."""
    named, perhaps = _imports((node for cell in cells for node in _stripped(_parse_cell(cell))), package="")
    perhaps = perhaps.union(*(_submodules(name) for name in perhaps if name.endswith(".*")))
    return named | {name for name in perhaps if _file(name)}


def _chain(node: ast.AST) -> tuple[str, ...]:
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


def _submodules(star: str) -> set[str]:
    """Return the modules right below a package, given as ``package.*``: what ``import *`` may bring."""
    package = star.removesuffix(".*")
    path = _file(package)
    if path is None or os.path.basename(path) != "__init__.py":
        return set()
    names = {name.removesuffix(".py") for name in os.listdir(os.path.dirname(path))} - {"__init__"}
    return {f"{package}.{name}" for name in names if _file(f"{package}.{name}")}


# Packages of others, data files, hashes


def _versions(tops: set[str]) -> dict[str, str]:
    """Return distribution and version of top-level modules that are neither ours nor Python's."""
    holders = _distributions(tuple(sys.path))
    others = tops - sys.stdlib_module_names - {PACKAGE, "__main__"}
    return {name: _version(name) for top in sorted(others) for name in holders.get(top, [top])}


@cache
def _distributions(search_path: tuple[str, ...]) -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _hash(modules: Iterable[str], text: str, versions: dict[str, str]) -> str:
    sources = {module: _source(module, _found(module)) for module in modules}
    # A package that holds a docstring only reads no file.
    packages_read = {_package_of(module, _found(module)) for module, source in sources.items() if not source.empty}
    parts = {
        "python": sys.version_info[:2],
        "text": text,
        "modules": {module: source.digest for module, source in sources.items()},
        "data": {package: _data(package) for package in packages_read if package},
        "versions": versions,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _data(package: str) -> dict[str, str]:
    """Return name and hash of the files in a package's folder that are not code."""
    path = _file(package)
    if path is None:
        return {}
    with os.scandir(os.path.dirname(path)) as entries:
        return {
            entry.name: _file_hash(entry.path, entry.stat().st_mtime_ns, entry.stat().st_size)
            for entry in entries
            if entry.is_file() and not entry.name.startswith(".") and not entry.name.endswith(_CODE)
        }


@cache
def _file_hash(path: str, mtime: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Notebooks


@dataclass(frozen=True)
class _Cell:
    kind: str
    source: str
    tags: tuple[str, ...]


def _cells(path: Path) -> tuple[_Cell, ...]:
    try:
        stat = path.stat()
    except OSError as error:
        raise IgsedError(f"notebook {path} cannot be read ({error.strerror}): check its name") from None
    return _read_cells(path, stat.st_mtime_ns, stat.st_size)


@cache
def _read_cells(path: Path, mtime: int, size: int) -> tuple[_Cell, ...]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        import jupytext

        cells = jupytext.reads(text, fmt="py:percent").cells
    else:
        try:
            cells = json.loads(text)["cells"]
        except (ValueError, KeyError, TypeError):
            raise IgsedError(f"{path} is no notebook: make it again with `jupytext --sync`") from None
    return tuple(
        _Cell(cell["cell_type"], "".join(cell["source"]).strip(), tuple(sorted(cell["metadata"].get("tags", []))))
        for cell in cells
    )


def _parse_cell(cell: str) -> ast.Module:
    try:
        return ast.parse(cell)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager  # a cell may hold %magics

        try:
            return ast.parse(TransformerManager().transform_cell(cell))
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise IgsedError(f"no valid Python ({error.msg}): mend the line {line!r} of this code cell") from None


def _draws(name: str, drawing: Callable[[str], bool]) -> bool:
    """Say whether a dotted name lies in a module that only draws."""
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    # A function may be called like a module that draws (`results.tables`): only modules are asked about.
    return any(drawing(prefix) and ("." not in prefix or _file(prefix) is not None) for prefix in prefixes)


def _drawing_names(statements: list[ast.stmt], drawing: Callable[[str], bool]) -> Callable[[ast.AST], bool]:
    """Return a test of expressions: is it a call whose root name was imported from a module that draws?"""
    origins: dict[str, set[str]] = {}
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                origins.setdefault(alias.asname or _top(alias.name), set()).add(
                    alias.name if alias.asname else _top(alias.name)
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                origins.setdefault(alias.asname or alias.name, set()).add(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            origins.setdefault(node.id, set()).add("")  # a variable of that name: it need not draw
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            origins.setdefault(node.name, set()).add("")

    def test(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name, *attributes = _chain(node)
        found = origins.get(name, set())
        return bool(found) and all(_draws(".".join([origin, *attributes]), drawing) for origin in found)

    return test


def _other_calls(node: ast.AST, names: Callable[[ast.AST], bool]) -> Iterator[ast.AST]:
    """Pass the outermost calls inside an expression that do not draw."""
    if isinstance(node, ast.Call) and not names(node):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _other_calls(child, names)
