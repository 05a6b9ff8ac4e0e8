"""Tables of other conditions: classifier and methods at every level."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.conditions.figures import TUNED
from igsed_core.show import style
from igsed_core.show.cells import Cells, by_key, frame, number, with_interval

_CLASSIFIER = "clip_level"


def conditions_table(table: pd.DataFrame, *, methods: list[str], percentile: bool = False) -> pd.DataFrame:
    """IoU of some methods in every condition, beside what the classifier itself does there.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.conditions.report.summarise`.
    methods
        Columns.
    percentile
        IoU at the percentile that was chosen in the main job, instead of the rule without a parameter.
    """
    rows: dict[str, Cells] = {}
    for (condition, level), mine in table.groupby(["condition", "level"], sort=False):
        classifier = by_key(mine, ("metric",), method=_CLASSIFIER, average="class")
        iou = mine[(mine["metric"] == "iou") & (mine["average"] == "instance")]
        iou = iou[iou["rule"] == "percentile"] if percentile else iou[~iou["rule"].isin(TUNED)]
        found = by_key(iou, ("method",))
        n = next((int(row["n"]) for row in found.values()), 0)
        cells: Cells = {("", "level"): str(level)}
        for metric, words in (("f1", "macro F1"), ("recall", "recall")):
            row = classifier.get((f"classifier_{metric}",))
            cells["Classifier", words] = number(None if row is None else row["value"])
        cells["IoU", "instances"] = str(n)
        cells |= {("IoU", style.title(method)): with_interval(found.get((method,))) for method in methods}
        rows[f"{condition} {level}"] = {("", "condition"): str(condition), **cells}
    shown = frame(rows, "row")
    return shown.drop(columns=[("", "row")])
