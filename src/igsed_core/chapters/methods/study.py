"""Every method of the registry on the same clips: importance over time, what it cost, how well it tells when."""

from __future__ import annotations

import functools
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution.base import Importance, Method
from igsed_core.attribution.maps import Explainer, Maps
from igsed_core.attribution.registry import READINGS, REGISTRY, create
from igsed_core.base import files, plugins, progress
from igsed_core.base.parallel import n_processes, parallel_map
from igsed_core.detection import tuning
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import ORACLE
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.detection.tuning import Evaluated
from igsed_core.metrics import frames, localisation, ranking, summaries
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import Classifier

PERCENTILE, SHARE = "percentile", "share_of_maximum"
NO_RULE = "none"  # of metrics that need no mask
WARM_UP = 1.0  # s of noise that each method explains first, so that what happens once is not part of any time


def chosen(names: str) -> tuple[str, ...]:
    """Return the methods that the parameter ``methods`` names: all, or some, separated by commas.

    Raises
    ------
    IgsedError
        For an unknown name or none; the message lists the valid ones.
    """
    return plugins.names_in(names, "methods", REGISTRY)


def first_clips(data: Instances, n_clips: int) -> Instances:
    """Keep the instances of the first clips; 0 keeps all."""
    clips = data.index["clip"].unique()[: n_clips or None]
    mine = data.index["clip"].isin(clips).to_numpy()
    return data.where(mine)


def example_clip(data: Instances) -> str:
    """Return the first clip among those with the most instances."""
    return str(data.index.groupby("clip", sort=False).size().idxmax())


@dataclass(frozen=True, eq=False)
class Explained:
    """One method's importance for the instances of one split.

    Attributes
    ----------
    values
        Reading of the sign -> ``[shape=(n_instances, n_frames)]``, in evaluation frames.
    seconds
        Of each instance: those of its clip, shared equally by the clip's classes, ``[shape=(n_instances,)]``.
    """

    values: dict[str, NDArray[np.float64]]
    seconds: NDArray[np.float64]


def compute(
    explainer: Explainer,
    data: Mapping[str, Instances],
    names: Sequence[str],
    out_dir: Path,
    *,
    frame_length: float,
    workers: int,
) -> dict[str, dict[str, Explained]]:
    """Explain every instance by every method; a file a clip and method is kept, and what exists is not made again.

    Parameters
    ----------
    explainer
        Encoder, head and device; its engine is not used.
    data
        Split -> instances.
    names
        Methods of the registry.
    out_dir
        Files go to ``<method>/<clip>.npz`` in it.
    frame_length
        Evaluation frame in seconds.
    workers
        Processes on a CPU, each with one thread (0: one a core); a GPU is used from this process.

    Returns
    -------
    dict
        Split -> method -> importance and time.
    """
    jobs = [
        _Job(explainer, tuple(names), out_dir, str(split), str(clip), tuple(group["label"]))
        for split, instances in data.items()
        for clip, group in instances.index.groupby("clip", sort=False)
    ]
    todo = [job for job in jobs if job.missing()]
    workers = workers if explainer.device == "cpu" else 1
    _loaded.cache_clear()  # a head of the same name may have been trained again
    if len(todo) > 1:
        at_once = min(n_processes(workers), len(todo))
        threads = torch.get_num_threads()
        torch.set_num_threads(1 if at_once > 1 else threads)
        started = time.perf_counter()
        _loaded(explainer, tuple(names))
        loading = time.perf_counter() - started
        started = time.perf_counter()
        _explain(todo[0])
        seconds = time.perf_counter() - started + loading * at_once / len(todo)
        torch.set_num_threads(threads)
        progress.expect("methods", len(todo) - 1, seconds, item="clip", at_once=at_once)
    parallel_map(_explain, todo[1:] if len(todo) > 1 else todo, workers=workers, desc="methods")
    return {
        split: {name: _read(out_dir / name, instances, frame_length) for name in names}
        for split, instances in data.items()
    }


@dataclass(frozen=True)
class _Job:
    explainer: Explainer
    names: tuple[str, ...]
    out_dir: Path
    split: str
    clip: str
    labels: tuple[str, ...]

    def missing(self) -> list[str]:
        """Methods whose file is not there yet."""
        return [name for name in self.names if not self.path(name).exists()]

    def path(self, name: str) -> Path:
        return self.out_dir / name / f"{self.clip}.npz"


@functools.lru_cache(maxsize=1)
def _loaded(explainer: Explainer, names: tuple[str, ...]) -> tuple[Classifier, dict[str, Method]]:
    """Load the classifier and try each method, once a process."""
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    classifier = explainer.load()[0]
    made = {name: create(name) for name in names}
    samples = round(WARM_UP * classifier.encoder.frontend.sample_rate)
    noise = 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(0)).to(explainer.device)
    for method in made.values():
        method(classifier, noise, [[0]])
    return classifier, made


def _explain(job: _Job) -> None:
    classifier, made = _loaded(job.explainer, job.names)
    waveform = job.explainer.waveform(job.split, job.clip)[None]
    outputs = [classifier.head.classes.index(label) for label in job.labels]
    for name in job.missing():
        started = time.perf_counter()
        (found,) = made[name](classifier, waveform, [outputs])
        seconds = (time.perf_counter() - started) / len(outputs)
        files.write_arrays(
            job.path(name),
            signed=found.signed,
            absolute=found.absolute,
            step=np.array(found.step),
            start=np.array(found.start),
            seconds=np.array(seconds),
        )


