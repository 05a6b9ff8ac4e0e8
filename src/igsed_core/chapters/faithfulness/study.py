"""The three studies of faithfulness over many clips: on several processes, resumable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.attribution import runner
from igsed_core.attribution.explainer import Explainer
from igsed_core.base import files
from igsed_core.chapters.faithfulness import improvement, sanity
from igsed_core.chapters.faithfulness.clip import Detected, Explained, Job, Settings, load, study_clip
from igsed_core.detection.evaluation import Instances
from igsed_core.metrics import frames
from igsed_core.metrics.scores import ScoresOverTime


@dataclass(frozen=True)
class Study:
    """What was found of each clip.

    Attributes
    ----------
    index
        ``split, clip, label`` of the instances of ``curves``.
    shuffled
        The same of ``sanity``; the instance of a clip is the same in both.
    curves
        ``clip, label`` and the columns of :func:`igsed_core.chapters.faithfulness.curves.of_clip`.
    sanity
        ``clip, label, method, level, shuffle`` and what :func:`igsed_core.chapters.faithfulness.sanity.measure` gives.
    versions, logits, labels
        Of the occluded test split: see :func:`igsed_core.chapters.faithfulness.improvement.report`.
    """

    index: pd.DataFrame
    shuffled: pd.DataFrame
    curves: pd.DataFrame
    sanity: pd.DataFrame
    versions: pd.DataFrame
    logits: NDArray[np.float32]
    labels: NDArray[np.bool_]


def compute(
    explainer: Explainer,
    instances: Instances,
    maps: ScoresOverTime,
    predictions: pd.DataFrame,
    settings: Settings,
    out_dir: Path,
    *,
    n_clips: int,
    n_sanity: int,
    n_shuffles: int,
    n_occluded: int,
    workers: int,
) -> Study:
    """Do what is missing of the three studies, and read it all.

    Parameters
    ----------
    explainer
        Encoder and head; its engine and options are not used.
    instances
        The test instances with the scores of the main job's methods.
    maps
        Attributions of all detected pairs, read as the absolute: they order the occlusion by Integrated Gradients.
    predictions
        From :func:`igsed_core.models.classification.predict`; give the labels of the test clips.
    settings
        What holds for every clip.
    out_dir
        One file a clip is kept here.
    n_clips, n_sanity, n_occluded
        Clips with curves; with shuffled weights (0: all); that are occluded by loss gradient (0: all).
    n_shuffles
        Different shuffles of each level; they take turns (:func:`igsed_core.chapters.faithfulness.sanity.turns`).
    workers
        See :func:`igsed_core.attribution.runner.run`.

    Raises
    ------
    IgsedError
        For an unknown method.
    """
    chosen = _one_each(instances, settings.seed)
    n_clips = min(n_clips, len(chosen))
    n_sanity = min(n_sanity or len(chosen), len(chosen))
    chosen = chosen[: max(n_clips, n_sanity)]
    test = predictions[(predictions["method"] == "clip_level") & (predictions["split"] == "test")]
    present = test.pivot_table(index="clip", columns="label", values="present", aggfunc="first", sort=False)
    occluded = list(present.index[: n_occluded or len(present)])
    detected = _detected(maps, settings)
    jobs = []
    for clip in dict.fromkeys([*instances.index["clip"].iloc[chosen], *occluded]):
        row = next((i for i in chosen if instances.index["clip"].iloc[i] == clip), None)
        explained = None
        if row is not None:
            place = chosen.index(row)
            shuffles = sanity.turns(place, n_sanity, n_shuffles) if place < n_sanity else {}
            explained = Explained.of(instances, row, settings, curves=place < n_clips, shuffles=shuffles)
        labels = present.loc[clip].to_dict() if clip in occluded else {}
        mine = explainer.of_clip(str(clip))
        jobs.append(Job(mine, settings, out_dir, str(clip), explained, labels, detected.get(str(clip))))
    runner.run(
        [runner.Job(job, tuple(job.path(what) for what in job.wanted)) for job in jobs],
        partial(load, explainer.without_clips()),
        study_clip,
        what="occlusion",
        workers=workers,
        device=explainer.device,
    )
    index, shuffled = (instances.index.iloc[chosen[:n]].reset_index(drop=True) for n in (n_clips, n_sanity))
    stored = [files.read_arrays(out_dir / "occluded" / f"{clip}.npz") for clip in occluded]
    return Study(
        index,
        shuffled,
        pd.concat([files.read_table(out_dir / "curves" / f"{clip}.csv") for clip in index["clip"]], ignore_index=True),
        pd.concat(
            [files.read_table(out_dir / "sanity" / f"{clip}.csv") for clip in shuffled["clip"]],
            ignore_index=True,
        ),
        improvement.versions(settings.replacements),
        np.stack([one["logits"] for one in stored]),
        np.stack([one["labels"] for one in stored]),
    )


def _one_each(instances: Instances, seed: int) -> list[int]:
    """Rows of one instance, drawn at random, of each clip."""
    rng = np.random.default_rng([seed, 0xFA17])
    rows = pd.Series(np.arange(len(instances.index)))
    groups = rows.groupby(instances.index["clip"].to_numpy(), sort=False)
    return [int(rng.choice(group.to_numpy())) for _, group in groups]


def _detected(maps: ScoresOverTime, settings: Settings) -> dict[str, Detected]:
    n_frames = frames.n_frames(settings.duration, settings.frame_length)
    values = maps.read_as("absolute").to_frames(settings.frame_length, n_frames)
    values = values / np.maximum(values.max(axis=1, keepdims=True), 1e-30)
    groups = pd.Series(np.arange(len(values))).groupby(maps.index["clip"].to_numpy())
    labels = maps.index["label"].to_numpy(dtype=str)
    return {
        str(clip): Detected(tuple(labels[rows.to_numpy()]), values[rows.to_numpy()].max(axis=0))
        for clip, rows in groups
    }
