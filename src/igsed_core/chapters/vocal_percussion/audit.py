"""What the released code does otherwise than it says, each choice as an experiment with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import files
from igsed_core.chapters.vocal_percussion import classify, measure, study
from igsed_core.chapters.vocal_percussion.labels import LABEL_SETS
from igsed_core.chapters.vocal_percussion.material import Material
from igsed_core.chapters.vocal_percussion.study import (
    AS_IS,
    DOUBLE_SOFTMAX,
    ON_COPIES,
    SHORT_HOP,
    Network,
    Represented,
    Task,
)

TOGETHER = "standardised_together"
CHOICES = {
    DOUBLE_SOFTMAX: "probabilities given to a loss that takes logits",
    ON_COPIES: "early stopping on copies of the sounds trained on",
    TOGETHER: "a user's examples and tests standardised together",
    SHORT_HOP: "a hop of 8 ms, as README says, not 11.6 ms",
}
EIGHT_MS = 353  # samples at 44.1 kHz
SHIPPED = 0.025  # the table's largest standard deviation
_COLUMNS = ["choice", "system", "split", "average", "n", "value", "ci_low", "ci_high", "verdict"]


def published() -> pd.DataFrame:
    """Accuracies that the authors state: ``system, source`` (table, released), ``average, value``.

    The table is that of their repository's README, for AVP and LVT together; ``released`` are means over the result
    files of October 2021 in the same repository.
    """
    return files.read_table(Path(__file__).parent / "published.csv")


def names(wanted: Sequence[str]) -> list[str]:
    """Label sets whose networks are trained again: the paper's best.

    Parameters
    ----------
    wanted
        Those of the comparison.
    """
    return ["syllable"] if "syllable" in wanted else [wanted[0]]


def tasks(wanted: Sequence[str], splits: int, seeds: int) -> list[Task]:
    """List the networks that the choices need.

    Parameters
    ----------
    wanted
        Label sets of the comparison.
    splits, seeds
        How many, as in the comparison.
    """
    return [
        Task(name, split, seed, variant)
        for variant in (DOUBLE_SOFTMAX, ON_COPIES, SHORT_HOP)
        for split in range(splits)
        for seed in range(seeds)
        for name in names(wanted)
    ]


def verdicts(
    sounds: Material,
    at_eight: Material,
    represented: Sequence[Represented],
    others: Sequence[Network],
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Measure what each choice changes in accuracy, by paired differences over users.

    Parameters
    ----------
    sounds, at_eight
        With either hop.
    represented
        All systems, from :func:`igsed_core.chapters.vocal_percussion.study.represent`.
    others
        Networks with a choice of the released code.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        ``choice, system, split, average, n, value`` (accuracy with the choice minus without), ``ci_low, ci_high,
        verdict``; p-values are corrected over the choices.
    """
    wanted = set(names([one.system for one in represented if one.system in LABEL_SETS]))
    found = []
    for one in represented:
        if one.system in wanted:
            for variant, together in ((AS_IS, False), (TOGETHER, True)):
                right = partial(classify.right, together=together)
                scored = study.scores(one.system, one.repetition, one.own, right, measure.KNN)
                found.append(scored.assign(variant=f"{one.system} {variant}"))
    for other in others:
        task, heard = other.task, at_eight if other.task.variant == SHORT_HOP else sounds
        own = study.own_sounds(heard, study.embedding(other.network, heard.train.peak))
        scored = study.scores(task.labels, task.repetition, own, classify.right, measure.KNN)
        found.append(scored.assign(variant=f"{task.labels} {task.variant}"))
    table = pd.concat(found, ignore_index=True)
    pairs, systems = [], []
    for system in sorted(wanted):
        for choice in CHOICES:
            if f"{system} {choice}" in set(table["variant"]):
                pairs.append((f"{system} {choice}", f"{system} {AS_IS}"))
                systems.append((choice, system))
    gaps = measure.differences(table, pairs, key="variant", replicates=replicates, seed=seed)
    gaps[["choice", "system"]] = systems
    return gaps[_COLUMNS]


def stopping(as_is: Sequence[Network], others: Sequence[Network]) -> pd.DataFrame:
    """Lowest validation loss and its epoch, where copies of training sounds are held back and where sounds are.

    Parameters
    ----------
    as_is, others
        Networks of the comparison, and those with a choice of the released code.

    Returns
    -------
    pd.DataFrame
        ``system, variant, networks, kept_epoch, validation_loss`` (means).
    """
    rows = []
    for one in [*as_is, *others]:
        if one.task.variant in (AS_IS, ON_COPIES):
            kept = one.history[one.history["kept"]].iloc[0]
            rows.append((one.task.labels, one.task.variant, kept["epoch"], kept["validation_loss"]))
    table = pd.DataFrame(rows, columns=["system", "variant", "kept_epoch", "validation_loss"])
    both = table.groupby("system")["variant"].transform("nunique") == 2
    groups = table[both].groupby(["system", "variant"], sort=False)
    return groups.agg(
        networks=("kept_epoch", "size"), kept_epoch=("kept_epoch", "mean"), validation_loss=("validation_loss", "mean")
    ).reset_index()


def of_published(table: pd.DataFrame) -> pd.DataFrame:
    """Set the published table beside the released result files.

    Parameters
    ----------
    table
        From :func:`published`.

    Returns
    -------
    pd.DataFrame
        ``system, table, released, gap, beyond`` (whether the gap is larger than the table's largest deviation).
    """
    mine = table[table["average"] == "user"].pivot_table(index="system", columns="source", values="value").dropna()
    gap = mine["table"] - mine["released"]
    return mine.assign(gap=gap, beyond=np.abs(gap) > SHIPPED).reset_index()[
        ["system", "table", "released", "gap", "beyond"]
    ]
