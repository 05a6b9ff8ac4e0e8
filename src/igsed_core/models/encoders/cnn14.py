"""Encoder `cnn14`: the CNN14 of PANNs, trained on AudioSet; the encoder of the paper.

Kong et al.: PANNs: Large-scale pretrained audio neural networks for audio pattern recognition, IEEE/ACM TASLP 28,
2020, Table I. The names of the modules are those of the public checkpoint, which is loaded strictly. The checkpoint
also holds the front end as weights of convolutions: the analysis window is read from it, and the rest must agree
with `igsed_core.models.frontend.PannsLogMel`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.data import assets
from igsed_core.models.encoders import checkpoints
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import WINDOWS, PannsLogMel

NAME = "cnn14"
N_FEATURES = 2048
N_AUDIOSET = 527
_N_MELS = 64
_HEAD = ("fc1", "fc_audioset")
_CHANNELS = (1, 64, 128, 256, 512, 1024, 2048)
_REMEDY = "use Cnn14_mAP=0.431.pth of PANNs or a fine-tuned copy of it, or leave `weights` empty"
_REAL = "spectrogram_extractor.stft.conv_real.weight"
_IMAGINARY = "spectrogram_extractor.stft.conv_imag.weight"
_MEL = "logmel_extractor.melW"


class _ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation and a ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.bn2 = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(x)))


class Cnn14(nn.Module):
    """The network of CNN14, with the AudioSet classifier it was trained with."""

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(_N_MELS)
        self.conv_block1 = _ConvBlock(_CHANNELS[0], _CHANNELS[1])
        self.conv_block2 = _ConvBlock(_CHANNELS[1], _CHANNELS[2])
        self.conv_block3 = _ConvBlock(_CHANNELS[2], _CHANNELS[3])
        self.conv_block4 = _ConvBlock(_CHANNELS[3], _CHANNELS[4])
        self.conv_block5 = _ConvBlock(_CHANNELS[4], _CHANNELS[5])
        self.conv_block6 = _ConvBlock(_CHANNELS[5], _CHANNELS[6])
        self.fc1 = nn.Linear(N_FEATURES, N_FEATURES)
        self.fc_audioset = nn.Linear(N_FEATURES, N_AUDIOSET)
        self.pool = nn.AvgPool2d(2)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Feature map: (batch, frames, 64) -> (batch, 2048, 2, frames // 32)."""
        x = self._normalise(log_mel).transpose(1, 2)[:, None]  # (batch, 1, mels, frames)
        x = self.pool(self.conv_block1(x))  # (batch, 64, 32, frames // 2)
        x = self.pool(self.conv_block2(x))  # (batch, 128, 16, frames // 4)
        x = self.pool(self.conv_block3(x))  # (batch, 256, 8, frames // 8)
        x = self.pool(self.conv_block4(x))  # (batch, 512, 4, frames // 16)
        x = self.pool(self.conv_block5(x))  # (batch, 1024, 2, frames // 32)
        return self.conv_block6(x)  # (batch, 2048, 2, frames // 32)

    def turn(self) -> None:
        """Exchange the two axes of all kernels: the authors' maps have frames before mels, ours mels before frames.

        Processors are faster where the last axis is long: it is 2 at the end of the authors' network.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.transpose(2, 3).contiguous()

    def _normalise(self, log_mel: Tensor) -> Tensor:
        """Batch normalisation of each mel band in evaluation mode, written out.

        The authors call `bn0` on a map of the shape (batch, mels, frames, 1). There torch 2.13 on a CPU gives a wrong
        gradient, at other frames, whenever the map and the gradient that comes back differ in their memory layout.
        """
        mean, variance = self.bn0.running_mean, self.bn0.running_var
        assert mean is not None and variance is not None  # for the type checker
        return (log_mel - mean) * (self.bn0.weight * torch.rsqrt(variance + self.bn0.eps)) + self.bn0.bias


class Cnn14Encoder(Encoder):
    """`cnn14` with its original classifier at hand."""

    network: Cnn14

    def pooled_embedding(self) -> nn.Linear:
        """Return ``fc1``.

        Raises
        ------
        IgsedError
            If the weights came without it.
        """
        self.require_classifier()
        return self.network.fc1

    def audioset_logits(self, waveform: Tensor) -> Tensor:
        """Logits of the 527 AudioSet classes: (batch, samples) -> (batch, 527).

        Raises
        ------
        IgsedError
            If the weights came without that classifier.
        """
        self.require_classifier()
        frames = self(waveform)  # (batch, time, 2048)
        pooled = frames.amax(dim=1) + frames.mean(dim=1)  # (batch, 2048)
        return self.network.fc_audioset(torch.relu(self.network.fc1(pooled)))


def load(weights: str, window: str) -> Cnn14Encoder:
    """Load CNN14.

    Parameters
    ----------
    weights : str
        Path of a checkpoint with the same features; empty for the public one, fetched on first use.
    window : str
        "hann" or "hamming", which must be the window of the checkpoint; empty to take that.

    Raises
    ------
    IgsedError
        If the file is absent, is no checkpoint or does not fit, or holds another window or front end.
    """
    checkpoint = checkpoints.read(weights or assets.fetch(NAME), NAME, _REMEDY)
    return from_checkpoint(checkpoint.content, checkpoint.path, window, checkpoint.sha256)


def from_checkpoint(checkpoint: Any, path: Path, window: str, sha256: str) -> Cnn14Encoder:
    """Build the encoder from a checkpoint in memory.

    Parameters
    ----------
    checkpoint : dict
        As published, ``{"model": state dict}``, wrapped otherwise, or the state dict itself.
    path : Path
        Where it comes from, for messages.
    window : str
        As for :func:`load`.
    sha256 : str
        Checksum of the file.

    Raises
    ------
    IgsedError
        As :func:`load`.
    """
    with torch.device("meta"):  # 80 million parameters: no initial values to be thrown away
        network = Cnn14()
    state = checkpoints.state_dict(checkpoint, path, _REMEDY)
    state = checkpoints.without_prefix(state, network.state_dict(), path, _REMEDY)
    frontend = _read_frontend({name: state.pop(name, None) for name in (_REAL, _IMAGINARY, _MEL)}, path)
    if window not in ("", frontend.window_name):
        raise IgsedError(
            f"window = {window!r}, but {path} was trained with {frontend.window_name!r}; set window to that, "
            "or leave it empty to use what the checkpoint holds"
        )
    network = network.to_empty(device="cpu")
    complete = checkpoints.load(network, state, head=_HEAD, path=path, encoder=NAME, remedy=_REMEDY)
    network.turn()
    return Cnn14Encoder(
        NAME,
        frontend,
        network,
        n_features=N_FEATURES,
        frame_duration=0.32,
        frame_start=0.0,
        weights_sha256=sha256,
        has_classifier=complete,
    )


def _read_frontend(stored: dict[str, Tensor | None], path: Path) -> PannsLogMel:
    """Find the window that a checkpoint was trained with, and hold its whole front end against ours.

    The Fourier transform is stored as convolutions: row `k` is the window times the cosine (and minus the sine) of
    the `k`-th frequency, so that the row of frequency 0 is the window itself.
    """
    n_fft = 1024
    shapes = {
        _REAL: (n_fft // 2 + 1, 1, n_fft),
        _IMAGINARY: (n_fft // 2 + 1, 1, n_fft),
        _MEL: (n_fft // 2 + 1, _N_MELS),
    }
    for name, shape in shapes.items():
        tensor = stored[name]
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            found = tuple(tensor.shape) if isinstance(tensor, Tensor) else "nothing"
            raise IgsedError(
                f"{path}: does not fit encoder {NAME!r}: {name} should be of the shape {shape}, "
                f"found {found}; {_REMEDY}"
            )
    real, imaginary, mel = (stored[name].double().squeeze(1) for name in shapes)  # type: ignore[union-attr]
    for window in WINDOWS:
        frontend = PannsLogMel(window)
        if torch.allclose(real[0], frontend.window.double(), atol=1e-5):
            break
    else:
        raise IgsedError(
            f"{path}: its analysis window is none of {', '.join(WINDOWS)} (first sample {float(real[0, 0]):.4g}: "
            f"0 would be Hann, 0.08 Hamming); {_REMEDY}"
        )
    frequencies = torch.arange(n_fft // 2 + 1, dtype=torch.float64)
    phase = 2 * math.pi / n_fft * torch.outer(frequencies, torch.arange(n_fft, dtype=torch.float64))
    for stored_part, expected in (
        (real, frontend.window * torch.cos(phase)),
        (imaginary, -frontend.window * torch.sin(phase)),
        (mel, frontend.mel_weights.double()),
    ):
        if not torch.allclose(stored_part, expected, atol=1e-4):
            raise IgsedError(f"{path}: its Fourier transform or mel filter bank is not that of CNN14; {_REMEDY}")
    return frontend
