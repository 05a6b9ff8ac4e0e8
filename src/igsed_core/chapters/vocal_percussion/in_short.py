"""The box at the head of page 17."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from igsed_core.base.shipped import Shipped
from igsed_core.chapters.vocal_percussion import overview
from igsed_core.chapters.vocal_percussion.params import BANK
from igsed_core.show import full_size
from igsed_core.show.answers import Answer, Found


def answer(found: Found) -> Answer:
    """Which labels make the best embedding here."""
    tables = ("vocal_percussion", "vocal_percussion_differences")
    accuracies, differences = (found.tables[name] for name in tables)
    large = Shipped("vocal_percussion").tables(tables)
    full = "" if large is None else overview.accuracy(*large)
    said = full_size.first(full, overview.accuracy(accuracies, differences))
    return Answer(
        f"{said} {overview.corrected(differences)} {limits(found.params.get('vocal_percussion', {}))}", tables
    )


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
