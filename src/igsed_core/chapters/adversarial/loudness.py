"""Loudness as ITU-R BS.1770-4 has it, for one channel and any rate, of what is far too quiet for its gate as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

_BLOCK, _HOP = 0.4, 0.1  # s
_ABSOLUTE, _RELATIVE = -70.0, -10.0  # LUFS, LU
_OFFSET = -0.691
_QUIETEST = 1e-12


def loudness(waveforms: NDArray[np.floating], sample_rate: int) -> NDArray[np.float64]:
    """Integrated loudness of each clip, as if it were turned up to full scale and the gain then taken off.

    So a perturbation a thousandth as loud as a clip, all of which the gate would cut off, has a loudness as well.

    Parameters
    ----------
    waveforms
        ``[shape=(n, n_samples)]``; of clips shorter than 0.4 s one block is taken.
    sample_rate
        In Hz.

    Returns
    -------
    np.ndarray [shape=(n,)]
        In LUFS.
    """
    values = np.asarray(waveforms, dtype=np.float64)
    peaks = np.maximum(np.abs(values).max(axis=1), _QUIETEST)
    heard = signal.sosfilt(_weighting(sample_rate), values / peaks[:, None], axis=1)
    size, hop = min(round(_BLOCK * sample_rate), values.shape[1]), round(_HOP * sample_rate)
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(np.square(heard), axis=1)], axis=1)
    begins = np.arange(0, values.shape[1] - size + 1, hop)
    powers = (sums[:, begins + size] - sums[:, begins]) / size  # (n, n_blocks)
    return np.array([_gated(row) for row in powers]) + 20 * np.log10(peaks)


def _gated(powers: NDArray[np.float64]) -> float:
    """Loudness of the blocks above both gates."""
    levels = _OFFSET + 10 * np.log10(np.maximum(powers, 1e-30))
    loud = levels > _ABSOLUTE
    if not loud.any():
        return float(levels.max())
    gate = _OFFSET + 10 * np.log10(powers[loud].mean()) + _RELATIVE
    return float(_OFFSET + 10 * np.log10(powers[loud & (levels > gate)].mean()))


def _weighting(sample_rate: int) -> NDArray[np.float64]:
    """Second-order sections of the K weighting: a shelf for the head, and a high-pass.

    The recommendation has coefficients for 48 kHz alone; these are the analogue filters behind them, for any rate.
    """
    gain, quality, corner = 10 ** (3.999843853973347 / 20), 0.7071752369554196, 1681.974450955533
    k = np.tan(np.pi * corner / sample_rate)
    half = gain**0.4996667741545416
    a0 = 1 + k / quality + k * k
    shelf = [
        (gain + half * k / quality + k * k) / a0,
        2 * (k * k - gain) / a0,
        (gain - half * k / quality + k * k) / a0,
        *(1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0),
    ]
    quality, corner = 0.5003270373238773, 38.13547087602444
    k = np.tan(np.pi * corner / sample_rate)
    a0 = 1 + k / quality + k * k
    high = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]
    return np.array([shelf, high])
