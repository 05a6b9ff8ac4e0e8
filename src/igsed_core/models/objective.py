"""How a network is trained: the loss, the optimiser, and the numbers of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError

LOSSES = ("bce", "cross_entropy")
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adadelta": torch.optim.Adadelta,
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    loss
        ``bce``: targets between 0 and 1 of the logits' shape, of clips or of frames; ``cross_entropy``: a class number
        for each row of logits, ``(n,)`` to ``(n, n_classes)`` or ``(n, frames)`` to ``(n, frames, n_classes)``.
    optimiser
        One of :data:`OPTIMISERS`.
    learning_rate, weight_decay
        The optimiser's.
    batch_size, epochs, patience
        Examples in a step; most epochs; epochs without a lower validation loss after which training stops.
    seed
        Of initial weights, order of the examples, dropout and augmentation.
    device
        ``auto``, ``cpu`` or ``cuda``.
    mixed_precision
        Compute in half precision where it is safe; on CUDA alone, elsewhere it changes nothing.

    Raises
    ------
    IgsedError
        For an unknown name or a value out of range.
    """

    loss: str = "bce"
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 16
    epochs: int = 100
    patience: int = 10
    seed: int = 0
    device: str = "cpu"
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        for name, value, choices in (("loss", self.loss, LOSSES), ("optimiser", self.optimiser, tuple(OPTIMISERS))):
            if value not in choices:
                raise IgsedError(f"parameter {name!r} is {value!r}: choose one of {', '.join(choices)}")
        for name in ("batch_size", "epochs", "patience"):
            if getattr(self, name) < 1:
                raise IgsedError(f"parameter {name!r} is {getattr(self, name)}: use at least 1")
        if not self.learning_rate > 0:
            raise IgsedError(f"parameter 'learning_rate' is {self.learning_rate}: use a positive one")


def loss_of(kind: str, logits: Tensor, targets: Tensor, name: str = "network") -> Tensor:
    """Mean loss of some logits.

    Parameters
    ----------
    kind
        One of :data:`LOSSES`, see :class:`Settings`.
    logits
        ``[shape=(n, n_classes)]`` of clips, ``(n, frames, n_classes)`` of frames.
    targets
        ``[shape=(n, n_classes)]`` or ``(n, frames, n_classes)`` for ``bce``, without the classes for ``cross_entropy``.
    name
        For messages.

    Returns
    -------
    Tensor [shape=()]

    Raises
    ------
    IgsedError
        If the targets do not fit the logits.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.models.objective import loss_of
    >>> round(float(loss_of("cross_entropy", torch.zeros(1, 5, 4), torch.zeros(1, 5, dtype=torch.long))), 4)  # log 4
    1.3863
    """
    wanted = logits.shape if kind == "bce" else logits.shape[:-1]
    if targets.shape != wanted:
        raise IgsedError(
            f"{name}: targets have the shape {tuple(targets.shape)}, but loss {kind!r} of logits "
            f"{tuple(logits.shape)} needs {tuple(wanted)}: give a target for all that the network scores"
        )
    if kind == "bce":
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)
    return nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten())
