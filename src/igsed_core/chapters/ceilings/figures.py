"""Figures of page 15."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igsed_core.chapters.ceilings.names import RULES, method_name, supervision
from igsed_core.show import describe, style
from igsed_core.show.style import drawing

_WITH, _WITHOUT, _PERFECT = style.FAINT, style.INK, style.TRUTH  # of no method


@drawing
def ceilings(table: pd.DataFrame, *, split: str = "test", average: str = "instance") -> Figure:
    """IoU of every detector with its interval, the best first; colour says whether time labels are used.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, ci_low, ci_high``
    split, average
        Which rows to draw.
    """
    rows = table[
        (table["split"] == split)
        & (table["average"] == average)
        & (table["class"] == "all")
        & (table["metric"] == "iou")
    ].sort_values("value", ascending=False)
    fig, ax = plt.subplots(figsize=(style.WIDTH, 0.3 * len(rows) + 1.4), layout="constrained")
    names = []
    for y, row in enumerate(rows.to_dict("records")):
        used = supervision(row["method"], row["rule"])
        colour = {"none": _WITHOUT, "all": _PERFECT}.get(used, _WITH)
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=4, alpha=0.45, solid_capstyle="round")
        ax.plot(row["value"], y, "o", color=colour, ms=7)
        names.append(f"{method_name(row['method'])}, {RULES.get(row['rule'], row['rule'])}")
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(f"IoU, mean over {style.counted(rows)} {average}s" if len(rows) else "IoU")
    ax.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], marker="o", color=_WITHOUT, lw=4, label="no time label"),
        Line2D([], [], marker="o", color=_WITH, lw=4, label="time labels in training or decision"),
        Line2D([], [], marker="o", color=_PERFECT, lw=4, label="knows the truth, on its grid"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3)
    describe.about(fig, "", rows)  # the caption counts the instances of all classes together
    return fig
