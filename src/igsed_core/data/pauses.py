"""How much of what a label covers is quiet: pauses within the files of a sound bank.

The label of an event spans its whole file. Windows far below the file's loudest are labelled as active although
hardly anything sounds, which bounds what any detector of sound can reach.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.data import audio
from igsed_core.data.soundbank.base import SoundBank

WINDOW = 0.1  # s, as long as an evaluation frame of the paper
DEPTH = 30.0  # dB below the loudest window
COLUMNS = ["class", "files", "windows", "quiet"]


def quiet(samples: NDArray[np.floating], sample_rate: int, *, window: float = WINDOW, depth: float = DEPTH) -> int:
    """Count windows that lie far below the loudest one.

    Parameters
    ----------
    samples
        ``[shape=(n_samples,)]``; what does not fill the last window is left out, a shorter sound is one window.
    sample_rate
        Hz.
    window
        s.
    depth
        dB, of power.
    """
    power = _power(samples, sample_rate, window)
    return int((power <= power.max() * 10 ** (-depth / 10)).sum()) if power.max() > 0 else len(power)


def of_bank(bank: SoundBank, *, pool: str = "eval", window: float = WINDOW, depth: float = DEPTH) -> pd.DataFrame:
    """Share of the windows of each class that are quiet although the label covers them.

    Parameters
    ----------
    bank
        A prepared bank.
    pool
        Whose files are read.
    window, depth
        As for :func:`quiet`.

    Returns
    -------
    pd.DataFrame
        ``class, files, windows, quiet``; ``quiet`` is a share of the windows.
    """
    mine = bank.files[(bank.files["role"] == "foreground") & (bank.files["pool"] == pool)]
    rows = []
    for label, group in mine.groupby("label"):
        counts = []
        for path in group["path"]:
            samples, rate = audio.read(bank.root / path)
            power = _power(samples[:, 0], rate, window)
            counts.append((len(power), quiet(samples[:, 0], rate, window=window, depth=depth)))
        windows, low = np.array(counts).sum(axis=0)
        rows.append((str(label), len(group), int(windows), float(low / windows)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _power(samples: NDArray[np.floating], sample_rate: int, window: float) -> NDArray[np.float64]:
    """Mean square of every window, ``[shape=(n_windows,)]``."""
    length = min(round(window * sample_rate), len(samples))
    whole = np.asarray(samples[: len(samples) // length * length], dtype=float)
    return np.asarray((whole.reshape(-1, length) ** 2).mean(axis=1))
