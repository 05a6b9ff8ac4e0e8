"""Detectors at the localiser's resolution: trained, with the number of epochs that it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from igsed_core.base import devices, kept
from igsed_core.chapters.ceilings.choices import STRONG
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import pooling, trainer
from igsed_core.models.detectors import on_features
from igsed_core.models.examples import InMemory
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.objective import Settings

# Of linear layers at ten times the paper's rate, since at that of the paper FW-SS is still falling at its last epoch.
RATES = {"linear": 1e-2, "tcn": 1e-3, "bigru": 1e-3}
WEAK_RATE = 1e-2
PATIENCE = 15
BATCH = 32
COLUMNS = ["detector", "seed", "time_labels", "epochs", "best_epoch", "converged", "validation_loss", "seconds"]

_Tensors = dict[str, dict[str, torch.Tensor]]  # split -> x, clip, frame


@dataclass(frozen=True, eq=False)
class Detector:
    """A trained detector.

    Attributes
    ----------
    name, network
        Which one; features to logits of frames.
    row
        How it was trained, a row of :data:`COLUMNS`.
    """

    name: str
    network: nn.Module
    row: pd.DataFrame


@dataclass(frozen=True)
class _Task:
    name: str
    classes: tuple[str, ...]
    epochs: int
    seed: int


def train(
    names: Sequence[str],
    data: Callable[[], dict[str, tuple[FeatureFrames, Targets]]],
    classes: Sequence[str],
    folder: Path,
    *,
    epochs: int,
    seeds: Sequence[int],
    workers: int,
) -> list[Detector]:
    """Train detectors on several processes; what is finished is not done again.

    Parameters
    ----------
    names
        Of :data:`igsed_core.models.detectors.on_features.STRONG`, on frames, or of
        :data:`igsed_core.models.pooling.POOLINGS`, on clips.
    data
        Makes what is learnt from: ``train`` and ``validation`` -> feature frames at shifts, and their targets.
    classes
        Class names.
    folder
        For the results.
    epochs
        The most; :data:`PATIENCE` of them without a lower validation loss end the training.
    seeds
        Of initial weights and order of the batches, with each of which each is trained.
    workers
        Processes; 0: one per core.

    Returns
    -------
    list of Detector
        By name, then by seed. A detector has converged if its best epoch is not the last that was allowed.
    """
    jobs = {f"{name}-{seed}": _Task(name, tuple(classes), epochs, seed) for name in names for seed in seeds}
    found = kept.results(_train, jobs, folder, workers=workers, desc="detectors", data=lambda: _tensors(data()))
    return [_detector(task, found[name]) for name, task in jobs.items()]


def _tensors(data: Mapping[str, tuple[FeatureFrames, Targets]]) -> _Tensors:
    found = {}
    for split, (features, targets) in data.items():
        arrays = {"x": features.values, "clip": targets.clip, "frame": targets.frame}
        found[split] = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return found


def _network(name: str, classes: Sequence[str], mean: torch.Tensor, std: torch.Tensor) -> nn.Module:
    network: nn.Module = (
        on_features.create(name, len(mean), len(classes))
        if name in STRONG
        else _Weak(pooling.POOLINGS[name](len(mean), classes))
    )
    return on_features.Standardised(network, mean, std)


@devices.threads(1)
def _train(task: _Task, data: _Tensors) -> dict[str, Any]:
    began = time.perf_counter()
    inputs, target = data["train"]["x"], "frame" if task.name in STRONG else "clip"
    mean, std = inputs.mean(dim=(0, 1)), inputs.std(dim=(0, 1)) + 1e-5
    examples = {split: InMemory(of["x"], of[target]) for split, of in data.items()}
    fitted = trainer.fit(
        lambda: _network(task.name, task.classes, mean, std),
        examples["train"],
        examples["validation"],
        Settings(
            learning_rate=RATES.get(task.name, WEAK_RATE),
            batch_size=BATCH,
            epochs=task.epochs,
            patience=PATIENCE,
            seed=task.seed,
        ),
        name=f"detector {task.name!r}",
        forward=None if task.name in STRONG else _clip_logits,
        quiet=True,
    )
    return {**fitted.content(), "seconds": time.perf_counter() - began}


def _detector(task: _Task, content: Mapping[str, Any]) -> Detector:
    size = len(content["weights"]["mean"])
    fitted = trainer.Fitted.of(content, lambda: _network(task.name, task.classes, torch.zeros(size), torch.ones(size)))
    best = int(fitted.history.loc[fitted.history["kept"], "epoch"].iloc[0])
    row = (
        *(task.name, task.seed, task.name in STRONG, len(fitted.history), best, best < task.epochs),
        *(float(fitted.history["validation_loss"].min()), content["seconds"]),
    )
    return Detector(task.name, fitted.network, pd.DataFrame([row], columns=COLUMNS))


class _Weak(nn.Module):
    """A head with a pooling, read frame by frame."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """``(batch, time, n_features) -> (batch, time, n_classes)``."""
        return self.head.frame_logits(features)  # type: ignore[operator]


def _clip_logits(network: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """``(batch, time, n_features) -> (batch, n_classes)``."""
    weak = network.detector
    assert isinstance(weak, _Weak)
    return weak.head.clip_logits((features - network.mean) / network.std)  # type: ignore[operator]


@devices.threads(1)
def scores(network: nn.Module, features: FeatureFrames, classes: Sequence[str]) -> ScoresOverTime:
    """Probability of every class in every frame, with logits.

    Parameters
    ----------
    network
        From :func:`train`, or a framewise head's ``frame_logits`` as a module.
    features
        At shifts.
    classes
        Class names.
    """
    with torch.inference_mode():
        parts = [network(torch.from_numpy(part)) for part in _split(features)]
    logits = torch.cat(parts).numpy().transpose(0, 2, 1)  # (n_clips, n_classes, n_steps)
    return ScoresOverTime.of_product(
        *(features.clips, tuple(classes), 1 / (1 + torch.exp(-torch.from_numpy(logits))).numpy()),
        *(features.frame_duration, features.frame_start, logits.astype("float64")),
    )


class FrameLogits(nn.Module):
    """The frame logits of a head, as a detector.

    Parameters
    ----------
    head
        Any head.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """``(batch, time, n_features) -> (batch, time, n_classes)``."""
        return self.head.frame_logits(features)  # type: ignore[operator]


def _split(features: FeatureFrames) -> Sequence[object]:
    return [features.values[first : first + 64] for first in range(0, len(features.values), 64)]
