"""Pets: Cat and Dog (source-filter models with animal-sized vocal tracts)."""

from __future__ import annotations

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.regions import Region
from igsed_core.data.soundbank.synthesis.voice import glottal_source


def meow(rng: np.random.Generator, sample_rate: int, duration: float, pitch: float, scale: float) -> Signal:
    """One meow: pitch rises and falls, the mouth opens (first formant up) and closes."""
    n = dsp.samples(duration, sample_rate)
    top = rng.uniform(0.15, 0.55) * duration
    knots = [0.0, top, 0.75 * duration, duration]
    contour = [
        rng.uniform(0.72, 0.95),
        rng.uniform(1.02, 1.25),
        rng.uniform(0.9, 1.1),
        rng.uniform(0.6, 0.85),
    ]
    frequency = pitch * dsp.curve_through(n, sample_rate, knots, contour)
    frequency *= 1.0 + 0.01 * np.sin(2.0 * np.pi * rng.uniform(5.0, 9.0) * np.arange(n) / sample_rate)
    source = glottal_source(rng, frequency, sample_rate, tilt_db=rng.uniform(4.0, 9.0), breath=rng.uniform(0.02, 0.12))
    opening = rng.uniform(0.8, 1.3)
    tract = scale * np.array(
        [
            [650.0, 2300.0, 4200.0, 6400.0],
            [1350.0 * opening, 2100.0, 4000.0, 6200.0],
            [1200.0 * opening, 1800.0, 3900.0, 6200.0],
            [600.0, 1200.0, 3600.0, 6000.0],
        ]
    )
    voiced = dsp.formants(source, sample_rate, knots, tract, gain_db=18.0, q=5.0)
    return dsp.unit_rms(voiced) * dsp.attack_decay(n, sample_rate, 0.2 * duration, 0.4 * duration)


def _hiss(rng: np.random.Generator, sample_rate: int, duration: float, scale: float) -> Signal:
    n = dsp.samples(duration, sample_rate)
    curve = [(200, -28), (1200 * scale, -9), (3500 * scale, 0), (7500 * scale, -5), (16000, -15)]
    return dsp.shaped_noise(rng, n, sample_rate, curve) * dsp.attack_decay(n, sample_rate, 0.05, 0.5 * duration)


def _purr(rng: np.random.Generator, sample_rate: int, duration: float, pitch: float, scale: float) -> Signal:
    n = dsp.samples(duration, sample_rate)
    frequency = 0.04 * pitch * (1.0 + 0.03 * dsp.wander(rng, n, sample_rate, 6.0))
    source = glottal_source(rng, frequency, sample_rate, tilt_db=2.0, breath=0.6)
    breathing = 0.65 + 0.35 * np.sin(2.0 * np.pi * 0.9 * np.arange(n) / sample_rate + rng.uniform(0.0, 6.0))
    tract = scale * np.array([[260.0, 900.0, 2400.0]])
    voiced = dsp.formants(source, sample_rate, [0.0], tract, gain_db=20.0, q=3.0)
    return dsp.equalise(voiced * breathing, sample_rate, [(100, -3), (400, 0), (2000, -14), (16000, -32)])


def cat(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A cat: one to three meows, sometimes a hiss or a purr.

    Glottal pulses (300 to 1000 Hz, rising then falling) through the formants of a short tract that opens and
    closes, the vowel glide of "miaow" (Nicastro 2004 gives mean meow pitches of about 600 Hz); a purr is
    pulses at 20 to 35 Hz. Identity: pitch, tract scale, length of a meow.
    """
    pitch = region.draw(rng, 330.0, 950.0, log=True)
    scale = region.draw(rng, 0.8, 1.3, log=True)
    length = region.draw(rng, 0.3, 1.3, log=True)
    variant = rng.choice(["meow", "hiss", "purr"], p=[0.84, 0.08, 0.08])
    if variant == "hiss":
        return _hiss(rng, sample_rate, length + 0.2, scale)
    if variant == "purr":
        return _purr(rng, sample_rate, length + rng.uniform(0.8, 2.0), pitch, scale)
    parts: list[Signal] = []
    for _ in range(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2])):
        duration = length * rng.uniform(0.75, 1.25)
        parts.append(meow(rng, sample_rate, duration, pitch * rng.uniform(0.92, 1.1), scale) * rng.uniform(0.6, 1.0))
        parts.append(np.zeros(dsp.samples(rng.uniform(0.08, 0.5), sample_rate)))
    out = np.concatenate(parts[:-1])
    return dsp.room(rng, out, sample_rate, rng.uniform(0.1, 0.4), rng.uniform(0.0, 0.3))


def bark(
    rng: np.random.Generator, sample_rate: int, duration: float, pitch: float, scale: float, harsh: float
) -> Signal:
    """One bark: a fast rise and fall in pitch, harsh noise mixed with the pulses, a sharp onset."""
    n = dsp.samples(duration, sample_rate)
    knots = [0.0, 0.3 * duration, duration]
    frequency = pitch * dsp.curve_through(n, sample_rate, knots, [0.75, 1.1, rng.uniform(0.5, 0.75)])
    frequency *= 1.0 + 0.08 * harsh * dsp.wander(rng, n, sample_rate, 150.0)
    source = glottal_source(rng, frequency, sample_rate, tilt_db=rng.uniform(3.0, 7.0), breath=harsh)
    tract = scale * np.array(
        [[500.0, 1100.0, 2200.0, 3600.0], [850.0, 1500.0, 2600.0, 3900.0], [500.0, 1200.0, 2300.0, 3600.0]]
    )
    voiced = dsp.formants(source, sample_rate, knots, tract, gain_db=16.0, q=4.0)
    voiced = dsp.equalise(voiced, sample_rate, [(150, -12), (450, 0), (2500 * scale, 0), (7000, -16), (16000, -32)])
    return dsp.unit_rms(voiced) * dsp.attack_decay(n, sample_rate, 0.012, 0.75 * duration)


def dog(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A dog: one to six barks.

    A bark is a pulse train of 180 to 900 Hz made rough by noise and jitter (the chaotic phonation of loud
    barks; Riede et al. 2001), through the formants of a tract scaled with the size of the dog, 80 to 260 ms
    long. Identity: pitch, tract scale, harshness.
    """
    pitch = region.draw(rng, 180.0, 900.0, log=True)
    scale = (pitch / 400.0) ** 0.35 * region.draw(rng, 0.8, 1.25, log=True)
    harsh = region.draw(rng, 0.08, 0.9)
    length = rng.uniform(0.08, 0.24)
    gap = rng.uniform(0.06, 0.5)
    n_barks = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.35, 0.25, 0.16, 0.12, 0.07, 0.05]))
    if n_barks == 1:
        length += 0.1
    parts: list[Signal] = []
    for _ in range(n_barks):
        one = bark(rng, sample_rate, length * rng.uniform(0.85, 1.2), pitch * rng.uniform(0.93, 1.07), scale, harsh)
        parts += [
            one * rng.uniform(0.6, 1.0),
            np.zeros(dsp.samples(gap * rng.uniform(0.7, 1.4), sample_rate)),
        ]
    out = np.concatenate(parts[:-1])
    return dsp.room(rng, out, sample_rate, rng.uniform(0.15, 0.5), rng.uniform(0.05, 0.4))
