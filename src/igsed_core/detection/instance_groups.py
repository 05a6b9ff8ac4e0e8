"""Groups of (clip, class) instances: by how long the class sounds, by what else sounds in the clip."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from igsed_core.detection.evaluation import Instances
from igsed_core.detection.tuning import Evaluated
from igsed_core.metrics import summaries

ACTIVE_TIME = "active_time"
EDGES = (1.0, 2.0, 4.0)  # s
OF_CLIP = {"polyphony": "polyphony", "events": "n_events"}  # grouping -> column of clips.csv


def by_active_time(
    data: Mapping[str, Instances], *, frame_length: float, edges: Sequence[float] = EDGES
) -> dict[str, list[str]]:
    """Return, by split, the group of each instance's active time (:func:`active_time`)."""
    return {split: active_time(of, frame_length=frame_length, edges=edges) for split, of in data.items()}


def active_time(instances: Instances, *, frame_length: float, edges: Sequence[float] = EDGES) -> list[str]:
    """Return the group of each instance's active time: ``0-1 s``, ``1-2 s``, ..., ``4 s and more``.

    Groups are half open, as all intervals here: exactly 1 s is in ``1-2 s``.

    Parameters
    ----------
    instances
        (Clip, class) pairs.
    frame_length
        Evaluation frame in seconds.
    edges
        Seconds, ascending.
    """
    names = names_of(edges)
    seconds = frame_length * instances.truth.sum(axis=1)
    return [names[i] for i in np.searchsorted(edges, seconds + 1e-9, side="right")]


def names_of(edges: Sequence[float]) -> list[str]:
    """Return the names of the groups between edges, in their order."""
    pairs = itertools.pairwise((0.0, *edges))
    return [*(f"{low:g}-{high:g} s" for low, high in pairs), f"{edges[-1]:g} s and more"]


def of_clips(data: Mapping[str, Instances], clips: pd.DataFrame, by: str) -> dict[str, list[str]]:
    """Return, by split, a property of each instance's clip.

    Parameters
    ----------
    data
        Split -> instances.
    clips
        ``clip, n_events, polyphony`` (the most events at a time).
    by
        ``polyphony`` or ``events``.
    """
    value = clips.set_index("clip")[OF_CLIP[by]]
    return {split: [str(value[clip]) for clip in instances.index["clip"]] for split, instances in data.items()}


def table_by(
    evaluated: Evaluated, groupings: Mapping[str, Mapping[str, Sequence[str]]], *, replicates: int, seed: int
) -> pd.DataFrame:
    """Summarise groups of instances apart.

    Parameters
    ----------
    evaluated
        What was measured.
    groupings
        What the groups say -> split -> the group of each instance.
    replicates, seed
        Of the bootstrap over the clips that hold an instance of the group.

    Returns
    -------
    pd.DataFrame
        ``by, group`` and the columns of :func:`igsed_core.metrics.summaries.summarise`.
    """
    tables = []
    for by, groups in groupings.items():
        for split, series in evaluated.series.items():
            group_of = np.asarray(groups[split])
            for group in sorted(set(group_of.tolist())):
                mine = group_of == group
                chosen = [replace(one, values=one.values[mine]) for one in series]
                made = summaries.summarise(evaluated.index[split][mine], chosen, replicates=replicates, seed=seed)
                made.insert(0, "by", by)
                made.insert(1, "group", group)
                tables.append(made)
    return pd.concat(tables, ignore_index=True)
