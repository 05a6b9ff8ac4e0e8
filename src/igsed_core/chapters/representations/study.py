"""The study: how well either network does, what its explanations say, and which of them predicts damage."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from igsed_core.chapters.representations import disturb, explain, training
from igsed_core.chapters.representations.excerpts import AT_RANDOM, BY_RECORDING, Excerpts, Split
from igsed_core.chapters.representations.explain import CAM, ENERGY, METHODS
from igsed_core.chapters.representations.networks import NETWORKS, SPECTROGRAM, WAVEFORM
from igsed_core.chapters.representations.training import Task
from igsed_core.metrics import bootstrap, summaries
from igsed_core.metrics import time_frequency as metrics
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import NetworkClassifier

TEST = "test"
ACCURACY = "accuracy"
IMPORTANT, UNIMPORTANT, RANDOM = "important first", "unimportant first", "random"
REMOVED = (1, 2, 4, 7, 10)  # of the 14 half octaves
PREDICTS, LEFT, ODDS_LEFT = "predicts_damage", "accuracy_left", "odds_left"
OCTAVES = tuple(f"octave_{round(edge)}" for edge in disturb.EDGES[:-1:2])
CENTROID, HALF = "centroid", "half"
Trained = Mapping[Task, NetworkClassifier]


@dataclass(frozen=True, eq=False)
class Explained:
    """Test excerpts that both networks name rightly, and every map of either network.

    Attributes
    ----------
    index
        ``split, clip`` (recording)``, label``, a row per excerpt.
    waveforms
        ``[shape=(n, 16000)]``
    classes
        Number of each one's class.
    networks
        The two networks of the first way of training, by recording, by name.
    maps
        Network -> method -> weights, ``[shape=(n, n_frames, n_bins)]``; the power under :data:`ENERGY`.
    """

    index: pd.DataFrame
    waveforms: Tensor
    classes: list[int]
    networks: dict[str, NetworkClassifier]
    maps: dict[str, dict[str, NDArray[np.float64]]]


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


def explained(
    trained: Trained,
    excerpts: Excerpts,
    splits: Mapping[tuple[str, int], Split],
    *,
    number: int,
    points: int,
    seed: int,
) -> Explained:
    """Explain excerpts that both networks name rightly, as even over the classes as can be; if there is none, any.

    Parameters
    ----------
    trained, excerpts, splits
        As for :func:`accuracies`.
    number
        Of excerpts, at most.
    points
        Points of Integrated Gradients.
    seed
        Of the draw.
    """
    first = next(iter(trained))
    chosen = {
        task.network: network
        for task, network in trained.items()
        if (task.recipe, task.protocol, task.fold, task.seed) == (first.recipe, BY_RECORDING, first.fold, first.seed)
    }
    rows = splits[BY_RECORDING, first.fold].test
    targets = excerpts.targets()[rows]
    heard = excerpts.samples(rows)
    right = torch.stack([training.logits(one, heard).argmax(dim=1) == targets for one in chosen.values()]).all(dim=0)
    few = _even(rows[right.numpy()] if right.any() else rows, excerpts, number, seed)
    waveforms, classes = excerpts.samples(few), [int(one) for one in excerpts.targets()[few]]
    told = excerpts.rows.iloc[few]
    index = pd.DataFrame({"split": TEST, "clip": told["recording"].to_numpy(), "label": told["label"].to_numpy()})
    maps = {name: explain.explain(one, waveforms, classes, points=points) for name, one in chosen.items()}
    power = explain.energy(waveforms)
    return Explained(index, waveforms, classes, chosen, {name: {**of, ENERGY: power} for name, of in maps.items()})


def _even(rows: NDArray[np.int64], excerpts: Excerpts, number: int, seed: int) -> NDArray[np.int64]:
    """Take turns over the classes, recordings in a drawn order."""
    order = np.random.default_rng(seed).permutation(rows)
    labels = excerpts.rows["label"].to_numpy(dtype=str)[order]
    turn = pd.Series(labels).groupby(labels).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")][:number])


def describe(found: Explained, *, replicates: int, seed: int) -> pd.DataFrame:
    """Share of each octave, centroid (octaves above that of the sound) and concentration of every map.

    Parameters
    ----------
    found
        From :func:`explained`.
    replicates, seed
        Of the bootstrap over recordings.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`, a row per class too; ``method`` is the network, ``rule`` the
        explanation. ``half`` is the share of bins that holds half of the map.
    """
    series = []
    sounds = [metrics.centroid(power, explain.FREQUENCIES) for power in found.maps[WAVEFORM][ENERGY]]
    for network, of in found.maps.items():
        for method, weights in of.items():
            shares = np.stack(
                [metrics.by_octave(one, explain.FREQUENCIES, disturb.EDGES[::2]) for one in weights], axis=1
            )
            for octave, values in zip(OCTAVES, shares, strict=True):
                series.append(Series(network, method, octave, values))
            centroids = np.array([metrics.centroid(one, explain.FREQUENCIES) for one in weights])
            series.append(Series(network, method, CENTROID, np.log2(centroids / np.array(sounds))))
            series.append(Series(network, method, HALF, np.array([metrics.half_of_it(one) for one in weights])))
    classes = tuple(sorted(found.index["label"].unique()))
    return summaries.summarise(found.index, series, replicates=replicates, seed=seed, classes=classes)


def alike(found: Explained, *, replicates: int, seed: int) -> pd.DataFrame:
    """Rank correlation of maps in cells: of one method between the networks, and of two methods in one network.

    Parameters
    ----------
    found, replicates, seed
        As for :func:`describe`.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`. Between the networks ``method`` is ``both networks`` and
        ``rule`` the explanation; else the network, and the pair.
    """
    ranked = {
        (network, method): rankdata(explain.cells(weights), axis=1)
        for network, of in found.maps.items()
        for method, weights in of.items()
    }
    series = [
        Series(
            "both networks",
            method,
            "rank_correlation",
            _correlation(ranked[WAVEFORM, method], ranked[SPECTROGRAM, method]),
        )
        for method in METHODS
    ]
    for network in found.maps:
        for one, other in itertools.combinations((*METHODS, ENERGY), 2):
            values = _correlation(ranked[network, one], ranked[network, other])
            series.append(Series(network, f"{one} and {other}", "rank_correlation", values))
    return summaries.summarise(found.index, series, replicates=replicates, seed=seed)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of ranks, row by row; NaN where one of them is constant."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (one, other))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(size > 0, (a * b).sum(axis=1) / size, np.nan)


def bands(found: Explained, *, replicates: int, seed: int) -> pd.DataFrame:
    """Remove half octaves: does an explanation know beforehand what that does to its network?

    Parameters
    ----------
    found, replicates, seed
        As for :func:`describe`; the seed draws the random order as well.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`; ``method`` is the network. Metric ``predicts_damage``: rank
        correlation over bands of the map's share with the fall of the log-odds when that band alone is removed,
        ``rule`` the explanation. Metrics ``accuracy_left`` and ``odds_left``: after as many bands as ``threshold`` says
        were removed, ``rule`` the explanation and the order.
    """
    n = len(found.waveforms)
    shares = {(network, m): explain.of_bands(w) for network, of in found.maps.items() for m, w in of.items()}
    random = np.random.default_rng(seed).permuted(np.tile(np.arange(disturb.N_BANDS), (n, 1)), axis=1)
    series = []
    for network, classifier in found.networks.items():
        whole = explain.log_odds(training.logits(classifier, found.waveforms), found.classes)
        fall = np.stack(
            [
                whole - _after(classifier, found, np.eye(disturb.N_BANDS, dtype=bool)[[band] * n])[1]
                for band in range(disturb.N_BANDS)
            ],
            axis=1,
        )
        hurt = rankdata(fall, axis=1)
        orders = {RANDOM: random}
        for method in (*METHODS, ENERGY):
            mine = shares[network, method]
            # A waveform's Grad-CAM knows no frequency: all its bins are alike, and it predicts nothing.
            values = (
                np.full(n, np.nan)
                if (network, method) == (WAVEFORM, CAM)
                else _correlation(rankdata(mine, axis=1), hurt)
            )
            series.append(Series(network, method, PREDICTS, values))
            if np.isfinite(values).any():
                orders[f"{method}, {IMPORTANT}"] = np.argsort(-mine, axis=1, kind="stable")
                orders[f"{method}, {UNIMPORTANT}"] = np.argsort(mine, axis=1, kind="stable")
        for name, order in orders.items():
            for k in REMOVED:
                removed = np.zeros((n, disturb.N_BANDS), dtype=bool)
                np.put_along_axis(removed, order[:, :k], True, axis=1)
                right, odds = _after(classifier, found, removed)
                series += [
                    Series(network, name, LEFT, right, float(k)),
                    Series(network, name, ODDS_LEFT, odds, float(k)),
                ]
    series = [one for one in series if np.isfinite(one.values).any()]
    return summaries.summarise(found.index, series, replicates=replicates, seed=seed)


def _after(
    classifier: NetworkClassifier, found: Explained, removed: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whether the class is still right, and the log-odds, after bands were removed."""
    heard = disturb.without_bands(found.waveforms, torch.from_numpy(removed))
    logits = training.logits(classifier, heard)
    right = (logits.argmax(dim=1) == torch.tensor(found.classes)).double().numpy()
    return right, explain.log_odds(logits, found.classes)


def strategies(described: pd.DataFrame, method: str = explain.LRP) -> pd.DataFrame:
    """Which octave each network listens to most, for each class, beside the octave of most power.

    Parameters
    ----------
    described
        From :func:`describe`.
    method
        The explanation.

    Returns
    -------
    pd.DataFrame
        ``label, n``, and for waveform, spectrogram and energy the octave (lower edge in Hz), its share, the centroid's
        distance from the sound's in octaves.
    """
    rows = []
    for label, of in described[described["class"] != summaries.ALL].groupby("class", sort=True):
        told: dict[str, object] = {"label": label, "n": int(of["n"].max())}
        for who, network, rule in (
            (WAVEFORM, WAVEFORM, method),
            (SPECTROGRAM, SPECTROGRAM, method),
            (ENERGY, WAVEFORM, ENERGY),
        ):
            mine = of[(of["method"] == network) & (of["rule"] == rule)].set_index("metric")["value"]
            best = max(OCTAVES, key=lambda octave: mine[octave])
            told |= {f"{who}_octave": float(best.removeprefix("octave_")), f"{who}_share": float(mine[best])}
            told[f"{who}_centroid"] = float(mine[CENTROID])
        rows.append(told)
    return pd.DataFrame(rows)
