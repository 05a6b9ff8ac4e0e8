"""Human voices: Speech as formant-filtered glottal pulses and fricative noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.regions import Region

# First three formants (Hz) of an adult male, after Peterson & Barney (1952), and of /l, r, m, n, w, j/.
VOWELS: dict[str, tuple[float, float, float]] = {
    "i": (270, 2290, 3010),
    "I": (390, 1990, 2550),
    "E": (530, 1840, 2480),
    "ae": (660, 1720, 2410),
    "a": (730, 1090, 2440),
    "o": (570, 840, 2410),
    "U": (440, 1020, 2240),
    "u": (300, 870, 2240),
    "V": (640, 1190, 2390),
    "er": (490, 1350, 1690),
}
SONORANTS: dict[str, tuple[float, float, float]] = {
    "l": (360, 1200, 2700),
    "r": (330, 1060, 1380),
    "m": (250, 1000, 2200),
    "n": (250, 1500, 2500),
    "w": (290, 610, 2150),
    "j": (260, 2100, 3000),
}
FRICATIVES: dict[str, dsp.Curve] = {
    "s": [(800, -40), (3500, -18), (6000, 0), (9000, -1), (16000, -14)],
    "sh": [(500, -40), (1800, -12), (3000, 0), (6000, -4), (16000, -24)],
    "f": [(300, -22), (1500, -12), (7000, -6), (16000, -10)],
    "h": [(200, -20), (900, -4), (2500, -9), (8000, -22), (16000, -36)],
}
FRICATIVE_LEVEL = {"s": 0.42, "sh": 0.5, "f": 0.13, "h": 0.15}


@dataclass
class Score:
    """What is said: knots of the voice over time, and the noises with their own envelopes."""

    times: list[float]
    tract: list[tuple[float, ...]]  # formants (Hz) at the knots
    voicing: list[float]  # amplitude of the voiced source at the knots
    noises: list[tuple[float, float, str, float]]  # start (s), duration (s), fricative, level

    def knot(self, time: float, formants: tuple[float, float, float], scale: float, voicing: float) -> None:
        """Add a knot; the fourth and fifth formants of a neutral tract are added to the three given."""
        self.times.append(time)
        self.tract.append(tuple(scale * f for f in (*formants, 3500.0, 4500.0)))
        self.voicing.append(voicing)


def glottal_source(
    rng: np.random.Generator,
    frequency: Signal,
    sample_rate: int,
    *,
    tilt_db: float = 11.0,
    breath: float = 0.03,
) -> Signal:
    """Glottal pulses with a spectral slope of `tilt_db` dB an octave, jitter, shimmer and breath noise."""
    n = frequency.size
    order = np.arange(1, 200)
    jitter = 1.0 + 0.008 * dsp.wander(rng, n, sample_rate, 60.0)
    pulses = dsp.oscillator(frequency * jitter, sample_rate, order ** (-tilt_db / 6.02))
    shimmer = 1.0 + 0.06 * dsp.wander(rng, n, sample_rate, 60.0)
    noise = dsp.shaped_noise(rng, n, sample_rate, [(100, -12), (1500, 0), (6000, -3), (16000, -10)])
    return pulses * shimmer + breath * noise


def _pick(rng: np.random.Generator, table: dict[str, tuple[float, float, float]]) -> tuple[float, float, float]:
    return table[list(table)[rng.integers(len(table))]]


def write_score(rng: np.random.Generator, n_syllables: int, rate: float, scale: float) -> Score:
    """Draw syllables: an optional consonant, a vowel or diphthong, an optional coda; now and then a pause."""
    score = Score([], [], [], [])
    time = 0.0
    for _ in range(n_syllables):
        length = rng.uniform(0.65, 1.4) / rate
        vowel = _pick(rng, VOWELS)
        stress = rng.uniform(0.5, 1.0)
        kind = rng.choice(["none", "fricative", "plosive", "sonorant"], p=[0.12, 0.3, 0.3, 0.28])
        if kind == "fricative":
            name = str(rng.choice(list(FRICATIVES)))
            span = min(0.5 * length, rng.uniform(0.05, 0.14))
            score.knot(time, vowel, scale, 0.0)
            score.noises.append((time, span + 0.02, name, FRICATIVE_LEVEL[name] * rng.uniform(0.5, 1.2)))
            time += span
            score.knot(time, vowel, scale, 0.0)
        elif kind == "plosive":
            gap = min(0.3 * length, rng.uniform(0.02, 0.07))
            locus = (250.0, rng.choice([900.0, 1700.0, 2200.0]), 2500.0)
            score.knot(time, locus, scale, 0.0)
            time += gap
            name = str(rng.choice(["f", "sh", "s", "h"]))
            score.noises.append((time, rng.uniform(0.012, 0.05), name, 1.3 * FRICATIVE_LEVEL[name]))
            score.knot(time, locus, scale, 0.0)
            time += 0.012
        elif kind == "sonorant":
            shape = _pick(rng, SONORANTS)
            span = min(0.35 * length, rng.uniform(0.04, 0.09))
            score.knot(time, shape, scale, 0.25 * stress)
            time += span
            score.knot(time, shape, scale, 0.3 * stress)
        score.knot(time + 0.03, vowel, scale, stress)
        end_vowel = _pick(rng, VOWELS) if rng.random() < 0.3 else vowel
        time += max(0.07, 0.6 * length)
        score.knot(time, end_vowel, scale, 0.8 * stress)
        coda = rng.random()
        if coda < 0.2:
            time += 0.06
            score.knot(time, _pick(rng, SONORANTS), scale, 0.25 * stress)
        elif coda < 0.35:
            score.noises.append((time, rng.uniform(0.06, 0.14), "s", 0.8 * FRICATIVE_LEVEL["s"]))
            score.knot(time + 0.02, end_vowel, scale, 0.0)
            time += 0.1
        if rng.random() < 0.12:
            score.knot(time + 0.03, end_vowel, scale, 0.0)
            time += rng.uniform(0.08, 0.3)
            score.knot(time, end_vowel, scale, 0.0)
    score.knot(time + 0.04, end_vowel, scale, 0.0)
    return score


def sing_score(
    rng: np.random.Generator,
    score: Score,
    frequency: Signal,
    sample_rate: int,
    *,
    breath: float,
    tilt_db: float,
) -> Signal:
    """Turn a score into sound along a fundamental-frequency curve."""
    n = frequency.size
    source = glottal_source(rng, frequency, sample_rate, tilt_db=tilt_db, breath=breath)
    source *= dsp.curve_through(n, sample_rate, score.times, score.voicing)
    voiced = dsp.formants(source, sample_rate, score.times, score.tract, gain_db=20.0, q=7.0)
    out = voiced / (np.sqrt(np.mean(voiced**2)) * 4.0 + 1e-9)
    for start, span, name, level in score.noises:
        first, size = dsp.samples(start, sample_rate), dsp.samples(span, sample_rate)
        hiss = dsp.shaped_noise(rng, size, sample_rate, FRICATIVES[name])
        hiss *= dsp.attack_decay(size, sample_rate, 0.3 * span, 0.4 * span)
        size = max(0, min(size, n - first))
        out[first : first + size] += 0.35 * level * hiss[:size]
    return out


def speech(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A person saying a nonsense phrase.

    Source-filter synthesis (Klatt 1980): glottal pulses through moving formants (Peterson & Barney 1952
    vowels scaled by the length of the vocal tract), fricatives and plosive bursts as shaped noise, syllables
    at 2.8 to 6.5 a second, a falling pitch with accents. Identity: mean pitch (85 to 280 Hz), tract scale,
    syllable rate.
    """
    pitch = region.draw(rng, 85.0, 280.0, log=True)
    # A higher voice tends to have a shorter tract; the rest of the variation is the speaker's own.
    scale = (pitch / 120.0) ** 0.2 * region.draw(rng, 0.9, 1.15)
    rate = region.draw(rng, 2.8, 6.5, log=True)
    n_syllables = max(1, round(rng.uniform(0.4, 3.6) * rate))
    score = write_score(rng, n_syllables, rate, scale)
    n = dsp.samples(score.times[-1] + 0.05, sample_rate)
    t = np.arange(n) / n
    accents = dsp.wander(rng, n, sample_rate, 0.8 * rate)
    frequency = pitch * (1.12 - 0.25 * t) * np.exp(rng.uniform(0.03, 0.13) * accents)
    frequency *= pitch / frequency.mean()
    tilt = rng.uniform(8.0, 13.0)
    out = sing_score(rng, score, frequency, sample_rate, breath=rng.uniform(0.005, 0.04), tilt_db=tilt)
    return dsp.room(rng, out, sample_rate, rng.uniform(0.1, 0.4), rng.uniform(0.0, 0.3))
