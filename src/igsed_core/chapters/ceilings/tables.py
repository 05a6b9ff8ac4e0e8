"""Tables of page 15."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.ceilings.names import RULES, method_name, supervision
from igsed_core.metrics.summaries import ALL, TWO_WAY
from igsed_core.show.cells import NONE, by_key, number, with_interval
from igsed_core.show.style import METRICS, class_name

_READINGS = {"ig": "IG, Otsu", "cam": "CAM, probability above one half", "localiser": "Localiser"}


def ceilings_table(table: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """IoU and F1 of every detector under every rule, the best IoU first.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, n, ci_low, ci_high``
    split, average
        Which rows to show.
    """
    ours = by_key(table, ("method", "rule", "metric"), **{"split": split, "average": average, "class": ALL})
    keys = sorted({key[:2] for key in ours}, key=lambda key: -ours[*key, "iou"]["value"])
    return pd.DataFrame(
        [
            {
                "Detector": method_name(method),
                "Decision": RULES.get(rule, rule),
                "time labels": supervision(method, rule),
                "n": number(ours[method, rule, "iou"]["n"], 0),
                **{METRICS[metric]: with_interval(ours.get((method, rule, metric)), 3) for metric in ("iou", "f1")},
            }
            for method, rule in keys
        ]
    )


def training_table(training: pd.DataFrame) -> pd.DataFrame:
    """List how long each detector was trained, and whether it had converged.

    Parameters
    ----------
    training
        ``seed, detector, time_labels, epochs, best_epoch, converged, validation_loss, seconds``
    """
    return pd.DataFrame(
        [
            {
                "Detector": method_name(str(row["detector"])),
                "seed": row["seed"],
                "time labels": "training" if row["time_labels"] else NONE,
                "epochs": row["epochs"],
                "best epoch": row["best_epoch"],
                "converged": "yes" if row["converged"] else "no",
                "validation loss": number(row["validation_loss"], 4),
                "seconds": number(row["seconds"], 1),
            }
            for row in training.to_dict("records")
        ]
    )


def differences_table(differences: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """Paired differences in IoU.

    Parameters
    ----------
    differences
        ``resampled, split, method, rule, other_method, other_rule, metric, average, value, n, ci_low, ci_high``
    split, average
        Which rows to show, of those whose intervals draw clips and source files.
    """
    rows = differences[
        (differences["resampled"] == TWO_WAY)
        & (differences["split"] == split)
        & (differences["average"] == average)
        & (differences["metric"] == "iou")
    ]
    return pd.DataFrame(
        [
            {
                "Of": f"{method_name(row['method'])}, {RULES.get(row['rule'], row['rule'])}",
                "minus": f"{method_name(row['other_method'])}, {RULES.get(row['other_rule'], row['other_rule'])}",
                "n": number(row["n"], 0),
                METRICS["iou"]: with_interval(row, 3),
            }
            for row in ({str(key): of for key, of in one.items()} for one in rows.to_dict("records"))
        ]
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
        made.setdefault(key, {"Detector": method_name(key[0]), "Decision": RULES.get(key[1], key[1])})
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
                "Detector": method_name(row["method"]),
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


def pooling_table(table: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """What is read from heads that pool in other ways.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, n, ci_low, ci_high``; the rule is the pooling.
    split
        Which rows to show.
    """
    ours = by_key(table, ("rule", "method", "metric"), **{"split": split, "average": "instance", "class": ALL})
    return pd.DataFrame(
        [
            {
                "Pooling": method_name(pooling),
                "read by": _READINGS.get(method, method),
                "n": number(ours[pooling, method, "iou"]["n"], 0),
                "half of it in": with_interval(ours.get((pooling, method, "half_mass"))),
                **{
                    METRICS[metric]: with_interval(ours.get((pooling, method, metric)))
                    for metric in ("iou", "pointing_game", "auroc")
                    if metric in METRICS
                },
            }
            for pooling, method in dict.fromkeys(key[:2] for key in ours)
        ]
    )
