"""Scores over time -> masks -> metrics -> tidy tables (paper, sections III-C and IV).

Instances are the (clip, class) pairs that the clip-level classifier detects and that are present; they are
the same for every method, so that methods compare like with like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core import bootstrap, classification, frames, metrics, thresholds
from igsed_core.baselines import ScoresOverTime
from igsed_core.maps import STEP, Maps

METHODS = ("ig", "fw_ws", "fw_ss", "random", "energy")
ORACLE = "oracle"
THRESHOLDED = ("iou", "f1")
CURVE_COLUMNS = ["split", "method", "average", "metric", "threshold", "value", "n"]
DETECTION_COLUMNS = [*CURVE_COLUMNS, "std", "ci_low", "ci_high"]


@dataclass(frozen=True)
class Instances:
    """The (clip, class) pairs of one split with their ground truth and each method's scores.

    Attributes
    ----------
    index
        ``split, clip, label``, a row an instance.
    truth
        Active frames, ``[shape=(n_instances, n_frames), dtype=bool]``.
    scores
        Method -> ``[shape=(n_instances, n_frames)]``.
    """

    index: pd.DataFrame
    truth: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]

    def first_of(self, clip: str) -> Instance:
        """Return the first instance of a clip."""
        row = int(np.flatnonzero(self.index["clip"] == clip)[0])
        by_method = {name: values[row] for name, values in self.scores.items() if name != ORACLE}
        return Instance(str(self.index["label"].iloc[row]), self.truth[row], by_method)


@dataclass(frozen=True)
class Instance:
    """One (clip, class) pair: its class, active frames and each method's scores, ``[shape=(n_frames,)]``."""

    label: str
    truth: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Measured:
    """Metrics of every instance at every threshold.

    Attributes
    ----------
    index
        As in :class:`Instances`.
    thresholds
        ``[shape=(n_thresholds,)]``
    values
        Method -> metric -> ``[shape=(n_thresholds, n_instances)]``; one row for the pointing game, which
        has no threshold.
    """

    index: pd.DataFrame
    thresholds: NDArray[np.float64]
    values: dict[str, dict[str, NDArray[np.float64]]]


def instances(
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    maps: Maps,
    scores: dict[str, ScoresOverTime],
    *,
    split: str,
    duration: float,
    frame_length: float,
    min_coverage: float,
    reading: str,
    seed: int,
) -> Instances:
    """Bring ground truth and all methods' scores of one split's instances to evaluation frames.

    Parameters
    ----------
    predictions
        From :func:`igsed_core.classification.predict`.
    events
        ``clip, label, onset, offset`` in seconds.
    maps
        Attributions.
    scores
        The other methods' scores.
    split
        ``validation`` or ``test``.
    duration, frame_length
        Seconds.
    min_coverage
        See :func:`igsed_core.frames.activity`.
    reading
        See :meth:`igsed_core.maps.Maps.read_as`.
    seed
        Breaks the oracle's ties.

    Raises
    ------
    IgsedError
        If the split has no instance.
    """
    index = classification.evaluated_pairs(predictions, split)
    n = frames.n_frames(duration, frame_length)
    by_pair = dict(iter(events.groupby(["clip", "label"])))
    pairs = list(zip(index["clip"], index["label"], strict=True))
    truth = np.stack(
        [
            frames.activity(
                by_pair[pair]["onset"],
                by_pair[pair]["offset"],
                n_frames=n,
                frame_length=frame_length,
                min_coverage=min_coverage,
            )
            for pair in pairs
        ]
    )
    row_of = {pair: i for i, pair in enumerate(zip(maps.index["clip"], maps.index["label"], strict=True))}
    importance = maps.read_as(reading)[[row_of[pair] for pair in pairs]]
    grid = {"frame_length": frame_length, "n_frames": n}
    by_method = {"ig": frames.average(importance, step=STEP, **grid)}  # type: ignore[arg-type]
    for name, over_time in scores.items():
        clip_row = {clip: i for i, clip in enumerate(over_time.clips)}
        class_row = {label: i for i, label in enumerate(over_time.classes)}
        values = over_time.values[[clip_row[c] for c, _ in pairs], [class_row[c] for _, c in pairs]]
        by_method[name] = frames.average(values, step=over_time.step, start=over_time.start, **grid)  # type: ignore[arg-type]
    # A perfect ranking: the ceiling of any rule that keeps a fixed share of the frames.
    noise = np.random.default_rng([seed, 0x0AC1]).random(truth.shape)
    by_method[ORACLE] = truth + 0.5 * noise
    return Instances(index, truth, by_method)


def measure(data: Instances, grid: NDArray[np.float64]) -> Measured:
    """Compute every metric of every method and instance at every percentile threshold."""
    values = {}
    for method, scores in data.scores.items():
        masks = thresholds.percentile(scores, grid)  # (n_thresholds, n_instances, n_frames)
        values[method] = {
            "iou": metrics.iou(masks, data.truth),
            "f1": metrics.f1(masks, data.truth),
            "pointing_game": metrics.pointing_game(scores, data.truth)[None],
        }
    return Measured(data.index, grid, values)


def class_average(values: NDArray[np.float64], labels: NDArray[np.str_]) -> NDArray[np.float64]:
    """Mean over classes of the means over each class's instances, along the last axis."""
    return np.mean([values[..., labels == c].mean(axis=-1) for c in np.unique(labels)], axis=0)


