"""The box at the head of page 22."""

from __future__ import annotations

from igsed_core.chapters.edges import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whom calibrated edges help."""
    tables = ("edges_differences", "edges_missed")
    said = overview.gains(found.tables["edges_differences"], margin=found.margin)
    return Answer(
        f"{said} Intervals draw clips and source files anew; no time label is used. "
        f"{overview.missed(found.tables['edges_missed'])}",
        tables,
    )
