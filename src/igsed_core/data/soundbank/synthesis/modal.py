"""Struck bodies and ringing devices: Alarm_bell_ringing and Dishes (modal synthesis)."""

from __future__ import annotations

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.regions import Region

BELL_RATIOS = np.array([1.0, 1.19, 1.51, 2.0, 2.52, 2.66, 3.01, 4.17, 5.43, 6.79, 8.21])
PLATE_RATIOS = np.array([1.0, 1.73, 2.33, 2.80, 3.91, 4.12, 5.06, 6.30, 6.71, 8.20, 9.55, 11.2])


def ringing_bell(
    rng: np.random.Generator, n: int, sample_rate: int, pitch: float, strike_times: Signal, ring: float
) -> Signal:
    """A small bell of strike tone `pitch` (Hz) struck at `strike_times`, ringing for about `ring` s."""
    ratios = BELL_RATIOS * (1.0 + 0.015 * rng.standard_normal(BELL_RATIOS.size))
    decays = ring * ratios**-0.8 * rng.uniform(0.6, 1.4, ratios.size)
    levels = rng.uniform(0.3, 1.0, ratios.size) * ratios ** -rng.uniform(0.1, 0.7)
    force = rng.uniform(0.7, 1.0, strike_times.size)
    return dsp.resonate(dsp.impulses(n, sample_rate, strike_times, force), sample_rate, ratios * pitch, decays, levels)


def _on_off(rng: np.random.Generator, n: int, sample_rate: int, on: float, off: float) -> Signal:
    """A gate that is open for `on` seconds and shut for `off` seconds, with 4 ms edges."""
    phase = (np.arange(n) / sample_rate) % (on + off)
    return np.clip(np.minimum(phase, on - phase) / 0.004, 0.0, 1.0)


