"""What the three studies of faithfulness compute for one clip, and the files that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution import mel
from igsed_core.attribution import registry as methods
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.base import files
from igsed_core.chapters.faithfulness import curves, improvement, occlusion, sanity
from igsed_core.chapters.faithfulness.params import QUICK
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import BASELINES
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier

# Know nothing of the classifier: there is nothing to shuffle. (The framewise detectors are other classifiers.)
WITHOUT_CLASSIFIER = BASELINES


@dataclass(frozen=True)
class Settings:
    """What holds for every clip.

    Attributes
    ----------
    methods
        Names: of the main job (``ig, fw_ws, fw_ss, random, energy``), or of
        :data:`igsed_core.attribution.registry.REGISTRY`.
    replacements
        Names from :data:`igsed_core.attribution.replacement.KINDS`.
    percentile
        Frames above it are detected, the same share for every method.
    threshold
        Probability above which the classifier detects a class.
    frame_length, duration
        Seconds.
    seed
        Of every random choice.
    """

    methods: tuple[str, ...]
    replacements: tuple[str, ...]
    percentile: float
    threshold: float
    frame_length: float
    duration: float
    seed: int


@dataclass(frozen=True, eq=False)
class Detected:
    """The classes that are detected in a clip, and by Integrated Gradients how important each frame is for them."""

    labels: tuple[str, ...]
    important: NDArray[np.float64]  # each class's map relative to its peak, the largest of them


@dataclass(frozen=True, eq=False)
class Explained:
    """The instance of a clip whose explanations are tested."""

    label: str
    truth: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]  # of the main job's methods
    energy: NDArray[np.float64] | None  # of each frame, as the baseline has it
    curves: bool
    shuffles: Mapping[str, int]  # number of the shuffle that it is explained with, by level; empty: with none

    @classmethod
    def of(
        cls, instances: Instances, row: int, settings: Settings, *, curves: bool, shuffles: Mapping[str, int]
    ) -> Explained:
        """Take a row of the instances, and the scores of those methods that are wanted and there."""
        there = {name: values[row] for name, values in instances.scores.items() if name in settings.methods}
        energy = instances.scores.get("energy")
        return cls(
            str(instances.index["label"].iloc[row]),
            instances.truth[row],
            there,
            None if energy is None else energy[row],
            curves,
            shuffles,
        )


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be done for one clip; ``labels`` are empty where it is not to be occluded."""

    explainer: Explainer
    settings: Settings
    out_dir: Path
    clip: str
    explained: Explained | None
    labels: Mapping[str, bool] = field(default_factory=dict)
    detected: Detected | None = None

    def path(self, what: str) -> Path:
        """Return the file of ``curves``, ``sanity`` or ``occluded``."""
        return self.out_dir / what / f"{self.clip}.{'npz' if what == 'occluded' else 'csv'}"

    @property
    def wanted(self) -> list[str]:
        """Names of the files that the job leaves."""
        explained = self.explained
        return [
            *(["occluded"] if self.labels else []),
            *(["curves"] if explained and explained.curves else []),
            *(["sanity"] if explained and explained.shuffles else []),
        ]


@dataclass(frozen=True, eq=False)
class Models:
    """The classifier, its lean copy, and one shuffle of each level at a time, made once per process and shuffle."""

    classifier: Classifier
    lean: MelScore
    shuffled: dict[tuple[str, int], Classifier] = field(default_factory=dict)

    def level(self, name: str, waveforms: torch.Tensor, seed: int, shuffle: int) -> Classifier:
        """Return the classifier shuffled down to a level, made when it is first asked for.

        The waveforms, ``[shape=(n_clips, n_samples)]``, tell which layers are used.
        """
        if (name, shuffle) not in self.shuffled:
            for known in [key for key in self.shuffled if key[0] == name]:
                del self.shuffled[known]  # a large encoder fits into memory a few times only
            log_mel = self.classifier.encoder.frontend(waveforms)
            self.shuffled[name, shuffle] = sanity.randomised(
                self.classifier, log_mel, sanity.CASCADE[name], seed=seed, shuffle=shuffle
            )
        return self.shuffled[name, shuffle]


def load(explainer: Explainer) -> Models:
    """Load the classifier and make its lean copy."""
    classifier = explainer.load()[0]
    return Models(classifier, mel.folded(classifier))


