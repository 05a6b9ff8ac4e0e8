"""Scores over time that need no attribution: framewise detectors, random, energy (paper, section III)."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.data import soundscapes
from igsed_core.metrics import frames
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head

STEP = 0.01  # s, of random and energy scores


def framewise(head: Head, features: FeatureFrames, *, probability: bool = True) -> ScoresOverTime:
    """Probability of every class at every feature frame, ``p_t(c)`` of the paper's eq. 2, or else its logit.

    Probabilities come with their logits in double precision.
    """
    values = torch.from_numpy(features.values)
    logits = None
    with torch.inference_mode():
        scores = head.frame_logits(values)
        if probability:
            scores = torch.sigmoid(scores)
            logits = copy.deepcopy(head).double().frame_logits(values.double()).numpy().transpose(0, 2, 1)
    return ScoresOverTime.of_product(
        features.clips,
        head.classes,
        scores.numpy().transpose(0, 2, 1),  # (n_clips, n_classes, n_frames)
        features.frame_duration,
        features.frame_start,
        logits,
    )


def random_scores(clips: NDArray[np.str_], classes: tuple[str, ...], *, duration: float, seed: int) -> ScoresOverTime:
    """Uniform scores, independent over clips, classes and time.

    Parameters
    ----------
    clips
        Names, ``[shape=(n_clips,)]``.
    classes
        Class names.
    duration
        Of a clip, in seconds.
    seed
        Of the draw.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.baselines import random_scores
    >>> scores = random_scores(np.array(["a", "b"]), ("Bell",), duration=10.0, seed=0)
    >>> scores.values.shape, scores.step
    ((2, 1000), 0.01)
    """
    rng = np.random.default_rng([seed, 0x7A4D])
    n_steps = frames.n_frames(duration, STEP)
    values = rng.random((len(clips), len(classes), n_steps), dtype=np.float32)
    return ScoresOverTime.of_product(clips, classes, values, STEP)


def energy(
    root: Path, clips: pd.DataFrame, classes: tuple[str, ...], *, sample_rate: int, quantity: str
) -> ScoresOverTime:
    """Signal amplitude over time, the same for every class.

    Parameters
    ----------
    root
        Folder of the soundscapes.
    clips
        Rows of ``clips.csv``.
    classes
        Class names.
    sample_rate
        Of the soundscapes, in Hz.
    quantity
        ``amplitude`` (mean absolute sample) or ``power`` (mean squared sample).
    """
    rows = []
    for i in range(len(clips)):
        samples = soundscapes.read_clips(root, clips.iloc[[i]])[0]
        loud = np.abs(samples) if quantity == "amplitude" else samples.astype(np.float64) ** 2
        rows.append(frames.window_mean(loud, round(STEP * sample_rate)))
    values = np.repeat(np.stack(rows)[:, None].astype(np.float32), len(classes), axis=1)
    return ScoresOverTime.of_product(clips["clip"].to_numpy(dtype=str), classes, values, STEP)
