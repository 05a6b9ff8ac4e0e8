"""Feature frames at shifts of many clips, computed once: what a detector at the localiser's resolution learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution import mel, shifted_cam
from igsed_core.base import files, progress
from igsed_core.data import soundscapes
from igsed_core.models.classifier import Classifier
from igsed_core.models.features import CLIPS_A_PART, FeatureFrames, concatenate


def extract(classifier: Classifier, root: Path, clips: pd.DataFrame, out_dir: Path, *, shifts: int) -> FeatureFrames:
    """Compute, or read back, the interleaved feature frames of one split.

    Parameters
    ----------
    classifier
        Whose encoder looks.
    root
        Folder of the soundscapes.
    clips
        Rows of ``clips.csv`` of one split.
    out_dir
        Parts of 64 clips are kept here; parts that exist are not computed again.
    shifts
        Of a feature frame (:func:`igsed_core.attribution.shifted_cam.features`).

    Returns
    -------
    FeatureFrames
        Its frames are a shift long.
    """
    model = mel.folded(classifier)
    parts = []
    what = f"features at shifts of {clips['split'].iloc[0]}"
    with progress.bar(desc=what, total=len(clips), unit=" clips") as steps:
        for first in range(0, len(clips), CLIPS_A_PART):
            rows = clips.iloc[first : first + CLIPS_A_PART]

            def compute(rows: pd.DataFrame = rows) -> dict[str, NDArray[np.float32]]:
                made, grid = [], np.zeros(2)
                for waveform in torch.from_numpy(soundscapes.read_clips(root, rows)).split(1):
                    found = shifted_cam.features(model, mel.log_mel(model, waveform)[0], shifts)
                    made.append(found.values.cpu().numpy())
                    grid = np.array([found.step, found.start])
                return {"values": np.stack(made), "clips": rows["clip"].to_numpy(dtype=str), "grid": grid}

            stored = files.cached_arrays(out_dir / f"part-{first:05d}.npz", compute)
            step, start = stored["grid"]
            parts.append(FeatureFrames(stored["clips"], stored["values"], float(step), float(start)))
            steps.update(len(rows))
    return concatenate(parts)
