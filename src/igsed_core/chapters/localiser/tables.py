"""Tables of the localiser: every step, what it is better than, how long sounds last, how concentrated methods are."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.localiser.figures import LADDER
from igsed_core.metrics.summaries import ALL
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.style import METRICS, class_name, name

_METRICS = ("iou", "f1", "pointing_game")
_CONCENTRATED = {
    "winners": "What each frame gives to the logit",
    "ig_mean": "IG, mean over time for the maximum",
    "cam": "CAM",
    "localiser": "Localiser, probability",
}


def ladder_table(table: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """IoU, F1 and pointing game of every step.

    Parameters
    ----------
    table
        ``split, method, rule, metric, class, average, value, ci_low, ci_high``
    split, average
        Which rows to show.
    """
    ours = by_key(table, ("method", "rule", "metric"), **{"split": split, "average": average, "class": ALL})
    return pd.DataFrame(
        [
            {
                "Scores and threshold": title,
                "time labels": used,
                "n": number(ours[method, rule, "iou"].get("n"), 0),
                **{METRICS[metric]: with_interval(ours.get((method, rule, metric))) for metric in _METRICS},
            }
            for (method, rule), (title, used) in LADDER.items()
            if (method, rule, "iou") in ours
        ]
    )


def gains_table(differences: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """Paired differences: one step minus another.

    Parameters
    ----------
    differences
        ``split, method, rule, other_method, other_rule, metric, average, value, ci_low, ci_high``
    split, average
        Which rows to show.
    """
    pair = ("method", "rule", "other_method", "other_rule")
    ours = by_key(differences, (*pair, "metric"), split=split, average=average)
    pairs = dict.fromkeys(key[:4] for key in ours)  # type: ignore[index]
    return pd.DataFrame(
        [
            {
                "Of": LADDER[method, rule][0],
                "over": LADDER[other_method, other_rule][0],
                "n": number((ours.get((method, rule, other_method, other_rule, "iou")) or {}).get("n"), 0),
                **{
                    METRICS[metric]: with_interval(ours.get((method, rule, other_method, other_rule, metric)))
                    for metric in _METRICS
                },
            }
            for method, rule, other_method, other_rule in pairs
        ]
    )


def durations_table(durations: pd.DataFrame) -> pd.DataFrame:
    """How long each class lasts: as the model believes, as found, as it is.

    Parameters
    ----------
    durations
        ``class, n_present, n_absent, n, believed, found, true``
    """
    return pd.DataFrame(
        {
            "Class": [class_name(label) for label in durations["class"]],
            "training clips with it": durations["n_present"],
            "without": durations["n_absent"],
            "test instances": durations["n"],
            **{f"{what} (s)": [number(value) for value in durations[what]] for what in ("believed", "found", "true")},
        }
    )


def concentration_table(table: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Smallest share of an event's frames that holds half of what a method gives to the event.

    Parameters
    ----------
    table
        ``split, method, metric, average, value, n, ci_low, ci_high``; metric ``half_mass``.
    split
        Which rows to show.
    """
    rows = by_key(table, ("method",), split=split, metric="half_mass", average="instance")
    return pd.DataFrame(
        [
            {
                "Method": _CONCENTRATED.get(key[0], name(key[0])),  # type: ignore[index]
                "instances": row["n"],
                "share of the active frames that holds half": with_interval(row),
            }
            for key, row in rows.items()
        ]
    )
