"""Figures of the audit: averages, the threshold of Fig. 3, readings of energy and sign, ways of counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igsed_core import paper
from igsed_core.chapters.audit.energy import READINGS as ENERGY
from igsed_core.chapters.audit.excluded import COUNTS
from igsed_core.chapters.audit.sign import READINGS as SIGNS
from igsed_core.detection.scored import LEARNED, ORACLE
from igsed_core.show import style
from igsed_core.show.style import drawing

Found = Mapping[str, pd.DataFrame]
_METRICS = ("iou", "f1", "pointing_game")
_MARKS = {
    "table_2": ("D", "Table II"),
    "rebuilt": ("o", "mean over instances"),
    "class_mean": ("s", "mean over classes"),
}
_FALLS = {
    "hit": ("the class's events", style.TRUTH),
    "on_other": ("another class", style.SERIES[1][0]),
    "on_background": ("background", style.PALE),
}


@drawing
def averages_of_paper(found: Found) -> Figure:
    """The paper's Table II beside both means of its Table III, and the mix of classes that explains it."""
    table, mix = found["audit_paper_averages"], found["audit_mix"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 3.8), layout="constrained", width_ratios=(1, 1.15))
    for i, method in enumerate(LEARNED):
        for metric, offset in (("iou", -0.17), ("f1", 0.17)):
            row = table[(table["method"] == method) & (table["metric"] == metric)].iloc[0]
            for column, (marker, _) in _MARKS.items():
                face = "white" if column == "table_2" else style.colour(method)
                size = 10 if column == "table_2" else 5.5
                left.plot(
                    *(row[column], i + offset, marker),
                    **{"color": style.colour(method), "markerfacecolor": face, "ms": size, "markeredgewidth": 1.6},
                )
            left.annotate(style.METRICS[metric], (0.335, i + offset), va="center", fontsize=9, color=style.INK)
    left.set_yticks(range(len(LEARNED)), [style.short(m) for m in LEARNED])
    left.set(xlim=(0.33, 0.65), ylim=(len(LEARNED) - 0.5, -0.5), title="the paper's tables")
    left.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], marker=m, color=style.INK, ls="none", markerfacecolor="white" if c == "table_2" else style.INK)
        for c, (m, _) in _MARKS.items()
    ]
    fig.legend(handles, [title for _, title in _MARKS.values()], loc="outside lower center", ncols=3)
    y = np.arange(len(mix))
    right.barh(y + 0.2, mix["present"], height=0.4, color="#D0D0D0", label="present")
    right.barh(y - 0.2, mix["evaluated"], height=0.4, color=style.INK, label="evaluated")
    right.set_yticks(y, [style.class_title(str(c)) for c in mix["class"]], fontsize=9)
    right.set(ylim=(len(mix) - 0.5, -0.5), title="smallest numbers of (clip, class) pairs")
    right.grid(axis="y", visible=False)
    right.legend(loc="upper right")
    return fig


