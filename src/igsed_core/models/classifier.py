"""The classifier that is explained: waveform -> clip-level logits, with its hidden time axis exposed."""

from __future__ import annotations

from torch import Tensor, nn

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
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits: ``(batch, samples) -> (batch, n_classes)``."""
        return self.head.clip_logits(self.encoder(waveform))
