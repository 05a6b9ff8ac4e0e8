"""Label sets at four levels: instrument, phonemes, syllable, boxeme (Delgado et al. 2022), and their reductions.

Inventories and reductions are those of the released code (repository alejandrodl/vocal-percussion-transcription,
Apache-2.0): 13 onset phonemes, of which five groups are made, and 16 coda phonemes, of which seven. A symbol that the
inventory does not hold counts as the last coda; of onsets the released code calls it the first, here it is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError

ONSETS = ("ts", "tʃ", "tɕ", "kg", "tʒ", "ʡʢ", "dʒ", "kʃ", "t", "p", "k", "s", "!")
CODAS = ("a", "e", "i", "o", "u", "æ", "œ", "ə", "ʊ", "ɯ", "y", "ɪ", "ɐ", "ʌ", "h", "x")
NO_CODA = "x"
ONSET_GROUPS = {
    **dict.fromkeys(("ts", "s"), "ts"),
    **dict.fromkeys(("tʃ", "tɕ", "dʒ", "tʒ"), "tʃ"),
    **dict.fromkeys(("kg", "k", "kʃ"), "k"),
    **dict.fromkeys(("ʡʢ", "p"), "p"),
    **dict.fromkeys(("t", "!"), "t"),
}
CODA_GROUPS = {
    **dict.fromkeys(("a", "æ", "ɐ", "ʌ"), "a"),
    **dict.fromkeys(("e", "œ", "ə"), "e"),
    **dict.fromkeys(("i", "y", "ɪ"), "i"),
    **dict.fromkeys(("o", "ʊ"), "o"),
    **dict.fromkeys(("u", "ɯ"), "u"),
    "h": "h",
    NO_CODA: NO_CODA,
}
DRUM, HI_HAT = "drum", "hi-hat"
_REDUCED = {"kd": DRUM, "sd": DRUM, "hhc": HI_HAT, "hho": HI_HAT}

LABEL_SETS = {
    "instrument": "instrument",
    "instrument_reduced": "drum or hi-hat",
    "syllable": "syllable",
    "syllable_reduced": "syllable, reduced",
    "phoneme": "phonemes",
    "phoneme_reduced": "phonemes, reduced",
    "boxeme": "boxeme (user and instrument)",
}


@dataclass(frozen=True, eq=False)
class Labels:
    """Targets of a network: one class for each sound, or one for each of two heads.

    Attributes
    ----------
    classes
        Names of the classes of each head.
    targets
        Number of the class, ``[shape=(n_sounds, n_heads)]``.
    """

    classes: tuple[tuple[str, ...], ...]
    targets: NDArray[np.int64]


def of(name: str, boxemes: pd.DataFrame) -> Labels:
    """Label sounds by one of :data:`LABEL_SETS`; the classes are those that occur.

    Parameters
    ----------
    name
        Of the label set.
    boxemes
        Rows of :attr:`igsed_core.chapters.vocal_percussion.boxemes.VocalPercussion.boxemes`.

    Raises
    ------
    IgsedError
        For an unknown label set or phoneme, or where phonemes are asked for and not annotated.
    """
    if name not in LABEL_SETS:
        raise IgsedError(f"label set {name!r} is unknown: choose one of {', '.join(LABEL_SETS)}")
    if name == "instrument":
        return _heads(boxemes["instrument"])
    if name == "instrument_reduced":
        return _heads(boxemes["instrument"].map(_REDUCED))
    if name == "boxeme":
        return _heads(boxemes["user"].astype(str) + " " + boxemes["instrument"])
    onset, coda = phonemes(boxemes, reduced=name.endswith("_reduced"))
    return _heads(onset, coda) if name.startswith("phoneme") else _heads(onset + " " + coda)


def phonemes(boxemes: pd.DataFrame, *, reduced: bool = False) -> tuple[pd.Series, pd.Series]:
    """Onset and coda phoneme of each sound, in the inventory's spelling, or the groups that they belong to.

    Parameters
    ----------
    boxemes
        With ``onset_phoneme`` and ``coda_phoneme``.
    reduced
        Return groups.

    Raises
    ------
    IgsedError
        If a sound has no onset phoneme, or one that is not in the inventory.
    """
    missing = boxemes["onset_phoneme"].isna() | (boxemes["onset_phoneme"] == "")
    if missing.any():
        first = boxemes[missing].iloc[0]
        raise IgsedError(
            f"the sound at {first['onset']} s of {first['clip']} has no phonemes: label sets of phonemes and syllables "
            "need them; AVP has them in its Personal takes alone, so use vocal_takes=Personal"
        )
    onset = boxemes["onset_phoneme"].map(onset_symbol)
    coda = boxemes["coda_phoneme"].fillna("").map(coda_symbol)
    return (onset.map(ONSET_GROUPS), coda.map(CODA_GROUPS)) if reduced else (onset, coda)


def onset_symbol(written: str) -> str:
    """Find the onset phoneme that an annotation holds; longer symbols first, since ``ts`` holds ``t``.

    Raises
    ------
    IgsedError
        If it holds none.
    """
    written = written.strip()
    for symbol in ONSETS:
        if symbol in written if len(symbol) > 1 else symbol == written:
            return symbol
    raise IgsedError(f"onset phoneme {written!r} is not in the inventory ({', '.join(ONSETS)}): mend the annotation")


def coda_symbol(written: str) -> str:
    """Find the coda phoneme that an annotation holds; any other symbol, and none, is :data:`NO_CODA`."""
    return next((symbol for symbol in CODAS if symbol in written), NO_CODA)


def _heads(*columns: Iterable[str]) -> Labels:
    found = [pd.Series(list(column)) for column in columns]
    classes = tuple(tuple(sorted(set(column))) for column in found)
    numbers = [
        column.map({name: i for i, name in enumerate(names)}) for column, names in zip(found, classes, strict=True)
    ]
    return Labels(classes, np.stack([n.to_numpy(dtype=np.int64) for n in numbers], axis=1))
