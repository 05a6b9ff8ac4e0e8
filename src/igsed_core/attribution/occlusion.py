"""Occlusion (Zeiler and Fergus 2014): how far the score falls when a stretch of time is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from igsed_core.attribution import domain
from igsed_core.attribution.base import Importance, checked
from igsed_core.attribution.passes import scores_of
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames
from igsed_core.models.classifier import AnyClassifier


class Occlusion:
    """Frames of the log-mel map, or samples, are replaced, a window at a time; a pass per window serves all classes.

    The importance of a step is the mean fall of the logit over the windows that cover it.

    Parameters
    ----------
    replace
        ``silence``, ``background``, ``mean`` or a tensor; see :meth:`igsed_core.attribution.domain.Domain.baseline`.
    window
        Length of a window in seconds, a multiple of ``step``.
    step
        From one window to the next, in seconds.
    seed
        Of the draw of backgrounds.
    of
        What is explained, one of :data:`igsed_core.attribution.domain.NAMES`; by default what the network hears.

    Raises
    ------
    IgsedError
        If the window is no multiple of the step.
    """

    def __init__(
        self,
        *,
        replace: domain.Baseline = "background",
        window: float = 0.1,
        step: float = 0.1,
        seed: int = 0,
        of: str = "input",
    ) -> None:
        steps = window / step
        if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
            raise IgsedError(f"occlusion: 'window' is {window} s, but must be a multiple of 'step' ({step} s)")
        self.replace = replace
        self.steps = round(steps)
        self.step = step
        self.seed = seed
        self.of = domain.check_name(of)

    @checked
    def __call__(
        self, classifier: AnyClassifier, waveforms: Tensor, classes: Sequence[Sequence[int]]
    ) -> list[Importance]:
        """Tell for every clip when its classes sound (see :class:`igsed_core.attribution.base.Method`)."""
        explained = domain.of(classifier, self.of)
        n_steps = frames.n_frames(waveforms.shape[1] / classifier.sample_rate, self.step)
        inputs = explained.input(waveforms)
        # In single precision a frame on a border, such as that at 4.2 s, would fall into the step before it.
        time = torch.from_numpy(explained.seconds(inputs[0]))
        step_of = (time / self.step + 1e-6).long().clamp(max=n_steps - 1).to(inputs.device)  # of each unit
        found = []
        for clip, wanted in zip(inputs, classes, strict=True):
            other = explained.baseline(clip, self.replace, self.seed)
            logits = scores_of(explained.score, self._occluded(clip, other, step_of, n_steps))[:, list(wanted)]
            fall = (logits[0] - logits[1:]).T.cpu().numpy()  # (n_classes, n_windows)
            # step i is covered by the windows i to i + steps - 1
            over = np.lib.stride_tricks.sliding_window_view(fall, self.steps, axis=1)
            signed = over.mean(axis=2).astype(np.float32)
            found.append(Importance(signed, np.abs(signed), self.step))
        return found

    def _occluded(self, clip: Tensor, other: Tensor, step_of: Tensor, n_steps: int) -> Iterator[Tensor]:
        """The clip itself, then the clip without each window; the first windows begin before the clip."""
        yield clip
        for first in range(1 - self.steps, n_steps):
            hidden = (step_of >= first) & (step_of < first + self.steps)
            yield torch.where(hidden.reshape(-1, *[1] * (clip.ndim - 1)), other, clip)
