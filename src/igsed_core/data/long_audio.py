"""Recordings of any length as a stream: mixed down, at one rate, block by block, so that a day fits in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from igsed_core.base import paths, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, cut_short, listing
from igsed_core.data.soundbank import survey

BLOCK = 10.0  # s that are read at a time: log-mel maps of twice as much take more than twice as long
_UNKNOWN = 1 << 48  # samples: no recording of nine million hours
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
        If the file is missing, is no audio, holds nothing, ends early, holds NaN or infinite samples, or its channels
        cancel when they are mixed down.
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
        if file.frames >= _UNKNOWN:  # a FLAC file that was written to a pipe: libsndfile cannot read it to its end
            raise IgsedError(f"{name} does not say how long it is: write it anew, for instance by `flac -d` and `flac`")
        missing = cut_short.describe(path, file.extra_info, promised=file.frames, read=file.frames, sample_rate=rate)
        if missing:
            raise IgsedError(f"{name} is {missing}: copy it again")

        def mono() -> Iterator[NDArray[np.float32]]:
            done, power, mixed = 0, 0.0, 0.0
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
                if np.abs(samples).max() > audio.LOUDEST:
                    raise IgsedError(f"{name} is {audio.TOO_LOUD}: scale it, or write it again as whole numbers")
                done += len(samples)
                if file.channels > 1:
                    moving = samples.astype(np.float64) - samples.mean(axis=0)
                    power += float(np.mean(moving**2, axis=1).sum())
                    mixed += float((moving.mean(axis=1) ** 2).sum())
                yield samples.mean(axis=1)
            # Rounding noise would be searched, and nothing found, without a word.
            if power > file.frames * audio.SILENCE**2 and mixed < audio.CANCELLED * power:
                raise IgsedError(f"{name} is {audio.OPPOSITE}: give one of its channels")

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
    found: dict[str, Path] = {}  # the file itself -> as it was named first
    for word in words:
        place = listing.find_folder(word)
        if place is not None:
            here = _in_folder(place)
            if not here:
                kinds = ", ".join(audio.SUFFIXES)
                raise IgsedError(f"folder {text.shown(word)} holds no audio file ({kinds}): give another one")
        elif (named := paths.user_path(word)).exists() or not any(mark in word for mark in "*?["):
            here = [named]  # a missing file is told when it is its turn
        else:
            here = _fitting(named)
            if not here:
                raise IgsedError(f"pattern {word!r} fits no audio file: check it, or put it in quotes")
        for path in here:  # however it is spelled, a recording is searched once
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _in_folder(place: Path) -> list[Path]:
    seen = listing.scan(place)
    unused = [f"{text.shown(path)} ({why})" for path, why in seen.unusable.items()]
    unused += [f"{text.shown(file.path)} ({why})" for file in seen.files if (why := survey.no_sound(file))]
    listing.tell_unused(unused)
    return [file.path for file in seen.files if file.suffix in audio.EXTENSIONS]


def _fitting(pattern: Path) -> list[Path]:
    """Audio files that a pattern fits; what systems leave beside the user's files is none."""
    try:
        places = sorted(Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, NotImplementedError, re.error) as error:
        raise IgsedError(f"pattern {text.shown(pattern)!r} is none ({text.reason(error)}): correct it") from error
    kept = [path for path in places if path.suffix.lower() in audio.EXTENSIONS and not listing.is_hidden(path.name)]
    return [path for path in kept if path.is_file()]
