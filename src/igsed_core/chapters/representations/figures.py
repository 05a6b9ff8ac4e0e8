"""Figures of page 20: one excerpt on the plane, octaves, and what is left when bands are removed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from igsed_core.chapters.representations import disturb, explain, study
from igsed_core.chapters.representations.excerpts import LENGTH, RATE
from igsed_core.chapters.representations.explain import ENERGY, IG, LRP, METHODS, OCCLUSION
from igsed_core.chapters.representations.networks import NETWORKS, SPECTROGRAM, WAVEFORM
from igsed_core.chapters.representations.overview import title
from igsed_core.chapters.representations.study import Explained
from igsed_core.metrics.summaries import ALL
from igsed_core.show import players, style
from igsed_core.show.cells import by_key
from igsed_core.show.style import drawing

# The networks are no methods; energy and the explanations are.
_LINES = {WAVEFORM: style.SERIES[0], SPECTROGRAM: style.SERIES[1], ENERGY: (style.colour(ENERGY), "^")}
_ALL = {"split": "test", "average": "instance", "class": ALL}
_RANGE = 60.0  # dB
_LOOKS = {
    LRP: style.FAMILIES["propagation"],
    IG: style.colour(IG),
    OCCLUSION: style.FAMILIES["perturbation"],
    ENERGY: style.colour(ENERGY),
}


@drawing
def one_excerpt(found: Explained, number: int = 0) -> Figure:
    """One excerpt and its explanations on one plane, of the waveform network left, of the spectrogram network right.

    Parameters
    ----------
    found
        From :func:`igsed_core.chapters.representations.study.explained`.
    number
        Of the excerpt.
    """
    shown = (ENERGY, *METHODS)
    fig, axes = plt.subplots(
        len(shown), 2, figsize=(style.WIDTH, 1.35 * len(shown) + 0.5), sharex=True, sharey=True, layout="constrained"
    )
    edges = np.linspace(0, LENGTH / RATE, explain.N_FRAMES + 1), np.append(explain.FREQUENCIES, RATE / 2)
    for row, method in zip(axes, shown, strict=True):
        for ax, network in zip(row, NETWORKS, strict=True):
            weights = found.maps[network][method][number]
            if method == ENERGY:
                decibels = 10 * np.log10(np.maximum(weights, 1e-12))
                ax.pcolormesh(*edges, decibels.T, cmap="magma", vmin=decibels.max() - _RANGE, rasterized=True)
            else:
                top = float(np.quantile(weights, 0.995)) or 1.0
                ax.pcolormesh(*edges, weights.T, cmap="Greys", vmin=0, vmax=top, rasterized=True)
            ax.set_yscale("log")
            ax.set(ylim=(disturb.EDGES[0], RATE / 2), yticks=[125, 500, 2000])
            ax.set_yticklabels(["125", "500", "2000"])
            ax.minorticks_off()
            ax.grid(visible=False)
        row[0].set_ylabel("Hz")
        row[0].set_title(title(method).split(" in ")[0], fontsize=10)
    for ax, words in zip(axes[0], NETWORKS.values(), strict=True):
        ax.annotate(  # over the column, above the first explanation's name
            words[0].upper() + words[1:], (0.5, 1.25), xycoords="axes fraction", ha="center", va="bottom", fontsize=12
        )
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    return fig


def hear(found: Explained, number: int = 0, *, repeats: int = 2) -> HTML:
    """Return players of an excerpt, and of what LRP lets through for either network, each twice in a row.

    Parameters
    ----------
    found, number
        As for :func:`one_excerpt`.
    repeats
        How often one second is heard.
    """
    waveform = found.waveforms[number]
    tracks = {"the excerpt": waveform.numpy()}
    for network, words in NETWORKS.items():
        tracks[f"as LRP weighs it for the {words}"] = explain.heard(waveform, found.maps[network][LRP][number])
    repeated = {name: np.tile(np.pad(samples, (0, RATE // 4)), repeats) for name, samples in tracks.items()}
    return players.player(repeated, RATE, f"{style.class_name(str(found.index['label'].iloc[number]))}, one second")


@drawing
def octaves(described: pd.DataFrame) -> Figure:
    """Share of each octave in the relevance of either network and in the energy of the sounds, by three explanations.

    Parameters
    ----------
    described
        The tidy table ``representations_maps.csv``.
    """
    rows = by_key(described, ("method", "rule", "metric"), **_ALL)
    shown = (LRP, IG, OCCLUSION)
    fig, axes = plt.subplots(1, len(shown), figsize=(style.WIDTH, 3.4), sharey=True, layout="constrained")
    x = np.arange(len(study.OCTAVES))
    for ax, method in zip(axes, shown, strict=True):
        lines = [*((name, name, method) for name in NETWORKS), (ENERGY, WAVEFORM, ENERGY)]
        for who, network, rule in lines:
            of = [rows[network, rule, octave] for octave in study.OCTAVES]
            label = NETWORKS.get(who, "energy of the sounds")
            colour, mark = _LINES[who]
            ax.plot(x, [row["value"] for row in of], "-", marker=mark, color=colour, ms=4, label=label)
            ends = [[row[end] for row in of] for end in ("ci_low", "ci_high")]
            ax.fill_between(x, *ends, color=colour, alpha=0.15, lw=0)
        ax.set_xticks(x, [f"{edge:g}" for edge in np.round(disturb.EDGES[:-1:2])], rotation=60)
        ax.set_title(title(method).split(" in ")[0], fontsize=10)
        ax.set(xlabel="octave from (Hz)")
    axes[0].set_ylim(bottom=0)  # once all are drawn, for a limit ends the search for the highest
    axes[0].set_ylabel(f"share (mean over {int(rows[WAVEFORM, LRP, study.HALF]['n'])} excerpts)")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@drawing
def band_stop(table: pd.DataFrame) -> Figure:
    """Accuracy left after half octaves are removed, what an explanation calls important first (lines) or last (dashed).

    Parameters
    ----------
    table
        The tidy table ``representations_bands.csv``.
    """
    rows = table[(table["metric"] == study.LEFT) & (table["class"] == ALL) & (table["average"] == "instance")]
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 3.8), sharey=True, layout="constrained")
    for ax, (network, words) in zip(axes, NETWORKS.items(), strict=True):
        mine = rows[rows["method"] == network]
        for method, colour in _LOOKS.items():
            for order, line in ((study.IMPORTANT, "-"), (study.UNIMPORTANT, "--")):
                of = mine[mine["rule"] == f"{method}, {order}"].sort_values("threshold")
                label = title(method).split(" in ")[0] if order == study.IMPORTANT else None
                ax.plot([0, *of["threshold"]], [1, *of["value"]], line, marker="o", ms=3, color=colour, label=label)
        of = mine[mine["rule"] == study.RANDOM].sort_values("threshold")
        ax.plot([0, *of["threshold"]], [1, *of["value"]], ":", color=style.INK, label="random order")
        ax.set_title(words[0].upper() + words[1:])
        ax.set(xlabel=f"half octaves removed, of {disturb.N_BANDS}", ylim=(0, 1.02))
    axes[0].set_ylabel(f"accuracy (n = {style.counted(rows)})")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig
