"""Figures of what methods say over time: attributions of a clip, their completeness, methods side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.show import style
from igsed_core.show.sounds import draw_waveform
from igsed_core.show.style import drawing


@drawing
def attributions(
    samples: NDArray[np.floating],
    sample_rate: int,
    events: pd.DataFrame,
    importance: dict[str, NDArray[np.floating]],
    *,
    step: float,
    t_max: float,
    probabilities: dict[str, float] | None = None,
) -> Figure:
    """Importance over time of each detected class of a clip (paper, Fig. 2).

    Parameters
    ----------
    samples
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.
    events
        ``label, onset, offset`` (s) of the clip.
    importance
        Class -> magnitude of the attribution, ``[shape=(n_steps,)]``.
    step
        Length of a step in seconds.
    t_max
        End of the time axis in seconds.
    probabilities
        Class -> probability that the classifier gives, shown in the panel's title.
    """
    fig, axes = plt.subplots(
        1 + len(importance),
        figsize=(style.WIDTH, 2.0 + 1.3 * len(importance)),
        height_ratios=[1.4, *[1.0] * len(importance)],
        sharex=True,
        layout="constrained",
        squeeze=False,
    )
    wave, *panels = axes[:, 0]
    draw_waveform(wave, samples[: int(t_max * sample_rate)], sample_rate)
    _shade(wave, events)
    _name_events(wave, events, t_max)
    wave.set_xlim(0, t_max)
    for ax, (label, values) in zip(panels, importance.items(), strict=True):
        time = step * (np.arange(len(values)) + 0.5)
        shown = time <= t_max
        ax.fill_between(time[shown], values[shown], color=style.IMPORTANCE, alpha=0.75, lw=0)
        ax.plot(time[shown], values[shown], color=style.IMPORTANCE, lw=0.7)
        mine = events[events["label"] == label]
        _shade(ax, mine)
        title = style.class_title(label)
        if probabilities and label in probabilities:
            title += f", probability {probabilities[label]:.2f}"
        if mine.empty:
            title += " (not in the clip: a false detection)"
        ax.set_title(title)
        ax.set(ylim=(0, None), yticks=[0], yticklabels=["0"], ylabel="importance")
    axes[-1, 0].set_xlabel("time (s)")
    handles = [
        Patch(color=style.TRUTH, alpha=0.3, label="ground truth"),
        Patch(color=style.IMPORTANCE, alpha=0.75, label="magnitude of the attribution"),
    ]
    fig.legend(handles=handles, loc="outside upper right", ncols=2)
    return fig


def _shade(ax: Axes, events: pd.DataFrame) -> None:
    for event in events.itertuples():
        ax.axvspan(event.onset, event.offset, color=style.TRUTH, alpha=0.25, lw=0, zorder=0)  # type: ignore[arg-type]


def _name_events(ax: Axes, events: pd.DataFrame, t_max: float) -> None:
    """Write each event's class at its onset, above the waveform; one that would run into another goes a line down."""
    lines: list[float] = []  # where the last name of each line ends, in seconds
    for event in events[events["onset"] < t_max].sort_values("onset").itertuples():
        text = style.class_title(str(event.label))
        width = len(text) * t_max / 105
        onset = min(float(event.onset), t_max - width)  # type: ignore[arg-type]
        line = next((i for i, end in enumerate(lines) if end <= onset), len(lines))
        lines[line : line + 1] = [onset + width]
        ax.text(
            *(onset + 0.004 * t_max, 0.95 - 0.19 * line, text),
            transform=ax.get_xaxis_transform(),
            va="top",
            color="#00664B",
            fontsize=10,
            bbox={"facecolor": "white", "alpha": 0.6, "lw": 0, "pad": 0.6},
        )
    low, high = ax.get_ylim()
    room = min(0.05 + 0.19 * len(lines), 0.7)  # share of the panel that the names take
    ax.set_ylim(low, low + (high - low) / (1 - room))


