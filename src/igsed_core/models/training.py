"""Training of a head on cached feature frames (paper, section III-C)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from igsed_core.base import devices
from igsed_core.base.errors import IgsedError
from igsed_core.models import heads
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Head


@dataclass(frozen=True)
class Trained:
    """A trained head and its learning curve (epoch, training and validation loss, kept or not)."""

    head: Head
    history: pd.DataFrame


@devices.threads(1)
def train(
    name: str,
    data: tuple[FeatureFrames, Targets],
    validation: tuple[FeatureFrames, Targets],
    classes: tuple[str, ...],
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    patience: int,
    seed: int,
) -> Trained:
    """Train one head with Adam and binary cross-entropy, with early stopping.

    Clip-level supervision compares clip-level logits with clip-level labels, strong supervision the
    logits of each feature frame with frame-level labels. The weights of the epoch with the lowest
    validation loss are kept. One thread computes, however many there are, so that the same data give the same bits;
    a linear head is small enough.

    Parameters
    ----------
    name
        Name of the head, one of :data:`igsed_core.models.heads.HEADS`.
    data, validation
        Feature frames and targets.
    classes
        Class names.
    learning_rate, batch_size, epochs, patience
        Paper, section III-C: 1e-3, 16, 100, 10.
    seed
        Initial weights and order of the batches.

    Raises
    ------
    IgsedError
        If training diverges.
    """
    x, y = _tensors(data, heads.HEADS[name])
    x_validation, y_validation = _tensors(validation, heads.HEADS[name])
    head = heads.create(name, x.shape[-1], classes, seed=seed)
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(head.parameters(), lr=learning_rate)
    best, best_state, rows = float("inf"), copy.deepcopy(head.state_dict()), []
    waited = 0
    for epoch in range(1, epochs + 1):
        total = 0.0
        for batch in torch.randperm(len(x), generator=order).split(batch_size):
            loss = _loss(head, x[batch], y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(batch)
        with torch.inference_mode():
            validation_loss = float(_loss(head, x_validation, y_validation))
        if not math.isfinite(validation_loss):
            raise IgsedError(
                f"head {name!r}: the validation loss is {validation_loss} after epoch {epoch}: lower 'learning_rate'"
            )
        rows.append((name, epoch, total / len(x), validation_loss))
        waited += 1
        if validation_loss < best:
            best, best_state, waited = validation_loss, copy.deepcopy(head.state_dict()), 0
        if waited >= patience:
            break
    head.load_state_dict(best_state)
    history = pd.DataFrame(rows, columns=["head", "epoch", "training_loss", "validation_loss"])
    history["kept"] = history.index == history["validation_loss"].idxmin()
    return Trained(head.eval().requires_grad_(False), history)


def history(trained: dict[str, Trained]) -> pd.DataFrame:
    """Return the learning curves of several heads in one table."""
    return pd.concat([result.history for result in trained.values()], ignore_index=True)


def _tensors(data: tuple[FeatureFrames, Targets], head: type[Head]) -> tuple[Tensor, Tensor]:
    features, targets = data
    labels = targets.frame if head.supervision == "frame" else targets.clip
    return torch.from_numpy(features.values), torch.from_numpy(labels)


def _loss(head: Head, features: Tensor, labels: Tensor) -> Tensor:
    # (batch, time, n_classes) for strong supervision, (batch, n_classes) otherwise
    logits = head.frame_logits(features) if head.supervision == "frame" else head.clip_logits(features)
    return nn.functional.binary_cross_entropy_with_logits(logits, labels)
