"""The box at the head of page 19."""

from __future__ import annotations

from igsed_core.chapters.adversarial import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whether small changes of a sound fool classifiers, and maps."""
    names = ("adversarial", "adversarial_explanations")
    attacks, maps = (found.tables[name] for name in names)
    limits = overview.limits(found.params.get("adversarial", {}))
    return Answer(f"{overview.attacks(attacks)} {overview.moved(maps)} {limits}", names)
