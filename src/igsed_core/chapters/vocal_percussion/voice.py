"""A voice that makes percussion: phonemes from noise and pulses through a vocal tract, with exact times.

An onset phoneme is a burst, with friction after it where it is an affricate; a coda is a vowel (glottal pulses through
three formants, falling in pitch), breath, or nothing. Centre frequencies are textbook values (Stevens, "Acoustic
Phonetics", 1998) for a tract of 17 cm, and shift with the user's. These sounds are caricatures, made so that the truth
is known to the sample; they are no substitute for recordings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from igsed_core.base.errors import IgsedError
from igsed_core.chapters.vocal_percussion.labels import NO_CODA

RATE = 44_100  # Hz
_SHORTEST = 0.008  # s, of a phoneme


@dataclass(frozen=True)
class Onset:
    """How an onset phoneme sounds.

    Attributes
    ----------
    burst, width
        Centre of the burst's noise in Hz; its width in octaves.
    decay
        Time constant of the burst, in s.
    friction
        Centre of the noise after it, in Hz; 0: none.
    length
        Of the friction, in s.
    voiced
        Share of voice in the friction.
    rough
        Whether the friction flutters (epiglottal trill).
    """

    burst: float
    width: float
    decay: float
    friction: float = 0.0
    length: float = 0.0
    voiced: float = 0.0
    rough: bool = False


ONSETS = {
    "ts": Onset(4500, 1.2, 0.006, 7000, 0.055),
    "tʃ": Onset(3600, 1.2, 0.007, 3200, 0.060),
    "tɕ": Onset(4000, 1.2, 0.006, 4600, 0.055),
    "kg": Onset(1500, 1.3, 0.012, 1000, 0.040, voiced=0.5),
    "tʒ": Onset(3400, 1.2, 0.007, 2900, 0.060, voiced=0.3),
    "ʡʢ": Onset(700, 1.6, 0.012, 800, 0.055, rough=True),
    "dʒ": Onset(3000, 1.3, 0.007, 2700, 0.055, voiced=0.5),
    "kʃ": Onset(1900, 1.2, 0.010, 3000, 0.070),
    "t": Onset(4300, 1.3, 0.009),
    "p": Onset(600, 2.0, 0.012),
    "k": Onset(1800, 1.2, 0.013),
    "s": Onset(7500, 0.8, 0.004, 7500, 0.070),
    "!": Onset(1500, 0.6, 0.014),
}
# First and second formant in Hz; the third is common.
VOWELS = {
    **{"a": (750, 1250), "e": (430, 2000), "i": (290, 2300), "o": (430, 850), "u": (310, 800), "æ": (680, 1700)},
    **{"œ": (540, 1500), "ə": (500, 1450), "ʊ": (390, 1000), "ɯ": (310, 1350), "y": (280, 1900), "ɪ": (380, 1950)},
    **{"ɐ": (670, 1350), "ʌ": (620, 1200)},
}
_THIRD = 2600.0


@dataclass(frozen=True)
class Tract:
    """A user's voice.

    Attributes
    ----------
    scale
        Of all resonances: 17 cm over the tract's length.
    pitch
        Of the voice, in Hz.
    breath
        Level of noise in vowels, relative to the pulses.
    scatter
        Standard deviation of what one sound differs from the next: log frequencies; lengths and levels differ more.
    tilt
        Of the microphone, in dB per octave around 1 kHz.
    """

    scale: float
    pitch: float
    breath: float
    scatter: float
    tilt: float


@dataclass(frozen=True, eq=False)
class Sound:
    """One sound: its samples at :data:`RATE`, and where its second phoneme begins.

    Attributes
    ----------
    samples
        ``[shape=(n_samples,)]``; the first belongs to the burst, the last to the sound's end.
    coda
        First sample of the coda; the number of samples where there is none.
    """

    samples: NDArray[np.float64]
    coda: int


def utter(onset: str, coda: str, length: float, tract: Tract, rng: np.random.Generator) -> Sound:
    """Make one sound.

    Parameters
    ----------
    onset, coda
        Symbols of the inventory.
    length
        Of the whole sound, about, in s; without a coda it stretches the friction or the burst's fall.
    tract
        Whose voice.
    rng
        What differs from sound to sound.

    Raises
    ------
    IgsedError
        For a symbol that has no model.
    """
    if onset not in ONSETS or (coda not in VOWELS and coda not in ("h", NO_CODA)):
        raise IgsedError(f"no voice is known for {onset!r} {coda!r}: onsets {', '.join(ONSETS)}")
    how = ONSETS[onset]
    scale = tract.scale * np.exp(tract.scatter * rng.standard_normal())
    length = float(np.clip(length * np.exp(2.5 * tract.scatter * rng.standard_normal()), 0.03, 0.5))
    first = how.length * np.exp(2.5 * tract.scatter * rng.standard_normal()) if how.friction else 4 * how.decay
    first = length if coda == NO_CODA else min(first, 0.6 * length)
    n_first, n = max(round(first * RATE), round(_SHORTEST * RATE)), max(round(length * RATE), round(_SHORTEST * RATE))
    n = max(n, n_first)
    samples = np.zeros(n)
    samples[:n_first] = _onset(how, scale, n_first, tract, rng)
    if coda != NO_CODA and n > n_first:
        level = 10 ** ((-4 + 40 * tract.scatter * rng.standard_normal()) / 20)
        samples[n_first:] = level * _coda(coda, scale, n - n_first, tract, rng)
    fade = min(round(0.003 * RATE), n)
    samples[-fade:] *= np.linspace(1.0, 0.0, fade)
    return Sound(samples, n_first if coda != NO_CODA else n)


def _onset(how: Onset, scale: float, n: int, tract: Tract, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(n) / RATE
    centre = how.burst * scale * np.exp(tract.scatter * rng.standard_normal())
    result = _noise(centre, how.width, n, rng) * np.exp(-time / how.decay)
    if how.friction:
        envelope = np.minimum(time / 0.006, 1.0) * np.exp(-1.5 * time / max(time[-1], _SHORTEST))
        friction = _noise(how.friction * scale * np.exp(tract.scatter * rng.standard_normal()), 0.9, n, rng)
        if how.voiced:
            friction = (1 - how.voiced) * friction + how.voiced * _vowel((400.0, 1400.0), scale, n, tract, rng)
        if how.rough:
            friction *= 0.55 + 0.45 * np.sign(np.sin(2 * np.pi * rng.uniform(35, 55) * time))
        result += 0.6 * envelope * friction
    return result


def _coda(symbol: str, scale: float, n: int, tract: Tract, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(n) / RATE
    envelope = np.minimum(time / 0.005, 1.0) * np.exp(-2.5 * time / max(time[-1], _SHORTEST))
    if symbol == "h":
        return 0.5 * envelope * _noise(1400 * scale, 2.6, n, rng)
    return envelope * _vowel(VOWELS[symbol], scale, n, tract, rng)


def _vowel(
    formants: tuple[float, float], scale: float, n: int, tract: Tract, rng: np.random.Generator
) -> NDArray[np.float64]:
    time = np.arange(n) / RATE
    pitch = tract.pitch * np.exp(1.5 * tract.scatter * rng.standard_normal())
    phase = np.cumsum(pitch * (0.75 + 0.5 * np.exp(-time / 0.05))) / RATE
    pulses = np.diff(np.floor(phase), prepend=-1.0) * np.sqrt(RATE / pitch)
    wave = pulses + tract.breath * rng.standard_normal(n)
    for centre, width in zip((*formants, _THIRD), (80.0, 110.0, 160.0), strict=True):
        numerator, denominator = signal.iirpeak(min(centre * scale, 0.45 * RATE), centre / width, fs=RATE)
        # Peaks in a row on a flat floor: a floor keeps the higher formants from vanishing.
        wave = 0.9 * signal.lfilter(numerator, denominator, wave) + 0.1 * wave
    return _unit(wave)


def _noise(centre: float, octaves: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    low, high = centre * 2 ** (-octaves / 2), min(centre * 2 ** (octaves / 2), 0.48 * RATE)
    sections = signal.butter(2, [min(low, 0.9 * high), high], "bandpass", fs=RATE, output="sos")
    return _unit(signal.sosfilt(sections, rng.standard_normal(n)))


def _unit(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    power = float(np.mean(samples**2))
    return samples / np.sqrt(power) if power > 0 else samples
