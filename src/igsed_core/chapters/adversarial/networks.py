"""Five classifiers of the kinds of Subramanian et al. 2019, smaller: four hear a log-mel map, one the waveform."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from igsed_core.base._torchaudio import torchaudio
from igsed_core.chapters.adversarial.names import DENSE_MEL, DENSE_WAVE, GATED, RECURRENT, VGG
from igsed_core.models.frontend import FrontEnd

_BLOCKS = (1, 2, 4)  # channels of a block, times the width


class LogMel(FrontEnd):
    """Log-mel map at any rate: frames of 32 ms every 16 ms, levels from -100 dB to about 0 as -1 to 1.

    Parameters
    ----------
    sample_rate
        In Hz.
    n_mels
        Bands, from 40 Hz to half of the rate.
    """

    def __init__(self, sample_rate: int, n_mels: int) -> None:
        hop = round(0.016 * sample_rate)
        super().__init__(
            sample_rate=sample_rate,
            n_fft=2 * hop,
            hop_length=hop,
            window=torch.hann_window(2 * hop, periodic=True),
            mel_weights=torchaudio.functional.melscale_fbanks(
                hop + 1, 40.0, sample_rate / 2, n_mels, sample_rate, norm="slaney", mel_scale="slaney"
            ),
        )

    def compress(self, power: Tensor) -> Tensor:
        """Decibels, of any shape, scaled; silence is -1."""
        return torch.log10(power + 1e-10) / 5 + 1


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after)]


class _Gated(nn.Module):
    """A convolution whose channels are multiplied by gates between 0 and 1."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.values = nn.Sequential(*_convolution(before, 2 * after, stride))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.glu(self.values(x), dim=1)


def _blocks(width: int, *, gated: bool = False, pools: tuple[tuple[int, int], ...] = ((2, 2),) * 3) -> nn.Sequential:
    """Blocks of two convolutions; the very first goes two steps at a time, and all is four times as fast."""
    layers: list[nn.Module] = []
    before = 1
    for times, pool in zip(_BLOCKS, pools, strict=True):
        for after, stride in ((times * width, 2 if before == 1 else 1), (times * width, 1)):
            if gated:
                layers.append(_Gated(before, after, stride))
            else:
                layers += [*_convolution(before, after, stride), nn.ReLU()]
            before = after
        layers.append(nn.MaxPool2d(pool))
    return nn.Sequential(*layers)


class Convolutional(nn.Module):
    """Three blocks of two convolutions, gated or not, the mean over time and frequency, and a linear layer.

    Parameters
    ----------
    n_classes
        How many.
    width
        Channels of the first block.
    gated
        Whether gates take the place of rectifiers.
    """

    def __init__(self, n_classes: int, width: int, *, gated: bool = False) -> None:
        super().__init__()
        self.body = _blocks(width, gated=gated)
        self.out = nn.Linear(_BLOCKS[-1] * width, n_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster, of so few channels

    def forward(self, log_mel: Tensor) -> Tensor:
        """Logits: ``(n, frames, mels) -> (n, n_classes)``."""
        return self.out(self.body(log_mel[:, None]).mean(dim=(2, 3)))


class Recurrent(nn.Module):
    """The same blocks, which halve time thrice only, the mean over frequency, a recurrent layer, the mean over time.

    Parameters
    ----------
    n_classes, width
        As of :class:`Convolutional`.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        self.body = _blocks(width, pools=((2, 2), (2, 2), (1, 2)))
        size = _BLOCKS[-1] * width
        self.recurrent = nn.GRU(size, size // 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(size, n_classes)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Logits: ``(n, frames, mels) -> (n, n_classes)``."""
        x = self.body(log_mel[:, None]).mean(dim=3).transpose(1, 2)  # (n, time, channels)
        return self.out(self.recurrent(x)[0].mean(dim=1))


class _DenseLayer(nn.Module):
    """A convolution whose output joins its input."""

    def __init__(self, before: int, growth: int, dims: int) -> None:
        super().__init__()
        norm, layer = (nn.BatchNorm2d, nn.Conv2d) if dims == 2 else (nn.BatchNorm1d, nn.Conv1d)
        self.new = nn.Sequential(norm(before), nn.ReLU(), layer(before, growth, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.new(x)], dim=1)


def _dense(before: int, growth: int, *, dims: int, blocks: int, layers: int, pool: int) -> tuple[list[nn.Module], int]:
    norm, layer, mean = (
        (nn.BatchNorm2d, nn.Conv2d, nn.AvgPool2d) if dims == 2 else (nn.BatchNorm1d, nn.Conv1d, nn.AvgPool1d)
    )
    made: list[nn.Module] = []
    for block in range(blocks):
        for _ in range(layers):
            made.append(_DenseLayer(before, growth, dims))
            before += growth
        made += [norm(before), nn.ReLU()]
        if block < blocks - 1:
            made += [layer(before, before // 2, 1, bias=False), mean(pool)]
            before //= 2
    return made, before


class DenseMel(nn.Module):
    """Dense blocks on the log-mel map.

    Parameters
    ----------
    n_classes
        How many.
    width
        A layer adds two thirds of so many channels.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        growth = max(2, 2 * width // 3)
        layers, size = _dense(2 * growth, growth, dims=2, blocks=3, layers=2, pool=2)
        self.body = nn.Sequential(nn.Conv2d(1, 2 * growth, 5, stride=2, padding=2, bias=False), *layers)
        self.out = nn.Linear(size, n_classes)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Logits: ``(n, frames, mels) -> (n, n_classes)``."""
        return self.out(self.body(log_mel[:, None]).mean(dim=(2, 3)))


class DenseWave(nn.Module):
    """Dense blocks on the waveform, behind a bank of filters that is learnt.

    Parameters
    ----------
    n_classes
        How many.
    width
        Channels that a layer adds.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        filters = 2 * width
        layers, size = _dense(filters, width, dims=1, blocks=4, layers=2, pool=4)
        self.body = nn.Sequential(
            nn.Conv1d(1, filters, 64, stride=16, padding=32, bias=False),
            nn.BatchNorm1d(filters),
            nn.ReLU(),
            nn.Conv1d(filters, filters, 9, stride=4, padding=4, bias=False),
            *layers,
        )
        self.out = nn.Linear(size, n_classes)

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits: ``(n, n_samples) -> (n, n_classes)``."""
        return self.out(self.body(waveform[:, None]).mean(dim=2))


MAKERS: dict[str, Callable[[int, int], nn.Module]] = {
    VGG: Convolutional,
    GATED: lambda n_classes, width: Convolutional(n_classes, max(2, 2 * width // 3), gated=True),  # gates are doubled
    RECURRENT: Recurrent,
    DENSE_MEL: DenseMel,
    DENSE_WAVE: DenseWave,
}


def hears_waveform(name: str) -> bool:
    """Whether a network hears the waveform, and not its log-mel map."""
    return name == DENSE_WAVE
