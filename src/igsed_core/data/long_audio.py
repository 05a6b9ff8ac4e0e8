"""Recordings of any length as a stream: mixed down, at one rate, block by block, so that a day fits in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, listing

BLOCK = 10.0  # s that are read at a time: log-mel maps of twice as much take more than twice as long
LOWEST, HIGHEST = 8_000, 192_000  # Hz, rates that are taken


def check_rate(rate: float, what: str) -> int:
    """Return a sample rate that a recording can have, in Hz.

    Raises
    ------
    IgsedError
        If it is no whole number from 8 to 192 kHz.
    """
    if not float(rate).is_integer() or not LOWEST <= rate <= HIGHEST:
        raise IgsedError(
            f"{what} has the sample rate {rate} Hz, expected {LOWEST} to {HIGHEST} Hz: convert the recording first"
        )
    return int(rate)


def stream(path: Path, sample_rate: int, *, block: float = BLOCK) -> Iterator[NDArray[np.float32]]:
    """Read a recording block by block, mixed down (mean of the channels) and resampled.

    The blocks joined are the same samples however long a block is.

    Parameters
    ----------
    path
        File of any format that libsndfile reads.
    sample_rate
        Rate wanted, in Hz.
    block
        Seconds to read at a time.

    Yields
    ------
    np.ndarray [shape=(n_samples,), float32]

    Raises
    ------
    IgsedError
        If the file is missing, is no audio, holds nothing, ends early, or holds NaN or infinite samples.
    """
    name = text.shown(path)
    try:
        file = soundfile.SoundFile(audio.file_of(path))
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        raise audio.unreadable(path, error) from error
    with file:
        rate = check_rate(file.samplerate, name)
        if not file.frames:
            raise IgsedError(f"{name} holds no sample: remove it, or record it again")

        def mono() -> Iterator[NDArray[np.float32]]:
            done = 0
            while done < file.frames:
                try:
                    samples = file.read(max(1, round(block * rate)), dtype="float32", always_2d=True)
                except (soundfile.LibsndfileError, OSError) as error:
                    raise _cut_off(name, done / rate, file.frames / rate) from error
                if not len(samples):
                    raise _cut_off(name, done / rate, file.frames / rate)
                finite = np.isfinite(samples).all(axis=1)
                if not finite.all():
                    place = (done + int(finite.argmin())) / rate
                    raise IgsedError(f"{name} holds NaN or infinite samples (the first at {place:.3f} s): repair it")
                done += len(samples)
                yield samples.mean(axis=1)

        yield from _resampled(mono(), rate, sample_rate)


def blocks(
    waveform: NDArray[np.floating], rate: int, sample_rate: int, *, block: float = BLOCK
) -> Iterator[NDArray[np.float32]]:
    """Give samples in memory as :func:`stream` gives those of a file.

    Parameters
    ----------
    waveform
        Finite samples, ``[shape=(n_samples,)]``.
    rate, sample_rate
        Of the samples, and wanted, in Hz.
    block
        Seconds to give at a time.

    Yields
    ------
    np.ndarray [shape=(n_samples,), float32]
    """
    step = max(1, round(block * rate))
    parts = (np.asarray(waveform[i : i + step], dtype=np.float32) for i in range(0, len(waveform), step))
    yield from _resampled(parts, rate, sample_rate)


def _resampled(parts: Iterable[NDArray[np.float32]], rate: int, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    if rate == sample_rate:
        yield from parts
        return
    resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="VHQ")
    for part in parts:
        if len(made := resampler.resample_chunk(np.ascontiguousarray(part))):
            yield made
    if len(made := resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)):
        yield made


def _cut_off(name: str, done: float, promised: float) -> IgsedError:
    return IgsedError(
        f"{name} is cut off: {done:.1f} s of the {promised:.1f} s that its header promises can be read; copy it again"
    )


def find(words: Iterable[str]) -> list[Path]:
    """Find the recordings that files, folders (with all below) and patterns name, each once, in order.

    Raises
    ------
    IgsedError
        If a name or pattern fits nothing, or a folder holds no audio file.
    """
    found: dict[Path, None] = {}
    for word in words:
        place = listing.find_folder(word)
        if place is not None:
            here = [file.path for file in listing.scan(place).files if file.suffix in audio.EXTENSIONS]
            if not here:
                kinds = ", ".join(audio.SUFFIXES)
                raise IgsedError(f"folder {text.shown(word)} holds no audio file ({kinds}): give another one")
        elif Path(word).exists() or not any(mark in word for mark in "*?["):
            here = [Path(word)]  # a missing file is told when it is its turn
        else:
            pattern = Path(word)
            root = Path(pattern.anchor or ".")
            here = sorted(p for p in root.glob(str(pattern.relative_to(pattern.anchor))) if p.is_file())
            here = [p for p in here if p.suffix.lower() in audio.EXTENSIONS]
            if not here:
                raise IgsedError(f"pattern {word!r} fits no audio file: check it, or put it in quotes")
        found.update(dict.fromkeys(here))
    return list(found)
