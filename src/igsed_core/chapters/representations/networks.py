"""Two networks of equal size: one hears the waveform, after Abdoli et al. 2019, the other its log-mel map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from igsed_core.base._torchaudio import torchaudio
from igsed_core.chapters.representations.excerpts import RATE
from igsed_core.models.classifier import NetworkClassifier
from igsed_core.models.frontend import FrontEnd

WAVEFORM, SPECTROGRAM = "waveform", "spectrogram"
NETWORKS = {WAVEFORM: "waveform network", SPECTROGRAM: "spectrogram network"}
_HIDDEN, _DROPPED = 64, 0.25


class LogMel(FrontEnd):
    """16 kHz, frames of 32 ms every 10 ms, 64 mels in decibels, brought near zero and one."""

    floor = 1e-6  # of excerpts of root mean square one
    _middle, _scale = 10.0, 20.0  # dB

    def __init__(self) -> None:
        n_fft = 512
        super().__init__(
            sample_rate=RATE,
            n_fft=n_fft,
            hop_length=160,
            window=torch.hann_window(n_fft, periodic=True),
            mel_weights=torchaudio.functional.melscale_fbanks(
                n_fft // 2 + 1, 40.0, RATE / 2, 64, RATE, norm="slaney", mel_scale="slaney"
            ),
        )

    def compress(self, power: Tensor) -> Tensor:
        """Decibels with a floor, moved and scaled, of any shape."""
        return (10.0 * torch.log10(power.clamp(min=self.floor)) - self._middle) / self._scale


class WaveformCnn(nn.Module):
    """Four convolutions in time, the mean over time, two linear layers: ``(batch, samples) -> (batch, classes)``.

    Kernels and strides are those of the published 1DCNN; its last pooling, which excerpts of one second are too short
    for, is a mean over time.

    Parameters
    ----------
    n_classes
        Outputs.
    width
        Channels of the first layer; published: 16.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        w = width
        self.features = nn.Sequential(
            *_of_time(1, w, 64, stride=2),
            nn.MaxPool1d(8),
            *_of_time(w, 2 * w, 32, stride=2),
            nn.MaxPool1d(8),
            *_of_time(2 * w, 4 * w, 16, stride=2),
            *_of_time(4 * w, 8 * w, 8, stride=2),
        )
        self.pool = nn.AdaptiveAvgPool1d(1)
        self.head = _head(8 * w, n_classes)

    def forward(self, waveform: Tensor) -> Tensor:
        """(batch, samples) -> (batch, n_classes)"""
        return self.head(self.pool(self.features(waveform[:, None])).flatten(1))


class SpectrogramCnn(nn.Module):
    """Four convolutions in time and frequency, then as :class:`WaveformCnn`.

    Parameters
    ----------
    n_classes
        Outputs.
    width
        Channels of the first layer.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        w = width
        self.features = nn.Sequential(
            *_of_plane(1, w, stride=2),
            *_of_plane(w, 2 * w, stride=2),
            *_of_plane(2 * w, 4 * w, stride=2),
            *_of_plane(4 * w, 8 * w, stride=1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = _head(8 * w, n_classes)

    def forward(self, log_mel: Tensor) -> Tensor:
        """(batch, frames, mels) -> (batch, n_classes)"""
        return self.head(self.pool(self.features(log_mel[:, None])).flatten(1))


def make(kind: str, classes: tuple[str, ...], width: int, *, seed: int) -> NetworkClassifier:
    """Make an untrained network, with what attribution must know of it.

    Parameters
    ----------
    kind
        :data:`WAVEFORM` or :data:`SPECTROGRAM`.
    classes
        Names of the outputs.
    width
        Channels of the first layer.
    seed
        Of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == WAVEFORM:
            return NetworkClassifier(WaveformCnn(len(classes), width), classes=classes, sample_rate=RATE, name=kind)
        made = SpectrogramCnn(len(classes), width)
        return NetworkClassifier(made, classes=classes, frontend=LogMel(), name=kind)


def size(classifier: nn.Module) -> int:
    """Return the number of parameters that are learnt."""
    return sum(one.numel() for one in classifier.parameters())


def _of_time(n_in: int, n_out: int, kernel: int, *, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(n_in, n_out, kernel, stride), nn.BatchNorm1d(n_out), nn.ReLU()


def _of_plane(n_in: int, n_out: int, *, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(n_in, n_out, 3, stride, padding=1), nn.BatchNorm2d(n_out), nn.ReLU()


def _head(n_features: int, n_classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_features, _HIDDEN), nn.ReLU(), nn.Dropout(_DROPPED), nn.Linear(_HIDDEN, n_classes))
