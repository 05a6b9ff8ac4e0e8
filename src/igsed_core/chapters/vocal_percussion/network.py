"""The network of the released code: four blocks of convolutions, an embedding, and a head for each set of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from igsed_core.base import devices
from igsed_core.chapters.vocal_percussion.labels import Labels
from igsed_core.chapters.vocal_percussion.spectra import FRAMES, MELS
from igsed_core.models import trainer
from igsed_core.models.examples import InMemory
from igsed_core.models.objective import Settings
from igsed_core.models.trainer import Fitted

FILTERS = (8, 16, 32, 64)
SHARES = (3, 2)  # of five: the onset's and the coda's part in the loss, .6 and .4
LEARNING_RATES = {"syllable": 5e-4, "syllable_reduced": 5e-4, "boxeme": 5e-4, "phoneme": 1e-3, "phoneme_reduced": 1e-3}
LEARNING_RATE = 3e-4  # of the others
_NEVER = -1e4  # logit of a class that a head does not have


class BoxemeNetwork(nn.Module):
    """From a log-mel map of a sound to logits of classes, by way of an embedding.

    Parameters
    ----------
    classes
        How many each head has.
    embedding
        Dimensions of the embedding.
    """

    def __init__(self, classes: Sequence[int], embedding: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for filters in FILTERS:
            for channels in (before, filters):
                layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            before = filters
        size = FILTERS[-1] * (MELS // 16) * (FRAMES // 16)
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, embedding))
        self.heads = nn.ModuleList(nn.Linear(embedding, n) for n in classes)
        # Of so few channels convolutions are a third faster where these lie side by side in memory.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stubs do not know it

    def embed(self, x: Tensor) -> Tensor:
        """Embedding of log-mel maps, ``(n, 64, 48) -> (n, dimensions)``."""
        return self.body(x[:, None])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Logits of each head, ``(n, 64, 48) -> (n, n_classes)``."""
        embedded = self.embed(x)
        return [head(embedded) for head in self.heads]


def stacked(logits: list[Tensor]) -> Tensor:
    """Logits as the trainer's cross-entropy takes them: of two heads the first three times, the second twice.

    The mean over these five is .6 times the first head's loss and .4 times the second's.

    Parameters
    ----------
    logits
        Of each head, ``[shape=(n, n_classes)]``.

    Returns
    -------
    Tensor [shape=(n, n_classes)]
        Of one head as they are; of two ``(n, 5, most_classes)``.
    """
    if len(logits) == 1:
        return logits[0]
    most = max(one.shape[1] for one in logits)
    padded = [nn.functional.pad(one, (0, most - one.shape[1]), value=_NEVER) for one in logits]
    return torch.stack([one for one, times in zip(padded, SHARES, strict=True) for _ in range(times)], dim=1)


def stacked_targets(labels: Labels) -> Tensor:
    """Targets that fit :func:`stacked`, ``[shape=(n,)]`` of one head or ``(n, 5)`` of two."""
    targets = torch.from_numpy(labels.targets)
    if targets.shape[1] == 1:
        return targets[:, 0]
    return torch.cat([targets[:, [i]].expand(-1, times) for i, times in enumerate(SHARES)], dim=1)


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes
    ----------
    embedding
        Dimensions.
    epochs, patience, batch_size
        See :class:`igsed_core.models.objective.Settings`; an epoch shows each sound once, as itself or as one of its
        copies, where the released code shows all eleven.
    double_softmax
        Give probabilities to a loss that takes them for logits, as the released code does.
    learning_rate
        0: the released code's, for each label set its own.
    """

    embedding: int = 32
    epochs: int = 60
    patience: int = 14
    batch_size: int = 128
    double_softmax: bool = False
    learning_rate: float = 0.0


def make(labels: Labels, recipe: Recipe) -> BoxemeNetwork:
    """Make an untrained network; torch's random numbers decide its weights."""
    return BoxemeNetwork([len(one) for one in labels.classes], recipe.embedding)


def fit(
    name: str,
    maps: Tensor,
    labels: Labels,
    split: tuple[Tensor, Tensor],
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train one network.

    Parameters
    ----------
    name
        Of the label set.
    maps
        Each sound and its copies, ``[shape=(n_sounds, 1 + copies, 64, 48)]``.
    labels
        Of each sound.
    split
        Numbers of the sounds to train on and to stop by, ``(n,)`` each; or of (sound, copy), ``(n, 2)``, where copies
        are examples of their own.
    recipe, seed
        How.
    checkpoint
        File to go on from.
    """
    targets = stacked_targets(labels)
    by_copy = split[0].ndim == 2
    parts = [
        InMemory(maps[rows[:, 0], rows[:, 1], None], targets[rows[:, 0]])
        if by_copy
        else InMemory(maps[rows], targets[rows])
        for rows in split
    ]
    settings = Settings(
        loss="cross_entropy",
        learning_rate=recipe.learning_rate or LEARNING_RATES.get(name, LEARNING_RATE),
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        patience=recipe.patience,
        seed=seed,
    )

    def forward(network: nn.Module, x: Tensor) -> Tensor:
        # (n, copies, 64, 48): in training `choose` left one of them, in validation the sound itself counts
        logits = network(x[:, 0])
        return stacked([one.softmax(1) for one in logits] if recipe.double_softmax else logits)

    def choose(x: Tensor, y: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        which = torch.randint(x.shape[1], (len(x),), generator=random)
        return x[torch.arange(len(x)), which][:, None], y

    return trainer.fit(
        lambda: make(labels, recipe),
        parts[0],
        parts[1],
        settings,
        name=f"network for {name}",
        forward=forward,
        augment=choose,
        checkpoint=checkpoint,
        quiet=True,
    )


@torch.inference_mode()
@devices.threads(1)
def embeddings(network: BoxemeNetwork, maps: Tensor) -> Tensor:
    """Embeddings of log-mel maps, ``(n, 64, 48) -> (n, dimensions)``."""
    return torch.cat([network.embed(part) for part in maps.split(512)])
