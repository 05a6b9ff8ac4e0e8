"""The box at the head of page 18."""

from __future__ import annotations

from igsed_core.base.shipped import Shipped
from igsed_core.chapters.self_attention import overview
from igsed_core.show import full_size
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """How far a detector must remember here."""
    tables = ("self_attention", "self_attention_differences")
    summary, differences = (found.tables[name] for name in tables)
    large = Shipped("self_attention").tables(tables)
    full = "" if large is None else overview.memory(*large)
    said = full_size.first(full, overview.memory(summary, differences))
    limits = overview.limits(found.params.get("self_attention", {}))
    return Answer(f"{said} {overview.CORRECTED} {limits}", tables)
