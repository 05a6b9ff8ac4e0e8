"""A stretch of a recording: spectrogram, probabilities over time, and the events that were found."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.detection.localiser_curves import Curves
from igsed_core.show import sounds, style
from igsed_core.show.style import drawing

_LEAST = 0.1  # s


@drawing
def stretch(
    samples: NDArray[np.floating],
    sample_rate: int,
    curves: Curves,
    events: pd.DataFrame,
    *,
    begin: float,
    end: float,
    truth: pd.DataFrame | None = None,
) -> Figure:
    """A stretch of a recording: its spectrogram, the probability of each class, the events found and the true ones.

    Parameters
    ----------
    samples
        The whole recording, ``[shape=(n_samples,)]``.
    sample_rate
        In Hz.
    curves
        Probabilities over time.
    events
        ``onset, offset`` (s), ``event_label``: what was found.
    begin, end
        Of the stretch, in seconds.
    truth
        ``onset, offset, event_label``, where it is known.
    """
    lists = [("found", events)] if truth is None else [("found", events), ("true", truth)]
    inside = [table[(table["offset"] > begin) & (table["onset"] < end)] for _, table in lists]
    labels = sorted({label for table in inside for label in table["event_label"]})
    colours = style.class_colours(labels)
    height = 0.35 + 0.28 * max(len(labels), 1) * len(lists)
    fig, (image, lines, bars) = plt.subplots(
        3, figsize=(style.WIDTH, 3.2 + height), height_ratios=[1.6, 1.4, height], sharex=True, layout="constrained"
    )
    first = round(begin * sample_rate)
    piece = samples[first : max(round(end * sample_rate), first + round(_LEAST * sample_rate))]
    log_mel = sounds.log_mel(piece, sample_rate)
    top = float(log_mel.max())
    image.imshow(
        log_mel,
        origin="lower",
        aspect="auto",
        extent=(begin, begin + len(piece) / sample_rate, 0, len(log_mel)),
        cmap="magma",
        vmin=top - 80,
        vmax=top,
    )
    image.set(yticks=[], ylabel="mel")
    image.grid(False)
    edges = curves.edges
    steps = np.flatnonzero((edges[1:] > begin) & (edges[:-1] < end))
    for label in labels:
        if label in curves.classes and len(steps):
            values = curves.scores[steps, curves.classes.index(label)]
            lines.stairs(values, edges[steps[0] : steps[-1] + 2], color=colours[label], label=style.class_title(label))
    lines.set(ylim=(0, 1.04), ylabel="probability")
    names: list[str] = []
    for label in labels:
        for j, ((what, _), table) in enumerate(zip(lists, inside, strict=True)):
            rows = table[table["event_label"] == label]
            spans = list(zip(rows["onset"], rows["offset"] - rows["onset"], strict=True))
            bars.broken_barh(spans, (len(names) - 0.35, 0.7), color=colours[label], alpha=1.0 if j == 0 else 0.45)
            names.append(f"{style.class_title(label)}, {what}" if truth is not None else style.class_title(label))
    bars.set_yticks(range(len(names)), names)
    bars.set(ylim=(max(len(names), 1) - 0.4, -0.6), xlim=(begin, end), xlabel="time (s)")
    bars.grid(axis="y", visible=False)
    return fig
