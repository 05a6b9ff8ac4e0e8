"""Extra kinds for pretraining an encoder: tones, engines, animals and voices (no targets of the bank)."""

from __future__ import annotations

import numpy as np

from igsed_core.data.soundbank.synthesis import dsp
from igsed_core.data.soundbank.synthesis.dsp import Signal
from igsed_core.data.soundbank.synthesis.motors import motor_harmonics
from igsed_core.data.soundbank.synthesis.regions import Region
from igsed_core.data.soundbank.synthesis.voice import glottal_source


def _time(rng: np.random.Generator, low: float, high: float, sample_rate: int) -> Signal:
    """Sample times (s) of a sound of `low` to `high` seconds."""
    return np.arange(dsp.samples(rng.uniform(low, high), sample_rate)) / sample_rate


def _syllables(t: Signal, sample_rate: int, length: float, gap: float) -> Signal:
    """Smooth humps of `length` seconds repeated after `gap` seconds of silence."""
    phase = t % (length + gap)
    return np.where(phase < length, np.abs(np.sin(np.pi * phase / length)) ** 0.7, 0.0)


def engine_idle(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Firing pulses at 15 to 60 Hz through body resonances, with noise."""
    t = _time(rng, 1.5, 4.2, sample_rate)
    frequency = region.draw(rng, 15.0, 60.0, log=True) * (1.0 + 0.02 * dsp.wander(rng, t.size, sample_rate, 6.0))
    pulses = glottal_source(rng, frequency, sample_rate, tilt_db=3.0, breath=0.2)
    body = region.draw(rng, 90.0, 250.0)
    out = dsp.formants(pulses, sample_rate, [0.0], [[body, 2.3 * body, 5.0 * body]], gain_db=16.0, q=3.0)
    return dsp.equalise(out, sample_rate, [(40, 0), (300, 0), (2000, -18), (16000, -40)])


def helicopter(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Blade slap at 10 to 25 Hz modulating low noise, with a turbine whine."""
    t = _time(rng, 2.0, 4.2, sample_rate)
    slap = dsp.oscillator(np.full(t.size, region.draw(rng, 10.0, 25.0)), sample_rate, np.ones(8))
    noise = dsp.shaped_noise(rng, t.size, sample_rate, [(40, 0), (250, -3), (1500, -18), (16000, -45)])
    whine = dsp.oscillator(np.full(t.size, region.draw(rng, 700.0, 2500.0)), sample_rate, [1.0, 0.3])
    return noise * np.clip(0.3 + slap, 0.0, None) + 0.05 * whine


def drill(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A hand drill: a gear whine that climbs, sags under load and coasts down."""
    t = _time(rng, 1.0, 3.5, sample_rate)
    end = float(t[-1])
    knots = [0.0, 0.2 * end, 0.5 * end, 0.9 * end, end + 0.01]
    shape = dsp.curve_through(t.size, sample_rate, knots, [0.3, 1.0, rng.uniform(0.6, 0.9), 1.0, 0.4])
    tone = motor_harmonics(rng, region.draw(rng, 350.0, 900.0) * shape, sample_rate, tilt=0.6, bars=5)
    return (tone + 0.3 * dsp.shaped_noise(rng, t.size, sample_rate, [(200, -10), (3000, 0), (16000, -15)])) * shape


def siren(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A wail or yelp: a horn tone swept up and down."""
    t = _time(rng, 1.5, 4.2, sample_rate)
    sweep = 0.5 - 0.5 * np.cos(2.0 * np.pi * region.draw(rng, 0.3, 4.0, log=True) * t)
    low = region.draw(rng, 450.0, 800.0)
    return dsp.oscillator(low * (1.0 + rng.uniform(0.6, 1.4) * sweep), sample_rate, 1.0 / np.arange(1, 12))


def car_horn(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Two reed horns about a third apart, in one or more blasts."""
    t = _time(rng, 0.4, 2.0, sample_rate)
    pitch, tilt = region.draw(rng, 280.0, 520.0), rng.uniform(0.2, 0.8)
    out = np.zeros(t.size)
    for ratio in (1.0, rng.uniform(1.18, 1.3)):
        out += dsp.oscillator(np.full(t.size, ratio * pitch), sample_rate, np.arange(1, 31) ** -tilt, rng)
    return out * np.clip(8.0 * _syllables(t, sample_rate, rng.uniform(0.2, 1.5), 0.12), 0.0, 1.0)


def bird_chirps(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A song of short swept whistles at 2 to 7 kHz."""
    t = _time(rng, 0.6, 3.5, sample_rate)
    length, gap = region.draw(rng, 0.05, 0.25, log=True), rng.uniform(0.03, 0.2)
    note = np.floor(t / (length + gap)).astype(int)
    tune = rng.uniform(0.8, 1.3, note[-1] + 1)[note]
    glide = 1.0 + rng.uniform(-0.4, 0.4) * (t % (length + gap)) / length
    trill = 1.0 + 0.05 * np.sin(2.0 * np.pi * rng.uniform(15.0, 60.0) * t)
    frequency = np.clip(region.draw(rng, 2000.0, 6000.0, log=True) * tune * glide * trill, 500.0, 12000.0)
    return dsp.oscillator(frequency, sample_rate, [1.0, 0.15]) * _syllables(t, sample_rate, length, gap)


def insects(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Crickets: a carrier at 3 to 9 kHz in pulse trains."""
    t = _time(rng, 1.5, 4.2, sample_rate)
    carrier = dsp.oscillator(np.full(t.size, region.draw(rng, 3000.0, 9000.0)), sample_rate, [1.0])
    pulses = np.clip(np.sin(2.0 * np.pi * region.draw(rng, 15.0, 70.0) * t), 0.0, None)
    return (
        carrier * pulses * np.clip(3.0 * _syllables(t, sample_rate, rng.uniform(0.1, 1.0), rng.uniform(0.0, 0.4)), 0, 1)
    )


def plucked_string(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Notes of a stiff string: harmonic modes whose decay shortens with frequency."""
    duration = rng.uniform(0.6, 3.5)
    n = dsp.samples(duration, sample_rate)
    order = np.arange(1, 15)
    out = np.zeros(n)
    scale = np.array([1.0, 1.125, 1.25, 1.5, 1.667, 2.0])
    times = dsp.steady_times(rng, duration, rng.uniform(1.0, 4.0), 0.05)
    notes = rng.choice(scale, times.size)
    pitch, pluck = region.draw(rng, 80.0, 500.0, log=True), region.draw(rng, 0.08, 0.4)
    for note in np.unique(notes):
        modes = pitch * note * order * np.sqrt(1.0 + 2e-4 * order**2)
        hits = dsp.impulses(n, sample_rate, times[notes == note])
        out += dsp.resonate(hits, sample_rate, modes, 0.5 / order**0.7, np.sin(np.pi * order * pluck) / order)
    return out


def flute(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Notes of a flute or organ pipe: few harmonics, vibrato, breath noise."""
    t = _time(rng, 0.5, 3.5, sample_rate)
    note = np.floor(t * rng.uniform(1.0, 4.0)).astype(int)
    tune = rng.choice([1.0, 1.122, 1.26, 1.335, 1.498], note[-1] + 1)[note]
    vibrato = 1.0 + 0.012 * np.sin(2.0 * np.pi * rng.uniform(4.0, 7.0) * t)
    tone = dsp.oscillator(
        region.draw(rng, 200.0, 1100.0, log=True) * tune * vibrato,
        sample_rate,
        region.draw(rng, 0.15, 0.7) ** np.arange(9),
    )
    breath = dsp.shaped_noise(rng, t.size, sample_rate, [(200, -15), (2000, 0), (16000, -18)])
    return (tone + rng.uniform(0.0, 0.08) * breath) * dsp.attack_decay(t.size, sample_rate, 0.05, 0.1)


def whistle(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A person whistling: nearly a sine at 700 to 3000 Hz that glides."""
    t = _time(rng, 0.4, 3.0, sample_rate)
    tune = np.exp(0.12 * dsp.wander(rng, t.size, sample_rate, 4.0))
    tone = dsp.oscillator(region.draw(rng, 700.0, 3000.0, log=True) * tune, sample_rate, [1.0, 0.03])
    return tone + 0.03 * dsp.shaped_noise(rng, t.size, sample_rate, [(300, -20), (3000, 0), (16000, -10)])


def sine_sweep(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """An exponential sweep up or down."""
    t = _time(rng, 0.5, 4.0, sample_rate)
    ends = [region.draw(rng, 80.0, 600.0, log=True), region.draw(rng, 1500.0, 11000.0, log=True)]
    start, stop = ends if rng.random() < 0.5 else ends[::-1]
    return dsp.oscillator(start * (stop / start) ** (t / t[-1]), sample_rate, [1.0, rng.uniform(0.0, 0.3)])


def modem(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Dual tones in quick succession, as in dialling and data over telephone."""
    t = _time(rng, 0.8, 3.5, sample_rate)
    symbol = np.floor(t * region.draw(rng, 4.0, 40.0, log=True)).astype(int)
    low = rng.choice([697.0, 770.0, 852.0, 941.0], symbol[-1] + 1)[symbol]
    high = rng.choice([1209.0, 1336.0, 1477.0, 1633.0], symbol[-1] + 1)[symbol]
    factor = region.draw(rng, 0.8, 1.5)
    return dsp.oscillator(factor * low, sample_rate, [1.0]) + dsp.oscillator(factor * high, sample_rate, [1.0])


def electric_hum(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A transformer: harmonics of 100 or 120 Hz."""
    t = _time(rng, 1.0, 4.2, sample_rate)
    order = np.arange(1, 41)
    amplitudes = order ** -region.draw(rng, 0.4, 1.5) * rng.lognormal(0.0, 0.7, order.size)
    return dsp.oscillator(np.full(t.size, float(rng.choice([50.0, 60.0, 100.0, 120.0]))), sample_rate, amplitudes, rng)


def _cry(
    rng: np.random.Generator,
    t: Signal,
    sample_rate: int,
    pitch: Signal,
    gate: Signal,
    tract: list[float],
    breath: float,
) -> Signal:
    source = glottal_source(rng, pitch, sample_rate, tilt_db=6.0, breath=breath) * gate
    return dsp.formants(source, sample_rate, [0.0], [tract], gain_db=18.0, q=6.0)


def baby_cry(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Wails of 0.5 to 1.2 s at 350 to 600 Hz through the formants of a short tract."""
    t = _time(rng, 0.8, 4.0, sample_rate)
    gate = _syllables(t, sample_rate, region.draw(rng, 0.5, 1.2), rng.uniform(0.15, 0.4))
    pitch = region.draw(rng, 350.0, 600.0, log=True) * (0.85 + 0.2 * gate)
    return _cry(rng, t, sample_rate, pitch, gate, [1100.0, 3000.0, 5000.0], rng.uniform(0.05, 0.3))


def laughter(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Breathy vowels at 4 to 6 a second with falling pitch."""
    t = _time(rng, 0.6, 2.5, sample_rate)
    period = 1.0 / region.draw(rng, 4.0, 6.0)
    gate = _syllables(t, sample_rate, 0.6 * period, 0.4 * period)
    pitch = region.draw(rng, 130.0, 420.0, log=True) * (1.1 - 0.3 * t / t[-1]) * (0.9 + 0.1 * gate)
    return _cry(rng, t, sample_rate, pitch, gate, [750.0, 1300.0, 2600.0, 3600.0], 0.25)


def crow(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """Harsh caws of a large bird."""
    t = _time(rng, 0.6, 3.0, sample_rate)
    gate = _syllables(t, sample_rate, region.draw(rng, 0.2, 0.45), rng.uniform(0.15, 0.5))
    pitch = (
        region.draw(rng, 250.0, 550.0)
        * (0.9 + 0.15 * gate)
        * (1.0 + 0.05 * dsp.wander(rng, t.size, sample_rate, 120.0))
    )
    return _cry(rng, t, sample_rate, pitch, gate, [1200.0, 1900.0, 3500.0], 0.5)


def cow(rng: np.random.Generator, region: Region, sample_rate: int) -> Signal:
    """A long low call with a slow rise."""
    t = _time(rng, 0.9, 2.5, sample_rate)
    gate = _syllables(t, sample_rate, float(t[-1]), 0.1)
    pitch = region.draw(rng, 80.0, 180.0) * (0.8 + 0.4 * gate)
    return _cry(rng, t, sample_rate, pitch, gate, [300.0, 700.0, 1500.0, 2500.0], 0.1)


TONES = {
    "Baby_cry": baby_cry,
    "Bird_chirps": bird_chirps,
    "Car_horn": car_horn,
    "Cow": cow,
    "Crow": crow,
    "Drill": drill,
    "Electric_hum": electric_hum,
    "Engine_idle": engine_idle,
    "Flute": flute,
    "Helicopter": helicopter,
    "Insects": insects,
    "Laughter": laughter,
    "Modem": modem,
    "Plucked_string": plucked_string,
    "Sine_sweep": sine_sweep,
    "Siren": siren,
    "Whistle": whistle,
}
