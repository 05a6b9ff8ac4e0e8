"""Tables of threshold rules: what each gives, gains, at best could give, and what post-processing adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from igsed_core.detection.scored import RANKED
from igsed_core.detection.thresholds.registry import CLASS, CLIP, SPLIT, Rule
from igsed_core.show.cells import NONE, Cells, by_key, frame, number, with_interval
from igsed_core.show.claims import marked
from igsed_core.show.style import counted, name

_SCOPES = {CLIP: "its own clip", CLASS: "its class", SPLIT: "all clips"}


def rule_overview(rules: Mapping[str, Rule]) -> pd.DataFrame:
    """List the rules: what each acts on, whose scores it looks at, whether it is tuned."""
    return pd.DataFrame(
        {
            "Rule": rule.title,
            "name": rule.name,
            "acts on": rule.acts_on,
            "looks at the scores of": _SCOPES[rule.scope],
            "parameter": "none" if rule.parameter_free else "tuned on validation",
        }
        for rule in rules.values()
    )


def by_rule(
    table: pd.DataFrame, titles: Mapping[str, str], *, metric: str = "iou", split: str = "test", first: str = "Rule"
) -> pd.DataFrame:
    """Show a metric of every rule and method, with its interval, averaged over instances.

    Parameters
    ----------
    table
        ``split, method, rule, metric, average, value, ci_low, ci_high``: values, or gains with ``p, survives`` too, of
        which those that survive the correction are marked.
    titles
        Names of the rules, in the order of the rows.
    metric, split
        Which rows to show.
    first
        Title of the first column.
    """
    cells = by_key(table, ("rule", "method"), split=split, metric=metric, average="instance")
    methods = [method for method in RANKED if any(key[1] == method for key in cells)]
    rows = []
    for rule, title in titles.items():
        mine = {name(m): marked(cells.get((rule, m))) for m in methods}
        if any(text != NONE for text in mine.values()):
            of_rule = pd.DataFrame([cells[rule, m] for m in methods if (rule, m) in cells])
            rows.append({first: title, "n": counted(of_rule), **mine})
    return pd.DataFrame(rows)


def ceilings(
    table: pd.DataFrame,
    perfect: pd.DataFrame,
    titles: Mapping[str, str],
    methods: Sequence[str],
    *,
    metric: str = "iou",
    split: str = "test",
) -> pd.DataFrame:
    """Show, by rule, each method as it is and with its values in perfect order.

    Parameters
    ----------
    table, perfect
        ``split, method, rule, metric, average, value``
    titles
        Names of the rules, in the order of the rows.
    methods
        Which to show.
    metric, split
        Which rows to show.
    """
    where = {"split": split, "metric": metric, "average": "instance"}
    real, best = (by_key(t, ("rule", "method"), **where) for t in (table, perfect))
    rows = {}
    for rule, title in titles.items():
        there = pd.DataFrame([real[rule, m] for m in methods if (rule, m) in real])
        cells: Cells = {("", "n"): counted(there)}
        for method in methods:
            for words, of in (("as it is", real), ("perfect order", best)):
                cells[name(method), words] = number(of[rule, method]["value"]) if (rule, method) in of else NONE
        rows[title] = cells
    return frame(rows, "Rule")


def postprocessing(
    table: pd.DataFrame,
    processed: pd.DataFrame,
    titles: Mapping[str, str],
    methods: Sequence[str],
    *,
    metric: str = "iou",
    split: str = "test",
) -> pd.DataFrame:
    """Show rules alone, after a median filter and after a minimum duration, with the length that was tuned.

    Parameters
    ----------
    table
        ``split, method, rule, metric, average, value, ci_low, ci_high``
    processed
        The same of rules ``<rule>+median`` and ``<rule>+minimum_duration``, the threshold in seconds.
    titles
        Names of the rules, in the order of the rows.
    methods
        Which to show.
    metric, split
        Which rows to show.
    """
    where = {"split": split, "metric": metric, "average": "instance"}
    alone, after = (by_key(t, ("rule", "method"), **where) for t in (table, processed))
    rows = []
    for rule, title in titles.items():
        for method in methods:
            before = alone.get((rule, method))
            row = {"Rule": title, "Method": name(method), "n": number(None if before is None else before.get("n"), 0)}
            row["alone"] = with_interval(before)
            for process, words in (("median", "median filter"), ("minimum_duration", "minimum duration")):
                cell = after.get((f"{rule}+{process}", method))
                row[words] = NONE if cell is None else f"{with_interval(cell)} ({cell['threshold']:g} s)"
            if row["median filter"] != NONE:
                rows.append(row)
    return pd.DataFrame(rows)
