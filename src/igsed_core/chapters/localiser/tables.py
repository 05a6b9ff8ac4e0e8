"""Tables of the localiser: every step, what it is better than, how long sounds last, how concentrated methods are."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.localiser import encoders
from igsed_core.chapters.localiser.figures import LADDER
from igsed_core.metrics.summaries import ALL, CLIPS, TWO_WAY
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.claims import MARGIN, RELATIONS, figure, marked, sample, verdict_on
from igsed_core.show.style import METRICS, class_name, name, short

_METRICS = ("iou", "f1", "pointing_game")
_INSTANCES = {"own": "its classifier's", "common": "both classifiers'"}
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
        ``split, method, rule, other_method, other_rule, metric, average, value, ci_low, ci_high, p, survives``; what
        survives the correction is marked.
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
                    METRICS[metric]: marked(ours.get((method, rule, other_method, other_rule, metric)))
                    for metric in _METRICS
                },
            }
            for method, rule, other_method, other_rule in pairs
        ]
    )


def encoders_table(table: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """Every method under each encoder, on the encoder's own instances and on those of both.

    Parameters
    ----------
    table
        ``encoder, instances, split, method, rule, metric, class, average, value, n, ci_low, ci_high``
    split, average
        Which rows to show.
    """
    where = {"split": split, "average": average, "class": ALL}
    ours = by_key(table, ("encoder", "instances", "method", "rule", "metric"), **where)
    metrics = (*_METRICS, "auroc")
    keys = dict.fromkeys(key[:4] for key in ours if key[4] == "iou")
    order: list[tuple[str, ...]] = list(LADDER)
    return pd.DataFrame(
        [
            {
                "Scores and threshold": LADDER[method, rule][0],
                "encoder": encoder,
                "instances": _INSTANCES[instances],
                "n": number(ours[encoder, instances, method, rule, "iou"].get("n"), 0),
                **{METRICS[q]: with_interval(ours.get((encoder, instances, method, rule, q))) for q in metrics},
            }
            for encoder, instances, method, rule in sorted(keys, key=lambda key: (order.index(key[2:]), key[1]))
        ]
    )


def encoder_gains_table(
    differences: pd.DataFrame, *, split: str = "test", average: str = "instance", instances: str = "own"
) -> pd.DataFrame:
    """Paired differences under each encoder: intervals over clips, and over clips and source files.

    Parameters
    ----------
    differences
        ``encoder, instances, resampled`` and the columns of
        :data:`igsed_core.metrics.summaries.DIFFERENCE_COLUMNS`; what survives the correction is marked.
    split, average, instances
        Which rows to show.
    """
    pair = ("method", "rule", "other_method", "other_rule")
    where = {"split": split, "average": average, "instances": instances, "metric": "iou"}
    ours = by_key(differences, (*pair, "encoder", "resampled"), **where)
    return pd.DataFrame(
        [
            {
                "Of": LADDER[key[0], key[1]][0],
                "over": LADDER[key[2], key[3]][0],
                "encoder": key[4],
                "n": number(row.get("n"), 0),
                "IoU, clips drawn anew": marked(row),
                "clips and source files": marked(ours.get((*key[:5], TWO_WAY))),
            }
            for key, row in ours.items()
            if key[5] == CLIPS
        ]
    )


def under_encoders(
    table: pd.DataFrame, differences: pd.DataFrame, *, split: str = "test", margin: float = MARGIN
) -> str:
    """Say, encoder by encoder, how IG, CAM, the framewise detectors and the localiser stand to each other.

    Verdicts are on IoU over the encoder's own instances, by the intervals over clips and source files.

    Parameters
    ----------
    table, differences
        The tidy tables ``localiser_encoders.csv`` and ``localiser_encoders_differences.csv``.
    split, margin
        Which rows; the smallest difference worth naming.
    """
    recalls = by_key(table, ("encoder",), split=split, metric=encoders.RECALL, average="instance")
    pair = ("encoder", "method", "rule", "other_method", "other_rule")
    where = {"split": split, "average": "instance", "metric": "iou", "instances": encoders.OWN, "resampled": TWO_WAY}
    apart = by_key(differences, pair, **where)
    sentences = []
    for (encoder,), recall in recalls.items():
        rows = {(first, other): apart.get((encoder, *first, *other)) for first, other in encoders.PAIRS}
        n = min((row["n"] for row in rows.values() if row), default=0)
        said = [
            f"{_in_words(first)} is {RELATIONS[verdict_on(row, margin=margin)]} {_in_words(other)} ({figure(row)})"
            for (first, other), row in rows.items()
        ]
        sentences.append(
            f"Under the encoder {encoder} the classifier detects a share of {with_interval(recall)} of the present "
            f"pairs. By IoU {', '.join(said[:-1])}, and {said[-1]}, {sample(n)}."
        )
    sentences.append("All but the localiser are read at a share of the clip's maximum that was tuned with time labels.")
    if len(recalls) < 2:
        sentences.append("In this run nothing was measured under a second encoder.")
    return " ".join(sentences)


def _in_words(key: tuple[str, str]) -> str:
    return "the localiser with edges as found" if key == encoders.LOCALISER else short(key[0])


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
