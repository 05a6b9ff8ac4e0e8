"""Tables I-III and the thresholds, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from igsed_core import paper
from igsed_core.detection.further_metrics import RAW, SHARE
from igsed_core.detection.scored import COMPARED, LEARNED, RANKED
from igsed_core.metrics.summaries import ALL
from igsed_core.show.cells import NONE, OURS, PAPER, Cells, by_key, frame, number, with_interval
from igsed_core.show.claims import figure, marked
from igsed_core.show.style import METRICS, class_name, class_names, name, short

LOPSIDED = 2  # how many times as long as the other an arm of an interval is before a sentence names it
_MEAN = "Mean over classes"


def table_1(classification: pd.DataFrame, *, split: str = "test", method: str = "clip_level") -> pd.DataFrame:
    """Precision, recall and F1 of each class at clip level (paper, Table I).

    A class that no clip holds has no value, and the last row says how many classes its mean is over.

    Parameters
    ----------
    classification
        ``split, method, class, metric, value, n, ci_low, ci_high``
    split, method
        Which rows to show.
    """
    ours = by_key(classification, ("class", "metric"), split=split, method=method)
    labels = list(dict.fromkeys(classification["class"]))
    published = paper.classification().set_index("class")
    if _same_classes(labels, published.index):
        published.loc[ALL] = published.mean()
    rows, shown = {}, class_names(labels)
    for label in labels:
        cells: Cells = {("", "clips"): NONE if label == ALL else str(ours[label, "f1"]["n"])}
        for metric, title in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1")):
            cells[title, OURS] = with_interval(ours[label, metric])
            cells[title, PAPER] = number(published.loc[label, metric]) if label in published.index else NONE
        held = int(ours[label, "f1"]["n"])  # classes, in the last row
        mean = _MEAN if held == len(labels) - 1 else f"Mean over {held} classes with clips"
        rows[mean if label == ALL else shown[label]] = cells
    return frame(rows, "Class")


def table_2(detection: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """Temporal detection of each method (paper, Table II).

    Parameters
    ----------
    detection
        ``split, method, average, metric, value, ci_low, ci_high``; each method at its own thresholds.
    split, average
        Which rows to show: ``average`` is ``instance`` or ``class``. The spread of the IoU is one over instances, so
        that the table of means over classes has none.
    """
    ours = by_key(detection, ("method", "metric"), split=split, average=average)
    published = paper.detection().set_index("method")
    rows = {}
    for method in COMPARED:
        cells: Cells = {("", "n"): number(ours[method, "iou"].get("n"), 0)}
        for metric in ("iou", "f1", "iou_std", "pointing_game"):
            if metric != "iou_std" or average == "instance":
                cells[METRICS[metric], OURS] = with_interval(ours.get((method, metric)))
                cells[METRICS[metric], PAPER] = number(published.loc[method, metric])
        rows[name(method)] = cells
    return frame(rows, "Method")


def at_ig_thresholds(
    detection: pd.DataFrame, at_ig: pd.DataFrame, *, split: str = "test", average: str = "instance"
) -> pd.DataFrame:
    """Temporal detection of each method at its own thresholds, and at those chosen for Integrated Gradients.

    Parameters
    ----------
    detection, at_ig
        ``split, method, average, metric, value, ci_low, ci_high``, at either.
    split, average
        Which rows to show: ``average`` is ``instance`` or ``class``.
    """
    own, common = (by_key(table, ("method", "metric"), split=split, average=average) for table in (detection, at_ig))
    rows = {}
    for method in COMPARED:
        cells: Cells = {("", "n"): number(own[method, "iou"].get("n"), 0)}
        for metric in ("iou", "f1"):
            cells[METRICS[metric], "own threshold"] = with_interval(own[method, metric])
            cells[METRICS[metric], "IG's"] = with_interval(common.get((method, metric)))
        rows[name(method)] = cells
    return frame(rows, "Method")


def table_3(
    per_class: pd.DataFrame,
    detection: pd.DataFrame | None = None,
    *,
    metric: str = "iou",
    split: str = "test",
    interval: bool = True,
) -> pd.DataFrame:
    """IoU or F1 of each class (paper, Table III, which has both side by side).

    Parameters
    ----------
    per_class
        ``split, method, class, metric, value, n, ci_low, ci_high``
    detection
        The table of all methods: its class averages make the last row.
    metric
        ``iou`` or ``f1``.
    split
        Which rows to show.
    interval
        Show the 95 % intervals.
    """
    ours = by_key(per_class, ("class", "method"), split=split, metric=metric)
    published = by_key(paper.per_class(), ("class", "method"), metric=metric)
    labels = list(dict.fromkeys(per_class["class"]))
    rows, shown = {}, class_names(labels)

    def beside(row: Mapping[str, object] | None, theirs: float | None) -> tuple[str, str]:
        return with_interval(row) if interval or row is None else number(row["value"]), number(theirs)

    for label in labels:
        cells: Cells = {("", "n"): str(int(ours[label, "ig"]["n"]))}
        for method in LEARNED:
            theirs = published.get((label, method), {}).get("value")
            cells[short(method), OURS], cells[short(method), PAPER] = beside(ours.get((label, method)), theirs)
        rows[shown[label]] = cells
    if detection is not None:
        means = by_key(detection, ("method",), split=split, average="class", metric=metric)
        same = _same_classes(labels, {label for label, _ in published})
        cells = {("", "n"): NONE}
        for method in LEARNED:
            theirs = float(np.mean([row["value"] for key, row in published.items() if key[1] == method]))
            cells[short(method), OURS], cells[short(method), PAPER] = beside(
                means.get((method,)), theirs if same else None
            )
        rows[_MEAN] = cells
    return frame(rows, "Class")


_FURTHER = ("auroc", "average_precision", "event_f1", "onset_error", "offset_error")
_PSDS = {RAW: "of the scores", SHARE: "of their share of the maximum"}


def further_table(further: pd.DataFrame, *, split: str = "test", average: str = "instance") -> pd.DataFrame:
    """Metrics without a threshold and of events (not in the paper).

    Parameters
    ----------
    further
        ``split, method, rule, metric, average, value, ci_low, ci_high``
    split, average
        Which rows to show; PSDS is a mean over classes in any case.
    """
    ours = by_key(further, ("method", "metric"), split=split, average=average)
    scores = by_key(further, ("method", "rule"), split=split, metric="psds")
    methods = [method for method in RANKED if (method, RAW) in scores]
    rows: dict[str, Cells] = {}
    for method in methods:
        rows[name(method)] = {
            ("", "n"): number(ours[method, _FURTHER[0]].get("n"), 0),
            **{("", METRICS[metric]): with_interval(ours[method, metric]) for metric in _FURTHER},
            **{(METRICS["psds"], title): with_interval(scores[method, rule]) for rule, title in _PSDS.items()},
        }
    return frame(rows, "Method")


def psds_limits(further: pd.DataFrame, seconds: float, *, split: str = "test") -> str:
    """Say from how little audio PSDS comes, and how lopsided its intervals are.

    Its curve ends at a number of false positives per hour. In a short test split a single one jumps along that axis,
    and most draws of clips lie on one side of the sample: the bootstrap is biased, and percentiles of it are rough.

    Parameters
    ----------
    further
        ``split, method, rule, metric, value, ci_low, ci_high``
    seconds
        Length of the split's clips together.
    split
        Which rows.
    """
    rows = further[(further["split"] == split) & (further["metric"] == "psds")].dropna(subset=["ci_low", "ci_high"])
    rows = rows[rows["ci_high"] > rows["ci_low"]].reset_index(drop=True)
    per_hour = f"{number(3600 / seconds, 1)} per hour of its class" if seconds else "any number per hour"
    source = (
        f"PSDS comes from {number(seconds / 60, 1)} minutes of audio, in which one false detection counts as {per_hour}"
    )
    if rows.empty:
        return f"{source}; this run decides no interval of it."
    arms = np.stack([rows["value"] - rows["ci_low"], rows["ci_high"] - rows["value"]])
    ratio = arms.max(axis=0) / np.maximum(arms.min(axis=0), 1e-9)
    n = int((ratio > LOPSIDED).sum())
    if not n:
        return f"{source}; no arm of its {len(rows)} intervals is more than {LOPSIDED} times as long as the other."
    most = {str(key): value for key, value in rows.iloc[int(ratio.argmax())].items()}
    return (
        f"{source}. In {n} of its {len(rows)} intervals one arm is more than {LOPSIDED} times as long as the other "
        f"(most so {name(most['method'])}: {figure(most)}): draws of clips lie mostly on one side of the "
        "sample, so that the ends of such an interval are rough and its middle is no estimate. Read PSDS as an order "
        "of the methods here, not as a figure to compare with other data."
    )


def differences_table(
    differences: pd.DataFrame,
    *,
    split: str = "test",
    average: str = "instance",
    first: str = "ig",
    metrics: Sequence[str] = ("iou", "f1", "pointing_game", "auroc", "average_precision"),
) -> pd.DataFrame:
    """How far one method stands above (or below) each other one, paired over clips.

    Parameters
    ----------
    differences
        ``split, method, other_method, metric, average, value, ci_low, ci_high, p, survives``; what survives the
        correction is marked.
    split, average, first, metrics
        Which rows and columns to show.
    """
    chosen = by_key(differences, ("other_method", "metric"), split=split, average=average, method=first)
    shown = [metric for metric in metrics if any(key[1] == metric for key in chosen)]
    return pd.DataFrame(
        {"Difference": f"{short(first)} minus {name(other)}", "n": number(chosen[other, shown[0]].get("n"), 0)}
        | {METRICS[metric]: marked(chosen.get((other, metric))) for metric in shown}
        for other in dict.fromkeys(key[0] for key in chosen if key[1] == shown[0])
    )


def values_table(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every value of Tables II and III and of the further metrics, a row each, to sort and filter.

    Parameters
    ----------
    found
        Tidy tables by name, from :func:`igsed_core.workflow.results.gather`.
    """
    table = pd.concat([found[part] for part in ("detection", "per_class", "further")], ignore_index=True)
    names = {
        "method": table["method"].map(name),
        "metric": table["metric"].map(METRICS),
        "class": table["class"].map(class_name),
        **{column: table[column].round(3) for column in ("value", "ci_low", "ci_high")},
    }
    return table.assign(**names)[
        [*("method", "metric", "rule", "threshold", "class", "average", "split"), *("value", "ci_low", "ci_high", "n")]
    ]


