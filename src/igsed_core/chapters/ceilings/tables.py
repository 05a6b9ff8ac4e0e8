"""Tables of page 15."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.ceilings.names import RULES, method_name, supervision
from igsed_core.metrics.summaries import ALL, TWO_WAY
from igsed_core.show.cells import NONE, by_key, number, with_interval
from igsed_core.show.style import METRICS

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
