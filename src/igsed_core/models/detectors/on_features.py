"""Small detectors on frozen feature frames, trained with time labels: what strong labels reach at a fine resolution."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError

WIDTH = 48  # channels of hidden layers
DROPOUT = 0.2


class Linear(nn.Module):
    """A linear layer in each frame: ``(batch, time, n_features) -> (batch, time, n_classes)``.

    Parameters
    ----------
    n_features, n_classes
        Channels of a frame; outputs.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.out = nn.Linear(n_features, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_classes)``."""
        return self.out(features)


class TemporalConvolutions(nn.Module):
    """Three dilated convolutions over time with residual connections, then linear (a small TCN).

    A frame sees 28 frames to either side: 1.1 s at 40 ms.

    Parameters
    ----------
    n_features, n_classes
        Channels of a frame; outputs.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.into = nn.Linear(n_features, WIDTH)
        self.layers = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, kernel_size=9, dilation=d, padding=4 * d) for d in (1, 2, 4)
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.out = nn.Linear(WIDTH, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_classes)``."""
        hidden = self.into(features).transpose(1, 2)  # (batch, WIDTH, time)
        for layer in self.layers:
            hidden = hidden + self.dropout(torch.relu(layer(hidden)))
        return self.out(hidden.transpose(1, 2))


class Recurrent(nn.Module):
    """A bidirectional gated recurrent layer, then linear, as in a CRNN whose convolutions are the frozen encoder.

    Parameters
    ----------
    n_features, n_classes
        Channels of a frame; outputs.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(n_features, WIDTH, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(DROPOUT)
        self.out = nn.Linear(2 * WIDTH, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_classes)``."""
        return self.out(self.dropout(self.recurrent(features)[0]))


class Standardised(nn.Module):
    """A detector whose inputs are first brought to mean 0 and deviation 1.

    Parameters
    ----------
    detector
        ``(batch, time, n_features) -> (batch, time, n_classes)``
    mean, std
        Of the training frames, ``[shape=(n_features,)]``.
    """

    def __init__(self, detector: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.detector = detector
        self.mean = nn.Parameter(mean, requires_grad=False)
        self.std = nn.Parameter(std, requires_grad=False)

    def forward(self, features: Tensor) -> Tensor:
        """``(batch, time, n_features) -> (batch, time, n_classes)``."""
        return self.detector((features - self.mean) / self.std)


STRONG: dict[str, Callable[[int, int], nn.Module]] = {
    "linear": Linear,
    "tcn": TemporalConvolutions,
    "bigru": Recurrent,
}


def create(name: str, n_features: int, n_classes: int) -> nn.Module:
    """Create an untrained detector; torch's random numbers decide its weights.

    Raises
    ------
    IgsedError
        For an unknown name.
    """
    if name not in STRONG:
        raise IgsedError(f"detector {name!r} is unknown: choose one of {', '.join(STRONG)}")
    return STRONG[name](n_features, n_classes)
