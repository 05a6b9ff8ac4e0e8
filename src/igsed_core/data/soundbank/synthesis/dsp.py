"""Building blocks shared by all generators: shaped noise, oscillators, resonators, formants, grains, rooms.

All signals are one-dimensional float64 arrays; `n` is a number of samples, `sample_rate` is in Hz. A spectral
curve is a sequence of (frequency in Hz, gain in dB) points, joined by straight lines over log frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy  # scipy.signal comes with its first use: every command reads parameters here, and it takes a second
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

Signal = NDArray[np.floating]
Curve = Sequence[tuple[float, float]]

TABLE_SIZE = 4096
FORMANT_FFT_SECONDS = 0.032


def samples(duration: float, sample_rate: int) -> int:
    """Return the number of samples of `duration` seconds (at least one)."""
    return max(1, round(duration * sample_rate))


def unit_rms(x: Signal) -> Signal:
    """Scale to a root mean square of one (silence stays silence)."""
    rms = np.sqrt(np.mean(x**2))
    return x / rms if rms > 0 else x


def gains_at(frequencies: Signal, curve: Curve) -> Signal:
    """Evaluate a spectral curve as linear gains at `frequencies` (Hz), through a fine table over log frequency."""
    hz, db = np.array(curve, dtype=float).T
    table_hz = np.geomspace(1.0, max(2.0, float(frequencies[-1])), 512)
    table = 10.0 ** (np.interp(np.log(table_hz), np.log(hz), db) / 20.0)
    return np.interp(frequencies, table_hz, table).astype(np.float32)


def shaped_noise(rng: np.random.Generator, n: int, sample_rate: int, curve: Curve) -> Signal:
    """Gaussian noise, unit RMS, whose amplitude spectrum follows `curve`; drawn in the frequency domain."""
    size = next_fast_len(n, real=True)
    gains = gains_at(np.fft.rfftfreq(size, 1.0 / sample_rate), curve)
    gains[0] = 0.0
    parts = rng.standard_normal((gains.size, 2), dtype=np.float32) * gains[:, None]
    return unit_rms(irfft(parts.view(np.complex64)[:, 0], size)[:n])


def equalise(x: Signal, sample_rate: int, curve: Curve) -> Signal:
    """Filter with the zero-phase response `curve`."""
    size = next_fast_len(x.size + sample_rate // 50, real=True)
    frequencies = np.fft.rfftfreq(size, 1.0 / sample_rate)
    return irfft(rfft(x, size) * gains_at(frequencies, curve), size)[: x.size]


def wander(rng: np.random.Generator, n: int, sample_rate: int, rate: float) -> Signal:
    """A random control curve, of about unit variance, with `rate` independent points per second."""
    n_points = max(2, int(np.ceil(n / sample_rate * rate)) + 2)
    return np.interp(np.arange(n) * (rate / sample_rate), np.arange(n_points), rng.standard_normal(n_points))


def curve_through(
    n: int, sample_rate: int, times: Sequence[float] | Signal, values: Sequence[float] | Signal
) -> Signal:
    """A control curve through `values` at `times` (s), joined by lines."""
    return np.interp(np.arange(n) / sample_rate, times, values)


def oscillator(
    frequency: Signal, sample_rate: int, amplitudes: ArrayLike, rng: np.random.Generator | None = None
) -> Signal:
    """A periodic wave with the given harmonic amplitudes along a frequency curve.

    Parameters
    ----------
    frequency : ndarray [shape=(n,)]
        Fundamental frequency at every sample, in Hz.
    sample_rate : int
        In Hz.
    amplitudes : array-like [shape=(n_harmonics,)]
        Amplitude of harmonics 1, 2, ...; those that would pass the Nyquist frequency are left out.
    rng : Generator, optional
        Gives the harmonics random phases; without it they add up to one sharp pulse a period.

    Returns
    -------
    ndarray [shape=(n,)]
        Unit-RMS wave, read with linear interpolation from a table of one period.
    """
    amplitudes = np.asarray(amplitudes, dtype=float)
    usable = int(min(amplitudes.size, 0.48 * sample_rate / float(frequency.max()), TABLE_SIZE // 4))
    usable = max(1, usable)
    phases = np.zeros(usable) if rng is None else rng.uniform(0.0, 2.0 * np.pi, usable)
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, dtype=complex)
    spectrum[1 : usable + 1] = amplitudes[:usable] * np.exp(1j * phases)
    table = irfft(spectrum, TABLE_SIZE)
    table = np.append(table, table[0])
    position = np.cumsum(frequency) * (TABLE_SIZE / sample_rate)
    whole = np.floor(position)
    index = whole.astype(np.int64) % TABLE_SIZE
    fraction = position - whole
    return unit_rms(table[index] * (1.0 - fraction) + table[index + 1] * fraction)


def resonate(
    excitation: Signal, sample_rate: int, frequencies: ArrayLike, decays: ArrayLike, gains: ArrayLike
) -> Signal:
    """Modal synthesis: two-pole resonators in parallel, excited together.

    Each mode answers an impulse with ``gain * exp(-t / decay) * sin(2 pi f t)``. Modes above 0.48 of the
    sample rate are left out.

    Parameters
    ----------
    excitation
        ``[shape=(n_samples,)]``
    sample_rate
        In Hz.
    frequencies, decays, gains
        Of the modes, in Hz, in seconds and as factors, each ``[shape=(n_modes,)]`` or a number.

    Returns
    -------
    np.ndarray [shape=(n_samples,)]
    """
    out = np.zeros_like(excitation)
    for frequency, decay, gain in np.broadcast(frequencies, decays, gains):
        if frequency < 0.48 * sample_rate:
            radius = np.exp(-1.0 / (decay * sample_rate))
            angle = 2.0 * np.pi * frequency / sample_rate
            out += scipy.signal.lfilter(
                [0.0, gain * radius * np.sin(angle)],
                [1.0, -2.0 * radius * np.cos(angle), radius**2],
                excitation,
            )
    return out


def grains(
    n: int,
    sample_rate: int,
    onsets: ArrayLike,
    frequencies: ArrayLike,
    decays: ArrayLike,
    gains: ArrayLike,
    rise: ArrayLike = 0.0,
) -> Signal:
    """Many short damped sinusoids at their own onsets: clicks, crackles, bubbles, short struck modes.

    Parameters
    ----------
    n, sample_rate : int
        Length of the result and sample rate.
    onsets, frequencies, decays, gains, rise : array-like, broadcast to shape (n_grains,)
        Onset (s), frequency (Hz), time constant (s), amplitude, and relative rise of the frequency per time
        constant (the pitch of a bubble rises as it nears the surface).
    """
    onsets, frequencies, decays, gains, rise = np.broadcast_arrays(
        *(np.asarray(a, dtype=float) for a in (onsets, frequencies, decays, gains, rise))
    )
    out = np.zeros(n)
    octaves = np.ceil(np.log2(decays))  # grains of like length together, lest the longest sets the work for all
    for octave in np.unique(octaves):
        mine = octaves == octave
        onset, frequency, decay, gain, bend = (
            a[mine, None].astype(np.float32) for a in (onsets, frequencies, decays, gains, rise)
        )
        steps = np.arange(samples(4.5 * 2.0**octave, sample_rate))
        t = (steps / sample_rate).astype(np.float32)
        relative = t / decay  # (grains, samples)
        waves = gain * np.exp(-relative) * np.sin(2.0 * np.pi * frequency * t * (1.0 + 0.5 * bend * relative))
        index = np.round(onset * sample_rate).astype(np.int64) + steps
        inside = (index >= 0) & (index < n)
        out += np.bincount(index[inside], weights=waves[inside], minlength=n)
    return out


def random_times(rng: np.random.Generator, duration: float, rate: float) -> Signal:
    """Onsets (s) of a Poisson process with `rate` events per second over `duration`."""
    return np.sort(rng.uniform(0.0, duration, rng.poisson(rate * duration)))


def steady_times(rng: np.random.Generator, duration: float, rate: float, jitter: float = 0.05) -> Signal:
    """Onsets (s) repeated at `rate` with relative timing errors `jitter`, the first at zero."""
    steps = np.maximum(0.2, 1.0 + jitter * rng.standard_normal(int(duration * rate) + 2)) / rate
    times = np.cumsum(steps) - steps[0]
    return times[times < duration]


def impulses(n: int, sample_rate: int, onsets: ArrayLike, gains: ArrayLike = 1.0) -> Signal:
    """Single-sample impulses at `onsets` (s).

    Parameters
    ----------
    n
        Samples.
    sample_rate
        In Hz.
    onsets
        In seconds, ``[shape=(n_onsets,)]``.
    gains
        Factors, ``[shape=(n_onsets,)]``, or one for all.

    Returns
    -------
    np.ndarray [shape=(n,)]
    """
    index = np.round(np.asarray(onsets, dtype=float) * sample_rate).astype(np.int64)
    weights = np.broadcast_to(np.asarray(gains, dtype=float), index.shape)
    inside = (index >= 0) & (index < n)
    return np.bincount(index[inside], weights=weights[inside], minlength=n).astype(float)


def bursts(n: int, sample_rate: int, onsets: ArrayLike, decay: float, gains: ArrayLike = 1.0) -> Signal:
    """An envelope that jumps at each onset and falls exponentially with time constant `decay` (s).

    Parameters
    ----------
    n
        Samples.
    sample_rate
        In Hz.
    onsets
        In seconds, ``[shape=(n_onsets,)]``.
    decay
        Time constant in seconds.
    gains
        Factors, ``[shape=(n_onsets,)]``, or one for all.

    Returns
    -------
    np.ndarray [shape=(n,)]
    """
    pole = np.exp(-1.0 / (decay * sample_rate))
    return scipy.signal.lfilter([1.0], [1.0, -pole], impulses(n, sample_rate, onsets, gains))


def attack_decay(n: int, sample_rate: int, attack: float, release: float) -> Signal:
    """A raised-cosine rise of `attack` seconds, a plateau, a raised-cosine fall of `release` seconds."""
    envelope = np.ones(n)
    up, down = min(n // 2, samples(attack, sample_rate)), min(n // 2, samples(release, sample_rate))
    envelope[:up] = 0.5 - 0.5 * np.cos(np.pi * np.arange(up) / up)
    envelope[n - down :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(down) / down)
    return envelope


def formants(
    x: Signal,
    sample_rate: int,
    times: Sequence[float] | Signal,
    centres: ArrayLike,
    *,
    gain_db: float = 24.0,
    q: float = 9.0,
) -> Signal:
    """Filter with resonances that move over time, as a vocal tract does.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        Source: glottal pulses, noise or both.
    sample_rate : int
        In Hz.
    times : array-like [shape=(n_knots,)]
        Times (s) at which the resonances are given; they glide in between.
    centres : array-like [shape=(n_knots, n_formants)]
        Centre frequencies in Hz.
    gain_db, q : float
        Height of a resonance over its surroundings, and centre frequency over bandwidth.

    Returns
    -------
    ndarray [shape=(n,)]
        Overlap-added frames, each multiplied by a cascade of peaking sections; the source's own slope gives
        the rest of the spectrum (compare Klatt 1980, Software for a cascade/parallel formant synthesizer).
    """
    hop = samples(FORMANT_FFT_SECONDS / 4, sample_rate)
    size = 4 * hop
    padded = np.pad(x, (size, 2 * size))
    n_frames = (padded.size - size) // hop + 1
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:n_frames]
    frame_times = (np.arange(n_frames) * hop - size / 2) / sample_rate
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    squared = (np.fft.rfftfreq(size, 1.0 / sample_rate) ** 2).astype(np.float32)
    lift = np.float32(10.0 ** (gain_db / 10.0))
    response = np.ones((n_frames, squared.size), dtype=np.float32)
    for column in np.asarray(centres, dtype=float).T:
        centre = np.interp(frame_times, times, column)[:, None].astype(np.float32)
        distance = (centre**2 - squared) ** 2
        width = (centre / q + 40.0) ** 2 * squared
        response *= (distance + lift * width + 1.0) / (distance + width + 1.0)
    spectra = rfft((frames * window).astype(np.float32), axis=1)
    filtered = irfft(spectra * np.sqrt(response), size, axis=1)
    out = np.zeros(padded.size)
    for part in range(4):  # frames of one residue do not overlap: a reshape adds them all at once
        block = filtered[part::4]
        out[part * hop : part * hop + block.size] += block.ravel()
    return out[size : size + x.size] / 2.0


def room(rng: np.random.Generator, x: Signal, sample_rate: int, rt60: float, wet: float) -> Signal:
    """Add a diffuse room tail: decaying noise (Moorer 1979), `wet` relative to the direct sound."""
    n_tail = samples(rt60, sample_rate)
    tail = rng.standard_normal(n_tail) * 10.0 ** (-3.0 * np.arange(n_tail) / n_tail)
    tail = scipy.signal.lfilter([0.6], [1.0, -0.4], tail)
    tail /= np.sqrt(np.sum(tail**2))
    return np.pad(x, (0, n_tail - 1)) + wet * scipy.signal.oaconvolve(x, tail)
