"""How many soundscapes does a polyphony filter remove? Onsets and lengths decide; no audio is made.

The paper generated 1000 and 250 soundscapes and kept 823 and 193, without "three simultaneous
overlapping sound events".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from igsed_core import paper
from igsed_core.chapters.audit.material import Material
from igsed_core.main_job.params import DataSynthesis

POOLS = {"train": ("train",), "eval": ("validation", "test")}
BANK, PAPER = "bank", "paper"
# Scaper's example of many soundscapes: truncated normal, mean and deviation in s of its clips of 10 s.
NORMAL_MEAN, NORMAL_STD, NORMAL_CLIP = 5.0, 2.0, 10.0

Onsets = Callable[[np.random.Generator, NDArray[np.float64], float], NDArray[np.float64]]


def _fitting(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    return rng.random(lengths.shape) * (duration - lengths)


def _moved(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    return np.minimum(rng.random(lengths.shape) * duration, duration - lengths)


def _normal(rng: np.random.Generator, lengths: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    scale = duration / NORMAL_CLIP
    onsets = rng.normal(NORMAL_MEAN * scale, NORMAL_STD * scale, lengths.shape)
    while (outside := (onsets < 0) | (onsets > duration)).any():
        onsets[outside] = rng.normal(NORMAL_MEAN * scale, NORMAL_STD * scale, int(outside.sum()))
    return np.minimum(onsets, duration - lengths)


ONSETS: dict[str, tuple[str, Onsets]] = {
    "fitting": ("uniform where the event fits (this book)", _fitting),
    "moved": ("uniform over the clip, late events moved (Scaper)", _moved),
    "normal": ("truncated normal around the middle, late events moved (Scaper's example)", _normal),
}
FILTERS = {
    "three_at_once": "three sound at one instant (this book)",
    "chain": "three events, each overlaps another",
    "any_of_three": "three events, any two overlap",
    "any_two": "any two events overlap",
}


def removed(onsets: NDArray[np.float64], lengths: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Which soundscapes each reading of the filter removes.

    Parameters
    ----------
    onsets, lengths
        In s, ``[shape=(n_soundscapes, n_events)]``; NaN where there is no event.

    Returns
    -------
    dict
        Filter -> ``[shape=(n_soundscapes,)]``.
    """
    n = onsets.shape[1]
    offsets = onsets + lengths
    with np.errstate(invalid="ignore"):
        # As in igsed_core.data.soundscape_plan: the most at once is reached at an onset, an end does not overlap a
        # begin.
        sounding = (onsets[:, :, None] >= onsets[:, None]) & (onsets[:, :, None] < offsets[:, None])
    at_once = sounding.sum(axis=2).max(axis=1)
    overlap = (sounding | sounding.transpose(0, 2, 1)) & ~np.eye(n, dtype=bool)
    there = ~np.isnan(onsets)
    any_two = overlap.any(axis=(1, 2))
    three = there.sum(axis=1) >= 3
    return {
        "three_at_once": at_once >= 3,
        "chain": three & (overlap.any(axis=2).sum(axis=1) >= 3),
        "any_of_three": three & any_two,
        "any_two": any_two,
    }


def simulate(material: Material, synthesis: DataSynthesis, *, n: int, seed: int) -> pd.DataFrame:
    """Share of soundscapes that is removed, by pool, lengths, onsets and reading of the filter.

    Parameters
    ----------
    material
        Gives the lengths of the bank's events: those of soundscapes with too few events to be removed, which the
        filter has not selected.
    synthesis
        Numbers of events, length of a soundscape.
    n
        Soundscapes a row.
    seed
        Of the draw.

    Returns
    -------
    pd.DataFrame
        ``lengths, onsets, filter, pool, removed, paper, p_value``: the share removed here, the paper's, and how
        probable counts as far away as the paper's are in both pools together, were ``removed`` the truth.
    """
    rng = np.random.default_rng([seed, 0x0E12])
    published = paper.dataset().set_index("pool").to_dict("index")
    rows = []
    for pool in POOLS:
        of_paper = published[pool]
        counts = rng.integers(synthesis.events_min, synthesis.events_max, n, endpoint=True)
        for source, lengths in lengths_of(material, synthesis, pool, n, rng).items():
            present = np.where(np.arange(synthesis.events_max) < counts[:, None], lengths, np.nan)
            for name, (_, draw) in ONSETS.items():
                gone = removed(np.where(np.isnan(present), np.nan, draw(rng, lengths, synthesis.duration)), present)
                theirs = 1 - of_paper["kept"] / of_paper["generated"]
                rows += [(source, name, f, pool, float(gone[f].mean()), theirs, of_paper["generated"]) for f in FILTERS]
    columns = ["lengths", "onsets", "filter", "pool", "removed", "paper", "generated"]
    found = pd.DataFrame(rows, columns=columns)
    variance = (found["removed"] * (1 - found["removed"]) / found["generated"]).clip(lower=1e-12)
    squares = ((found["paper"] - found["removed"]) ** 2 / variance).groupby(
        [found["lengths"], found["onsets"], found["filter"]]
    )
    found["p_value"] = chi2.sf(squares.transform("sum"), len(POOLS))
    return found.drop(columns="generated").sort_values(
        ["lengths", "onsets", "filter"], kind="stable", ignore_index=True
    )


def lengths_of(
    material: Material, synthesis: DataSynthesis, pool: str, n: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Draw lengths of events in s, ``[shape=(n, events_max)]``: the bank's, and uniform in the paper's range."""
    shape = (n, synthesis.events_max)
    of_paper = paper.dataset().set_index("pool").to_dict("index")[pool]
    uniform = rng.uniform(of_paper["length_min"], of_paper["length_max"], shape)
    return {
        BANK: rng.choice(_lengths(material, POOLS[pool], synthesis), shape),
        PAPER: np.minimum(uniform, synthesis.duration),
    }


def of_run(material: Material) -> pd.DataFrame:
    """What this run's own filter removed: ``pool, generated, removed``."""
    clips, gone = material.data.clips, material.data.removed
    rows = []
    for pool, splits in POOLS.items():
        left_out = int((gone["pool"] == pool).sum())
        rows.append((pool, int(clips["split"].isin(splits).sum()) + left_out, left_out))
    return pd.DataFrame(rows, columns=["pool", "generated", "removed"])


def _lengths(material: Material, splits: tuple[str, ...], synthesis: DataSynthesis) -> NDArray[np.float64]:
    clips = material.data.clips
    mine = clips[clips["split"].isin(splits)]
    few = mine[mine["n_events"] <= synthesis.max_polyphony]
    events = material.data.events
    chosen = events[events["clip"].isin((few if len(few) else mine)["clip"])]
    return (chosen["offset"] - chosen["onset"]).to_numpy()
