"""What is explained: waveform -> clip-level logits; a frozen encoder with a head, or a network trained as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import FrontEnd
from igsed_core.models.heads import Head


class Classifier(nn.Module):
    """A frozen encoder and a head as one function of the waveform, with its hidden time axis exposed.

    Parameters
    ----------
    encoder
        Waveform -> feature frames.
    head
        Feature frames -> clip-level logits.

    Raises
    ------
    IgsedError
        If the head was made for another number of features than the encoder gives.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        taken = getattr(head, "n_features", None)
        given = getattr(encoder, "n_features", None)
        if None not in (taken, given) and taken != given:
            raise IgsedError(
                f"the head takes {taken} features, but encoder {encoder.name!r} gives {given}: use the encoder that "
                "the head was trained with"
            )
        self.encoder = encoder
        self.head = head

    @property
    def name(self) -> str:
        """Name for messages."""
        return self.encoder.name

    @property
    def sample_rate(self) -> int:
        """Of the waveforms that it hears, in Hz."""
        return self.encoder.frontend.sample_rate

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the outputs."""
        return self.head.classes

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits: ``(batch, samples) -> (batch, n_classes)``; other inputs are refused by the encoder."""
        return self.head.clip_logits(self.encoder(waveform))


class NetworkClassifier(nn.Module):
    """Any network with clip-level logits, with what attribution must know of it: what it hears, and its classes.

    Parameters
    ----------
    network
        ``(batch, samples) -> (batch, n_classes)``; behind a front end ``(batch, frames, mels) -> (batch, n_classes)``.
    classes
        Class names, in the order of the outputs.
    sample_rate
        Of the waveforms, in Hz; a front end says its own.
    frontend
        Waveform -> log-mel map; none for a network that hears the waveform.
    name
        For messages.

    Raises
    ------
    IgsedError
        If the sample rate is not given and there is no front end to say it, or the two disagree.

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Linear(16, 2))
    >>> classifier = NetworkClassifier(network, classes=["Bell", "Hum"], sample_rate=16)
    >>> classifier(torch.zeros(3, 16)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str],
        sample_rate: int | None = None,
        frontend: FrontEnd | None = None,
        name: str = "network",
    ) -> None:
        super().__init__()
        if frontend is not None and sample_rate not in (None, frontend.sample_rate):
            raise IgsedError(
                f"parameter 'sample_rate' is {sample_rate} Hz, but the front end of network {name!r} needs "
                f"{frontend.sample_rate} Hz: leave it out"
            )
        rate = sample_rate if frontend is None else frontend.sample_rate
        if not rate or rate < 0:
            raise IgsedError(
                f"parameter 'sample_rate' of network {name!r} is {rate}: give that of its waveforms, in Hz"
            )
        self.network = network
        self.frontend = frontend
        self.name = name
        self.sample_rate = rate
        self.classes = tuple(classes)

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits: ``(batch, samples) -> (batch, n_classes)``."""
        return self.network(waveform if self.frontend is None else self.frontend(waveform))


AnyClassifier = Classifier | NetworkClassifier
