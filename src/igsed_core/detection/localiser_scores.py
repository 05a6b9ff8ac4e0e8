"""Scores of instances in their own steps: CAM at shifts of many clips, resumable; frame logits."""

from __future__ import annotations

import functools
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution.maps import Explainer
from igsed_core.attribution.shifted_cam import ShiftedCam
from igsed_core.base import files
from igsed_core.base.parallel import parallel_map
from igsed_core.detection import baselines
from igsed_core.detection.absence_hmm import SoundModel
from igsed_core.detection.baselines import ScoresOverTime
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head

ABSENCE_HMM = "absence_hmm"  # the localiser's rule, in the column `rule`


@dataclass(frozen=True, eq=False)
class Steps:
    """Something over time for each instance, finer than evaluation frames.

    Attributes
    ----------
    values
        ``[shape=(n_instances, n_steps)]``
    step, start
        Seconds.
    seconds
        What a map took: those of the clip, shared equally by its classes, ``[shape=(n_instances,)]``; none if unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.localiser_scores import Steps
    >>> steps = Steps(np.array([[0.0, 1.0, 1.0, 0.0]]), step=0.5, start=0.0)
    >>> steps.to_frames(1.0, 2).tolist()
    [[0.5, 0.5]]
    """

    values: NDArray[np.float64]
    step: float
    start: float
    seconds: NDArray[np.float64] | None = None

    @property
    def grid(self) -> tuple[float, float]:
        """Step and start."""
        return self.step, self.start

    def to_frames(self, frame_length: float, n_frames: int) -> NDArray[np.float64]:
        """Average over evaluation frames."""
        return frames.average(
            self.values, step=self.step, start=self.start, frame_length=frame_length, n_frames=n_frames
        )


def shifted_cam(explainer: Explainer, index: pd.DataFrame, out_dir: Path, *, shifts: int, workers: int) -> Steps:
    """CAM at several shifts of every instance; a file a clip is kept, and what exists is not made again.

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
        Processes on a CPU, each with one thread (0: one a core); a GPU is used from this process.
    """
    jobs = [
        _Job(explainer, shifts, out_dir / f"{clip}.npz", str(split), str(clip), tuple(group["label"]))
        for (split, clip), group in index.groupby(["split", "clip"], sort=False)
    ]
    _loaded.cache_clear()  # a head of the same name may have been trained again
    todo = [job for job in jobs if not job.path.exists()]
    parallel_map(_explain, todo, workers=workers if explainer.device == "cpu" else 1, desc="CAM at shifts")
    stored = {job.clip: files.read_arrays(job.path) for job in jobs}
    row_of = {(job.clip, label): row for job in jobs for row, label in enumerate(job.labels)}
    pairs = list(zip(index["clip"], index["label"], strict=True))
    first = next(iter(stored.values()))
    return Steps(
        np.stack([stored[clip]["signed"][row_of[clip, label]] for clip, label in pairs]).astype(np.float64),
        float(first["step"]),
        float(first["start"]),
        np.array([float(stored[clip]["seconds"]) for clip, _ in pairs]),
    )


@dataclass(frozen=True)
class _Job:
    explainer: Explainer
    shifts: int
    path: Path
    split: str
    clip: str
    labels: tuple[str, ...]


@functools.lru_cache(maxsize=1)
def _loaded(explainer: Explainer) -> Classifier:
    """Load the classifier once a process, and use it once, so that what happens once is not part of any time."""
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    classifier = explainer.load()[0]
    quiet = torch.zeros(1, classifier.encoder.frontend.sample_rate, device=explainer.device)
    ShiftedCam(1)(classifier, quiet, [[0]])
    return classifier


def _explain(job: _Job) -> None:
    classifier = _loaded(job.explainer)
    waveform = job.explainer.waveform(job.split, job.clip)[None]
    outputs = [classifier.head.classes.index(label) for label in job.labels]
    started = time.perf_counter()
    (found,) = ShiftedCam(job.shifts)(classifier, waveform, [outputs])
    seconds = (time.perf_counter() - started) / len(outputs)
    files.write_arrays(
        job.path,
        signed=found.signed,
        step=np.array(found.step),
        start=np.array(found.start),
        seconds=np.array(seconds),
    )


def of_instances(over_time: ScoresOverTime, index: pd.DataFrame) -> Steps:
    """Take the instances out of scores over time.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.baselines import ScoresOverTime
    >>> from igsed_core.detection.localiser_scores import of_instances
    >>> values = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    >>> scores = ScoresOverTime(np.array(["a"]), np.array(["Bell", "Hum"]), values, step=0.5)
    >>> of_instances(scores, pd.DataFrame({"clip": ["a"], "label": ["Hum"]})).values.tolist()
    [[2.0, 3.0]]
    """
    clip_of = {str(clip): i for i, clip in enumerate(over_time.clips)}
    class_of = {str(label): i for i, label in enumerate(over_time.classes)}
    values = over_time.values[[clip_of[c] for c in index["clip"]], [class_of[c] for c in index["label"]]]
    return Steps(values.astype(np.float64), over_time.step, over_time.start)


def frame_logits(head: Head, features: FeatureFrames, index: pd.DataFrame) -> Steps:
    """Logits of the feature frames of every instance: CAM without shifts, for the clip-level head."""
    return of_instances(baselines.framewise(head, features, probability=False), index)


def localise(models: Mapping[str, SoundModel], cam: Steps, labels: Sequence[str], *, shifts: int = 1) -> Steps:
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
        for label, logits in zip(labels, cam.values, strict=True)
    ]
    return Steps(np.stack(rows), cam.step, cam.start, cam.seconds)