def instances_table(instances: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Count (clip, class) pairs that are evaluated in time, and those that the classifier missed or made up.

    Parameters
    ----------
    instances
        ``split, class, present, evaluated, missed, false``
    split
        Which rows to show.
    """
    rows = instances[instances["split"] == split].set_index("class")[["present", "evaluated", "missed", "false"]]
    rows.index = pd.Index([class_name(str(label)) for label in rows.index], name="Class")
    rows.loc["All classes"] = rows.sum()
    return rows.reset_index()


def thresholds_table(curves: pd.DataFrame, chosen: dict[str, dict[str, float]], *, split: str = "test") -> pd.DataFrame:
    """Percentile thresholds: chosen on the validation set, best on the test set, and the paper's.

    Parameters
    ----------
    curves
        ``split, method, average, metric, threshold, value``
    chosen
        Method -> metric -> threshold chosen on the validation set.
    split
        Split whose highest point stands beside the paper's.
    """
    # Tables of two splits put together have each row label twice.
    instance = curves[curves["average"] == "instance"].reset_index(drop=True)
    peaks = instance.loc[instance.groupby(["split", "method", "metric"])["value"].idxmax()]
    ours = by_key(peaks, ("method", "metric"), split=split)
    published = by_key(paper.threshold_sensitivity(), ("method", "metric"))
    rows = {}
    for method in COMPARED:
        cells: Cells = {("", "n"): number(ours[method, "iou"].get("n"), 0)}
        for metric in ("iou", "f1"):
            title, key = METRICS[metric], (method, metric)
            cells[title, "chosen"] = f"{chosen[method][metric]:g}"
            cells[title, f"peak ({split})"] = f"{number(ours[key]['value'])} at {ours[key]['threshold']:g}"
            theirs = published.get(key)
            cells[title, "paper's peak"] = (
                NONE if theirs is None else f"{number(theirs['peak_value'])} at {theirs['peak_percentile']:g}"
            )
        rows[name(method)] = cells
    return frame(rows, "Method")


def _same_classes(ours: Iterable[str], published: Iterable[str]) -> bool:
    """Whether a mean over our classes may stand beside a mean over the paper's."""
    return set(ours) - {ALL} == set(published)
