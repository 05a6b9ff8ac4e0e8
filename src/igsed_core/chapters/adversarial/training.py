"""The classifiers, trained by the core's trainer: a softmax over single sounds, or a sigmoid for each of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from igsed_core.base import devices, files
from igsed_core.base.parallel import parallel_map
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
    names: Sequence[str], output: str, bank: Bank, recipe: Recipe, folder: Path, *, seed: int, workers: int
) -> dict[str, Trained]:
    """Train networks on several processes; what is finished is not done again.

    Parameters
    ----------
    names
        Of :data:`igsed_core.chapters.adversarial.names.NETWORKS`.
    output
        ``softmax`` for clips of one sound, ``sigmoid`` for mixtures.
    bank
        Whose training clips are learnt, and whose validation clips stop the training.
    recipe
        How.
    folder
        For examples and checkpoints.
    seed
        Of weights and order.
    workers
        Processes; 0: one per core.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"clips_{output}.pt"
    if not place.exists():
        with files.atomic(place) as temporary:
            torch.save([(bank.splits[s].waveforms, bank.splits[s].targets) for s in ("train", "validation")], temporary)
    jobs = [(name, output, place, bank.sample_rate, bank.classes, recipe, seed) for name in names]
    return {one.name: one for one in parallel_map(_train, jobs, workers=workers, desc="classifiers")}


@devices.threads(1)
def _train(job: tuple[str, str, Path, int, tuple[str, ...], Recipe, int]) -> Trained:
    name, output, place, sample_rate, classes, recipe, seed = job
    parts = torch.load(place, weights_only=True)
    frontend = None if networks.hears_waveform(name) else networks.LogMel(sample_rate, recipe.n_mels)
    examples = [InMemory(_heard(frontend, x), y.argmax(dim=1) if output == SOFTMAX else y) for x, y in parts]
    settings = Settings(
        loss="cross_entropy" if output == SOFTMAX else "bce",
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        patience=recipe.epochs,
        seed=seed,
    )
    fitted = trainer.fit(
        lambda: networks.MAKERS[name](len(classes), recipe.width),
        examples[0],
        examples[1],
        settings,
        name=f"classifier {name!r}",
        augment=_moved,
        checkpoint=place.parent / f"{name}_{output}.pt",
        quiet=True,
    )
    return Trained(
        name,
        output,
        NetworkClassifier(
            fitted.network, classes=classes, frontend=frontend, sample_rate=sample_rate, name=NETWORKS[name]
        ).eval(),
        fitted.history,
    )


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
