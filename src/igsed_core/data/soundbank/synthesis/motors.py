"""Household motors: Blender, Electric_shaver_toothbrush and Vacuum_cleaner (harmonics plus noise)."""

from __future__ import annotations

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.regions import Region


def motor_harmonics(
    rng: np.random.Generator,
    frequency: Signal,
    sample_rate: int,
    *,
    tilt: float,
    bars: int,
    uneven_db: float = 6.0,
) -> Signal:
    """Harmonics of the rotation with uneven levels, and a commutator whine at `bars` times it."""
    order = np.arange(1, 81)
    amplitudes = order**-tilt * 10.0 ** (uneven_db * rng.standard_normal(order.size) / 20.0)
    amplitudes[bars - 1 :: bars] *= 2.5
    return dsp.oscillator(frequency, sample_rate, amplitudes, rng)


def spin(
    rng: np.random.Generator, n: int, sample_rate: int, speed: float, *, load: Signal, start: float
) -> tuple[Signal, Signal]:
    """Return the rotation frequency (Hz) and the loudness of a motor that starts up, wanders and is loaded.

    `load` is the relative loss of speed over time; `start` the time constant (s) of the start-up, zero if the
    recording begins with the motor running.
    """
    t = np.arange(n) / sample_rate
    run = np.ones(n) if start == 0.0 else 1.0 - 0.7 * np.exp(-t / start)
    frequency = speed * run * (1.0 + 0.004 * dsp.wander(rng, n, sample_rate, 8.0)) * (1.0 - load)
    return frequency, run**1.5


def rough(rng: np.random.Generator, noise: Signal, frequency: Signal, sample_rate: int, depth: float) -> Signal:
    """Modulate noise once a turn: blades and brushes chop the flow."""
    return noise * (1.0 + depth * dsp.oscillator(frequency, sample_rate, [1.0, 0.5, 0.3], rng))


