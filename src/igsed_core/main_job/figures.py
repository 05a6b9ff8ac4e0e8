"""Figures of results: learning curves, threshold sensitivity, the main result, classes; beside the paper's values."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igsed_core import paper
from igsed_core.detection.scored import COMPARED, LEARNED, ORACLE, RANKED
from igsed_core.show import style
from igsed_core.show.style import drawing

_LINES = {"iou": "-", "f1": (0, (5, 2))}
_WEIGHTS = {**{name: 1.3 for name in COMPARED if name not in LEARNED}, ORACLE: 1.6}
_INTERVAL = {
    **{"lw": 4, "alpha": 0.45, "solid_capstyle": "butt"},
    **{"marker": "|", "markersize": 14, "markeredgewidth": 2},  # ends that a dot does not hide
}
_PAPER_MARK = {
    "marker": "D",
    "markerfacecolor": "white",
    "markersize": 6.5,
    "ls": "none",
    "zorder": 4,
    "clip_on": False,
}


def _paper_handle(text: str = "paper") -> Line2D:
    return Line2D([], [], color=style.INK, label=text, **_PAPER_MARK)  # type: ignore[arg-type]


@drawing
def loss_curves(history: pd.DataFrame) -> Figure:
    """Training and validation loss of each head, with the epoch whose weights were kept.

    Parameters
    ----------
    history
        ``head, epoch, training_loss, validation_loss, kept``
    """
    heads = list(dict.fromkeys(history["head"]))
    fig, axes = plt.subplots(1, len(heads), figsize=(style.WIDTH, 2.9), layout="constrained", squeeze=False)
    for ax, head in zip(axes[0], heads, strict=True):
        rows = history[history["head"] == head]
        ax.plot(rows["epoch"], rows["training_loss"], color=style.SPLITS["train"], label="training")
        ax.plot(rows["epoch"], rows["validation_loss"], color=style.SPLITS["validation"], label="validation")
        kept = rows[rows["kept"].astype(bool)]
        ax.plot(kept["epoch"], kept["validation_loss"], "o", color=style.INK, ms=7, label="kept")
        ax.set(title=style.HEADS.get(head, head).replace(", ", ",\n"), xlabel="epoch", ylim=(0, None))
    axes[0, 0].set_ylabel("binary cross-entropy")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


@drawing
def threshold_curves(
    curves: pd.DataFrame, peaks: pd.DataFrame | None = None, *, split: str, average: str = "instance"
) -> Figure:
    """IoU (solid) and frame F1 (dashed) against the percentile threshold (paper, Fig. 3).

    Parameters
    ----------
    curves
        ``split, method, average, metric, threshold, value, ci_low, ci_high``; bands are the 95 % intervals.
    peaks
        ``method, metric, threshold, value`` of the points to mark; by default the highest of each curve.
    split, average
        Which curves to draw. The paper's peaks stand beside as hollow diamonds.
    """
    chosen = curves[(curves["split"] == split) & (curves["average"] == average)].reset_index(drop=True)
    if peaks is None:
        peaks = chosen.loc[chosen.groupby(["method", "metric"])["value"].idxmax()]
    methods = [m for m in RANKED if m in set(chosen["method"])]
    published = paper.threshold_sensitivity()
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 4.6), sharey=True, layout="constrained")
    for ax, metric in zip(axes, _LINES, strict=True):
        for method in methods:
            rows = chosen[(chosen["method"] == method) & (chosen["metric"] == metric)].sort_values("threshold")
            faint = method in _WEIGHTS
            line = ":" if method == ORACLE else _LINES[metric]
            if not faint:
                band = (rows["threshold"], rows["ci_low"], rows["ci_high"])
                ax.fill_between(*band, color=style.colour(method), alpha=0.15, lw=0)
            ax.plot(
                *(rows["threshold"], rows["value"]),
                color=style.colour(method),
                ls=line,
                lw=_WEIGHTS.get(method, 2.2),
                alpha=0.75 if faint else 1.0,
                zorder=2 if faint else 3,
                label=style.name(method),
            )
            if method == ORACLE:
                continue
            peak = peaks[(peaks["method"] == method) & (peaks["metric"] == metric)]
            ax.plot(peak["threshold"], peak["value"], "o", color=style.colour(method), ms=4 if faint else 7, zorder=5)
        for row in published[published["metric"] == metric].itertuples():
            colour = style.colour(str(row.method))
            ax.plot(row.peak_percentile, row.peak_value, color=colour, markeredgewidth=1.8, **_PAPER_MARK)  # type: ignore[arg-type]
        ax.set(title=f"{style.METRICS[metric]}", xlabel="percentile threshold", xlim=(0, 100), ylim=(0, 1))
    axes[0].set_ylabel(
        f"mean over {style.counted(chosen)} {'instances' if average == 'instance' else 'classes'}, {split} set"
    )
    handles = axes[0].get_legend_handles_labels()[0]
    handles += [
        Line2D([], [], marker="o", color=style.INK, ls="none", ms=6, label="peak"),
        _paper_handle("paper's peak"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@drawing
def main_result(
    detection: pd.DataFrame, paper: pd.DataFrame, *, split: str = "test", average: str = "instance"
) -> Figure:
    """The answer at one glance: each method's IoU, F1 and pointing game beside the paper's.

    Parameters
    ----------
    detection
        ``split, method, average, metric, value, ci_low, ci_high``
    paper
        ``method, iou, f1, pointing_game``
    split, average
        Which rows of ``detection`` to draw.
    """
    rows = detection[(detection["split"] == split) & (detection["average"] == average)]
    published = paper.set_index("method")
    methods = [m for m in COMPARED if m in set(rows["method"])]
    fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 0.62 * len(methods) + 1.5), sharey=True, layout="constrained")
    for ax, metric in zip(axes, ("iou", "f1", "pointing_game"), strict=True):
        mine = rows[rows["metric"] == metric].set_index("method")
        if "random" in mine.index:
            ax.axvspan(0, mine.loc["random", "value"], color="#EFEFEF", lw=0, zorder=0)
        for y, method in enumerate(methods):
            colour = style.colour(method)
            row = mine.loc[method]
            ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, **_INTERVAL)  # type: ignore[arg-type]
            ax.plot(row["value"], y, "o", color=colour, ms=10, zorder=5, clip_on=False)
            ax.annotate(
                *(f"{row['value']:.2f}", (row["value"], y)),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=10.5,
                fontweight="bold",
            )
            if method in published.index:
                ax.plot(published.loc[method, metric], y + 0.26, color=colour, markeredgewidth=1.6, **_PAPER_MARK)  # type: ignore[arg-type]
        ax.set(title=style.METRICS[metric], xlim=(0, 1.03), xticks=np.linspace(0, 1, 6))
        ax.set_xticklabels([f"{x:.1f}" for x in np.linspace(0, 1, 6)])
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(methods)), [style.name(m).replace(" (IG)", "").replace(" ", "\n") for m in methods])
    axes[0].set_ylim(len(methods) - 0.45, -0.6)
    what = "instances" if average == "instance" else "classes"
    axes[1].set_xlabel(f"mean over {style.counted(rows)} {what} of the {split} split")
    for tick in axes[0].get_yticklabels():
        tick.set(fontweight="bold", fontsize=11.5)
    handles = [
        Line2D([], [], marker="o", color=style.INK, ls="none", ms=8, label="this run"),
        Line2D([], [], color=style.INK, label="95 % interval", **_INTERVAL),  # type: ignore[arg-type]
        _paper_handle(),
        plt.Rectangle((0, 0), 1, 1, color="#E4E4E4", label="no better than random"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


@drawing
def per_class(per_class: pd.DataFrame, paper: pd.DataFrame, *, split: str = "test", metric: str = "iou") -> Figure:
    """One metric of every class and learned method; the paper's values where the class is the same.

    Parameters
    ----------
    per_class
        ``split, method, class, metric, value, n, ci_low, ci_high``
    paper
        ``class, method, metric, value``
    split, metric
        Which rows to draw.
    """
    rows = per_class[(per_class["split"] == split) & (per_class["metric"] == metric)]
    published = paper[paper["metric"] == metric].set_index(["class", "method"])["value"]
    classes = list(dict.fromkeys(rows["class"]))
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.62 * len(classes) + 1.4), layout="constrained")
    for i, label in enumerate(classes):
        if i % 2:
            ax.axhspan(i - 0.5, i + 0.5, color="#F6F6F6", lw=0, zorder=0)
        _one_class(ax, i, rows[rows["class"] == label].set_index("method"))
        for method, offset in _offsets().items():
            if (label, method) in published.index:
                value = published.loc[(label, method)]
                ax.plot(value, i + offset, color=style.colour(method), markeredgewidth=1.5, **_PAPER_MARK)  # type: ignore[arg-type]
    counts = rows[rows["method"] == "ig"].set_index("class")["n"]
    ax.set_yticks(range(len(classes)), [f"{style.class_title(c)} (n = {counts.get(c, 0)})" for c in classes])
    ax.set(ylim=(len(classes) - 0.5, -0.5), xlim=(0, 1), xlabel=style.METRICS[metric])
    ax.grid(axis="y", visible=False)
    handles = [Line2D([], [], marker="o", color=style.colour(m), lw=3, label=style.name(m)) for m in LEARNED]
    if any((label, method) in published.index for label in classes for method in LEARNED):
        handles.append(_paper_handle())
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig


def _offsets() -> dict[str, float]:
    """Where each method's mark stands within a class's row."""
    return dict(zip(LEARNED, np.linspace(-0.26, 0.26, len(LEARNED)), strict=True))


def _one_class(ax: Axes, position: int, values: pd.DataFrame) -> None:
    for method, offset in _offsets().items():
        if method not in values.index or not values.loc[[method], "value"].notna().all():
            continue
        row, colour = values.loc[method], style.colour(method)
        y = position + offset
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=3, alpha=0.4, solid_capstyle="round")
        ax.plot(row["value"], y, "o", color=colour, ms=6.5, zorder=5, clip_on=False)
