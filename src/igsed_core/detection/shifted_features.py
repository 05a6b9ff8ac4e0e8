"""Feature frames at shifts of many clips, computed once: what a detector at the localiser's resolution learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from igsed_core.attribution import mel, shifted_cam
from igsed_core.attribution.explainer import Explainer
from igsed_core.base import devices, files
from igsed_core.base.parallel import parallel_map
from igsed_core.data import soundscapes
from igsed_core.models.features import CLIPS_A_PART, FeatureFrames, concatenate


@dataclass(frozen=True, eq=False)
class _Part:
    """Some clips, and the file that their features go to."""

    explainer: Explainer
    root: Path
    clips: pd.DataFrame
    path: Path
    shifts: int


def extract(
    explainer: Explainer, root: Path, clips: pd.DataFrame, out_dir: Path, *, shifts: int, workers: int
) -> FeatureFrames:
    """Compute, or read back, the interleaved feature frames of one split.

    Parameters
    ----------
    explainer
        Whose encoder looks.
    root
        Folder of the soundscapes.
    clips
        Rows of ``clips.csv`` of one split.
    out_dir
        Parts of 64 clips are kept here; parts that exist are not computed again.
    shifts
        Of a feature frame (:func:`igsed_core.attribution.shifted_cam.features`).
    workers
        Processes; 0 means one per core.

    Returns
    -------
    FeatureFrames
        Its frames are a shift long.
    """
    parts = [
        _Part(explainer, root, clips.iloc[first : first + CLIPS_A_PART], out_dir / f"part-{first:05d}.npz", shifts)
        for first in range(0, len(clips), CLIPS_A_PART)
    ]
    missing = [part for part in parts if not part.path.exists()]
    if missing:
        split = clips["split"].iloc[0]
        parallel_map(_compute, missing, workers=workers, desc=f"features at shifts of {split}, parts")
    found = []
    for part in parts:
        stored = files.read_arrays(part.path)
        step, start = stored["grid"]
        found.append(FeatureFrames(stored["clips"], stored["values"], float(step), float(start)))
    return concatenate(found)


@devices.threads(1)
def _compute(part: _Part) -> None:
    """Write the features of some clips."""
    classifier, _ = part.explainer.load()
    model = mel.folded(classifier)
    made, grid = [], np.zeros(2)
    for waveform in torch.from_numpy(soundscapes.read_clips(part.root, part.clips)).split(1):
        log_mel = mel.log_mel(model, waveform.to(part.explainer.device))
        found = shifted_cam.features(model, log_mel[0], part.shifts)
        made.append(found.values.cpu().numpy())
        grid = np.array([found.step, found.start])
    names = part.clips["clip"].to_numpy(dtype=str)
    files.write_arrays(part.path, values=np.stack(made), clips=names, grid=grid)
