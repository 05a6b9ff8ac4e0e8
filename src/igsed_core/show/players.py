"""Sounds that the reader can play: audio embedded in the page, compressed and set to a pleasant level."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import soundfile
import soxr
from IPython.display import HTML
from matplotlib.figure import Figure
from numpy.typing import NDArray

from igsed_core.show import style

_MP3 = "audio/mpeg"
_PEAK = 0.7  # of full scale: soundscapes are quiet, isolated sounds are loud
_FAINTEST = 1e-12  # of full scale, -240 dB
_RATE = 32_000  # Hz, the highest that MP3's lower-rate layouts and OGG both take


def player(
    samples: NDArray[np.floating] | Mapping[str, NDArray[np.floating]],
    sample_rate: int,
    title: str,
    *,
    over: Figure | None = None,
) -> HTML:
    """Return an audio player with the sound embedded, about 80 kB for 10 s.

    Parameters
    ----------
    samples
        Mono sound, ``[shape=(n_samples,)]``; it is scaled to a common peak. Or several by name, to switch between
        at the same moment.
    sample_rate
        In Hz.
    title
        Words beside the player: what sounds, rather than a clip's name.
    over
        A figure with time axes that is shown right before: in the book a cursor goes through it with the sound, a click
        in it seeks, space plays, arrows move.
    """
    tracks = samples if isinstance(samples, Mapping) else {title: samples}
    words = html.escape(title)
    data = {"title": words} | (_time_axis(over) if over is not None else {})
    attributes = " ".join(f'data-{name}="{value}"' for name, value in data.items())
    rows = "".join(_track(sound, sample_rate, name) for name, sound in tracks.items())
    head = "" if len(tracks) == 1 else f"<figcaption>{words}</figcaption>"
    return HTML(f'<figure class="igsed-player" {attributes}>{head}{rows}</figure>')


def write(samples: NDArray[np.floating], sample_rate: int, path: Path) -> Path:
    """Write a sound as :func:`player` embeds it; return the file, whose ending says its kind.

    Parameters
    ----------
    samples
        Mono sound, ``[shape=(n_samples,)]``.
    sample_rate
        In Hz.
    path
        File to write, without ending.
    """
    kind, data = _compress(_normalised(samples), sample_rate)
    target = path.with_name(f"{path.name}.{'mp3' if kind == _MP3 else 'ogg'}")
    target.write_bytes(data)
    return target


def weighted(
    samples: NDArray[np.floating], weights: NDArray[np.floating], step: float, sample_rate: int
) -> NDArray[np.float64]:
    """Let a sound be heard only where weights are high: what an explanation points at.

    Parameters
    ----------
    samples
        ``[shape=(n_samples,)]``
    weights
        ``[shape=(n_steps,)]``, each divided by the highest; what is negative is silent. They hold in the middle of
        their steps, and go from one to the next evenly: a jump would click.
    step
        In seconds.
    sample_rate
        In Hz.

    Returns
    -------
    np.ndarray [shape=(n_samples,)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.show.players import weighted
    >>> weighted(np.ones(4), np.array([0.0, 2.0]), 0.5, 4).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    positive = np.maximum(np.asarray(weights, dtype=np.float64), 0.0)
    middles = step * (np.arange(len(positive)) + 0.5)
    gain = np.interp(np.arange(len(samples)) / sample_rate, middles, positive / max(float(positive.max()), 1e-12))
    return np.asarray(samples, dtype=np.float64) * gain


def named(events: pd.DataFrame) -> str:
    """Name a soundscape by what sounds in it: "Dog, then Speech"; by onset, each class once.

    Parameters
    ----------
    events
        ``label, onset`` of the clip.
    """
    labels = dict.fromkeys(str(label) for label in events.sort_values("onset")["label"])
    return ", then ".join(style.class_name(label) for label in labels) or "background alone"


def _track(samples: NDArray[np.floating], sample_rate: int, name: str) -> str:
    kind, data = _compress(_normalised(samples), sample_rate)
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    words = html.escape(name)
    return (
        f'<div class="igsed-track"><span>{words}</span>'
        f'<audio controls preload="metadata" aria-label="{words}" src="{source}"></audio></div>'
    )


def _time_axis(figure: Figure) -> dict[str, str]:
    """Where the time axis lies in the picture that a notebook makes of a figure: ends as shares of the width."""
    figure.draw_without_rendering()
    shown = figure.get_tightbbox()  # in inches; the notebook cuts the picture there, with some padding
    pad = float(mpl.rcParamsDefault["savefig.pad_inches"])
    whole, ax = shown.width + 2 * pad, figure.axes[0]
    x0, x1 = (edge * figure.get_figwidth() for edge in (ax.get_position().x0, ax.get_position().x1))
    start, end = ax.get_xlim()
    ends = {"left": (x0 - shown.x0 + pad) / whole, "right": (x1 - shown.x0 + pad) / whole, "start": start, "end": end}
    return {name: f"{value:.5g}" for name, value in ends.items()}


def _normalised(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bring a sound to a common peak; what is fainter than any converter's noise stays as it is."""
    samples = np.nan_to_num(np.asarray(samples, dtype=np.float64))  # the coder of MP3 ends the process at a NaN
    peak = float(np.abs(samples).max(initial=0.0))
    return (samples * (_PEAK / peak) if peak > _FAINTEST else 0 * samples).astype(np.float32)


def _compress(samples: NDArray[np.float32], sample_rate: int) -> tuple[str, bytes]:
    """MP3, which every browser plays; OGG where libsndfile is older than 1.1."""
    if sample_rate != _RATE:
        samples = soxr.resample(samples, sample_rate, _RATE)
    stream = io.BytesIO()
    if "MP3" in soundfile.available_formats():
        # 0.6 of the way from best to smallest: some 70 kbit/s.
        soundfile.write(stream, samples, _RATE, format="MP3", compression_level=0.6)
        return _MP3, stream.getvalue()
    soundfile.write(stream, samples, _RATE, format="OGG", subtype="VORBIS")
    return "audio/ogg", stream.getvalue()
