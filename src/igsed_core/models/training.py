"""Training of a head on cached feature frames (paper, section III-C)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch

from igsed_core.base import devices
from igsed_core.base.errors import IgsedError
from igsed_core.models import heads, trainer
from igsed_core.models.examples import InMemory
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Embedding, Head
from igsed_core.models.objective import Settings


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
    embedding: Embedding | None = None,
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
    embedding
        Of :meth:`igsed_core.models.encoders.base.Encoder.pooled_embedding`, where it is kept; it stays as it is.

    Raises
    ------
    IgsedError
        If training diverges; if a head that is trained on frames is given no events.
    """
    supervision = heads.HEADS[name].supervision
    settings = Settings(learning_rate=learning_rate, batch_size=batch_size, epochs=epochs, patience=patience, seed=seed)
    examples, held_out = _examples(name, data), _examples(name, validation)
    fitted = trainer.fit(
        lambda: heads.create(name, examples.inputs.shape[-1], classes, seed=seed, embedding=embedding),
        examples,
        held_out,
        settings,
        name=f"head {name!r}",
        forward=lambda head, x: head.frame_logits(x) if supervision == "frame" else head.clip_logits(x),  # type: ignore[operator]
        validation_batch=len(held_out),  # heads are small: all at once
        quiet=True,
    )
    fitted.history.insert(0, "head", name)
    assert isinstance(fitted.network, Head)
    return Trained(fitted.network, fitted.history)


def history(trained: dict[str, Trained]) -> pd.DataFrame:
    """Return the learning curves of several heads in one table."""
    return pd.concat([result.history for result in trained.values()], ignore_index=True)


def _examples(name: str, data: tuple[FeatureFrames, Targets]) -> InMemory:
    features, targets = data
    strong = heads.HEADS[name].supervision == "frame"
    if strong and targets.frame.shape[1] != features.values.shape[1]:
        raise IgsedError(
            f"head {name!r} is trained on frames, but the data say only what a clip holds: give events with onset and "
            "offset, or leave this head out"
        )
    return InMemory(torch.from_numpy(features.values), torch.from_numpy(targets.frame if strong else targets.clip))
