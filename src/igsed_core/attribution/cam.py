"""CAM (Zhou et al. 2016): the clip-level head, applied to each feature frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from igsed_core.attribution import domain, mel
from igsed_core.attribution.base import FEATURE, Elements, Importance, checked
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
            features = mel.feature_map(model, mel.log_mel(model, waveforms))  # (n_clips, channels, freq, time)
            logits = model.head.frame_logits(features.mean(dim=2).transpose(1, 2))  # (n_clips, time, n_outputs)
            # The head of each place of the feature map: where it is linear, their mean over frequency is the frame's.
            turned = features.permute(0, 2, 3, 1)  # (n_clips, freq, time, channels)
            places = model.head.frame_logits(turned.flatten(0, 1)).unflatten(0, turned.shape[:2])
        grid = (classifier.encoder.frame_duration, classifier.encoder.frame_start)
        found = []
        for of_frames, of_places, wanted in zip(logits, places, classes, strict=True):
            one = of_frames.T[list(wanted)].cpu().numpy()
            elements = Elements(of_places.permute(2, 0, 1)[list(wanted)], FEATURE)
            found.append(Importance(one, abs(one), *grid, elements))
        return found
