"""Small networks that hear the waveform, on which methods are tried: convolutions, a recurrent one, a log-mel one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from igsed_core.models.classifier import NetworkClassifier
from igsed_core.models.frontend import PannsLogMel

RATE = 2000  # Hz
SECONDS = 1.2
CLASSES = ("Bell", "Hum", "Whistle")


class WaveformCnn(nn.Module):
    """Convolution, normalisation, pooling, twice, then two linear layers: (batch, samples) -> (batch, 3)."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, 8, 16, stride=2, padding=8, bias=bias)
        self.norm1 = nn.BatchNorm1d(8)
        self.pool = nn.MaxPool1d(4)
        self.conv2 = nn.Conv1d(8, 16, 8, bias=bias)
        self.norm2 = nn.BatchNorm1d(16)
        self.hidden = nn.Linear(16, 12, bias=bias)
        self.norm3 = nn.BatchNorm1d(12)
        self.last = nn.Linear(12, len(CLASSES), bias=bias)

    def forward(self, waveform: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.norm1(self.conv1(waveform[:, None]))))  # (batch, 8, time)
        x = torch.relu(self.norm2(self.conv2(x))).mean(dim=-1)  # (batch, 16)
        return self.last(torch.relu(self.norm3(self.hidden(x))))


class GatedCnn(nn.Module):
    """A gate before its signal, a residual sum, a maximum over time: what `layers.py` must put right."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 16, stride=4)
        self.gate = nn.Conv1d(1, 8, 16, stride=4)
        self.same = nn.Conv1d(8, 8, 3, padding=1)
        self.last = nn.Linear(8, len(CLASSES))

    def forward(self, waveform: Tensor) -> Tensor:
        x = waveform[:, None]
        x = torch.sigmoid(self.gate(x)) * torch.tanh(self.conv(x))  # (batch, 8, time)
        x = x + nn.functional.relu(self.same(x))
        return self.last(nn.functional.max_pool1d(x, 2).amax(dim=2))


class Recurrent(nn.Module):
    """A GRU on frames of 20 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(20, 6)
        self.gru = nn.GRU(6, 6, batch_first=True)
        self.last = nn.Linear(6, len(CLASSES))

    def forward(self, waveform: Tensor) -> Tensor:
        x, _ = self.gru(torch.relu(self.first(waveform.unflatten(1, (-1, 20)))))
        return self.last(x.mean(dim=1))


class MelCnn(nn.Module):
    """(batch, frames, mels) -> (batch, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(4)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, len(CLASSES))),
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        return self.layers(log_mel[:, None])


def classifier(network: nn.Module | None = None, *, seed: int = 0, **options: object) -> NetworkClassifier:
    """A network of random weights, its normalisations among them; left in training mode, as a trainer leaves it."""
    torch.manual_seed(seed)
    made = WaveformCnn(**options) if network is None else network  # type: ignore[arg-type]
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
        elif isinstance(module, nn.Conv1d | nn.Linear):
            nn.init.normal_(module.weight, std=0.5)
    return NetworkClassifier(made, classes=CLASSES, sample_rate=RATE, name="tiny")


def mel_classifier(seed: int = 0) -> NetworkClassifier:
    torch.manual_seed(seed)
    return NetworkClassifier(MelCnn(), classes=CLASSES, frontend=PannsLogMel(), name="mel_cnn")


def clips(n: int = 2, seconds: float = SECONDS, rate: int = RATE) -> Tensor:
    """Noise whose level changes every 100 ms: (n, samples)."""
    random = torch.Generator().manual_seed(7)
    envelope = torch.rand(n, round(10 * seconds), generator=random).repeat_interleave(rate // 10, dim=1) ** 2
    return 0.2 * envelope * torch.randn(n, round(rate * seconds), generator=random)
