"""CAM at several shifts in time: the same frozen network read more finely than its feature frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution import domain, mel
from igsed_core.attribution.base import Importance, checked
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
        encoder = classifier.encoder
        frontend = encoder.frontend
        ratio = round(encoder.frame_duration * frontend.sample_rate / frontend.hop_length)
        if self.shifts < 1 or ratio % self.shifts:
            raise IgsedError(
                f"{self.shifts} shifts of a feature frame of {ratio} log-mel frames: take a divisor of {ratio}"
            )
        model = mel.folded(classifier)
        step = encoder.frame_duration / self.shifts
        start = encoder.frame_start + (encoder.frame_duration - step) / 2
        before = max(0, int(np.ceil(start / step - 1e-9)))  # steps from the clip's begin to the first centre
        made = []
        for waveform, wanted in zip(waveforms, classes, strict=True):
            log_mel = mel.log_mel(model, waveform[None])[0]  # (frames, mels)
            later = [_later(log_mel, k * ratio // self.shifts) for k in range(self.shifts)]
            with torch.no_grad():
                features = mel.feature_map(model, torch.stack(later)).mean(dim=2)  # (shifts, channels, time)
                logits = model.head.frame_logits(features.transpose(1, 2))  # (shifts, time, n_outputs)
            signed = logits.transpose(0, 1).flatten(0, 1).T[list(wanted)].cpu().numpy()  # (n_classes, time * shifts)
            signed = np.pad(signed, ((0, 0), (before, 0)), mode="edge")
            made.append(Importance(signed, abs(signed), step, start - before * step))
        return made


def _later(log_mel: Tensor, n_frames: int) -> Tensor:
    """Let a log-mel map begin later; it ends with the mirror image of its end: ``(frames, mels)``."""
    return torch.cat([log_mel[n_frames:], log_mel[len(log_mel) - n_frames :].flip(0)])
