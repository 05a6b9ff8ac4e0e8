"""The box at the head of page 17."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from igsed_core.base.shipped import Shipped
from igsed_core.chapters.vocal_percussion import overview
from igsed_core.chapters.vocal_percussion.params import BANK
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Which labels make the best embedding here."""
    tables = ("vocal_percussion", "vocal_percussion_differences")
    accuracies, differences = (found.tables[name] for name in tables)
    said = [overview.accuracy(accuracies, differences), *_at_full_size()]
    return Answer(f"{' '.join(said)} {limits(found.params.get('vocal_percussion', {}))}", tables)


def limits(params: Mapping[str, Any]) -> str:
    """Say whose the sounds are; which bank they are from, another run may choose.

    Parameters
    ----------
    params
        Of the stage, from its record.
    """
    if params.get("vocal_bank", BANK) == BANK:
        return (
            "The sounds and the users' habits are made by a program, and which labels help depends on how often users "
            "share a syllable, which was settled by us."
        )
    return "The sounds are recordings of people; those that are held out are few, and intervals are over them."


def _at_full_size() -> list[str]:
    full = [Shipped("vocal_percussion").table(name) for name in ("vocal_percussion", "vocal_percussion_differences")]
    return [] if full[0] is None or full[1] is None else [overview.full_size(full[0], full[1])]
