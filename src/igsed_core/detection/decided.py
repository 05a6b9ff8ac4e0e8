"""Decisions of detectors on instances, frame by frame: as found, by any overlap, with calibrated edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.detection import calibration, edges
from igsed_core.metrics import frames, localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series

FOUND, TOUCHED, CALIBRATED = "as_found", "any_overlap", "calibrated"
Masks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Split:
    """The instances of one split, their truth and how it was marked.

    Attributes
    ----------
    index
        ``split, clip, label``, a row per instance.
    truth
        ``[shape=(n_instances, n_frames)]``
    frame_length, duration
        Seconds.
    min_coverage
        As for :func:`igsed_core.metrics.frames.activity`.
    """

    index: pd.DataFrame
    truth: Masks
    frame_length: float
    duration: float
    min_coverage: float = 0.0

    def touched(self, active: Masks, *, step: float, start: float) -> Masks:
        """Frames that active steps touch, marked as the truth is.

        Parameters
        ----------
        active
            ``[shape=(n_instances, n_steps)]``
        step, start
            Seconds.

        Returns
        -------
        np.ndarray [shape=(n_instances, n_frames), dtype=bool]

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from igsed_core.detection.decided import Split
        >>> index = pd.DataFrame({"split": ["test"], "clip": ["a"], "label": ["Bell"]})
        >>> split = Split(index, np.zeros((1, 3), dtype=bool), frame_length=0.1, duration=0.3)
        >>> split.touched(np.array([[False, True]]), step=0.15, start=0.0).tolist()
        [[False, True, True]]
        """
        n = self.truth.shape[1]
        share = frames.average(active.astype(float), step=step, start=start, frame_length=self.frame_length, n_frames=n)
        return np.asarray(share > max(self.min_coverage, 1e-9))

    def covered(self, spans: list[NDArray[np.float64]]) -> Masks:
        """Frames that events touch, marked as the truth is; ``(n_instances, n_frames)``."""
        made = np.zeros_like(self.truth)
        for row, of in enumerate(spans):
            if len(of):
                made[row] = frames.activity(
                    of[:, 0],
                    of[:, 1],
                    n_frames=self.truth.shape[1],
                    frame_length=self.frame_length,
                    min_coverage=self.min_coverage,
                    duration=self.duration,
                )
        return made


def series(method: str, rule: str, masks: Masks, truth: Masks, threshold: float = float("nan")) -> list[Series]:
    """IoU and F1 of decisions.

    Parameters
    ----------
    method, rule
        Names.
    masks, truth
        ``[shape=(n_instances, n_frames), dtype=bool]``
    threshold
        The rule's level, where it has one.
    """
    return [
        Series(method, rule, "iou", localisation.iou(masks, truth), threshold),
        Series(method, rule, "f1", localisation.f1(masks, truth), threshold),
    ]


def with_edges(
    method: str,
    split: Split,
    scores: ScoresOverTime,
    of_method: Mapping[str, edges.Edges],
) -> list[Series]:
    """IoU and F1 of scores whose decision is at 0: means of frames, any overlap, and with calibrated edges.

    Parameters
    ----------
    method
        Its name.
    split
        The instances.
    scores
        Of the instances.
    of_method
        Class -> edges.
    """
    labels = [str(label) for label in split.index["label"]]
    grid = {"step": scores.step, "start": scores.start}
    placed = {"duration": split.duration, "frame_length": split.frame_length, "min_coverage": split.min_coverage}
    mean = scores.to_frames(split.frame_length, split.truth.shape[1], split.duration)
    masks = {
        FOUND: mean > 0,
        TOUCHED: edges.masks({}, labels, scores.values, **grid, **placed),
        CALIBRATED: edges.masks(of_method, labels, scores.values, **grid, **placed),
    }
    return [one for rule, mask in masks.items() for one in series(method, rule, mask, split.truth)]


def report(
    index: pd.DataFrame,
    made: Sequence[Series],
    pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]],
    events: pd.DataFrame,
    *,
    classes: Sequence[str] = (),
    replicates: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise every series, over all and by class, and paired differences.

    Parameters
    ----------
    index, made, classes, replicates, seed
        As for :func:`igsed_core.metrics.summaries.summarise`.
    pairs
        ((method, rule), (other method, other rule)).
    events
        ``clip, label, source_file``: clips share source files, so that the differences draw these anew as well.

    Returns
    -------
    tuple
        As :func:`igsed_core.metrics.summaries.summarise` and :func:`igsed_core.metrics.summaries.in_both_ways`.
    """
    options = {"replicates": replicates, "seed": seed}
    return (
        summaries.summarise(index, made, classes=classes, **options),  # type: ignore[arg-type]
        summaries.in_both_ways(index, made, pairs, events, **options),
    )


def attribution(split: Split, values: NDArray[np.floating]) -> ScoresOverTime:
    """An attribution's evaluation frames as scores whose decision is at 0, Otsu's level of the clip.

    Parameters
    ----------
    split
        The instances.
    values
        ``[shape=(n_instances, n_frames)]``
    """
    return ScoresOverTime(split.index, calibration.above_otsu(values), split.frame_length, 0.0)
