"""The bank that the parameters name, and the recipe."""

from __future__ import annotations

from pathlib import Path

from igsed_core.chapters.vocal_percussion import avp, bank
from igsed_core.chapters.vocal_percussion.boxemes import VocalPercussion
from igsed_core.chapters.vocal_percussion.network import Recipe
from igsed_core.chapters.vocal_percussion.params import AVP, BANK, VocalPercussionStudy


def sounds(params: VocalPercussionStudy, folder: Path) -> VocalPercussion:
    """Make, fetch or read the takes.

    Parameters
    ----------
    params
        Of the page.
    folder
        Where the embedded bank goes.
    """
    if params.vocal_bank != BANK:
        root = avp.fetched() if params.vocal_bank == AVP else Path(params.vocal_bank)
        return avp.load(root, variant=params.vocal_takes)
    return bank.build(
        folder,
        number=params.vocal_users,
        held_out=params.vocal_held_out,
        sounds=params.vocal_sounds,
        seed=params.seed,
    )


def recipe(params: VocalPercussionStudy) -> Recipe:
    """Return how networks are trained."""
    return Recipe(
        embedding=params.vocal_embedding,
        epochs=params.vocal_epochs,
        patience=params.vocal_patience,
        batch_size=params.vocal_batch_size,
        learning_rate=params.vocal_learning_rate,
    )
