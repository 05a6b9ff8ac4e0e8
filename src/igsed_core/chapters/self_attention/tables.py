"""Tables of the page, made from the tidy tables: this run's, those that ship, and what is published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.chapters.self_attention import attended, audit, main_experiment, measure
from igsed_core.chapters.self_attention.measure import EVEN, NO_RULE, RULES, TUNED
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED, NOT_TOLD_APART
from igsed_core.show import style
from igsed_core.show.cells import NONE, by_key, number, p_value, records, with_interval
from igsed_core.show.full_size import FULL, beside, keyed

Titles = Mapping[str, str]
CLIPS = "n (clips)"
_ORDER = {ABOVE: 0, BELOW: 0, LEVEL: 1, NOT_TOLD_APART: 2, NOT_DECIDED: 3}  # of verdicts in a table


def main_table(table: pd.DataFrame, titles: Titles, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Event-based and segment-based figures of every network, tuned on validation; PSDS, which needs no level.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.measure.summary`.
    titles
        Names for a reader.
    full
        The same of the full-size run, where it ships.
    """
    key = ("system", "rule", "metric")
    known, large = by_key(table, key), keyed(full, key)
    rows = []
    for system in dict.fromkeys(table["system"]):
        row: dict[str, Any] = {"Network": titles.get(str(system), str(system)), CLIPS: _clips(known, str(system))}
        for metric, words in measure.METRICS.items():
            rule = TUNED if (system, TUNED, metric) in known else NO_RULE
            row[words] = with_interval(known.get((system, rule, metric)))
            if large and metric in (measure.EVENT_F, measure.SEGMENT_F):
                row[f"{words}, {FULL}"] = with_interval(large.get((system, rule, metric)))
        rows.append(row)
    return pd.DataFrame(rows)


def untuned_table(table: pd.DataFrame, titles: Titles) -> pd.DataFrame:
    """F under both rules: what level and filter give, beside what attention gives.

    Parameters
    ----------
    table, titles
        As for :func:`main_table`.
    """
    known = by_key(table, ("system", "rule", "metric"))
    rows = []
    for system in dict.fromkeys(table["system"]):
        row: dict[str, Any] = {"Network": titles.get(str(system), str(system)), CLIPS: _clips(known, str(system))}
        for metric in (measure.EVENT_F, measure.SEGMENT_F):
            for rule, words in RULES.items():
                row[f"{measure.METRICS[metric]}; {words}"] = with_interval(known.get((system, rule, metric)))
        rows.append(row)
    return pd.DataFrame(rows)


