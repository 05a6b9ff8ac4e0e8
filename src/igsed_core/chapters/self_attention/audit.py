"""What the released code does otherwise than its paper says, each choice as an experiment with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from igsed_core.base import files
from igsed_core.chapters.self_attention import measure
from igsed_core.chapters.self_attention.measure import EVEN, TUNED, Named, Result
from igsed_core.chapters.self_attention.systems import (
    CHOICES,
    CRNN,
    DROPPED,
    FIRST,
    HEADS,
    SCRAMBLED,
    average_name,
    width_name,
)

GAIN, GAIN_SCRAMBLED = "gain", "gain_scrambled"
QUESTIONS = {
    SCRAMBLED: "does the reshape weaken the network without attention?",
    GAIN_SCRAMBLED: "gain by attention, with the reshape",
    GAIN: "gain by attention, without the reshape",
    DROPPED: CHOICES[DROPPED],
    FIRST: CHOICES[FIRST],
}


def published() -> pd.DataFrame:
    """Figures that others state, ``system, source, metric, value``, on the data set itself."""
    return files.read_table(Path(__file__).parent / "published.csv")


def comparisons(middle: float, *, several: bool) -> dict[str, tuple[str, str]]:
    """Name the systems that each question compares: with the choice, without it.

    Parameters
    ----------
    middle
        Seconds of the window behind the reshaped map.
    several
        Whether a network of several heads was trained.
    """
    one = width_name(middle)
    found = {
        SCRAMBLED: (SCRAMBLED, CRNN),
        GAIN_SCRAMBLED: (f"{SCRAMBLED}_{one}", SCRAMBLED),
        GAIN: (one, CRNN),
    }
    return {**found, **({DROPPED: (DROPPED, HEADS), FIRST: (FIRST, HEADS)} if several else {})}


def table(results: Sequence[Result], middle: float, *, several: bool) -> pd.DataFrame:
    """Answer every question by paired differences.

    Parameters
    ----------
    results
        From :func:`igsed_core.chapters.self_attention.measure.evaluate`.
    middle, several
        See :func:`comparisons`.

    Returns
    -------
    pd.DataFrame
        ``choice`` and the columns of :func:`igsed_core.chapters.self_attention.measure.differences`.
    """
    asked = comparisons(middle, several=several)
    keys: list[tuple[str, tuple[Named, Named]]] = [
        (choice, ((one, rule), (other, rule))) for choice, (one, other) in asked.items() for rule in (EVEN, TUNED)
    ]
    found = measure.differences(results, [pair for _, pair in keys])
    choices = [choice for choice, _ in keys for _ in measure.COMPARED]
    return found.assign(choice=choices)[["choice", *found.columns]]


def pairs(names: Sequence[str], middle: float) -> list[tuple[Named, Named]]:
    """List the study's comparisons: each network with the CRNN, untuned ones with it tuned, attention with an average.

    Parameters
    ----------
    names
        Of the networks with a window.
    middle
        Seconds of the moving average.
    """
    with_crnn = [((name, rule), (CRNN, rule)) for rule in (EVEN, TUNED) for name in names]
    untuned = [((name, EVEN), (CRNN, TUNED)) for name in names]
    both = width_name(middle), average_name(middle)
    average = [((both[0], rule), (both[1], rule)) for rule in (EVEN, TUNED)] if set(both) <= set(names) else []
    return [*with_crnn, *untuned, *average]
