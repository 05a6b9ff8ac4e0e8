"""Figures of threshold rules: all of them side by side, one clip under each, and by group of instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from igsed_core.detection.scored import RANKED
from igsed_core.metrics import frames
from igsed_core.show import style
from igsed_core.show.style import drawing

_RULE_LOOKS = ((style.INK, "o"), *style.SERIES[1:5])


@drawing
def rules_by_method(
    rules: pd.DataFrame,
    titles: Mapping[str, str],
    *,
    tuned: Sequence[str],
    best: str,
    metric: str = "iou",
    split: str = "test",
) -> Figure:
    """Every rule, a row, and every method under it, with 95 % intervals.

    Parameters
    ----------
    rules
        ``split, method, rule, metric, average, value, ci_low, ci_high``
    titles
        Names of the rules, in the order of the rows.
    tuned
        Rules that have a parameter: they stand above the line.
    best
        The rule to emphasise.
    metric, split
        Which rows to draw, averaged over instances.
    """
    rows = rules[(rules["split"] == split) & (rules["metric"] == metric) & (rules["average"] == "instance")]
    methods = [m for m in RANKED if m in set(rows["method"])]
    shown = [r for r in titles if r in set(rows["rule"])]
    shown = [r for r in shown if r in tuned] + [r for r in shown if r not in tuned]
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.42 * len(shown) + 1.2), layout="constrained")
    offsets = dict(zip(methods, np.linspace(-0.24, 0.24, len(methods)), strict=True))
    by_key = {(row["rule"], row["method"]): row for _, row in rows.iterrows()}
    for line, rule in enumerate(shown):
        if rule == best:
            ax.axhspan(line - 0.5, line + 0.5, color="#E8F4EE", lw=0, zorder=0)
        for method in methods:
            if (rule, method) not in by_key:
                continue
            row, at, colour = by_key[rule, method], line + offsets[method], style.colour(method)
            ax.plot([row["ci_low"], row["ci_high"]], [at, at], color=colour, lw=3, alpha=0.4, solid_capstyle="round")
            ax.plot(row["value"], at, "o", color=colour, ms=6, zorder=5, clip_on=False)
    n_tuned = sum(r in tuned for r in shown)
    ax.axhline(n_tuned - 0.5, color=style.FAINT, lw=1)
    for text, middle in (
        ("tuned on validation", n_tuned / 2 - 0.5),
        ("no parameter", (n_tuned + len(shown)) / 2 - 0.5),
    ):
        ax.text(1.01, middle, text, rotation=270, ha="left", va="center", color=style.INK)
    ax.set_yticks(range(len(shown)), [titles[r] for r in shown])
    ax.get_yticklabels()[shown.index(best)].set_fontweight("bold")
    ax.set(
        xlim=(0, 1),
        ylim=(len(shown) - 0.5, -0.5),
        xlabel=f"{style.METRICS[metric]}, {split} set (n = {style.counted(rows)} instances)",
    )
    ax.grid(axis="y", visible=False)
    handles = [Line2D([], [], marker="o", color=style.colour(m), lw=3, label=style.name(m)) for m in methods]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.2)
    return fig


@drawing
def rules_on_clip(
    truth: NDArray[np.bool_],
    scores: Mapping[str, NDArray[np.floating]],
    masks: Mapping[str, Mapping[str, NDArray[np.bool_]]],
    *,
    frame_length: float,
    label: str,
) -> Figure:
    """One instance under every rule: a column a method, its scores on top, a bar a rule.

    Parameters
    ----------
    truth
        Active frames, ``[shape=(n_frames,)]``.
    scores
        Method -> ``[shape=(n_frames,)]``.
    masks
        Method -> title of a rule -> detected frames, ``[shape=(n_frames,)]``.
    frame_length
        Seconds.
    label
        Class of the instance.
    """
    edges = frame_length * np.arange(len(truth) + 1)
    names = list(dict.fromkeys(title for of_method in masks.values() for title in of_method))
    fig, axes = plt.subplots(
        *(2, len(scores)),
        figsize=(style.WIDTH, 0.26 * len(names) + 2.4),
        sharex=True,
        sharey="row",
        layout="constrained",
        squeeze=False,
        height_ratios=[1.3, 0.26 * len(names) + 0.3],
    )
    for (trace, bars), (method, values) in zip(axes.T, scores.items(), strict=True):
        colour = style.colour(method)
        for ax in (trace, bars):
            for onset, length in _stretches(truth, edges):
                ax.axvspan(onset, onset + length, color=style.TRUTH, alpha=0.22, lw=0, zorder=0)
        trace.stairs(values / max(float(values.max()), 1e-12), edges, fill=True, color=colour, alpha=0.6)
        trace.set(title=style.name(method), ylim=(0, 1.05), yticks=[0, 1], xlim=(0, edges[-1]))
        for y, title in enumerate(names):
            if title in masks[method]:
                bars.broken_barh(_stretches(masks[method][title], edges), (y - 0.32, 0.64), color=colour, lw=0)
        bars.set(xlabel="time (s)", ylim=(len(names) - 0.5, -0.5))
        bars.grid(visible=False)
    axes[1, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylabel("score / max.")
    truth_handle = Patch(color=style.TRUTH, alpha=0.3, label=f"{style.class_title(label)}: ground truth")
    fig.legend(handles=[truth_handle], loc="outside lower center")
    return fig


@drawing
def rules_by_group(
    tables: Mapping[str, pd.DataFrame],
    titles: Mapping[str, str],
    rules: Sequence[str],
    methods: Sequence[str],
    *,
    metric: str = "iou",
    split: str = "test",
) -> Figure:
    """Some rules over groups of instances, with 95 % intervals: a row a grouping, a column a method.

    Parameters
    ----------
    tables
        What groups -> ``group, split, method, rule, metric, average, value, n, ci_low, ci_high``.
    titles
        Names of the rules.
    rules, methods
        Which to draw, in this order; at most five rules.
    metric, split
        Which rows to draw, averaged over instances.
    """
    fig, axes = plt.subplots(
        *(len(tables), len(methods)),
        figsize=(style.WIDTH, 2.6 * len(tables) + 0.6),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for line, (what, table) in zip(axes, tables.items(), strict=True):
        kept = (table["split"] == split) & (table["metric"] == metric) & (table["average"] == "instance")
        groups = sorted(table.loc[kept, "group"].astype(str).unique())
        for ax, method in zip(line, methods, strict=True):
            for shift, rule, (colour, marker) in zip(
                np.linspace(-0.18, 0.18, len(rules)), rules, _RULE_LOOKS, strict=False
            ):
                mine = table[kept & (table["method"] == method) & (table["rule"] == rule)]
                mine = mine.assign(group=mine["group"].astype(str)).set_index("group").reindex(groups)
                x = np.arange(len(groups)) + shift
                ax.vlines(x, mine["ci_low"], mine["ci_high"], color=colour, lw=3, alpha=0.45)
                ax.plot(x, mine["value"], marker, color=colour, ms=6.5, label=titles[rule])
            counts = mine["n"].fillna(0).astype(int)
            ax.set_xticks(
                range(len(groups)),
                [f"{g.replace(' and more', '+')}\nn={n}" for g, n in zip(groups, counts, strict=True)],
            )
            ax.set(ylim=(0, 1), xlabel=what, xlim=(-0.5, len(groups) - 0.5))
            ax.grid(axis="x", visible=False)
        line[0].set_ylabel(style.METRICS[metric])
    for ax, method in zip(axes[0], methods, strict=True):
        ax.set_title(style.short(method))
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(rules))
    return fig


def _stretches(mask: NDArray[np.bool_], edges: NDArray[np.floating]) -> list[tuple[float, float]]:
    """Return (onset, length) of the marked stretches of time."""
    return [(float(edges[on]), float(edges[off] - edges[on])) for on, off in frames.runs(mask)]
