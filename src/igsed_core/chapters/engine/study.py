"""How exact a map must be: rules, points and engines of the integral compared on the same clips."""

from __future__ import annotations

import dataclasses
import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution import runner
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.base import Attribution, Engine
from igsed_core.attribution.ig.captum_ig import CaptumIntegratedGradients
from igsed_core.attribution.ig.decibel import TARGETS, MelPathIntegratedGradients
from igsed_core.attribution.ig.reduced import PRECISIONS
from igsed_core.attribution.maps import STEP, seconds_per_point
from igsed_core.base import devices, files
from igsed_core.base.errors import IgsedError
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import frames, localisation, scores
from igsed_core.models.classifier import Classifier

REFERENCE = "reference"
REFERENCE_RULE = "db_midpoint"
REFERENCE_FLOOR = -120.0  # dB; deep enough that what is left out is nothing, whatever the rules' own floor
# What is compared: rule -> points, none more than the reference has.
RULES: dict[str, tuple[int, ...]] = {
    "gausslegendre": (4, 16, 50, 100),
    "db_midpoint": (4, 8, 16, 32),
    "db_gauss": (8, 16, 32),
    "db_adaptive": (8, 16, 24),
}
BOTH_TARGETS = ("db_adaptive", 24)  # how logit and probability are compared
BOTH_PRECISIONS = ("db_midpoint", 16)  # how float32 and bfloat16 are, where the processor has both
CAPTUM = ("gausslegendre", 50)  # the paper's

