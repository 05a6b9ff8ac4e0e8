"""Figures of sounds and soundscapes: spectrograms, ground truth, statistics of a set."""

from __future__ import annotations

import functools
import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soxr
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from igsed_core.models.frontend import PannsLogMel
from igsed_core.show import describe, style
from igsed_core.show.style import drawing

_RANGE = 70.0  # dB below the loudest bin that a spectrogram shows
_HOP = 0.01  # s
_TICKS = (100, 500, 1000, 2000, 5000, 10000)  # Hz


@functools.cache
def _front_end() -> PannsLogMel:
    return PannsLogMel().eval()


def log_mel(samples: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
    """Log-mel spectrogram for the eye, with the front end of PANNs whatever the encoder.

    Parameters
    ----------
    samples
        Mono sound, ``[shape=(n_samples,)]``.
    sample_rate
        In Hz; other rates than 32 kHz are resampled.

    Returns
    -------
    np.ndarray [shape=(n_mels, n_frames)]
        Decibels, 10 ms a frame.
    """
    front_end = _front_end()
    if sample_rate != front_end.sample_rate:
        samples = soxr.resample(np.asarray(samples, dtype=np.float64), sample_rate, front_end.sample_rate)
    samples = np.pad(samples, (0, max(0, front_end.n_fft - len(samples))))
    with torch.inference_mode():
        return front_end(torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))[None])[0].numpy().T


