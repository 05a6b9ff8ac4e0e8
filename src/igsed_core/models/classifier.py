"""The classifier that is explained: waveform -> clip-level logits, with its hidden time axis exposed."""

from __future__ import annotations

from torch import Tensor, nn

from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.heads import Head


class Classifier(nn.Module):
    """A frozen encoder and a head as one function of the waveform.

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
        taken = getattr(getattr(head, "linear", None), "in_features", None)
        given = getattr(encoder, "n_features", None)
        if None not in (taken, given) and taken != given:
            raise IgsedError(
                f"the head takes {taken} features, but encoder {encoder.name!r} gives {given}: use the encoder that "
                "the head was trained with"
            )
        self.encoder = encoder
        self.head = head

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits: ``(batch, samples) -> (batch, n_classes)``; other inputs are refused by the encoder."""
        return self.head.clip_logits(self.encoder(waveform))
