"""The edges of a classifier's detectors, calibrated on its own training clips with their clip-level labels alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution import mel, shifted_cam
from igsed_core.attribution.base import Method
from igsed_core.detection import edges, gates
from igsed_core.detection.absence_hmm import SoundModel
from igsed_core.detection.gates import Decision, Reader
from igsed_core.detection.thresholds.partitions import otsu
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head

PER_LENGTH = 20  # gates of each class and length


@dataclass(frozen=True, eq=False)
class Decoder:
    """A detector that decides by log-odds of presence: a head, and a model of absence and presence for each class.

    Attributes
    ----------
    head
        Gives logits of feature frames.
    models
        Class -> model of them.
    """

    head: Head
    models: Mapping[str, SoundModel]

    def log_odds(self, features: torch.Tensor, label: str, *, shifts: int) -> NDArray[np.float64]:
        """Log-odds of a class in the interleaved feature frames of one clip.

        Parameters
        ----------
        features
            From :func:`igsed_core.attribution.shifted_cam.features`, ``(n_steps, n_features)``.
        label
            The class.
        shifts
            Steps in a feature frame.

        Returns
        -------
        np.ndarray [shape=(n_steps,)]
        """
        with torch.inference_mode():
            logits = self.head.frame_logits(features).numpy()[:, self.head.classes.index(label)]
        return self.models[label].log_odds_interleaved(logits, shifts)


def draw(
    decoder: Decoder,
    features: FeatureFrames,
    present: NDArray[np.bool_],
    durations: NDArray[np.float64],
    *,
    seed: int,
    per_length: int = PER_LENGTH,
) -> pd.DataFrame:
    """Draw the gates of all classes that have a model.

    Parameters
    ----------
    decoder
        Says where a class surely sounds.
    features
        Of the training clips, without shifts.
    present
        Which of them hold which class, ``[shape=(n_clips, n_classes)]``.
    durations
        Of the clips, in seconds, ``[shape=(n_clips,)]``.
    seed, per_length
        As for :func:`igsed_core.detection.gates.draw`.
    """
    with torch.inference_mode():
        logits = decoder.head.frame_logits(torch.from_numpy(features.values)).numpy()
    inside: dict[str, list[tuple[int, float, float]]] = {}
    for label, model in decoder.models.items():
        c = decoder.head.classes.index(label)
        log_odds = model.log_odds(logits[..., c])
        inside[label] = [
            (int(clip), max(float(begin), 0.0), min(float(end), float(durations[clip])))
            for clip in np.flatnonzero(present[:, c])
            for begin, end in gates.insides(log_odds[clip], step=features.frame_duration, start=features.frame_start)
        ]
    without = {label: np.flatnonzero(~present[:, decoder.head.classes.index(label)]) for label in inside}
    return gates.draw(inside, without, durations, per_length=per_length, seed=seed)


def observe(
    classifier: Classifier,
    decoders: Mapping[str, Decoder],
    drawn: pd.DataFrame,
    read: Reader,
    *,
    shifts: int,
    soft: float = 0.0,
) -> dict[str, pd.DataFrame]:
    """Let detectors on one encoder decide on the gates; the encoder runs once for all of them.

    Parameters
    ----------
    classifier
        Whose encoder looks.
    decoders
        Name -> detector.
    drawn
        From :func:`draw`.
    read
        Gives the training clips' samples.
    shifts
        Of a feature frame.
    soft
        Seconds in which gates rise and fall (:func:`igsed_core.detection.gates.mix`).

    Returns
    -------
    dict of pd.DataFrame
        Name -> as :func:`igsed_core.detection.edges.observe`; :func:`igsed_core.detection.edges.fit` takes it.
    """
    model = mel.folded(classifier)

    def decide(waveforms: NDArray[np.float32], labels: Sequence[str]) -> dict[str, Decision]:
        made: dict[str, list[NDArray[np.float64]]] = {name: [] for name in decoders}
        for log_mel, label in zip(mel.log_mel(model, torch.from_numpy(waveforms)), labels, strict=True):
            found = shifted_cam.features(model, log_mel, shifts)
            for name, decoder in decoders.items():
                made[name].append(decoder.log_odds(found.values.cpu(), label, shifts=shifts))
        return {name: (np.stack(of), found.step, found.start) for name, of in made.items()}

    return gates.measure(drawn, read, decide, sample_rate=classifier.sample_rate, soft=soft)


def observe_attribution(
    classifier: Classifier, method: Method, drawn: pd.DataFrame, read: Reader, *, frame_length: float
) -> pd.DataFrame:
    """Let an attribution decide on the gates: what lies above Otsu's level of its window.

    Parameters
    ----------
    classifier
        What is explained.
    method
        Attribution of the gate's class; its absolute values are read.
    drawn
        From :func:`draw`.
    read
        Gives the training clips' samples.
    frame_length
        Of the frames that are marked, in seconds.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.detection.edges.observe`.
    """

    def decide(waveforms: NDArray[np.float32], labels: Sequence[str]) -> dict[str, Decision]:
        wanted = [[classifier.classes.index(label)] for label in labels]
        importance = method(classifier, torch.from_numpy(waveforms), wanted)
        n_frames = frames.n_frames(waveforms.shape[1] / classifier.sample_rate, frame_length)
        scores = np.concatenate(
            [
                frames.average(
                    one.absolute, step=one.step, start=one.start, frame_length=frame_length, n_frames=n_frames
                )
                for one in importance
            ]
        )
        return {"": (above_otsu(scores), frame_length, 0.0)}

    return gates.measure(drawn, read, decide, sample_rate=classifier.sample_rate)[""]


def above_otsu(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores minus Otsu's level of each row, so that what Otsu marks is above 0.

    Parameters
    ----------
    scores
        ``[shape=(n_rows, n_frames)]``

    Returns
    -------
    np.ndarray [shape=(n_rows, n_frames)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.calibration import above_otsu
    >>> above_otsu(np.array([[0.0, 1.0, 1.0, 0.0]])).tolist()
    [[-0.5, 0.5, 0.5, -0.5]]
    """
    marked = otsu(scores)
    lowest = np.where(marked, scores, np.inf).min(axis=1)
    highest = np.where(marked, -np.inf, scores).max(axis=1)
    level = np.where(np.isfinite(lowest), (np.where(np.isfinite(lowest), lowest, 0.0) + highest) / 2, np.inf)
    return np.where(np.isfinite(level)[:, None], scores - np.where(np.isfinite(level), level, 0.0)[:, None], -1.0)


def corrections(observed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the edges of all detectors, ``method`` and :data:`igsed_core.detection.edges.COLUMNS`."""
    tables = [edges.table(of).assign(method=name) for name, of in observed.items()]
    columns = ["method", *edges.COLUMNS]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
