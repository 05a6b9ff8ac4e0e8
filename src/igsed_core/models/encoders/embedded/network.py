"""Encoder `embedded`: a compact relative of CNN14 that ships with the package, trained by the project itself.

It keeps what matters of CNN14 (Kong et al.: PANNs, 2020): the front end, batch normalisation over the mel
bands, blocks of 3x3 convolutions with average pooling, and a feature frame for each 32 log-mel frames. A
strided first convolution makes it more than a hundred times cheaper. `scripts/train_embedded_encoder.py` trained it on
procedural sounds; `embedded.json` beside this file says how, and how well it does.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders import checkpoints
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import PannsLogMel

NAME = "embedded"
N_FEATURES = 512
WEIGHTS = Path(__file__).with_name("embedded.safetensors")
_N_MELS = 64
_REMEDY = "use a file that scripts/train_embedded_encoder.py wrote, or leave `weights` empty"


def _convolution(n_in: int, n_out: int, kernel: int, *, stride: int = 1, padding: int = 0) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


class CompactCnn(nn.Module):
    """Log-mel map to feature map, 32 log-mel frames to one."""

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(_N_MELS)
        # A kernel of 8 at stride 4 keeps frame k on log-mel frames 4k..4k+3, as pooling would.
        self.stem = _convolution(1, 24, 8, stride=4, padding=2)
        self.block1 = _convolution(24, 48, 3, padding=1)
        self.block2 = _convolution(48, 96, 3, padding=1)
        self.block3 = _convolution(96, 192, 3, padding=1)
        self.expand = _convolution(192, N_FEATURES, 1)
        self.pool = nn.AvgPool2d(2)
        self.pool_time = nn.AvgPool2d((1, 2))

    def forward(self, log_mel: Tensor) -> Tensor:
        """Feature map: (batch, frames, 64) -> (batch, 512, 4, frames // 32)."""
        # Without contiguous() the backward pass of torch 2.13 on a CPU gives the gradient of another layout.
        x = self.bn0(log_mel.transpose(1, 2)[..., None].contiguous())  # (batch, mels, frames, 1)
        x = self.stem(x.permute(0, 3, 1, 2))  # (batch, 24, 16, frames // 4)
        x = self.pool(self.block1(x))  # (batch, 48, 8, frames // 8)
        x = self.pool(self.block2(x))  # (batch, 96, 4, frames // 16)
        x = self.pool_time(self.block3(x))  # (batch, 192, 4, frames // 32)
        return self.expand(x)  # (batch, 512, 4, frames // 32)


def load(weights: str, window: str, *, name: str = NAME) -> Encoder:
    """Load the embedded encoder.

    Parameters
    ----------
    weights : str
        Path of a file of weights of the same network; empty for the one in the package.
    window : str
        Empty, or the window that the weights were trained with: the file names it, and the two must agree.
    name : str
        What the encoder is called; :mod:`igsed_core.models.encoders.embedded_mean.network` has the same network.

    Raises
    ------
    IgsedError
        If the file is absent, is no file of weights or does not fit, or names another window.
    """
    checkpoint = checkpoints.read(weights or WEIGHTS, name, _REMEDY)
    path, trained_with = checkpoint.path, checkpoint.metadata.get("window", "hann")
    if window not in ("", trained_with):
        raise IgsedError(
            f"window = {window!r}, but {path} was trained with {trained_with!r}; leave `window` empty to use that"
        )
    network = CompactCnn()
    state = checkpoints.state_dict(checkpoint.content, path, _REMEDY)
    state = checkpoints.without_prefix(state, network.state_dict(), path, _REMEDY)
    checkpoints.load(network, state, head=(), path=path, encoder=name, remedy=_REMEDY)
    return Encoder(
        name,
        PannsLogMel(trained_with),
        network,
        n_features=N_FEATURES,
        frame_duration=0.32,
        frame_start=0.0,
        weights_sha256=checkpoint.sha256,
    )
