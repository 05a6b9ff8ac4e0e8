"""Encoder `mn04_as`: the MobileNetV3 of EfficientAT at width 0.4, trained on AudioSet.

Schmid, Koutini, Widmer: Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation,
ICASSP 2023 (the weights); Howard et al.: Searching for MobileNetV3, ICCV 2019, Table 1 (the network). The names
of the modules are those of the public checkpoint, which is loaded strictly.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.data import assets
from igsed_core.models.encoders import checkpoints
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import EfficientATLogMel

NAME = "mn04_as"
N_FEATURES = 384
N_AUDIOSET = 527
_N_HIDDEN = 512
_STEM = 8
_HEAD = ("classifier",)
_REMEDY = "use mn04_as_mAP_432.pt of EfficientAT or a fine-tuned copy of it, or leave `weights` empty"


class _Block(NamedTuple):
    """One row of Table 1 in Howard et al. at width 0.4: channels rounded to multiples of 8."""

    kernel: int
    expanded: int
    out: int
    attention: bool
    hard_swish: bool
    stride: int


_BLOCKS = (
    _Block(3, 8, 8, False, False, 1),
    _Block(3, 24, 16, False, False, 2),
    _Block(3, 32, 16, False, False, 1),
    _Block(5, 32, 16, True, False, 2),
    _Block(5, 48, 16, True, False, 1),
    _Block(5, 48, 16, True, False, 1),
    _Block(3, 96, 32, False, True, 2),
    _Block(3, 80, 32, False, True, 1),
    _Block(3, 72, 32, False, True, 1),
    _Block(3, 72, 32, False, True, 1),
    _Block(3, 192, 48, True, True, 1),
    _Block(3, 272, 48, True, True, 1),
    _Block(5, 272, 64, True, True, 2),
    _Block(5, 384, 64, True, True, 1),
    _Block(5, 384, 64, True, True, 1),
)


def _convolution(
    n_in: int, n_out: int, kernel: int, *, stride: int = 1, groups: int = 1, activation: nn.Module | None
) -> nn.Sequential:
    """Convolution, batch normalisation and, if given, an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([activation] if activation else []))


class _Squeeze(nn.Module):
    """A factor between 0 and 1 for each channel, from the means of all."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, means: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(torch.relu(self.fc1(means))))


class _ChannelAttention(nn.Module):
    """Squeeze-and-excitation on the channels, with a quarter of them in the middle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(8, (channels // 4 + 4) // 8 * 8)
        # The authors allow several such pairs of layers side by side; this checkpoint has one.
        self.conc_se_layers = nn.ModuleList([_Squeeze(channels, squeezed)])

    def forward(self, x: Tensor) -> Tensor:
        scale = self.conc_se_layers[0](x.mean(dim=(2, 3)))  # (batch, channels)
        return x * scale[:, :, None, None]


class _InvertedResidual(nn.Module):
    """Expand, filter each channel, attend to channels, project; add the input where the shape allows."""

    def __init__(self, n_in: int, block: _Block) -> None:
        super().__init__()
        activation = nn.Hardswish() if block.hard_swish else nn.ReLU()
        layers: list[nn.Module] = []
        if block.expanded != n_in:
            layers.append(_convolution(n_in, block.expanded, 1, activation=activation))
        layers.append(
            _convolution(
                block.expanded,
                block.expanded,
                block.kernel,
                stride=block.stride,
                groups=block.expanded,
                activation=activation,
            )
        )
        if block.attention:
            layers.append(_ChannelAttention(block.expanded))
        layers.append(_convolution(block.expanded, block.out, 1, activation=None))
        self.block = nn.Sequential(*layers)
        self.residual = block.stride == 1 and n_in == block.out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class MobileNet(nn.Module):
    """The network of mn04_as, with the AudioSet classifier it was trained with."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(1, _STEM, 3, stride=2, activation=nn.Hardswish())]
        n_in = _STEM
        for block in _BLOCKS:
            layers.append(_InvertedResidual(n_in, block))
            n_in = block.out
        layers.append(_convolution(n_in, N_FEATURES, 1, activation=nn.Hardswish()))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(N_FEATURES, _N_HIDDEN),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(_N_HIDDEN, N_AUDIOSET),
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        """Feature map: (batch, frames, mels) -> (batch, channels, mels // 32, ceil(frames / 32))."""
        return self.features(log_mel.transpose(1, 2)[:, None])


class MobileNetEncoder(Encoder):
    """`mn04_as` with its original classifier at hand."""

    network: MobileNet

    def audioset_logits(self, waveform: Tensor) -> Tensor:
        """Logits of the 527 AudioSet classes: (batch, samples) -> (batch, 527).

        Raises
        ------
        IgsedError
            If the weights came without that classifier.
        """
        self.require_classifier()
        return self.network.classifier(self.feature_map(self.frontend(waveform)))


def load(weights: str, window: str) -> MobileNetEncoder:
    """Load mn04_as.

    Parameters
    ----------
    weights : str
        Path of a checkpoint with the same features; empty for the public one, fetched on first use.
    window : str
        Empty or "hann", the only window of this front end.

    Raises
    ------
    IgsedError
        If the file is absent, is no checkpoint or does not fit, or `window` is another one.
    """
    if window not in ("", "hann"):
        raise IgsedError(f"window = {window!r}: encoder {NAME!r} was trained with 'hann'; leave it empty")
    checkpoint = checkpoints.read(weights or assets.fetch(NAME), NAME, _REMEDY)
    network = MobileNet()
    state = checkpoints.state_dict(checkpoint.content, checkpoint.path, _REMEDY)
    state = checkpoints.without_prefix(state, network.state_dict(), checkpoint.path, _REMEDY)
    complete = checkpoints.load(network, state, head=_HEAD, path=checkpoint.path, encoder=NAME, remedy=_REMEDY)
    return MobileNetEncoder(
        NAME,
        EfficientATLogMel(),
        network,
        n_features=N_FEATURES,
        frame_duration=0.32,
        frame_start=-0.16,
        weights_sha256=checkpoint.sha256,
        has_classifier=complete,
    )
