"""Tables of every method of the registry: quality under three kinds of rules, and cost."""

from __future__ import annotations

import pandas as pd

from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.show.cells import Cells, by_key, frame, with_interval
from igsed_core.show.style import FAMILY_NAMES, METRICS, family, name

_TUNED = {"percentile": "percentile", "share_of_maximum": "share of maximum"}


def methods_table(table: pd.DataFrame, cost: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """IoU, F1, pointing game, AUROC and seconds a map of every method, the best label-free IoU first.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, ci_low, ci_high``
    cost
        ``method, metric`` (seconds)``, class, average, value``; references have none.
    split
        Which rows of ``table`` to show.
    """
    mine = table[(table["class"] == "all") & (table["average"] == "instance") & (table["split"] == split)]
    values = by_key(mine, ("method", "rule", "metric"))
    seconds = by_key(cost[(cost["class"] == "all") & (cost["average"] == "instance")], ("method",))
    free = mine[(mine["metric"] == "iou") & ~mine["rule"].isin(_TUNED)].set_index("method")
    rows: dict[str, Cells] = {}
    for method in free.sort_values("value", ascending=False, kind="stable").index:
        rule = str(free.loc[method, "rule"])
        cells: Cells = {("", "Family"): FAMILY_NAMES.get(family(method), "reference")}
        # An empty cell, unlike a dash, leaves a column of numbers one of numbers.
        cells["", "s a map"] = f"{seconds[method,]['value']:.3f}" if (method,) in seconds else ""
        for tuned, title in _TUNED.items():
            cells["IoU", title] = with_interval(values.get((method, tuned, "iou")))
        cells["IoU", "label-free"] = with_interval(values.get((method, rule, "iou")))
        cells["IoU", "by rule"] = thresholds.get(rule).title
        cells["F1", "percentile"] = with_interval(values.get((method, "percentile", "f1")))
        cells["F1", "label-free"] = with_interval(values.get((method, rule, "f1")))
        cells["", METRICS["pointing_game"]] = with_interval(values.get((method, "none", "pointing_game")))
        cells["", "AUROC"] = with_interval(values.get((method, "none", "auroc")))
        rows[name(method)] = cells
    return frame(rows, "Method")
