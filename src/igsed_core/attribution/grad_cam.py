"""Grad-CAM (Selvaraju et al. 2017) and Layer-CAM (Jiang et al. 2021) on the encoder's feature map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from igsed_core.attribution import domain, mel, passes
from igsed_core.attribution.base import FEATURE, Elements, Importance, checked
from igsed_core.models.classifier import AnyClassifier


def weighted(activation: Tensor, gradient: Tensor, *, layer: bool = False) -> Tensor:
    """Weigh a feature map by the gradient of a score, and keep what is positive.

    Parameters
    ----------
    activation
        ``[shape=(channels, ...)]``, or one for each score, ``(n, channels, ...)``; what follows are places.
    gradient
        ``[shape=(n, channels, ...)]``
    layer
        Weigh each place by its own positive gradient (Layer-CAM), not each channel by the mean of its gradient.

    Returns
    -------
    Tensor [shape=(n, ...)]

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution.grad_cam import weighted
    >>> activation = torch.tensor([[1.0, 2.0], [3.0, 0.0]])  # two channels at two places
    >>> gradient = torch.tensor([[[1.0, 1.0], [-1.0, 0.0]]])  # of one score
    >>> weighted(activation, gradient).tolist()
    [[0.0, 2.0]]
    >>> weighted(activation, gradient, layer=True).tolist()
    [[1.0, 2.0]]
    """
    weight = gradient.relu() if layer else gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
    return (weight * activation).sum(dim=1).relu()


class GradCam:
    """Feature map weighted by the gradient, its positive part, averaged over frequency.

    Parameters
    ----------
    layer
        Weigh each element by its own positive gradient (Layer-CAM), not each channel by the mean of its gradient.
        Behind global max pooling only each feature's highest frame has a gradient, so that Layer-CAM sees nothing else.
    """

    def __init__(self, *, layer: bool = False) -> None:
        self.layer = layer

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        classifier = domain.feature_frames(classifier, "Layer-CAM" if self.layer else "Grad-CAM")
        model, encoder = mel.folded(classifier), classifier.encoder
        features = mel.feature_map(model, mel.log_mel(model, waveforms)).detach().requires_grad_()
        found = []
        gradients = passes.gradients(mel.score_features(model, features), features, classes)
        for activation, gradient in zip(features.detach(), gradients, strict=True):
            places = weighted(activation, gradient, layer=self.layer)  # (n_classes, freq, time)
            values = places.mean(dim=1).cpu().numpy()
            elements = Elements(places, FEATURE)
            found.append(Importance(values, values, encoder.frame_duration, encoder.frame_start, elements))
        return found
