"""The box at the head of page 22."""

from __future__ import annotations

from igsed_core.chapters.edges import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whom calibrated edges help."""
    differences = found.tables["edges_differences"]
    return Answer(
        f"{overview.gains(differences, margin=found.margin)} Part or all of that may come of marking every "
        "frame that an event touches, and not of the gates; below the two are parted. No time label is "
        "used; intervals draw clips and source files anew.",
        ("edges_differences",),
    )
