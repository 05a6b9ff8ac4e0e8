"""The box at the head of page 18."""

from __future__ import annotations

from igsed_core.base.shipped import Shipped
from igsed_core.chapters.self_attention import overview
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """How far a detector must remember here."""
    tables = ("self_attention", "self_attention_differences")
    summary, differences = (found.tables[name] for name in tables)
    full = [Shipped("self_attention").table(name) for name in tables]
    own = overview.memory(summary, differences)
    if full[0] is None or full[1] is None:
        said = [own, overview.average(differences)]
    else:  # the larger one first; of this run what it says of the same question
        said = [overview.full_size(full[0], full[1]), f"*In this run, which is small.* {own}"]
    return Answer(
        f"{' '.join(filter(None, said))} {overview.CORRECTED} "
        f"{overview.limits(found.params.get('self_attention', {}))}",
        tables,
    )
