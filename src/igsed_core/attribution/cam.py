"""CAM (Zhou et al. 2016): the clip-level head, applied to each feature frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from igsed_core.attribution import domain, mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.models.classifier import AnyClassifier


class ClassActivationMap:
    """Logit of the linear head for every feature frame.

    With mean pooling the logits of the frames have the clip's logit as their mean. With max pooling, as here, the
    clip's logit is that of a frame made of each feature's maximum: a lone frame reaches it only if all features that
    count are at their maximum there, and no frame exceeds it where all weights are positive.
    """

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        classifier = domain.feature_frames(classifier, "CAM")
        model = mel.folded(classifier)
        with torch.no_grad():
            features = mel.feature_map(model, mel.log_mel(model, waveforms)).mean(dim=2)  # (n_clips, channels, time)
            logits = model.head.frame_logits(features.transpose(1, 2)).transpose(1, 2)  # (n_clips, n_outputs, time)
        encoder = classifier.encoder
        of_clips = [one[list(wanted)].cpu().numpy() for one, wanted in zip(logits, classes, strict=True)]
        return [Importance(one, abs(one), encoder.frame_duration, encoder.frame_start) for one in of_clips]
