"""Training of the networks, and what they say of clips."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.base import kept
from igsed_core.chapters.self_attention.material import Material
from igsed_core.chapters.self_attention.params import SelfAttentionStudy
from igsed_core.chapters.self_attention.systems import System
from igsed_core.data.urban_recipe import DURATION
from igsed_core.detection import framewise_crnn
from igsed_core.detection.framewise_crnn import Recipe
from igsed_core.models.detectors.crnn import Crnn, Shape, with_widths

COLUMNS = ["system", "seed", "weights", "epochs", "kept_epoch", "validation_loss", "seconds_per_epoch"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network.

    Attributes
    ----------
    system, seed
        Which one; number of the repetition.
    network
        Itself.
    history
        Its learning curve.
    seconds
        What its training took, in the run that finished it.
    """

    system: System
    seed: int
    network: Crnn
    history: pd.DataFrame
    seconds: float


def recipe(params: SelfAttentionStudy, epochs: int = 0) -> Recipe:
    """Return how networks are trained; ``epochs`` in place of the study's own."""
    return Recipe(
        shape=Shape(channels=params.attention_channels, units=params.attention_units, dropout=params.attention_dropout),
        epochs=epochs or params.attention_epochs,
        patience=params.attention_patience,
        batch_size=params.attention_batch_size,
        learning_rate=params.attention_learning_rate,
        device=params.attention_device,
    )


def train(
    systems: Sequence[System], material: Material, wanted: Recipe, folder: Path, *, seeds: int, seed: int, workers: int
) -> list[Trained]:
    """Train networks on several processes; a call after an interruption goes on where it was.

    Parameters
    ----------
    systems
        Which ones.
    material
        The soundscapes.
    wanted
        How; widths are those of each system.
    folder
        For the results.
    seeds, seed
        Networks of each kind; seed of the experiment.
    workers
        Processes; 0: one per core.
    """
    jobs = {
        f"{one.name}-{number}": _Job(
            *(one, number, seed, material.classes, _sized(wanted, one, material.hop)),
            kept.unfinished(folder, f"{one.name}-{number}"),
        )
        for number in range(seeds)
        for one in systems
    }

    def data() -> _Data:
        return {name: (part.maps, part.targets) for name, part in material.parts.items() if name != "test"}

    found = kept.results(_train, jobs, folder, workers=workers, desc="networks", data=data)
    return [_trained(job, found[name]) for name, job in jobs.items()]


_Data = dict[str, tuple[torch.Tensor, torch.Tensor]]  # split -> maps, targets


@dataclass(frozen=True, eq=False)
class _Job:
    system: System
    number: int
    seed: int
    classes: tuple[str, ...]
    recipe: Recipe
    checkpoint: Path


def _sized(wanted: Recipe, system: System, hop: float) -> Recipe:
    """The recipe with the widths of a system."""
    shape = dataclasses.replace(with_widths(wanted.shape, system.widths, hop, DURATION), uniform=system.uniform)
    return dataclasses.replace(wanted, shape=shape)


def _train(job: _Job, data: _Data) -> dict[str, Any]:
    began = time.process_time()
    fitted = framewise_crnn.fit(
        data["train"],
        data["validation"],
        job.classes,
        job.recipe,
        seed=job.seed + job.number,
        released=job.system.released,
        name=job.system.name,
        checkpoint=job.checkpoint,
    )
    return {**fitted.content(), "seconds": time.process_time() - began}


def _trained(job: _Job, content: dict[str, Any]) -> Trained:
    fitted = framewise_crnn.restored(content, job.classes, job.recipe, released=job.system.released)
    assert isinstance(fitted.network, Crnn)
    return Trained(job.system, job.number, fitted.network, fitted.history, content["seconds"])


def training(trained: Sequence[Trained]) -> pd.DataFrame:
    """Tabulate epochs, losses and processor seconds: :data:`COLUMNS`."""
    rows = []
    for one in trained:
        kept = one.history[one.history["kept"]].iloc[0]
        weights = sum(values.numel() for values in one.network.parameters())
        per_epoch = one.seconds / max(len(one.history), 1)
        key = (one.system.name, one.seed, weights, len(one.history))
        rows.append((*key, int(kept["epoch"]), kept["validation_loss"], round(per_epoch, 3)))
    return pd.DataFrame(rows, columns=COLUMNS)


def probabilities(one: Trained, maps: torch.Tensor) -> NDArray[np.float64]:
    """Probability of every class in every frame, ``(n_clips, time, n_mels) -> (n_clips, n_classes, time)``."""
    logits = framewise_crnn.logits(one.network, maps).astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-logits)))
