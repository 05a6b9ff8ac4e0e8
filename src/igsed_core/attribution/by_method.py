"""Methods of the registry on many clips: a file per clip in a folder of each method's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from igsed_core.attribution import maps, runner
from igsed_core.attribution.base import Method
from igsed_core.attribution.explainer import MEMORY_ONLY, Explainer, noise
from igsed_core.metrics import scores
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models.classifier import Classifier


@dataclass(frozen=True)
class Wanted:
    """A method, and where its maps are kept.

    Attributes
    ----------
    name
        Its name.
    create
        Makes it with its options set; it is sent to other processes.
    folder
        One file per clip is kept here, of this method alone.
    """

    name: str
    create: Callable[[], Method]
    folder: Path


def identity(explainer: Explainer, name: str, method: Method) -> dict[str, Any]:
    """Return everything that a method's maps depend on, as JSON can hold it; no other method is part of it.

    Returns
    -------
    dict
        :meth:`igsed_core.attribution.explainer.Explainer.context`, ``method`` and ``options``.
    """
    return {**explainer.context(), "method": name, "options": settings(method)}


def settings(made: object) -> dict[str, Any]:
    """Return class and settings of a method, without those that bound memory alone.

    Settings are an object's public attributes; an object among them (the engine of Integrated Gradients) is told by its
    own.
    """
    told: dict[str, Any] = {"class": type(made).__qualname__}
    for name, value in sorted(getattr(made, "__dict__", {}).items()):
        if name.startswith("_") or name in MEMORY_ONLY:
            continue
        told[name] = settings(value) if hasattr(value, "__dict__") and not _callable_name(value) else _plain(value)
    return told


def _callable_name(value: object) -> str:
    """Return the name of a function or class; nothing for other objects."""
    return str(getattr(value, "__qualname__", ""))


def _plain(value: object) -> Any:
    """Return a value as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return _callable_name(value) or type(value).__qualname__


def compute(
    explainer: Explainer,
    index: pd.DataFrame,
    wanted: Sequence[Wanted],
    *,
    what: str,
    workers: int,
    shard: tuple[int, int] = runner.ALL,
) -> dict[str, ScoresOverTime]:
    """Explain (clip, class) pairs by methods; what exists is not made again.

    Parameters
    ----------
    explainer
        Encoder, head, clips and device; its engine is not used.
    index
        ``split, clip, label`` of the pairs.
    wanted
        The methods.
    what
        Words before the progress bar.
    workers
        See :func:`igsed_core.attribution.runner.run`.
    shard
        ``(i, n)``: the clips ``i, i + n, ...`` alone are explained and returned.

    Returns
    -------
    dict
        Method -> signed and absolute importance, in the method's own steps, rows in the order of ``index``; its index
        has ``seconds``, too: those of the clip, shared equally by its classes.

    Raises
    ------
    IgsedError
        If a file is of other classes, or was made by something else.
    """
    context = explainer.context()
    who = {one.name: {**context, "method": one.name, "options": settings(one.create())} for one in wanted}
    number, count = shard
    jobs = []
    for split, clip, labels in maps.clips_of(index):
        files = tuple(
            _File(one.name, one.folder / f"{clip}.npz", maps.of_clip(split, clip, labels, who[one.name]))
            for one in wanted
        )
        item = _Item(explainer.of_clip(clip), split, clip, labels, files)
        jobs.append(runner.Job(item, tuple(file.path for file in files)))
    mine = jobs[number::count]
    for job in mine:
        for file in job.item.files:
            if file.path.exists():  # better now than after hours
                scores.check(file.path, file.made_by)
    runner.run(
        jobs,
        partial(_load, explainer.without_clips(), tuple((one.name, one.create) for one in wanted)),
        _explain,
        what=what,
        workers=workers,
        device=explainer.device,
        warm_up=partial(_warm_up, device=explainer.device),
        shard=shard,
    )
    rows = index[index["clip"].isin({job.item.clip for job in mine})]
    return {
        one.name: maps.joined(
            [
                ScoresOverTime.load(file.path, file.made_by)
                for job in mine
                for file in job.item.files
                if file.name == one.name
            ]
        ).at(rows)
        for one in wanted
    }


@dataclass(frozen=True)
class _File:
    name: str  # of the method
    path: Path
    made_by: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Item:
    explainer: Explainer
    split: str
    clip: str
    labels: list[str]
    files: tuple[_File, ...]


Loaded = tuple[Classifier, dict[str, Method]]


def _load(explainer: Explainer, wanted: Sequence[tuple[str, Callable[[], Method]]]) -> Loaded:
    return explainer.load()[0], {name: create() for name, create in wanted}


def _warm_up(loaded: Loaded, *, device: str) -> None:
    classifier, made = loaded
    for method in made.values():
        method(classifier, noise(classifier, device)[None], [[0]])


def _explain(loaded: Loaded, item: _Item) -> None:
    classifier, made = loaded
    waveform: torch.Tensor = item.explainer.waveform(item.split, item.clip)[None]
    outputs = [classifier.head.classes.index(label) for label in item.labels]
    for file in item.files:
        if file.path.exists():
            continue
        started = time.perf_counter()
        (found,) = made[file.name](classifier, waveform, [outputs])
        seconds = (time.perf_counter() - started) / len(outputs)
        named = pd.DataFrame({"split": item.split, "clip": item.clip, "label": item.labels, "seconds": seconds})
        ScoresOverTime(
            named, np.asarray(found.signed), found.step, found.start, absolute=np.asarray(found.absolute)
        ).save(file.path, file.made_by)
