"""The registry of methods that tell, from a clip-level classifier alone, when a class sounds."""

from __future__ import annotations

from collections.abc import Callable

from igsed_core.errors import IgsedError
from igsed_core.methods.base import Importance, Method

# name -> factory of a method with its default options; a line a method
REGISTRY: dict[str, Callable[[], Method]] = {}


def create(name: str) -> Method:
    """Create a method by name.

    Raises
    ------
    IgsedError
        For an unknown name; the message lists the valid ones.
    """
    if name not in REGISTRY:
        raise IgsedError(f"method {name!r} is unknown: choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]()


__all__ = ["REGISTRY", "Importance", "Method", "create"]
