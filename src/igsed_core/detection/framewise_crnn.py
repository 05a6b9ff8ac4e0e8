"""FW-CRNN: a framewise detector trained as a whole, with time labels or with clip labels and attention pooling.

It is the stronger relative of FW-SS and FW-WS, whose encoder is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from igsed_core.base import devices
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import trainer
from igsed_core.models.detectors.crnn import RIGHT, AsReleased, Crnn, Shape
from igsed_core.models.examples import InMemory
from igsed_core.models.objective import Settings
from igsed_core.models.trainer import Fitted

_AT_ONCE = 32  # clips
_HALF = 0.5  # share of a frame from which it is active


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    shape
        Of the network.
    epochs, patience, batch_size, learning_rate
        See :class:`igsed_core.models.objective.Settings`.
    device
        ``auto``, ``cpu`` or ``cuda``; on CUDA in mixed precision.
    """

    shape: Shape
    epochs: int = 200
    patience: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-3
    device: str = "cpu"


def targets(
    clips: Sequence[str], events: pd.DataFrame, classes: Sequence[str], *, n_frames: int, hop: float
) -> NDArray[np.float32]:
    """Which classes sound in which frames, of those that :func:`igsed_core.models.detectors.log_mel.maps` makes.

    Parameters
    ----------
    clips
        Names.
    events
        ``clip, label, onset, offset`` in seconds.
    classes
        In the order of the outputs.
    n_frames, hop
        Number of frames, and seconds from one to the next.

    Returns
    -------
    np.ndarray [shape=(n_clips, n_frames, n_classes), dtype=float32]
        1 where an event covers more than half of a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.detection.framewise_crnn import targets
    >>> events = pd.DataFrame({"clip": ["a"], "label": ["Bell"], "onset": [0.5], "offset": [2.4]})
    >>> targets(["a"], events, ["Bell"], n_frames=4, hop=1.0)[0, :, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    found = np.zeros((len(clips), n_frames, len(classes)), dtype=np.float32)
    row, column = ({str(name): i for i, name in enumerate(names)} for names in (clips, classes))
    for one in events.to_dict("records"):
        if str(one["clip"]) in row:
            # Frame i is centred on i hops; it is covered by half from its centre on.
            a, b = (int(np.ceil(one[name] / hop - 1e-9)) for name in ("onset", "offset"))
            found[row[str(one["clip"])], max(a, 0) : b, column[str(one["label"])]] = 1.0
    return found


def fit(
    data: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    classes: Sequence[str],
    recipe: Recipe,
    *,
    seed: int,
    released: AsReleased = RIGHT,
    name: str = "detector",
    checkpoint: Path | None = None,
    quiet: bool = True,
) -> Fitted:
    """Train one network on one core.

    Parameters
    ----------
    data, validation
        Log-mel maps ``[shape=(n_clips, time, n_mels)]`` and targets, ``(n_clips, time, n_classes)`` of frames or, with
        clip labels, ``(n_clips, n_classes)``.
    classes
        Their names.
    recipe, seed
        How.
    released
        Choices of the released code.
    name, checkpoint, quiet
        See :func:`igsed_core.models.trainer.fit`.
    """
    mean, std = data[0].mean(dim=(0, 1)), data[0].std(dim=(0, 1)) + 1e-5
    settings = Settings(
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        patience=recipe.patience,
        seed=seed,
        device=recipe.device,
        mixed_precision=True,
    )
    with devices.threads(1):
        return trainer.fit(
            lambda: Crnn(classes, recipe.shape, mean, std, released=released),
            InMemory(*data),
            InMemory(*validation),
            settings,
            name=name,
            forward=_logits,
            checkpoint=checkpoint,
            quiet=quiet,
        )


def restored(
    content: Mapping[str, Any], classes: Sequence[str], recipe: Recipe, *, released: AsReleased = RIGHT
) -> Fitted:
    """Take up what :meth:`igsed_core.models.trainer.Fitted.content` gave of a trained network.

    Parameters
    ----------
    content
        Weights and history.
    classes, recipe, released
        As in :func:`fit`.
    """
    mean, std = (torch.zeros_like(content["weights"][name]) for name in ("mean", "std"))
    return Fitted.of(content, lambda: Crnn(classes, recipe.shape, mean, std, released=released))


def _logits(network: nn.Module, maps: Tensor) -> Tensor:
    assert isinstance(network, Crnn)
    return network.trained_logits(maps)


@torch.inference_mode()
@devices.threads(1)
def logits(network: nn.Module, maps: Tensor) -> NDArray[np.float32]:
    """Logits of frames, ``(n_clips, time, n_mels) -> (n_clips, n_classes, time)``."""
    return torch.cat([network(part) for part in maps.split(_AT_ONCE)]).transpose(1, 2).contiguous().numpy()


def scores(
    network: nn.Module, maps: Tensor, clips: NDArray[np.str_], classes: Sequence[str], *, hop: float
) -> ScoresOverTime:
    """Probability of every class in every frame, with logits.

    Parameters
    ----------
    network
        Trained.
    maps
        ``[shape=(n_clips, time, n_mels)]``
    clips
        Their names, ``[shape=(n_clips,)]``.
    classes
        In the order of the outputs.
    hop
        Seconds from frame to frame.
    """
    found = logits(network, maps).astype(np.float64)
    return ScoresOverTime.of_product(
        np.asarray(clips), tuple(classes), 1 / (1 + np.exp(-found)), hop, -hop / 2, logits=found
    )
