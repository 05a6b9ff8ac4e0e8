"""What a module's code is known by: a hash of everything that it depends on, and no more."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from igsed_core.base import imports, parsed
from igsed_core.base.imports import never

# Files beside a module that are not data.
_CODE = (".py", ".pyc", ".pyi", "py.typed", "~")
_INSTALLED = (".dist-info", "egg-info", ".egg")


def packages(modules: Iterable[str]) -> dict[str, str]:
    """Return the distributions that some modules import themselves, name to version.

    Left out are the standard library, this package and the packages of the modules. What a distribution in turn
    needs is not listed. A module that no distribution holds stands under its own name as ``absent``.
    """
    modules = set(modules)
    imported = {
        imports.top_of(name) for module in modules for name in imports.source_of(module, imports.found(module)).named
    }
    return versions_of(imported - {imports.top_of(module) for module in modules})


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
    roots = tuple(sorted(set(roots)))
    asked = (roots, without, cells)
    if _still is None or asked not in _still:
        modules = imports.reached(roots, without=without)
        found = hash_of(modules, cells, packages(modules))
        if _still is None:
            return found
        _still[asked] = found
    return _still[asked]


_still: dict[tuple[tuple[str, ...], Callable[[str], bool], str], str] | None = None


@contextlib.contextmanager
def still() -> Iterator[None]:
    """Take it for the length of a block that no code changes: a plan of many experiments asks for the same thousands of
    times.
    """
    global _still
    before, _still = _still, {}
    try:
        with imports.unchanged():
            yield
    finally:
        _still = before


def versions_of(tops: set[str]) -> dict[str, str]:
    """Return distribution and version of top-level modules that are neither ours nor Python's."""
    holders = _distributions(tuple(sys.path))
    others = tops - sys.stdlib_module_names - {imports.PACKAGE, "__main__"}
    return {name: version_of(name) for top in sorted(others) for name in holders.get(top, [top])}


@cache
def _distributions(search_path: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the distributions of each top-level module: remembered as long as the same ones are installed.

    Finding them anew, in every process of a run, takes a quarter of a second each.
    """
    installed = [one for path in search_path for one in _installed(os.path.abspath(path))]
    key = imports.REMEMBERED.key(f"distributions {parsed.version(__file__)}", json.dumps(installed).encode())
    known = imports.REMEMBERED.get(key)
    if known is None:
        known = {top: sorted(set(names)) for top, names in importlib.metadata.packages_distributions().items()}
        imports.REMEMBERED.put(key, known)
    return dict(known)


def _installed(path: str) -> list[tuple[str, int]]:
    """Return what says of distributions that they lie in a folder (or an archive), with the times of their changes."""
    try:
        if os.path.isfile(path):
            return [(path, os.stat(path).st_mtime_ns)]
        with os.scandir(path) as entries:
            return sorted(
                (one.path, one.stat().st_mtime_ns) for one in entries if one.name.lower().endswith(_INSTALLED)
            )
    except OSError:
        return []


@cache
def version_of(distribution: str) -> str:
    """Return the version of a distribution, ``absent`` where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def hash_of(modules: Iterable[str], text: str, versions: dict[str, str]) -> str:
    """Hash modules, further text and versions, with Python's and with the data files that lie beside the modules."""
    sources = {module: imports.source_of(module, imports.found(module)) for module in modules}
    # A package that holds a docstring only reads no file.
    packages_read = {
        imports.package_of(module, imports.found(module)) for module, source in sources.items() if not source.empty
    }
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
    path = imports.source_file(package)
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
