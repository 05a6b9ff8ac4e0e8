"""Steady ambient backgrounds: rooms, ventilation, traffic, hum, fridges, rain, streets, wind, fans.

All are stationary Gaussian noises with a spectrum of their own, some with hum or a slow, shallow modulation:
level and spectrum have no events, so that a background never carries a target sound.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal

Ambient = Callable[[np.random.Generator, int, int], Signal]


def _hum(rng: np.random.Generator, n: int, sample_rate: int, frequency: float, tilt: float) -> Signal:
    order = np.arange(1, 31)
    amplitudes = order**-tilt * rng.lognormal(0.0, 0.6, order.size)
    return dsp.oscillator(np.full(n, frequency), sample_rate, amplitudes, rng)


def _slow(rng: np.random.Generator, n: int, sample_rate: int, depth: float, rate: float) -> Signal:
    return np.exp(depth * dsp.wander(rng, n, sample_rate, rate))


def room_tone(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """A quiet room: noise falling 4 to 7 dB an octave, with a room mode."""
    slope, mode = rng.uniform(4.0, 7.0), rng.uniform(80.0, 200.0)
    return dsp.shaped_noise(rng, n, sample_rate, [(30, -6), (mode, 3), (2 * mode, -4), (16000, -slope * 7)])


def ventilation(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """A duct: flow noise with one or two broad resonances and a faint blade tone."""
    hump = rng.uniform(250.0, 900.0)
    curve = [(30, -8), (hump, 0), (2 * hump, -rng.uniform(6.0, 12.0)), (8000, -32), (16000, -48)]
    return dsp.shaped_noise(rng, n, sample_rate, curve) + 0.1 * _hum(rng, n, sample_rate, rng.uniform(40, 120), 1.5)


def distant_traffic(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """Many vehicles far away: low rumble and a tyre hump near 800 Hz, hardly modulated."""
    curve = [(30, 0), (120, -3), (400, -15), (900, -rng.uniform(10.0, 17.0)), (2500, -32), (16000, -62)]
    return dsp.shaped_noise(rng, n, sample_rate, curve) * _slow(rng, n, sample_rate, 0.08, 0.4)


def mains_hum(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """Mains hum and its harmonics over room noise."""
    hum = _hum(rng, n, sample_rate, float(rng.choice([50.0, 60.0, 100.0, 120.0])), rng.uniform(0.9, 1.6))
    return rng.uniform(0.3, 0.8) * hum + room_tone(rng, n, sample_rate)


def fridge(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """A compressor at twice its slip speed below 50 or 60 Hz, with beats, and the flow of the coolant."""
    speed = float(rng.choice([48.5, 58.0])) * rng.uniform(0.98, 1.0)
    beat = 1.0 + 0.12 * np.sin(2.0 * np.pi * rng.uniform(0.5, 2.0) * np.arange(n) / sample_rate)
    flow = dsp.shaped_noise(rng, n, sample_rate, [(50, -6), (200, 0), (1500, -12), (5000, -26), (16000, -48)])
    return _hum(rng, n, sample_rate, speed, rng.uniform(0.5, 1.1)) * beat + rng.uniform(0.5, 1.2) * flow


def rain_outside(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """Steady rain behind a window: a flat to gently falling spectrum."""
    curve = [
        (40, -18),
        (300, -6),
        (1500, 0),
        (5000, -rng.uniform(3.0, 9.0)),
        (16000, -rng.uniform(18.0, 30.0)),
    ]
    return dsp.shaped_noise(rng, n, sample_rate, curve) + 0.5 * room_tone(rng, n, sample_rate)


def street(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """A street from a balcony: traffic, air and an even murmur in the speech band."""
    murmur = dsp.shaped_noise(rng, n, sample_rate, [(80, -20), (350, 0), (1200, -5), (3500, -18), (16000, -45)])
    air = dsp.shaped_noise(rng, n, sample_rate, [(100, -20), (2000, 0), (16000, -12)])
    return distant_traffic(rng, n, sample_rate) + rng.uniform(0.2, 0.6) * murmur + rng.uniform(0.02, 0.1) * air


def wind_in_trees(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """Leaves in an even wind: two noise bands with a slow, shallow exchange."""
    low = dsp.shaped_noise(rng, n, sample_rate, [(40, 0), (200, -4), (1000, -20), (16000, -60)])
    leaves = dsp.shaped_noise(rng, n, sample_rate, [(300, -24), (2500, 0), (6000, -3), (16000, -18)])
    return low + rng.uniform(0.15, 0.5) * leaves * _slow(rng, n, sample_rate, 0.12, 0.8)


def computer_fan(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """A fan: blade-passing tone at 100 to 300 Hz over noise falling 3 to 5 dB an octave."""
    noise = dsp.shaped_noise(rng, n, sample_rate, [(40, -6), (300, 0), (16000, -rng.uniform(18.0, 28.0))])
    return noise + rng.uniform(0.1, 0.4) * _hum(rng, n, sample_rate, rng.uniform(100.0, 300.0), 2.0)


def recorder_noise(rng: np.random.Generator, n: int, sample_rate: int) -> Signal:
    """A quiet place recorded with a noisy preamplifier: nearly white noise over a soft rumble."""
    hiss = dsp.shaped_noise(rng, n, sample_rate, [(60, -3), (1000, 0), (16000, -rng.uniform(0.0, 8.0))])
    return hiss + rng.uniform(0.5, 1.5) * room_tone(rng, n, sample_rate)


AMBIENTS: dict[str, Ambient] = {
    "computer_fan": computer_fan,
    "distant_traffic": distant_traffic,
    "fridge": fridge,
    "mains_hum": mains_hum,
    "rain_outside": rain_outside,
    "recorder_noise": recorder_noise,
    "room_tone": room_tone,
    "street": street,
    "ventilation": ventilation,
    "wind_in_trees": wind_in_trees,
}
