"""Figures of every method of the registry: how well it tells when, what it costs, class by class, on one clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igsed_core.attribution import registry as methods
from igsed_core.detection.tuning import FIXED as FIXED_RULE
from igsed_core.show import style
from igsed_core.show.style import drawing

PERCENTILE, SHARE, FREE, FIXED = "percentile", "share_of_maximum", "free", "fixed"
_RULES = {
    PERCENTILE: "percentile (paper)",
    SHARE: "share of the maximum",
    FREE: "parameter-free, chosen on validation",
    FIXED: "Otsu, fixed beforehand",
}
_MARKS = {PERCENTILE: "o", SHARE: "s", FREE: "D", FIXED: "v"}
_SIGNS = {"absolute": "o", "signed": "^", "positive": "P"}


def kinds(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``kind``: whether a rule is one of the two tuned ones, the chosen one, the fixed one or none.

    A method whose chosen rule is the fixed one has a row for either.
    """
    named = {rule: rule for rule in (PERCENTILE, SHARE, "none")} | {FIXED_RULE: FIXED}
    rows = rows.assign(kind=rows["rule"].map(named).fillna(FREE))
    fixed = rows[(rows["kind"] == FIXED) & ~rows["method"].isin(rows.loc[rows["kind"] == FREE, "method"])]
    return pd.concat([rows, fixed.assign(kind=FREE)], ignore_index=True)


def _rows(table: pd.DataFrame, split: str, metric: str) -> pd.DataFrame:
    """Rows over all classes and instances, with the kind of each rule."""
    rows = table[(table["split"] == split) & (table["metric"] == metric)]
    rows = rows[(rows["class"] == "all") & (rows["average"] == "instance")]
    return kinds(rows)


def _ordered(table: pd.DataFrame, split: str) -> list[str]:
    """Methods from the best to the worst by IoU under the rule chosen on validation."""
    rows = _rows(table, split, "iou")
    return list(rows[rows["kind"] == FREE].sort_values("value", ascending=False, kind="stable")["method"])


def _family_handles(shown: Sequence[str]) -> list[Line2D]:
    """A line of the legend for each family that is shown; references have colours of their own."""
    there = [name for name in style.FAMILIES if any(style.family(method) == name for method in shown)]
    return [
        Line2D([], [], marker="o", ls="none", color=style.FAMILIES[name], label=style.FAMILY_NAMES[name])
        for name in there
    ]


@drawing
def methods_quality(table: pd.DataFrame, *, split: str = "test") -> Figure:
    """IoU under four kinds of rules, pointing game and AUROC of every method, with 95 % intervals.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, ci_low, ci_high``
    split
        Which rows to draw.
    """
    shown = _ordered(table, split)
    fig, axes = plt.subplots(
        *(1, 3),
        figsize=(style.WIDTH, 0.36 * len(shown) + 1.6),
        sharey=True,
        width_ratios=[2, 1, 1],
        layout="constrained",
    )
    offsets = {PERCENTILE: -0.3, SHARE: -0.1, FREE: 0.1, FIXED: 0.3, "none": 0.0}
    for ax, metric in zip(axes, ("iou", "pointing_game", "auroc"), strict=True):
        rows = _rows(table, split, metric)
        for row in rows.itertuples():
            y, colour = shown.index(str(row.method)) + offsets[str(row.kind)], _colour(str(row.method))
            mark: dict[str, Any] = {"marker": _MARKS.get(str(row.kind), "o"), "markersize": 5.5}
            if row.kind in (PERCENTILE, SHARE):
                mark |= {"markerfacecolor": "white"}
            ax.plot([row.ci_low, row.ci_high], [y, y], color=colour, lw=2.4, alpha=0.4, solid_capstyle="round")
            ax.plot(row.value, y, color=colour, ls="none", zorder=5, clip_on=False, **mark)  # type: ignore[arg-type]
        ax.set(title=style.METRICS[metric], xlim=(0.4 if metric == "auroc" else 0, 1))
        ax.grid(axis="y", visible=False)
        for y in range(0, len(shown), 2):
            ax.axhspan(y - 0.5, y + 0.5, color="#F6F6F6", lw=0, zorder=0)
    axes[0].set_yticks(range(len(shown)), [style.name(method) for method in shown])
    axes[0].set_ylim(len(shown) - 0.5, -0.5)
    handles = [
        Line2D(
            *([], []),
            marker=_MARKS[kind],
            ls="none",
            color=style.INK,
            markerfacecolor="white" if kind in (PERCENTILE, SHARE) else style.INK,
            label=_RULES[kind],
        )
        for kind in _RULES
    ]
    axes[0].set_xlabel(f"mean over {style.counted(_rows(table, split, 'iou'))} instances")
    fig.legend(handles=[*handles, *_family_handles(shown)], loc="outside lower center", ncols=3)
    return fig