def alarm_bell_ringing(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Alarm clocks, electric bells, telephones and electronic alarms.

    A bell is a set of inharmonic damped modes near the partials of a tuned bell (hum and tierce to upper
    partials; Fletcher & Rossing 1998, The Physics of Musical Instruments, ch. 21), struck 9 to 28 times a
    second by a clapper; a telephone has two such bells and pauses; electronic alarms beep or warble with odd
    harmonics. Identity: pitch, strike or beep rate, ring time.
    """
    duration = rng.uniform(0.8, 4.2)
    n = dsp.samples(duration, sample_rate)
    pitch = region.draw(rng, 650.0, 2600.0, log=True)
    rate = region.draw(rng, 9.0, 28.0, log=True)
    ring = region.draw(rng, 0.08, 0.7, log=True)
    variant = rng.choice(["clapper", "telephone", "beeps", "warble"], p=[0.42, 0.25, 0.2, 0.13])
    if variant == "clapper":
        strikes = dsp.steady_times(rng, duration, rate, 0.04)
        return ringing_bell(rng, n, sample_rate, pitch, strikes, ring)
    if variant == "telephone":
        strikes = dsp.steady_times(rng, duration, rate, 0.01)
        on, off = rng.uniform(0.4, 1.6), rng.uniform(0.2, 0.8)
        strikes = strikes[strikes % (on + off) < on]
        second = pitch * rng.uniform(1.08, 1.4)
        return ringing_bell(rng, n, sample_rate, pitch, strikes[::2], ring) + ringing_bell(
            rng, n, sample_rate, second, strikes[1::2], ring
        )
    odd = np.zeros(12)
    odd[::2] = np.arange(1, 13, 2) ** -rng.uniform(0.8, 2.0)
    if variant == "beeps":
        beep = rng.uniform(0.4, 0.6) / (0.4 * rate)
        gate = _on_off(rng, n, sample_rate, beep, beep * rng.uniform(0.6, 1.2))
        if rng.random() < 0.6:  # groups of four or so, as alarm clocks do
            gate *= _on_off(rng, n, sample_rate, beep * 8, beep * 5)
        return dsp.oscillator(np.full(n, 1.2 * pitch), sample_rate, odd) * gate
    high = np.sign(np.sin(np.pi * rate * np.arange(n) / sample_rate)) > 0
    frequency = pitch * np.where(high, rng.uniform(1.1, 1.35), 1.0)
    return dsp.oscillator(frequency, sample_rate, odd) * _on_off(
        rng, n, sample_rate, rng.uniform(0.6, 1.6), rng.uniform(0.1, 0.5)
    )


def strike(
    rng: np.random.Generator,
    n: int,
    sample_rate: int,
    times: Signal,
    gains: Signal,
    pitch: float,
    ring: float,
) -> Signal:
    """One plate of lowest mode `pitch` (Hz), hit at `times`; every hit excites the modes afresh."""
    ratios = PLATE_RATIOS * (1.0 + 0.06 * rng.standard_normal(PLATE_RATIOS.size))
    decays = np.clip(ring * ratios**-0.5 * rng.uniform(0.5, 1.5, ratios.size), 0.004, 0.3)
    tilt = rng.uniform(0.0, 0.6)
    keep = ratios * pitch < 0.46 * sample_rate
    levels = (rng.uniform(0.2, 1.0, (times.size, ratios.size)) * ratios**-tilt)[:, keep] * gains[:, None]
    t = np.arange(dsp.samples(5.0 * float(decays[keep].max(initial=0.004)), sample_rate)) / sample_rate
    modes = np.exp(-t / decays[keep, None]) * np.sin(2.0 * np.pi * pitch * ratios[keep, None] * t)
    out = np.zeros(n + t.size)
    for onset, level in zip(np.round(times * sample_rate).astype(int), levels, strict=True):
        if onset < n:
            out[onset : onset + t.size] += (level[:, None] * modes).sum(axis=0)
    return out[:n]


def dishes(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Crockery and cutlery that is stacked, put down and rattled.

    Two to five objects with the inharmonic modes of free plates and thin shells (Fletcher & Rossing 1998, ch.
    3), hit in clusters; every hit also gives a broadband contact click, and some recordings a scrape. A hit
    often bounces, with shrinking intervals. Identity: lowest mode, ring time, hits per second.
    """
    duration = rng.uniform(0.4, 3.8)
    n = dsp.samples(duration + 0.2, sample_rate)
    pitch = region.draw(rng, 450.0, 2600.0, log=True)
    ring = region.draw(rng, 0.012, 0.14, log=True)
    rate = region.draw(rng, 2.0, 9.0, log=True)
    times = np.concatenate([[0.0], dsp.random_times(rng, duration, rate)])
    gains = rng.lognormal(-0.5, 0.6, times.size)
    bounces = rng.random(times.size) < 0.35
    first, force = times[bounces], gains[bounces]
    spread = 0.3 * rng.uniform(0.5, 1.2)
    for k in range(1, 4):  # each interval is 0.7 of the one before
        times = np.append(times, first + spread * (1.0 - 0.7**k))
        gains = np.append(gains, force * 0.6**k)
    out = np.zeros(n)
    owner = rng.integers(0, rng.integers(2, 6), times.size)
    for item in np.unique(owner):
        mine = owner == item
        spread = rng.uniform(0.7, 1.6)
        out += strike(rng, n, sample_rate, times[mine], gains[mine], pitch * spread, ring * rng.uniform(0.6, 1.6))
    click = dsp.shaped_noise(rng, n, sample_rate, [(300, -18), (2500, 0), (9000, 0), (16000, -10)])
    out += rng.uniform(0.4, 2.0) * click * dsp.bursts(n, sample_rate, times, rng.uniform(0.003, 0.02), gains)
    if rng.random() < 0.3:
        scrape = dsp.shaped_noise(rng, n, sample_rate, [(1500, -25), (4000, 0), (7000, -3), (14000, -15)])
        out += 0.25 * scrape * np.clip(dsp.wander(rng, n, sample_rate, 5.0), 0.0, None)
    return dsp.room(rng, out, sample_rate, rng.uniform(0.1, 0.5), rng.uniform(0.05, 0.5))
