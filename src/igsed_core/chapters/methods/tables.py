"""Tables of every method of the registry: quality under four kinds of rules, and cost."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.methods.figures import FIXED, FREE, kinds
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.detection.tuning import FIXED as FIXED_RULE
from igsed_core.metrics.summaries import CLIPS, TWO_WAY
from igsed_core.show.cells import Cells, by_key, frame, number, with_interval
from igsed_core.show.claims import marked
from igsed_core.show.style import FAMILY_NAMES, METRICS, family, name

_KINDS = {
    "percentile": "percentile",
    "share_of_maximum": "share of maximum",
    FREE: "parameter-free, chosen on validation",
}
_OTSU = "Otsu, fixed beforehand"


def methods_table(table: pd.DataFrame, cost: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """IoU, pointing game, AUROC and seconds per map of every method, the best IoU without a parameter first.

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
        cells["", METRICS["pointing_game"]] = with_interval(values.get((method, "none", "pointing_game")))
        cells["", "AUROC"] = with_interval(values.get((method, "none", "auroc")))
        rows[name(method)] = cells
    return frame(rows, "Method")


def differences_table(differences: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Each method minus IG: IoU under the percentile and Otsu's rule, AUROC, and IoU with source files drawn anew, too.

    Parameters
    ----------
    differences
        From :func:`igsed_core.chapters.methods.study.differences`; what survives the correction is marked.
    split
        Which rows to show.
    """
    rows = by_key(differences, ("method", "rule", "metric", "resampled"), split=split, average="instance")
    shown = {
        ("percentile", "iou", CLIPS): ("IoU, percentile", "clips"),
        ("percentile", "iou", TWO_WAY): ("IoU, percentile", "clips and source files"),
        (FIXED_RULE, "iou", CLIPS): ("IoU, Otsu, fixed beforehand", "clips"),
        (FIXED_RULE, "iou", TWO_WAY): ("IoU, Otsu, fixed beforehand", "clips and source files"),
        ("none", "auroc", CLIPS): ("AUROC", "clips"),
        ("none", "auroc", TWO_WAY): ("AUROC", "clips and source files"),
    }
    order = sorted(
        dict.fromkeys(key[0] for key in rows),
        key=lambda method: -rows.get((method, "none", "auroc", CLIPS), {"value": 0.0})["value"],
    )
    cells: dict[str, Cells] = {}
    for method in order:
        n = rows.get((method, "percentile", "iou", CLIPS), {}).get("n")
        cells[f"{name(method)} minus IG"] = {
            ("", "n"): number(n, 0),
            **{title: marked(rows.get((method, *key))) for key, title in shown.items()},
        }
    return frame(cells, "Difference") if cells else pd.DataFrame({"Difference": []})
