"""Listen and look: a soundscape as picture and sound, with what methods say of it, and the sound that they point at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.show import describe, players, sounds, style
from igsed_core.show.style import drawing

_LOW = 8  # curves from which panels are low, their names on one line


@dataclass(frozen=True, eq=False)
class Curve:
    """What a method says over time of a class in a soundscape.

    Attributes
    ----------
    method
        Name of a scored method, which has a title and a colour.
    values
        Importance, of any scale; what is negative is shown as nothing, ``[shape=(n_steps,)]``.
    step
        Length of a step in seconds; the first one begins with the soundscape.
    label
        The class.
    """

    method: str
    values: NDArray[np.floating]
    step: float
    label: str


def show(
    samples: NDArray[np.floating],
    sample_rate: int,
    events: pd.DataFrame,
    curves: Sequence[Curve] = (),
    *,
    hear: Sequence[str] = (),
    stems: Mapping[str, NDArray[np.floating]] | None = None,
) -> None:
    """Display a soundscape with its player: one cursor goes through sound and picture, a click seeks, space plays.

    Parameters
    ----------
    samples
        The soundscape, ``[shape=(n_samples,)]``.
    sample_rate
        In Hz.
    events
        ``label, onset, offset`` (s) of the soundscape.
    curves
        Of the methods to show.
    hear
        Methods among them that can be heard: the soundscape, weighted by the curve.
    stems
        Class -> the class alone, as it was mixed in, ``[shape=(n_samples,)]``.
    """
    picture, player = listen(samples, sample_rate, events, curves, hear=hear, stems=stems)
    display(picture, player)


def listen(
    samples: NDArray[np.floating],
    sample_rate: int,
    events: pd.DataFrame,
    curves: Sequence[Curve] = (),
    *,
    hear: Sequence[str] = (),
    stems: Mapping[str, NDArray[np.floating]] | None = None,
) -> tuple[Figure, HTML]:
    """Return the picture and the player that :func:`show` displays.

    Parameters
    ----------
    samples, sample_rate, events, curves, hear, stems
        See :func:`show`.
    """
    if curves:
        picture = with_curves(samples, sample_rate, events, curves)
    else:
        picture = sounds.soundscape(samples, sample_rate, events)
    tracks: dict[str, NDArray[np.floating]] = {"the soundscape": samples}
    for curve in curves:
        if curve.method in hear:
            name = f"where {style.short(curve.method)} hears {style.class_name(curve.label)}"
            tracks[name] = players.weighted(samples, curve.values, curve.step, sample_rate)
    for label, stem in (stems or {}).items():
        tracks[f"{style.class_name(label)} alone, as mixed in"] = stem
    title = players.named(events)
    return picture, players.player(tracks if len(tracks) > 1 else samples, sample_rate, title, over=picture)


@drawing
def with_curves(
    samples: NDArray[np.floating], sample_rate: int, events: pd.DataFrame, curves: Sequence[Curve]
) -> Figure:
    """A soundscape: its spectrogram, the ground truth, and each method's scores over their maximum.

    Parameters
    ----------
    samples
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.
    events
        ``label, onset, offset`` (s) of the soundscape.
    curves
        One panel each, in this order.
    """
    labels = list(dict.fromkeys(events.sort_values("onset")["label"]))
    seconds = len(samples) / sample_rate
    low = len(curves) >= _LOW
    heights = [1.7, 0.2 + 0.24 * max(len(labels), 1), *[0.38 if low else 0.75] * len(curves)]
    fig, (image, truth, *panels) = plt.subplots(
        len(heights),
        figsize=(style.WIDTH, sum(heights) + 1.3),
        height_ratios=heights,
        sharex=True,
        layout="constrained",
    )
    sounds.draw_spectrogram(image, samples, sample_rate)
    for i, label in enumerate(labels):
        rows = events[events["label"] == label]
        spans = list(zip(rows["onset"], rows["offset"] - rows["onset"], strict=True))
        truth.broken_barh(spans, (i - 0.38, 0.76), color=style.TRUTH)
    truth.set_yticks(range(len(labels)), [style.class_title(label) for label in labels])
    truth.set(ylim=(len(labels) - 0.4, -0.6))
    truth.grid(axis="y", visible=False)
    several = len({curve.label for curve in curves}) > 1
    for ax, curve in zip(panels, curves, strict=True):
        for onset, offset in events.loc[events["label"] == curve.label, ["onset", "offset"]].to_numpy(float):
            ax.axvspan(onset, offset, color=style.TRUTH, alpha=0.25, lw=0, zorder=0)
        values = np.maximum(np.asarray(curve.values, dtype=float), 0.0)
        values = values / max(float(values.max(initial=0.0)), 1e-12)
        edges = np.minimum(curve.step * np.arange(len(values) + 1), seconds)
        ax.stairs(values, edges, fill=True, color=style.colour(curve.method), alpha=0.7)
        name = style.name(curve.method) if low else style.short(curve.method)
        if several:
            name += f"{', ' if low else chr(10)}{style.class_title(curve.label)}"
        ax.set(ylim=(0, 1.05), yticks=[] if low else [0, 1])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.grid(axis="y", visible=False)
    image.set_title("Log-mel spectrogram")
    truth.set_title("Ground truth")
    if panels:
        panels[0].set_title(
            "Scores over their maximum"
            + ("" if several else f": {style.class_title(curves[0].label)}, its truth shaded")
        )
    fig.axes[-1].set(xlabel="time (s)", xlim=(0, seconds))
    describe.about(fig, ", ".join(map(style.class_name, labels)))
    return fig
