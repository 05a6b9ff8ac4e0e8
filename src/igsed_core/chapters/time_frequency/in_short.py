"""The box at the head of page 21."""

from __future__ import annotations

from igsed_core.chapters.time_frequency import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Whether the maps fall on the right sound, or only on the right time."""
    tables = ("time_frequency", "time_frequency_differences")
    table, apart = (found.tables[name] for name in tables)
    return Answer(
        f"{overview.sound(table, apart, margin=found.margin)} Instances are classes that the classifier detects, a bin "
        "is one of its own mel bands, and power is what counts: the loudest bins decide.",
        tables,
    )
