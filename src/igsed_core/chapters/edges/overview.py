"""The page's answers in words, by rule from its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from igsed_core.detection import decided
from igsed_core.main_job.edge_names import DETECTORS
from igsed_core.metrics.judging import ABOVE, BELOW, NOT_DECIDED
from igsed_core.metrics.summaries import TWO_WAY
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.claims import MARGIN, Row, figure, listed, sample, verdict_on

LOCALISER = "localiser"
_SHORT = {"localiser": "the localiser", "cam": "CAM", "fw_ws": "FW-WS", "ig": "IG"}
_FEWEST = 3  # classes that a correlation is told of
_GAINS, _LITTLE_MORE, _NEITHER, _LITTLE_LESS, _LOSES, _NOTHING = "more", "little more", "0", "little less", "less", "?"


def kind_of(row: Row | None, margin: float = MARGIN) -> str:
    """Say in which direction a difference goes, and whether it is large enough to be worth a word.

    Parameters
    ----------
    row
        Of a tidy table of differences.
    margin
        The smallest difference worth naming.
    """
    said = verdict_on(row, margin=margin)
    if row is None or said == NOT_DECIDED:
        return _NOTHING
    if said in (ABOVE, BELOW):
        return _GAINS if said == ABOVE else _LOSES
    low, high = float(row["ci_low"]), float(row["ci_high"])
    if low > 0 and row["value"] > 0:
        return _LITTLE_MORE
    return _LITTLE_LESS if high < 0 and row["value"] < 0 else _NEITHER


def gains(differences: pd.DataFrame, *, split: str = "test", margin: float = MARGIN) -> str:
    """Say whom calibrated edges help, and how much.

    Parameters
    ----------
    differences
        The tidy table ``edges_differences.csv``, or ``ceilings_differences.csv``, which holds other pairs as well.
        Verdicts are by the intervals over clips and source files, where the table has them.
    split, margin
        Which rows; the smallest difference worth naming.
    """
    rows = _pairs(differences, decided.CALIBRATED, decided.FOUND, split)
    if not rows:
        return "This run does not calibrate edges."
    kinds: dict[str, list[str]] = {}
    for method, row in rows.items():
        kinds.setdefault(kind_of(row, margin), []).append(f"{_SHORT[method]} {with_interval(row, 3)}")
    kinds.setdefault(_GAINS, [f"none by {number(margin)} or more for certain"])
    words = {
        _GAINS: "help",
        _LITTLE_MORE: f"help a little, by less than {number(margin)},",
        _NEITHER: "neither help nor harm for certain (the interval holds zero)",
        _LITTLE_LESS: f"harm a little, by less than {number(margin)},",
        _LOSES: "harm",
        _NOTHING: "are undecided for",
    }
    told = "; ".join(f"{word} {listed(kinds[kind])}" for kind, word in words.items() if kind in kinds)
    n = next(iter(rows.values()))["n"]
    drawn = "" if "resampled" in differences else " Intervals draw clips alone."
    return f"In mean IoU, calibrated edges {told} (calibrated minus as found, {sample(n)}).{drawn}"


def parts(differences: pd.DataFrame, *, split: str = "test") -> str:
    """Say what of this the gates give, and what comes of marking every frame that an event touches.

    Parameters
    ----------
    differences
        The tidy table ``edges_differences.csv``.
    split
        Which rows.
    """
    by_gates, by_marking = (
        _pairs(differences, *rules, split)
        for rules in ((decided.CALIBRATED, decided.TOUCHED), (decided.TOUCHED, decided.FOUND))
    )
    if not by_gates or not by_marking:
        return "This run does not part gates from marking."
    gates, marking = (
        listed([f"{_SHORT[method]} {with_interval(row, 3)}" for method, row in rows.items()])
        for rows in (by_gates, by_marking)
    )
    return (
        f"The gates alone, against events as found of which every frame that they touch is marked, change {gates}; "
        f"that marking alone changes {marking}."
    )


def parts_of_gains(differences: pd.DataFrame, *, split: str = "test", margin: float = MARGIN) -> str:
    """Say of each detector that gains what of it is marking every frame that an event touches, and what the gates'.

    Parameters
    ----------
    differences
        The tidy table ``edges_differences.csv``.
    split, margin
        Which rows; the smallest difference worth naming.
    """
    all_of_it = _pairs(differences, decided.CALIBRATED, decided.FOUND, split)
    by_gates = _pairs(differences, decided.CALIBRATED, decided.TOUCHED, split)
    by_marking = _pairs(differences, decided.TOUCHED, decided.FOUND, split)
    said = [
        f"{_SHORT[method]} {with_interval(by_marking[method], 3)} and {with_interval(by_gates[method], 3)}"
        for method, row in all_of_it.items()
        if kind_of(row, margin) in (_GAINS, _LITTLE_MORE) and method in by_gates and method in by_marking
    ]
    if not said:
        return ""
    return f"Of the gain, marking every frame that an event touches gives, and the gates give: {'; '.join(said)}."


def harm_where_soft(table: pd.DataFrame) -> str:
    """Say whom calibrated edges harm where a sound rises slowly; empty if that is certain of nobody.

    Parameters
    ----------
    table
        The tidy table ``edges_soft.csv``.
    """
    worst: dict[str, Row] = {}
    for row in by_key(table, ("method", "soft")).values():
        certain = row["soft"] and row["n"] and pd.notna(row["ci_high"]) and row["ci_high"] < 0
        if certain and (row["method"] not in worst or row["value"] < worst[row["method"]]["value"]):
            worst[row["method"]] = row
    said = [
        f"{_SHORT[method]} {figure(row)} (in {row['soft']:g} s, {sample(row['n'], 'gates')})"
        for method, row in worst.items()
    ]
    return (
        f"Where a sound rises slowly, calibrated edges harm: overlap with the gate, {'; '.join(said)}." if said else ""
    )


def _pairs(differences: pd.DataFrame, rule: str, other: str, split: str) -> dict[str, Row]:
    """Differences between two decisions of the same detector, by detector."""
    if "resampled" in differences:
        differences = differences[differences["resampled"] == TWO_WAY]
    where = {"split": split, "average": "instance", "metric": "iou", "rule": rule, "other_rule": other}
    rows = by_key(differences, ("method", "other_method"), **where)
    return {method: rows[method, method] for method in DETECTORS if (method, method) in rows}


def durations(table: pd.DataFrame, method: str = LOCALISER) -> str:
    """Say for each length of event what the edges change of one detector.

    Parameters
    ----------
    table
        The tidy table ``edges_durations.csv``.
    method
        The detector.
    """
    rows = by_key(table, ("rule", "from"), method=method)
    said = []
    for (rule, low), before in rows.items():
        after = rows.get((decided.CALIBRATED, low))
        if rule != decided.FOUND or after is None or not before["n"]:
            continue
        high = float(before["to"])
        span = f"{low:g} to {high:g} s" if high < float("inf") else f"over {low:g} s"
        change = float(after["iou"]) - float(before["iou"])
        said.append(f"{span} {number(change, 3)} ({sample(before['n'])})")
    who = _SHORT[method]
    if not said:
        return f"This run has no events to part by length for {who}."
    return f"The mean IoU of {who} changes, by the length of the longest event: {'; '.join(said)}."


def soft(table: pd.DataFrame, method: str = LOCALISER) -> str:
    """Say what the edges give one detector on gates that begin softly.

    Parameters
    ----------
    table
        The tidy table ``edges_soft.csv``.
    method
        The detector.
    """
    rows = [row for row in by_key(table, ("soft",), method=method).values() if row["n"]]
    if not rows:
        return "This run tries no soft gates."
    rises = ["at once" if not row["soft"] else f"in {row['soft']:g} s" for row in rows]
    parts = [f"{rise} {figure(row)} ({sample(row['n'], 'gates')})" for rise, row in zip(rises, rows, strict=True)]
    return (
        f"Overlap with the gate, {_SHORT[method]}, calibrated minus as found, where the sound rises {'; '.join(parts)}."
    )


def missed(table: pd.DataFrame, method: str = LOCALISER) -> str:
    """Say how near the share of missed gates comes to that of missed events.

    Parameters
    ----------
    table
        The tidy table ``edges_missed.csv``.
    method
        The detector.
    """
    rows = table[table["method"] == method].dropna(subset=["missed_gates", "missed_events"])
    n = len(rows)
    if not n:
        return f"This run cannot say what {_SHORT[method]} misses."
    gates, events = rows["missed_gates"], rows["missed_events"]
    apart = float((gates - events).abs().mean())
    words = (
        f"{_SHORT[method].capitalize() if method == LOCALISER else _SHORT[method]} finds nothing in "
        f"{number(gates.mean())} of its gates and in {number(events.mean())} of the test events, means over {n} "
        f"class{'es' if n > 1 else ''}; class by class the two lie {number(apart)} apart on average"
    )
    if n >= _FEWEST and np.ptp(gates) > 0 and np.ptp(events) > 0:
        words += f", with a rank correlation of {number(gates.rank().corr(events.rank()))}"
    return f"{words}. So few classes decide little."
