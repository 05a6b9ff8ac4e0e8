"""How events are cut from clips: by their level in frames of 20 ms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from igsed_core.data.soundbank.real_sources import READ, SHORT, SUSTAINED, TICKS
from igsed_core.metrics import frames

RATE = 32_000  # Hz, of all files
FRAME = 0.02  # s
BELOW_PEAK, ABOVE_FLOOR = 40.0, 6.0  # dB
GAP, SHORTEST, LONGEST = 0.3, 0.25, 4.2  # s
LEAST_CONTRAST = 15.0  # dB of the peak above the floor
CLIPPED = 1e-3  # share of samples at full scale
FADE, PEAK_DB = 0.005, -3.0
LOWEST = 40.0  # Hz
STEADY_DB, STEADY_FRAME = 6.0, 0.1
BACKGROUND_SECONDS, CROSSFADE, BACKGROUND_DB = 13.6, 0.5, -28.0
_FLOOR = 1e-10

Samples = NDArray[np.float64]


def prepared(samples: NDArray[np.floating]) -> Samples:
    """Take off what is below 40 Hz, ``[shape=(n_samples,)]``."""
    import scipy.signal  # every command that reads parameters comes by here, and it takes half a second

    high = scipy.signal.butter(2, LOWEST, "highpass", fs=RATE, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(high, np.asarray(samples, dtype=np.float64)))


def levels(samples: Samples, frame: float = FRAME) -> Samples:
    """Level of each frame in dB, ``(n_samples,) -> (n_frames,)``; frames of some seconds."""
    n = round(frame * RATE)
    whole = samples[: max(1, len(samples) // n) * n]
    whole = np.pad(whole, (0, -len(whole) % n))
    return 10 * np.log10((whole.reshape(-1, n) ** 2).mean(axis=1) + _FLOOR)


def events(samples: Samples, kind: str) -> list[Samples]:
    """Cut the events of a clip; none where it is clipped or hardly stands out of its own noise.

    Parameters
    ----------
    samples
        At :data:`RATE`, ``[shape=(n_samples,)]``.
    kind
        How: short events apart, the longest sustained one, a run of ticks, or read speech at its pauses.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.data.soundbank.cutting import RATE, events
    >>> rng = np.random.default_rng(0)
    >>> sound = 1e-4 * rng.standard_normal(3 * RATE)
    >>> for begin in (0.5, 1.9):
    ...     sound[int(begin * RATE) : int((begin + 0.4) * RATE)] += 0.3 * rng.standard_normal(int(0.4 * RATE))
    >>> [round(len(one) / RATE, 1) for one in events(sound, "short")]
    [0.4, 0.4]
    """
    if (np.abs(samples) >= 0.999).mean() > CLIPPED:
        return []
    level = levels(samples)
    floor, peak = float(np.percentile(level, 10)), float(level.max())
    if kind in (SHORT, TICKS) and peak - floor < LEAST_CONTRAST:
        return []
    threshold = peak - BELOW_PEAK if kind == SUSTAINED else max(peak - BELOW_PEAK, floor + ABOVE_FLOOR)
    runs = frames.runs(level > threshold)
    if not len(runs):
        return []
    if kind == TICKS:
        runs = np.array([[runs[0, 0], runs[-1, 1]]])
    runs = _joined(runs, GAP)
    if kind == SUSTAINED:
        runs = runs[np.argmax(runs[:, 1] - runs[:, 0])][None]
    least = 1.0 if kind == READ else SHORTEST
    runs = runs[(runs[:, 1] - runs[:, 0]) * FRAME >= least - 1e-9]
    n = round(FRAME * RATE)
    return [finished(_tightened(_most_active(samples[first * n : end * n]))) for first, end in runs]


def _joined(runs: NDArray[np.int64], gap: float) -> NDArray[np.int64]:
    """Join stretches that stand less than a gap apart; a short one goes to what is near, if it is near."""
    kept = [list(runs[0])]
    for first, end in runs[1:]:
        short = min(end - first, kept[-1][1] - kept[-1][0]) * FRAME < SHORTEST
        if (first - kept[-1][1]) * FRAME < (2 * gap if short else gap):
            kept[-1][1] = end
        else:
            kept.append([first, end])
    return np.array(kept)


def _most_active(samples: Samples) -> Samples:
    """The loudest stretch of what is too long."""
    n = round(LONGEST * RATE)
    if len(samples) <= n:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    first = int(np.argmax(energy[n:] - energy[:-n]))
    return samples[first : first + n]


def _tightened(samples: Samples) -> Samples:
    """Begin and end where the level comes within 40 dB of the peak."""
    level = levels(samples)
    loud = np.flatnonzero(level > level.max() - BELOW_PEAK)
    n = round(FRAME * RATE)
    return samples[loud[0] * n : (loud[-1] + 1) * n]


def finished(samples: Samples) -> Samples:
    """Fade both ends over 5 ms, and bring the peak to -3 dBFS, ``[shape=(n_samples,)]``."""
    n = min(round(FADE * RATE), len(samples) // 2)
    shape = np.ones(len(samples))
    shape[:n] = np.linspace(0, 1, n, endpoint=False)
    shape[len(samples) - n :] = shape[:n][::-1]
    made = samples * shape
    return made * (10 ** (PEAK_DB / 20) / max(float(np.abs(made).max()), 1e-9))


def steady(samples: Samples) -> bool:
    """Say whether a clip's level hardly changes, ``[shape=(n_samples,)]``."""
    low, high = np.percentile(levels(samples, STEADY_FRAME), [3, 97])
    return bool(high - low < STEADY_DB)


def background(clips: list[Samples]) -> Samples:
    """Join the steady clips of one recording, again where they do not suffice, with crossfades, at -28 dBFS.

    Parameters
    ----------
    clips
        ``[shape=(n_samples,)]`` each, at :data:`RATE`; longer than a crossfade.

    Returns
    -------
    np.ndarray [shape=(n_samples,)]
    """
    even = [one / np.sqrt((one**2).mean() + _FLOOR) for one in clips]
    n, wanted = round(CROSSFADE * RATE), round(BACKGROUND_SECONDS * RATE)
    made, which = even[0], 1
    rise = np.sin(np.linspace(0, np.pi / 2, n))
    while len(made) < wanted:
        more = even[which % len(even)]
        which += 1
        middle = made[-n:] * rise[::-1] + more[:n] * rise
        made = np.concatenate([made[:-n], middle, more[n:]])
    made = made[:wanted]
    return made * 10 ** (BACKGROUND_DB / 20)
