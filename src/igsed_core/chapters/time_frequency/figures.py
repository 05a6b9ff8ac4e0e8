"""Figures of page 21: maps beside the truth, what is heard through them, what their frequencies are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from igsed_core.chapters.time_frequency.masking import Masker
from igsed_core.chapters.time_frequency.names import subset, title
from igsed_core.chapters.time_frequency.study import (
    ALONE,
    EVERY,
    HEARD,
    IN_TIME,
    MAP,
    NOTHING,
    OVERLAPPED,
    PERFECT,
    REFERENCES,
    TIME_ONLY,
)
from igsed_core.chapters.time_frequency.truth import Truth
from igsed_core.metrics import time_frequency as metrics
from igsed_core.metrics.summaries import ALL
from igsed_core.models.frontend import FrontEnd
from igsed_core.show import players, style
from igsed_core.show.cells import by_key
from igsed_core.show.style import drawing

_TICKS = (300, 1000, 3000, 10000)  # Hz
_RANGE = 60.0  # dB


@drawing
def one_clip(maps: Mapping[str, NDArray[np.float64]], known: Truth, frontend: FrontEnd, label: str) -> Figure:
    """Maps of one class in one soundscape; the line encloses the bins that the class dominates.

    Parameters
    ----------
    maps
        Method -> weights, ``[shape=(n_frames, n_mels)]``.
    known
        The truth.
    frontend
        It says which frequencies the bands have.
    label
        The class.
    """
    names = list(maps)
    n_rows = -(-(len(names) + 2) // 2)
    fig, axes = plt.subplots(
        n_rows, 2, figsize=(style.WIDTH, 1.45 * n_rows + 0.6), sharex=True, sharey=True, layout="constrained"
    )
    seconds = len(known.power) * frontend.hop_length / frontend.sample_rate
    extent = (0.0, seconds, 0.0, float(frontend.n_mels))
    panels = iter(axes.flat)
    for words, power in (("soundscape", known.power), (f"{style.class_title(label)} alone", known.own_power)):
        ax = next(panels)
        decibels = 10 * np.log10(np.maximum(power, 1e-12)).T
        top = float(10 * np.log10(max(known.power.max(), 1e-12)))
        ax.imshow(decibels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - _RANGE, vmax=top)
        _panel(ax, words, frontend)
    for name in names:
        ax, weights = next(panels), maps[name]
        top = float(np.quantile(weights, 0.995)) or float(weights.max()) or 1.0
        ax.imshow(weights.T, origin="lower", aspect="auto", extent=extent, cmap="Greys", vmin=0, vmax=top)
        if known.mask.any():
            grid = np.linspace(0, seconds, len(known.mask)), np.arange(frontend.n_mels) + 0.5
            ax.contour(*grid, known.mask.T.astype(float), levels=[0.5], colors=style.TRUTH, linewidths=0.6)
        _panel(ax, title(name), frontend)
    for ax in panels:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    return fig


def _panel(ax: Axes, words: str, frontend: FrontEnd) -> None:
    weights = frontend.mel_weights.cpu().numpy()  # (n_bins, n_mels)
    centres = weights.argmax(axis=0) * frontend.sample_rate / frontend.n_fft
    ax.set_yticks(np.interp(_TICKS, centres, np.arange(len(centres)) + 0.5), [f"{f / 1000:g}" for f in _TICKS])
    ax.set_title(words, fontsize=10)
    ax.grid(visible=False)
    if ax.get_subplotspec() is not None and ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
        ax.set_ylabel("kHz")


def hear(
    maps: Mapping[str, NDArray[np.float64]], known: Truth, masker: Masker, mixture: NDArray[np.floating], rate: int
) -> HTML:
    """Return players of the soundscape, the class's own stem, and what is heard through each map.

    Parameters
    ----------
    maps
        Method -> weights, ``[shape=(n_frames, n_mels)]``.
    known
        The truth.
    masker
        Of the soundscape.
    mixture
        The soundscape, ``[shape=(n_samples,)]``.
    rate
        In Hz.
    """
    tracks: dict[str, NDArray[np.floating]] = {"the soundscape": mixture, "the class alone": known.stem}
    for name, weights in maps.items():
        gains = known.own if name == PERFECT else metrics.gain_mask(weights, int(known.mask.sum()))
        tracks[f"through {title(name)}"] = masker(gains)
    return players.player(tracks, rate, "One soundscape, heard through maps of one of its classes")


@drawing
def heard(table: pd.DataFrame) -> Figure:
    """Share of the class's own stem in what is heard through each map, with 95 % intervals; lines are references.

    Parameters
    ----------
    table
        The tidy table ``time_frequency.csv``.
    """
    rows = table[(table["metric"] == HEARD) & (table["class"] == ALL) & (table["average"] == "instance")]
    rows = rows[rows["rule"] == MAP]
    whole = by_key(rows, ("method",), overlap=EVERY)
    shown = sorted((name for (name,) in whole if name not in REFERENCES), key=lambda name: -whole[name,]["value"])
    panels = [name for name in (EVERY, ALONE, OVERLAPPED) if name in set(rows["overlap"])]
    fig, axes = plt.subplots(
        1,
        len(panels),
        figsize=(style.WIDTH, 0.27 * len(shown) + 1.8),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    lines = {NOTHING: ":", IN_TIME: "--", PERFECT: "-"}
    for ax, overlap in zip(axes[0], panels, strict=True):
        mine = by_key(rows, ("method",), overlap=overlap)
        for y, name in enumerate(shown):
            row = mine[name,]
            ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=style.colour(name), lw=2.4, alpha=0.4)
            ax.plot(row["value"], y, "o", color=style.colour(name), ms=5.5)
        for name, line in lines.items():
            ax.axvline(mine[name,]["value"], color=style.TRUTH, ls=line, lw=1.3)
        n = int(mine[shown[0],]["n"])
        ax.set_title(f"{subset(overlap)}\n(n = {n})", fontsize=10)
        ax.set(xlim=(0, 1), xticks=[0, 0.5, 1])
        ax.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(range(len(shown)), [title(name) for name in shown])
    axes[0, 0].set_ylim(len(shown) - 0.5, -0.5)
    handles = [Line2D([], [], color=style.TRUTH, ls=line, label=REFERENCES[name]) for name, line in lines.items()]
    fig.legend(handles=[*handles, *_families(shown)], loc="outside lower center", ncols=3)
    return fig


@drawing
def worth_of_frequency(table: pd.DataFrame) -> Figure:
    """Own share of what is heard through each map (dots), and through itself with frequencies averaged away (rings).

    Parameters
    ----------
    table
        The tidy table ``time_frequency.csv``.
    """
    rows = table[(table["metric"] == HEARD) & (table["average"] == "instance") & (table["class"] == ALL)]
    by = by_key(rows, ("method", "rule"), overlap=EVERY)
    names = [name for name, rule in by if rule == TIME_ONLY]
    names.sort(key=lambda name: by[name, TIME_ONLY]["value"] - by[name, MAP]["value"])
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.27 * len(names) + 1.6), layout="constrained")
    for y, name in enumerate(names):
        colour, ends = style.colour(name), (by[name, TIME_ONLY]["value"], by[name, MAP]["value"])
        ax.plot(ends, [y, y], color=colour, lw=2, alpha=0.5)
        ax.plot(ends[0], y, "o", color=colour, mfc="white", ms=6)
        ax.plot(ends[1], y, "o", color=colour, ms=6)
    for name, line in ((NOTHING, ":"), (IN_TIME, "--"), (PERFECT, "-")):
        ax.axvline(by[name, MAP]["value"], color=style.TRUTH, ls=line, lw=1.2, label=REFERENCES[name])
    ax.set_yticks(range(len(names)), [title(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    n = int(by[names[0], MAP]["n"]) if names else 0
    ax.set(xlabel=f"own share of what is heard (mean over {n} instances)", xlim=(0, 1.01))
    ax.grid(axis="y", visible=False)
    fig.legend(
        handles=[
            *ax.get_legend_handles_labels()[0],
            Line2D([], [], marker="o", ls="none", color=style.INK, label="map"),
            Line2D([], [], marker="o", ls="none", color=style.INK, mfc="white", label="without frequency"),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return fig


def _families(shown: Sequence[str]) -> list[Line2D]:
    there = [name for name in style.FAMILIES if any(style.family(method) == name for method in shown)]
    return [
        Line2D([], [], marker="o", ls="none", color=style.FAMILIES[name], label=style.FAMILY_NAMES[name])
        for name in there
    ]
