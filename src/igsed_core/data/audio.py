"""Audio files in and out: any supported file to mono at one rate, lossless files written whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from igsed_core.base.errors import IgsedError
from igsed_core.base.files import atomic

EXTENSIONS = frozenset({".wav", ".flac", ".ogg"})


def read(path: Path) -> tuple[np.ndarray, int]:
    """Read an audio file as it is.

    Returns
    -------
    samples : np.ndarray [shape=(samples, channels), float32]
    sample_rate : int
        In Hz.

    Raises
    ------
    IgsedError
        If the file is missing or cannot be read as audio.
    """
    try:
        return soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        reason = "no such file" if not path.exists() else str(error)
        raise IgsedError(f"{path} cannot be read as audio ({reason}): replace or remove it") from error


def duration(path: Path) -> float:
    """Length of an audio file in s, exact to the sample."""
    info = soundfile.info(path)
    return info.frames / info.samplerate


def read_mono(path: Path, sample_rate: int) -> np.ndarray:
    """Read an audio file, mix its channels down (mean) and resample it.

    Parameters
    ----------
    path : Path
        WAV, FLAC or Ogg file of any sample rate and number of channels.
    sample_rate : int
        Rate wanted, in Hz.

    Returns
    -------
    np.ndarray [shape=(samples,), float32]

    Raises
    ------
    IgsedError
        If the file is missing or cannot be read as audio.
    """
    samples, rate = read(path)
    mono = samples.mean(axis=1)
    if rate == sample_rate or mono.size == 0:
        return mono
    return soxr.resample(mono, rate, sample_rate, quality="VHQ")


def write(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write samples as a 24-bit file, whole or not at all; the suffix (.wav, .flac) gives the format.

    Parameters
    ----------
    path : Path
        File to write; missing folders are made.
    samples : np.ndarray [shape=(samples,) or (samples, channels)]
        Between -1 and 1.
    sample_rate : int
        In Hz.

    Raises
    ------
    IgsedError
        If a sample lies outside [-1, 1] or is not a number: it would be clipped.
    """
    if samples.size and not np.abs(samples).max() <= 1.0:
        raise IgsedError(f"{path}: samples exceed full scale or are not numbers: lower the level before writing")
    with atomic(path) as temporary:
        soundfile.write(temporary, samples, sample_rate, subtype="PCM_24")
