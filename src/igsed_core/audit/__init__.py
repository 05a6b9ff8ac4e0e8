"""The open points of the paper, each turned into an experiment: one module a question."""

from __future__ import annotations

from igsed_core.chapters.audit import averages, chance, energy, excluded, fig3, overlap, placement, sign, target, window
from igsed_core.chapters.audit.examine import TABLES, examine
from igsed_core.chapters.audit.material import SCORED, Material, gather

__all__ = [
    "SCORED",
    "TABLES",
    "Material",
    "averages",
    "chance",
    "energy",
    "examine",
    "excluded",
    "fig3",
    "gather",
    "overlap",
    "placement",
    "sign",
    "target",
    "window",
]