def _read(folder: Path, data: Instances, frame_length: float) -> Explained:
    values: dict[str, list[NDArray[np.float64]]] = {reading: [] for reading in READINGS}
    seconds: list[float] = []
    for clip, group in data.index.groupby("clip", sort=False):
        stored = files.read_arrays(folder / f"{clip}.npz")
        importance = Importance(stored["signed"], stored["absolute"], float(stored["step"]), float(stored["start"]))
        for reading in READINGS:
            values[reading].append(
                frames.average(
                    importance.read_as(reading),
                    step=importance.step,
                    start=importance.start,
                    frame_length=frame_length,
                    n_frames=data.truth.shape[1],
                )
            )
        seconds += [float(stored["seconds"])] * len(group)
    return Explained({reading: np.concatenate(of) for reading, of in values.items()}, np.array(seconds))


def with_methods(
    data: Mapping[str, Instances], explained: Mapping[str, Mapping[str, Explained]], reading: str = ""
) -> dict[str, Instances]:
    """Put the methods' scores before those of the references.

    Parameters
    ----------
    data
        Split -> instances with the references' scores.
    explained
        From :func:`compute`.
    reading
        How the sign is read; by default each method's own way.
    """
    return {
        split: replace(
            instances,
            scores={
                **{name: one.values[reading or REGISTRY[name].reading] for name, one in explained[split].items()},
                **instances.scores,
            },
        )
        for split, instances in data.items()
    }


def evaluate(data: Mapping[str, Instances], *, frame_length: float) -> Evaluated:
    """Every method under the paper's rule, a share of the maximum, its best rule without a parameter, and a fixed one.

    Parameters and the best rule are chosen on validation, with its time labels, for each method alone; the last rule,
    :data:`igsed_core.detection.tuning.FIXED`, is the same for all and chosen by nothing.

    Parameters
    ----------
    data
        Split -> instances with all scores; both ``validation`` and another one.
    frame_length
        Evaluation frame in seconds.

    Returns
    -------
    Evaluated
        IoU and F1 under each rule; pointing game and AUROC, which need no mask, under rule :data:`NO_RULE`.
    """
    free = thresholds.label_free()
    names = [name for name in data["validation"].scores if name != ORACLE]
    under = tuning.evaluate(data, (PERCENTILE, SHARE, *free), methods=names, frame_length=frame_length)
    best = {name: tuning.best_label_free(under, methods=(name,)) for name in names}
    series = {
        split: [one for one in of if one.rule in (PERCENTILE, SHARE, best[one.method], tuning.FIXED)]
        for split, of in under.series.items()
    }
    for split, instances in data.items():
        for name in names:
            scores = instances.ranked[name]
            series[split] += [
                Series(name, NO_RULE, "pointing_game", localisation.pointing_game(scores, instances.truth)),
                Series(name, NO_RULE, "auroc", ranking.auroc(scores, instances.truth)),
            ]
    return Evaluated(under.index, series)


def readings(
    data: Mapping[str, Instances],
    explained: Mapping[str, Mapping[str, Explained]],
    *,
    frame_length: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Each method under each reading of the sign, by the paper's rule, the pointing game and AUROC.

    Returns
    -------
    pd.DataFrame
        ``reading`` and the columns of :func:`igsed_core.metrics.summaries.summarise`; the test split.
    """
    tables = []
    for reading in READINGS:
        mine = {
            split: replace(
                instances, scores={name: one.values[reading] for name, one in explained[split].items()}, logits={}
            )
            for split, instances in data.items()
        }
        under = tuning.evaluate(mine, (PERCENTILE,), methods=list(explained["test"]), frame_length=frame_length)
        test = mine["test"]
        series = list(under.series["test"])
        for name, scores in test.scores.items():
            series.append(Series(name, NO_RULE, "pointing_game", localisation.pointing_game(scores, test.truth)))
            series.append(Series(name, NO_RULE, "auroc", ranking.auroc(scores, test.truth)))
        made = summaries.summarise(test.index, series, replicates=replicates, seed=seed)
        made.insert(0, "reading", reading)
        tables.append(made)
    return pd.concat(tables, ignore_index=True)


def per_class(judged: Evaluated, classes: Sequence[str], *, replicates: int, seed: int) -> pd.DataFrame:
    """Return IoU of each method and class of the test split, under every rule that the method was judged by.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`; a class without an instance has ``n`` 0.
    """
    series = [one for one in judged.series["test"] if one.metric == "iou"]
    made = summaries.summarise(judged.index["test"], series, replicates=replicates, seed=seed, classes=classes)
    return made[made["class"] != summaries.ALL].reset_index(drop=True)


def cost(
    data: Instances, explained: Mapping[str, Explained], attributions: Maps, *, replicates: int, seed: int
) -> pd.DataFrame:
    """Seconds a map of each method and of the run's Integrated Gradients, summarised over instances.

    Parameters
    ----------
    data
        Instances of one split.
    explained
        Method -> importance and time on these instances.
    attributions
        The run's own maps, which know what they took.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`, metric ``seconds``.
    """
    of_pair = attributions.index.set_index(["clip", "label"])["seconds"]
    pairs = list(zip(data.index["clip"], data.index["label"], strict=True))
    seconds = {"ig": of_pair.loc[pairs].to_numpy(dtype=float), **{name: one.seconds for name, one in explained.items()}}
    series = [Series(name, NO_RULE, "seconds", values) for name, values in seconds.items()]
    return summaries.summarise(data.index, series, replicates=replicates, seed=seed)
