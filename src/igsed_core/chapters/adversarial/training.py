"""The classifiers, trained by the core's trainer: a softmax over single sounds, or a sigmoid for each of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from igsed_core.base import devices, kept
from igsed_core.chapters.adversarial import networks
from igsed_core.chapters.adversarial.clips import Bank, Clips
from igsed_core.chapters.adversarial.names import NETWORKS
from igsed_core.models import trainer
from igsed_core.models.classifier import NetworkClassifier
from igsed_core.models.examples import InMemory
from igsed_core.models.objective import Settings

SOFTMAX, SIGMOID = "softmax", "sigmoid"
_AT_ONCE = 64


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes
    ----------
    epochs, batch_size, learning_rate
        See :class:`igsed_core.models.objective.Settings`.
    width
        Of the networks.
    n_mels
        Bands of the log-mel map.
    """

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 2e-3
    width: int = 8
    n_mels: int = 40


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained classifier of waveforms.

    Attributes
    ----------
    name, output
        One of :data:`igsed_core.chapters.adversarial.names.NETWORKS`; ``softmax`` or ``sigmoid``.
    classifier
        Waveform -> logits, frozen.
    history
        Of the training.
    """

    name: str
    output: str
    classifier: NetworkClassifier
    history: pd.DataFrame


def train(
    wanted: Mapping[str, tuple[Sequence[str], Bank]], recipe: Recipe, folder: Path, *, seed: int, workers: int
) -> dict[str, dict[str, Trained]]:
    """Train networks on several processes; what is finished is not done again.

    Parameters
    ----------
    wanted
        ``softmax`` for clips of one sound, ``sigmoid`` for mixtures -> names of
        :data:`igsed_core.chapters.adversarial.names.NETWORKS`, and the bank whose training clips are learnt and whose
        validation clips stop the training.
    recipe
        How.
    folder
        For the results.
    seed
        Of weights and order.
    workers
        Processes; 0: one per core.

    Returns
    -------
    dict
        Output -> name -> classifier.
    """
    tasks = {
        f"{output}-{name}": _Task(name, output, bank.sample_rate, bank.classes, recipe, seed, folder)
        for output, (names, bank) in wanted.items()
        for name in names
    }

    def data() -> dict[str, list[tuple[Tensor, Tensor]]]:
        return {
            output: [(bank.splits[split].waveforms, bank.splits[split].targets) for split in ("train", "validation")]
            for output, (names, bank) in wanted.items()
            if names
        }

    found = kept.results(_train, tasks, folder, workers=workers, desc="classifiers", data=data)
    made: dict[str, dict[str, Trained]] = {output: {} for output in wanted}
    for key, task in tasks.items():
        made[task.output][task.name] = _trained(task, found[key])
    return made


@dataclass(frozen=True)
class _Task:
    name: str
    output: str
    sample_rate: int
    classes: tuple[str, ...]
    recipe: Recipe
    seed: int
    folder: Path

    def network(self) -> nn.Module:
        """Untrained."""
        return networks.MAKERS[self.name](len(self.classes), self.recipe.width)

    def frontend(self) -> networks.LogMel | None:
        """What it hears the waveform through."""
        return None if networks.hears_waveform(self.name) else networks.LogMel(self.sample_rate, self.recipe.n_mels)


@devices.threads(1)
def _train(task: _Task, data: Mapping[str, Sequence[tuple[Tensor, Tensor]]]) -> dict[str, Any]:
    frontend, one = task.frontend(), task.output == SOFTMAX
    examples = [InMemory(_heard(frontend, x), y.argmax(dim=1) if one else y) for x, y in data[task.output]]
    settings = Settings(
        loss="cross_entropy" if one else "bce",
        learning_rate=task.recipe.learning_rate,
        batch_size=task.recipe.batch_size,
        epochs=task.recipe.epochs,
        patience=task.recipe.epochs,
        seed=task.seed,
    )
    return trainer.fit(
        task.network,
        examples[0],
        examples[1],
        settings,
        name=f"classifier {task.name!r}",
        augment=_moved,
        checkpoint=kept.unfinished(task.folder, f"{task.output}-{task.name}"),
        quiet=True,
    ).content()


def _trained(task: _Task, content: Mapping[str, Any]) -> Trained:
    fitted = trainer.Fitted.of(content, task.network)
    classifier = NetworkClassifier(
        fitted.network,
        classes=task.classes,
        frontend=task.frontend(),
        sample_rate=task.sample_rate,
        name=NETWORKS[task.name],
    )
    return Trained(task.name, task.output, classifier.eval(), fitted.history)


@torch.inference_mode()
def _heard(frontend: nn.Module | None, waveforms: Tensor) -> Tensor:
    """What a network hears of waveforms ``(n, n_samples)``: itself, or log-mel maps ``(n, frames, mels)``."""
    return waveforms if frontend is None else torch.cat([frontend(part) for part in waveforms.split(_AT_ONCE)])


def _moved(x: Tensor, y: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Begin each clip of a batch elsewhere, and go on at its end with its begin: ``(n, time, ...)``."""
    by = torch.randint(x.shape[1], (len(x),), generator=random)
    at = (torch.arange(x.shape[1])[None] + by[:, None]) % x.shape[1]
    return x[torch.arange(len(x))[:, None], at], y


@torch.inference_mode()
@devices.threads(1)
def logits(classifier: nn.Module, waveforms: Tensor) -> Tensor:
    """Logits of any number of clips, ``(n, n_samples) -> (n, n_classes)``."""
    return torch.cat([classifier(part) for part in waveforms.split(_AT_ONCE)])


def right(one: Trained, clips: Clips) -> np.ndarray:
    """Whether the class is first, or of mixtures the share of classes that are decided rightly, ``(n,)``."""
    found = logits(one.classifier, clips.waveforms)
    if one.output == SOFTMAX:
        return (found.argmax(dim=1) == clips.labels).numpy()
    return ((found > 0) == (clips.targets > 0.5)).float().mean(dim=1).numpy()