COLUMNS = [
    *("clip", "label", "engine", "target", "precision", "quadrature", "n_steps", "points", "completeness_error"),
    *("cosine", "iou", "pointing_game", "difference", "seconds"),
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
    sign
        See :func:`igsed_core.metrics.scores.read`.
    frame_length
        Evaluation frame in seconds.
    target, batch, tolerance
        See :class:`igsed_core.attribution.ig.decibel.MelPathIntegratedGradients`.
    """

    reference_points: int
    percentile: float
    sign: str = "absolute"
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
        One file per clip is kept here.
    n_clips
        Clips, from the first on.
    n_captum
        Those of them that Captum explains, too.
    workers
        See :func:`igsed_core.attribution.runner.run`.

    Returns
    -------
    pd.DataFrame
        A row a map: ``clip, label, engine, target, precision, quadrature, n_steps`` (wanted; for the adaptive rule the
        most), ``points`` (evaluated), ``completeness_error``, ``cosine`` (of the 10 ms map to the reference's),
        ``iou`` (at the percentile), ``pointing_game``, ``difference`` (of Captum's samples to those of
        ``mel_path`` with the same quadrature and points: the largest, relative to the largest sample), ``seconds``.
        Quadrature ``reference`` is what all others are compared with. One map has the other target and, where the
        processor has it, one is computed in bfloat16; all others have the target of the settings and float32.
    """
    first = instances.index.reset_index(drop=True).drop_duplicates("clip").head(n_clips)
    jobs = [
        _Job(
            explainer.of_clip(str(row.clip)),
            settings,
            out_dir / f"{row.clip}.csv",
            *(str(row.split), str(row.clip), str(row.label)),
            tuple(instances.truth[int(row.Index)].tolist()),  # type: ignore[arg-type]
            captum=number < n_captum,
        )
        for number, row in enumerate(first.itertuples())
    ]
    of_captum = CAPTUM[1] * sum(job.captum for job in jobs) / max(len(jobs), 1)
    runner.run(
        [runner.Job(job, (job.path,)) for job in jobs],
        functools.partial(_load, explainer.without_clips(), settings.batch),
        _study,
        what="rules and engines",
        workers=workers,
        device=explainer.device,
        trial=functools.partial(
            _trial, n_steps=of_captum + sum(one.n_steps for one in _maps(settings, explainer.device))
        ),
    )
    return pd.concat([_table(job) for job in jobs], ignore_index=True)


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


_Loaded = tuple[Classifier, dict[tuple[str, str], MelPathIntegratedGradients]]


def _table(job: _Job) -> pd.DataFrame:
    """Read what a job left."""
    table = files.read_table(job.path)
    if not ((table["clip"] == job.clip) & (table["label"] == job.label)).all():
        raise IgsedError(
            f"{job.path} holds maps of something else than class {job.label!r} of clip {job.clip!r}: delete it, then "
            "run the same command again"
        )
    return table


def _load(explainer: Explainer, batch: int) -> _Loaded:
    """Load the classifier; its lean copies are made once, too: one engine per target and precision."""
    classifier = explainer.load()[0]
    return classifier, {
        (target, precision): MelPathIntegratedGradients(target=target, precision=precision, batch=batch)
        for target in TARGETS
        for precision in PRECISIONS
    }


def _trial(loaded: _Loaded, job: _Job, *, n_steps: float) -> float:
    batch = job.settings.batch
    options = (("quadrature", REFERENCE_RULE), ("n_steps", batch), ("batch", batch))
    quick = dataclasses.replace(job.explainer, engine="mel_path", options=options)
    waveform = job.explainer.waveform(job.split, job.clip)
    return n_steps * seconds_per_point(quick, loaded[0], waveform, [job.label])


def _timed(engine: Engine, classifier: Classifier, waveform: torch.Tensor, output: int) -> tuple[Attribution, float]:
    started = time.perf_counter()
    result = engine(classifier, waveform, [output])
    result.samples.cpu()  # a GPU is waited for
    return result, time.perf_counter() - started


class _Map(NamedTuple):
    """How one map is computed; its name is the quadrature, or that of the reference."""

    name: str
    quadrature: str
    n_steps: int
    target: str
    precision: str = "float32"


def _maps(settings: Settings, device: str) -> list[_Map]:
    """Return the maps of a clip, the reference first."""
    most, target = settings.reference_points, settings.target
    maps = [_Map(REFERENCE, REFERENCE_RULE, most, target)]
    for quadrature, counts in RULES.items():
        maps += [_Map(quadrature, quadrature, n, target) for n in sorted({min(n, most) for n in counts})]
    quadrature, n_steps = BOTH_TARGETS
    maps += [_Map(quadrature, quadrature, min(n_steps, most), other) for other in TARGETS if other != target]
    if devices.has_bfloat16(device):
        quadrature, n_steps = BOTH_PRECISIONS
        maps.append(_Map(quadrature, quadrature, min(n_steps, most), target, "bfloat16"))
    return maps


def _study(loaded: _Loaded, job: _Job) -> None:
    settings = job.settings
    classifier, engines = loaded
    waveform = job.explainer.waveform(job.split, job.clip)
    output = classifier.head.classes.index(job.label)
    maps = _maps(settings, job.explainer.device)
    for target, precision in sorted({(one.target, one.precision) for one in maps}):
        engine = engines[target, precision]
        engine.tolerance = settings.tolerance
        engine.quadrature, engine.n_steps = "gausslegendre", 2
        _timed(engine, classifier, waveform, output)  # what happens once is not part of any time
    truth, rate = np.array(job.truth), classifier.encoder.frontend.sample_rate
    quadrature, n_steps = CAPTUM
    paper = _Map(quadrature, quadrature, min(n_steps, settings.reference_points), settings.target)
    rows: list[dict[str, object]] = []
    exact: NDArray[np.floating] = np.empty(0)
    counterpart = None
    for one in maps:
        engine = engines[one.target, one.precision]
        engine.quadrature, engine.n_steps = one.quadrature, one.n_steps
        engine.floor = REFERENCE_FLOOR if one.name == REFERENCE else 0.0
        result, seconds = _timed(engine, classifier, waveform, output)
        importance = _read(result, rate, settings.sign)
        exact = importance if one.name == REFERENCE else exact
        rows.append(_row(job, "mel_path", one, result, importance, exact, truth, seconds))
        if one == paper:
            counterpart = result.samples
    if job.captum and counterpart is not None:
        captum = CaptumIntegratedGradients(
            quadrature=paper.quadrature, n_steps=paper.n_steps, target=paper.target, internal_batch_size=settings.batch
        )
        result, seconds = _timed(captum, classifier, waveform, output)
        row = _row(job, "captum", paper, result, _read(result, rate, settings.sign), exact, truth, seconds)
        largest = result.samples.abs().max()
        row["difference"] = float((counterpart - result.samples).abs().max() / largest.clamp_min(1e-30))
        rows.append(row)
    files.write_table(job.path, pd.DataFrame(rows, columns=COLUMNS))


def _read(result: Attribution, rate: int, sign: str) -> NDArray[np.floating]:
    """The 10 ms map with its sign read one way, ``[shape=(n_steps,)]``."""
    samples = result.samples.cpu().numpy()
    window = round(STEP * rate)
    absolute, signed = (frames.window_mean(values, window) for values in (np.abs(samples), samples))
    return scores.read(signed, absolute, sign)[0]


def _row(
    job: _Job,
    engine: str,
    one: _Map,
    result: Attribution,
    importance: NDArray[np.floating],
    exact: NDArray[np.floating],
    truth: NDArray[np.bool_],
    seconds: float,
) -> dict[str, object]:
    settings = job.settings
    scores = frames.average(importance, step=STEP, frame_length=settings.frame_length, n_frames=len(truth))
    mask = levels.percentile(scores, settings.percentile)
    return {
        "clip": job.clip,
        "label": job.label,
        "engine": engine,
        "target": one.target,
        "precision": one.precision,
        "quadrature": one.name,
        "n_steps": one.n_steps,
        "points": result.n_steps,
        "completeness_error": float(result.completeness_error[0]),
        "cosine": cosine(importance, exact),
        "iou": float(localisation.iou(mask, truth)),
        "pointing_game": float(localisation.pointing_game(scores, truth)),
        "difference": np.nan,
        "seconds": seconds,
    }


def cosine(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Cosine of the angle between two maps ``(n_steps,)``; 0 where one is nothing but zeros."""
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0