def study_clip(models: Models, job: Job) -> None:
    """Do what is missing of a clip's job and leave its files."""
    settings = job.settings
    waveforms = job.explainer.waveform("test", job.clip)[None]
    frontend = models.lean.encoder.frontend
    with torch.no_grad():
        log_mel = frontend(waveforms)[0]  # (mel_frames, mels)
    frame = occlusion.frame_of(
        len(log_mel),
        hop=frontend.hop_length / frontend.sample_rate,
        frame_length=settings.frame_length,
        n_frames=frames.n_frames(settings.duration, settings.frame_length),
    )
    if "occluded" in job.wanted and not job.path("occluded").exists():
        _occlude(job, models, log_mel, frame)
    if job.explained is None:
        return
    output = models.classifier.head.classes.index(job.explained.label)
    named = {"clip": job.clip, "label": job.explained.label}
    if job.explained.curves and not job.path("curves").exists():
        _draw_curves(job, models, waveforms, log_mel, output, frame).assign(**named).pipe(_write, job.path("curves"))
    if job.explained.shuffles and not job.path("sanity").exists():
        _write(_shuffle(job, models, waveforms, output).assign(**named), job.path("sanity"))


def _write(table: pd.DataFrame, path: Path) -> None:
    files.write_table(path, table)


def _draw_curves(
    job: Job,
    models: Models,
    waveforms: torch.Tensor,
    log_mel: torch.Tensor,
    output: int,
    frame: NDArray[np.int64],
) -> pd.DataFrame:
    explained, settings = job.explained, job.settings
    assert explained is not None
    scores = {
        name: explained.scores.get(name)
        if name in explained.scores
        else importance(name, models.classifier, waveforms, output, settings)
        for name in settings.methods
    }
    return curves.of_clip(
        *(models.lean, log_mel, output, scores, explained.truth, frame),  # type: ignore[arg-type]
        replacements=settings.replacements,
        percentile=settings.percentile,
        seed=settings.seed,
    )


def _occlude(job: Job, models: Models, log_mel: torch.Tensor, frame: NDArray[np.int64]) -> None:
    classes = models.classifier.head.classes
    labels = np.array([job.labels[name] for name in classes], dtype=bool)
    explained = {}
    if job.detected is not None:
        outputs = [classes.index(label) for label in job.detected.labels]
        explained = {"ig": job.detected.important, "cam": _activation(models, log_mel, outputs, job.settings)}
    logits = improvement.of_clip(
        *(models.lean, log_mel, labels, explained, frame),
        replacements=job.settings.replacements,
        threshold=job.settings.threshold,
        seed=job.settings.seed,
    )
    files.write_arrays(job.path("occluded"), logits=logits, labels=labels)


def _activation(models: Models, log_mel: torch.Tensor, outputs: list[int], settings: Settings) -> NDArray[np.float64]:
    """Largest logit of any of some classes in each evaluation frame, by the head on feature frames."""
    with torch.no_grad():
        features = models.lean.encoder.feature_map(log_mel[None]).mean(dim=2).transpose(1, 2)
        logits = models.lean.head.frame_logits(features)[0, :, outputs]  # (time, n_outputs)
    encoder = models.classifier.encoder
    return frames.average(
        logits.amax(dim=1).cpu().numpy(),
        step=encoder.frame_duration,
        start=encoder.frame_start,
        frame_length=settings.frame_length,
        n_frames=frames.n_frames(settings.duration, settings.frame_length),
    )


def importance(
    name: str, classifier: Classifier, waveforms: torch.Tensor, output: int, settings: Settings
) -> NDArray[np.float64]:
    """Importance of each evaluation frame of one clip for one class, by a method of the registry.

    Parameters
    ----------
    name
        Of the method.
    classifier
        What is explained.
    waveforms
        The clip, ``[shape=(1, n_samples)]``.
    output
        The class.
    settings
        Its duration and frame length, in seconds, are used.

    Returns
    -------
    np.ndarray [shape=(n_frames,)]
    """
    found = methods.create(name)(classifier, waveforms, [[output]])[0]
    return frames.average(
        found.read_as(methods.REGISTRY[name].sign)[0],
        step=found.step,
        start=found.start,
        frame_length=settings.frame_length,
        n_frames=frames.n_frames(settings.duration, settings.frame_length),
    )


def _shuffle(job: Job, models: Models, waveforms: torch.Tensor, output: int) -> pd.DataFrame:
    explained, settings = job.explained, job.settings
    assert explained is not None
    rows = []
    for name in settings.methods:
        fixed = explained.scores.get(name) if name in WITHOUT_CLASSIFIER else None
        original: NDArray[np.float64] | None = None
        for level, shuffle in {sanity.ORIGINAL: 0, **explained.shuffles}.items():
            if fixed is not None:
                scores = fixed
            else:
                classifier = (
                    models.classifier
                    if level == sanity.ORIGINAL
                    else models.level(level, waveforms, settings.seed, shuffle)
                )
                scores = importance(QUICK.get(name, name), classifier, waveforms, output, settings)
            original = scores if original is None else original
            measured = sanity.measure(
                scores, original, explained.truth, percentile=settings.percentile, energy=explained.energy
            )
            rows.append({"method": name, "level": level, "shuffle": shuffle, **measured})
    return pd.DataFrame(rows)
