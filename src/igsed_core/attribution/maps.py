"""Attribution maps of many clips: in parallel, resumable, kept at 10 ms."""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution.ig import engines
from igsed_core.base import files, progress
from igsed_core.base.parallel import n_processes, parallel_map
from igsed_core.data import soundscapes
from igsed_core.metrics import frames
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders

_OF_A_MAP = ("score", "baseline_score", "completeness_error", "n_points", "seconds")
STEP = 0.01  # s; fine enough for every later frame length, small enough to keep


@dataclass(frozen=True)
class Maps:
    """Attribution over time of (clip, class) pairs, a row each.

    Attributes
    ----------
    index
        ``clip, label, split, score, baseline_score, completeness_error, n_points, seconds``;
        seconds are those of the clip, shared equally by its classes.
    absolute, signed
        Mean over 10 ms of the absolute and of the signed attribution of the samples,
        ``[shape=(n_maps, n_steps)]``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.attribution.maps import Maps
    >>> index = pd.DataFrame({"clip": ["a"], "label": ["Bell"]})
    >>> maps = Maps(index, absolute=np.float32([[3.0, 2.0]]), signed=np.float32([[-1.0, 2.0]]))
    >>> maps.read_as("positive").tolist()
    [[1.0, 2.0]]
    >>> {label: values.tolist() for label, values in maps.of_clip("a").items()}
    {'Bell': [3.0, 2.0]}
    """

    index: pd.DataFrame
    absolute: NDArray[np.float32]
    signed: NDArray[np.float32]

    def read_as(self, reading: str) -> NDArray[np.floating]:
        """Return importance under a reading of the sign: ``absolute`` (the paper), ``positive`` or ``signed``.

        The mean positive part is exactly ``(absolute + signed) / 2``, since both are means over the same
        samples.
        """
        readings: dict[str, NDArray[np.floating]] = {
            "absolute": self.absolute,
            "signed": self.signed,
            "positive": (self.absolute + self.signed) / 2,
        }
        return readings[reading]

    def of_clip(self, clip: str) -> dict[str, NDArray[np.float32]]:
        """Return the absolute importance over time of each explained class of one clip."""
        rows = np.flatnonzero(self.index["clip"] == clip)
        return {str(self.index["label"].iloc[i]): self.absolute[i] for i in rows}


@dataclass(frozen=True)
class Explainer:
    """All that a worker process needs to attribute clips; small enough to be sent to it."""

    encoder: str
    weights: str
    head: Path
    soundscapes: Path
    engine: str
    options: tuple[tuple[str, Any], ...]
    device: str = "cpu"

    def load(self) -> tuple[Classifier, engines.Engine]:
        """Load the classifier and create the engine."""
        encoder = encoders.load(self.encoder, self.weights)
        classifier = Classifier(encoder, heads.load(self.head)).to(self.device).eval()
        return classifier, engines.create(self.engine, **dict(self.options))

    def waveform(self, split: str, clip: str) -> torch.Tensor:
        """Read a soundscape, ``[shape=(n_samples,)]``."""
        rows = pd.DataFrame({"split": [split], "clip": [clip]})
        return torch.from_numpy(soundscapes.read_clips(self.soundscapes, rows)[0]).to(self.device)


def compute(explainer: Explainer, detected: pd.DataFrame, out_dir: Path, *, workers: int) -> Maps:
    """Attribute every detected class of every clip; clips whose file exists are not computed again.

    Parameters
    ----------
    explainer
        Encoder, head, engine.
    detected
        ``split, clip, label`` of the (clip, class) pairs to explain.
    out_dir
        One file a clip is kept here.
    workers
        Processes on a CPU, each with one thread (0: one a core); a GPU is used from this process.
    """
    jobs = [
        _Job(explainer, out_dir / f"{clip}.npz", str(split), str(clip), tuple(group["label"]))
        for (split, clip), group in detected.groupby(["split", "clip"], sort=False)
    ]
    todo = [job for job in jobs if not job.path.exists()]
    _loaded.cache_clear()  # a head of the same name may have been trained again
    workers = workers if explainer.device == "cpu" else 1
    if len(todo) > 1:
        first, at_once = todo[0], min(n_processes(workers), len(todo))
        # Time grows with points and classes; a clip has as many classes as another, on average.
        seconds = seconds_a_point(explainer, first.split, first.clip, first.labels, at_once=at_once)
        seconds *= dict(explainer.options).get("n_points", 1) / len(first.labels) * len(detected) / len(jobs)
        progress.expect("attribution", len(todo), seconds, item="clip", at_once=at_once)
    parallel_map(_explain, todo, workers=workers, desc="attribution")
    return read(out_dir, detected)


