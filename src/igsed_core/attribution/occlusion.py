"""Occlusion (Zeiler and Fergus 2014): how far the score falls when a stretch of time is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution import mel
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.replacement import replacement
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier


class Occlusion:
    """Frames of the log-mel map are replaced, a window at a time; one pass for each window serves all classes.

    The importance of a step is the mean fall of the logit over the windows that cover it.

    Parameters
    ----------
    replace
        ``silence``, ``background`` or ``mean``; see :func:`igsed_core.attribution.replacement.replacement`.
    window
        Length of a window in seconds, a multiple of ``step``.
    step
        From one window to the next, in seconds.
    seed
        Of the draw of backgrounds.

    Raises
    ------
    IgsedError
        If the window is no multiple of the step.
    """

    def __init__(self, *, replace: str = "background", window: float = 0.1, step: float = 0.1, seed: int = 0) -> None:
        steps = window / step
        if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
            raise IgsedError(f"occlusion: 'window' is {window} s, but must be a multiple of 'step' ({step} s)")
        self.replace = replace
        self.steps = round(steps)
        self.step = step
        self.seed = seed

    @checked
    def __call__(self, classifier: Classifier, waveforms: Tensor, classes: Sequence[Sequence[int]]) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        model = mel.folded(classifier)
        frontend = model.encoder.frontend
        n_steps = frames.n_frames(waveforms.shape[1] / frontend.sample_rate, self.step)
        log_mels = mel.log_mel(model, waveforms)
        time = torch.arange(log_mels.shape[1], device=log_mels.device) * frontend.hop_length / frontend.sample_rate
        step_of = (time / self.step + 1e-6).long().clamp(max=n_steps - 1)  # of each frame
        found = []
        for log_mel, wanted in zip(log_mels, classes, strict=True):
            other = replacement(self.replace, model, log_mel, self.seed)
            logits = mel.scores_of(model, self._occluded(log_mel, other, step_of, n_steps))[:, list(wanted)]
            fall = (logits[0] - logits[1:]).T.cpu().numpy()  # (n_classes, n_windows)
            # step i is covered by the windows i to i + steps - 1
            over = np.lib.stride_tricks.sliding_window_view(fall, self.steps, axis=1)
            signed = over.mean(axis=2).astype(np.float32)
            found.append(Importance(signed, np.abs(signed), self.step))
        return found

    def _occluded(self, log_mel: Tensor, other: Tensor, step_of: Tensor, n_steps: int) -> Iterator[Tensor]:
        """The clip itself, then the clip less each window; the first windows begin before the clip."""
        yield log_mel
        for first in range(1 - self.steps, n_steps):
            hidden = (step_of >= first) & (step_of < first + self.steps)
            yield torch.where(hidden[:, None], other, log_mel)
