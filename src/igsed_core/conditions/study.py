"""The trained heads, held fixed, under every condition: new clips -> predictions, scores over time, metrics."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core import (
    baselines,
    classification,
    features,
    localiser_scores,
    localiser_study,
    maps,
    metrics,
    ranking,
    soundscapes,
    summaries,
    threshold_rules,
    thresholds,
)
from igsed_core.baselines import ScoresOverTime
from igsed_core.conditions import plans, recordings
from igsed_core.encoders.base import Encoder
from igsed_core.evaluation import ORACLE, Instances
from igsed_core.features import FeatureFrames
from igsed_core.heads import Head
from igsed_core.localiser import SoundModel
from igsed_core.maps import Explainer
from igsed_core.methods.shifted_cam import SHIFTS
from igsed_core.soundbank.base import SoundBank
from igsed_core.summaries import Series
from igsed_core.threshold_rules import Evaluated

RUN, DURATION = "run", "duration"
LOCALISER = "localiser"
PERCENTILE, NO_RULE = "percentile", "none"
EDGES = (0.5, 1.0, 2.0, 4.0)  # s; between classes of how long a class sounds in a clip
# IG of new clips by the adaptive rule: the same integral, in a fraction of the time (see the page on the engine).
RULE = {"rule": "db_adaptive", "n_points": 32, "tolerance": 0.05}
CLASSIFIER = "clip_level"  # as a method: the classifier itself, metrics classifier_precision, _recall, _f1
COLUMNS = ["condition", "level", *summaries.COLUMNS]


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
        From :func:`igsed_core.conditions.plans.all_conditions`.
    out_dir
        Folder to write to; what is there, made from the same, is not made again.
    folder
        Annotated recordings (:func:`igsed_core.conditions.recordings.read`); empty for none.
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
        As from :func:`igsed_core.classification.predict`.
    features
        Of all clips, in their order.
    """
    extracted = features.extract(encoder, clips.root, clips.clips, out_dir, device=device)
    classes = next(iter(heads.values())).classes
    targets = features.targets(extracted, clips.events, classes)
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
        **{name: baselines.framewise(heads[name], extracted) for name in ("fw_ws", "fw_ss")},
        "random": baselines.random_scores(extracted.clips, classes, duration=duration, seed=seed),
        "energy": baselines.energy(clips.root, clips.clips, classes, sample_rate=sample_rate, reading=energy),
    }