def _colour(method: str) -> str:
    """Colour of the family; references keep their own."""
    return style.FAMILIES.get(style.family(method)) or style.colour(method)


_NEAR = 0.03  # of IoU: names of lines nearer than this would overlap


@drawing
def quality_against_cost(table: pd.DataFrame, cost: pd.DataFrame, *, split: str = "test") -> Figure:
    """IoU of every method against its seconds per map: by the paper's percentile and by the rule chosen on validation.

    Parameters
    ----------
    table
        As for :func:`methods_quality`.
    cost
        ``method, metric`` (seconds)``, class, average, value``
    split
        Which rows of ``table`` to draw. Framewise detectors are lines: their cost is one pass of the encoder.
    """
    seconds = cost[(cost["class"] == "all") & (cost["average"] == "instance")].set_index("method")["value"]
    rows = _rows(table, split, "iou")
    fig, axes = plt.subplots(2, 1, figsize=(style.WIDTH, 12.0), sharex=True, layout="constrained")
    for ax, kind in zip(axes, (PERCENTILE, FREE), strict=True):
        mine = rows[rows["kind"] == kind].set_index("method")
        taken: list[float] = []
        for method in ("fw_ss", "fw_ws", "random"):
            if method in mine.index:
                value = float(mine["value"][method])
                ax.axhline(value, color=style.colour(method), lw=1.3, ls="--", zorder=1)
                # Names of lines that nearly meet stand side by side, on a ground of their own.
                place = sum(abs(value - other) < _NEAR for other in taken)
                ax.text(
                    *(0.995 - 0.1 * place, value, style.name(method)),
                    transform=ax.get_yaxis_transform(),
                    ha="right",
                    va="bottom",
                    color=_legible(style.colour(method)),
                    fontsize=10,
                )
                taken.append(value)
        there = [method for method in mine.index if method in seconds.index]
        for method in there:
            row, colour = mine.loc[method], _colour(method)
            x = seconds[method]
            ax.plot([x, x], [row["ci_low"], row["ci_high"]], color=colour, lw=2, alpha=0.3, solid_capstyle="round")
            ax.plot(x, row["value"], "o", color=colour, ms=7, zorder=5)
        ax.set(title=f"IoU, {_RULES[kind]}", ylabel=f"mean over {style.counted(rows)} instances", xscale="log")
        ax.margins(x=0.12)
    fig.canvas.draw()
    for ax, kind in zip(axes, (PERCENTILE, FREE), strict=True):
        mine = rows[rows["kind"] == kind].set_index("method")
        there = [method for method in mine.index if method in seconds.index]
        _label(ax, {method: (float(seconds[method]), float(mine["value"][method])) for method in there})
    axes[-1].set_xlabel("seconds per map")
    fig.legend(handles=_family_handles(list(seconds.index)), loc="outside lower center", ncols=3)
    return fig


def _legible(colour: str) -> tuple[float, float, float]:
    """Darken a colour until words in it can be read on white (amber alone has a contrast of 2.3)."""
    red, green, blue = (0.6 * part for part in to_rgb(colour))
    return red, green, blue


def _label(ax: Axes, points: dict[str, tuple[float, float]]) -> None:
    """Write each method's name near its point, where it covers no point, no dashed line and no other name."""
    to_page = 72 / ax.figure.dpi  # pixels -> points of the page
    where = {method: tuple(ax.transData.transform(xy) * to_page) for method, xy in points.items()}
    (left, bottom), (right, top) = ax.transAxes.transform([(0, 0), (1, 1)]) * to_page
    gap, height = 7.0, 11.5
    taken = [(x - 4, x + 4, y - 4, y + 4) for x, y in where.values()]  # boxes: left, right, bottom, top
    for drawn in ax.lines:  # no dashed line strikes a name through
        if drawn.get_linestyle() == "--":
            y = float(ax.transData.transform((1.0, float(np.asarray(drawn.get_ydata())[0])))[1]) * to_page
            taken.append((left, right, y - 1, y + 1))
    for method, (x, y) in sorted(where.items(), key=lambda item: -item[1][1]):
        text = style.name(method)
        width = 6.0 * len(text)
        places = [
            (abs(step) + 0.5 * (side < 0), side, step * height / 2) for step in range(-24, 25) for side in (1, -1)
        ]
        for _, side, shift in sorted(places):
            start = x + gap if side > 0 else x - gap - width
            box = (start, start + width, y + shift - height / 2, y + shift + height / 2)
            inside = left <= box[0] and box[1] <= right and bottom <= box[2] and box[3] <= top
            if inside and not any(
                box[0] < other[1] and other[0] < box[1] and box[2] < other[3] and other[2] < box[3] for other in taken
            ):
                break
        else:
            continue  # nowhere to put it: the table has the name
        taken.append(box)
        arrow = {"arrowstyle": "-", "color": "#BBBBBB", "lw": 0.7, "shrinkA": 0, "shrinkB": 4}
        ax.annotate(
            *(text, points[method]),
            xytext=(side * gap, shift),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            color=style.INK,  # its dot has the colour: darkened amber would be the brown of another family
            bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.3},
            arrowprops={**arrow, "relpos": (0 if side > 0 else 1, 0.5)} if abs(shift) > height / 2 else None,
        )


