"""What each part of the localiser adds, beside detectors whose threshold was tuned with time labels."""

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

from igsed_core import baselines, files, frames, metrics, summaries, threshold_rules
from igsed_core.baselines import ScoresOverTime
from igsed_core.classifier import Classifier
from igsed_core.evaluation import Instances
from igsed_core.features import FeatureFrames, Targets
from igsed_core.heads import Head
from igsed_core.localiser import SoundModel, fit_classes
from igsed_core.maps import Explainer
from igsed_core.methods.shifted_cam import ShiftedCam
from igsed_core.parallel import parallel_map
from igsed_core.summaries import Series

TUNED = ("percentile", "share_of_maximum")  # on validation, with time labels
OF_THE_CLIP = ("otsu", "logit_hmm")  # label-free, from one clip's scores
EVEN, ABSENCE, ABSENCE_HMM = "even_odds", "absence", "absence_hmm"  # label-free, from clip labels
CAM, LOCALISER = ("cam", ABSENCE_HMM), ("shifted_cam", ABSENCE_HMM)
# What the localiser is compared with, and each of its parts with what it adds to.
PAIRS = (
    *((LOCALISER, ("ig", "percentile")), (LOCALISER, ("fw_ws", "share_of_maximum"))),
    *((LOCALISER, ("fw_ss", "share_of_maximum")), (LOCALISER, ("cam", "share_of_maximum"))),
    (LOCALISER, ("fw_ws", ABSENCE_HMM)),
    *((("cam", ABSENCE), ("cam", EVEN)), (CAM, ("cam", ABSENCE)), (LOCALISER, CAM)),
)

Scores = NDArray[np.float64]


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
    """

    values: NDArray[np.float64]
    step: float
    start: float
    seconds: NDArray[np.float64] | None = None

    @property
    def grid(self) -> tuple[float, float]:
        """Step and start."""
        return self.step, self.start

    def to_frames(self, frame_length: float, n_frames: int) -> Scores:
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
        See :class:`igsed_core.methods.shifted_cam.ShiftedCam`.
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
    """Take the instances out of scores over time."""
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
        Class -> model, from :func:`igsed_core.localiser.fit_classes`.
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


@dataclass(frozen=True, eq=False)
class Decoded:
    """The label-free decisions of one split.

    Attributes
    ----------
    models
        Class -> model of the clip-level head's frame logits.
    cam
        CAM without shifts.
    steps
        (Method, rule) -> log-odds in their own steps; the decision is at 0.
    scores
        The same in evaluation frames, ``[shape=(n_instances, n_frames)]``.
    """

    models: dict[str, SoundModel]
    cam: Steps
    steps: dict[tuple[str, str], Steps]
    scores: dict[tuple[str, str], Scores]


def decode(
    clip_level: Head,
    fw_ws: Head,
    training: tuple[FeatureFrames, Targets],
    features: FeatureFrames,
    test: Instances,
    shifted: Steps,
    *,
    shifts: int,
    components: int,
    frame_length: float,
) -> Decoded:
    """Fit the models to the training clips and take every step of the localiser on the test instances.

    Parameters
    ----------
    clip_level, fw_ws
        Heads trained with clip labels.
    training
        Feature frames of the training clips and their labels, of which those of clips alone are read.
    features
        Feature frames of the clips of the test instances.
    test
        The instances.
    shifted
        From :func:`shifted_cam`, with as many ``shifts``.
    components
        Normal densities a state.
    frame_length
        Seconds.
    """
    labels = [str(label) for label in test.index["label"]]
    models = fit_classes(clip_level, *training, components=components)
    alone = fit_classes(clip_level, *training, components=components, markov=False)
    weak = fit_classes(fw_ws, *training, components=components)
    cam = frame_logits(clip_level, features, test.index)
    steps = {
        ("cam", EVEN): cam,
        ("cam", ABSENCE): localise(alone, cam, labels),
        CAM: localise(models, cam, labels),
        LOCALISER: localise(models, shifted, labels, shifts=shifts),
        ("fw_ws", ABSENCE_HMM): localise(weak, frame_logits(fw_ws, features, test.index), labels),
    }
    n_frames = test.truth.shape[1]
    return Decoded(models, cam, steps, {key: of.to_frames(frame_length, n_frames) for key, of in steps.items()})


def series(
    data: Mapping[str, Instances], log_odds: Mapping[tuple[str, str], Scores], *, frame_length: float
) -> list[Series]:
    """IoU, F1 and pointing game of the test instances under every rule.

    Parameters
    ----------
    data
        Split -> instances with the scores ``ig``, ``fw_ws``, ``fw_ss`` and, as a probability, ``cam``; thresholds are
        tuned on ``validation``.
    log_odds
        (Method, rule) -> scores of the test instances whose decision is at 0.
    frame_length
        Seconds.
    """
    test = data["test"]
    methods = ("ig", "fw_ws", "fw_ss", "cam")
    options = {"frame_length": frame_length, "probabilities": methods[1:]}
    made = threshold_rules.evaluate(data, TUNED, methods=methods, **options).series["test"]  # type: ignore[arg-type]
    made += threshold_rules.evaluate(data, OF_THE_CLIP, methods=("cam",), **options).series["test"]  # type: ignore[arg-type]
    for method, rule in dict.fromkeys((one.method, one.rule) for one in made):
        pointing = metrics.pointing_game(test.scores[method], test.truth)
        made.append(Series(method, rule, "pointing_game", pointing))
    for (method, rule), scores in log_odds.items():
        made += [
            Series(method, rule, "iou", metrics.iou(scores > 0, test.truth)),
            Series(method, rule, "f1", metrics.f1(scores > 0, test.truth)),
            Series(method, rule, "pointing_game", metrics.pointing_game(scores, test.truth)),
        ]
    return made


def report(
    index: pd.DataFrame, made: Sequence[Series], classes: Sequence[str], *, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise every series, over all and by class, and the paired differences of :data:`PAIRS`."""
    options = {"replicates": replicates, "seed": seed}
    return (
        summaries.summarise(index, made, classes=classes, **options),  # type: ignore[arg-type]
        summaries.differences(index, made, PAIRS, **options),  # type: ignore[arg-type]
    )


