"""The box at the head of page 15."""

from __future__ import annotations

from igsed_core.chapters.ceilings import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """How the localiser stands to detectors that learn from time labels at its resolution."""
    tables = ("ceilings", "ceilings_differences")
    said = overview.ceilings(*(found.tables[name] for name in tables), margin=found.margin)
    return Answer(
        f"{said} The detectors learn from time labels, the localiser sees none; the best of them was picked on these "
        "clips, which flatters it. Intervals of differences draw clips and source files anew.",
        tables,
    )