def blender(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A kitchen blender or mixer.

    A universal motor (rotation 130 to 340 Hz, i.e. 8000 to 20000 rpm) as harmonics with a commutator whine,
    plus the noise of food in a jar with a jar resonance; lumps load the motor, lower its speed and knock on
    the jar; some start up, some are pulsed. Identity: rotation, noise share, jar resonance.
    """
    duration = rng.uniform(1.6, 4.2)
    n = dsp.samples(duration, sample_rate)
    speed = region.draw(rng, 130.0, 340.0, log=True)
    share = region.draw(rng, 0.3, 0.8)
    jar = region.draw(rng, 350.0, 1800.0, log=True)
    lumps = dsp.random_times(rng, duration, rng.uniform(0.5, 9.0))
    hits = dsp.bursts(n, sample_rate, lumps, rng.uniform(0.03, 0.15), rng.uniform(0.2, 1.0, lumps.size))
    load = np.clip(0.05 * hits, 0.0, 0.25) + 0.02 * dsp.wander(rng, n, sample_rate, 2.0)
    start = rng.choice([0.0, 0.0, rng.uniform(0.05, 0.3)])
    frequency, loudness = spin(rng, n, sample_rate, speed, load=load, start=start)
    tone = motor_harmonics(rng, frequency, sample_rate, tilt=rng.uniform(0.3, 1.1), bars=int(rng.integers(6, 13)))
    tone = dsp.equalise(tone, sample_rate, [(100, -9), (jar, 4), (4 * jar, -2), (9000, -12), (16000, -22)])
    noise = dsp.shaped_noise(rng, n, sample_rate, [(80, -18), (jar, 0), (2.5 * jar, -5), (6000, -9), (16000, -24)])
    noise = rough(rng, noise, frequency, sample_rate, rng.uniform(0.1, 0.5)) * (1.0 + rng.uniform(0.2, 1.2) * hits)
    out = loudness * ((1.0 - share) * dsp.unit_rms(tone) + share * dsp.unit_rms(noise))
    if rng.random() < 0.25:  # pulsed by hand
        cycle = rng.uniform(0.5, 1.1)
        phase = (np.arange(n) / sample_rate) % cycle
        out *= np.clip(np.minimum(phase / 0.05, (cycle - phase) / 0.15), 0.08, 1.0)
    return out


def electric_shaver_toothbrush(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """An electric shaver or toothbrush.

    A small motor or vibrating armature (90 to 280 Hz; mains-driven shavers sit at 100 or 120 Hz) whose buzz
    is rich in harmonics because the blades hit their stops, heard through a light plastic case (resonance 1.5
    to 6 kHz, little bass); strokes over skin or teeth change level, brightness and speed. Identity:
    vibration, case, harmonic slope.
    """
    duration = rng.uniform(1.4, 4.2)
    n = dsp.samples(duration, sample_rate)
    speed = region.draw(rng, 90.0, 280.0, log=True)
    case = region.draw(rng, 1500.0, 6000.0, log=True)
    tilt = region.draw(rng, 0.1, 0.8)
    share = rng.uniform(0.08, 0.5)
    strokes = np.sin(
        2.0 * np.pi * np.cumsum(rng.uniform(0.6, 4.0) + 0.3 * dsp.wander(rng, n, sample_rate, 2.0)) / sample_rate
    )
    depth = rng.uniform(0.0, 0.06)
    frequency, loudness = spin(rng, n, sample_rate, speed, load=depth * (0.5 + 0.5 * strokes), start=0.0)
    tone = motor_harmonics(rng, frequency, sample_rate, tilt=tilt, bars=int(rng.integers(3, 9)), uneven_db=5.0)
    body = [(90, -16), (speed, -6), (600, -9), (case, 4), (2 * case, -4), (16000, -20)]
    tone = dsp.equalise(tone, sample_rate, body)
    noise = dsp.shaped_noise(rng, n, sample_rate, [(200, -25), (case, 0), (2.2 * case, -3), (16000, -16)])
    noise = rough(rng, noise, frequency, sample_rate, rng.uniform(0.3, 0.8)) * (1.0 + 0.5 * strokes)
    mix = (1.0 - share) * dsp.unit_rms(tone) + share * dsp.unit_rms(noise)
    return mix * loudness * (1.0 + rng.uniform(0.05, 0.35) * strokes)


def vacuum_cleaner(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A vacuum cleaner.

    Air flow through hose and nozzle (broadband noise with a tube hump at 300 to 1800 Hz) over the weaker
    harmonics of the fan (rotation 180 to 480 Hz); the nozzle moving over the floor changes brightness and
    load slowly. Identity: rotation, noise share, hump.
    """
    duration = rng.uniform(2.0, 4.2)
    n = dsp.samples(duration, sample_rate)
    speed = region.draw(rng, 180.0, 480.0, log=True)
    share = region.draw(rng, 0.5, 0.95)
    hump = region.draw(rng, 300.0, 1800.0, log=True)
    push = dsp.wander(rng, n, sample_rate, rng.uniform(0.6, 2.0))
    start = rng.choice([0.0, 0.0, rng.uniform(0.2, 0.7)])
    frequency, loudness = spin(rng, n, sample_rate, speed, load=-0.012 * push, start=start)
    tone = motor_harmonics(rng, frequency, sample_rate, tilt=rng.uniform(0.6, 1.4), bars=int(rng.integers(7, 12)))
    tone = dsp.equalise(tone, sample_rate, [(100, -6), (hump, 2), (5000, -6), (16000, -20)])
    open_air = dsp.shaped_noise(rng, n, sample_rate, [(60, -12), (hump, 0), (3 * hump, -6), (7000, -11), (16000, -22)])
    floor = dsp.shaped_noise(rng, n, sample_rate, [(60, -6), (0.7 * hump, 0), (2 * hump, -9), (16000, -30)])
    blend = np.clip(0.5 + 0.3 * push, 0.0, 1.0)
    noise = rough(rng, blend * open_air + (1.0 - blend) * floor, frequency, sample_rate, rng.uniform(0.02, 0.2))
    return loudness * ((1.0 - share) * dsp.unit_rms(tone) + share * dsp.unit_rms(noise))
