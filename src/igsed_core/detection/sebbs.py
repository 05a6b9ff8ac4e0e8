"""Sound event bounding boxes by change detection (cSEBBs): an event is placed first, then judged as a whole.

After Ebbers, Germain, Wichern and Le Roux, "Sound Event Bounding Boxes", Interspeech 2024. Written from the paper: the
authors' package `sebbs` needs a compiler, and brings a second package that is imported as `sed_scores_eval`, in the
place of the one that this project tests against. Options are chosen for all classes together, since there are few
validation instances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from igsed_core.metrics import frames

FILTERS = (0.32, 0.48, 0.64)  # s, of the step filter; the paper's, as are the thresholds of merging
ABSOLUTE = (0.15, 0.2, 0.3)  # of a gap below its neighbours
RELATIVE = (1.5, 2.0, 3.0)
_EPSILON = 1e-3


@dataclass(frozen=True, eq=False)
class Boxes:
    """Candidates for events of one class in one clip.

    Attributes
    ----------
    spans
        Onsets and offsets in seconds, ``[shape=(n_boxes, 2)]``.
    confidence
        Mean score of each, ``[shape=(n_boxes,)]``.
    """

    spans: NDArray[np.float64]
    confidence: NDArray[np.float64]


def boxes(
    scores: NDArray[np.floating],
    *,
    step: float,
    start: float = 0.0,
    filter_length: float,
    absolute: float = np.inf,
    relative: float = np.inf,
) -> Boxes:
    """Cut the scores where they rise and fall most, and join what a shallow gap parts.

    Parameters
    ----------
    scores
        Probabilities, ``[shape=(n_steps,)]``.
    step, start, filter_length
        Seconds: of a step, begin of the first, of the step filter, whose output is the mean after a point minus that
        before.
    absolute, relative
        A gap is closed where the highest scores of both neighbours exceed its lowest by less than the first, and are
        less than the second times it.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.sebbs import boxes
    >>> found = boxes(np.array([0.0, 0.0, 0.8, 0.8, 0.0, 0.0]), step=1.0, filter_length=2.0)
    >>> found.spans.tolist(), found.confidence.tolist()
    ([[2.0, 4.0]], [0.8])
    """
    values = np.asarray(scores, dtype=np.float64)
    half = max(1, round(filter_length / step / 2))
    padded = np.pad(values, half)
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    # At each border between steps, the clip's own begin and end among them.
    change = (sums[2 * half :] - 2 * sums[half : len(sums) - half] + sums[: len(sums) - 2 * half]) / half
    rises = [_best(change, run) for run in frames.runs(change > 1e-9)]
    falls = [_best(-change, run) for run in frames.runs(change < -1e-9)]
    spans: list[list[int]] = []
    for fall in falls:
        # Of several rises before a fall the steepest begins the event.
        between = [rise for rise in rises if (spans[-1][1] if spans else 0) <= rise < fall]
        if between:
            spans.append([max(between, key=lambda rise: float(change[rise])), fall])
    return _merged(spans, values, step, start, absolute, relative)


def _best(change: NDArray[np.float64], run: NDArray[np.int64]) -> int:
    return int(run[0] + change[run[0] : run[1]].argmax())


def _merged(
    spans: list[list[int]], values: NDArray[np.float64], step: float, start: float, absolute: float, relative: float
) -> Boxes:
    kept: list[list[int]] = []
    # A gap is judged by its first neighbours, so that joining does not go on by itself.
    for i, span in enumerate(spans):
        if i:
            (a, b), (c, d) = spans[i - 1], span
            gap = float(values[b:c].min()) if c > b else 1.0
            peaks = min(values[a:b].max(), 1.0), min(values[c:d].max(), 1.0)
            shallow = all(p - gap < absolute and (p + _EPSILON) / (gap + _EPSILON) < relative for p in peaks)
            if shallow:
                kept[-1][1] = d
                continue
        kept.append(list(span))
    confidence = np.array([values[a:b].mean() for a, b in kept])
    return Boxes(start + step * np.array(kept, dtype=np.float64).reshape(-1, 2), confidence)
