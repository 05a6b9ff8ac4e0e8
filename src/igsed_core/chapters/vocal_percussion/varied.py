"""Accuracy against how many examples a user gives, and against noise on what it improvises."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from igsed_core.chapters.vocal_percussion import classify, material, measure, study
from igsed_core.chapters.vocal_percussion.boxemes import VocalPercussion
from igsed_core.chapters.vocal_percussion.material import Material
from igsed_core.chapters.vocal_percussion.network import Recipe
from igsed_core.chapters.vocal_percussion.study import Features, Network

EXAMPLES, NOISE = "examples", "noise"
NUMBERS = (1, 2, 4, 8, 16)
SNRS = (20.0, 10.0, 0.0)  # dB, white noise
DRAWS = 3  # of the examples


def vary(
    bank: VocalPercussion,
    sounds: Material,
    trained: Sequence[Network],
    recipe: Recipe,
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Measure the networks of the first split and seed, and the features that need no network.

    Parameters
    ----------
    bank, sounds
        The takes, and what was made of them.
    trained, recipe
        The networks.
    replicates, seed
        Of the bootstrap; of draws.

    Returns
    -------
    pd.DataFrame
        ``varied, at`` (examples of each instrument, or dB) and the columns of
        :func:`igsed_core.chapters.vocal_percussion.measure.accuracies`; nearest neighbours only.
    """
    first = trained[0].task.repetition
    systems: dict[str, Features] = {
        one.task.labels: study.embedding(one.network, sounds.train.peak)
        for one in trained
        if one.task.repetition == first
    }
    others = study.baselines(sounds, recipe, seed=seed)
    systems |= {name: others[name] for name in (study.TIMBRE, study.SELECTED)}
    least = sounds.own.boxemes.groupby(["user", "instrument"]).size().min()
    noisy = {snr: material.noisy(bank, sounds, snr, seed=seed) for snr in SNRS}
    found = []
    for name, features in systems.items():
        own = study.own_sounds(sounds, features)
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
            heard = study.retested(own, features, tests)
            scored = study.scores(name, "", heard, classify.right, measure.KNN)
            found.append(scored.assign(varied=NOISE, at=snr))
    keys = ("varied", "at", "system")
    table = measure.accuracies(pd.concat(found), keys=keys, replicates=replicates, seed=seed)
    return table[table["average"] == "user"].drop(columns="std").reset_index(drop=True)
