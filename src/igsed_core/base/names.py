"""Names of classes, which come from the user's folders: which ones tables and files can hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from igsed_core.base.errors import IgsedError

ALL = "all"  # in the column `class` of every table: over all classes
MEAN = "mean over classes"  # there, too
_SEPARATORS = (";", "|")
RESERVED = frozenset({ALL, MEAN})


def folded(name: str) -> str:
    """Return a name as a page would show it beside the averages: in small letters, with blanks.

    Examples
    --------
    >>> from igsed_core.base.names import folded
    >>> folded("Mean_over_classes")
    'mean over classes'
    """
    return name.replace("_", " ").casefold()


def check_classes(classes: Sequence[str]) -> None:
    """Make sure that every class has a name of its own, and one that no table takes for something else.

    Numbers, ``None``, ``True`` and the like are names as good as any.

    Parameters
    ----------
    classes
        Names, in any order.

    Raises
    ------
    IgsedError
        If there is none, or a name is no text, empty, given twice, one of :data:`RESERVED`, or holds a line break or
        another control character.
    """
    if isinstance(classes, str) or not len(classes):
        raise IgsedError("there is no class: give the names of one or more, as a list")
    seen: set[str] = set()
    for name in classes:
        if not isinstance(name, str) or not name.strip():
            raise IgsedError(f"class {name!r} has no name: give each a text that is not empty")
        if name in RESERVED:
            raise IgsedError(
                f"a class is called {name!r}, which stands for the averages over all classes in every table: rename "
                f"the class (its folder, its label), for instance to '{name}_sounds'"
            )
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            raise IgsedError(f"class {name!a} holds a line break or another control character: rename it")
        if name in seen:
            raise IgsedError(f"class {name!r} is given twice: give each its own name")
        seen.add(name)


def doubtful(classes: Sequence[str]) -> list[str]:
    """Say in a sentence each what about names of classes is allowed and may yet be a mistake.

    Examples
    --------
    >>> from igsed_core.base.names import doubtful
    >>> print(doubtful(["Dog", "dog"])[0])
    classes 'Dog' and 'dog' differ in capitals alone: give them one spelling if they are one sound
    >>> print(doubtful(["low;high", "cat"])[0])
    class 'low;high' holds ';', which other programs put between labels: write commas if it is more than one class
    """
    told, seen = [], dict[str, str]()
    for name in sorted(classes):
        other = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if other != name:
            told.append(
                f"classes {other!r} and {name!r} differ in capitals alone: give them one spelling if they are one sound"
            )
        if found := next((mark for mark in _SEPARATORS if mark in name), ""):
            told.append(
                f"class {name!r} holds {found!r}, which other programs put between labels: write commas if it is more "
                "than one class"
            )
    return told
