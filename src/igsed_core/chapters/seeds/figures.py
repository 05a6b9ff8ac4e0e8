"""Figure of seeds: each method under every seed beside the bootstrap interval of one."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igsed_core.detection.scored import RANKED
from igsed_core.show import style
from igsed_core.show.style import drawing

# kind of repetition -> marker, place above (-) or below the main job's value, words
_KINDS = {
    "training": ("^", 0.22, "other training seeds"),
    "data": ("s", 0.38, "other validation and test data"),
    "both": ("P", 0.54, "everything drawn anew"),
    "bank": ("X", 0.66, "other sounds, too"),
}


@drawing
def seeds(found: pd.DataFrame, *, average: str = "instance") -> Figure:
    """IoU, F1 and pointing game of every method under every seed.

    Parameters
    ----------
    found
        ``varied, seed, method, metric, average, value, ci_low, ci_high``
    average
        Which rows to draw.
    """
    rows = found[found["average"] == average]
    methods = [m for m in RANKED if m in set(rows["method"])]
    kinds = [kind for kind in _KINDS if kind in set(rows["varied"])]
    fig, axes = plt.subplots(1, 3, figsize=(style.WIDTH, 0.75 * len(methods) + 1.4), sharey=True, layout="constrained")
    for ax, metric in zip(axes, ("iou", "f1", "pointing_game"), strict=True):
        for y, method in enumerate(methods):
            colour = style.colour(method)
            mine = rows[(rows["method"] == method) & (rows["metric"] == metric)]
            main = mine[mine["varied"] == "main"].iloc[0]
            ax.plot([main["ci_low"], main["ci_high"]], [y, y], color=colour, lw=4, alpha=0.4, solid_capstyle="round")
            ax.plot(main["value"], y, "o", color=colour, ms=9, zorder=5, clip_on=False)
            for kind in kinds:
                marker, down, _ = _KINDS[kind]
                values = mine.loc[mine["varied"] == kind, "value"]
                look = {"color": colour, "ms": 6.5, "mec": "white", "mew": 0.7, "ls": "none", "clip_on": False}
                ax.plot(values, [y + down] * len(values), marker, **look)
        ax.set(title=style.METRICS[metric], xlim=(0, 1))
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(methods)), [style.name(m).replace(" (IG)", "").replace(" ", "\n") for m in methods])
    axes[0].set_ylim(len(methods) - 0.3, -0.5)
    axes[1].set_xlabel(f"means over {style.counted(rows)} {'instances' if average == 'instance' else 'classes'}")
    handles = [
        Line2D([], [], marker="o", color=style.INK, lw=4, ms=8, alpha=0.8, label="main seed, 95 % interval over clips"),
        *(
            Line2D([], [], marker=_KINDS[kind][0], color=style.INK, ls="none", ms=6, label=_KINDS[kind][2])
            for kind in kinds
        ),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig
