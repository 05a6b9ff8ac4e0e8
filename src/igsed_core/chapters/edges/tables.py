"""Tables of page 22."""

from __future__ import annotations

import pandas as pd

from igsed_core.detection import decided
from igsed_core.main_job.edge_names import DECISIONS, DETECTORS
from igsed_core.metrics.summaries import ALL, CLIPS
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.style import class_name


def gains_table(levels: pd.DataFrame, differences: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """What calibrated edges give each detector, with both intervals of the difference.

    Parameters
    ----------
    levels, differences
        The tidy tables ``edges_iou.csv`` and ``edges_differences.csv``, or ``ceilings.csv`` and
        ``ceilings_differences.csv``, which hold other detectors as well.
    split
        Which rows to show.
    """
    where = {"split": split, "average": "instance", "metric": "iou", "class": ALL}
    ours = by_key(levels, ("method", "rule"), **where)
    kinds = [CLIPS, *(one for one in dict.fromkeys(differences.get("resampled", [])) if one != CLIPS)]
    made: dict[str, dict[str, object]] = {}
    for kind in kinds:
        rows = differences[differences["resampled"] == kind] if "resampled" in differences else differences
        apart = by_key(rows, ("method", "rule", "other_method", "other_rule"), **where)
        for method in DETECTORS:
            row = apart.get((method, decided.CALIBRATED, method, decided.FOUND))
            if row is None:
                continue
            cells = made.setdefault(method, {"Detector": DETECTORS[method], "n": number(row["n"], 0)})
            cells |= {title: with_interval(ours.get((method, rule)), 3) for rule, title in DECISIONS.items()}
            cells[f"calibrated minus as found, {kind} drawn anew"] = with_interval(row, 3)
            gates = apart.get((method, decided.CALIBRATED, method, decided.TOUCHED))
            if gates is not None and kind == kinds[-1]:
                cells[f"of that by gates, {kind} drawn anew"] = with_interval(gates, 3)
    return pd.DataFrame(list(made.values()))


def missed_table(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Share of gates that one detector misses beside that of true events, by class.

    Parameters
    ----------
    table
        The tidy table ``edges_missed.csv``.
    method
        Which rows.
    """
    rows = table[table["method"] == method]
    return pd.DataFrame(
        {
            "Class": [class_name(str(label)) for label in rows["class"]],
            "gates": rows["n_gates"].to_numpy(),
            "of these missed": [number(value) for value in rows["missed_gates"]],
            "events": rows["n_events"].to_numpy(),
            "missed of these": [number(value) for value in rows["missed_events"]],
        }
    )


def edges_table(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """How far one detector's decisions reach beyond gates, by class, over all lengths.

    Parameters
    ----------
    table
        ``method, class, length, n, missed, found, early, late``
    method
        Which rows.
    """
    rows = table[(table["method"] == method) & (table["length"] == 0)]
    shortest = (
        table[(table["method"] == method) & (table["length"] > 0)].sort_values("length").groupby("class")["missed"]
    )
    return pd.DataFrame(
        {
            "Class": [class_name(label) for label in rows["class"]],
            "gates": rows["n"].to_numpy(),
            "begins before (s)": [number(value) for value in rows["early"]],
            "ends after (s)": [number(value) for value in rows["late"]],
            "missed": [number(value) for value in rows["missed"]],
            "missed of the shortest": [number(shortest.first().get(label)) for label in rows["class"]],
        }
    )


def durations_table(table: pd.DataFrame) -> pd.DataFrame:
    """IoU before and after, by the length of the event.

    Parameters
    ----------
    table
        ``method, rule, from, to, n, iou``
    """
    made: dict[tuple[str, str], dict[str, object]] = {}
    for row in table.to_dict("records"):
        span = f"{row['from']:g} to {row['to']:g} s" if row["to"] < float("inf") else f"over {row['from']:g} s"
        key = (row["method"], row["rule"])
        made.setdefault(key, {"Detector": DETECTORS.get(key[0], key[0]), "Decision": DECISIONS.get(key[1], key[1])})
        made[key][f"{span} (n = {row['n']})"] = number(row["iou"])
    return pd.DataFrame(list(made.values()))


def soft_table(table: pd.DataFrame) -> pd.DataFrame:
    """Overlap with gates before and after, by how softly these begin.

    Parameters
    ----------
    table
        ``method, soft, n, missed, iou_found, iou_calibrated, value, ci_low, ci_high``
    """
    return pd.DataFrame(
        [
            {
                "Detector": DETECTORS.get(row["method"], row["method"]),
                "rises in (s)": number(row["soft"]),
                "n": number(row["n"], 0),
                "missed": number(row["missed"]),
                "as found": number(row["iou_found"], 3),
                "calibrated": number(row["iou_calibrated"], 3),
                "difference": with_interval(row, 3),
            }
            for row in ({str(key): of for key, of in one.items()} for one in table.to_dict("records"))
        ]
    )
