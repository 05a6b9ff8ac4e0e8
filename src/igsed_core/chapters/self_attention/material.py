"""Soundscapes, their log-mel maps, and their events as networks and metrics want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from igsed_core.base.run import StageRun
from igsed_core.chapters.self_attention.params import RECIPE, URBAN_SED, SelfAttentionStudy
from igsed_core.data import urban_recipe, urban_sed
from igsed_core.data.dataset import TableDataset
from igsed_core.data.soundbank import registry as banks
from igsed_core.data.urban_recipe import DURATION, SPLITS
from igsed_core.detection import framewise_crnn
from igsed_core.main_job.params import DataSynthesis
from igsed_core.metrics import frames
from igsed_core.metrics.error_rates import Events
from igsed_core.models.detectors import log_mel


@dataclass(frozen=True, eq=False)
class Part:
    """The soundscapes of one split.

    Attributes
    ----------
    clips
        Rows of the data set.
    events
        ``clip, label, onset, offset`` (s), as annotated.
    maps
        ``[shape=(n_clips, time, n_mels)]``
    targets
        ``[shape=(n_clips, time, n_classes)]``
    true
        Events of each clip and class, those that overlap or touch as one: no detector of frames can part them.
    """

    clips: pd.DataFrame
    events: pd.DataFrame
    maps: Tensor
    targets: Tensor
    true: Events


@dataclass(frozen=True, eq=False)
class Material:
    """All splits.

    Attributes
    ----------
    data
        The data set, which reads the audio.
    hop
        Seconds from frame to frame.
    parts
        By split.
    """

    data: TableDataset
    hop: float
    parts: dict[str, Part]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.data.classes


def soundscapes(run: StageRun, params: SelfAttentionStudy) -> TableDataset:
    """Make, fetch or read the soundscapes.

    Parameters
    ----------
    run
        The page's stage; what is made lies in the store.
    params
        Its parameters.
    """
    sizes = dict(zip(SPLITS, (params.attention_train, params.attention_validation, params.attention_test), strict=True))
    place = Path(params.attention_data)
    if params.attention_data == RECIPE:
        sources = urban_recipe.of_bank(banks.prepare_for(run.params_of(DataSynthesis)))
    elif params.attention_data != URBAN_SED and urban_sed.is_urbansound8k(place):
        sources = urban_sed.sources(place)
    else:
        data = urban_sed.load(urban_sed.fetched() if params.attention_data == URBAN_SED else place)
        return _first(data, sizes)
    made_from = urban_recipe.identity(sources, sizes, seed=params.seed)
    folder = run.shared("urban_soundscapes", made_from, modules=(urban_recipe.__name__,))
    return urban_recipe.generate(sources, sizes, seed=params.seed, out_dir=folder, workers=params.attention_workers)


def _first(data: TableDataset, sizes: dict[str, int]) -> TableDataset:
    """The first clips of each split; 0 keeps all."""
    kept = [rows.head(sizes[str(split)] or len(rows)) for split, rows in data.clips.groupby("split", sort=False)]
    clips = pd.concat(kept, ignore_index=True)
    names = set(clips["clip"])
    assert data.events is not None
    events, labels = (table[table["clip"].isin(names)].reset_index(drop=True) for table in (data.events, data.labels))
    return TableDataset(data.root, clips, events, labels, data.classes, data.sample_rate, data.duration)


def prepare(data: TableDataset, *, hop: float) -> Material:
    """Compute maps and targets of all splits.

    Parameters
    ----------
    data
        The soundscapes.
    hop
        Seconds from frame to frame.
    """
    assert data.events is not None
    parts = {}
    for split in SPLITS:
        clips = data.clips[data.clips["split"] == split].reset_index(drop=True)
        names = [str(name) for name in clips["clip"]]
        events = data.events[data.events["clip"].isin(set(names))].reset_index(drop=True)
        maps = log_mel.maps(data.read, clips, sample_rate=data.sample_rate, hop=hop)
        targets = framewise_crnn.targets(names, events, data.classes, n_frames=maps.shape[1], hop=hop)
        parts[split] = Part(clips, events, maps, torch.from_numpy(targets), merged(names, events, data.classes))
    return Material(data, hop, parts)


def merged(clips: Sequence[str], events: pd.DataFrame, classes: Sequence[str]) -> Events:
    """Events by number of clip and class; those of one class that overlap or touch are one.

    Parameters
    ----------
    clips
        Names.
    events
        ``clip, label, onset, offset`` in seconds.
    classes
        Their names.
    """
    row, column = ({str(name): i for i, name in enumerate(names)} for names in (clips, classes))
    found = [
        (row[str(clip)], column[str(label)], onset, min(offset, DURATION))
        for (clip, label), rows in events.groupby(["clip", "label"])
        for onset, offset in frames.union(rows["onset"].to_numpy(float), rows["offset"].to_numpy(float))
    ]
    table = np.array(sorted(found), dtype=float).reshape(-1, 4)
    return Events(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:], len(clips))
