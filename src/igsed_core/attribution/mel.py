"""The log-mel map of a frozen encoder: the folded network piece by piece, and means over time.

What a method needs of its input, be it a log-mel map or a waveform, it asks of :mod:`igsed_core.attribution.domain`.
Here is what is particular to encoders: feature maps, and the folded copy. Everything works on batches of clips of one
length; a forward pass serves all classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution.base import BIN, SAMPLE, Elements, Importance
from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.attribution.passes import derived as derived
from igsed_core.attribution.passes import gradients as gradients
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier
from igsed_core.models.frontend import FrontEnd

STEP = 0.01  # s, of attributions of samples


def folded(classifier: Classifier) -> MelScore:
    """Return the lean copy of a classifier, made once.

    Raises
    ------
    igsed_core.attribution.ig.reduced.UnsupportedEncoder
        If the encoder is no front end, then a network.
    """
    return derived(classifier, "folded", lambda: MelScore(classifier))


def log_mel(model: MelScore, waveforms: Tensor) -> Tensor:
    """Log-mel maps without a graph: ``(n_clips, n_samples) -> (n_clips, frames, mels)``."""
    with torch.no_grad():
        return model.encoder.frontend(waveforms)


def silence(model: MelScore, log_mel: Tensor) -> Tensor:
    """What the front end gives for silence, a single number: ``[shape=()]``."""
    return model.encoder.frontend.compress(log_mel.new_zeros(()))


def feature_map(model: MelScore, log_mel: Tensor) -> Tensor:
    """(n_clips, frames, mels) -> (n_clips, channels, freq, time)."""
    return model.encoder.feature_map(log_mel)


def score_features(model: MelScore, features: Tensor) -> Tensor:
    """Logits of a feature map: (n_clips, channels, freq, time) -> (n_clips, n_outputs)."""
    return model.head.clip_logits(features.mean(dim=2).transpose(1, 2))


def score(model: MelScore, log_mel: Tensor) -> Tensor:
    """Logits of log-mel maps: (n_clips, frames, mels) -> (n_clips, n_outputs)."""
    return score_features(model, feature_map(model, log_mel))


def of_map(attribution: Tensor, frontend: FrontEnd) -> Importance:
    """Means over the mel bins: ``(n_classes, frames, mels)``; a frame is centred on a multiple of the hop."""
    step = frontend.hop_length / frontend.sample_rate
    signed, absolute = (values.mean(dim=-1).cpu().numpy() for values in (attribution, attribution.abs()))
    elements = Elements(attribution.detach(), BIN)
    return Importance(signed.astype(np.float32), absolute.astype(np.float32), step, -step / 2, elements)


def of_samples(attribution: Tensor, sample_rate: int) -> Importance:
    """Means over 10 ms, as the paper's (section II-C): ``(n_classes, n_samples)``.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.mel import of_samples
    >>> found = of_samples(torch.tensor([[1.0, -1.0, 3.0, 1.0]]), sample_rate=200)
    >>> found.signed.tolist(), found.absolute.tolist(), found.step
    ([[0.0, 2.0]], [[1.0, 2.0]], 0.01)
    """
    window = round(STEP * sample_rate)
    values = attribution.cpu().numpy()
    signed, absolute = (frames.window_mean(v, window).astype(np.float32) for v in (values, np.abs(values)))
    return Importance(signed, absolute, window / sample_rate, elements=Elements(attribution.detach(), SAMPLE))
