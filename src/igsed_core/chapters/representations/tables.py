"""Tables of page 20, made from its tidy tables."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.representations import disturb, study
from igsed_core.chapters.representations.excerpts import AT_RANDOM, BY_RECORDING
from igsed_core.chapters.representations.explain import ENERGY, METHODS
from igsed_core.chapters.representations.networks import NETWORKS, SPECTROGRAM, WAVEFORM
from igsed_core.chapters.representations.overview import PUBLISHED, condition_title, title
from igsed_core.chapters.representations.training import RECIPES
from igsed_core.metrics.summaries import ALL
from igsed_core.show.cells import Cells, by_key, frame, number, with_interval
from igsed_core.show.claims import marked

_ALL = {"split": "test", "average": "instance", "class": ALL}
_PROTOCOLS = {BY_RECORDING: "by recording", AT_RANDOM: "at random"}


def accuracy_table(table: pd.DataFrame, differences: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Accuracy of either network under either split and way of training, and the published ones.

    Parameters
    ----------
    table, differences
        The tidy tables ``representations.csv`` and ``representations_differences.csv``.
    full
        The same as ``table`` of the full-size run, where it ships.
    """
    key = ("protocol", "rule", "method")
    rows = by_key(table, key, condition=disturb.CLEAN, **_ALL)
    large = {} if full is None else by_key(full, key, condition=disturb.CLEAN, **_ALL)
    apart = by_key(differences, ("protocol", "rule", "method"), condition=disturb.CLEAN, average="instance")
    cells: dict[str, Cells] = {}
    for protocol, rule in dict.fromkeys(key[:2] for key in rows):
        mine: Cells = {("", "n"): number(rows[protocol, rule, WAVEFORM]["n"], 0)}
        for network, words in NETWORKS.items():
            mine["accuracy", words] = with_interval(rows.get((protocol, rule, network)), 3)
        mine["accuracy", "waveform minus spectrogram"] = marked(apart.get((protocol, rule, WAVEFORM)), 3)
        for network, words in NETWORKS.items() if large else ():
            mine["full size", words] = with_interval(large.get((protocol, rule, network)), 3)
        for network, words in NETWORKS.items():
            mine["published (UrbanSound8K)", words] = number(PUBLISHED[network] if rule == "paper" else None, 3)
        cells[f"{_PROTOCOLS[protocol]}, {RECIPES.get(rule, rule)}"] = mine
    return frame(cells, "Split and training")


def conditions_table(table: pd.DataFrame, differences: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Accuracy of either network under noise, delay and gain.

    Parameters
    ----------
    table, differences
        As for :func:`accuracy_table`.
    rule
        The way of training.
    """
    rows = by_key(table, ("condition", "method"), protocol=BY_RECORDING, rule=rule, **_ALL)
    apart = by_key(differences, ("condition", "rule"), protocol=BY_RECORDING, average="instance")
    cells: dict[str, Cells] = {}
    for condition in dict.fromkeys(key[0] for key in rows):
        cells[condition_title(condition)] = {
            ("", "n"): number(rows[condition, WAVEFORM]["n"], 0),
            **{("accuracy", words): with_interval(rows.get((condition, name))) for name, words in NETWORKS.items()},
            ("accuracy", "waveform minus spectrogram"): marked(apart.get((condition, rule))),
        }
    return frame(cells, "Condition")


def maps_table(described: pd.DataFrame, bands: pd.DataFrame) -> pd.DataFrame:
    """Centroid, concentration and power to predict of every explanation of either network.

    Parameters
    ----------
    described, bands
        The tidy tables ``representations_maps.csv`` and ``representations_bands.csv``.
    """
    rows = by_key(described, ("method", "rule", "metric"), **_ALL)
    foretold = by_key(bands, ("method", "rule"), metric=study.PREDICTS, **_ALL)
    cells: dict[str, Cells] = {}
    for method in (*METHODS, ENERGY):
        mine: Cells = {("", "n"): number(rows[WAVEFORM, method, study.HALF]["n"], 0)}
        for metric, words in ((study.CENTROID, "octaves from the sound"), (study.HALF, "bins with half of it")):
            for network, name in NETWORKS.items():
                row = rows.get((network, method, metric))
                mine[words, name] = with_interval(row, 2 if metric == study.CENTROID else 3)
        for network, name in NETWORKS.items():
            mine["foretells damage", name] = with_interval(foretold.get((network, method)))
        cells[title(method)] = mine
    return frame(cells, "Explanation")


def alike_table(alike: pd.DataFrame) -> pd.DataFrame:
    """How alike the maps are: of the two networks, and in each network with LRP and with the sound's power.

    Parameters
    ----------
    alike
        The tidy table ``representations_alike.csv``.
    """
    rows = by_key(alike, ("method", "rule"), **_ALL)
    names = (*METHODS, ENERGY)

    def pair(network: str, one: str, other: str) -> str:
        first, second = sorted((one, other), key=names.index)
        return with_interval(rows.get((network, f"{first} and {second}")))

    cells: dict[str, Cells] = {}
    lrp = names[0]
    for method in METHODS:
        both = rows.get(("both networks", method))
        mine: Cells = {("", "n"): number((both or {}).get("n"), 0), ("", "the two networks"): with_interval(both)}
        for network in (WAVEFORM, SPECTROGRAM):
            mine[NETWORKS[network], "with LRP"] = "1" if method == lrp else pair(network, method, lrp)
            mine[NETWORKS[network], "with the sound's power"] = pair(network, method, ENERGY)
        cells[title(method)] = mine
    return frame(cells, "Explanation")
