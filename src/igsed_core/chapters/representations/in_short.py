"""The box at the head of page 20."""

from __future__ import annotations

from igsed_core.chapters.representations import overview, shipped
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Which input serves better, where each network listens, and which explanation predicts damage."""
    names = ("representations", "representations_differences", "representations_maps", "representations_alike")
    tables = (*names, "representations_bands")
    table, apart, described, alike, bands = (found.tables[name] for name in tables)
    said = [overview.accuracy(table, apart), overview.listens(described, alike), overview.predicts(bands)]
    accuracies, differences, removed = (
        shipped.table(name) for name in ("representations", "representations_differences", "representations_bands")
    )
    return Answer(f"{' '.join(said)} {overview.full_size(accuracies, differences, removed, '')}".strip(), tables)