def explain(
    explainer: Explainer, predictions: pd.DataFrame, out_dir: Path, *, target: str, batch: int, workers: int
) -> maps.Maps:
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
        See :class:`igsed_core.attribution.decibel.MelPathIntegratedGradients`.
    workers
        Processes on a CPU (0: one a core).
    """
    options = tuple({**RULE, "target": target, "batch": batch}.items())
    detected = classification.detected_pairs(predictions)
    present = detected[detected["present"]]  # what is detected and not there is no instance
    return maps.compute(replace(explainer, engine="mel_path", options=options), present, out_dir, workers=workers)


def localised(
    models: Mapping[str, SoundModel],
    explainer: Explainer,
    root: Path,
    instances: Instances,
    out_dir: Path,
    *,
    frame_length: float,
    workers: int,
) -> Instances:
    """Add the project's own localiser: log-odds of presence, from the class activation map at several shifts.

    Parameters
    ----------
    models
        Class -> model of its frame logits, fitted to training clips (:func:`igsed_core.localiser.fit_classes`).
    explainer
        Encoder, head and device; the engine is not used.
    root
        Folder of the instances' soundscapes.
    instances
        Of one split.
    out_dir
        One file a clip is kept here.
    frame_length
        Evaluation frame in seconds.
    workers
        Processes on a CPU (0: one a core).
    """
    there = replace(explainer, soundscapes=root)
    shifted = localiser_scores.shifted_cam(there, instances.index, out_dir, shifts=SHIFTS, workers=workers)
    labels = [str(label) for label in instances.index["label"]]
    odds = localiser_study.localise(models, shifted, labels, shifts=SHIFTS)
    n_frames = instances.truth.shape[1]
    scores = odds.to_frames(frame_length, n_frames)
    return replace(instances, scores={**instances.scores, LOCALISER: scores})


def by_duration(instances: Instances, *, frame_length: float) -> list[str]:
    """Name, for each instance, the class of how long its events sound in the clip."""
    seconds = instances.truth.sum(axis=1) * frame_length
    names = [f"{low:g}-{high:g} s" for low, high in itertools.pairwise((0.0, *EDGES))] + [f"> {EDGES[-1]:g} s"]
    return [names[int(i)] for i in np.searchsorted(EDGES, seconds - 1e-9)]


def evaluate(data: Mapping[str, Instances], *, frame_length: float) -> Evaluated:
    """Every method under the paper's rule and the label-free rule that is best for it on ``validation``.

    Returns
    -------
    Evaluated
        IoU and F1 under each rule; pointing game and AUROC, which need no mask, under the rule ``none``. The localiser
        has a decision of its own, log-odds above 0, as the rule ``absence_hmm``.
    """
    names = [name for name in data["validation"].scores if name not in (ORACLE, LOCALISER)]
    how = {"frame_length": frame_length}
    free = [name for name, rule in thresholds.RULES.items() if rule.label_free]
    tried = threshold_rules.evaluate({"validation": data["validation"]}, free, methods=names, **how)  # type: ignore[arg-type]
    best = {name: threshold_rules.best_label_free(tried, methods=(name,)) for name in names}
    parts = [threshold_rules.evaluate(data, (PERCENTILE,), methods=names, **how)]  # type: ignore[arg-type]
    for rule in dict.fromkeys(best.values()):
        mine = [name for name in names if best[name] == rule]
        parts.append(threshold_rules.evaluate(data, (rule,), methods=mine, **how))  # type: ignore[arg-type]
    series = {split: [one for part in parts for one in part.series[split]] for split in data}
    for split, instances in data.items():
        for name, scores in instances.scores.items():
            if name == ORACLE:
                continue
            measured = {
                "pointing_game": metrics.pointing_game(scores, instances.truth),
                "auroc": ranking.auroc(scores, instances.truth),
            }
            series[split] += [Series(name, NO_RULE, metric, values) for metric, values in measured.items()]
            if name == LOCALISER:
                mask = scores > 0
                series[split] += [
                    Series(name, localiser_study.ABSENCE_HMM, metric, of(mask, instances.truth), 0.0)
                    for metric, of in threshold_rules.METRICS.items()
                ]
    return Evaluated({split: instances.index for split, instances in data.items()}, series)


def report(
    clips: Clips,
    predictions: pd.DataFrame,
    main_predictions: pd.DataFrame,
    data: Mapping[str, Instances],
    *,
    frame_length: float,
    threshold: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Every method and the classifier itself under every condition.

    Parameters
    ----------
    clips, predictions
        Of the conditions.
    main_predictions
        Of the main job: its test split is the condition ``run``, and its instances by length are ``duration``.
    data
        ``validation`` and ``test`` of the main job and ``conditions``, each with the scores of the same methods.
        Rules are tuned or chosen on ``validation`` alone.
    frame_length
        Evaluation frame in seconds.
    threshold
        Probability above which a class is detected.
    replicates, seed
        Of the bootstrap over the clips of a condition.

    Returns
    -------
    pd.DataFrame
        ``condition, level`` and the columns of :func:`igsed_core.summaries.summarise`. The classifier is the method
        ``clip_level`` with the metrics ``classifier_precision``, ``_recall``, ``_f1``, means over classes. A
        condition in which nothing is detected has the classifier's rows only.
    """
    evaluated = evaluate(data, frame_length=frame_length)
    level_of = clips.clips.set_index("clip")[["condition", "level"]]
    options = {"replicates": replicates, "seed": seed}
    tables = []

    def add(split: str, mine: NDArray[np.bool_], condition: str, level: str) -> None:
        if mine.any():
            tables.append(_labelled(_summary(evaluated, split, mine, **options), condition, level))

    def add_classifier(table: pd.DataFrame, condition: str, level: str) -> None:
        tables.append(_labelled(_classifier(table, threshold, **options), condition, level))

    test = main_predictions[main_predictions["split"] == "test"]
    add_classifier(test, RUN, "test")
    add("test", np.ones(len(data["test"].index), dtype=bool), RUN, "test")
    lengths = np.array(by_duration(data["test"], frame_length=frame_length))
    for length in sorted(set(lengths), key=lambda name: (name.startswith(">"), name)):
        add("test", lengths == length, DURATION, str(length))
    where = level_of.loc[data["conditions"].index["clip"]]
    for condition, level in level_of.drop_duplicates().itertuples(index=False):
        named = level_of.index[(level_of["condition"] == condition) & (level_of["level"] == level)]
        add_classifier(predictions[predictions["clip"].isin(named)], condition, level)
        mine = (where["condition"] == condition) & (where["level"] == level)
        add("conditions", mine.to_numpy(), condition, level)
    return pd.concat(tables, ignore_index=True)


def _summary(evaluated: Evaluated, split: str, mine: NDArray[np.bool_], *, replicates: int, seed: int) -> pd.DataFrame:
    chosen = [replace(one, values=one.values[mine]) for one in evaluated.series[split] if one.method != ORACLE]
    return summaries.summarise(evaluated.index[split][mine], chosen, replicates=replicates, seed=seed)


def _classifier(predictions: pd.DataFrame, threshold: float, *, replicates: int, seed: int) -> pd.DataFrame:
    mine = predictions[predictions["method"] == CLASSIFIER]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a replicate of few clips may hold no class
        table = classification.report(mine, threshold=threshold, seed=seed, replicates=replicates)
    table = table[table["class"] == summaries.ALL]
    return table.assign(metric="classifier_" + table["metric"].astype(str))


def _labelled(table: pd.DataFrame, condition: str, level: str) -> pd.DataFrame:
    return table.assign(condition=condition, level=level, split="test")[COLUMNS]
