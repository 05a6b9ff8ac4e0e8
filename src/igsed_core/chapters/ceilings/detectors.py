"""Detectors at the localiser's resolution: trained, with the number of epochs that it took."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import torch
from torch import nn

from igsed_core.base import devices
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


@devices.threads(1)
def train(
    name: str,
    data: tuple[FeatureFrames, Targets],
    validation: tuple[FeatureFrames, Targets],
    classes: Sequence[str],
    *,
    epochs: int,
    seed: int,
) -> tuple[nn.Module, pd.DataFrame]:
    """Train one detector.

    Parameters
    ----------
    name
        Of :data:`igsed_core.models.detectors.on_features.STRONG`, on frames, or of
        :data:`igsed_core.models.pooling.POOLINGS`, on clips.
    data, validation
        Feature frames at shifts, and their targets.
    classes
        Class names.
    epochs
        The most; :data:`PATIENCE` of them without a lower validation loss end the training.
    seed
        Initial weights and order of the batches.

    Returns
    -------
    tuple
        The detector, and a row of :data:`COLUMNS`; it has converged if its best epoch is not the last that was
        allowed.
    """
    began = time.perf_counter()
    strong = name in STRONG
    inputs = torch.from_numpy(data[0].values)
    mean, std = inputs.mean(dim=(0, 1)), inputs.std(dim=(0, 1)) + 1e-5
    n_features = inputs.shape[-1]

    def make() -> nn.Module:
        network: nn.Module = (
            on_features.create(name, n_features, len(classes))
            if strong
            else _Weak(pooling.POOLINGS[name](n_features, classes))
        )
        return on_features.Standardised(network, mean, std)

    def examples(of: tuple[FeatureFrames, Targets]) -> InMemory:
        return InMemory(torch.from_numpy(of[0].values), torch.from_numpy(of[1].frame if strong else of[1].clip))

    fitted = trainer.fit(
        make,
        examples(data),
        examples(validation),
        Settings(
            learning_rate=RATES.get(name, WEAK_RATE), batch_size=BATCH, epochs=epochs, patience=PATIENCE, seed=seed
        ),
        name=f"detector {name!r}",
        forward=None if strong else _clip_logits,
        quiet=True,
    )
    best = int(fitted.history.loc[fitted.history["kept"], "epoch"].iloc[0])
    row = (
        *(name, seed, strong, len(fitted.history), best, best < epochs),
        *(float(fitted.history["validation_loss"].min()), time.perf_counter() - began),
    )
    return fitted.network, pd.DataFrame([row], columns=COLUMNS)


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
