"""Figures of page 22."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from igsed_core.chapters.edges.example import Example
from igsed_core.detection import decided
from igsed_core.main_job.edge_names import DECISIONS, DETECTORS
from igsed_core.metrics.summaries import TWO_WAY
from igsed_core.show import players, sounds, style
from igsed_core.show.cells import by_key
from igsed_core.show.style import drawing

_HIGHEST = 12.0  # log-odds that are shown


@drawing
def one_gate(shown: Example) -> Figure:
    """A gate in its clip: what was made, the localiser's log-odds, and its decision before and after the edges.

    Parameters
    ----------
    shown
        Gate and decision.
    """
    fig, (image, odds, spans) = plt.subplots(
        3, figsize=(style.WIDTH, 5.4), height_ratios=[1.6, 1.4, 1.0], sharex=True, layout="constrained"
    )
    sounds.draw_spectrogram(image, shown.samples, shown.sample_rate)
    image.set_title("The clip with the gate in it")
    centres = shown.start + shown.step * (np.arange(len(shown.log_odds)) + 0.5)
    odds.plot(centres, np.clip(shown.log_odds, -_HIGHEST, _HIGHEST), color=style.INK, lw=1.4)
    odds.axhline(0, color=style.FAINT, lw=1)
    odds.set(title=f"The localiser's log-odds of {style.class_title(shown.label)}; it decides at 0", ylabel="log-odds")
    bars = {
        "gate: the event as made": (shown.gate, style.TRUTH),
        DECISIONS[decided.FOUND]: (shown.found, style.FAINT),
        DECISIONS[decided.CALIBRATED]: (shown.corrected, style.INK),
    }
    for y, (onset, offset) in enumerate(of for of, _ in bars.values()):
        spans.broken_barh([(onset, offset - onset)], (y - 0.35, 0.7), color=list(bars.values())[y][1])
    spans.set_yticks(range(len(bars)), list(bars))
    spans.set(ylim=(len(bars) - 0.4, -0.6), xlabel="time (s)", xlim=(0, len(shown.samples) / shown.sample_rate))
    spans.grid(axis="y", visible=False)
    for ax in (image, odds, spans):
        for edge in shown.gate:
            ax.axvline(edge, color=style.TRUTH, lw=1, ls=":")
    return fig


def hear(shown: Example) -> object:
    """Make a player that goes through :func:`one_gate`: the clip with the gate, and without it."""
    tracks = {"with the gate": shown.samples, "without": shown.without}
    return players.player(tracks, shown.sample_rate, style.class_title(shown.label))


@drawing
def gains(differences: pd.DataFrame, *, split: str = "test") -> Figure:
    """What calibrated edges give each detector, and what of that the gates do: IoU, over clips and source files.

    Parameters
    ----------
    differences
        The tidy table ``edges_differences.csv``.
    split
        Which rows to draw.
    """
    where = {"split": split, "average": "instance", "metric": "iou", "resampled": TWO_WAY}
    rows = by_key(differences, ("method", "rule", "other_rule"), **where)
    whole, gates = (decided.CALIBRATED, decided.FOUND), (decided.CALIBRATED, decided.TOUCHED)
    methods = [method for method in DETECTORS if (method, *whole) in rows]
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.6 * len(methods) + 1.6), layout="constrained")
    looks = {whole: (style.INK, "o", "minus as found"), gates: (style.FAINT, "s", "minus any overlap: by gates alone")}
    for up, (pair, (colour, mark, title)) in zip((-0.15, 0.15), looks.items(), strict=True):
        there = [(y, rows[method, *pair]) for y, method in enumerate(methods) if (method, *pair) in rows]
        for y, row in there:
            ends = [row["ci_low"], row["ci_high"]]
            ax.plot(ends, [y + up] * 2, color=colour, lw=4, alpha=0.45, solid_capstyle="round")
        ax.plot([row["value"] for _, row in there], [y + up for y, _ in there], mark, color=colour, ms=7, label=title)
    ax.axvline(0, color=style.FAINT, lw=1)
    ax.set_yticks(range(len(methods)), [DETECTORS[method] for method in methods])
    ax.set(ylim=(len(methods) - 0.5, -0.5), xlabel="IoU with calibrated edges minus another")
    ax.grid(axis="y", visible=False)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


@drawing
def edges(table: pd.DataFrame, method: str) -> Figure:
    """How far decisions on gates reach beyond them, by class and length.

    Parameters
    ----------
    table
        ``method, class, length, n, missed, found, early, late``
    method
        Which rows.
    """
    rows = table[(table["method"] == method) & (table["length"] > 0)]
    fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 4.2), layout="constrained")
    titles = {"early": "begins before\nthe gate (s)", "late": "ends after\nthe gate (s)", "missed": "share\nmissed"}
    colours = style.class_colours(sorted(rows["class"].astype(str).unique()))
    for ax, (column, title) in zip(axes, titles.items(), strict=True):
        for (label, of), mark in zip(rows.groupby("class"), itertools.cycle("os^DvPX<>*"), strict=False):
            look = {"color": colours[str(label)], "marker": mark, "lw": 1.2, "ms": 5}
            ax.plot(of["length"], of[column], label=style.class_title(str(label)), **look)
        ax.axhline(0, color=style.INK, lw=0.8)
        ax.set(xlabel="length of the gate (s)", title=title)
        if column == "missed":
            ax.set_ylim(-0.02, 1.02)
    if len(rows):
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig
