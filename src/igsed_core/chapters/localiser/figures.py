"""Figures of the localiser: what the maximum over time leaves, what absence looks like, what each part adds."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from igsed_core.show import style
from igsed_core.show.style import drawing

NONE = "none"
# (method, rule) -> name, and what time labels are used for
LADDER = {
    ("ig", "percentile"): ("IG, percentile of the clip (paper)", "threshold"),
    ("ig", "share_of_maximum"): ("IG, share of its maximum", "threshold"),
    ("fw_ws", "share_of_maximum"): ("FW-WS, share of its maximum", "threshold"),
    ("fw_ss", "share_of_maximum"): ("FW-SS, share of its maximum", "training, threshold"),
    ("cam", "share_of_maximum"): ("CAM, share of its maximum", "threshold"),
    ("cam", "otsu"): ("CAM, Otsu in each clip", NONE),
    ("cam", "logit_hmm"): ("CAM, hidden Markov in each clip", NONE),
    ("cam", "even_odds"): ("CAM, probability above one half", NONE),
    ("cam", "absence"): ("CAM, against absence, by frame", NONE),
    ("cam", "absence_hmm"): ("CAM, against absence, in time", NONE),
    ("shifted_cam", "absence_hmm"): ("Localiser, edges as found: the same at shifts", NONE),
    ("shifted_cam", "absence_hmm_edges"): ("Localiser: the same, edges calibrated", NONE),
    ("fw_ws", "absence_hmm"): ("FW-WS, against absence, in time", NONE),
    ("fw_ss", "absence_hmm"): ("FW-SS, against absence, in time", "training"),
}
OVER_TIME = {
    "winners": "share of the\nlogit",
    "ig": "IG",
    "cam": "CAM,\nlogit",
    "shifted_cam": "CAM at\nshifts, logit",
    "localiser": "localiser,\nlog-odds",
}
_OWN = (("shifted_cam", "absence_hmm"), ("shifted_cam", "absence_hmm_edges"))
_IG, _CAM = "ig", "shifted_cam"
_WITH_TIME_LABELS, _WITHOUT = style.FAINT, style.INK
_LIMIT = 15.0  # log-odds shown; beyond it nothing is in doubt


@drawing
def parts_on_clip(
    truth: NDArray[np.bool_],
    parts: Mapping[str, tuple[NDArray[np.floating], float, float]],
    *,
    frame_length: float,
    label: str,
) -> Figure:
    """One instance: what each frame gives to the logit, IG, CAM without and with shifts, the localiser.

    Parameters
    ----------
    truth
        Active frames, ``[shape=(n_frames,)]``.
    parts
        Name, one of :data:`OVER_TIME` -> (values, step, start); the last two in seconds.
    frame_length
        Seconds.
    label
        Class of the instance.
    """
    edges = frame_length * np.arange(len(truth) + 1)
    fig, axes = plt.subplots(
        len(parts), figsize=(style.WIDTH, 1.05 * len(parts) + 1.1), sharex=True, layout="constrained", squeeze=False
    )
    for ax, (name, (values, step, start)) in zip(axes[:, 0], parts.items(), strict=True):
        shown = np.clip(values, -_LIMIT, _LIMIT) if name == "localiser" else np.asarray(values)
        colour = style.colour(name)
        of_steps = start + step * np.arange(len(shown) + 1)
        ax.stairs(shown, of_steps, baseline=np.zeros(len(shown)), fill=True, color=colour, alpha=0.5)
        if len(shown) <= 400:
            ax.stairs(shown, of_steps, baseline=None, color=colour, lw=1.2)
        low, high = min(float(shown.min()), 0.0), max(float(shown.max()), 1e-12)
        active = np.where(truth, high * 1.05, low * 1.05)
        ax.fill_between(
            *(edges, low * 1.05, [*active, active[-1]]), step="post", color=style.TRUTH, alpha=0.22, lw=0, zorder=0
        )
        ax.axhline(0, color=style.INK, lw=0.8)
        ax.set(xlim=(0, edges[-1]), ylim=(low * 1.05, high * 1.05))
        ax.set_ylabel(OVER_TIME.get(name, name), rotation=0, ha="right", va="center")
        ax.grid(visible=False)
    axes[-1, 0].set_xlabel("time (s)")
    fig.legend(
        handles=[Patch(color=style.TRUTH, alpha=0.3, label=f"{style.class_title(label)}: ground truth")],
        loc="outside upper right",
    )
    return fig


@drawing
def absence(table: pd.DataFrame, label: str) -> Figure:
    """Frame logits of clips without and with a class, the two fitted states, and the evidence.

    Parameters
    ----------
    table
        ``class, logit, without, with, absent, present, evidence``
    label
        Class to show; the first of the table, if this one has no model.
    """
    label = label if (table["class"] == label).any() or table.empty else str(table["class"].iloc[0])
    rows = table[table["class"] == label]
    logit = rows["logit"].to_numpy()
    half = (logit[1] - logit[0]) / 2 if len(logit) > 1 else 0.0
    edges = np.append(logit - half, logit[-1] + half if len(logit) else 0.0)
    fig, (density, evidence) = plt.subplots(
        2, figsize=(style.WIDTH, 5.2), sharex=True, layout="constrained", height_ratios=[1.5, 1]
    )
    density.stairs(
        *(rows["without"], edges), fill=True, color=style.FAINT, alpha=0.35, label="frames of clips without the class"
    )
    density.stairs(rows["with"], edges, color=style.INK, lw=1.3, label="frames of clips with it")
    density.plot(logit, rows["absent"], color=style.FAINT, lw=2.2, label="fitted: absent")
    density.plot(logit, rows["present"], color=style.SERIES[0][0], lw=2.2, label="fitted: present")
    density.set(title=style.class_title(label), ylabel="density", ylim=(0, None))
    density.legend(loc="upper right")
    evidence.plot(logit, rows["evidence"], color=style.INK, lw=2)
    evidence.axhline(0, color=style.FAINT, lw=1)
    evidence.set(xlabel="logit of a feature frame (CAM)", ylabel="evidence\n(log-likelihood ratio)")
    return fig


@drawing
def ladder(table: pd.DataFrame, *, split: str = "test", average: str = "instance") -> Figure:
    """IoU and pointing game of every step with intervals; colour says whether time labels are used.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, ci_low, ci_high``
    split, average
        Which rows to draw.
    """
    rows = table[(table["split"] == split) & (table["average"] == average) & (table["class"] == "all")]
    there = set(zip(rows["method"], rows["rule"], strict=True))
    steps = {key: of for key, of in LADDER.items() if key in there}
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 0.36 * len(steps) + 1.3), sharey=True, layout="constrained")
    for ax, metric in zip(axes, ("iou", "pointing_game"), strict=True):
        records = rows[rows["metric"] == metric].to_dict("records")
        of_metric = {(row["method"], row["rule"]): row for row in records}
        for y, (key, (_, used)) in enumerate(steps.items()):
            row, colour = of_metric[key], _WITHOUT if used == NONE else _WITH_TIME_LABELS
            ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=4, alpha=0.45, solid_capstyle="round")
            ax.plot(row["value"], y, "o", color=colour, ms=8, clip_on=False)
            ax.annotate(
                *(f"{row['value']:.2f}", (row["value"], y)),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=9.5,
            )
        ax.set(
            title=style.METRICS[metric], xlim=(min(0.4, 0.9 * min(row["ci_low"] for row in of_metric.values())), 1.02)
        )
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(steps)), [name for name, _ in steps.values()])
    axes[0].set_ylim(len(steps) - 0.5, -0.8)
    axes[0].set_xlabel(f"mean over {style.counted(rows)} {average if average == 'instance' else 'classe'}s")
    for key, tick in zip(steps, axes[0].get_yticklabels(), strict=True):
        tick.set_fontweight("bold" if key in _OWN else "normal")
    handles = [
        Line2D([], [], marker="o", color=_WITH_TIME_LABELS, lw=4, label="time labels in training or threshold"),
        Line2D([], [], marker="o", color=_WITHOUT, lw=4, label="no time label"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig


@drawing
def clip_by_clip(table: pd.DataFrame) -> Figure:
    """The localiser's IoU on each test instance against IG's, by class.

    Parameters
    ----------
    table
        ``clip, class, method, metric, value``, from :func:`igsed_core.chapters.localiser.study.by_instance`.
    """
    iou = table[table["metric"] == "iou"].pivot_table("value", ["clip", "class"], "method").reset_index()
    labels = sorted(iou["class"].unique())
    colours = style.class_colours(labels)
    fig, ax = plt.subplots(figsize=(style.WIDTH, 5.2), layout="constrained")
    ax.plot([0, 1], [0, 1], color=style.FAINT, lw=1, ls=":")
    for label, rows in iou.groupby("class"):
        ax.scatter(
            *(rows[_IG], rows[_CAM]),
            color=colours[str(label)],
            alpha=0.8,
            s=34,
            lw=0,
            label=style.class_title(str(label)),
            clip_on=False,
        )
    ax.set(
        xlabel="IoU of IG, the paper's percentile", ylabel="IoU of the localiser", xlim=(0, 1), ylim=(0, 1), aspect=1
    )
    fig.legend(loc="outside right upper")
    return fig