def difference_table(table: pd.DataFrame, titles: Titles, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Paired differences with verdicts: what is told apart first, larger ones first, what is not decided counted.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.measure.differences`.
    titles, full
        As for :func:`main_table`.
    """
    key = ("system", "rule", "other", "other_rule", "metric")
    large = keyed(full, key)
    rows = sorted(records(table), key=_decided_first)
    told: list[dict[str, Any]] = [
        {
            "Network": _named(row["system"], row["rule"], titles),
            "minus": _named(row["other"], row["other_rule"], titles),
            "of": measure.METRICS[row["metric"]],
            CLIPS: row["n"],
            "difference": with_interval(row, 3),
            "p (Holm)": p_value(row["p_holm"]),
            "verdict": row["verdict"],
            **beside(large, tuple(row[name] for name in key), 3),
        }
        for row in rows
    ]
    return _grouped(told, rows, large, key)


def _grouped(
    told: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    large: Mapping[tuple[str, ...], Mapping[str, Any]],
    key: tuple[str, ...],
) -> pd.DataFrame:
    """Make one row, which counts them, of all that neither this run nor that of full size decides."""
    full = [large.get(tuple(row[name] for name in key)) for row in rows]
    silent = [
        row["verdict"] == NOT_DECIDED and (one is None or one["verdict"] == NOT_DECIDED)
        for row, one in zip(rows, full, strict=True)
    ]
    shown = [one for one, says_nothing in zip(told, silent, strict=True) if not says_nothing]
    left = [row for row, says_nothing in zip(rows, silent, strict=True) if says_nothing]
    if left:
        same = sum(row["value"] == 0 for row in left)
        words = f"{len(left)} {'more' if shown else 'rows'} left out{f', in {same} both are equal' if same else ''}"
        first, *others = told[0]
        known = {CLIPS: min(row["n"] for row in left), "verdict": NOT_DECIDED}
        shown.append({first: words} | {column: known.get(column, NONE) for column in others})
    return pd.DataFrame(shown)


def _clips(known: Mapping[tuple[str, ...], Mapping[str, Any]], system: str) -> str:
    """How many clips the figures of a network are from."""
    return style.counted(pd.DataFrame({"n": [row["n"] for key, row in known.items() if key[0] == system]}))


def _decided_first(row: Mapping[str, Any]) -> tuple[int, float]:
    size = abs(float(row["value"]))
    return _ORDER[row["verdict"]], 0.0 if math.isnan(size) else -size


def audit_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """What each choice of the released code changes; what is not decided is counted in the last row.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.audit.table`.
    full
        The same of the full-size run, where it ships.
    """
    key = ("choice", "rule", "metric")
    large = keyed(full, key)
    rows = records(table)
    told: list[dict[str, Any]] = [
        {
            "Question": audit.QUESTIONS[row["choice"]],
            "of": measure.METRICS[row["metric"]],
            "decided by": RULES[row["rule"]],
            "with minus without": with_interval(row, 3),
            CLIPS: row["n"],
            "p (Holm)": p_value(row["p_holm"]),
            "verdict": row["verdict"],
            **beside(large, tuple(row[name] for name in key), 3),
        }
        for row in rows
    ]
    return _grouped(told, rows, large, key)


def mass_table(table: pd.DataFrame, titles: Titles, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Share of weights that falls on the same event.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.attended.table`.
    titles, full
        As for :func:`main_table`.
    """
    large = keyed(full, ("system", "weights"))
    rows = []
    for row in records(table):
        apart = {"value": row["difference"], "ci_low": row["low"], "ci_high": row["high"]}
        told: dict[str, Any] = {
            "Network": titles.get(row["system"], row["system"]),
            "weights": attended.WEIGHTS[row["weights"]],
            "share on the event's own frames": with_interval(row),
            "n (events)": row["n"],
            "attention minus this": with_interval(apart, 3),
            "verdict": row["verdict"] if row["weights"] != attended.ATTENTION else NONE,
        }
        if large:
            told[f"share, {FULL}"] = with_interval(large.get((row["system"], row["weights"])))
        rows.append(told)
    return pd.DataFrame(rows)


def training_table(table: pd.DataFrame, titles: Titles) -> pd.DataFrame:
    """Epochs, loss and cost of each kind of network (means over its networks).

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.study.training`.
    titles
        Names for a reader.
    """
    groups = table.groupby("system", sort=False)
    rows = groups.agg(
        networks=("seed", "size"),
        weights=("weights", "first"),
        epochs=("epochs", "mean"),
        kept=("kept_epoch", "mean"),
        loss=("validation_loss", "mean"),
        seconds=("seconds_per_epoch", "mean"),
    ).reset_index()
    return pd.DataFrame(
        {
            "Network": titles.get(row["system"], row["system"]),
            "networks": row["networks"],
            "weights": row["weights"],
            "epochs": number(row["epochs"], 1),
            "kept": number(row["kept"], 1),
            "validation loss": number(row["loss"], 3),
            "processor seconds per epoch": number(row["seconds"]),
        }
        for row in records(rows)
    )


def published_table(table: pd.DataFrame) -> pd.DataFrame:
    """Figures of others on the data set itself, for orientation.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.audit.published`.
    """
    return pd.DataFrame(
        {"Source": row["source"], "of": measure.METRICS[row["metric"]], "value": number(row["value"], 3)}
        for row in records(table)
    )


def experiment_table(table: pd.DataFrame) -> pd.DataFrame:
    """FW-CRNN beside FW-SS and FW-WS on the main experiment's instances.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.main_experiment.compare`.
    """
    mine = table[(table["class"] == "all") & (table["average"] == "instance")]
    known = by_key(mine, ("method", "rule", "metric"))
    rows = []
    for method, rule in dict.fromkeys((one[0], one[1]) for one in known):
        cells = {metric: known.get((method, rule, metric)) for metric in ("iou", "f1", "pointing_game")}
        rows.append(
            {
                "Detector": style.name(str(method)),
                "decided by": main_experiment.RULES[str(rule)],
                "n (instances)": int((cells["iou"] or {"n": 0})["n"]),
                **{style.METRICS[metric]: with_interval(cell) for metric, cell in cells.items()},
            }
        )
    return pd.DataFrame(rows)


def _named(system: str, rule: str, titles: Titles) -> str:
    return f"{titles.get(system, system)} ({'not tuned' if rule == EVEN else 'tuned'})"