@drawing
def completeness(index: pd.DataFrame) -> Figure:
    """Distribution of the relative completeness error of maps of Integrated Gradients, all and by class.

    Parameters
    ----------
    index
        ``label, completeness_error``: the error relative to the change of the score from baseline to clip.
    """
    errors = index["completeness_error"].abs().clip(lower=1e-6)
    labels = sorted(index["label"].unique())
    fig, (histogram, by_class) = plt.subplots(
        1, 2, figsize=(style.WIDTH, 1.6 + 0.26 * max(len(labels), 6)), width_ratios=[1, 1.3], layout="constrained"
    )
    median = float(errors.median())
    low, high = np.log10(errors.min()), np.log10(errors.max())
    bins = np.logspace(low - 0.05, high + 0.05, 25)
    histogram.hist(errors, bins=bins.tolist(), color=style.colour("ig"), alpha=0.8)
    histogram.axvline(median, color=style.INK, lw=1.5)
    histogram.set_title(f"All maps, median {median:.2g}")
    histogram.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    histogram.set(xscale="log", xlabel="relative completeness error", ylabel="maps")
    for y, label in enumerate(labels):
        low5, low25, middle, high75, high95 = errors[index["label"] == label].quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        common = {"color": style.colour("ig"), "solid_capstyle": "round"}
        by_class.plot([low5, high95], [y, y], lw=1.5, **common)
        by_class.plot([low25, high75], [y, y], lw=6, alpha=0.45, **common)
        by_class.plot(middle, y, "o", ms=7, **common)
    by_class.set(xscale="log", xlabel="relative completeness error", ylim=(len(labels) - 0.5, -0.5))
    for ax in (histogram, by_class):  # whole decades alone, at least two of them: the labels between overprint
        left, right = np.log10(ax.get_xlim())
        ax.set_xlim(left=10 ** min(left, np.floor(right) - 1))
        ax.xaxis.set_minor_formatter(NullFormatter())
    by_class.set_title("Median, quartiles, 5 % to 95 %")
    by_class.grid(axis="y", visible=False)
    by_class.set_yticks(range(len(labels)), [style.class_title(label) for label in labels])
    return fig


@drawing
def methods_on_clip(
    truth: NDArray[np.bool_],
    scores: dict[str, NDArray[np.floating]],
    *,
    frame_length: float,
    label: str,
    height: float = 0.75,
) -> Figure:
    """One instance as every method sees it: scores over evaluation frames, each over its own maximum.

    Parameters
    ----------
    truth
        Active frames, ``[shape=(n_frames,)]``.
    scores
        Method -> ``[shape=(n_frames,)]``.
    frame_length
        In seconds.
    label
        Class of the instance.
    height
        Of a method's panel in inches; low ones have their name on one line and no scale.
    """
    low = height < 0.6
    edges = frame_length * np.arange(len(truth) + 1)
    fig, axes = plt.subplots(
        len(scores), figsize=(style.WIDTH, height * len(scores) + 1.1), sharex=True, layout="constrained", squeeze=False
    )
    for ax, (method, values) in zip(axes[:, 0], scores.items(), strict=True):
        active = truth.astype(float) * 1.08
        ax.fill_between(edges, [*active, active[-1]], step="post", color=style.TRUTH, alpha=0.25, lw=0, zorder=0)
        _trace(ax, values, edges, style.colour(method))
        ax.set(ylim=(0, 1.08), yticks=[] if low else [0, 1], xlim=(0, edges[-1]))
        name = style.name(method) if low else style.name(method).replace(" (IG)", "").replace(" ", "\n")
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
    axes[-1, 0].set_xlabel("time (s)")
    fig.legend(
        handles=[Patch(color=style.TRUTH, alpha=0.3, label=f"{style.class_title(label)}: ground truth")],
        loc="outside upper right",
    )
    return fig


@drawing
def scores_over_time(
    scores: Mapping[str, ScoresOverTime], clip: str, labels: Sequence[str], events: pd.DataFrame
) -> Figure:
    """Scores of one clip as each method gives them, in its own steps: a row a method, a column a class.

    Parameters
    ----------
    scores
        Method -> scores over time; each is drawn over its own maximum.
    clip
        Name of the clip.
    labels
        Classes to show.
    events
        ``label, onset, offset`` (s) of the clip.
    """
    fig, axes = plt.subplots(
        *(len(scores), len(labels)),
        figsize=(style.WIDTH, 0.85 * len(scores) + 1.1),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for row, (method, over_time) in zip(axes, scores.items(), strict=True):
        of_clip = over_time.of_clip(clip)
        for ax, label in zip(row, labels, strict=True):
            values = of_clip[label].astype(float)
            edges = over_time.start + over_time.step * np.arange(len(values) + 1)
            _shade(ax, events[events["label"] == label])
            _trace(ax, values, edges, style.colour(method))
            ax.set(ylim=(0, 1.08), yticks=[0, 1], xlim=(max(edges[0], 0), edges[-1]))
        row[0].set_ylabel(style.name(method), rotation=0, ha="right", va="center")
    for ax, label in zip(axes[0], labels, strict=True):
        ax.set_title(textwrap.fill(style.class_title(label), round(60 / len(labels)), break_long_words=False))
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    fig.legend(handles=[Patch(color=style.TRUTH, alpha=0.3, label="ground truth")], loc="outside lower center")
    return fig


def _trace(ax: Axes, values: NDArray[np.floating], edges: NDArray[np.floating], colour: str) -> None:
    """Draw scores over their maximum as steps; fine ones without an outline."""
    highest = float(np.max(values))
    shown = values / highest if highest > 0 else values
    ax.stairs(shown, edges, fill=True, color=colour, alpha=0.55)
    if len(values) <= 200:
        ax.stairs(shown, edges, color=colour, lw=1.2, baseline=None)
    ax.grid(axis="y", visible=False)
