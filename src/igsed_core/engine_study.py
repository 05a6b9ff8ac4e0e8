"""How exact a map must be: rules, points and engines of the integral compared on the same clips."""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core import files, frames, metrics, progress, thresholds
from igsed_core.attribution.base import Attribution, Engine
from igsed_core.attribution.captum_ig import CaptumIntegratedGradients
from igsed_core.attribution.decibel import TARGETS, MelPathIntegratedGradients
from igsed_core.classifier import Classifier
from igsed_core.evaluation import Instances
from igsed_core.maps import STEP, Explainer, Maps, seconds_a_point
from igsed_core.parallel import n_processes, parallel_map

REFERENCE = "reference"
REFERENCE_RULE = "db_midpoint"
REFERENCE_FLOOR = -120.0  # dB; deep enough that what is left out is nothing, whatever the rules' own floor
# What is compared: rule -> points, none more than the reference has.
RULES: dict[str, tuple[int, ...]] = {
    "gausslegendre": (4, 16, 50, 100),
    "db_midpoint": (4, 8, 16, 32),
    "db_gauss": (8, 16, 32),
    "db_adaptive": (16, 24, 64),
}
BOTH_TARGETS = ("db_adaptive", 24)  # how logit and probability are compared
CAPTUM = ("gausslegendre", 50)  # the paper's

COLUMNS = [
    *("clip", "label", "engine", "target", "rule", "n_points", "points", "completeness_error", "cosine", "iou"),
    *("pointing_game", "difference", "seconds"),
]


@dataclass(frozen=True)
class Settings:
    """What holds for every map of the study.

    Attributes
    ----------
    reference_points
        Points of the map that stands for the exact one.
    percentile
        Threshold at which maps become detections.
    reading
        See :meth:`igsed_core.maps.Maps.read_as`.
    frame_length
        Evaluation frame in seconds.
    target, batch, tolerance
        See :class:`igsed_core.attribution.decibel.MelPathIntegratedGradients`.
    """

    reference_points: int
    percentile: float
    reading: str = "absolute"
    frame_length: float = 0.1
    target: str = "logit"
    batch: int = 10
    tolerance: float = 0.05


def compare(
    explainer: Explainer,
    instances: Instances,
    settings: Settings,
    out_dir: Path,
    *,
    n_clips: int,
    n_captum: int,
    workers: int,
) -> pd.DataFrame:
    """Explain one class of some clips by every rule; clips whose file exists are not explained again.

    Parameters
    ----------
    explainer
        Encoder, head and device; its engine and options are not used.
    instances
        The (clip, class) pairs and when they are active; the first of each clip is taken.
    settings
        What holds for every map.
    out_dir
        One file a clip is kept here.
    n_clips
        Clips, from the first on.
    n_captum
        Those of them that Captum explains, too.
    workers
        Processes on a CPU, each with one thread (0: one a core); a GPU is used from this process.

    Returns
    -------
    pd.DataFrame
        A row a map: ``clip, label, engine, target, rule, n_points`` (wanted; for the adaptive rule the most),
        ``points`` (evaluated), ``completeness_error``, ``cosine`` (of the 10 ms map to the reference's),
        ``iou`` (at the percentile), ``pointing_game``, ``difference`` (of Captum's samples to those of
        ``mel_path`` with the same rule and points: the largest, relative to the largest sample), ``seconds``.
        Rule ``reference`` is what all others are compared with. One map has the other target, all others that of the
        settings.
    """
    first = instances.index.reset_index(drop=True).drop_duplicates("clip").head(n_clips)
    jobs = [
        _Job(
            explainer,
            settings,
            out_dir / f"{row.clip}.csv",
            *(str(row.split), str(row.clip), str(row.label)),
            tuple(instances.truth[int(row.Index)].tolist()),  # type: ignore[arg-type]
            captum=number < n_captum,
        )
        for number, row in enumerate(first.itertuples())
    ]
    todo = [job for job in jobs if not job.path.exists()]
    _loaded.cache_clear()  # a head of the same name may have been trained again
    workers = workers if explainer.device == "cpu" else 1
    if len(todo) > 1:
        one, at_once = todo[0], min(n_processes(workers), len(todo))
        points = sum(n_points for *_, n_points in _runs(settings)) + CAPTUM[1] * sum(j.captum for j in todo) / len(todo)
        tried = dataclasses.replace(
            explainer,
            engine="mel_path",
            options=(("rule", REFERENCE_RULE), ("n_points", settings.batch), ("batch", settings.batch)),
        )
        seconds = points * seconds_a_point(tried, one.split, one.clip, [one.label], at_once=at_once)
        progress.expect("rules and engines", len(todo), seconds, item="clip", at_once=at_once)
    parallel_map(_study, todo, workers=workers, desc="rules and engines")
    return pd.concat([files.read_table(job.path) for job in jobs], ignore_index=True)


