"""Figures of faithfulness: deletion and insertion, shuffled weights, a split with parts of it hidden."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from igsed_core.show import describe, style
from igsed_core.show.style import drawing

_LEVELS = {
    "original": "trained",
    "head": "head",
    "top_quarter": "+ top\nquarter",
    "top_half": "+ top\nhalf",
    "top_three_quarters": "+ three\nquarters",
    "all": "all",
}
_MEASURES = {
    "rank_correlation": "rank correlation",
    "partial_correlation": "... without energy",
    "iou": "IoU",
    "pointing_game": "Pointing game",
}
_ORDERS = {
    "random": ("random", style.colour("random"), ":"),
    "cam": ("least important, CAM", style.colour("cam"), "-"),
    "ig": ("least important, IG", style.colour("ig"), "-"),
    "loss_gradient": ("smallest loss gradient (knows labels)", style.SERIES[0][0], "-"),
    "harmful": ("most harmful (knows labels)", style.SERIES[1][0], "-"),
    "harmful_decided": ("most harmful to its own decisions", style.SERIES[1][0], "--"),
}
_UNITS = {"frames": "100 ms frames", "bins": "single mel bins"}


@drawing
def deletion_and_insertion(curves: pd.DataFrame, *, replacement: str) -> Figure:
    """What the classifier says with ever more frames removed, or put back, in each method's order.

    Parameters
    ----------
    curves
        ``method, rule`` (the replacement), ``metric`` (deletion, insertion), ``threshold`` (share of the frames),
        ``value, ci_low, ci_high``
    replacement
        Which rows to draw.
    """
    rows = curves[curves["rule"] == replacement]
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 3.9), sharey=True, layout="constrained")
    for ax, kind in zip(axes, ("deletion", "insertion"), strict=True):
        for method, group in rows[rows["metric"] == kind].groupby("method", sort=False):
            colour, line = style.look(str(method))
            ax.plot(group["threshold"], group["value"], line, color=colour, lw=2, label=style.title(str(method)))
            ax.fill_between(group["threshold"], group["ci_low"], group["ci_high"], color=colour, alpha=0.1, lw=0)
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.set(xlim=(0, 1))
    removed = f"frames removed (n = {style.counted(curves)} instances)"
    axes[0].set(title="Deletion: lower is better", xlabel=removed, ylabel="score of the class")
    axes[1].set(title="Insertion: higher is better", xlabel="frames put back")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


@drawing
def shuffled_weights(sanity: pd.DataFrame) -> Figure:
    """How maps change with ever more shuffled layers, and what they still find.

    Parameters
    ----------
    sanity
        ``method, rule`` (the level), ``metric, average, value, ci_low, ci_high``
    """
    rows = sanity[sanity["average"] == "instance"]
    levels = [level for level in _LEVELS if level in set(rows["rule"])]
    fig, axes = plt.subplots(len(_MEASURES), 1, figsize=(style.WIDTH, 9.0), sharex=True, layout="constrained")
    methods = list(dict.fromkeys(rows["method"]))
    for ax, (metric, measure) in zip(axes, _MEASURES.items(), strict=True):
        for i, method in enumerate(methods):
            mine = rows[(rows["metric"] == metric) & (rows["method"] == method)].set_index("rule").loc[levels]
            colour, line = style.look(method)
            x = np.arange(len(levels)) + 0.06 * (i - (len(methods) - 1) / 2)  # side by side, so that bars show
            ax.vlines(x, mine["ci_low"], mine["ci_high"], color=colour, lw=3, alpha=0.3)
            ax.plot(x, mine["value"], line, marker="o", ms=5, color=colour, lw=1.8, label=style.title(method))
        ax.set(ylabel=measure, ylim=(-1.05, 1.05) if metric.endswith("correlation") else (0, 1.03))
    axes[-1].set_xticks(range(len(levels)), [_LEVELS[level] for level in levels])
    axes[-1].set_xlabel(f"weights that are shuffled, from the head down (n = {style.counted(rows)} instances)")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@drawing
def occluded_split(occlusion: pd.DataFrame, *, metric: str) -> Figure:
    """What hiding parts of every test clip does to the classifier: panels for units and replacements.

    Parameters
    ----------
    occlusion
        ``unit, method`` (the order), ``rule`` (the replacement), ``threshold`` (share), ``metric, value``,
        ``ci_low, ci_high``
    metric
        ``f1_change`` or ``loss_change``.
    """
    rows = occlusion[(occlusion["metric"] == metric) & (occlusion["rule"] != "none")]
    # Macro F1 is a mean over classes, which its n counts; the loss has one value for each clip.
    clips = occlusion[(occlusion["metric"] == "loss_change") & (occlusion["rule"] != "none")]
    replacements, units = (list(dict.fromkeys(rows[name])) for name in ("rule", "unit"))
    fig, axes = plt.subplots(
        *(len(units), len(replacements)),
        figsize=(style.WIDTH, 2.7 * len(units) + 1.1),
        sharex="row",
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for unit, line in zip(units, axes, strict=True):
        for replaced, ax in zip(replacements, line, strict=True):
            panel = rows[(rows["unit"] == unit) & (rows["rule"] == replaced)]
            _orders(ax, panel)
            ax.set_title(f"{_UNITS[unit]}: {replaced}", fontsize=10.5)
        line[0].set_ylabel("change of macro F1" if metric == "f1_change" else "change of loss")
    for ax in axes[-1]:
        ax.set_xlabel(f"share replaced (n = {style.counted(clips)} clips)")
    describe.about(fig, "Macro F1" if metric == "f1_change" else "Loss", clips)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def _orders(ax: Axes, panel: pd.DataFrame) -> None:
    ax.axhline(0, color=style.INK, lw=1)
    for order, (words, colour, line) in _ORDERS.items():
        mine = panel[panel["method"] == order].sort_values("threshold")
        if mine.empty:
            continue
        ax.plot(mine["threshold"], mine["value"], line, marker="o", ms=3.5, color=colour, lw=1.8, label=words)
        ax.fill_between(mine["threshold"], mine["ci_low"], mine["ci_high"], color=colour, alpha=0.1, lw=0)
    shares = sorted(set(panel["threshold"]))
    ax.set_xscale("log")
    ax.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
    ax.minorticks_off()
