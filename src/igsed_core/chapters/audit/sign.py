"""Absolute value, positive part or sign: which part of an attribution tells when, and why they differ.

The paper takes absolute values of the samples' attributions, then averages them over a frame. Samples of one frame have
attributions of both signs; an average of absolute values adds up what an average of signed values cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.chapters.audit.material import TUNED, Material, measured, tune
from igsed_core.detection.evaluation import Instances
from igsed_core.metrics import bootstrap, frames, ranking
from igsed_core.metrics.summaries import Series

PAPER = "absolute"
# reading -> (what it is, from the means over 10 ms of absolute and signed attributions)
Reading = Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.floating]]
READINGS: dict[str, tuple[str, Reading]] = {
    "absolute": ("mean of absolute values (paper)", lambda absolute, signed: absolute),
    "positive": ("mean of positive parts", lambda absolute, signed: (absolute + signed) / 2),
    "negative": ("mean of negative parts", lambda absolute, signed: (absolute - signed) / 2),
    "signed": ("mean with its sign", lambda absolute, signed: signed),
    "net": ("absolute value of the mean over 10 ms", lambda absolute, signed: np.abs(signed)),
    "net_positive": ("positive part of the mean over 10 ms", lambda absolute, signed: np.maximum(signed, 0)),
}


def compare(material: Material, split: str = "test") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every reading at its own percentiles, and its difference from the paper's.

    Returns
    -------
    rows, differences : pd.DataFrame
        Tidy; ``method`` is ``ig:<reading>``.
    """
    data, validation = material.splits[split], material.splits["validation"]
    series = []
    for name, (_, reading) in READINGS.items():
        scores = [_framed(material, reading, of) for of in (validation, data)]
        own = tune(scores[0], validation.truth, material.grid)
        series += measured(f"ig:{name}", TUNED, scores[1], data.truth, own)
    pairs = [((f"ig:{name}", TUNED), (f"ig:{PAPER}", TUNED)) for name in READINGS if name != PAPER]
    return material.tidy("sign", data.index, series), material.apart("sign", data.index, series, pairs)


def reasons(material: Material, split: str = "test") -> pd.DataFrame:
    """What the readings follow, and where their highest frames fall.

    Returns
    -------
    pd.DataFrame
        Tidy rows; of ``ig:absolute``, ``ig:net`` and ``ig:signed``: ``rank_correlation`` with the energy baseline,
        ``hit`` (the highest frame is active), ``on_other`` (it is not, but another class sounds there),
        ``on_background``. Of
        ``ig:absolute``: ``kept_inside`` and ``kept_outside``, what a frame's signed mean keeps of its absolute one.
    """
    data = material.splits[split]
    other = _others(material, data)
    net = np.abs(_framed(material, READINGS["signed"][1], data))
    absolute = _framed(material, READINGS[PAPER][1], data)
    kept = net / np.maximum(absolute, np.finfo(float).tiny)
    inside, outside = (np.where(where, kept, np.nan) for where in (data.truth, ~data.truth))
    series = [
        Series(f"ig:{PAPER}", "reason", "kept_inside", bootstrap.mean_of_present(inside, axis=-1)),
        Series(f"ig:{PAPER}", "reason", "kept_outside", bootstrap.mean_of_present(outside, axis=-1)),
    ]
    rows = np.arange(len(data.truth))
    for name in (PAPER, "net", "signed"):
        scores = _framed(material, READINGS[name][1], data)
        top = scores.argmax(axis=-1)
        hit = data.truth[rows, top]
        falls = {"hit": hit, "on_other": ~hit & other[rows, top], "on_background": ~hit & ~other[rows, top]}
        follows = ranking.rank_correlation(scores, data.scores["energy"])
        series.append(Series(f"ig:{name}", "reason", "rank_correlation", follows))
        series += [Series(f"ig:{name}", "reason", what, where.astype(float)) for what, where in falls.items()]
    return material.tidy("sign", data.index, series)


def _framed(material: Material, reading: Reading, data: Instances) -> NDArray[np.float64]:
    """A reading of the instances' maps on evaluation frames."""
    mine = material.maps.at(data.index)
    read = reading(mine.read_as("absolute").values, mine.values)
    return replace(mine, values=read).to_frames(material.settings.frame_length, material.n_frames)


def _others(material: Material, data: Instances) -> NDArray[np.bool_]:
    """Frames in which a class other than the instance's sounds."""
    by_clip = dict(iter(material.data.events.groupby("clip")))
    rows = []
    for clip, label in zip(data.index["clip"], data.index["label"], strict=True):
        events = by_clip[clip]
        events = events[events["label"] != label]
        rows.append(
            frames.activity(
                *(events["onset"], events["offset"]),
                n_frames=material.n_frames,
                frame_length=material.settings.frame_length,
            )
        )
    return np.stack(rows)
