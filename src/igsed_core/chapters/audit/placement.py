"""Energy under other placements of the events: what a wrong time axis would earn, were onsets not this book's.

A time axis that is wrong turns the pointing game into a question of where events usually lie, which the paper does not
say. So events are placed by each distribution of onsets, without audio: a soundscape is the power of its background
plus that of its events, both fluctuating.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.chapters.audit import overlap
from igsed_core.chapters.audit.energy import apart_from_paper
from igsed_core.chapters.audit.material import Material
from igsed_core.data.onsets import ONSETS, place
from igsed_core.detection.thresholds import levels
from igsed_core.main_job.params import DataSynthesis
from igsed_core.metrics import localisation

FINE = 10  # steps of an evaluation frame

Axis = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _frames(power: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    return power[:, : power.shape[1] // steps * steps].reshape(len(power), -1, steps).mean(axis=2)


def _double(power: NDArray[np.float64]) -> NDArray[np.float64]:
    n_frames = power.shape[1] // FINE
    fast = _frames(power, 2 * FINE)
    return np.concatenate([fast, np.zeros((len(power), n_frames - fast.shape[1]))], axis=1)


# reading, as in igsed_core.chapters.audit.energy -> power in steps (n, FINE * n_frames) to scores (n, n_frames)
AXES: dict[str, Axis] = {
    "power": lambda power: _frames(power, FINE),
    "inverted": lambda power: -_frames(power, FINE),
    "reversed": lambda power: _frames(power, FINE)[:, ::-1],
    "tenth": lambda power: power[:, : power.shape[1] // FINE],
    "half": lambda power: _frames(power[:, : power.shape[1] // 2], FINE // 2),
    "double": _double,
}


def simulate(material: Material, synthesis: DataSynthesis, *, n: int, seed: int) -> pd.DataFrame:
    """Every time axis under every distribution of onsets and lengths, nearest to the paper's energy first.

    Parameters
    ----------
    material
        Gives frames, lengths of events, and the percentiles chosen for Integrated Gradients, which all use.
    synthesis
        Numbers and levels of events, length of a soundscape.
    n
        Soundscapes a row; one event of each is the instance.
    seed
        Of the draw.

    Returns
    -------
    pd.DataFrame
        ``reading, onsets, lengths, activity, iou, f1, pointing_game, iou_std, distance``; distances as in
        :func:`igsed_core.chapters.audit.energy.distances`.
    """
    rng = np.random.default_rng([seed, 0x91AC])
    rows = []
    for lengths_name, lengths in overlap.lengths_of(material, synthesis, "eval", n, rng).items():
        counts = rng.integers(synthesis.events_min, synthesis.events_max, n, endpoint=True)
        there = np.arange(lengths.shape[1]) < counts[:, None]
        for onsets_name in ONSETS:
            onsets, left = place(onsets_name, rng, lengths, synthesis.duration)
            power = _power(rng, onsets, left, there, synthesis, material.n_frames)
            truth = _active(onsets[:, 0], left[:, 0], synthesis.duration, material.n_frames)
            chance = _figures(rng.random(truth.shape), truth, material.tuned["ig"])
            activity = float(truth.mean())
            chance["pointing_game"] = activity
            for reading, axis in AXES.items():
                found = _figures(axis(power), truth, material.tuned["ig"])
                rows.append(
                    (reading, onsets_name, lengths_name, activity, *found.values(), apart_from_paper(found, chance))
                )
    columns = ["reading", "onsets", "lengths", "activity", "iou", "f1", "pointing_game", "iou_std", "distance"]
    return pd.DataFrame(rows, columns=columns).sort_values("distance", ignore_index=True)


def _active(
    onsets: NDArray[np.float64], lengths: NDArray[np.float64], duration: float, n_frames: int
) -> NDArray[np.bool_]:
    """Frames, or steps, of which an event takes any part, ``(n, n_frames)``."""
    edges = np.linspace(0.0, duration, n_frames + 1)
    return np.asarray((onsets[:, None] < edges[1:]) & ((onsets + lengths)[:, None] > edges[:-1]))


def _power(
    rng: np.random.Generator,
    onsets: NDArray[np.float64],
    lengths: NDArray[np.float64],
    there: NDArray[np.bool_],
    synthesis: DataSynthesis,
    n_frames: int,
) -> NDArray[np.float64]:
    """Power of soundscapes in steps, re the background's mean; exponential, as that of a noise band."""
    n, n_events = onsets.shape
    power = rng.exponential(1.0, (n, FINE * n_frames))
    for event in range(n_events):
        gain = 10 ** (rng.uniform(synthesis.snr_min, synthesis.snr_max, n) / 10) * there[:, event]
        active = _active(onsets[:, event], lengths[:, event], synthesis.duration, FINE * n_frames)
        power += gain[:, None] * active * rng.exponential(1.0, power.shape)
    return power


def _figures(scores: NDArray[np.float64], truth: NDArray[np.bool_], percentiles: dict[str, float]) -> dict[str, float]:
    iou = localisation.iou(levels.percentile(scores, percentiles["iou"]), truth)
    f1 = localisation.f1(levels.percentile(scores, percentiles["f1"]), truth)
    pointing = localisation.pointing_game(scores, truth)
    return {
        "iou": float(iou.mean()),
        "f1": float(f1.mean()),
        "pointing_game": float(pointing.mean()),
        "iou_std": float(iou.std()),
    }
