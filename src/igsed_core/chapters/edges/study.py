"""What the edges give each detector, by detector and by length, and whether missed gates foretell missed events."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from igsed_core.detection import decided, edges
from igsed_core.detection.decided import Split
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series

# What calibrated edges give; of that what the gates give, and what marking every frame that an event touches.
COMPARED = (
    (decided.CALIBRATED, decided.FOUND),
    (decided.CALIBRATED, decided.TOUCHED),
    (decided.TOUCHED, decided.FOUND),
)
DURATIONS = (0.0, 0.5, 1.0, 2.0, np.inf)  # s, of events
MISSED_COLUMNS = ["split", "method", "class", "n_gates", "missed_gates", "n_events", "missed_events"]


def pairs(made: Sequence[Series]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """What calibrated edges give each detector (:data:`COMPARED`)."""
    methods = dict.fromkeys(one.method for one in made)
    return [((method, rule), (method, other)) for method in methods for rule, other in COMPARED]


def by_duration(split: Split, events: pd.DataFrame, made: Sequence[Series]) -> pd.DataFrame:
    """Mean IoU before and after calibration, by the longest event of the instance.

    Parameters
    ----------
    split
        The instances.
    events
        ``clip, label, onset, offset`` in seconds.
    made
        Series of the instances.

    Returns
    -------
    pd.DataFrame
        ``method, rule, from, to, n, iou``, seconds and a mean over ``n`` instances.
    """
    longest = events.assign(seconds=events["offset"] - events["onset"]).groupby(["clip", "label"])["seconds"].max()
    seconds = longest.reindex(pd.MultiIndex.from_frame(split.index[["clip", "label"]])).to_numpy()
    rows = []
    for one in made:
        if one.metric != "iou" or one.rule not in (decided.FOUND, decided.CALIBRATED):
            continue
        for low, high in itertools.pairwise(DURATIONS):
            mine = (seconds > low) & (seconds <= high)
            value = float(one.values[mine].mean()) if mine.any() else float("nan")
            rows.append((one.method, one.rule, low, high, int(mine.sum()), value))
    return pd.DataFrame(rows, columns=["method", "rule", "from", "to", "n", "iou"])


def missed(
    observed: Mapping[str, pd.DataFrame], scores: Mapping[str, ScoresOverTime], events: pd.DataFrame
) -> pd.DataFrame:
    """Share of gates in which nothing is found, which needs no time label, beside that of true events.

    Events are asked about whether or not the classifier detects their class in the clip, as gates are.

    Parameters
    ----------
    observed
        Detector -> gates, from :func:`igsed_core.detection.edges.observe`.
    scores
        Detector -> log-odds of every class in every clip that holds it.
    events
        ``split, clip, label, onset, offset`` of these clips; times in seconds.

    Returns
    -------
    pd.DataFrame
        :data:`MISSED_COLUMNS`, a row for each detector and class that has both.
    """
    rows = []
    for method, of in scores.items():
        place = {pair: i for i, pair in enumerate(zip(of.index["clip"], of.index["label"], strict=True))}
        asked = [of.values[place[pair]] for pair in zip(events["clip"], events["label"], strict=True)]
        seen = edges.observe(events, asked, step=of.step, start=of.start)
        gates = observed[method]
        for label, true in seen.groupby("label"):
            made = gates[gates["label"] == label]
            if len(made):
                of_gates, of_events = (float(one["found_onset"].isna().mean()) for one in (made, true))
                split = str(true["split"].iloc[0])
                rows.append((split, method, str(label), len(made), of_gates, len(true), of_events))
    return pd.DataFrame(rows, columns=MISSED_COLUMNS)
