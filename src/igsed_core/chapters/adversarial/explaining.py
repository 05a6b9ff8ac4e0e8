"""The main job's classifier on a clip: which classes it hears, and when, by four methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance
from igsed_core.attribution.ig import engines
from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.attribution.lrp import Lrp
from igsed_core.attribution.shifted_cam import ShiftedCam
from igsed_core.detection.absence_hmm import SoundModel
from igsed_core.detection.thresholds.partitions import otsu
from igsed_core.metrics import frames
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models.classifier import Classifier

IG, CAM, LRP, LOCALISER = "ig", "cam", "lrp_composite", "localiser"
METHODS = {IG: "IG", CAM: "CAM", LRP: "LRP", LOCALISER: "localiser"}
_SIGNS = {IG: "absolute", CAM: "signed", LRP: "positive", LOCALISER: "signed"}
_QUADRATURE = "db_midpoint"


@dataclass(frozen=True, eq=False)
class Looked:
    """What is found in one clip.

    Attributes
    ----------
    logits
        Of all classes, ``[shape=(n_classes,)]``.
    maps
        Method -> importance of the explained classes, ``[shape=(n_explained, n_frames)]``.
    masks
        Method -> frames in which they are said to sound, of the same shape.
    errors
        Relative completeness error of IG, ``[shape=(n_explained,)]``.
    """

    logits: NDArray[np.float64]
    maps: dict[str, NDArray[np.float64]]
    masks: dict[str, NDArray[np.bool_]]
    errors: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Listener:
    """A classifier with all that explains it.

    Attributes
    ----------
    classifier
        Encoder and clip-level head.
    models
        Class -> the localiser's model of it, made from training clips' labels.
    duration, frame_length
        Of a clip and of an evaluation frame, in s.
    points
        Of Integrated Gradients.
    shifts
        At which the localiser looks.
    """

    classifier: Classifier
    models: Mapping[str, SoundModel]
    duration: float
    frame_length: float
    points: int
    shifts: int

    @cached_property
    def lean(self) -> MelScore:
        """The classifier with batch normalisation folded: the same function, faster."""
        return mel.folded(self.classifier)

    @property
    def n_frames(self) -> int:
        """Evaluation frames of a clip."""
        return frames.n_frames(self.duration, self.frame_length)

    def features(self, waveforms: Tensor) -> Tensor:
        """Feature frames: ``(n, n_samples) -> (n, time, n_features)``; gradients flow to the samples."""
        lean = self.lean
        return mel.feature_map(lean, lean.encoder.frontend(waveforms)).mean(dim=2).transpose(1, 2)

    def score(self, waveforms: Tensor) -> Tensor:
        """Logits: ``(n, n_samples) -> (n, n_classes)``; gradients flow to the samples."""
        return self.lean.head.clip_logits(self.features(waveforms))

    def inside(self, truth: NDArray[np.bool_]) -> Tensor:
        """Feature frames whose centre lies in an active evaluation frame: ``(n_frames,) -> (time,)``."""
        encoder = self.classifier.encoder
        samples = round(self.duration * encoder.frontend.sample_rate)
        with torch.no_grad():
            n = self.features(torch.zeros(1, samples)).shape[1]
        centres = encoder.frame_start + encoder.frame_duration * (np.arange(n) + 0.5)
        which = np.clip((centres / self.frame_length).astype(int), 0, len(truth) - 1)
        return torch.from_numpy(truth[which])

    def look(self, waveform: Tensor, classes: Sequence[int]) -> Looked:
        """Explain some classes of a clip.

        Parameters
        ----------
        waveform
            ``[shape=(n_samples,)]``
        classes
            Numbers of the outputs.
        """
        wanted = [list(classes)]
        with torch.no_grad():
            logits = self.score(waveform[None])[0].double().numpy()
        engine = engines.create("mel_path", quadrature=_QUADRATURE, n_steps=self.points)
        found = engine(self.classifier, waveform, list(classes))
        rate = self.classifier.sample_rate
        cam = ShiftedCam(self.shifts)(self.classifier, waveform[None], wanted)[0]
        maps = {
            IG: self._frames(mel.of_samples(found.samples, rate), IG),
            CAM: self._frames(cam, CAM),
            LRP: self._frames(Lrp("composite")(self.classifier, waveform[None], wanted)[0], LRP),
            LOCALISER: self._frames(self._against_absence(cam, classes), LOCALISER),
        }
        masks = {name: values > 0 if name == LOCALISER else otsu(values) for name, values in maps.items()}
        return Looked(logits, maps, masks, found.completeness_error.double().numpy())

    def _against_absence(self, cam: Importance, classes: Sequence[int]) -> Importance:
        """Log-odds of presence in each step; a class without a model keeps its logits."""
        names = self.classifier.classes
        rows = [
            self.models[names[c]].log_odds_interleaved(row, self.shifts) if names[c] in self.models else row
            for c, row in zip(classes, cam.signed, strict=True)
        ]
        values = np.stack(rows).astype(np.float32)
        return Importance(values, abs(values), cam.step, cam.start)

    def _frames(self, found: Importance, method: str) -> NDArray[np.float64]:
        values = found.read_as(_SIGNS[method])
        names = pd.DataFrame({"clip": "", "label": [str(i) for i in range(len(values))]})
        scores = ScoresOverTime(names, np.asarray(values, dtype=np.float64), found.step, found.start)
        return scores.to_frames(self.frame_length, self.n_frames, self.duration)
