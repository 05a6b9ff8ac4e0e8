"""Registries: name -> what a reader sees of it and where its code is; loaded when it is first used.

An entry names its code as ``"package.module:attribute"``, so that listing a registry imports nothing, and the key of an
artefact holds the code of those entries alone that made it (:mod:`igsed_core.base.code` leaves a registry's table out).
Packages that are installed beside this one add entries through entry points of the registry's group.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from igsed_core.base.errors import IgsedError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What every registry holds for a name.

    Attributes
    ----------
    target
        ``"package.module:attribute"``: the code.
    title
        Its name for a reader.
    options
        Keyword arguments that are set when the code is called; whatever JSON holds.
    uses
        (Group, name) of entries of other registries that the code takes by name.
    name
        Its name in the registry, which sets it.
    package
        The installed package that brings it, which the registry sets; empty for this package's own.
    LOOKS
        Fields that a reader sees and no result depends on.
    """

    LOOKS: ClassVar[frozenset[str]] = frozenset({"title", "package"})

    target: str
    title: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[tuple[str, str], ...] = ()
    name: str = ""
    package: str = ""

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that hold the code."""
        return (self.target.partition(":")[0],)

    def described(self, *, looks: bool = False) -> dict[str, Any]:
        """Return its fields as JSON takes them; with ``looks`` those, too, that a reader sees only."""
        kept = [f.name for f in fields(self) if looks or f.name not in self.LOOKS]
        return {name: value for name in kept if (value := _plain(getattr(self, name))) not in ("", [], {})}

    def load(self) -> Any:
        """Import the code, with the options set.

        Raises
        ------
        IgsedError
            If the code of an installed package cannot be imported; the message names it and the remedy.
        """
        found = self.imported(self.target)
        return partial(found, **self.options) if self.options else found

    def imported(self, target: str) -> Any:
        """Import what ``"package.module:attribute"`` names; an error of another package is told as one."""
        if not self.package:
            return load(target)
        with _told(f"{target!r} of {self.name!r}", self.package):
            return load(target)


E = TypeVar("E", bound=Entry)
_LONGEST = 200  # characters of another package's error


def load(target: str) -> Any:
    """Import what ``"package.module:attribute"`` names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


class Registry(Mapping[str, E], Generic[E]):
    """Name -> entry: those of this package, in their order, then those of installed packages.

    Parameters
    ----------
    what
        What the entries are, for errors: ``"method"``.
    group
        Group of entry points, ``"igsed.methods"``. Each points to an entry; its name is the entry's name.
    entries
        This package's own. Those of installed packages must be of the same class.
    """

    def __init__(self, what: str, group: str, entries: Mapping[str, E]) -> None:
        self.what = what
        self.group = group
        self.own: Mapping[str, E] = MappingProxyType({name: replace(one, name=name) for name, one in entries.items()})

    @cached_property
    def _all(self) -> dict[str, E]:
        found = dict(self.own)
        kind = type(next(iter(self.own.values()), Entry(target="")))
        for point in importlib.metadata.entry_points(group=self.group):
            if point.name in found:
                raise IgsedError(
                    f"{self.what} {point.name!r} of the installed package {_package(point)} is there already: "
                    "give its entry point another name"
                )
            with _told(f"{self.what} {point.name!r}", _package(point)):
                entry = point.load()
            if not isinstance(entry, kind):
                raise IgsedError(
                    f"entry point {point.name!r} ({self.group}) of the installed package {_package(point)} is no "
                    f"{kind.__module__}.{kind.__name__} but {type(entry).__name__}: see the page on adding your own"
                )
            found[point.name] = replace(entry, name=point.name, package=_package(point))  # type: ignore[assignment]
        return found

    def __getitem__(self, name: str) -> E:
        """Return an entry.

        Raises
        ------
        IgsedError
            For an unknown name; the message lists the valid ones.
        """
        if name not in self._all:
            raise IgsedError(f"{self.what} {name!r} is unknown: choose one of {', '.join(self._all)}")
        return self._all[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        """Return an entry, or ``default`` if there is none of that name."""
        return self._all.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def load(self, name: str) -> Any:
        """Import the code of an entry, with its options set."""
        return self[name].load()


@contextlib.contextmanager
def _told(what: str, package: str) -> Iterator[None]:
    """Tell what goes wrong while code of another package is imported, whatever it is, in one sentence."""
    try:
        yield
    except (Exception, SystemExit) as error:
        words = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        words = words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ..."
        raise IgsedError(
            f"{what} of the installed package {package} cannot be loaded ({words}): mend that package, or remove it "
            f"with `pip uninstall {package}`"
        ) from error


def _package(point: importlib.metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
