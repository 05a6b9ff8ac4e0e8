"""Where a detected event really begins and ends: edges calibrated on gates that were made, without a time label.

A detector marks sounds too long or too short, early or late: its frames see more than their own stretch, and hold it
in another place. How much is measured on events whose edges are known because they were made: the confident inside of a
class is cut out of a training clip and added to one without the class, at known instants
(:mod:`igsed_core.detection.gates`). The medians by which the decision misses these instants are taken off every edge.
Times are seconds, not steps, so that nothing here depends on the shifts of a feature frame, or on how long a recording
is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames

LEAST_GATES = 5  # found ones, for a median
LEAST_LENGTH = 0.04  # s, that an event keeps
ALL_LENGTHS = 0.0  # in the column `length`: over all lengths, which is what corrects
COLUMNS = ["class", "length", "n", "missed", "found", "early", "late"]
Spans = NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """How far the decision on one class reaches beyond what sounds.

    Attributes
    ----------
    early, late
        Seconds by which it begins before a gate and ends after it: medians over the gates found. Negative where it
        begins late or ends early; 0 where fewer than :data:`LEAST_GATES` were found.
    n
        Gates.
    missed
        Share of them in which nothing was found: an estimate of what the detector overlooks, without a label.
    """

    early: float
    late: float
    n: int
    missed: float

    def corrected(self, spans: Spans, *, begin: float = 0.0, end: float = np.inf) -> Spans:
        """Take off found events what the decision adds to them.

        An edge at the recording's own begin or end stays: the sound may have begun before, or go on. What would
        vanish keeps its middle and :data:`LEAST_LENGTH`.

        Parameters
        ----------
        spans
            Onsets and offsets in seconds, ``[shape=(n_events, 2)]``.
        begin, end
            Of the recording, in seconds.

        Returns
        -------
        np.ndarray [shape=(n_events, 2)]

        Examples
        --------
        >>> import numpy as np
        >>> from igsed_core.detection.edges import Edges
        >>> edges = Edges(early=0.1, late=0.2, n=9, missed=0.0)
        >>> edges.corrected(np.array([[1.0, 2.0], [0.0, 0.7]])).round(3).tolist()
        [[1.1, 1.8], [0.0, 0.5]]
        """
        spans = np.asarray(spans, dtype=np.float64).reshape(-1, 2)
        made = spans.copy()
        made[:, 0] += np.where(spans[:, 0] > begin + 1e-9, self.early, 0.0)
        made[:, 1] -= np.where(spans[:, 1] < end - 1e-9, self.late, 0.0)
        short = made[:, 1] - made[:, 0] < LEAST_LENGTH
        middle = made[short].mean(axis=1, keepdims=True)
        made[short] = middle + np.array([-0.5, 0.5]) * LEAST_LENGTH
        return np.clip(made, begin, end)


def spans_of(scores: NDArray[np.floating], *, step: float, start: float = 0.0, level: float = 0.0) -> Spans:
    """Stretches in which a score of one clip lies above a level, their edges interpolated between steps.

    Parameters
    ----------
    scores
        Log-odds, or any score, ``[shape=(n_steps,)]``.
    step, start
        Seconds: length of a step, begin of the first one.
    level
        In the unit of the scores.

    Returns
    -------
    np.ndarray [shape=(n_spans, 2)]
        Onsets and offsets in seconds. A stretch at either end of the scores reaches to the end of its step.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.edges import spans_of
    >>> spans_of(np.array([-1.0, 3.0, 1.0, -1.0]), step=1.0).tolist()
    [[0.75, 3.0]]
    """
    above = np.asarray(scores, dtype=np.float64) - level
    runs = frames.runs(above > 0)
    made = np.empty((len(runs), 2))
    for row, (first, last) in enumerate(runs):
        made[row] = _crossing(above, first - 1, first, 0.0), _crossing(above, last - 1, last, float(last))
    return start + step * made


def _crossing(above: NDArray[np.float64], left: int, right: int, border: float) -> float:
    """Place, in steps, at which the line between two steps' centres is zero; a border where one is missing."""
    if left < 0 or right >= len(above):
        return border
    rise = above[right] - above[left]
    return left + 0.5 + float(np.clip(-above[left] / rise, 0.0, 1.0))


def observe(
    gates: pd.DataFrame, scores: Sequence[NDArray[np.floating]], *, step: float, start: float = 0.0, level: float = 0.0
) -> pd.DataFrame:
    """Compare decisions with the gates that they were made on.

    Parameters
    ----------
    gates
        ``label, length, onset, offset``; the last two are seconds in the mixture.
    scores
        Of the gate's own class in each mixture, ``[shape=(n_steps,)]`` each.
    step, start
        Seconds, as for :func:`spans_of`.
    level
        In the unit of the scores; above it the class is found.

    Returns
    -------
    pd.DataFrame
        The gates with ``found_onset, found_offset``: from the first to the last stretch that meets the gate; NaN where
        none does.
    """
    found = np.full((len(gates), 2), np.nan)
    places = gates[["onset", "offset"]].to_numpy()
    for row, (of, (onset, offset)) in enumerate(zip(scores, places, strict=True)):
        spans = spans_of(of, step=step, start=start, level=level)
        met = spans[(spans[:, 0] < offset) & (spans[:, 1] > onset)]
        if len(met):
            found[row] = met[0, 0], met[-1, 1]
    return gates.assign(found_onset=found[:, 0], found_offset=found[:, 1])


