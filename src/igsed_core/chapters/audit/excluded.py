"""Where do classes go that the classifier misses or makes up? Table II under every way to count them.

The paper excludes classes below the threshold "from attribution analysis", and does not say what becomes of detected
classes that are absent. It evaluates framewise models "for each detected class instance", and does not say by whom.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from igsed_core import paper
from igsed_core.chapters.audit import averages
from igsed_core.chapters.audit.material import Material, measured
from igsed_core.detection.scored import BASELINES, COMPARED, DETECTORS, SCORED
from igsed_core.metrics import frames
from igsed_core.metrics.summaries import Series

BASE = "detected_and_present"
COUNTS = {
    BASE: "detected and present only (this book)",
    "missed_as_zero": "missed classes count 0",
    "false_as_zero": "false detections count 0",
    "both_as_zero": "missed classes and false detections count 0",
    "own_detections": "each framewise model: what it detects itself and is present",
    "all_present": "every present class, detected or not (methods that need no detection)",
}


def compare(material: Material, split: str = "test") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table II under every way of counting, at the same percentiles.

    Returns
    -------
    rows, gaps : pd.DataFrame
        Tidy; ``rule`` is the way of counting. ``gaps`` is the class mean less the instance mean.
    """
    rows, gaps = [], []
    for count in COUNTS:
        for index, series in _counted(material, count, split):
            rows.append(material.tidy("excluded", index, series))
            gap = averages.gaps(material, "excluded", index, series)
            gaps.append(gap.assign(other_rule=count))
    return pd.concat(rows, ignore_index=True), pd.concat(gaps, ignore_index=True)


def paper_counts() -> pd.DataFrame:
    """What the paper's Tables I and III say of missed classes.

    Returns
    -------
    pd.DataFrame
        ``class, method, iou, recall, zero``: if missed classes counted 0, a class's IoU could not exceed its recall
        (``zero`` says whether it keeps to that); the recall is the clip-level classifier's, so that only ``ig`` is held
        to it.
    """
    found = paper.per_class()
    ig = found[(found["method"] == "ig") & (found["metric"] == "iou")]
    recall = paper.classification().set_index("class")["recall"]
    table = ig.rename(columns={"value": "iou"})[["class", "method", "iou"]].assign(
        recall=recall.loc[ig["class"]].to_numpy()
    )
    return table.assign(zero=table["iou"] <= table["recall"] + averages.ROUNDING).reset_index(drop=True)


def _counted(material: Material, count: str, split: str) -> list[tuple[pd.DataFrame, list[Series]]]:
    """Instances and series under one way of counting; several where methods have instances of their own."""
    data = material.splits[split]
    base = {m: measured(m, count, data.ranked[m], data.truth, material.tuned[m]) for m in COMPARED}
    if count == BASE:
        return [(data.index, [one for of_method in base.values() for one in of_method])]
    if count.endswith("_as_zero"):
        pairs = _pairs(material.predictions, "clip_level", split)
        missed, false = pairs[pairs["present"] & ~pairs["detected"]], pairs[~pairs["present"] & pairs["detected"]]
        added = {"missed_as_zero": [missed], "false_as_zero": [false], "both_as_zero": [missed, false]}[count]
        more = [part[["split", "clip", "label"]] for part in added]
        index = pd.concat([data.index, *more], ignore_index=True)
        zeros = np.zeros(len(index) - len(data.index))
        series = [
            dataclasses.replace(one, values=np.concatenate([one.values, zeros]))
            for of_method in base.values()
            for one in of_method
        ]
        return [(index, series)]
    if count == "all_present":
        pairs = _pairs(material.predictions, "clip_level", split)
        return [_scored(material, pairs[pairs["present"]], BASELINES, count)]
    result = []
    for method in DETECTORS:
        pairs = _pairs(material.predictions, SCORED[method].head, split)
        own = pairs[pairs["present"] & pairs["detected"]]
        if len(own):
            result.append(_scored(material, own, (method,), count))
    return result


def _pairs(predictions: pd.DataFrame, head: str, split: str) -> pd.DataFrame:
    rows = predictions[(predictions["method"] == head) & (predictions["split"] == split)]
    return rows.astype({"present": bool, "detected": bool})


def _scored(
    material: Material, pairs: pd.DataFrame, methods: tuple[str, ...], count: str
) -> tuple[pd.DataFrame, list[Series]]:
    """Measure methods on pairs of their own, with scores for every class of every clip."""
    index = pairs[["split", "clip", "label"]].reset_index(drop=True)
    events = dict(iter(material.data.events.groupby(["clip", "label"])))
    grid = {"frame_length": material.settings.frame_length, "n_frames": material.n_frames}
    keys = list(zip(index["clip"], index["label"], strict=True))
    truth = np.stack(
        [
            frames.activity(
                *(events[key]["onset"], events[key]["offset"]),
                min_coverage=material.settings.min_coverage,
                **grid,  # type: ignore[arg-type]
            )
            for key in keys
        ]
    )
    series = []
    for method in methods:
        scores = material.scores[method].at(index).ranked_frames(material.settings.frame_length, material.n_frames)
        series += measured(method, count, scores, truth, material.tuned[method])
    return index, series
