"""The localiser among its ceilings: decisions with edges as found and calibrated, and paired differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.chapters.ceilings import decisions
from igsed_core.chapters.ceilings.decisions import Split
from igsed_core.detection import calibration, edges
from igsed_core.main_job import edges as calibrated
from igsed_core.metrics import frames, localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series

LOCALISER, CAM, FW_WS, IG = calibrated.LOCALISER, calibrated.CAM, calibrated.FW_WS, "ig"
FOUND, TOUCHED, CALIBRATED = "as_found", "any_overlap", "calibrated"
PERFECT = "perfect"
MAIN = ((LOCALISER, CALIBRATED), ("linear", decisions.MEDIAN))  # the comparison that was fixed beforehand
DURATIONS = (0.0, 0.5, 1.0, 2.0, np.inf)  # s, of events
NO_TIME_LABELS = (FOUND, TOUCHED, CALIBRATED)


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
    return [one for rule, mask in masks.items() for one in decisions.series(method, rule, mask, split.truth)]


def perfect(split: Split, events: pd.DataFrame, steps: Sequence[tuple[float, float]]) -> list[Series]:
    """What a detector reaches that knows, for every step of a grid, whether an event touches it.

    Parameters
    ----------
    split
        The instances.
    events
        ``clip, label, onset, offset`` in seconds.
    steps
        (Step, start) of each grid, in seconds.

    Returns
    -------
    list of Series
        Of method ``perfect_<step>``: by means of frames above one half, and by any overlap.
    """
    by_pair = dict(iter(events.groupby(["clip", "label"])))
    made = []
    for step, start in steps:
        n_steps = int(np.ceil((split.duration - start) / step - 1e-9))
        active = np.stack(
            [
                frames.activity(
                    by_pair[pair]["onset"], by_pair[pair]["offset"], n_frames=n_steps, frame_length=step, start=start
                )
                for pair in zip(split.index["clip"], split.index["label"], strict=True)
            ]
        )
        share = frames.average(
            active.astype(float),
            step=step,
            start=start,
            frame_length=split.frame_length,
            n_frames=split.truth.shape[1],
        )
        name = f"{PERFECT}_{step:g}"
        made += decisions.series(name, decisions.EVEN, share > 0.5, split.truth)
        made += decisions.series(name, TOUCHED, split.touched(active, step=step, start=start), split.truth)
    return made


def pairs(made: Sequence[Series]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Every comparison: calibrated minus as found, and the localiser before and after minus each detector."""
    keys = list(dict.fromkeys((one.method, one.rule) for one in made))
    own = [(LOCALISER, CALIBRATED), (LOCALISER, FOUND)]
    gains = [((method, CALIBRATED), (method, FOUND)) for method, rule in keys if rule == CALIBRATED]
    others = [key for key in keys if key[0] != LOCALISER and key[1] != TOUCHED and not key[0].startswith(PERFECT)]
    return [*gains, ((LOCALISER, TOUCHED), own[1]), *((mine, other) for mine in own for other in others)]


def report(
    index: pd.DataFrame,
    made: Sequence[Series],
    classes: Sequence[str],
    events: pd.DataFrame,
    *,
    replicates: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise every series, over all and by class, and the paired differences of :func:`pairs`.

    Parameters
    ----------
    index, made, classes, replicates, seed
        As for :func:`igsed_core.metrics.summaries.summarise`.
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
        summaries.in_both_ways(index, made, pairs(made), events, **options),
    )


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
        if one.metric != "iou" or one.rule not in (FOUND, CALIBRATED):
            continue
        for low, high in itertools.pairwise(DURATIONS):
            mine = (seconds > low) & (seconds <= high)
            value = float(one.values[mine].mean()) if mine.any() else float("nan")
            rows.append((one.method, one.rule, low, high, int(mine.sum()), value))
    return pd.DataFrame(rows, columns=["method", "rule", "from", "to", "n", "iou"])


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


def pointing(method: str, rule: str, scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> Series:
    """Whether the highest frame is active.

    Parameters
    ----------
    method, rule
        Names.
    scores, truth
        ``[shape=(n_instances, n_frames)]``
    """
    return Series(method, rule, "pointing_game", localisation.pointing_game(scores, truth))