@drawing
def methods_per_class(table: pd.DataFrame, *, split: str = "test") -> Figure:
    """IoU of every method and class: by the paper's percentile and by the rule chosen on validation for the method.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, value, n``
    split
        Which rows to draw. Methods stand in the order of their mean over classes in the right panel.
    """
    rows = table[(table["split"] == split) & (table["metric"] == "iou") & (table["class"] != "all")]
    rows = kinds(rows)
    classes = list(dict.fromkeys(rows["class"]))
    means = rows[rows["kind"] == FREE].groupby("method")["value"].mean().sort_values(ascending=False, kind="stable")
    shown = list(means.index)
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 0.29 * len(shown) + 2.0), sharey=True, layout="constrained")
    image = None
    for ax, kind in zip(axes, (PERCENTILE, FREE), strict=True):
        values = rows[rows["kind"] == kind].pivot_table(index="method", columns="class", values="value")
        values = values.reindex(index=shown, columns=classes)
        image = ax.imshow(values.to_numpy(dtype=float), vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for (y, x), value in np.ndenumerate(values.to_numpy(dtype=float)):
            if np.isfinite(value):
                text = f"{100 * value:.0f}"
                ax.text(x, y, text, ha="center", va="center", color="white" if value < 0.6 else style.INK)
        ax.set_title(_RULES[kind])
        ax.set_xticks(range(len(classes)), [style.class_title(c) for c in classes], rotation=90)
        ax.grid(visible=False)
    axes[0].set_yticks(range(len(shown)), [style.name(method) for method in shown])
    if image is not None:
        fig.colorbar(image, ax=axes, location="bottom", shrink=0.4, aspect=40, label="IoU (in the cells: per cent)")
    return fig


@drawing
def readings_of_methods(table: pd.DataFrame, *, split: str = "test") -> Figure:
    """What the sign is worth: each method read as absolute, signed or positive part; filled is its own way.

    Parameters
    ----------
    table
        ``sign, split, method, rule, metric, class, average, value, ci_low, ci_high``
    split
        Which rows to draw.
    """
    rows = table[(table["split"] == split) & (table["class"] == "all") & (table["average"] == "instance")]
    best = rows[rows["metric"] == "iou"].groupby("method")["value"].max().sort_values(ascending=False, kind="stable")
    shown = list(best.index)
    fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 0.32 * len(shown) + 1.5), sharey=True, layout="constrained")
    titles = {"iou": "IoU, percentile", "pointing_game": "Pointing game", "auroc": "AUROC"}
    for ax, (metric, title) in zip(axes, titles.items(), strict=True):
        for offset, (sign, mark) in zip((-0.2, 0.0, 0.2), _SIGNS.items(), strict=True):
            mine = rows[(rows["metric"] == metric) & (rows["sign"] == sign)].set_index("method")
            for y, method in enumerate(shown):
                row, colour = mine.loc[method], _colour(method)
                own = methods.REGISTRY[method].sign == sign
                ends = [row["ci_low"], row["ci_high"]]
                ax.plot(ends, [y + offset] * 2, color=colour, lw=2, alpha=0.3, solid_capstyle="round")
                face = colour if own else "white"
                ax.plot(
                    row["value"], y + offset, mark, color=colour, markerfacecolor=face, ms=5.5, zorder=5, clip_on=False
                )
        ax.set(title=title, xlim=(0.2 if metric == "auroc" else 0, 1), xticks=np.arange(0.2, 1.1, 0.2))
        ax.grid(axis="y", visible=False)
        for y in range(0, len(shown), 2):
            ax.axhspan(y - 0.5, y + 0.5, color="#F6F6F6", lw=0, zorder=0)
    axes[0].set_yticks(range(len(shown)), [style.name(method) for method in shown])
    axes[0].set_ylim(len(shown) - 0.5, -0.5)
    axes[0].set_xlabel(f"mean over {style.counted(rows)} instances")
    handles = [
        Line2D([], [], marker=mark, ls="none", color=style.INK, markerfacecolor="white", label=sign)
        for sign, mark in _SIGNS.items()
    ]
    fig.legend(handles=[*handles, *_family_handles(shown)], loc="outside lower center", ncols=4)
    return fig
