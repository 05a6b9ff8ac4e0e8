"""Which reading of "energy" is below chance, as the paper's is?

The paper: "energy-based attribution using signal amplitude". Its pointing game of 15.9 % lies below random's. No
threshold takes part in a pointing game, so that what is asked is which ranking of the frames gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core import paper
from igsed_core.chapters.audit.material import AT_IG, DEFAULT, DEFAULT_PERCENTILE, TUNED, Material, both, measured, tune
from igsed_core.data import soundscapes
from igsed_core.detection.evaluation import Instances
from igsed_core.metrics.summaries import ALL, INSTANCE

SILENCE = 1e-12

Ranking = Callable[[NDArray[np.float64], int], NDArray[np.float64]]


def _cut(x: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    """Samples in frames, ``(n_frames, samples)``; what does not fill the last sample of each is left out."""
    length = len(x) // n_frames
    return x[: n_frames * length].reshape(n_frames, length)


def _amplitude(x: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    return np.abs(_cut(x, n_frames)).mean(axis=1)


def _power(x: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    return (_cut(x, n_frames) ** 2).mean(axis=1)


def _level(x: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    """Mean over the frame of the level in dB of tenths of it."""
    fine = _power(x, 10 * n_frames)
    return 10 * np.log10(fine + SILENCE).reshape(n_frames, 10).mean(axis=1)


def _rise(x: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    power = _power(x, n_frames)
    return np.diff(power, prepend=power[0])


# reading -> (what it is, ranking of the frames)
READINGS: dict[str, tuple[str, Ranking]] = {
    "amplitude": ("mean absolute sample", _amplitude),
    "power": ("mean squared sample (RMS and its level rank alike)", _power),
    "level": ("level in dB, averaged within the frame", _level),
    "peak": ("largest absolute sample", lambda x, n: np.abs(_cut(x, n)).max(axis=1)),
    "net": ("absolute value of the mean sample", lambda x, n: np.abs(_cut(x, n).mean(axis=1))),
    "signed": ("mean sample, with its sign", lambda x, n: _cut(x, n).mean(axis=1)),
    "flux": ("absolute change of power from the frame before", lambda x, n: np.abs(_rise(x, n))),
    "rise": ("change of power from the frame before", _rise),
    "inverted": ("quiet frames first", lambda x, n: -_amplitude(x, n)),
    "level_absolute": ("absolute value of a level in dB below full scale", lambda x, n: -_level(x, n)),
    "tenth": (
        "10 ms frames taken for 100 ms: the first tenth, stretched",
        lambda x, n: _amplitude(x[: len(x) // 10], n),
    ),
    "half": ("twice the sample rate assumed: the first half, stretched", lambda x, n: _amplitude(x[: len(x) // 2], n)),
    "double": (
        "half the sample rate assumed: played in half the time, then silence",
        lambda x, n: np.r_[_amplitude(x, n // 2), np.zeros(n - n // 2)],
    ),
    "reversed": ("time runs backwards", lambda x, n: _amplitude(x, n)[::-1]),
    "constant": ("one score for all frames", lambda x, n: np.zeros(n)),
    "first": ("the highest score always in the first frame", lambda x, n: -np.arange(n, dtype=float)),
}


def compare(material: Material, split: str = "test") -> pd.DataFrame:
    """Every reading, at its own percentiles, at those of Integrated Gradients, and at the 80th.

    Returns
    -------
    pd.DataFrame
        Tidy rows; ``method`` is ``energy:<reading>``, and ``random`` for the yardstick.
    """
    scores = {name: _scores(material, material.splits[name]) for name in ("validation", split)}
    data, validation = material.splits[split], material.splits["validation"]
    series = []
    for reading in (*READINGS, "random"):
        if reading == "random":
            name, test, own = "random", data.scores["random"], material.tuned["random"]
        else:
            name, test = f"energy:{reading}", scores[split][reading]
            own = tune(scores["validation"][reading], validation.truth, material.grid)
        for rule, percentiles in ((TUNED, own), (AT_IG, material.tuned["ig"]), (DEFAULT, both(DEFAULT_PERCENTILE))):
            series += measured(name, rule, test, data.truth, percentiles)
    return material.tidy("energy", data.index, series)


def distances(found: pd.DataFrame, activity: float) -> pd.DataFrame:
    """How far each reading is from the paper's energy baseline, both measured from chance.

    What a mask earns depends on how much of a clip is active, which is not the paper's here; so IoU, F1 and pointing
    game are taken less random's under the same rule, here and there. Random's pointing game here is its
    expectation, the mean activity.

    Parameters
    ----------
    found
        From :func:`compare`.
    activity
        Mean share of active frames of this run's instances.

    Returns
    -------
    pd.DataFrame
        ``reading, rule, iou, f1, pointing_game, distance``, nearest first; ``distance`` is the largest of the three
        deviations.
    """
    rows = found[(found["average"] == INSTANCE) & (found["class"] == ALL)]
    wide = rows.pivot_table(index=["method", "rule"], columns="metric", values="value")
    chance = wide.loc["random"].assign(pointing_game=activity)
    result = []
    for key, row in wide.drop(index="random").iterrows():
        method, rule = map(str, key)  # type: ignore[call-overload]
        apart = apart_from_paper(row.to_dict(), chance.loc[rule].to_dict())
        result.append((method.split(":")[1], rule, row["iou"], row["f1"], row["pointing_game"], apart))
    columns = ["reading", "rule", "iou", "f1", "pointing_game", "distance"]
    return pd.DataFrame(result, columns=columns).sort_values("distance", ignore_index=True)


def apart_from_paper(found: Mapping[Any, float], chance: Mapping[Any, float]) -> float:
    """Largest deviation of IoU, F1 and pointing game from the paper's energy, all measured from random's."""
    published = paper.detection().set_index("method")
    wanted = (published.loc["energy"] - published.loc["random"]).to_dict()
    return max(abs(found[m] - chance[m] - wanted[m]) for m in ("iou", "f1", "pointing_game"))


def _scores(material: Material, data: Instances) -> dict[str, NDArray[np.float64]]:
    """Reading -> scores of every instance, ``(n_instances, n_frames)``; each clip is read once."""
    clips, row_of = np.unique(data.index["clip"].to_numpy(dtype=str), return_inverse=True)
    rows = material.data.clips.set_index("clip").loc[clips].reset_index()
    by_reading: dict[str, list[NDArray[np.float64]]] = {name: [] for name in READINGS}
    for i in range(len(rows)):
        samples = soundscapes.read_clips(material.data.root, rows.iloc[[i]])[0].astype(float)
        for name, (_, ranking) in READINGS.items():
            by_reading[name].append(ranking(samples, material.n_frames))
    return {name: np.stack(values)[row_of] for name, values in by_reading.items()}


def activity(material: Material, split: str = "test") -> float:
    """Mean share of active frames of the instances."""
    return float(material.splits[split].truth.mean())
