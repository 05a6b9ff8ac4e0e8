"""The box at the head of page 20."""

from __future__ import annotations

from igsed_core.base.shipped import Shipped
from igsed_core.chapters.representations import overview
from igsed_core.show import full_size
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Which input serves better, and where each network listens."""
    tables = ("representations", "representations_differences", "representations_maps", "representations_alike")
    table, apart, described, alike = (found.tables[name] for name in tables)
    limits = overview.limits(found.params.get("representations", {}))
    large = Shipped("representations").tables(tables)
    if large is None:
        return Answer(f"{overview.accuracy(table, apart)} {overview.centre(described, alike)} {limits}", tables)
    full = f"{overview.accuracy(large[0], large[1])} {overview.centre(large[2], large[3])}"
    return Answer(f"{full_size.first(full, overview.accuracy(table, apart))} {limits}", tables)
