"""What every encoder is: a front end and a frozen network that turns its log-mel map into feature frames."""

from __future__ import annotations

from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.models import inputs
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
    has_classifier : bool
        Whether the network holds the classifier that it was trained with.
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
        has_classifier: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        self.frontend = frontend
        self.network = network
        self.n_features = n_features
        self.frame_duration = frame_duration
        self.frame_start = frame_start
        self.weights_sha256 = weights_sha256
        self.has_classifier = has_classifier
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Encoder:
        """Stay in evaluation mode, whatever `mode` says."""
        super().train(False)
        return self

    def require_classifier(self) -> None:
        """Raise an :class:`IgsedError` unless the weights came with the classifier they were trained with."""
        if not self.has_classifier:
            raise IgsedError(
                f"the weights of encoder {self.name!r} came without its AudioSet classifier, so it gives features "
                "only: load the published checkpoint"
            )

    def pooled_embedding(self) -> nn.Linear:
        """Return the layer that the network has, with a ReLU, between its pooling and its output layer.

        Raises
        ------
        IgsedError
            If it has none.
        """
        raise IgsedError(
            f"encoder {self.name!r} has no layer between its pooling and its output layer: "
            "use pooled_embedding=dropped, or encoder=cnn14"
        )

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
            If the waveform is no batch of sounds (:func:`igsed_core.models.inputs.checked`), or shorter than one
            feature frame.
        """
        waveform = inputs.checked(waveform, self)
        needed = round(self.frame_duration * self.frontend.sample_rate)
        if waveform.shape[-1] < needed:
            raise IgsedError(
                f"waveform has {waveform.shape[-1]} samples, encoder {self.name!r} needs {needed} "
                f"({self.frame_duration} s) for one feature frame; give a longer clip or pad it with zeros"
            )
        features = self.feature_map(self.frontend(waveform))  # (batch, channels, freq, time)
        return features.mean(dim=2).transpose(1, 2)  # (batch, time, channels)
