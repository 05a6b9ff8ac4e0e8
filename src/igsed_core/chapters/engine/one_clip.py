"""One clip as an example of the integral: its score along the path, and its attribution in three exact readings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.base import score_function
from igsed_core.attribution.ig.decibel import MelPathIntegratedGradients
from igsed_core.attribution.maps import STEP
from igsed_core.metrics import frames

LEVELS = np.arange(-100.0, 1.0)  # dB; where the score along the path is shown


@dataclass(frozen=True)
class Readings:
    """One attribution read over samples, frames, and time and frequency; each adds up to the same sum.

    Attributes
    ----------
    samples
        Sum over 10 ms of the samples' attribution, ``[shape=(n_steps,)]``.
    frames
        Of the front end's frames, 10 ms apart, ``[shape=(n_frames,)]``.
    time_frequency
        Of the mel bins, ``[shape=(n_frames, n_mels)]``.
    change
        Of the score, from silence to the clip.
    """

    samples: NDArray[np.floating]
    frames: NDArray[np.floating]
    time_frequency: NDArray[np.floating]
    change: float


def along_path(explainer: Explainer, split: str, clip: str, label: str, *, target: str) -> pd.DataFrame:
    """Score of a class on the way from silence to a clip.

    Returns
    -------
    pd.DataFrame
        ``clip, label, level`` (dB re the clip), ``gain``, ``score``; the first row is silence.
    """
    classifier = explainer.load()[0]
    waveform = explainer.waveform(split, clip)
    gains = np.concatenate([[0.0], 10 ** (LEVELS / 20)])
    score = score_function(classifier, target)
    output = classifier.head.classes.index(label)
    with torch.inference_mode():
        scores = [float(score(gain * waveform[None])[0, output]) for gain in gains]
    levels = [-np.inf, *LEVELS]
    return pd.DataFrame({"clip": clip, "label": label, "level": levels, "gain": gains, "score": scores})


def readings(explainer: Explainer, split: str, clip: str, label: str, *, target: str) -> Readings:
    """Attribute a class of a clip by the adaptive rule."""
    classifier = explainer.load()[0]
    engine = MelPathIntegratedGradients(target=target)
    result = engine(classifier, explainer.waveform(split, clip), [classifier.head.classes.index(label)])
    assert result.frames is not None and result.time_frequency is not None  # for the type checker
    window = round(STEP * classifier.encoder.frontend.sample_rate)
    samples = result.samples[0].cpu().numpy()
    return Readings(
        samples=window * frames.window_mean(samples[None], window)[0],
        frames=result.frames[0].cpu().numpy(),
        time_frequency=result.time_frequency[0].cpu().numpy(),
        change=float(result.score - result.baseline_score),
    )
