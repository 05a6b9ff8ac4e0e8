"""What the rules of the verdicts share: the answer's form, rows by key, words for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from igsed_core import paper
from igsed_core.show.cells import by_key, with_interval

Found = Mapping[str, pd.DataFrame]  # from igsed_core.chapters.audit.examine
Row = dict[str, Any]
YES, PARTLY, NO = "yes", "in part", "no"


@dataclass(frozen=True)
class Answer:
    """What is asked, what the paper and this run say; the answer in a few words, and the reasons for it.

    ``decided`` is one of yes, in part, no.
    """

    question: str
    readings: str
    paper: str
    run: str
    answer: str
    verdict: str
    decided: str


def rows_of(found: Found, question: str, table: str = "audit") -> dict[tuple[str, ...], Row]:
    """Rows over instances, and gaps between averages, by (method, rule, metric)."""
    rows = found[table][found[table]["question"] == question]
    return by_key(rows[rows["average"].isin(["instance", "gap"])], ("method", "rule", "metric"))


def includes_zero(row: Row) -> bool:
    """Whether the interval of a difference includes zero."""
    return bool(row["ci_low"] <= 0 <= row["ci_high"])


def published(method: str, metric: str) -> float:
    """One figure of the paper's Table II."""
    return float(paper.detection().set_index("method")[metric].to_dict()[method])


def listed(words: list[str]) -> str:
    """Join words by commas, the last by "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def percent(share: float, digits: int = 0) -> str:
    """Format a share as per cent."""
    return f"{100 * share:.{digits}f} %"


def what_if(found: Found, question: str) -> tuple[str, dict[str, Row], dict[str, Row]]:
    """Name of the changed reading, its differences by metric, its own rows by metric."""
    differences = {metric: row for (_, _, metric), row in rows_of(found, question, "audit_differences").items()}
    method = str(differences["iou"]["method"])
    own = {metric: row for (name, _, metric), row in rows_of(found, question).items() if name == method}
    return method.split(":")[1], differences, own


def effect(differences: dict[str, Row]) -> tuple[str, bool]:
    """Put the differences of IoU and pointing game into words; say whether any interval leaves out zero."""
    iou, pointing = differences["iou"], differences["pointing_game"]
    words = f"IoU {with_interval(iou)}, pointing game {with_interval(pointing)} on {iou['n']:.0f} instances"
    return words, not all(includes_zero(row) for row in differences.values())
