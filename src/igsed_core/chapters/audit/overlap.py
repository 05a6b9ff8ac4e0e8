"""How many soundscapes does a polyphony filter remove? Onsets and lengths decide; no audio is made.

The paper generated 1000 and 250 soundscapes and kept 823 and 193, without "three simultaneous
overlapping sound events".
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from igsed_core import paper
from igsed_core.chapters.audit.material import Material
from igsed_core.data.onsets import FILTERS, ONSETS, place, removed
from igsed_core.main_job.params import DataSynthesis

POOLS = {"train": ("train",), "eval": ("validation", "test")}
BANK, PAPER = "bank", "paper"


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
        ``lengths, onsets, filter, pool, removed, paper, own, p_value``: the share removed here, the paper's, whether
        onsets, lengths and filter are this run's, and how probable counts as far away as the paper's are in both pools
        together, were ``removed`` the truth.
    """
    rng = np.random.default_rng([seed, 0x0E12])
    published = paper.dataset().set_index("pool").to_dict("index")
    rows = []
    for pool in POOLS:
        of_paper = published[pool]
        counts = rng.integers(synthesis.events_min, synthesis.events_max, n, endpoint=True)
        for source, lengths in lengths_of(material, synthesis, pool, n, rng).items():
            present = np.where(np.arange(synthesis.events_max) < counts[:, None], lengths, np.nan)
            for name in ONSETS:
                onsets, left = place(name, rng, lengths, synthesis.duration)
                there = ~np.isnan(present)
                gone = removed(np.where(there, onsets, np.nan), np.where(there, left, np.nan), synthesis.max_polyphony)
                theirs = 1 - of_paper["kept"] / of_paper["generated"]
                rows += [(source, name, f, pool, float(gone[f].mean()), theirs, of_paper["generated"]) for f in FILTERS]
    columns = ["lengths", "onsets", "filter", "pool", "removed", "paper", "generated"]
    found = pd.DataFrame(rows, columns=columns)
    found["own"] = (
        (found["lengths"] == BANK)
        & (found["onsets"] == synthesis.onsets)
        & (found["filter"] == synthesis.overlap_filter)
    )
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
