"""Liquids and hot fat: Frying and Running_water (modulated noise with crackles or bubbles)."""

from __future__ import annotations

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.regions import Region


def crackles(
    rng: np.random.Generator,
    n: int,
    sample_rate: int,
    rate: float,
    low: float,
    high: float,
    spread: float = 1.0,
) -> Signal:
    """Poisson crackles: damped clicks of 0.3 to 3 ms between `low` and `high` Hz, of log-normal strength."""
    times = dsp.random_times(rng, n / sample_rate, rate)
    pitches = low * (high / low) ** rng.random(times.size)
    decays = rng.uniform(0.0003, 0.003, times.size)
    return dsp.grains(n, sample_rate, times, pitches, decays, rng.lognormal(0.0, spread, times.size))


def bubbles(rng: np.random.Generator, n: int, sample_rate: int, rate: float, pitch: float) -> Signal:
    """Bubbles around `pitch` Hz: damped sinusoids whose pitch rises.

    The damping of a bubble of frequency f is 0.13 / r + 0.0072 r^-1.5 with radius r = 3 / f (van den Doel
    2005, Physically based models for liquid sounds).
    """
    times = dsp.random_times(rng, n / sample_rate, rate)
    pitches = pitch * 2.0 ** rng.normal(0.0, 0.6, times.size)
    radii = 3.0 / pitches
    decays = 1.0 / (0.13 / radii + 0.0072 * radii**-1.5)
    gains = rng.lognormal(0.0, 0.7, times.size) * (pitch / pitches) ** 0.5
    rise = rng.choice([0.0, 0.1, 0.3], times.size)
    return dsp.grains(n, sample_rate, times, pitches, np.minimum(decays, 0.04), gains, rise)


def frying(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Food frying in a pan.

    A sizzle (high-passed noise with a broad peak at 3 to 11 kHz: steam jets of many small bubbles) under
    Poisson crackles of heavy-tailed strength (drops of water bursting in hot fat), both slowly modulated.
    Identity: peak and lower edge of the sizzle, crackles per second.
    """
    duration = rng.uniform(1.6, 4.2)
    n = dsp.samples(duration, sample_rate)
    peak = region.draw(rng, 3000.0, 11000.0, log=True)
    edge = region.draw(rng, 350.0, 2200.0, log=True)
    rate = region.draw(rng, 6.0, 90.0, log=True)
    curve = [(40, -32), (edge / 3, -26), (edge, -12), (peak, 0), (16000, -rng.uniform(2.0, 14.0))]
    sizzle = dsp.shaped_noise(rng, n, sample_rate, curve)
    sizzle *= np.exp(rng.uniform(0.03, 0.25) * dsp.wander(rng, n, sample_rate, rng.uniform(1.0, 12.0)))
    snaps = crackles(rng, n, sample_rate, rate, 1200.0, 11000.0, spread=0.9)
    swell = np.exp(0.4 * dsp.wander(rng, n, sample_rate, 3.0))
    return sizzle + rng.uniform(0.6, 5.0) * snaps * swell


def running_water(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A tap or shower running into a basin.

    The jet's turbulence and splashes (noise with a broad peak at 1.5 to 9 kHz), a basin resonance at 150 to
    700 Hz, and bubbles as rising damped sinusoids (van den Doel 2005), with fast small fluctuations.
    Identity: splash peak, basin resonance, pitch of the bubbles.
    """
    duration = rng.uniform(1.6, 4.2)
    n = dsp.samples(duration, sample_rate)
    splash = region.draw(rng, 1500.0, 9000.0, log=True)
    basin = region.draw(rng, 150.0, 700.0, log=True)
    pitch = region.draw(rng, 500.0, 2200.0, log=True)
    fall = rng.uniform(2.0, 18.0)
    jet = dsp.shaped_noise(
        rng, n, sample_rate, [(40, -32), (0.4 * splash, -rng.uniform(5.0, 14.0)), (splash, 0), (16000, -fall)]
    )
    jet *= np.exp(rng.uniform(0.05, 0.2) * dsp.wander(rng, n, sample_rate, 25.0))
    boom = dsp.shaped_noise(rng, n, sample_rate, [(40, -20), (basin, 0), (2.5 * basin, -10), (16000, -45)])
    drops = bubbles(rng, n, sample_rate, rng.uniform(30.0, 130.0), pitch)
    level = np.exp(rng.uniform(0.0, 0.15) * dsp.wander(rng, n, sample_rate, 1.5))
    return level * (jet + rng.uniform(0.1, 0.9) * boom + rng.uniform(0.1, 0.9) * dsp.unit_rms(drops))
