"""The box at the head of page 19."""

from __future__ import annotations

from igsed_core.base.shipped import Shipped
from igsed_core.chapters.adversarial import overview
from igsed_core.show import full_size
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whether small changes of a sound fool classifiers, and maps."""
    names = ("adversarial", "adversarial_explanations")
    attacks, maps = (found.tables[name] for name in names)
    limits = overview.limits(found.params.get("adversarial", {}))
    full = Shipped("adversarial").tables(names)
    if full is None:
        return Answer(f"{overview.attacks(attacks)} {overview.moved(maps)} {limits}", names)
    of_full_size = f"{overview.fooled(full[0])} {overview.moved_in_brief(full[1])}"
    return Answer(f"{full_size.first(of_full_size, overview.fooled(attacks))} {limits}", names)
