"""What every encoder is: a front end and a frozen network that turns its log-mel map into feature frames."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.models.frontend import FrontEnd


class Encoder(nn.Module):
    """A front end and a pretrained network, frozen for good.

    Frozen means evaluation mode too (statistics of batch normalisation, dropout): `train()` leaves it as it is,
    also when called on a module that holds the encoder. Gradients still flow to the waveform.

    Parameters
    ----------
    name : str
        Name in the registry.
    frontend : FrontEnd
        Waveform to log-mel map.
    network : nn.Module
        Log-mel map (batch, frames, mels) to feature map (batch, channels, freq, time).
    n_features : int
        Channels of the feature map.
    frame_duration : float
        Seconds from one feature frame to the next.
    frame_start : float
        Second at which the first feature frame begins: frame `k` stands for the stretch from
        `frame_start + k * frame_duration`, `frame_duration` long. Zero where the network pools whole groups
        of log-mel frames; minus half a frame where strided convolutions centre a frame on every n-th one.
    weights_sha256 : str
        SHA-256 of the file that the weights came from.
    """

    def __init__(
        self,
        name: str,
        frontend: FrontEnd,
        network: nn.Module,
        *,
        n_features: int,
        frame_duration: float,
        frame_start: float,
        weights_sha256: str,
    ) -> None:
        super().__init__()
        self.name = name
        self.frontend = frontend
        self.network = network
        self.n_features = n_features
        self.frame_duration = frame_duration
        self.frame_start = frame_start
        self.weights_sha256 = weights_sha256
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Encoder:
        """Stay in evaluation mode, whatever `mode` says."""
        super().train(False)
        return self

    def feature_map(self, log_mel: Tensor) -> Tensor:
        """Features over frequency and time.

        Parameters
        ----------
        log_mel : Tensor [shape=(batch, frames, mels)]

        Returns
        -------
        Tensor [shape=(batch, channels, freq, time)]
        """
        return self.network(log_mel)

    def forward(self, waveform: Tensor) -> Tensor:
        """Feature frames of a waveform: (batch, samples) -> (batch, time, channels), the mean over frequency.

        Raises
        ------
        IgsedError
            If the waveform is shorter than one feature frame.
        """
        needed = round(self.frame_duration * self.frontend.sample_rate)
        if waveform.shape[-1] < needed:
            raise IgsedError(
                f"waveform has {waveform.shape[-1]} samples, encoder {self.name!r} needs {needed} "
                f"({self.frame_duration} s) for one feature frame; give a longer clip or pad it with zeros"
            )
        features = self.feature_map(self.frontend(waveform))  # (batch, channels, freq, time)
        return features.mean(dim=2).transpose(1, 2)  # (batch, time, channels)


def read_weights(path: Path, encoder: str) -> tuple[bytes, str]:
    """Bytes of a file of weights and their SHA-256.

    Raises
    ------
    IgsedError
        If there is no such file.
    """
    if not path.is_file():
        raise IgsedError(
            f"{path}: no such file; give the weights of encoder {encoder!r} as `weights`, or leave it empty"
        )
    content = path.read_bytes()
    return content, hashlib.sha256(content).hexdigest()


def load_strictly(network: nn.Module, state: object, path: Path, encoder: str, remedy: str) -> None:
    """Load a state dict that must fit in every key and shape.

    Raises
    ------
    IgsedError
        If `state` is no state dict or does not fit; the message ends with `remedy`.
    """
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise IgsedError(f"{path}: not a state dict (parameter name -> tensor); {remedy}")
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise IgsedError(f"{path}: does not fit encoder {encoder!r}; {remedy}\n{error}") from error