def bare_spectrogram(samples: NDArray[np.floating], sample_rate: int) -> bytes:
    """Return the log-mel spectrogram of a sound as a JPEG that fills its frame, a column per 20 ms (some 15 kB).

    Parameters
    ----------
    samples
        Mono sound, ``[shape=(n_samples,)]``.
    sample_rate
        In Hz.
    """
    image = log_mel(samples, sample_rate)
    image = image[:, : image.shape[1] // 2 * 2].reshape(len(image), -1, 2).max(axis=2)
    stream, look = io.BytesIO(), {"vmin": image.max() - _RANGE, "vmax": image.max(), "cmap": "magma"}
    plt.imsave(stream, image, format="jpeg", origin="lower", pil_kwargs={"quality": 80}, **look)
    return stream.getvalue()


def _show_spectrogram(ax: Axes, samples: NDArray[np.floating], sample_rate: int) -> None:
    image = log_mel(samples, sample_rate)
    top = image.max()
    extent = (0.0, image.shape[1] * _HOP, 0.0, image.shape[0])
    ax.imshow(image, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - _RANGE, vmax=top)
    ax.grid(False)


def draw_spectrogram(ax: Axes, samples: NDArray[np.floating], sample_rate: int) -> None:
    """Draw the log-mel spectrogram of samples ``(n_samples,)`` with its frequencies; ``sample_rate`` in Hz."""
    _show_spectrogram(ax, samples, sample_rate)
    _mel_ticks(ax)


def _mel_ticks(ax: Axes) -> None:
    """Label the mel axis in kHz, at the bands whose centres come nearest to round frequencies."""
    front_end = _front_end()
    weights = front_end.mel_weights.numpy()  # (bins, n_mels)
    centres = weights.argmax(axis=0) * front_end.sample_rate / front_end.n_fft
    ax.set_yticks(np.interp(_TICKS, centres, np.arange(len(centres)) + 0.5), [f"{f / 1000:g}" for f in _TICKS])
    ax.set_ylabel("kHz")


@drawing
def contact_sheet(
    sounds: dict[str, list[NDArray[np.floating]]], sample_rate: int, *, max_seconds: float = 4.2, of: str = ""
) -> Figure:
    """Log-mel spectrograms of isolated sounds on one time scale, low frequencies below: a row a class, a column each.

    Parameters
    ----------
    sounds
        Class -> sounds, each ``[shape=(n_samples,)]``.
    sample_rate
        In Hz.
    max_seconds
        Length of the time axis in seconds; longer sounds are cut.
    of
        What the sounds are, for the caption.
    """
    n_columns = max((len(row) for row in sounds.values()), default=1)
    height = 0.72 * len(sounds) + 0.5
    fig, axes = plt.subplots(len(sounds), n_columns, figsize=(style.WIDTH, height), squeeze=False)
    describe.about(fig, of)
    # By hand: a constrained layout takes many seconds for as many axes.
    fig.subplots_adjust(left=0.22, right=0.99, top=1 - 0.05 / height, bottom=0.55 / height, wspace=0.08, hspace=0.12)
    for axes_row, (label, row) in zip(axes, sounds.items(), strict=True):
        axes_row[0].set_ylabel(style.class_title(label), rotation=0, ha="right", va="center")
        for i, ax in enumerate(axes_row):
            ax.set(xlim=(0, max_seconds), yticks=[])
            ax.xaxis.set_major_locator(MultipleLocator(3.0))  # the next panel begins at 4.2
            ax.grid(False)
            ax.tick_params(labelbottom=False, length=0)
            if i < len(row):
                _show_spectrogram(ax, row[i][: int(max_seconds * sample_rate)], sample_rate)
                ax.set_xlim(0, max_seconds)
    for ax in axes[-1]:
        ax.tick_params(labelbottom=True, length=3)
        ax.set_xlabel("time (s)")
    return fig


@drawing
def soundscape(samples: NDArray[np.floating], sample_rate: int, events: pd.DataFrame) -> Figure:
    """One soundscape: waveform, log-mel spectrogram, ground truth.

    Parameters
    ----------
    samples
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.
    events
        ``label, onset, offset`` (s) of this soundscape.
    """
    labels = sorted(events["label"].unique())
    colours = style.class_colours(labels)
    fig, (wave, image, truth) = plt.subplots(
        3,
        figsize=(style.WIDTH, 3.7 + 0.28 * max(len(labels), 1)),
        height_ratios=[1, 2.2, 0.25 + 0.28 * max(len(labels), 1)],
        sharex=True,
        layout="constrained",
    )
    draw_waveform(wave, samples, sample_rate)
    draw_spectrogram(image, samples, sample_rate)
    for i, label in enumerate(labels):
        rows = events[events["label"] == label]
        spans = list(zip(rows["onset"], rows["offset"] - rows["onset"], strict=True))
        truth.broken_barh(spans, (i - 0.38, 0.76), color=colours[label])
        for onset, length in spans:
            wave.axvspan(onset, onset + length, color=colours[label], alpha=0.35, lw=0, zorder=0)
            for edge in (onset, onset + length):
                image.axvline(edge, color="white", lw=1.0, ls=(0, (3, 3)), alpha=0.8)
    truth.set_yticks(range(len(labels)), [style.class_title(label) for label in labels])
    truth.set(ylim=(len(labels) - 0.4, -0.6), xlabel="time (s)", xlim=(0, len(samples) / sample_rate))
    truth.grid(axis="y", visible=False)
    for ax, title in ((wave, "Waveform"), (image, "Log-mel spectrogram"), (truth, "Ground truth")):
        ax.set_title(title)
    describe.about(fig, ", ".join(map(style.class_name, labels)))
    return fig


def draw_waveform(ax: Axes, samples: NDArray[np.floating], sample_rate: int) -> None:
    """Draw the envelope of a waveform: lowest and highest of samples ``(n,)`` in each of some 2000 columns."""
    length = max(1, len(samples) // 2000)
    columns = np.asarray(samples[: len(samples) // length * length], dtype=float).reshape(-1, length)
    time = (np.arange(len(columns)) + 0.5) * length / sample_rate
    ax.fill_between(time, columns.min(axis=1), columns.max(axis=1), color=style.INK, lw=0.3, rasterized=True)
    limit = 1.05 * max(float(np.abs(columns).max()), 1e-6)
    ax.set(ylim=(-limit, limit), yticks=[0], yticklabels=[""], ylabel="amplitude")


@drawing
def soundscape_statistics(clips: pd.DataFrame, events: pd.DataFrame, removed: pd.DataFrame) -> Figure:
    """What a set of soundscapes holds: classes, onsets, durations, levels, number of events.

    Parameters
    ----------
    clips
        ``clip, split, n_events, polyphony``
    events
        ``clip, label, onset, offset, snr`` in seconds and decibels.
    removed
        ``n_events, polyphony`` of the soundscapes that the polyphony filter left out.
    """
    import seaborn as sns  # here, since it takes two seconds and few pages need it

    events = events.merge(clips[["clip", "split"]], on="clip")
    labels = sorted(events["label"].unique())
    splits = [split for split in style.SPLITS if (clips["split"] == split).any()]
    fig = plt.figure(figsize=(style.WIDTH, 5.4), layout="constrained")
    grid = fig.add_gridspec(2, 3, width_ratios=[1.25, 1, 1])
    by_class = fig.add_subplot(grid[:, 0])
    counts = pd.crosstab(events["label"], events["split"]).reindex(index=labels, columns=splits, fill_value=0)
    left = np.zeros(len(labels))
    for split in splits:
        by_class.barh(range(len(labels)), counts[split], left=left, color=style.SPLITS[split], label=split, height=0.72)
        left += counts[split].to_numpy()
    by_class.set_yticks(range(len(labels)), [style.class_title(label) for label in labels])
    by_class.invert_yaxis()
    by_class.grid(axis="y", visible=False)
    by_class.set(title="Events of each class", xlabel="events")
    for position, values, title, unit in (
        (grid[0, 1], events["onset"], "Onsets", "time (s)"),
        (grid[0, 2], events["offset"] - events["onset"], "Durations", "duration (s)"),
        (grid[1, 1], events["snr"], "Event level", "above background (dB)"),
    ):
        ax = fig.add_subplot(position)
        sns.histplot(
            x=values,
            hue=events["split"],
            hue_order=splits[::-1],
            multiple="stack",
            palette=style.SPLITS,
            bins=20,
            binrange=_span(values),
            alpha=1.0,
            linewidth=0,
            legend=False,
            ax=ax,
        )
        ax.set(title=title, xlabel=unit, ylabel="events")
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.grid(axis="x", visible=False)
    _number_of_events(fig.add_subplot(grid[1, 2]), clips, removed, splits)
    handles, names = by_class.get_legend_handles_labels()
    handles.append(plt.Rectangle((0, 0), 1, 1, facecolor="white", edgecolor=style.FAINT, hatch="////"))
    fig.legend(handles, [*names, "removed: too many at once"], loc="outside lower center", ncols=len(handles))
    return fig


def _span(values: pd.Series) -> tuple[float, float] | None:
    """Range of a histogram where all values are the same but for rounding; else NumPy's own."""
    low, high = float(values.min()), float(values.max())
    return None if high - low > 1e-6 else (low - 0.5, high + 0.5)


def _number_of_events(ax: Axes, clips: pd.DataFrame, removed: pd.DataFrame, splits: list[str]) -> None:
    numbers = sorted({*clips["n_events"], *removed["n_events"]})
    bottom = np.zeros(len(numbers))
    for split in splits:
        counts = clips.loc[clips["split"] == split, "n_events"].value_counts().reindex(numbers, fill_value=0)
        ax.bar(range(len(numbers)), counts, bottom=bottom, color=style.SPLITS[split], width=0.72)
        bottom += counts.to_numpy()
    counts = removed["n_events"].value_counts().reindex(numbers, fill_value=0)
    hatched: dict[str, Any] = {"color": "white", "edgecolor": style.FAINT, "hatch": "////", "lw": 0.6}
    there = [i for i, n in enumerate(counts) if n]  # a bar of no height would leave its outline
    ax.bar(there, counts.iloc[there], bottom=bottom[there], width=0.72, **hatched)
    ax.set_xticks(range(len(numbers)), [str(n) for n in numbers])
    ax.set(title="Events in a clip", xlabel="events", ylabel="soundscapes")
    ax.grid(axis="x", visible=False)
