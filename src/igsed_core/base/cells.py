"""What a notebook's artefacts depend on: those of its cells that compute, and the modules that they reach."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from igsed_core.base import code, imports, parsed
from igsed_core.base.errors import IgsedError

_PARAMETERS = {"parameters", "injected-parameters"}


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
        list(imports.stripped(tree))
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
    own = {name for name in imported if imports.top_of(name) == imports.PACKAGE} | set(roots)
    others = imported - own

    def of(text: str, without: Callable[[str], bool]) -> str:
        modules = imports.reached(own, without=without)
        third = {imports.top_of(name) for name in others if not without(name)} - set(map(imports.top_of, modules))
        return code.hash_of(modules, text, code.packages(modules) | code.versions_of(third))

    page = [(cell.kind, cell.source, cell.tags) for cell in _cells(notebook)]
    digests = of(computing(cells, drawing), drawing), of(json.dumps(page), imports.never)
    imports.REMEMBERED.save()
    return digests


def same_cells(one: Path, other: Path) -> bool:
    """Whether two notebooks, each in either form, have the same cells.

    Raises
    ------
    IgsedError
        If one is missing or is no notebook.
    """
    reader = f"{parsed.version(__file__)} jupytext {code.version_of('jupytext')}"
    key = imports.REMEMBERED.key(reader, hashlib.sha256(_bytes(one)).digest() + _bytes(other))
    known = imports.REMEMBERED.get(key)
    if known is None:
        known = _cells(one) == _cells(other)
        imports.REMEMBERED.put(key, known)
    return bool(known)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IgsedError(f"notebook {path} cannot be read ({error.strerror}): check its name") from None


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


def _imported(cells: Iterable[str]) -> set[str]:
    """Return the modules that cells import, read as one piece: a later cell uses what an earlier one imported."""
    named, perhaps = imports.imports_in(
        (node for cell in cells for node in imports.stripped(_parse_cell(cell))), package=""
    )
    perhaps = perhaps.union(*(imports.submodules(name) for name in perhaps if name.endswith(".*")))
    return named | {name for name in perhaps if imports.source_file(name)}


def _draws(name: str, drawing: Callable[[str], bool]) -> bool:
    """Say whether a dotted name lies in a module that only draws."""
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    # A function may be called like a module that draws (`results.tables`): only modules are asked about.
    return any(
        drawing(prefix) and ("." not in prefix or imports.source_file(prefix) is not None) for prefix in prefixes
    )


def _drawing_names(statements: list[ast.stmt], drawing: Callable[[str], bool]) -> Callable[[ast.AST], bool]:
    """Return a test of expressions: is it a call whose root name was imported from a module that draws?"""
    origins: dict[str, set[str]] = {}
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                origins.setdefault(alias.asname or imports.top_of(alias.name), set()).add(
                    alias.name if alias.asname else imports.top_of(alias.name)
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
        name, *attributes = imports.chain(node)
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
