"""Sounds that the reader can play: audio embedded in the page, compressed and set to a pleasant level."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
import soundfile
import soxr
from IPython.display import HTML
from numpy.typing import NDArray

_PEAK = 0.7  # of full scale: soundscapes are quiet, isolated sounds are loud
_RATE = 32_000  # Hz, the highest that MP3's lower-rate layouts and OGG both take


def player(samples: NDArray[np.floating], sample_rate: int, title: str) -> HTML:
    """Return an audio player with the sound embedded, about 80 kB for 10 s.

    Parameters
    ----------
    samples
        Mono sound, ``[shape=(n_samples,)]``; it is scaled to a common peak.
    sample_rate
        In Hz.
    title
        Words beside the player.
    """
    kind, data = _compress(_normalised(samples), sample_rate)
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    words = html.escape(title)
    return HTML(
        f'<figure class="igsed-player"><figcaption>{words}</figcaption>'
        f'<audio controls preload="metadata" aria-label="{words}" src="{source}"></audio></figure>'
    )


def _normalised(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    samples = np.asarray(samples, dtype=np.float32)
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * np.float32(_PEAK / peak) if peak > 0 else samples


def _compress(samples: NDArray[np.float32], sample_rate: int) -> tuple[str, bytes]:
    """MP3, which every browser plays; OGG where libsndfile is older than 1.1."""
    if sample_rate != _RATE:
        samples = soxr.resample(samples, sample_rate, _RATE)
    stream = io.BytesIO()
    if "MP3" in soundfile.available_formats():
        # 0.6 of the way from best to smallest: some 70 kbit/s.
        soundfile.write(stream, samples, _RATE, format="MP3", compression_level=0.6)
        return "audio/mpeg", stream.getvalue()
    soundfile.write(stream, samples, _RATE, format="OGG", subtype="VORBIS")
    return "audio/ogg", stream.getvalue()
