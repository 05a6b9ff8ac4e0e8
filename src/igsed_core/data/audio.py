"""Audio files in and out: any supported file to mono at one rate, checked; lossless files written whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.base.files import atomic
from igsed_core.data import cut_short

# What libsndfile reads; of two files that differ in the suffix alone the first is taken.
SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".aiff", ".aif", ".aifc", ".caf", ".au", ".snd"),
    *(".ogg", ".oga", ".opus", ".mp3"),
)
EXTENSIONS = frozenset(SUFFIXES)

SILENCE = 1e-5  # -100 dBFS
# A constant offset below this share of the sound's RMS changes its loudness by less than 0.0005 dB, less than Scaper's
# own rounding: the samples stay as they are. A larger one is taken away, since it would count as loudness.
OFFSET = 0.01
# Power of the mono mix relative to that of the channels, below which they cancel: a correlation below -0.98.
CANCELLED = 0.01
_NO_FILE = "a pipe or a device, no plain file"
INAUDIBLE = 20.0  # Hz; a sound that has less than a ten-thousandth of its power above is a drift of the offset
# What may be wrong with a sound.
EMPTY, SILENT, NOT_FINITE = "empty", "silent", "holds NaN or infinite samples"
LOUDEST = 2.0**31  # full scale is 1, and whole numbers of 32 bits are the largest that anybody takes for samples
TOO_LOUD = "no sound: its samples go beyond 2^31, full scale being 1"
CONSTANT = "silent: nothing but a constant offset (DC)"
OPPOSITE = "silent when mixed down: its channels cancel (opposite phase)"
DRIFT = f"inaudible: nothing above {INAUDIBLE:g} Hz"
# Size of a sample's smallest step. What stays within one and a half of it is rounding noise, however much it is raised.
_STEPS = {"PCM_S8": 2.0**-7, "PCM_U8": 2.0**-7, "PCM_16": 2.0**-15}


@dataclass(frozen=True, eq=False)
class Sound:
    """A file's sound, and why it is none.

    Attributes
    ----------
    samples : np.ndarray [shape=(samples,), float32]
        Mono, at the rate asked for, without a constant offset.
    fault : str
        Why it cannot be used, in a few words; empty if it can.
    """

    samples: np.ndarray
    fault: str = ""


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
        If the file is missing, cannot be read as audio, or was cut short.
    """
    samples, rate, _, missing = _read(path)
    if missing:
        raise IgsedError(f"{text.shown(path)} cannot be read as audio ({missing}): replace or remove it")
    return samples, rate


def _read(path: Path) -> tuple[np.ndarray, int, str, str]:
    """Samples, rate, subtype, and what is missing at the end."""
    try:
        with soundfile.SoundFile(file_of(path)) as file:
            samples = file.read(dtype="float32", always_2d=True)
            missing = cut_short.describe(
                path, file.extra_info, promised=file.frames, read=len(samples), sample_rate=file.samplerate
            )
            return samples, file.samplerate, file.subtype, missing
    # A damaged header may promise more than there is memory for, or what NumPy has no shape for.
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError, MemoryError, OverflowError) as error:
        raise unreadable(path, error) from error


def file_of(path: Path) -> str | bytes:
    """Name of a file for libsndfile, which takes bytes where the name is no UTF-8."""
    name = os.fspath(path)
    if "\0" in name:
        raise ValueError("null byte")
    if os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name):  # it would wait for a pipe
        raise ValueError(_NO_FILE)
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name)
    return name


def unreadable(path: Path, error: Exception) -> IgsedError:
    """Return the error for a file that cannot be read, which names it, the reason and the remedy."""
    if "\0" in os.fspath(path):
        reason = "its name holds a NUL byte"
    elif not os.path.lexists(path):
        reason = "no such file"
    elif not os.path.exists(path):
        reason = "a link that leads nowhere"
    elif os.path.isdir(path):
        reason = "it is a folder"
    elif not os.path.isfile(path):
        reason = _NO_FILE
    elif not os.access(path, os.R_OK):
        reason = "permission denied"
    elif os.path.getsize(path) == 0:
        reason = "the file is empty"
    else:
        reason = getattr(error, "error_string", "") or text.reason(error)
    return IgsedError(f"{text.shown(path)} cannot be read as audio ({reason.rstrip('.')}): replace or remove it")


def n_samples(path: Path) -> int:
    """Length of an audio file in samples, as its header says.

    Raises
    ------
    IgsedError
        If the file is missing or cannot be read as audio.
    """
    return _info(path).frames


def _info(path: Path) -> soundfile._SoundFileInfo:
    try:
        return soundfile.info(file_of(path))
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        raise unreadable(path, error) from error


def duration(path: Path) -> float:
    """Length of an audio file in s, exact to the sample.

    Raises
    ------
    IgsedError
        If the file is missing or cannot be read as audio.
    """
    info = _info(path)
    return info.frames / info.samplerate


