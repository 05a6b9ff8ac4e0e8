"""Where attention falls: on the frames of the same event, or merely where energy is, or anywhere?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.chapters.self_attention.material import Part
from igsed_core.chapters.self_attention.measure import MARGIN, Judge
from igsed_core.chapters.self_attention.study import Trained
from igsed_core.metrics import intervals, judging

ATTENTION, ENERGY, UNIFORM = "attention", "energy", "uniform"
WEIGHTS = {ATTENTION: "attention", ENERGY: "energy of the frames", UNIFORM: "all frames of the window alike"}
COLUMNS = ["system", "weights", "split", "n", "value", "ci_low", "ci_high", "difference", "low", "high", "verdict"]
_AT_ONCE = 8  # clips


def mass(one: Trained, part: Part, hop: float) -> dict[str, NDArray[np.float64]]:
    """Of each true event the share of its frames' weights that falls on its own frames.

    Parameters
    ----------
    one
        A network with attention.
    part
        Clips.
    hop
        Seconds of a frame.

    Returns
    -------
    dict
        One of :data:`WEIGHTS` -> ``[shape=(n_events,)]``; NaN for an event that holds the middle of no frame. Energy
        and uniform weights are cut to the same window.
    """
    found = {name: np.full(len(part.true.clip), np.nan) for name in WEIGHTS}
    rows = part.true.of_clips()
    for first in range(0, len(part.maps), _AT_ONCE):
        maps = part.maps[first : first + _AT_ONCE]
        weights = one.network.weights(maps).double()  # (clips, time, time)
        within = (weights > 0).double()
        power = (10 ** (maps.double() / 10)).sum(dim=2)[:, None]  # (clips, 1, time)
        three = (weights, _to_one(within * power), _to_one(within))
        for name, each in zip(WEIGHTS, three, strict=True):
            for clip, of in enumerate(each.numpy(), start=first):
                for event in range(rows[clip].start, rows[clip].stop):
                    onset, offset = np.ceil(part.true.times[event] / hop - 1e-9).astype(int)
                    if offset > onset:
                        found[name][event] = of[onset:offset, onset:offset].sum(axis=1).mean()
    return found


def _to_one(weights: torch.Tensor) -> torch.Tensor:
    return weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-30)


def table(trained: Sequence[Trained], judge: Judge) -> pd.DataFrame:
    """Mean share over events, and how far attention is above the references.

    Parameters
    ----------
    trained
        Networks; those without attention are passed over.
    judge
        Whose draws of clips are used.

    Returns
    -------
    pd.DataFrame
        :data:`COLUMNS`: ``n`` events; ``difference`` is attention minus this reference, with its interval ``low, high``
        and verdict.
    """
    material = judge.material
    part = material.parts["test"]
    by_system: dict[str, list[dict[str, NDArray[np.float64]]]] = {}
    for one in trained:
        if one.network.attention is not None:
            by_system.setdefault(one.system.name, []).append(mass(one, part, material.hop))
    rows, values = [], []
    for system, many in by_system.items():
        shares = {name: np.mean([each[name] for each in many], axis=0) for name in WEIGHTS}
        there = ~np.isnan(shares[UNIFORM])
        clip, n = part.true.clip[there], part.true.n_clips

        def drawn(weights: NDArray[np.float64], clip: NDArray[np.int64] = clip, n: int = n) -> NDArray[np.float64]:
            parts = [np.bincount(clip, weights=w, minlength=n).astype(float) for w in (weights, None)]
            return judge.ratio((parts[0], parts[1]))

        draws = {name: drawn(values[there]) for name, values in shares.items()}
        n_clips = len(np.unique(clip))
        for name in WEIGHTS:
            ends = intervals.interval(draws[name], n_clips, within=intervals.SHARE)
            apart = draws[ATTENTION] - draws[name]
            low, high = (
                (np.nan, np.nan) if name == ATTENTION else intervals.interval(apart, n_clips, within=intervals.APART)
            )
            values.append(np.nan if name == ATTENTION else float(intervals.p_values(apart[:, None], n_clips)[0]))
            key = (system, name, "test", int(there.sum()), draws[name][0], *ends)
            rows.append((*key, np.nan if name == ATTENTION else apart[0], low, high))
    found = pd.DataFrame(rows, columns=COLUMNS[:-1])
    gaps = pd.DataFrame(
        {"value": found["difference"], "ci_low": found["low"], "ci_high": found["high"], "n": found["n"]}
    )
    said = judging.judge_family(gaps, values, margin=MARGIN)["verdict"]
    return found.assign(verdict=said)[COLUMNS]