def seconds_a_point(explainer: Explainer, split: str, clip: str, labels: Sequence[str], *, at_once: int) -> float:
    """Time of one point of the path, by a trial of one batch of them.

    Parameters
    ----------
    explainer
        Whose engine is tried; one whose options name no ``n_points`` is timed whole.
    split, clip, labels
        What is explained.
    at_once
        Processes that will share the cores; with more than one each has one thread.
    """
    options = dict(explainer.options)
    few = 1
    if "n_points" in options:
        batch = options.get("internal_batch", options.get("batch", 1))
        few = options["n_points"] = min(options["n_points"], max(2, batch))  # some rules have no single point
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if at_once > 1 else threads)
    try:
        classifier, engine = dataclasses.replace(explainer, options=tuple(options.items())).load()
        waveform = explainer.waveform(split, clip)
        outputs = [classifier.head.classes.index(label) for label in labels]
        return progress.seconds_of(lambda: engine(classifier, waveform, outputs).samples.cpu()) / few
    finally:
        torch.set_num_threads(threads)


def read(out_dir: Path, detected: pd.DataFrame) -> Maps:
    """Read the maps that :func:`compute` left for ``detected``."""
    indices, absolute, signed = [], [], []
    for (split, clip), group in detected.groupby(["split", "clip"], sort=False):
        stored = files.read_arrays(out_dir / f"{clip}.npz")
        columns = {name: stored[name] for name in _OF_A_MAP}
        indices.append(
            pd.DataFrame(
                {
                    "split": split,
                    "clip": clip,
                    "label": list(group["label"]),
                    **columns,
                }
            )
        )
        absolute.append(stored["absolute"])
        signed.append(stored["signed"])
    return Maps(pd.concat(indices, ignore_index=True), np.concatenate(absolute), np.concatenate(signed))


@dataclass(frozen=True)
class _Job:
    explainer: Explainer
    path: Path
    split: str
    clip: str
    labels: tuple[str, ...]


@functools.lru_cache(maxsize=1)
def _loaded(explainer: Explainer) -> tuple[Classifier, engines.Engine]:
    """Load the classifier once a process."""
    if multiprocessing.parent_process() is not None:
        # Two processes of one thread each beat one process of two threads: the network is small.
        torch.set_num_threads(1)
    return explainer.load()


def _explain(job: _Job) -> None:
    classifier, engine = _loaded(job.explainer)
    waveform = job.explainer.waveform(job.split, job.clip)
    started = time.perf_counter()
    result = engine(classifier, waveform, [classifier.head.classes.index(label) for label in job.labels])
    attributed = result.samples.cpu().numpy()
    seconds = (time.perf_counter() - started) / len(job.labels)
    window = round(STEP * classifier.encoder.frontend.sample_rate)
    files.write_arrays(
        job.path,
        absolute=frames.window_mean(np.abs(attributed), window).astype(np.float32),
        signed=frames.window_mean(attributed, window).astype(np.float32),
        score=result.score.cpu().numpy(),
        baseline_score=result.baseline_score.cpu().numpy(),
        completeness_error=result.completeness_error.cpu().numpy(),
        n_points=np.full(len(job.labels), result.n_points) if result.points is None else result.points.cpu().numpy(),
        seconds=np.full(len(job.labels), seconds),
    )
