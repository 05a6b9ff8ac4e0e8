"""Figures of the page: F against the window's width, events found by kind, and attention over time to listen to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.chapters.self_attention import measure
from igsed_core.chapters.self_attention.material import Material
from igsed_core.chapters.self_attention.measure import EVENT_F, SEGMENT_F, TUNED
from igsed_core.chapters.self_attention.study import Trained
from igsed_core.chapters.self_attention.systems import CRNN, HEADS, SCRAMBLED
from igsed_core.show import players, sounds, style
from igsed_core.show.cells import by_key
from igsed_core.show.style import drawing

_LOOKS = {EVENT_F: style.SERIES[0][0], SEGMENT_F: style.SERIES[1][0]}
_KINDS = {"length": "length of the event (s)", "polyphony": "events that sound at once"}


@drawing
def against_width(table: pd.DataFrame, full: pd.DataFrame | None = None) -> Figure:
    """F against the width of the window, with its 95 % interval; that of the other networks is in the table below.

    The CRNN without attention is a dashed line, reshaped networks are crosses.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.self_attention.measure.summary`.
    full
        The same of the full-size run, where it ships.
    """
    shown = {"this run": table} | ({} if full is None else {"full size": full})
    fig, axes = plt.subplots(
        1, len(shown), figsize=(style.WIDTH, 4.2), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (name, one) in zip(axes[0], shown.items(), strict=True):
        for metric, colour in _LOOKS.items():
            rows = by_key(one, ("system",), rule=TUNED, metric=metric)
            found = {_width(system): row for (system,), row in rows.items() if system.startswith("width_")}
            widths = sorted(found)
            ends = np.array([[found[w]["ci_low"], found[w]["ci_high"]] for w in widths], dtype=float)
            values = [found[w]["value"] for w in widths]
            ax.fill_between(widths, ends[:, 0], ends[:, 1], color=colour, alpha=0.15, lw=0)
            ax.plot(widths, values, "-o", color=colour, label=measure.METRICS[metric])
            if (none := rows.get((CRNN,))) is not None:
                ax.axhline(none["value"], color=colour, ls="--", lw=1.2)
            if (several := rows.get((HEADS,))) is not None:
                ax.plot(widths[0] / 1.6, several["value"], "s", color=colour, mfc="none", ms=8)
            for (system,), row in rows.items():
                if system.startswith("average_"):
                    ax.plot(_width(system), row["value"], "^", color=colour, mfc="none", ms=8)
                elif system.startswith(SCRAMBLED):
                    at = _width(system) if system != SCRAMBLED else widths[0] / 2.2
                    ax.plot(at, row["value"], "x", color=colour, ms=8)
        ax.set_xscale("log")
        ax.set_xticks(widths, [f"{w:g}" for w in widths])
        ax.minorticks_off()
        ax.set(xlabel="width of the attention's window (s)", title=f"{name}, {style.counted(one)} test clips")
    axes[0][0].set(ylabel="F (95 % interval over clips)")
    first = axes[0][0]
    first.plot([], [], "--", color=style.INK, label="without attention")
    first.plot([], [], "s", color=style.INK, mfc="none", label="several heads")
    first.plot([], [], "^", color=style.INK, mfc="none", label="moving average")
    first.plot([], [], "x", color=style.INK, label="reshaped, as released (left: without attention)")
    fig.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def _width(system: str) -> float:
    return float(system.rpartition("_")[2])


@drawing
def found_events(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Share of events found, by length and by how many sound at once; the 95 % band is the CRNN's without attention.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.self_attention.measure.by_event`.
    titles
        Names of the networks that are shown.
    """
    fig, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 4.0), sharey=True, layout="constrained")
    for ax, (by, words) in zip(axes, _KINDS.items(), strict=True):
        mine = table[table["by"] == by]
        bins = mine.drop_duplicates("low")
        others = itertools.cycle(style.SERIES)
        for name, title in titles.items():
            rows = mine[mine["system"] == name]
            colour, mark = (style.INK, "o") if name == CRNN else next(others)
            ax.plot(range(len(rows)), rows["value"], "-", marker=mark, color=colour, label=title)
            if name == CRNN:
                ax.fill_between(range(len(rows)), rows["ci_low"], rows["ci_high"], color=colour, alpha=0.15, lw=0)
        ends = [_bin(row, whole=by == "polyphony") for row in bins.to_dict("records")]
        ax.set_xticks(range(len(ends)), ends)
        ax.set(xlabel=words)
    axes[0].set(ylabel="share of events found")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def _bin(row: Mapping[Any, Any], *, whole: bool) -> str:
    last = np.isinf(row["high"])
    name = f"{row['low']:g}{' or more' if last else ''}" if whole else f"{row['low']:g} to {row['high']:g}"
    return f"{'from ' + format(row['low'], 'g') if last and not whole else name}\n(n = {int(row['n'])})"


@drawing
def attention_map(
    samples: NDArray[np.floating],
    sample_rate: int,
    events: pd.DataFrame,
    weights: NDArray[np.floating],
    hop: float,
) -> Figure:
    """A soundscape, its events, and what each frame takes of each, in colours that span what differs.

    Weights differ mildly, so that on a scale from zero the map would be a plane: the colours go from the first to the
    99th percentile of the weights, which the scale names.

    Parameters
    ----------
    samples, sample_rate
        The soundscape, ``[shape=(n_samples,)]``, and its rate in Hz.
    events
        ``label, onset, offset`` (s).
    weights
        ``[shape=(time, time)]``; a row is a frame, and sums to 1.
    hop
        Seconds of a frame.
    """
    labels = list(dict.fromkeys(events.sort_values("onset")["label"]))
    seconds = len(samples) / sample_rate
    heights = [1.5, 0.25 + 0.24 * len(labels), 3.6]
    fig, (image, truth, ax) = plt.subplots(
        3, figsize=(style.WIDTH, sum(heights) + 1.3), height_ratios=heights, sharex=True, layout="constrained"
    )
    sounds.draw_spectrogram(image, samples, sample_rate)
    for i, label in enumerate(labels):
        rows = events[events["label"] == label]
        truth.broken_barh(
            list(zip(rows["onset"], rows["offset"] - rows["onset"], strict=True)), (i - 0.38, 0.76), color=style.TRUTH
        )
        for onset, offset in rows[["onset", "offset"]].to_numpy(float):
            side = offset - onset
            ax.add_patch(plt.Rectangle((onset, onset), side, side, fill=False, edgecolor=style.TRUTH, lw=1.5))
    truth.set_yticks(range(len(labels)), [style.class_title(label) for label in labels])
    truth.set(ylim=(len(labels) - 0.4, -0.6))
    over = np.asarray(weights, dtype=float) * (weights > 0).sum(axis=1, keepdims=True)
    over = np.where(weights > 0, over, np.nan)
    low, high = np.nanpercentile(over, (1, 99))
    spread = max((high - low) / 2, 0.005)  # of rounding alone no pattern is made
    shown = ax.imshow(
        over,
        extent=(-hop / 2, len(over) * hop - hop / 2, len(over) * hop - hop / 2, -hop / 2),
        aspect="auto",
        cmap="magma",
        vmin=(low + high) / 2 - spread,
        vmax=(low + high) / 2 + spread,
    )
    fig.colorbar(
        shown,
        ax=ax,
        label=f"weight over that of all alike (98 % lie from {low:.2f} to {high:.2f})",
        location="bottom",
        shrink=0.6,
        pad=0.02,
        extend="both",
    )
    ax.grid(False)
    ax.set(xlabel="frames that are attended (time, s)", ylabel="frame (time, s)", xlim=(0, seconds))
    return fig


def listen(one: Trained, material: Material, clip: int = 0) -> None:
    """Display attention over time of one test soundscape, with its sound.

    Parameters
    ----------
    one
        A network with attention.
    material
        The soundscapes.
    clip
        Number among the test's.
    """
    part, data = material.parts["test"], material.data
    row = part.clips.iloc[[clip]]
    events = part.events[part.events["clip"] == row["clip"].iloc[0]]
    samples = data.read(row)[0]
    weights = one.network.weights(part.maps[[clip]])[0].numpy()
    picture = attention_map(samples, data.sample_rate, events, weights, material.hop)
    display(picture, players.player(samples, data.sample_rate, players.named(events), over=picture))
