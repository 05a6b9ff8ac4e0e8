"""What a threshold rule is: scores over time of many instances -> masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Entry, load

CLIP, CLASS, SPLIT = "clip", "class", "split"  # whose scores a rule looks at to judge one instance
SCORES, LOG, LOGIT = "scores", "log", "logit"  # what a rule acts on
SMOOTHING = 0.5  # s, over which the smoothed rules average; the page on rules shows what other lengths give

_TRANSFORMS = {"log": LOG, "logit": LOGIT, "smooth_log": LOG}  # function of this module -> what the rule acts on
_TRANSFORMS_MODULE = "igsed_core.detection.thresholds.transforms"

Scores = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Rule(Entry):
    """One threshold rule.

    Attributes
    ----------
    target
        What makes the mask: scores ``[shape=(n_instances, n_frames)]`` and, of a rule with a grid, its parameter ->
        mask of the same shape. With ``options``.
    grid
        ``"package.module:function"``: scores of the validation split -> parameters to try. Empty for a parameter-free
        rule, which has nothing to tune.
    scope
        An instance is judged from its own scores (``clip``), or from those of all instances of its class
        (``class``) or of the split (``split``).
    transform
        ``log``, ``logit`` or ``smooth_log`` of :mod:`igsed_core.detection.thresholds.transforms`: what is done to the
        scores before. Rules that rank alone (``percentile``) cannot tell the difference, the others can.
    smoothing
        Of ``smooth_log``, in seconds.
    by_rank
        Whether only the order of scores counts, so that logits do as well as probabilities, and do not saturate.
    """

    grid: str = ""
    scope: str = CLIP
    transform: str = ""
    smoothing: float = SMOOTHING
    by_rank: bool = False

    def __post_init__(self) -> None:
        if self.transform and self.transform not in _TRANSFORMS:
            raise IgsedError(f"rule {self.title!r}: transform {self.transform!r} is none of {', '.join(_TRANSFORMS)}")

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of function, grid and transform."""
        grid = (self.grid.partition(":")[0],) if self.grid else ()
        return (*super().modules, *grid, *((_TRANSFORMS_MODULE,) if self.transform else ()))

    @property
    def acts_on(self) -> str:
        """``scores`` as they are, their ``log``, or the ``logit`` of a probability."""
        return _TRANSFORMS.get(self.transform, SCORES)

    @property
    def parameter_free(self) -> bool:
        """Whether the rule has nothing to tune."""
        return not self.grid

    def parameters(self, scores: Scores) -> NDArray[np.float64]:
        """Return the parameters to try on the scores of a validation split, ``[shape=(n_parameters,)]``."""
        found: NDArray[np.float64] = self.imported(self.grid)(scores)
        return found

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
            The rule's parameter; none for a parameter-free rule.
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

        Examples
        --------
        >>> import numpy as np
        >>> from igsed_core.detection.thresholds import registry
        >>> scores = np.array([[0.1, 0.9, 0.8, 0.2]])
        >>> registry.get("share_of_maximum").apply(scores, 0.5).tolist()
        [[False, True, True, False]]
        >>> registry.get("otsu").apply(scores).tolist()
        [[False, True, True, False]]
        """
        scores = np.asarray(scores, dtype=np.float64)
        if scores.ndim != 2:
            raise IgsedError(f"rule {self.name!r} takes scores of instances x frames, got the shape {scores.shape}")
        if not np.isfinite(scores).all():
            raise IgsedError(f"rule {self.name!r} takes finite scores: some are NaN or infinite")
        if not self.parameter_free and not np.isfinite(parameter):
            raise IgsedError(f"rule {self.name!r} needs a parameter: tune it on the validation split")
        function, given = self.load(), () if self.parameter_free else (parameter,)
        if self.scope != CLASS:
            return np.asarray(function(self._transformed(scores, frame_length), *given))
        if labels is None or len(labels) != len(scores):
            raise IgsedError(f"rule {self.name!r} looks at all instances of a class: give the label of each instance")
        mask = np.zeros(scores.shape, dtype=bool)
        for label in np.unique(labels):
            mine = np.asarray(labels) == label
            mask[mine] = function(self._transformed(scores[mine], frame_length), *given)
        return mask

    def _transformed(self, scores: Scores, frame_length: float) -> Scores:
        if not self.transform:
            return scores
        function = load(f"{_TRANSFORMS_MODULE}:{self.transform}")
        smoothed = (self.smoothing, frame_length) if self.transform == "smooth_log" else ()
        return np.asarray(function(scores, *smoothed))