@dataclass(frozen=True)
class _Job:
    explainer: Explainer
    settings: Settings
    path: Path
    split: str
    clip: str
    label: str
    truth: tuple[bool, ...]
    captum: bool


@functools.lru_cache(maxsize=1)
def _loaded(explainer: Explainer, batch: int) -> tuple[Classifier, dict[str, MelPathIntegratedGradients]]:
    """Load the classifier once a process; its lean copies are made once, too, since one engine serves all rules."""
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    return explainer.load()[0], {target: MelPathIntegratedGradients(target=target, batch=batch) for target in TARGETS}


def _timed(engine: Engine, classifier: Classifier, waveform: torch.Tensor, output: int) -> tuple[Attribution, float]:
    started = time.perf_counter()
    result = engine(classifier, waveform, [output])
    result.samples.cpu()  # a GPU is waited for
    return result, time.perf_counter() - started


def _runs(settings: Settings) -> Iterator[tuple[str, str, str, int]]:
    """Target, name, rule and points of each map, the reference first."""
    most = settings.reference_points
    yield settings.target, REFERENCE, REFERENCE_RULE, most
    for rule, counts in RULES.items():
        for n_points in sorted({min(n, most) for n in counts}):
            yield settings.target, rule, rule, n_points
    rule, n_points = BOTH_TARGETS
    for target in TARGETS:
        if target != settings.target:
            yield target, rule, rule, min(n_points, most)


def _study(job: _Job) -> None:
    settings = job.settings
    classifier, engines = _loaded(job.explainer, settings.batch)
    waveform = job.explainer.waveform(job.split, job.clip)
    output = classifier.head.classes.index(job.label)
    for engine in engines.values():
        engine.tolerance = settings.tolerance
        engine.rule, engine.n_points = "gausslegendre", 2
        _timed(engine, classifier, waveform, output)  # what happens once is not part of any time
    truth, rate = np.array(job.truth), classifier.encoder.frontend.sample_rate
    paper = (CAPTUM[0], min(CAPTUM[1], settings.reference_points))
    rows: list[dict[str, object]] = []
    exact: NDArray[np.floating] = np.empty(0)
    counterpart = None
    for target, name, rule, n_points in _runs(settings):
        engine = engines[target]
        engine.rule, engine.n_points = rule, n_points
        engine.floor = REFERENCE_FLOOR if name == REFERENCE else 0.0
        result, seconds = _timed(engine, classifier, waveform, output)
        importance = _read(result, rate, settings.reading)
        exact = importance if name == REFERENCE else exact
        rows.append(_row(job, "mel_path", target, name, n_points, result, importance, exact, truth, seconds))
        if (rule, n_points) == paper:
            counterpart = result.samples
    if job.captum and counterpart is not None:
        rule, n_points = paper
        captum = CaptumIntegratedGradients(
            rule=rule, n_points=n_points, target=settings.target, internal_batch=settings.batch
        )
        result, seconds = _timed(captum, classifier, waveform, output)
        importance = _read(result, rate, settings.reading)
        row = _row(job, "captum", settings.target, rule, n_points, result, importance, exact, truth, seconds)
        largest = result.samples.abs().max()
        row["difference"] = float((counterpart - result.samples).abs().max() / largest.clamp_min(1e-30))
        rows.append(row)
    files.write_table(job.path, pd.DataFrame(rows, columns=COLUMNS))


def _read(result: Attribution, rate: int, reading: str) -> NDArray[np.floating]:
    """The 10 ms map under a reading of the sign, ``[shape=(n_steps,)]``."""
    samples = result.samples.cpu().numpy()
    window = round(STEP * rate)
    absolute, signed = (frames.window_mean(values, window) for values in (np.abs(samples), samples))
    return Maps(pd.DataFrame(), absolute, signed).read_as(reading)[0]


def _row(
    job: _Job,
    engine: str,
    target: str,
    rule: str,
    n_points: int,
    result: Attribution,
    importance: NDArray[np.floating],
    exact: NDArray[np.floating],
    truth: NDArray[np.bool_],
    seconds: float,
) -> dict[str, object]:
    settings = job.settings
    scores = frames.average(importance, step=STEP, frame_length=settings.frame_length, n_frames=len(truth))
    mask = thresholds.percentile(scores, settings.percentile)
    return {
        "clip": job.clip,
        "label": job.label,
        "engine": engine,
        "target": target,
        "rule": rule,
        "n_points": n_points,
        "points": result.n_points,
        "completeness_error": float(result.completeness_error[0]),
        "cosine": cosine(importance, exact),
        "iou": float(metrics.iou(mask, truth)),
        "pointing_game": float(metrics.pointing_game(scores, truth)),
        "difference": np.nan,
        "seconds": seconds,
    }


def cosine(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Cosine of the angle between two maps; 0 where one is nothing but zeros."""
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0
