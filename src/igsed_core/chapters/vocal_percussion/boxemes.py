"""What both banks of vocal percussion give: takes as a data set, and a row for each sound in them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from igsed_core.data.dataset import Dataset

# A boxeme is one sound of vocal percussion, from its onset to the next one's.
INSTRUMENTS = ("kd", "sd", "hhc", "hho")
INSTRUMENT_NAMES = {"kd": "kick", "sd": "snare", "hhc": "closed hi-hat", "hho": "open hi-hat"}
TAKES = {"Kick": "kd", "Snare": "sd", "HHclosed": "hhc", "HHopened": "hho", "Improvisation": ""}
IMPROVISATION = "Improvisation"
TRAIN, OWN, TEST = "train", "own", "test"  # splits: sounds of other users; a held-out user's own; its improvisation
COLUMNS = (
    *("clip", "split", "user", "take", "instrument", "onset", "offset"),
    *("onset_phoneme", "coda_phoneme", "start", "coda", "end"),
)


@dataclass(frozen=True, eq=False)
class VocalPercussion:
    """Takes of vocal percussion, and the sounds in them.

    Attributes
    ----------
    takes
        A clip for each take; ``clips`` has ``user`` and ``take``, ``labels`` are instruments.
    boxemes
        A row for each sound: ``clip, split, user, take, instrument``, annotated ``onset`` and ``offset`` (the next
        onset, or the end of the take), ``onset_phoneme, coda_phoneme``; where the truth is known ``start`` (of the
        sound), ``coda`` (where the first phoneme ends) and ``end`` (of the sound), NaN elsewhere; all times in s.
    users
        A row for each user: ``user, held_out``, and what is known of them.
    """

    takes: Dataset
    boxemes: pd.DataFrame
    users: pd.DataFrame


def split_of(take: str, *, held_out: bool) -> str:
    """Say what a take is for: training, a held-out user's own examples, or the test.

    Parameters
    ----------
    take
        One of :data:`TAKES`.
    held_out
        Whether its user is kept out of the training of networks.
    """
    return TRAIN if not held_out else TEST if take == IMPROVISATION else OWN
