"""What a threshold rule is: scores over time of many instances -> masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError

CLIP, CLASS, SPLIT = "clip", "class", "split"  # whose scores a rule looks at to judge one instance
SCORES, LOG, LOGIT = "scores", "log", "logit"  # what a rule acts on

Scores = NDArray[np.floating]
Mask = NDArray[np.bool_]
# (scores (n_instances, n_frames), parameter, frame length in seconds) -> mask of the same shape
Function = Callable[[Scores, float, float], Mask]


@dataclass(frozen=True)
class Rule:
    """One threshold rule.

    Attributes
    ----------
    name, title
        For tables; for readers.
    function
        What makes the mask. A rule without a parameter ignores it; so does one that knows no time with the
        frame length.
    grid
        Scores of the validation split -> parameters to try, ``None`` for a label-free rule, which has nothing
        to tune.
    scope
        An instance is judged from its own scores (``clip``), or from those of all instances of its class
        (``class``) or of the split (``split``).
    acts_on
        ``scores`` as they are, their ``log``, or the ``logit`` of a probability. Rules that rank alone
        (``percentile``) cannot tell the difference, the others can.
    """

    name: str
    title: str
    function: Function
    grid: Callable[[Scores], NDArray[np.float64]] | None = None
    scope: str = CLIP
    acts_on: str = SCORES

    @property
    def label_free(self) -> bool:
        """Whether the rule has nothing to tune."""
        return self.grid is None

    def apply(
        self,
        scores: Scores,
        parameter: float = float("nan"),
        *,
        frame_length: float = 0.1,
        labels: NDArray[np.str_] | None = None,
    ) -> Mask:
        """Mark the detected frames.

        Parameters
        ----------
        scores
            ``[shape=(n_instances, n_frames)]``; all instances of a split, for a rule that looks at them.
        parameter
            The rule's parameter; none for a label-free rule.
        frame_length
            Seconds.
        labels
            Class of each instance, ``[shape=(n_instances,)]``, for a rule of scope ``class``.

        Returns
        -------
        np.ndarray [shape=(n_instances, n_frames), dtype=bool]

        Raises
        ------
        IgsedError
            If the scores have another shape or are not finite, or if the parameter or the labels are missing.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim != 2:
            raise IgsedError(f"rule {self.name!r} takes scores of instances x frames, got the shape {scores.shape}")
        if not np.isfinite(scores).all():
            raise IgsedError(f"rule {self.name!r} takes finite scores: some are NaN or infinite")
        if not self.label_free and not np.isfinite(parameter):
            raise IgsedError(f"rule {self.name!r} needs a parameter: tune it on the validation split")
        if self.scope != CLASS:
            return self.function(scores, parameter, frame_length)
        if labels is None or len(labels) != len(scores):
            raise IgsedError(f"rule {self.name!r} looks at all instances of a class: give the label of each instance")
        mask = np.zeros(scores.shape, dtype=bool)
        for label in np.unique(labels):
            mine = np.asarray(labels) == label
            mask[mine] = self.function(scores[mine], parameter, frame_length)
        return mask