def durations(
    models: Mapping[str, SoundModel], test: Instances, scores: Scores, *, frame_duration: float, frame_length: float
) -> pd.DataFrame:
    """How long each class lasts, as its model believes, as the localiser finds and as the truth has it.

    Returns
    -------
    pd.DataFrame
        ``class, n_present, n_absent`` (training clips), ``n`` (test instances) and, in seconds, ``believed``,
        ``found``, ``true``: mean length of a stretch of active frames.
    """
    labels = test.index["label"].to_numpy(dtype=str)
    rows = []
    for label, model in models.items():
        mine = labels == label
        rows.append(
            {
                **{"class": label, "n_present": model.n_present, "n_absent": model.n_absent, "n": int(mine.sum())},
                "believed": frame_duration * model.mean_frames,
                "found": frame_length * _mean_stretch(scores[mine] > 0),
                "true": frame_length * _mean_stretch(test.truth[mine]),
            }
        )
    return pd.DataFrame(rows)


def absence(
    head: Head, features: FeatureFrames, targets: Targets, models: Mapping[str, SoundModel], *, n_bins: int = 60
) -> pd.DataFrame:
    """What the frame logits of training clips look like with and without each class, and what was fitted to them.

    Returns
    -------
    pd.DataFrame
        ``class, logit`` (all but the farthest 0.1 % at either end); densities ``without`` and ``with`` of the
        frames of clips without and with the class, ``absent`` and ``present`` of the two states; ``evidence``, the
        log-likelihood ratio.
    """
    with torch.inference_mode():
        logits = head.frame_logits(torch.from_numpy(features.values)).numpy()
    made = []
    for label, model in models.items():
        c = head.classes.index(label)
        held = targets.clip[:, c] > 0.5
        lowest, highest = np.quantile(logits[..., c], [0.001, 0.999])
        edges = np.linspace(lowest, highest, n_bins + 1)
        centres = (edges[1:] + edges[:-1]) / 2
        made.append(
            pd.DataFrame(
                {
                    "class": label,
                    "logit": centres,
                    "without": np.histogram(logits[~held, :, c], edges, density=True)[0],
                    "with": np.histogram(logits[held, :, c], edges, density=True)[0],
                    "absent": np.exp(model.absent.log_density(centres)),
                    "present": np.exp(model.present.log_density(centres)),
                    "evidence": model.evidence(centres),
                }
            )
        )
    return pd.concat(made, ignore_index=True)


def _mean_stretch(masks: NDArray[np.bool_]) -> float:
    """Mean number of frames of the stretches of active ones, over all rows; NaN if there is none."""
    begins = np.diff(masks.astype(int), axis=1, prepend=0) == 1
    return float(masks.sum() / begins.sum()) if begins.any() else float("nan")
