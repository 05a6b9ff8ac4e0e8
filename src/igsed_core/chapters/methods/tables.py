"""Tables of every method of the registry: quality under four kinds of rules, and cost."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.methods.figures import FIXED, FREE, kinds
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.show.cells import Cells, by_key, frame, number, with_interval
from igsed_core.show.style import FAMILY_NAMES, METRICS, family, name

_KINDS = {
    "percentile": "percentile",
    "share_of_maximum": "share of maximum",
    FREE: "parameter-free, chosen on validation",
}
_OTSU = "Otsu, fixed beforehand"


def methods_table(table: pd.DataFrame, cost: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """IoU, F1, pointing game, AUROC and seconds per map of every method, the best IoU without a parameter first.

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
    mine = kinds(mine)
    values = by_key(mine, ("method", "kind", "metric"))
    seconds = by_key(cost[(cost["class"] == "all") & (cost["average"] == "instance")], ("method",))
    free = mine[(mine["metric"] == "iou") & (mine["kind"] == FREE)].set_index("method")
    rows: dict[str, Cells] = {}
    for method in free.sort_values("value", ascending=False, kind="stable").index:
        rule = str(free.loc[method, "rule"])
        cells: Cells = {("", "Family"): FAMILY_NAMES.get(family(method), "reference")}
        # An empty cell, unlike a dash, leaves a column of numbers one of numbers.
        cells["", "s per map"] = f"{seconds[method,]['value']:.3f}" if (method,) in seconds else ""
        cells["", "n"] = number(free.loc[method].get("n"), 0)
        for kind, title in _KINDS.items():
            cells["IoU", title] = with_interval(values.get((method, kind, "iou")))
        cells["IoU", "by rule"] = thresholds.get(rule).title
        cells["IoU", _OTSU] = with_interval(values.get((method, FIXED, "iou")))
        cells["F1", "percentile"] = with_interval(values.get((method, "percentile", "f1")))
        cells["F1", _KINDS[FREE]] = with_interval(values.get((method, FREE, "f1")))
        cells["", METRICS["pointing_game"]] = with_interval(values.get((method, "none", "pointing_game")))
        cells["", "AUROC"] = with_interval(values.get((method, "none", "auroc")))
        rows[name(method)] = cells
    return frame(rows, "Method")
