"""The procedural sound bank: the ten DESED classes and ambient backgrounds, synthesised on any machine.

Isolated sounds come from physical and source-filter models (see `igsed_core.data.soundbank.synthesis`). The train
and eval pools draw their identity parameters from disjoint regions (`synthesis.regions.Region`).
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from igsed_core.base import code, files
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import parallel_map
from igsed_core.data.soundbank import base, survey
from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.ambient import AMBIENTS
from igsed_core.data.soundbank.synthesis.animals import cat, dog
from igsed_core.data.soundbank.synthesis.extras_impacts import IMPACTS
from igsed_core.data.soundbank.synthesis.extras_tones import TONES
from igsed_core.data.soundbank.synthesis.modal import alarm_bell_ringing, dishes
from igsed_core.data.soundbank.synthesis.motors import blender, electric_shaver_toothbrush, vacuum_cleaner
from igsed_core.data.soundbank.synthesis.noise import frying, running_water
from igsed_core.data.soundbank.synthesis.regions import Region, region_named
from igsed_core.data.soundbank.synthesis.voice import speech

SoundModel = Callable[[np.random.Generator, Region, int], dsp.Signal]

TARGETS: dict[str, SoundModel] = {
    "Alarm_bell_ringing": alarm_bell_ringing,
    "Blender": blender,
    "Cat": cat,
    "Dishes": dishes,
    "Dog": dog,
    "Electric_shaver_toothbrush": electric_shaver_toothbrush,
    "Frying": frying,
    "Running_water": running_water,
    "Speech": speech,
    "Vacuum_cleaner": vacuum_cleaner,
}
GENERATORS: dict[str, SoundModel] = {**TARGETS, **IMPACTS, **TONES}
CLASSES: tuple[str, ...] = tuple(sorted(TARGETS))

MIN_DURATION, MAX_DURATION = 0.25, 4.2  # s
FADE = 0.005  # s
PEAK_DB = -3.0  # dBFS; the peak of a sound lies up to PEAK_SPREAD_DB below
PEAK_SPREAD_DB = 1.0
SILENCE_DB = -36.0  # relative to the peak: what is below at either end is cut off
BACKGROUND_DB = -28.0  # RMS, dBFS
# Raised whenever a change of the synthesis changes the sounds, so that an old bank is not continued.
SYNTHESIS_VERSION = 1
_ATTEMPTS = 20
NAME = "procedural"
# What the generators share with the rest of the package, and what reads a bank.
_MAKES_NO_SOUND = (
    *("igsed_core.base.", "igsed_core.data.audio"),
    *("igsed_core.data.soundbank.base", "igsed_core.data.soundbank.survey"),
)


def kinds() -> tuple[str, ...]:
    """Return the ten classes and, after them, the extra kinds of sound that serve pretraining only."""
    return (*CLASSES, *sorted(set(GENERATORS) - set(CLASSES)))


def _stable_id(kind: str) -> int:
    return zlib.crc32(kind.encode())


def _fade(x: dsp.Signal, sample_rate: int) -> dsp.Signal:
    return x * dsp.attack_decay(x.size, sample_rate, FADE, FADE)


def _trim(x: dsp.Signal, sample_rate: int) -> dsp.Signal:
    """Cut the quiet ends, in blocks of 5 ms."""
    block = dsp.samples(0.005, sample_rate)
    peaks = np.abs(x[: x.size - x.size % block]).reshape(-1, block).max(axis=1)
    if peaks.size == 0:
        return x
    loud = np.flatnonzero(peaks > peaks.max() * 10.0 ** (SILENCE_DB / 20.0))
    return x[loud[0] * block : (loud[-1] + 1) * block] if loud.size else x[:0]


def _recording_colour(rng: np.random.Generator, x: dsp.Signal, sample_rate: int) -> dsp.Signal:
    """The smooth, random response of microphone and place (4 dB standard deviation at five frequencies)."""
    points = [(hz, 4.0 * rng.standard_normal()) for hz in (80.0, 400.0, 1600.0, 5000.0, 14000.0)]
    return dsp.equalise(x, sample_rate, [(20.0, points[0][1] - 20.0), *points])


def synthesize(kind: str, *, seed: Sequence[int], region: str, sample_rate: int = 32000) -> NDArray[np.float32]:
    """Synthesise one isolated sound.

    Parameters
    ----------
    kind : str
        One of `kinds()`.
    seed : sequence of int
        Non-negative integers; together with kind and region they determine the sound.
    region : str
        `train`, `eval` or `pretrain`: where the identity parameters are drawn from.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray of float32 [shape=(n_samples,)]
        0.25 to 4.2 s, sounding from the first to the last 50 ms, 5 ms fades, peak at -3 to -4 dBFS.

    Raises
    ------
    IgsedError
        If the kind or the region is unknown.
    """
    if kind not in GENERATORS:
        raise IgsedError(f"kind {kind!r} is unknown: use one of {', '.join(kinds())}")
    where = region_named(region)
    rng = np.random.default_rng([*seed, _stable_id(kind), where.code])
    for _ in range(_ATTEMPTS):
        x = _recording_colour(rng, GENERATORS[kind](rng, where, sample_rate), sample_rate)
        x = _trim(x[: dsp.samples(MAX_DURATION, sample_rate)], sample_rate)
        if x.size >= MIN_DURATION * sample_rate:
            break
    else:
        raise RuntimeError(f"the generator of {kind} gave no sound of {MIN_DURATION} s in {_ATTEMPTS} attempts")
    x = _fade(x, sample_rate)
    peak = 10.0 ** ((PEAK_DB - PEAK_SPREAD_DB * rng.random()) / 20.0)
    return (x * (peak / np.abs(x).max())).astype(np.float32)


def synthesize_background(
    *, seed: Sequence[int], duration: float = 13.0, sample_rate: int = 32000
) -> NDArray[np.float32]:
    """Synthesise a steady ambient background.

    The kind of place is drawn from `synthesis.ambient.AMBIENTS` by the last number of `seed` modulo their
    number, so that consecutive seeds cover all kinds.

    Parameters
    ----------
    seed : sequence of int
        Non-negative integers, at least one.
    duration : float
        In s.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray of float32 [shape=(n_samples,)]
        Stationary noise with an RMS of -28 dBFS.
    """
    rng = np.random.default_rng([*seed, _stable_id("background")])
    names = sorted(AMBIENTS)
    make = AMBIENTS[names[int(seed[-1]) % len(names)]]
    x = _recording_colour(rng, make(rng, dsp.samples(duration, sample_rate), sample_rate), sample_rate)
    return (dsp.unit_rms(_fade(x, sample_rate)) * 10.0 ** (BACKGROUND_DB / 20.0)).astype(np.float32)


@dataclass(frozen=True)
class _Job:
    path: Path
    kind: str  # "" for a background
    pool: str
    seed: tuple[int, ...]
    sample_rate: int


def _render(job: _Job) -> None:
    """Make one file of the bank, 16 bit, written under a temporary name first."""
    if job.kind:
        x = synthesize(job.kind, seed=job.seed, region=job.pool, sample_rate=job.sample_rate)
    else:
        duration = 12.0 + 2.0 * float(np.random.default_rng([*job.seed, _stable_id("duration")]).random())
        x = synthesize_background(seed=job.seed, duration=duration, sample_rate=job.sample_rate)
    temporary = job.path.with_name(files.temporary_name(job.path))
    soundfile.write(temporary, np.round(x * 32767.0).astype(np.int16), job.sample_rate, format="WAV", subtype="PCM_16")
    os.replace(temporary, job.path)


def _claim(root: Path, settings: dict[str, int]) -> None:
    """Write `bank.json`, or check that what is there was made with the same settings."""
    record = root / "bank.json"
    if record.exists():
        found = json.loads(record.read_text())
        if found != settings:
            raise IgsedError(
                f"{root} holds a sound bank made with other settings ({found} instead of {settings}): "
                "delete the folder or choose another one"
            )
        return
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / files.temporary_name(record)
    temporary.write_text(json.dumps(settings, indent=2) + "\n")
    os.replace(temporary, record)


@dataclass(frozen=True)
class _Settings:
    seed: int
    sample_rate: int
    synthesis_version: int = SYNTHESIS_VERSION


def write_bank(
    root: Path,
    *,
    seed: int,
    sample_rate: int,
    n_train: int = 60,
    n_eval: int = 25,
    n_background: int = 20,
    workers: int,
    progress: bool = True,
) -> None:
    """Write the bank in Scaper's folder layout; files that exist already are kept.

    Files are ``foreground/<pool>/<Class>/<Class>_<pool>_<i>.wav`` and ``background/ambient/ambient_<i>.wav``,
    mono, 16 bit. Each depends on (seed, class, pool, i) only, so the bytes do not depend on `workers`, nor on
    interruptions.

    Parameters
    ----------
    root : Path
        Folder of the bank, created if needed.
    seed : int
        Non-negative seed of the whole bank.
    sample_rate : int
        In Hz.
    n_train, n_eval : int
        Sounds per class in the two pools.
    n_background : int
        Background files, 12 to 14 s each.
    workers : int
        Processes; 0 means one per core, 1 works in the calling process.
    progress : bool
        Show a progress bar.

    Raises
    ------
    IgsedError
        If `root` holds a bank made with another seed, sample rate or version of the synthesis.
    """
    root = Path(root)
    _claim(root, asdict(_Settings(seed, sample_rate)))
    jobs = []
    for pool, count in (("train", n_train), ("eval", n_eval)):
        for kind in CLASSES:
            folder = root / "foreground" / pool / kind
            folder.mkdir(parents=True, exist_ok=True)
            jobs += [
                _Job(folder / f"{kind}_{pool}_{i:04d}.wav", kind, pool, (seed, i), sample_rate) for i in range(count)
            ]
    folder = root / "background" / "ambient"
    folder.mkdir(parents=True, exist_ok=True)
    jobs += [_Job(folder / f"ambient_{i:04d}.wav", "", "", (seed, i), sample_rate) for i in range(n_background)]
    jobs = [job for job in jobs if not job.path.exists()]
    parallel_map(_render, jobs, workers=workers, desc="making the sound bank", progress=progress)


class Procedural:
    """This bank, as the registry takes it (:class:`igsed_core.data.soundbank.base.Bank`)."""

    def knows(self, place: Path) -> bool:
        """It reads no folder."""
        return False

    def fingerprint(self, wanted: base.Wanted) -> str:
        """Return a key of the bank's arguments and of the generators' code."""
        sounds = code.digest([__name__], without=lambda module: module.startswith(_MAKES_NO_SOUND))
        return hashlib.sha256(repr((NAME, *_arguments(wanted).items(), sounds)).encode()).hexdigest()[:16]

    def check(self, wanted: base.Wanted, duration: float) -> tuple[str, ...]:
        """Return its classes: it is made as it is wanted."""
        return CLASSES

    def prepare(self, wanted: base.Wanted, *, cache_dir: Path, workers: int) -> base.SoundBank:
        """Write the bank and list it, or read the cache."""
        root = cache_dir.resolve() / f"{NAME}-{self.fingerprint(wanted)}"
        cached = base.load(root)
        if cached is not None:
            return cached
        write_bank(root, workers=workers, **_arguments(wanted))  # type: ignore[arg-type]
        return survey.index_prepared(root)


def _arguments(wanted: base.Wanted) -> dict[str, int]:
    return {
        "seed": wanted.seed,
        "sample_rate": wanted.sample_rate,
        "n_train": wanted.n_train,
        "n_eval": wanted.n_eval,
        "n_background": wanted.n_background,
    }
