"""How well either network does: by recording, at random, and under noise, delay and gain."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from igsed_core.chapters.representations import disturb, training
from igsed_core.chapters.representations.excerpts import AT_RANDOM, BY_RECORDING, Excerpts, Split
from igsed_core.chapters.representations.networks import NETWORKS, SPECTROGRAM, WAVEFORM
from igsed_core.chapters.representations.training import Task
from igsed_core.metrics import bootstrap, summaries
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import NetworkClassifier

TEST = "test"
ACCURACY = "accuracy"
Trained = Mapping[Task, NetworkClassifier]


def accuracies(
    trained: Trained, excerpts: Excerpts, splits: Mapping[tuple[str, int], Split], *, seed: int
) -> pd.DataFrame:
    """Test every network under all conditions.

    Parameters
    ----------
    trained
        From :func:`igsed_core.chapters.representations.training.train`.
    excerpts, splits
        All, and how they are split.
    seed
        Of noise.

    Returns
    -------
    pd.DataFrame
        ``protocol, recipe, network, seed, condition, excerpt, value`` (1 where the class is right).
    """
    targets, tables = excerpts.targets(), []
    folds = dict.fromkeys((task.protocol, task.fold) for task in trained)
    for protocol, fold in folds:
        rows = splits[protocol, fold].test
        for condition in disturb.conditions() if protocol == BY_RECORDING else (disturb.CLEAN,):
            heard = disturb.changed(excerpts.samples(rows), condition, seed=seed)
            for task, network in trained.items():
                if (task.protocol, task.fold) == (protocol, fold):
                    right = (training.logits(network, heard).argmax(dim=1) == targets[rows]).double().numpy()
                    told = {"protocol": protocol, "recipe": task.recipe, "network": task.network, "seed": task.seed}
                    tables.append(pd.DataFrame({**told, "condition": condition, "excerpt": rows, "value": right}))
    return pd.concat(tables, ignore_index=True)


def summarise(measured: pd.DataFrame, excerpts: Excerpts, *, replicates: int, seed: int) -> pd.DataFrame:
    """Average accuracies over excerpts, a mean over seeds; intervals are over recordings.

    Parameters
    ----------
    measured
        From :func:`accuracies`.
    excerpts
        All.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        ``protocol, condition`` and the columns of :func:`igsed_core.metrics.summaries.summarise`; ``method`` is the
        network, ``rule`` the way of training.
    """
    tables = []
    for (protocol, condition), mine in measured.groupby(["protocol", "condition"], sort=False):
        index, series = _series(mine, excerpts)
        made = summaries.summarise(index, series, replicates=replicates, seed=seed, classes=excerpts.classes)
        made.insert(0, "protocol", str(protocol))
        made.insert(1, "condition", str(condition))
        tables.append(made)
    return pd.concat(tables, ignore_index=True)


def differences(measured: pd.DataFrame, excerpts: Excerpts, *, replicates: int, seed: int) -> pd.DataFrame:
    """Waveform minus spectrogram under every condition, paired; and at random minus by recording, for each network.

    The latter's tested excerpts differ, so that the recordings of either are drawn by themselves.

    Parameters
    ----------
    measured, excerpts, replicates, seed
        As for :func:`summarise`.

    Returns
    -------
    pd.DataFrame
        ``protocol, condition`` and :data:`igsed_core.metrics.summaries.DIFFERENCE_COLUMNS`.
    """
    tables = []
    for (protocol, condition), mine in measured.groupby(["protocol", "condition"], sort=False):
        index, series = _series(mine, excerpts)
        pairs = [((WAVEFORM, rule), (SPECTROGRAM, rule)) for rule in dict.fromkeys(one.rule for one in series)]
        made = summaries.differences(index, series, pairs, replicates=replicates, seed=seed)
        made.insert(0, "protocol", str(protocol))
        made.insert(1, "condition", str(condition))
        tables.append(made)
    return pd.concat([*tables, _leak(measured, excerpts, replicates=replicates, seed=seed)], ignore_index=True)


def _leak(measured: pd.DataFrame, excerpts: Excerpts, *, replicates: int, seed: int) -> pd.DataFrame:
    clean = measured[measured["condition"] == disturb.CLEAN]
    recipe = clean.loc[clean["protocol"] == AT_RANDOM, "recipe"].iloc[0]
    rows = []
    for network in NETWORKS:
        means, n_clips, n = [], [], []
        for number, protocol in enumerate((AT_RANDOM, BY_RECORDING)):
            mine = clean[(clean["protocol"] == protocol) & (clean["recipe"] == recipe) & (clean["network"] == network)]
            index, (one,) = _series(mine, excerpts)
            values, names = one.values, index["clip"].to_numpy(dtype=str)
            clips, clip_of = np.unique(names, return_inverse=True)
            drawn = bootstrap.with_sample(bootstrap.clip_weights(len(clips), replicates=replicates, seed=seed + number))
            means.append(bootstrap.weighted_means(values[:, None], drawn[:, clip_of])[:, 0])
            n_clips.append(len(clips))
            n.append(len(values))
        told = summaries.difference(means[0] - means[1], min(n), min(n_clips))
        key = (TEST, network, AT_RANDOM, network, BY_RECORDING, ACCURACY, summaries.ALL, summaries.INSTANCE)
        rows.append((*key, *told))
    made = summaries.with_survivors(pd.DataFrame(rows, columns=summaries.DIFFERENCE_COLUMNS))
    made.insert(0, "protocol", "leak")
    made.insert(1, "condition", disturb.CLEAN)
    return made


def _series(mine: pd.DataFrame, excerpts: Excerpts) -> tuple[pd.DataFrame, list[Series]]:
    """Tested excerpts, and the accuracy of every network and way of training on them, a mean over seeds."""
    numbers = mine["excerpt"].drop_duplicates().to_numpy()
    rows = excerpts.rows.iloc[numbers]
    index = pd.DataFrame({"split": TEST, "clip": rows["recording"].to_numpy(), "label": rows["label"].to_numpy()})
    series = []
    for (network, recipe), of in mine.groupby(["network", "recipe"], sort=False):
        values = of.groupby("excerpt")["value"].mean().reindex(numbers).to_numpy(dtype=float)
        series.append(Series(str(network), str(recipe), ACCURACY, values))
    return index, series
