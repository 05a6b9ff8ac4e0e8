"""What a reader calls maps and references of this page."""

from __future__ import annotations

from igsed_core.chapters.time_frequency.study import REFERENCES, RULES_OF_OVERLAP
from igsed_core.detection import scored


def title(method: str) -> str:
    """Readable name of a method or reference."""
    if method in REFERENCES:
        return REFERENCES[method]
    return scored.of(method).title if scored.known(method) else method


def subset(overlap: str) -> str:
    """Readable name of a set of instances."""
    return RULES_OF_OVERLAP[overlap]
