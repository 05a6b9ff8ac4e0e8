"""Attribution maps of many clips: in parallel, resumable, kept at 10 ms."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from igsed_core.attribution import runner
from igsed_core.attribution.explainer import Explainer, Loaded, noise
from igsed_core.attribution.ig import engines
from igsed_core.attribution.ig.base import Attribution
from igsed_core.base import progress
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames, scores
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models.classifier import Classifier

STEP = 0.01  # s; fine enough for every later frame length, small enough to keep


def compute(
    explainer: Explainer, detected: pd.DataFrame, out_dir: Path, *, workers: int, shard: tuple[int, int] = runner.ALL
) -> ScoresOverTime:
    """Attribute every detected class of every clip; clips whose file exists are not computed again.

    Parameters
    ----------
    explainer
        Encoder, head, engine.
    detected
        ``split, clip, label`` of the (clip, class) pairs to explain.
    out_dir
        One file per clip is kept here.
    workers
        See :func:`igsed_core.attribution.runner.run`.
    shard
        ``(i, n)``: the clips ``i, i + n, ...`` alone are explained and returned.

    Raises
    ------
    IgsedError
        If a file holds other classes, or was made by another explainer.

    Returns
    -------
    ScoresOverTime
        Mean over 10 ms of the signed attribution of the samples, and of the absolute one; the index has ``split, clip,
        label, score, baseline_score, completeness_error, n_steps, seconds``, the last one that of the clip, shared
        equally by its classes.
    """
    who = explainer.identity()
    number, count = shard
    jobs = [
        runner.Job(_Item(explainer.of_clip(clip), out_dir / f"{clip}.npz", of_clip(split, clip, labels, who)), (path,))
        for split, clip, labels in clips_of(detected)
        for path in [out_dir / f"{clip}.npz"]
    ]
    for job in jobs[number::count]:
        if job.is_done():  # better now than after hours
            scores.check(job.item.path, job.item.made_by)
    runner.run(
        jobs,
        explainer.without_clips().load,
        _explain,
        what="attribution",
        workers=workers,
        device=explainer.device,
        warm_up=functools.partial(_warm_up, device=explainer.device),
        trial=functools.partial(_trial, n_labels=len(detected) / max(len(jobs), 1)),
        shard=shard,
    )
    mine = {job.item.made_by["clip"] for job in jobs[number::count]}
    return read(out_dir, detected[detected["clip"].isin(mine)], who)


def read(out_dir: Path, detected: pd.DataFrame, made_by: Mapping[str, Any] | None = None) -> ScoresOverTime:
    """Read the maps that :func:`compute` left for ``detected``.

    Parameters
    ----------
    out_dir, detected
        As for :func:`compute`.
    made_by
        What the files must say of who made them: :meth:`Explainer.identity`, or a part of it. All must say the same.

    Raises
    ------
    IgsedError
        If a file is of another clip or of other classes, or was made by something else.
    """
    parts: list[ScoresOverTime] = []
    who = dict(made_by or {})
    for split, clip, labels in clips_of(detected):
        path = out_dir / f"{clip}.npz"
        if not parts:
            known = scores.made_by(path)
            who = {name: value for name, value in known.items() if name not in ("split", "clip", "labels")} | who
        parts.append(ScoresOverTime.load(path, of_clip(split, clip, labels, who)))
    return joined(parts).at(detected)


def clips_of(detected: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Return split, clip and classes of each clip of some (clip, class) pairs.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.attribution.maps import clips_of
    >>> detected = pd.DataFrame({"split": "test", "clip": ["a", "a", "b"], "label": ["Bell", "Hum", "Bell"]})
    >>> clips_of(detected)
    [('test', 'a', ['Bell', 'Hum']), ('test', 'b', ['Bell'])]
    """
    return [
        (str(split), str(clip), [str(label) for label in group["label"]])
        for (split, clip), group in detected.groupby(["split", "clip"], sort=False)
    ]


