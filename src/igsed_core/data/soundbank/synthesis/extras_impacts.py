"""Extra kinds for pretraining an encoder: impacts, rattles and weather (no targets of the bank)."""

from __future__ import annotations

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.modal import strike
from igsed_core.data.soundbank.synthesis.noise import bubbles, crackles
from igsed_core.data.soundbank.synthesis.regions import Region


def _length(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _clicks(
    rng: np.random.Generator, sample_rate: int, duration: float, times: Signal, curve: dsp.Curve, decay: float
) -> Signal:
    """Bursts of noise with spectrum `curve` at `times`, dying out with time constant `decay` (s)."""
    n = dsp.samples(duration + 8.0 * decay, sample_rate)
    gains = rng.lognormal(0.0, 0.3, times.size)
    return dsp.shaped_noise(rng, n, sample_rate, curve) * dsp.bursts(n, sample_rate, times, decay, gains)


def footsteps(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Heel thumps (low modes) and sole noise at 1.4 to 3 steps per second."""
    duration = _length(rng, 1.0, 4.0)
    times = dsp.steady_times(rng, duration, region.draw(rng, 1.4, 3.0), 0.06)
    n = dsp.samples(duration + 0.3, sample_rate)
    thump = dsp.grains(
        n, sample_rate, times, region.draw(rng, 70, 220, log=True), 0.02, rng.uniform(0.5, 1, times.size)
    )
    sole = _clicks(rng, sample_rate, duration, times + 0.04, [(200, -12), (1500, 0), (6000, -9), (16000, -24)], 0.02)
    thump[: sole.size] += rng.uniform(0.05, 0.4) * sole[:n]
    return dsp.room(rng, thump, sample_rate, 0.3, 0.2)


def knocking(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Two to eight knocks on wood: a few damped modes at 150 to 900 Hz."""
    times = dsp.steady_times(rng, rng.uniform(0.5, 1.6), region.draw(rng, 3.0, 8.0), 0.08)
    n = dsp.samples(float(times[-1]) + 0.4, sample_rate)
    gains = rng.uniform(0.6, 1.0, times.size)
    out = strike(rng, n, sample_rate, times, gains, region.draw(rng, 150, 500, log=True), 0.02)
    return dsp.room(rng, out, sample_rate, 0.3, 0.3)


def door_slam(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A low thump with a latch click and a long room tail."""
    times = np.array([0.0, rng.uniform(0.02, 0.12)])
    curve = [(40, 0), (region.draw(rng, 100, 300), 0), (1500, -14), (8000, -30), (16000, -45)]
    out = _clicks(rng, sample_rate, 0.2, times, curve, region.draw(rng, 0.02, 0.07))
    return dsp.room(rng, out, sample_rate, rng.uniform(0.4, 1.0), 0.5)


def glass_break(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A burst and a shower of short high modes that thins out."""
    duration = _length(rng, 0.6, 1.8)
    n = dsp.samples(duration, sample_rate)
    times = rng.exponential(0.25 * duration, 70)
    low = region.draw(rng, 1800.0, 4000.0)
    shards = dsp.grains(
        n,
        sample_rate,
        times,
        low * rng.uniform(1, 3.5, 70),
        rng.uniform(0.005, 0.05, 70),
        rng.lognormal(-0.5, 0.6, 70),
    )
    burst = _clicks(rng, sample_rate, duration, np.zeros(1), [(500, -10), (4000, 0), (16000, -4)], 0.03)
    return shards + burst[:n]


def drum_hits(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Membrane modes (Bessel ratios) with snare noise, in an even rhythm."""
    duration = _length(rng, 0.6, 3.5)
    times = dsp.steady_times(rng, duration, region.draw(rng, 2.0, 9.0), 0.02)
    n = dsp.samples(duration + 0.5, sample_rate)
    hits = dsp.impulses(n, sample_rate, times, rng.uniform(0.5, 1.0, times.size))
    modes = region.draw(rng, 70.0, 260.0, log=True) * np.array([1.0, 1.59, 2.14, 2.30, 2.65, 2.92])
    skin = dsp.resonate(hits, sample_rate, modes, rng.uniform(0.03, 0.15), 0.6 ** np.arange(6))
    snare = _clicks(rng, sample_rate, duration, times, [(300, -18), (2500, 0), (16000, -6)], 0.04)
    skin[: snare.size] += rng.uniform(0.0, 0.5) * snare[:n]
    return skin


def hand_claps(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Claps: band-passed noise bursts of a few milliseconds with a room tail."""
    duration = _length(rng, 0.5, 3.0)
    times = dsp.steady_times(rng, duration, region.draw(rng, 2.0, 6.0), 0.08)
    peak = region.draw(rng, 800.0, 2200.0)
    curve = [(200, -24), (peak, 0), (4 * peak, -10), (16000, -28)]
    return dsp.room(rng, _clicks(rng, sample_rate, duration, times, curve, 0.006), sample_rate, 0.4, 0.5)


def applause(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Hundreds of independent claps."""
    duration = _length(rng, 1.5, 4.2)
    times = dsp.random_times(rng, duration, region.draw(rng, 60.0, 400.0, log=True))
    return _clicks(rng, sample_rate, duration, times, [(250, -24), (1300, 0), (5000, -9), (16000, -26)], 0.006)


def typing(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Key presses: pairs of soft clicks at 4 to 10 a second."""
    duration = _length(rng, 0.8, 4.0)
    times = dsp.random_times(rng, duration, region.draw(rng, 4.0, 10.0))
    times = np.concatenate([[0.0], times, times + 0.07])
    curve = [(200, -18), (1200, -3), (region.draw(rng, 2500, 5000), 0), (16000, -18)]
    return _clicks(rng, sample_rate, duration, times, curve, 0.004)


def clock_tick(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Regular ticks of two alternating resonances."""
    duration = _length(rng, 1.2, 4.2)
    n = dsp.samples(duration, sample_rate)
    times = dsp.steady_times(rng, duration, region.draw(rng, 2.0, 6.0), 0.005)
    pitch = np.where(np.arange(times.size) % 2 == 0, 1.0, rng.uniform(0.75, 0.95)) * region.draw(rng, 1800, 5000)
    return dsp.grains(n, sample_rate, times, pitch, 0.004, 1.0) + dsp.grains(
        n, sample_rate, times, 2.3 * pitch, 0.002, 0.5
    )


def zipper(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Teeth clicking past faster and faster."""
    duration = _length(rng, 0.3, 1.2)
    n = dsp.samples(duration, sample_rate)
    rate = dsp.curve_through(n, sample_rate, [0, duration], [region.draw(rng, 50, 120), region.draw(rng, 150, 300)])
    times = np.flatnonzero(np.diff(np.floor(np.cumsum(rate) / sample_rate))) / sample_rate
    return _clicks(rng, sample_rate, duration, times, [(600, -20), (3500, 0), (9000, -2), (16000, -9)], 0.0015)


def saw(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Strokes of a hand saw: noise chopped by the teeth, to and fro."""
    n = dsp.samples(_length(rng, 1.2, 4.2), sample_rate)
    stroke = np.abs(np.sin(np.pi * region.draw(rng, 1.5, 4.0) * np.arange(n) / sample_rate))
    peak = region.draw(rng, 1200.0, 4000.0)
    noise = dsp.shaped_noise(rng, n, sample_rate, [(200, -20), (peak, 0), (3 * peak, -6), (16000, -20)])
    teeth = dsp.oscillator(40.0 + 160.0 * stroke, sample_rate, [1.0, 0.6, 0.4])
    return noise * (1.0 + 0.8 * teeth) * (0.05 + stroke**1.5)


def rain(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Close rain: drops as crackles and bubbles over a hiss."""
    n = dsp.samples(_length(rng, 2.0, 4.2), sample_rate)
    hiss = dsp.shaped_noise(
        rng, n, sample_rate, [(80, -24), (1000, -8), (region.draw(rng, 3000, 9000), 0), (16000, -8)]
    )
    drops = crackles(rng, n, sample_rate, region.draw(rng, 50, 300), 800.0, 6000.0, 0.5)
    return hiss + rng.uniform(0.5, 2.0) * drops


def thunder(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Claps of low noise that roll and die away."""
    duration = _length(rng, 2.0, 4.2)
    times = rng.exponential(0.4, 8)
    curve = [(30, 0), (region.draw(rng, 60, 160), 0), (500, -15), (3000, -38), (16000, -60)]
    return _clicks(rng, sample_rate, duration, times, curve, region.draw(rng, 0.2, 0.7))


def wind(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Gusts: noise through a resonance that wanders with the speed of the air."""
    duration = _length(rng, 2.0, 4.2)
    n = dsp.samples(duration, sample_rate)
    times = np.linspace(0.0, duration, 12)
    gust = np.clip(0.5 + 0.3 * rng.standard_normal(12), 0.1, 1.2)
    noise = dsp.shaped_noise(rng, n, sample_rate, [(40, 0), (400, -8), (3000, -30), (16000, -55)])
    centre = region.draw(rng, 200.0, 700.0) * (0.5 + gust)
    howl = dsp.formants(noise, sample_rate, times, centre[:, None], gain_db=22.0, q=8.0)
    return howl * dsp.curve_through(n, sample_rate, times, gust)


def water_drops(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Single drops: a click and one rising bubble each."""
    duration = _length(rng, 0.8, 4.0)
    n = dsp.samples(duration + 0.2, sample_rate)
    times = dsp.steady_times(rng, duration, region.draw(rng, 1.5, 6.0), 0.2)
    pitch = region.draw(rng, 700.0, 2500.0, log=True) * rng.uniform(0.8, 1.25, times.size)
    return dsp.grains(n, sample_rate, times, pitch, 0.02, 1.0, 0.3) + dsp.grains(
        n, sample_rate, times - 0.01, 4000, 0.001, 0.4
    )


def bubbling(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A boiling pot: many low bubbles."""
    n = dsp.samples(_length(rng, 1.2, 4.2), sample_rate)
    return bubbles(rng, n, sample_rate, region.draw(rng, 15.0, 70.0), region.draw(rng, 200.0, 700.0, log=True))


IMPACTS = {
    "Applause": applause,
    "Bubbling": bubbling,
    "Clock_tick": clock_tick,
    "Door_slam": door_slam,
    "Drum_hits": drum_hits,
    "Footsteps": footsteps,
    "Glass_break": glass_break,
    "Hand_claps": hand_claps,
    "Knocking": knocking,
    "Rain": rain,
    "Saw": saw,
    "Thunder": thunder,
    "Typing": typing,
    "Water_drops": water_drops,
    "Wind": wind,
    "Zipper": zipper,
}
