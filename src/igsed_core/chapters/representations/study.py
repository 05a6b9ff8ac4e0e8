"""The study: what the explanations of either network say, and which of them predicts damage."""

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
from igsed_core.chapters.representations.accuracy import TEST, Trained
from igsed_core.chapters.representations.excerpts import BY_RECORDING, Excerpts, Split
from igsed_core.chapters.representations.explain import CAM, ENERGY, METHODS
from igsed_core.chapters.representations.networks import SPECTROGRAM, WAVEFORM
from igsed_core.metrics import summaries
from igsed_core.metrics import time_frequency as metrics
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import NetworkClassifier

IMPORTANT, UNIMPORTANT, RANDOM = "important first", "unimportant first", "random"
REMOVED = (1, 2, 4, 7, 10)  # of the 14 half octaves
PREDICTS, LEFT, ODDS_LEFT = "predicts_damage", "accuracy_left", "odds_left"
OCTAVES = tuple(f"octave_{round(edge)}" for edge in disturb.EDGES[:-1:2])
CENTROID, HALF = "centroid", "half"


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