def sample_rate(path: Path) -> int:
    """Sample rate of an audio file in Hz.

    Raises
    ------
    IgsedError
        If the file is missing or cannot be read as audio.
    """
    return _info(path).samplerate


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
    return _resampled(samples.mean(axis=1), rate, sample_rate, path)


def _resampled(mono: np.ndarray, rate: int, sample_rate: int, path: Path) -> np.ndarray:
    if rate == sample_rate or mono.size == 0:
        return mono
    try:
        return soxr.resample(mono, rate, sample_rate, quality="VHQ")
    except (RuntimeError, ValueError, MemoryError) as error:
        raise IgsedError(
            f"{text.shown(path)} cannot be resampled from {rate} to {sample_rate} Hz ({error}): replace or remove it"
        ) from error


def read_sound(path: Path, sample_rate: int) -> Sound:
    """Read a sound that is to be used as such: mono, at one rate, without a constant offset, and checked.

    Parameters
    ----------
    path : Path
        File of any format that libsndfile reads.
    sample_rate : int
        Rate wanted, in Hz.

    Raises
    ------
    IgsedError
        If the file is missing or cannot be read as audio.
    """
    samples, rate, subtype, missing = _read(path)
    fault = missing or find_fault(samples, rate, step=_STEPS.get(subtype, 0.0))
    if fault:
        return Sound(np.zeros(0, np.float32), fault)
    mono = samples.mean(axis=1, dtype=np.float64).astype(np.float32)  # the sum of channels may exceed a float32
    return Sound(_resampled(_without_offset(mono), rate, sample_rate, path))


def find_fault(samples: np.ndarray, rate: int, *, step: float = 0.0) -> str:
    """Say why samples are no sound.

    Parameters
    ----------
    samples : np.ndarray [shape=(samples, channels)]
        As they stand in the file.
    rate : int
        In Hz.
    step : float
        Smallest step of a sample, where it is coarse.

    Returns
    -------
    str
        ``EMPTY``, ``NOT_FINITE``, ``SILENT``, ``CONSTANT``, ``OPPOSITE`` or ``DRIFT``; empty if nothing is wrong.
    """
    if samples.size == 0:
        return EMPTY
    if not np.isfinite(samples).all():
        return NOT_FINITE
    moving = samples.astype(np.float64)
    moving -= moving.mean(axis=0)
    faint = max(SILENCE, 1.5 * step)
    if np.abs(moving).max() < faint:
        return SILENT if np.abs(samples).max() < faint else CONSTANT
    mono = moving.mean(axis=1)
    power = float(np.mean(mono**2))
    if power < CANCELLED * float(np.mean(moving**2)) or np.abs(mono).max() < faint:
        return OPPOSITE
    if rate <= 2 * INAUDIBLE or _power_above(mono, rate) < 1e-4 * power:
        return DRIFT
    return ""


def find_fault_of_recording(samples: np.ndarray, rate: int) -> str:
    """Say what is wrong with a recording that is searched: silence is one without events, and its level stays.

    Parameters
    ----------
    samples : np.ndarray [shape=(samples, channels)]
        As they stand in the file.
    rate : int
        In Hz.

    Returns
    -------
    str
        To go on with behind the file's name; empty if nothing is wrong.
    """
    fault = find_fault(samples, rate)
    if fault in (EMPTY, NOT_FINITE, OPPOSITE):
        return f"{'' if fault == NOT_FINITE else 'is '}{fault}"
    return f"is {TOO_LOUD}" if np.abs(samples).max() > LOUDEST else ""


def _power_above(mono: np.ndarray, rate: int) -> float:
    import scipy.signal  # here: a third of a second of every command's start

    sections = scipy.signal.butter(4, INAUDIBLE, "highpass", fs=rate, output="sos")
    start = scipy.signal.sosfilt_zi(sections) * mono[0]  # as if the first sample had been there for ever: no click
    return float(np.mean(scipy.signal.sosfilt(sections, mono, zi=start)[0] ** 2))


def _without_offset(mono: np.ndarray) -> np.ndarray:
    """Take the mean away where it counts; before resampling, which rings at the ends of a constant."""
    exact = mono.astype(np.float64)
    mean = float(exact.mean())
    return mono if abs(mean) <= OFFSET * float(exact.std()) else (exact - mean).astype(np.float32)


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
    if not np.isfinite(samples).all():
        raise IgsedError(
            f"{path}: samples are not numbers (NaN or infinite): find where they come from, no level helps"
        )
    if samples.size and not np.abs(samples).max() <= 1.0:
        raise IgsedError(f"{path}: samples exceed full scale: lower the level before writing")
    with atomic(path) as temporary:
        soundfile.write(temporary, samples, sample_rate, subtype="PCM_24")
