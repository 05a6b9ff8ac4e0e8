"""CAM at several shifts in time: the same frozen network read more finely than its feature frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution import domain, mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.ig.reduced import MelScore
from igsed_core.base.errors import IgsedError
from igsed_core.models.classifier import AnyClassifier

SHIFTS = 8  # of 0.32 s: a step of 40 ms, so that an evaluation frame of 100 ms sees at least two


class ShiftedCam:
    """Logit of the linear head for every feature frame of the clip and of copies of it that begin later.

    A feature frame sees more than its own stretch, but it is given one place, its centre. Copies that begin a
    fraction of a feature frame later have their centres in between; interleaved, they are one finer CAM. The front
    end runs once, since its frames are shifted as a whole; the end is continued by its mirror image.

    Parameters
    ----------
    shifts
        Copies in a feature frame, a divisor of its log-mel frames; 1 is CAM itself.
    """

    def __init__(self, shifts: int = SHIFTS) -> None:
        self.shifts = shifts

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`).

        Raises
        ------
        IgsedError
            If the log-mel frames of a feature frame are no multiple of the shifts.
        """
        classifier = domain.feature_frames(classifier, "CAM at shifts")
        model = mel.folded(classifier)
        made = []
        for waveform, wanted in zip(waveforms, classes, strict=True):
            found = features(model, mel.log_mel(model, waveform[None])[0], self.shifts)
            with torch.no_grad():
                logits = model.head.frame_logits(found.values)  # (time * shifts, n_outputs)
            signed = logits.T[list(wanted)].cpu().numpy()  # (n_classes, time * shifts)
            made.append(Importance(signed, abs(signed), found.step, found.start))
        return made


@dataclass(frozen=True, eq=False)
class Shifted:
    """Feature frames of one clip at several shifts, interleaved.

    Attributes
    ----------
    values
        ``[shape=(n_steps, n_features)]``
    step, start
        From one to the next, and the begin of the first, in seconds.
    """

    values: Tensor
    step: float
    start: float


def features(model: MelScore, log_mel: Tensor, shifts: int) -> Shifted:
    """Feature frames of a clip and of copies of it that begin a fraction of a feature frame later, interleaved.

    Parameters
    ----------
    model
        The lean copy of a classifier (:func:`igsed_core.attribution.mel.folded`).
    log_mel
        Log-mel map of the clip, ``(frames, mels)``.
    shifts
        Copies in a feature frame.

    Raises
    ------
    IgsedError
        If the log-mel frames of a feature frame are no multiple of the shifts.

    Examples
    --------
    >>> import torch
    >>> from igsed_core.attribution import mel
    >>> from igsed_core.attribution.shifted_cam import features
    >>> from igsed_core.models import heads
    >>> from igsed_core.models.classifier import Classifier
    >>> from igsed_core.models.encoders import registry
    >>> encoder = registry.load("embedded")
    >>> classifier = Classifier(encoder, heads.create("clip_level", encoder.n_features, ["Bell"], seed=0))
    >>> model = mel.folded(classifier)
    >>> found = features(model, mel.log_mel(model, torch.zeros(1, 64000))[0], shifts=4)
    >>> len(found.values), round(found.step, 3)
    (26, 0.08)
    """
    encoder, frontend = model.encoder, model.encoder.frontend
    ratio = round(encoder.frame_duration * frontend.sample_rate / frontend.hop_length)
    if shifts < 1 or ratio % shifts:
        raise IgsedError(f"{shifts} shifts of a feature frame of {ratio} log-mel frames: take a divisor of {ratio}")
    step = encoder.frame_duration / shifts
    start = encoder.frame_start + (encoder.frame_duration - step) / 2
    before = max(0, int(np.ceil(start / step - 1e-9)))  # steps from the clip's begin to the first centre
    later = [_later(log_mel, k * ratio // shifts) for k in range(shifts)]
    with torch.no_grad():
        values = mel.feature_map(model, torch.stack(later)).mean(dim=2)  # (shifts, channels, time)
    values = values.permute(2, 0, 1).flatten(0, 1)  # (time * shifts, channels)
    return Shifted(torch.cat([values[:1].expand(before, -1), values]), step, start - before * step)


def _later(log_mel: Tensor, n_frames: int) -> Tensor:
    """Let a log-mel map begin later; it ends with the mirror image of its end: ``(frames, mels)``."""
    return torch.cat([log_mel[n_frames:], log_mel[len(log_mel) - n_frames :].flip(0)])
