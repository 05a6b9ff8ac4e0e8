"""Training: the paper's way (Adadelta) and a modern one (AdamW, one cycle), for a fixed number of epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.base import devices, kept
from igsed_core.chapters.representations import disturb, networks
from igsed_core.chapters.representations.excerpts import AT_RANDOM, BY_RECORDING, Excerpts, Split
from igsed_core.chapters.representations.networks import NETWORKS
from igsed_core.models.classifier import NetworkClassifier

PAPER, MODERN = "paper", "modern"
RECIPES = {PAPER: "as the paper trains", MODERN: "AdamW, one cycle"}
_HIGHEST_RATE, _DECAY, _SMOOTHING = 4e-3, 1e-2, 0.1  # of the modern way
_TESTED_AT_ONCE = 256


@dataclass(frozen=True)
class Task:
    """A network to train.

    Attributes
    ----------
    network
        Its kind.
    recipe
        How it is trained.
    protocol, fold, seed
        What it is trained on; of its weights.
    """

    network: str
    recipe: str
    protocol: str
    fold: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.network}-{self.recipe}-{self.protocol}-{self.fold}-{self.seed}"


@dataclass(frozen=True)
class Recipe:
    """What all networks share.

    Attributes
    ----------
    width, epochs, batch_size, seed
        Channels of the first layer; of the training; of the experiment.
    """

    width: int
    epochs: int
    batch_size: int
    seed: int


@dataclass(frozen=True, eq=False)
class _Job:
    task: Task
    excerpts: Excerpts
    parts: Split
    recipe: Recipe

    @property
    def seed(self) -> int:
        """Of weights, order and changes."""
        return 1000 * self.recipe.seed + 10 * self.task.fold + self.task.seed

    def network(self) -> NetworkClassifier:
        """Untrained."""
        return networks.make(self.task.network, self.excerpts.classes, self.recipe.width, seed=self.seed)


def tasks(recipes: Sequence[str], folds: Sequence[int], seeds: int) -> list[Task]:
    """List the networks: all by recording, and those of the first way of training at random as well."""
    return [
        Task(network, recipe, protocol, fold, seed)
        for protocol, ways in ((BY_RECORDING, recipes), (AT_RANDOM, recipes[:1]))
        for recipe in ways
        for fold in folds
        for seed in range(seeds)
        for network in NETWORKS
    ]


def train(
    wanted: Sequence[Task],
    excerpts: Excerpts,
    splits: dict[tuple[str, int], Split],
    recipe: Recipe,
    folder: Path,
    *,
    workers: int,
) -> dict[Task, NetworkClassifier]:
    """Train networks on several processes; what is finished is not done again.

    Parameters
    ----------
    wanted
        Which ones.
    excerpts
        All.
    splits
        (protocol, fold) -> what is trained on.
    recipe
        What they share.
    folder
        For the results.
    workers
        Processes; 0: one per core.
    """
    jobs = {task.name: _Job(task, excerpts, splits[task.protocol, task.fold], recipe) for task in wanted}
    found = kept.results(_train, jobs, folder, workers=workers, desc="networks")
    return {job.task: _trained(job, found[name]) for name, job in jobs.items()}


@devices.threads(1)
def _train(job: _Job) -> dict[str, Tensor]:
    made = job.network()
    fit(made, job.excerpts, job.parts.train, job.task.recipe, job.recipe, seed=job.seed)
    return made.network.state_dict()


def _trained(job: _Job, weights: dict[str, Tensor]) -> NetworkClassifier:
    made = job.network()
    made.network.load_state_dict(weights)
    return made.eval().requires_grad_(False)


def fit(
    classifier: NetworkClassifier, excerpts: Excerpts, rows: NDArray[np.int64], way: str, recipe: Recipe, *, seed: int
) -> None:
    """Train a network in place, for all epochs: nothing of the test decides when it ends.

    Parameters
    ----------
    classifier
        Untrained.
    excerpts
        All.
    rows
        Those that it is trained on, ``[shape=(n,)]``.
    way
        :data:`PAPER` or :data:`MODERN`.
    recipe
        Epochs and size of a step.
    seed
        Of order and changes.
    """
    targets = excerpts.targets()
    random = torch.Generator().manual_seed(seed)
    steps = max(1, len(rows) // recipe.batch_size)
    parameters = list(classifier.parameters())
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    if way == PAPER:
        optimiser = torch.optim.Adadelta(parameters, lr=1.0)
    else:
        optimiser = torch.optim.AdamW(parameters, lr=_HIGHEST_RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, _HIGHEST_RATE, total_steps=steps * recipe.epochs, pct_start=0.3
        )
    loss = nn.CrossEntropyLoss(label_smoothing=0.0 if way == PAPER else _SMOOTHING)
    classifier.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout draws from the common generator
        for _ in range(recipe.epochs):
            order = torch.randperm(len(rows), generator=random).numpy()
            for chosen in np.array_split(rows[order], steps):
                heard = disturb.augmented(excerpts.samples(np.sort(chosen)), random)
                optimiser.zero_grad()
                loss(classifier(heard), targets[np.sort(chosen)]).backward()
                optimiser.step()
                if schedule is not None:
                    schedule.step()


def logits(classifier: NetworkClassifier, waveforms: Tensor) -> Tensor:
    """Return the logits of many excerpts, without a graph: ``(n, n_samples) -> (n, n_classes)``."""
    with torch.no_grad():
        return torch.cat([classifier(part) for part in waveforms.split(_TESTED_AT_ONCE)])
