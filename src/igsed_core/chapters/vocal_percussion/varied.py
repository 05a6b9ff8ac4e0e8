"""Accuracy against how many examples a user gives, and against noise on what it improvises."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from igsed_core.chapters.vocal_percussion import classify, material, measure, study
from igsed_core.chapters.vocal_percussion.boxemes import VocalPercussion
from igsed_core.chapters.vocal_percussion.labels import LABEL_SETS
from igsed_core.chapters.vocal_percussion.material import Material
from igsed_core.chapters.vocal_percussion.study import Represented

EXAMPLES, NOISE = "examples", "noise"
NUMBERS = (1, 2, 4, 8, 16)
SNRS = (20.0, 10.0, 0.0)  # dB, white noise
DRAWS = 3  # of the examples


def vary(
    bank: VocalPercussion,
    sounds: Material,
    represented: Sequence[Represented],
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Measure the networks of the first split and seed, and the features that need no network.

    Parameters
    ----------
    bank, sounds
        The takes, and what was made of them.
    represented
        All systems, from :func:`igsed_core.chapters.vocal_percussion.study.represent`.
    replicates, seed
        Of the bootstrap; of draws.

    Returns
    -------
    pd.DataFrame
        ``varied, at`` (examples of each instrument, or dB) and the columns of
        :func:`igsed_core.chapters.vocal_percussion.measure.accuracies`; nearest neighbours only.
    """
    first = represented[0].repetition
    chosen = [
        one
        for one in represented
        if (one.system in LABEL_SETS and one.repetition == first) or one.system in (study.TIMBRE, study.SELECTED)
    ]
    least = sounds.own.boxemes.groupby(["user", "instrument"]).size().min()
    noisy = {snr: material.noisy(bank, sounds, snr, seed=seed) for snr in SNRS}
    found = []
    for one in chosen:
        name, own = one.system, one.own
        for number in NUMBERS:
            if number <= least:
                scored = study.scores(
                    name,
                    "",
                    own,
                    partial(classify.few, number=number, draws=DRAWS, seed=seed),
                    measure.KNN,
                )
                found.append(scored.assign(varied=EXAMPLES, at=float(number)))
        for snr, tests in noisy.items():
            heard = study.retested(own, one.features, tests)
            scored = study.scores(name, "", heard, classify.right, measure.KNN)
            found.append(scored.assign(varied=NOISE, at=snr))
    keys = ("varied", "at", "system")
    table = measure.accuracies(pd.concat(found), keys=keys, replicates=replicates, seed=seed)
    return table[table["average"] == "user"].drop(columns="std").reset_index(drop=True)
