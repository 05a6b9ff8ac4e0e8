"""The box at the head of page 22."""

from __future__ import annotations

from igsed_core.chapters.edges import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whom calibrated edges help."""
    differences, softly = (found.tables[name] for name in ("edges_differences", "edges_soft"))
    sentences = (
        overview.harm_where_soft(softly),
        overview.gains(differences, margin=found.margin),
        overview.parts_of_gains(differences, margin=found.margin),
        "No time label is used; intervals of differences draw clips and source files anew.",
    )
    return Answer(" ".join(filter(None, sentences)), ("edges_differences", "edges_soft"))
