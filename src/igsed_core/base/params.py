"""Typed parameters of a stage: what one declares, and the checks that all share."""

from __future__ import annotations

import math
import re
import reprlib
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from igsed_core.base import paths, plugins
from igsed_core.base.errors import IgsedError

LARGEST_SEED = 2**32 - 1  # what every generator of random numbers takes
LARGEST = 2**31 - 1  # of any other whole number: what an index of arrays holds
OF_A_SWEEP = ".sweep"  # the end of a sweep's folder
LONGEST_NAME = 100  # characters of an experiment's name: folders and files are named after it
# Parameters that had another name in an earlier version -> today's.
RENAMED = {
    "rule": "quadrature",
    "n_points": "n_steps",
    "internal_batch": "internal_batch_size",
    "reading": "sign",
}


def param(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    registry: str = "",
    execution: bool = False,
    path: str = "",
    names: tuple[str, ...] = (),
) -> Any:
    """Declare a parameter: default, meaning, unit, bounds; ``execution`` marks those that change no result.

    ``registry`` names the one whose entries are the choices (:mod:`igsed_core.base.plugins`). ``path`` is ``file`` or
    ``folder`` for a parameter that names one: it is made absolute when it is read. ``names`` are what else such a
    parameter may be, beside the entries of its ``registry``; the default ``""`` stands for none.
    """
    return field(
        default=default,
        metadata={
            "doc": doc,
            "unit": unit,
            "low": low,
            "high": high,
            "choices": choices,
            "registry": registry,
            "execution": execution,
            "path": path,
            "names": names,
        },
    )


@dataclass(frozen=True)
class StageParams:
    """What every stage has: the experiment's name (its folder under ``runs/``) and the seed.

    Attributes
    ----------
    title
        Of the page.
    stage, notebook
        Names of the stage and of its notebook in ``book/``, without ending.
    upstream
        Stages that it reads from.
    light
        It computes on one core and may run beside another; of the others one runs at a time, or two chapters do.
    long_steps
        Steps whose items several jobs can share (:mod:`igsed_core.base.shards`), in a sweep. A number too low or too
        high costs time, never a result.
    tables
        The tidy tables that the stage makes, and what each holds; the book offers them for download.
    shows
        Folders of shipped results (:mod:`igsed_core.base.shipped`) that its page shows, beside that with its own name.
    """

    title: ClassVar[str] = ""
    stage: ClassVar[str] = ""
    notebook: ClassVar[str] = ""
    upstream: ClassVar[tuple[str, ...]] = ()
    light: ClassVar[bool] = False
    long_steps: ClassVar[int] = 0
    tables: ClassVar[dict[str, str]] = {}
    shows: ClassVar[tuple[str, ...]] = ()

    experiment: str = param("embedded", "name of the experiment; its artefacts lie in runs/<experiment>")
    seed: int = param(2026, "seed of every random choice", low=0, high=LARGEST_SEED)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.experiment):
            raise IgsedError(
                f"parameter 'experiment' is {shown(self.experiment)}: "
                "use letters, digits, '.', '_' and '-' only, since it names a folder"
            )
        if self.experiment.casefold().endswith(OF_A_SWEEP):
            raise IgsedError(
                f"parameter 'experiment' is {shown(self.experiment)}: leave {OF_A_SWEEP!r} away, since such folders "
                "are those of sweeps"
            )
        if len(self.experiment) > LONGEST_NAME:
            raise IgsedError(
                f"parameter 'experiment' has {len(self.experiment)} letters: use at most {LONGEST_NAME}, "
                "since it names a folder"
            )
        for f in fields(self):
            value = getattr(self, f.name)
            _check_bounds(f, value)
            if f.metadata["path"]:
                object.__setattr__(self, f.name, absolute(f, value))

    def require(self, condition: bool, message: str) -> None:
        """Raise an :class:`IgsedError` with ``message`` unless ``condition`` holds."""
        if not condition:
            raise IgsedError(message)

    def own_folder(self, name: str) -> Path | None:
        """Folder of the user's own that a parameter names; None where that is made or fetched."""
        value = getattr(self, name)
        return None if value in names_of(type(self).__dataclass_fields__[name]) else Path(value)

    def look(self) -> None:
        """Read what the stage is given from outside, as it will read it: before anything runs.

        Raises
        ------
        IgsedError
            For the first thing that the stage would refuse; the message names the parameter or the file and the
            remedy.
        """

    def outside(self) -> Any:
        """Fingerprint of inputs outside the project, a folder of sounds or a checkpoint; None if there are none."""
        return None

    def uses(self) -> tuple[tuple[str, str], ...]:
        """(Registry's group, name) of the entries that the results take (:mod:`igsed_core.base.plugins`).

        What is taken by a stage upstream is named there.
        """
        return ()


def choices_of(f: Field[Any]) -> tuple[str, ...]:
    """Return the values that a parameter may have, those of installed packages among them; empty if any will do."""
    group = f.metadata.get("registry")
    if f.metadata.get("path"):
        return ()
    return tuple(plugins.registry(group)) if group else tuple(f.metadata.get("choices", ()))


def names_of(f: Field[Any]) -> tuple[str, ...]:
    """Return what else than a path a parameter that names one may be, entries of its registry among them."""
    group = f.metadata["registry"]
    entries = plugins.registry(group).items() if group else ()
    return (*f.metadata["names"], *(name for name, entry in entries if getattr(entry, "named", True)))


def _check_bounds(f: Field[Any], value: Any) -> None:
    low, high, choices = f.metadata.get("low"), f.metadata.get("high"), choices_of(f)
    if choices and value not in choices:
        raise IgsedError(f"parameter {f.name!r} is {shown(value)}: choose one of {', '.join(choices)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise IgsedError(f"parameter {f.name!r} is {value!r}, but must be a finite number")
    if (low is not None and value < low) or (high is not None and value > high):
        limits = ((f"at least {low}", low), (f"at most {high}", high))
        bounds = " and ".join(text for text, bound in limits if bound is not None)
        raise IgsedError(f"parameter {f.name!r} is {shown(value)}, but must be {bounds}")
    if isinstance(value, int) and high is None and value > LARGEST:
        raise IgsedError(f"parameter {f.name!r} is {shown(value)}, but must be at most {LARGEST}")


def shown(value: object) -> str:
    """Write a value that a user gave, in few words however long it is."""
    if isinstance(value, int) and abs(value) > 10**100:
        return "a number of more than 100 digits"
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 120


def absolute(f: Field[Any], value: Any, base: Path | None = None) -> Any:
    """Make a parameter that names a file or a folder absolute; names of banks and none at all stay as they are."""
    if not isinstance(value, str) or value in names_of(f) or value == f.default == "":
        return value
    if not value.strip():
        names = " or ".join(map(repr, names_of(f)))
        raise IgsedError(f"parameter {f.name!r} is empty: give {names or 'nothing at all'}, or a path")
    try:
        return str(paths.absolute(value, base))
    except IgsedError as error:
        raise IgsedError(f"parameter {f.name!r}: {error}") from None