def table(observed: pd.DataFrame) -> pd.DataFrame:
    """Say by class how far the decision reaches beyond the gates, over all lengths and for each.

    Parameters
    ----------
    observed
        From :func:`observe`.

    Returns
    -------
    pd.DataFrame
        :data:`COLUMNS`, in seconds: ``length`` of the gates, :data:`ALL_LENGTHS` over all of them; ``n`` gates, the
        share ``missed``; of those found the median length ``found``, and the medians ``early`` and ``late``, none
        where fewer than :data:`LEAST_GATES` were found.
    """
    rows = []
    for label, of in observed.groupby("label", sort=False):
        for length in (ALL_LENGTHS, *sorted(of["length"].unique())):
            mine = of if length == ALL_LENGTHS else of[of["length"] == length]
            found = mine[mine["found_onset"].notna()]
            medians = [
                found["found_offset"] - found["found_onset"],
                found["onset"] - found["found_onset"],
                found["found_offset"] - found["offset"],
            ]
            enough = len(found) >= LEAST_GATES
            values = [float(one.median()) if enough else float("nan") for one in medians]
            rows.append((str(label), float(length), len(mine), 1 - len(found) / len(mine), *values))
    return pd.DataFrame(rows, columns=COLUMNS)


def of_table(found: pd.DataFrame) -> dict[str, Edges]:
    """Class -> edges, from what :func:`table` made.

    Raises
    ------
    IgsedError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.detection.edges import of_table, table
    >>> gates = pd.DataFrame({"label": "Bell", "length": 0.5, "onset": [1.0] * 6, "offset": 1.5})
    >>> found = gates.assign(found_onset=[0.9] * 5 + [float("nan")], found_offset=[1.7] * 5 + [float("nan")])
    >>> edges = of_table(table(found))["Bell"]
    >>> round(edges.early, 3), round(edges.late, 3), edges.n, round(edges.missed, 3)
    (0.1, 0.2, 6, 0.167)
    """
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise IgsedError(f"a table of edges lacks the columns {', '.join(missing)}: write it with `edges.table` again")
    whole = found[found["length"] == ALL_LENGTHS].fillna({"early": 0.0, "late": 0.0})
    return {
        str(row["class"]): Edges(float(row["early"]), float(row["late"]), int(row["n"]), float(row["missed"]))
        for row in whole.to_dict("records")
    }


def fit(observed: pd.DataFrame) -> dict[str, Edges]:
    """Class -> edges, from what :func:`observe` saw."""
    return of_table(table(observed))


def overlaps(spans: Spans, others: Spans) -> NDArray[np.float64]:
    """Overlap (IoU) of each event with another one.

    Parameters
    ----------
    spans, others
        Onsets and offsets in seconds, ``[shape=(n, 2)]``.

    Returns
    -------
    np.ndarray [shape=(n,)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.edges import overlaps
    >>> overlaps(np.array([[0.0, 2.0]]), np.array([[1.0, 3.0]])).round(3).tolist()
    [0.333]
    """
    shared = np.minimum(spans[:, 1], others[:, 1]) - np.maximum(spans[:, 0], others[:, 0])
    both = np.maximum(spans[:, 1], others[:, 1]) - np.minimum(spans[:, 0], others[:, 0])
    return np.clip(shared, 0.0, None) / np.maximum(both, 1e-9)


def events(
    edges: Mapping[str, Edges],
    label: str,
    scores: NDArray[np.floating],
    *,
    step: float,
    start: float = 0.0,
    level: float = 0.0,
    duration: float,
) -> Spans:
    """Events of one class in one recording of any length, their edges corrected.

    Parameters
    ----------
    edges
        From :func:`fit`; a class that is not there is left as found.
    label
        The class.
    scores
        Its log-odds, or any score, ``[shape=(n_steps,)]``.
    step, start, duration
        Seconds: length of a step, begin of the first one, length of the recording.
    level
        In the unit of the scores.

    Returns
    -------
    np.ndarray [shape=(n_events, 2)]
        Onsets and offsets in seconds, ascending; none overlaps another.

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.detection.edges import events
    >>> events({}, "Bell", np.array([-1.0, 3.0, 1.0, -1.0]), step=1.0, duration=4.0).tolist()
    [[0.75, 3.0]]
    """
    spans = np.clip(spans_of(scores, step=step, start=start, level=level), 0.0, duration)
    if label in edges:
        spans = edges[label].corrected(spans, end=duration)
    return np.array(frames.union(spans[:, 0], spans[:, 1])).reshape(-1, 2)


def masks(
    edges: Mapping[str, Edges],
    labels: Sequence[str],
    scores: NDArray[np.floating],
    *,
    step: float,
    start: float = 0.0,
    level: float | NDArray[np.float64] = 0.0,
    duration: float,
    frame_length: float,
    min_coverage: float = 0.0,
) -> NDArray[np.bool_]:
    """Evaluation frames that the events of instances touch, marked as the truth is marked.

    Parameters
    ----------
    edges
        As for :func:`events`.
    labels
        Class of each instance.
    scores
        ``[shape=(n_instances, n_steps)]``
    step, start, duration, frame_length
        Seconds.
    level
        In the unit of the scores; one for all instances, or ``[shape=(n_instances,)]``.
    min_coverage
        Share of a frame, as for :func:`igsed_core.metrics.frames.activity`.

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames), dtype=bool]
    """
    n_frames = frames.n_frames(duration, frame_length)
    levels = np.broadcast_to(np.asarray(level, dtype=float), (len(labels),))
    made = np.zeros((len(labels), n_frames), dtype=bool)
    for row, label in enumerate(labels):
        spans = events(edges, label, scores[row], step=step, start=start, level=levels[row], duration=duration)
        if len(spans):
            made[row] = frames.activity(
                spans[:, 0],
                spans[:, 1],
                n_frames=n_frames,
                frame_length=frame_length,
                min_coverage=min_coverage,
                duration=duration,
            )
    return made
