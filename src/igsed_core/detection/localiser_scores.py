"""Scores of instances in their own steps: CAM at shifts of many clips, resumable; frame logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.attribution import by_method
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.shifted_cam import ShiftedCam
from igsed_core.detection import baselines
from igsed_core.detection.absence_hmm import SoundModel
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head

ABSENCE_HMM = "absence_hmm"  # the localiser's rule, in the column `rule`
ABSENCE_HMM_EDGES = "absence_hmm_edges"  # the same, its onsets and offsets calibrated


def shifted_cam(
    explainer: Explainer, index: pd.DataFrame, out_dir: Path, *, shifts: int, workers: int
) -> ScoresOverTime:
    """CAM at several shifts of every instance; a file per clip is kept, and what exists is not made again.

    Parameters
    ----------
    explainer
        Encoder, head and device; its engine is not used.
    index
        ``split, clip, label`` of the instances.
    out_dir
        Files go to ``<clip>.npz`` in it.
    shifts
        See :class:`igsed_core.attribution.shifted_cam.ShiftedCam`.
    workers
        See :func:`igsed_core.attribution.runner.run`.
    """
    wanted = by_method.Wanted("shifted_cam", partial(ShiftedCam, shifts), out_dir)
    return by_method.compute(explainer, index, [wanted], what="CAM at shifts", workers=workers)["shifted_cam"]


def frame_logits(head: Head, features: FeatureFrames, index: pd.DataFrame) -> ScoresOverTime:
    """Logits of the feature frames of every instance: CAM without shifts, for the clip-level head."""
    return baselines.framewise(head, features, probability=False).at(index)


def localise(
    models: Mapping[str, SoundModel], cam: ScoresOverTime, labels: Sequence[str], *, shifts: int = 1
) -> ScoresOverTime:
    """Turn logits into log-odds of presence; a class without a model keeps its logits.

    Parameters
    ----------
    models
        Class -> model, from :func:`igsed_core.detection.absence_hmm.fit_classes`.
    cam
        Logits of the instances.
    labels
        Class of each instance.
    shifts
        Steps in a feature frame.
    """
    rows = [
        models[label].log_odds_interleaved(logits, shifts) if label in models else logits
        for label, logits in zip(labels, cam.values.astype(np.float64), strict=True)
    ]
    return replace(cam, values=np.stack(rows), absolute=None)