@drawing
def threshold_readings(found: Found) -> Figure:
    """IoU against the threshold under each reading of it; dashed: the most that the paper's activity allows.

    The thin dashed line is the same at the upper end of the activity's interval.

    The method ``oracle`` is the most that this run's clips allow; diamonds are the paper's peaks.
    """
    audit, bounds, ceilings = found["audit"], found["audit_bounds"], found["audit_ceilings"]
    rows = audit[
        (audit["question"] == "fig3") & (audit["metric"] == "iou") & (audit["average"] == "instance")
    ].sort_values("threshold")
    fig, axes = plt.subplots(1, len(style.THRESHOLDS), figsize=(style.WIDTH, 3.9), sharey=True, layout="constrained")
    for ax, (reading, title) in zip(axes, style.THRESHOLDS.items(), strict=True):
        for method, curve in rows[rows["rule"] == reading].groupby("method", sort=False):
            line = ":" if method == "oracle" else "-"
            ax.plot(curve["threshold"], curve["value"], line, color=style.colour(str(method)), lw=2, zorder=3)
        for row in bounds[bounds["metric"] == "iou"].to_dict("records"):
            colour = style.colour(str(row["method"]))
            ax.plot(row["threshold"], row["value"], "D", color=colour, mfc="white", ms=7, mew=1.8, zorder=5)
        most = ceilings[(ceilings["rule"] == reading) & (ceilings["metric"] == "iou")]
        ax.plot(most["threshold"], most["value"], color=style.INK, ls="--", lw=1.2, zorder=2)
        ax.plot(most["threshold"], most["value_high"], color=style.INK, ls="--", lw=0.7, alpha=0.6, zorder=2)
        ax.set(title=title.replace(" of ", "\nof "), xlim=(0, 100), ylim=(0, 1), xticks=(0, 28, 56, 100))
        ax.set_xlabel("threshold" if reading.endswith("percentile") else "threshold (%)")
    axes[0].set_ylabel(f"IoU, mean over {style.counted(rows)} instances")
    names = {**{method: style.short(method) for method in LEARNED}, ORACLE: style.name(ORACLE).lower()}
    handles = [
        Line2D([], [], color=style.colour(m), lw=2, ls=":" if m == ORACLE else "-", label=n) for m, n in names.items()
    ]
    handles += [
        Line2D([], [], color=style.INK, ls="--", lw=1.2, label="most, paper's activity"),
        Line2D([], [], color=style.INK, ls="--", lw=0.7, alpha=0.6, label="upper end"),
        Line2D([], [], color=style.INK, marker="D", mfc="white", ls="none", label="paper's peak"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9, columnspacing=1.0)
    return fig


@drawing
def energy_readings(found: Found) -> Figure:
    """IoU, F1 and pointing game of each reading of energy; the line is the paper's, the grey area random's there."""
    table = found["audit_energy"].drop_duplicates("reading")
    published = paper.detection().set_index("method")
    fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 0.36 * len(table) + 1.3), sharey=True, layout="constrained")
    y = np.arange(len(table))
    for ax, metric in zip(axes, _METRICS, strict=True):
        ax.axvspan(0, float(published[metric].to_dict()["random"]), color="#EEEEEE", lw=0, zorder=0)
        ax.axvline(float(published[metric].to_dict()["energy"]), color=style.colour("energy"), lw=2, zorder=1)
        ax.plot(table[metric], y, "o", color=style.INK, ms=6, zorder=3, clip_on=False)
        ax.set(title=style.METRICS[metric], xlim=(-0.03, 1), ylim=(len(table) - 0.5, -0.5))
    axes[0].set_yticks(y, [ENERGY[r][0].replace(": ", ":\n") for r in table["reading"]], fontsize=9)
    handles = [
        Line2D([], [], marker="o", color=style.INK, ls="none", label="this run"),
        Line2D([], [], color=style.colour("energy"), lw=2, label="paper's energy"),
        plt.Rectangle((0, 0), 1, 1, color="#EEEEEE", label="up to the paper's random"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    return fig


@drawing
def sign_readings(found: Found) -> Figure:
    """IoU and pointing game of each reading of the sign, and where the highest frame falls."""
    audit = found["audit"]
    rows = audit[(audit["question"] == "sign") & (audit["average"] == "instance")]
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 3.6), layout="constrained", width_ratios=(1.25, 1))
    y = np.arange(len(SIGNS))
    for metric, colour in (("iou", style.INK), ("pointing_game", style.FAINT)):
        of_metric = rows[(rows["rule"] == "percentile") & (rows["metric"] == metric)].set_index("method")
        _dots(left, of_metric.loc[[f"ig:{name}" for name in SIGNS]], y, colour, style.METRICS[metric])
    left.set_yticks(y, [what.replace(" of ", "\nof ", 1) for what, _ in SIGNS.values()], fontsize=9)
    left.set(xlim=(0, 1.02), ylim=(len(SIGNS) - 0.5, -0.5), xlabel=f"mean over {style.counted(rows)} instances")
    reasons = rows[rows["rule"] == "reason"].set_index(["method", "metric"])["value"]
    names = ("absolute", "net", "signed")
    begin = np.zeros(len(names))
    for what, (title, colour) in _FALLS.items():
        share = np.array([reasons.loc[(f"ig:{name}", what)] for name in names])
        right.barh(range(len(names)), share, left=begin, color=colour, height=0.55, label=title)
        begin += share
    right.set_yticks(range(len(names)), ["absolute", "absolute\nof 10 ms", "signed"])
    right.set(
        xlim=(0, 1),
        ylim=(len(names) - 0.5, -0.5),
        title="the highest frame falls on",
    )
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2, fontsize=9)
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=3, fontsize=9, columnspacing=0.8)
    for ax in (left, right):
        ax.grid(axis="y", visible=False)
    return fig


@drawing
def countings(found: Found, *, metric: str = "iou") -> Figure:
    """Table II under every way to count missed and falsely detected classes; dashed lines are the paper's."""
    audit = found["audit"]
    rows = audit[(audit["question"] == "excluded") & (audit["metric"] == metric) & (audit["average"] == "instance")]
    published = paper.detection().set_index("method")[metric].to_dict()
    methods = [str(method) for method in published]
    fig, ax = plt.subplots(figsize=(style.WIDTH, 4.4), layout="constrained")
    for i, method in enumerate(methods):
        y = np.arange(len(COUNTS)) + np.linspace(-0.3, 0.3, len(methods))[i]
        mine = rows[rows["method"] == method].set_index("rule")
        there = [count in mine.index for count in COUNTS]
        _dots(ax, mine.loc[[c for c in COUNTS if c in mine.index]], y[there], style.colour(method), style.name(method))
        ax.axvline(float(published[method]), color=style.colour(method), lw=1, ls="--", zorder=1)
    ax.set_yticks(range(len(COUNTS)), [_folded(what) for what in COUNTS.values()], fontsize=9)
    ax.set(
        xlim=(0, 1),
        ylim=(len(COUNTS) - 0.5, -0.5),
        xlabel=f"{style.METRICS[metric]} of {style.counted(rows)} instances (dashed: the paper's Table II)",
    )
    ax.grid(axis="y", visible=False)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig


def _dots(ax: Axes, rows: pd.DataFrame, y: Sequence[float] | np.ndarray, colour: str, label: str) -> None:
    """Values with their intervals, a row each."""
    for at, low, high in zip(y, rows["ci_low"], rows["ci_high"], strict=True):
        ax.plot([low, high], [at, at], color=colour, lw=3, alpha=0.4, solid_capstyle="round")
    ax.plot(rows["value"], y, "o", color=colour, ms=6, zorder=5, label=label)


def _folded(text: str) -> str:
    """Break a long label near its middle."""
    if len(text) < 30:
        return text
    spaces = [i for i, c in enumerate(text) if c == " "]
    middle = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"
