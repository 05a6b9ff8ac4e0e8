"""The box at the head of page 20."""

from __future__ import annotations

from igsed_core.chapters.representations import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Which input serves better, and where each network listens."""
    tables = ("representations", "representations_differences", "representations_maps", "representations_alike")
    table, apart, described, alike = (found.tables[name] for name in tables)
    return Answer(f"{overview.accuracy(table, apart)} {overview.listens(described, alike)}", tables)