def curves(measured: Measured) -> pd.DataFrame:
    """Return IoU and F1 at every threshold, averaged both ways (paper, Fig. 3)."""
    labels = measured.index["label"].to_numpy(dtype=str)
    split = measured.index["split"].iloc[0]
    tables = []
    for method, by_metric in measured.values.items():
        for metric in THRESHOLDED:
            values = by_metric[metric]
            for average, mean, n in (
                ("instance", values.mean(axis=-1), len(labels)),
                ("class", class_average(values, labels), len(np.unique(labels))),
            ):
                tables.append(
                    pd.DataFrame(
                        {
                            "split": split,
                            "method": method,
                            "average": average,
                            "metric": metric,
                            "threshold": measured.thresholds,
                            "value": mean,
                            "n": n,
                        }
                    )
                )
    return pd.concat(tables, ignore_index=True)


def optimal_thresholds(validation: Measured) -> dict[str, dict[str, float]]:
    """Return, by method and metric, the threshold with the best instance average (the lowest of equals)."""
    return {
        method: {
            metric: float(validation.thresholds[by_metric[metric].mean(axis=-1).argmax()]) for metric in THRESHOLDED
        }
        for method, by_metric in validation.values.items()
    }


def detection(measured: Measured, chosen: dict[str, dict[str, float]], *, replicates: int, seed: int) -> pd.DataFrame:
    """Return each method at its thresholds, over instances and over classes (paper, Table II).

    Parameters
    ----------
    measured
        One split's metrics.
    chosen
        Method -> metric -> threshold, from :func:`optimal_thresholds`.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        ``split, method, average, metric, threshold, value, n, std, ci_low, ci_high``. ``std`` is the
        standard deviation over what is averaged; the 95 % interval is a bootstrap over clips with the
        thresholds held.
    """
    labels = measured.index["label"].to_numpy(dtype=str)
    clips, clip_of = np.unique(measured.index["clip"].to_numpy(dtype=str), return_inverse=True)
    names, class_of = np.unique(labels, return_inverse=True)
    weights = bootstrap.clip_weights(len(clips), replicates=replicates, seed=seed)
    split = measured.index["split"].iloc[0]
    rows = []
    for method, metric, threshold, values in _at(measured, chosen):
        by_class = np.array([values[class_of == c].mean() for c in range(len(names))])
        over_instances = bootstrap.instance_means(values, clip_of, weights)
        over_classes = bootstrap.class_means(values, clip_of, class_of, weights)
        for average, spread, replicated in (
            ("instance", values, over_instances),
            ("class", by_class, over_classes),
        ):
            interval = bootstrap.interval(replicated)
            rows.append(
                (
                    split,
                    method,
                    average,
                    metric,
                    threshold,
                    spread.mean(),
                    len(spread),
                    spread.std(),
                    *interval,
                )
            )
            if metric == "iou":
                spreads = (
                    np.sqrt(np.clip(bootstrap.instance_means(values**2, clip_of, weights) - over_instances**2, 0, None))
                    if average == "instance"
                    else np.full(replicates, np.nan)
                )
                interval = bootstrap.interval(spreads) if average == "instance" else (np.nan, np.nan)
                rows.append(
                    (
                        split,
                        method,
                        average,
                        "iou_std",
                        threshold,
                        spread.std(),
                        len(spread),
                        np.nan,
                        *interval,
                    )
                )
    return pd.DataFrame(rows, columns=DETECTION_COLUMNS)


def per_class(
    measured: Measured,
    chosen: dict[str, dict[str, float]],
    classes: tuple[str, ...],
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Return each method at its thresholds, a class (paper, Table III).

    Returns
    -------
    pd.DataFrame
        ``split, method, class, metric, threshold, value, n, std, ci_low, ci_high``. A class without an
        instance has ``n`` 0 and no value.
    """
    labels = measured.index["label"].to_numpy(dtype=str)
    clips, clip_of = np.unique(measured.index["clip"].to_numpy(dtype=str), return_inverse=True)
    weights = bootstrap.clip_weights(len(clips), replicates=replicates, seed=seed)
    split = measured.index["split"].iloc[0]
    rows: list[tuple[object, ...]] = []
    for method, metric, threshold, values in _at(measured, chosen):
        for label in classes:
            mine = labels == label
            if not mine.any():
                rows.append((split, method, label, metric, threshold, np.nan, 0, np.nan, np.nan, np.nan))
                continue
            v = values[mine]
            interval = bootstrap.interval(bootstrap.instance_means(v, clip_of[mine], weights))
            rows.append((split, method, label, metric, threshold, v.mean(), len(v), v.std(), *interval))
            if metric == "iou":
                rows.append((split, method, label, "iou_std", threshold, v.std(), len(v), *[np.nan] * 3))
    columns = ["class" if name == "average" else name for name in DETECTION_COLUMNS]
    return pd.DataFrame(rows, columns=columns)


def report(
    measured: dict[str, Measured],
    chosen: dict[str, dict[str, float]],
    classes: tuple[str, ...],
    *,
    replicates: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return :func:`detection`, the same at IG's thresholds for every method, and :func:`per_class`, of all splits."""
    at_ig = {method: chosen["ig"] for method in chosen}
    options = {"replicates": replicates, "seed": seed}
    return (
        pd.concat([detection(m, chosen, **options) for m in measured.values()], ignore_index=True),
        pd.concat([detection(m, at_ig, **options) for m in measured.values()], ignore_index=True),
        pd.concat([per_class(m, chosen, classes, **options) for m in measured.values()], ignore_index=True),
    )


def _at(measured: Measured, chosen: dict[str, dict[str, float]]) -> list[tuple[str, str, float, NDArray[np.float64]]]:
    """Return (method, metric, threshold, values of the instances) at the chosen thresholds."""
    result = []
    for method in METHODS:
        for metric, values in measured.values[method].items():
            if metric not in THRESHOLDED:
                result.append((method, metric, np.nan, values[0]))
                continue
            threshold = chosen[method][metric]
            row = int(np.abs(measured.thresholds - threshold).argmin())
            result.append((method, metric, threshold, values[row]))
    return result
