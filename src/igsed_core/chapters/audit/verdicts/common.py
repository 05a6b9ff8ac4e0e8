"""What the rules of the verdicts share: the answer's form, rows by key, words for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from igsed_core import paper
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED
from igsed_core.show.cells import by_key, number
from igsed_core.show.claims import MARGIN, effect_size, figure, listed, sample, surviving, verdict_on
from igsed_core.show.style import METRICS

Found = Mapping[str, pd.DataFrame]  # from igsed_core.chapters.audit.examine
Row = dict[str, Any]
YES, PARTLY, NO = "yes", "in part", "no"
MATTERS = "It matters"


@dataclass(frozen=True)
class Answer:
    """What is asked, what the paper and this run say; the answer in a few words, and the reasons for it.

    ``decided`` is one of yes, in part, no; it is "yes" only where the alternatives are excluded.
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


def published(method: str, metric: str) -> float:
    """One figure of the paper's Table II."""
    return float(paper.detection().set_index("method")[metric].to_dict()[method])


def percent(share: float, digits: int = 0) -> str:
    """Format a share as per cent."""
    return f"{number(100 * share, digits)} %"


def what_if(found: Found, question: str) -> tuple[str, dict[str, Row], dict[str, Row]]:
    """Name of the changed reading, its differences by metric, its own rows by metric."""
    differences = {metric: row for (_, _, metric), row in rows_of(found, question, "audit_differences").items()}
    method = str(differences["iou"]["method"])
    own = {metric: row for (name, _, metric), row in rows_of(found, question).items() if name == method}
    return method.split(":")[1], differences, own


@dataclass(frozen=True)
class Effect:
    """What a changed reading does to what is measured.

    Attributes
    ----------
    differences
        Every difference that was judged, with its interval, and how many instances it is from.
    short, conclusion
        The verdict in a few words, and in a sentence of its own that says on which difference it rests.
    """

    differences: str
    short: str
    conclusion: str


def effect(differences: Mapping[str, Row], *, margin: float = MARGIN) -> Effect:
    """Judge the differences of every metric, print each of them, and say which of them decides."""
    said = {metric: verdict_on(row, margin=margin) for metric, row in differences.items()}
    by = {metric: f"by {figure(row, margin=margin)}" for metric, row in differences.items()}
    figures = {metric: f"{_word(metric)} {moved_by}" for metric, moved_by in by.items()}
    first, *others = differences
    words = ", ".join((f"{_word(first)} changes {by[first]}", *(figures[metric] for metric in others), ""))
    words += sample(min(_n(row) for row in differences.values()))
    moved = [metric for metric, verdict in said.items() if verdict in (ABOVE, BELOW)]
    if moved:
        held = {metric: surviving(differences[metric]) for metric in moved}
        told = [f"{figures[metric]}{f' ({words_})' if words_ else ''}" for metric, words_ in held.items()]
        sure = any(stands(differences[metric]) for metric in moved)
        return Effect(
            words,
            MATTERS if sure else f"{MATTERS}, if not after Holm's correction",
            f"This moves what is measured: {listed(told)}; {effect_size(margin)}.",
        )
    if all(verdict == NOT_DECIDED for verdict in said.values()):
        return Effect(words, "Not decided", "There is no interval to judge by, so that this run decides nothing.")
    if all(verdict == LEVEL for verdict in said.values()):
        within = f"within {number(margin)} of zero"
        return Effect(words, "It hardly matters", f"What is measured stays: every interval lies {within}.")
    level, left = ([_word(m) for m, v in said.items() if (v == LEVEL) == known] for known in (True, False))
    open_ = (
        f"No effect is shown: within {number(margin)} of zero lies the interval of {listed(level)}, an effect on "
        f"{listed(left)} is not ruled out"
        if level
        else "No effect is shown, and none is ruled out"
    )
    return Effect(words, "No effect is shown", f"{open_}; {effect_size(margin)}.")


def stands(row: Row) -> bool:
    """Whether a difference stands after Holm's correction; one that was not corrected does."""
    return not surviving(row) or bool(row["survives"])


def _n(row: Row) -> float:
    n = row.get("n")
    return 0.0 if n is None or pd.isna(n) else float(n)


def _word(metric: str) -> str:
    """Name of a metric within a sentence."""
    return "pointing game" if metric == "pointing_game" else METRICS.get(metric, metric)
