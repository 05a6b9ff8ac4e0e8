"""The trained heads, held fixed, under every condition: new clips -> predictions, scores over time, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from igsed_core.attribution import maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.chapters.conditions import plans
from igsed_core.data import recordings, soundscapes
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.detection import baselines, localiser_scores
from igsed_core.detection.absence_hmm import SoundModel
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import DETECTORS, LOCALISER
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import classification, features
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head

# IG of new clips by the adaptive rule: the same integral, in a fraction of the time (see the page on the engine).
QUADRATURE = {"quadrature": "db_adaptive", "n_steps": 32, "tolerance": 0.05}
CLASSIFIER = "clip_level"  # as a method: the classifier itself, metrics classifier_precision, _recall, _f1


@dataclass(frozen=True)
class Clips:
    """Clips of all conditions.

    Attributes
    ----------
    root
        They lie in ``root/test/<clip>.flac``.
    clips
        ``clip, split, condition, level``; the split is ``test`` throughout.
    events
        ``clip, label, onset, offset`` (s).
    """

    root: Path
    clips: pd.DataFrame
    events: pd.DataFrame


def make_clips(
    bank: SoundBank,
    conditions: Sequence[plans.Condition],
    out_dir: Path,
    *,
    folder: str,
    classes: Sequence[str],
    workers: int,
) -> Clips:
    """Mix the soundscapes of all conditions, and cut the user's recordings if there are any.

    Parameters
    ----------
    bank
        What the conditions were drawn from.
    conditions
        From :func:`igsed_core.chapters.conditions.plans.all_conditions`.
    out_dir
        Folder to write to; what is there, made from the same, is not made again.
    folder
        Annotated recordings (:func:`igsed_core.data.recordings.read`); empty for none.
    classes
        What the classifier knows.
    workers
        Processes; 0 means one a core.
    """
    known = recordings.read(folder, classes) if folder else None  # its errors before any work
    of_plan = [(plan, one) for one in conditions for plan in one.plans]
    made = soundscapes.realise(
        bank,
        [plan for plan, _ in of_plan],
        [one.spec for _, one in of_plan],
        ["test"] * len(of_plan),
        out_dir=out_dir,
        workers=workers,
    )
    named = {plan.clip: (one.family, one.level) for plan, one in of_plan}
    clips = made.clips[["clip", "split"]].copy()
    clips["condition"], clips["level"] = zip(*(named[clip] for clip in clips["clip"]), strict=True)
    events = made.events[["clip", "label", "onset", "offset"]]
    if known is not None:
        spec = conditions[0].spec
        cut, annotated = recordings.cut(known, out_dir, duration=spec.duration, sample_rate=spec.sample_rate)
        cut["condition"], cut["level"] = recordings.FAMILY, recordings.LEVEL
        clips = pd.concat([clips, cut[clips.columns]], ignore_index=True)
        events = pd.concat([events, annotated], ignore_index=True)
    return Clips(out_dir, clips, events)


def predict(
    clips: Clips,
    encoder: Encoder,
    heads: Mapping[str, Head],
    out_dir: Path,
    *,
    threshold: float,
    device: torch.device,
) -> tuple[pd.DataFrame, FeatureFrames]:
    """What every head says of every clip, and the clips' feature frames.

    Returns
    -------
    predictions
        As from :func:`igsed_core.models.classification.predict`.
    features
        Of all clips, in their order.
    """
    extracted = features.extract(encoder, clips.root, clips.clips, out_dir, device=device)
    classes = next(iter(heads.values())).classes
    known = clips.events[clips.events["label"].isin(classes)]  # a small training set may lack a class of the bank
    targets = features.targets(extracted, known, classes)
    return classification.predict(dict(heads), extracted, targets, split="test", threshold=threshold), extracted


def score(
    clips: Clips,
    extracted: FeatureFrames,
    heads: Mapping[str, Head],
    *,
    duration: float,
    sample_rate: int,
    energy: str,
    seed: int,
) -> dict[str, ScoresOverTime]:
    """Scores that need no attribution, as in the main job; the class activation map as logits."""
    classes = heads[CLASSIFIER].classes
    return {
        "cam": baselines.framewise(heads[CLASSIFIER], extracted, probability=False),
        **{name: baselines.framewise(heads[name], extracted) for name in DETECTORS},
        "random": baselines.random_scores(extracted.clips, classes, duration=duration, seed=seed),
        "energy": baselines.energy(clips.root, clips.clips, classes, sample_rate=sample_rate, quantity=energy),
    }


def explain(
    explainer: Explainer, predictions: pd.DataFrame, out_dir: Path, *, target: str, batch: int, workers: int
) -> ScoresOverTime:
    """Integrated Gradients of every detected class of every clip; a clip whose file exists is not explained again.

    Parameters
    ----------
    explainer
        Encoder, head and device; the engine is this function's.
    predictions
        From :func:`predict`.
    out_dir
        One file a clip is kept here.
    target, batch
        See :class:`igsed_core.attribution.ig.decibel.MelPathIntegratedGradients`.
    workers
        Processes on a CPU (0: one a core).
    """
    options = tuple({**QUADRATURE, "target": target, "batch": batch}.items())
    detected = classification.detected_pairs(predictions)
    present = detected[detected["present"]]  # what is detected and not there is no instance
    return maps.compute(replace(explainer, engine="mel_path", options=options), present, out_dir, workers=workers)


def softest(clips: Clips, instances: Instances) -> int:
    """Return the row of the first instance at the lowest event-to-background ratio that has one.

    Where no ratio has one, it is the first instance of all.

    Parameters
    ----------
    clips
        From :func:`make_clips`.
    instances
        Of these clips.
    """
    ratios = clips.clips[clips.clips["condition"] == plans.SNR].set_index("clip")["level"].astype(float)
    return int(np.argmin(instances.index["clip"].map(ratios).fillna(np.inf).to_numpy()))


def localised(
    models: Mapping[str, SoundModel],
    explainer: Explainer,
    root: Path,
    instances: Instances,
    out_dir: Path,
    *,
    shifts: int,
    frame_length: float,
    workers: int,
) -> Instances:
    """Add the project's own localiser: log-odds of presence, from the class activation map at several shifts.

    Parameters
    ----------
    models
        Class -> model of its frame logits, fitted to training clips
        (:func:`igsed_core.detection.absence_hmm.fit_classes`).
    explainer
        Encoder, head and device; the engine is not used.
    root
        Folder of the instances' soundscapes.
    instances
        Of one split.
    out_dir
        One file per clip is kept here.
    shifts
        Of a feature frame, as on the localiser's own page.
    frame_length
        Evaluation frame in seconds.
    workers
        Processes on a CPU (0: one per core).
    """
    there = replace(explainer, soundscapes=root)
    shifted = localiser_scores.shifted_cam(there, instances.index, out_dir, shifts=shifts, workers=workers)
    labels = [str(label) for label in instances.index["label"]]
    odds = localiser_scores.localise(models, shifted, labels, shifts=shifts)
    n_frames = instances.truth.shape[1]
    scores = odds.to_frames(frame_length, n_frames)
    return replace(instances, scores={**instances.scores, LOCALISER: scores})
