"""The registries of the whole package, by the group of their entry points: which entries a stage takes, and their code.

This layer imports none of those above it: a registry is named by a string and imported when it is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Registry, load

METHODS, ENGINES, ENCODERS = "igsed.methods", "igsed.engines", "igsed.encoders"
RULES, BANKS, SCORED = "igsed.threshold_rules", "igsed.soundbanks", "igsed.scored_methods"
ALL = "all"  # in a parameter that lists names

_REGISTRIES = {
    METHODS: "igsed_core.attribution.registry:REGISTRY",
    ENGINES: "igsed_core.attribution.ig.engines:ENGINES",
    ENCODERS: "igsed_core.models.encoders.registry:REGISTRY",
    RULES: "igsed_core.detection.thresholds.registry:RULES",
    BANKS: "igsed_core.data.soundbank.registry:BANKS",
    SCORED: "igsed_core.detection.scored:SCORED",
}

Uses = Sequence[tuple[str, str]]


def registry(group: str) -> Registry[Any]:
    """Return the registry of a group of entry points.

    Raises
    ------
    IgsedError
        For an unknown group; the message lists the valid ones.
    """
    if group not in _REGISTRIES:
        raise IgsedError(f"there is no registry {group!r}: use one of {', '.join(_REGISTRIES)}")
    found: Registry[Any] = load(_REGISTRIES[group])
    return found


def digest_of(uses: Uses, *, looks: bool = False) -> tuple[list[str], list[list[Any]]]:
    """Return what the key of an artefact takes from the registries: the code of the entries used, and their fields.

    Parameters
    ----------
    uses
        (Group, name) of the entries, in any order, from :meth:`igsed_core.base.params.StageParams.uses`. Those that
        these take in turn (:attr:`igsed_core.base.registry.Entry.uses`) are added.
    looks
        Describe, too, what a reader sees only (titles): for the key of a page, not of data.

    Returns
    -------
    modules : list of str
        Sorted: further roots for :func:`igsed_core.base.code.digest`.
    entries : list
        ``[group, name, fields]``, sorted; whatever JSON holds.

    Raises
    ------
    IgsedError
        For an unknown group or name, or for fields that JSON does not hold.
    """
    waiting, entries = list(dict.fromkeys(uses)), {}
    while waiting:
        group, name = waiting.pop()
        if (group, name) not in entries:
            entries[group, name] = registry(group)[name]
            waiting += entries[group, name].uses
    described = [[*key, entries[key].described(looks=looks)] for key in sorted(entries)]
    for group, name, fields in described:
        try:
            json.dumps(fields)
        except (TypeError, ValueError) as error:
            raise IgsedError(
                f"entry {name!r} of {group} holds what JSON does not ({error}): give it numbers, texts and lists only"
            ) from None
    return sorted({module for entry in entries.values() for module in entry.modules}), described


def names_in(text: str, parameter: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the names in a parameter that lists them by commas, or says ``all``; each once, in their order.

    Raises
    ------
    IgsedError
        For an unknown name, or none at all; the message lists the valid ones.
    """
    known = list(known)
    if text.strip() == ALL:
        return tuple(known)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in known]:
        raise IgsedError(f"parameter {parameter!r} holds {unknown[0]!r}: choose from {', '.join(known)}")
    if not names:
        raise IgsedError(f"parameter {parameter!r} names nothing: choose from {', '.join(known)}")
    return names
