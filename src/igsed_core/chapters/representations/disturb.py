"""What is done to excerpts: in training by chance, in tests by a fixed amount, and bands of frequency removed."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.chapters.representations.excerpts import RATE, normalised

# Half octaves from 62.5 Hz to 8 kHz.
EDGES: NDArray[np.float64] = 62.5 * 2 ** (np.arange(15) / 2)
N_BANDS = len(EDGES) - 1
_CHANCE = 0.5  # of each change in training
_GAIN, _SNR, _DELAY = (-12.0, -1.0), (10.0, 30.0), (0.001, 0.3)  # dB, dB, s
_LOW_PASS, _HIGH_PASS = (1400.0, 4000.0), (500.0, 1200.0)  # Hz
_ORDER = 4  # of the filters, Butterworth's by size
CLEAN = "clean"


def augmented(waveforms: Tensor, random: torch.Generator) -> Tensor:
    """Change excerpts as the paper's training does: gain, noise, delay, a low or a high pass, each by chance.

    Parameters
    ----------
    waveforms
        ``[shape=(n, n_samples)]``
    random
        Of the draws.

    Returns
    -------
    Tensor [shape=(n, n_samples)]
    """
    n = len(waveforms)

    def drawn(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, generator=random)

    def chosen(chance: float = _CHANCE) -> Tensor:
        return torch.rand(n, 1, generator=random) < chance

    delays = (drawn(*_DELAY) * RATE).long() * chosen()
    made = torch.stack([delayed(one, int(by)) for one, by in zip(waveforms, delays, strict=True)])
    spectrum, frequencies = torch.fft.rfft(made), torch.fft.rfftfreq(made.shape[1], 1 / RATE)
    low = (1 + (frequencies / drawn(*_LOW_PASS)) ** (2 * _ORDER)).rsqrt()
    high = (1 + (drawn(*_HIGH_PASS) / frequencies.clamp_min(1.0)) ** (2 * _ORDER)).rsqrt()
    kind = torch.rand(n, 1, generator=random)  # below a quarter a low pass, above three a high pass, else none
    filtered = torch.where(kind < _CHANCE / 2, low, torch.where(kind > 1 - _CHANCE / 2, high, torch.ones(())))
    made = torch.fft.irfft(spectrum * filtered, n=made.shape[1])
    hiss = torch.randn(made.shape, generator=random) * 10 ** (-drawn(*_SNR) / 20)
    made = made + torch.where(chosen(), hiss, 0.0)
    return made * torch.where(chosen(), 10 ** (drawn(*_GAIN) / 20), 1.0)


def delayed(waveform: Tensor, by: int) -> Tensor:
    """Let an excerpt begin later: ``(..., n_samples)``, silence before it, its end cut off."""
    return torch.nn.functional.pad(waveform, (by, 0))[..., : waveform.shape[-1]]


def conditions() -> dict[str, tuple[str, float]]:
    """Return the fixed changes of the test: name -> (kind, amount): dB of noise, ms of delay, dB of gain."""
    return {
        CLEAN: (CLEAN, 0.0),
        **{f"noise_{snr}_db": ("noise", float(snr)) for snr in (20, 10, 0)},
        **{f"delay_{ms}_ms": ("delay", float(ms)) for ms in (10, 100, 300)},
        **{f"gain_{db}_db": ("gain", float(-db)) for db in (12, 24)},
    }


def changed(waveforms: Tensor, condition: str, *, seed: int) -> Tensor:
    """Change excerpts by a fixed amount.

    The level is brought to the root mean square of one after noise and delay, as a user's program would; a gain comes
    after it.

    Parameters
    ----------
    waveforms
        ``[shape=(n, n_samples)]``
    condition
        One of :func:`conditions`.
    seed
        Of noise.

    Returns
    -------
    Tensor [shape=(n, n_samples)]
    """
    kind, amount = conditions()[condition]
    if kind == "noise":
        random = torch.Generator().manual_seed(seed)
        return normalised(waveforms + torch.randn(waveforms.shape, generator=random) * 10 ** (-amount / 20))
    if kind == "delay":
        return normalised(delayed(waveforms, round(amount / 1000 * RATE)))
    return waveforms * 10 ** (amount / 20) if kind == "gain" else waveforms


def without_bands(waveforms: Tensor, removed: Tensor) -> Tensor:
    """Remove half octaves, and bring the level back to a root mean square of one.

    Parameters
    ----------
    waveforms
        ``[shape=(n, n_samples)]``
    removed
        Bands of each excerpt, ``[shape=(n, N_BANDS), dtype=bool]``.

    Returns
    -------
    Tensor [shape=(n, n_samples)]
    """
    frequencies = np.fft.rfftfreq(waveforms.shape[1], 1 / RATE)
    band = torch.from_numpy(np.searchsorted(EDGES, frequencies, side="right") - 1)
    inside = (band >= 0) & (band < N_BANDS)
    gone = removed[:, band.clamp(0, N_BANDS - 1)] & inside
    return normalised(torch.fft.irfft(torch.fft.rfft(waveforms) * ~gone, n=waveforms.shape[1]))


def energy_of_bands(waveforms: Tensor) -> NDArray[np.float64]:
    """Return the power of each half octave: ``(n, n_samples) -> (n, N_BANDS)``."""
    frequencies = np.fft.rfftfreq(waveforms.shape[1], 1 / RATE)
    power = torch.fft.rfft(waveforms).abs().square().double().numpy()
    return of_bands(power, frequencies)


def of_bands(values: NDArray[np.floating], frequencies: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sum over half octaves: ``(..., n_frequencies) -> (..., N_BANDS)``.

    Parameters
    ----------
    values
        Of each frequency, ``[shape=(..., n_frequencies)]``.
    frequencies
        In Hz, ``[shape=(n_frequencies,)]``.
    """
    band = np.searchsorted(EDGES, frequencies, side="right") - 1
    return np.stack([values[..., band == i].sum(axis=-1) for i in range(N_BANDS)], axis=-1)
