"""Figures of other conditions: each metric against what is varied."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igsed_core.show import describe, style
from igsed_core.show.style import drawing

# Panel -> its heading. IoU under the rule without a parameter that validation chose: it stands beside the tuned ones.
PANELS = {
    "classifier_f1": "Classifier: macro F1",
    "iou": "IoU, rule without a parameter",
    "pointing_game": "Pointing game",
    "auroc": "AUROC",
}
TUNED = ("percentile", "share_of_maximum")
_LABELS = {
    "snr": "event-to-background ratio (dB)",
    "events": "events in the clip",
    "overlap": "events that sound at once, of three",
    "duration": "how long the class sounds in the clip",
    "background": "background",
    "recordings": "recordings",
}


@drawing
def by_condition(table: pd.DataFrame, condition: str) -> Figure:
    """Classifier and methods at every level of one condition, with 95 % intervals.

    Parameters
    ----------
    table
        ``condition, level, method, rule, metric, average, value, ci_low, ci_high``
    condition
        Which rows to draw; levels that are numbers lie on a scale, others side by side.
    """
    mine = table[table["condition"] == condition]
    levels = list(dict.fromkeys(mine["level"].astype(str)))
    panels = [name for name in PANELS if (mine["metric"] == name).any()]
    on_scale = condition == "snr"
    x = dict(zip(levels, map(float, levels) if on_scale else range(len(levels)), strict=True))
    methods = list(dict.fromkeys(mine.loc[mine["metric"] == "pointing_game", "method"]))
    n_rows = -(-len(panels) // 2)
    fig, axes = plt.subplots(
        n_rows, 2, figsize=(style.WIDTH, 2.9 * n_rows + 0.9), sharex=True, layout="constrained", squeeze=False
    )
    for ax, metric in zip(axes.flat, panels, strict=False):
        _panel(ax, _rows_of(mine, metric), methods, x, lines=condition not in ("background", "recordings"))
        ax.set(title=PANELS[metric], ylim=(0, 1.03))
    for ax in list(axes.flat)[len(panels) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xticks(list(x.values()), [_level(level) for level in levels])
        ax.set_xlabel(_LABELS.get(condition, condition))
    if not on_scale:
        axes[0, 0].set_xlim(-0.5, len(levels) - 0.5)
    describe.about(fig, _sentence(_LABELS.get(condition, condition)), mine)
    fig.legend(*axes.flat[len(panels) - 1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


def _rows_of(mine: pd.DataFrame, metric: str) -> pd.DataFrame:
    average = "class" if metric.startswith("classifier") else "instance"
    rows = mine[(mine["metric"] == metric) & (mine["average"] == average)]
    return rows[~rows["rule"].isin(TUNED)] if metric == "iou" else rows


def _panel(ax: Axes, rows: pd.DataFrame, methods: list[str], x: dict[str, float], *, lines: bool) -> None:
    methods = [name for name in methods if name in set(rows["method"])] or list(dict.fromkeys(rows["method"]))
    for i, method in enumerate(methods):
        group = rows[rows["method"] == method]
        colour, line = (style.INK, "-") if method == "clip_level" else style.look(method)
        at = np.array([x[level] for level in group["level"].astype(str)])
        if lines:
            ax.plot(at, group["value"], line, marker="o", ms=4, lw=1.8, color=colour, label=style.title(method))
            ax.fill_between(at, group["ci_low"], group["ci_high"], color=colour, alpha=0.09, lw=0)
            continue
        at = at + 0.11 * (i - (len(methods) - 1) / 2)
        ax.vlines(at, group["ci_low"], group["ci_high"], color=colour, lw=3, alpha=0.35)
        ax.plot(at, group["value"], "o", ms=6, color=colour, label=style.title(method))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _level(level: str) -> str:
    return level.replace("-", "\N{MINUS SIGN}") if level.lstrip("-").isdigit() else style.plain(level)