def of_clip(split: str, clip: str, labels: Sequence[str], who: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file of one clip says of itself."""
    return {**who, "split": split, "clip": clip, "labels": list(labels)}


def joined(parts: Sequence[ScoresOverTime]) -> ScoresOverTime:
    """Return the rows of several clips, which share their steps.

    Raises
    ------
    IgsedError
        If they do not, or if there are none.
    """
    if not parts:
        raise IgsedError("there is no (clip, class) pair to explain: the classifier detects nothing")
    first = parts[0]
    if any(part.grid != first.grid or part.values.shape[1] != first.values.shape[1] for part in parts):
        raise IgsedError("maps of clips of different lengths cannot be joined: explain them one by one")
    absolute = [part.absolute for part in parts if part.absolute is not None]
    return replace(
        first,
        index=pd.concat([part.index for part in parts], ignore_index=True),
        values=np.concatenate([part.values for part in parts]),
        absolute=np.concatenate(absolute) if absolute else None,
    )


def seconds_per_point(
    explainer: Explainer, classifier: Classifier, waveform: torch.Tensor, labels: Sequence[str]
) -> float:
    """Time of one point of the path, by a trial of one batch of them.

    Parameters
    ----------
    explainer
        Whose engine is tried; one whose options name no ``n_steps`` is timed whole.
    classifier, waveform, labels
        What is explained; the waveform is ``[shape=(n_samples,)]``.
    """
    options = dict(explainer.options)
    few = 1
    if "n_steps" in options:
        batch = options.get("internal_batch_size", options.get("batch", 1))
        few = options["n_steps"] = min(options["n_steps"], max(2, batch))  # some rules have no single point
    engine = engines.create(explainer.engine, **options)
    outputs = [classifier.head.classes.index(label) for label in labels]
    return progress.seconds_of(lambda: engine(classifier, waveform, outputs).samples.cpu()) / few


@dataclass(frozen=True, eq=False)
class _Item:
    explainer: Explainer
    path: Path
    made_by: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        return list(self.made_by["labels"])

    def waveform(self) -> torch.Tensor:
        return self.explainer.waveform(self.made_by["split"], self.made_by["clip"])


def _warm_up(loaded: Loaded, *, device: str) -> None:
    classifier, engine = loaded
    engine(classifier, noise(classifier, device), [0])


def _trial(loaded: Loaded, item: _Item, *, n_labels: float) -> float:
    # Time grows with points and classes; a clip has as many classes as another, on average.
    n_steps = dict(item.explainer.options).get("n_steps", 1)
    seconds = seconds_per_point(item.explainer, loaded[0], item.waveform(), item.labels)
    return float(seconds * n_steps / len(item.labels) * n_labels)


def _explain(loaded: Loaded, item: _Item) -> None:
    classifier, engine = loaded
    waveform, labels = item.waveform(), item.labels
    started = time.perf_counter()
    result = engine(classifier, waveform, [classifier.head.classes.index(label) for label in labels])
    result.samples.cpu()  # a GPU is waited for
    seconds = (time.perf_counter() - started) / len(labels)
    keep(item.path, item.made_by, result, classifier.encoder.frontend.sample_rate, seconds)


def keep(path: Path, made_by: Mapping[str, Any], result: Attribution, sample_rate: int, seconds: float) -> None:
    """Write the file of one clip, as :func:`read` reads it.

    Parameters
    ----------
    path
        Where to.
    made_by
        From :func:`of_clip`.
    result
        Attributions of the classes that ``made_by`` names.
    sample_rate
        In Hz.
    seconds
        What each class took.
    """
    attributed = result.samples.cpu().numpy()
    window = round(STEP * sample_rate)
    index = pd.DataFrame(
        {
            "split": made_by["split"],
            "clip": made_by["clip"],
            "label": list(made_by["labels"]),
            "score": result.score.cpu().numpy(),
            "baseline_score": result.baseline_score.cpu().numpy(),
            "completeness_error": result.completeness_error.cpu().numpy(),
            "n_steps": result.n_steps if result.points is None else result.points.cpu().numpy(),
            "seconds": seconds,
        }
    )
    ScoresOverTime(
        index,
        frames.window_mean(attributed, window).astype(np.float32),
        STEP,
        absolute=frames.window_mean(np.abs(attributed), window).astype(np.float32),
    ).save(path, made_by)
