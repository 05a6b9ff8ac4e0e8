"""What the localiser finds in a recording: two probabilities over time, and the events that they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.detection import edges as calibrated
from igsed_core.detection.edges import Edges
from igsed_core.detection.thresholds.postprocessing import minimum_duration
from igsed_core.metrics import frames

EVENT_COLUMNS = ["onset", "offset", "event_label", "probability"]
THRESHOLD = 0.5  # calibrated probability that the class sounds in the windows around
_SURE = 1e-7  # a probability this near to 0 or 1 says no more in 32 bits


@dataclass(frozen=True, eq=False)
class Curves:
    """Two probabilities of each class over time.

    Attributes
    ----------
    classes
        Names.
    here
        That the class sounds in a step, if it sounds in the windows around it, ``[shape=(n_steps, n_classes)]``.
    around
        That it sounds in the windows which hold the step, of the same shape.
    step, start
        Seconds; step ``i`` holds on ``[start + i * step, start + (i + 1) * step)``.
    duration
        Of the recording, in seconds.
    corrections
        Class -> what is taken off the edges of its events (:mod:`igsed_core.detection.edges`); empty where they were
        not calibrated.
    """

    classes: tuple[str, ...]
    here: NDArray[np.float32]
    around: NDArray[np.float32]
    step: float
    start: float
    duration: float
    corrections: Mapping[str, Edges] = field(default_factory=dict)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Probability that a class sounds in a step: the product of both, ``[shape=(n_steps, n_classes)]``."""
        return self.here * self.around

    @property
    def edges(self) -> NDArray[np.float64]:
        """Begin of each step and end of the last one, within the recording, in seconds, ``[shape=(n_steps + 1,)]``."""
        return np.clip(self.start + self.step * np.arange(len(self.here) + 1), 0.0, self.duration)

    def events(
        self,
        *,
        threshold: float = THRESHOLD,
        min_duration: float = 0.0,
        classes: Sequence[str] = (),
        edges: bool = True,
    ) -> pd.DataFrame:
        """Return the events.

        Parameters
        ----------
        threshold
            Least probability that the class sounds around, from 0 to 1.
        min_duration
            Events shorter than this are dropped and gaps shorter than this are filled, in seconds.
        classes
            Those wanted; by default all.
        edges
            Whether onsets and offsets are corrected where the model holds a calibration; else they are as found, at
            the begin of a step.

        Returns
        -------
        pd.DataFrame
            ``onset, offset`` (s), ``event_label, probability``, by onset.

        Raises
        ------
        IgsedError
            For an unknown class, or a threshold outside [0, 1].
        """
        if not 0 <= threshold <= 1:
            raise IgsedError(f"parameter 'threshold' is {threshold}: give a probability from 0 to 1")
        if unknown := [name for name in classes if name not in self.classes]:
            raise IgsedError(
                f"class {unknown[0]!r} is none that the model knows: choose from {', '.join(self.classes)}"
            )
        made = []
        for c, label in enumerate(self.classes):
            if classes and label not in classes:
                continue
            corrected = edges and label in self.corrections
            for onset, offset in self._corrected(c, min_duration) if corrected else self._found(c, min_duration):
                known = self._known(c, onset, offset)
                if known >= threshold and offset > onset:
                    made.append((float(onset), float(offset), label, known))
        table = pd.DataFrame(made, columns=EVENT_COLUMNS)
        return table.sort_values(["onset", "offset", "event_label"], ignore_index=True)

    def _found(self, c: int, min_duration: float) -> NDArray[np.float64]:
        """Stretches in which one class is likelier than not, from step to step, ``(n_events, 2)``."""
        mask = minimum_duration(self.here[None, :, c] > 0.5, min_duration, frame_length=self.step)[0]
        return self.edges[frames.runs(mask)]

    def _corrected(self, c: int, min_duration: float) -> NDArray[np.float64]:
        """The same with calibrated edges, ``(n_events, 2)``; lengths are judged after the correction."""
        here = np.clip(self.here[:, c].astype(np.float64), _SURE, 1 - _SURE)
        spans = calibrated.events(
            *(self.corrections, self.classes[c], np.log(here) - np.log1p(-here)),
            step=self.step,
            start=self.start,
            duration=self.duration,
        )
        return lasting(spans, min_duration)

    def _known(self, c: int, onset: float, offset: float) -> float:
        """Highest probability that one class sounds around, in the steps that an event touches."""
        first, end = (np.array([onset, offset]) - self.start) / self.step
        first = min(max(int(np.floor(first + 1e-6)), 0), len(self.around) - 1)
        return float(self.around[first : max(first + 1, int(np.ceil(end - 1e-6))), c].max())


def lasting(spans: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Fill short gaps between events, then drop short events.

    Parameters
    ----------
    spans
        Onsets and offsets in seconds, ascending, ``[shape=(n_events, 2)]``.
    seconds
        Gaps and events shorter than this go.

    Returns
    -------
    np.ndarray [shape=(n_left, 2)]

    Raises
    ------
    IgsedError
        If the length is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.localiser_curves import lasting
    >>> lasting(np.array([[0.0, 0.3], [0.4, 0.6], [2.0, 2.1]]), 0.2).tolist()
    [[0.0, 0.6]]
    """
    if seconds < 0:
        raise IgsedError(f"durations must not be negative, got {seconds} s")
    if not len(spans):
        return spans
    wide = spans[1:, 0] - spans[:-1, 1] >= seconds - 1e-9
    joined = np.stack([spans[np.r_[True, wide], 0], spans[np.r_[wide, True], 1]], axis=1)
    return joined[joined[:, 1] - joined[:, 0] >= seconds - 1e-9]
