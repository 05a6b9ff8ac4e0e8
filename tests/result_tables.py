"""Small result tables with values that a test can predict, in the columns of the real ones."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from igsed_core.metrics.summaries import COLUMNS, DIFFERENCE_COLUMNS

METHODS = ("ig", "fw_ws", "fw_ss", "random", "energy")
CLASSES = ("Blender", "Cat", "Kettle")  # the paper has no Kettle
VALUE = {"ig": 0.4, "fw_ws": 0.5, "fw_ss": 0.6, "random": 0.2, "energy": 0.3}
SHIFT = {"iou": 0.0, "f1": 0.1, "pointing_game": 0.2}


def _row(method, metric, label, average, threshold, value, n, half_width):
    ends = (value - half_width, value + half_width)
    return ("test", method, "percentile", metric, label, average, threshold, value, n, 0.2, *ends)


def detection(half_width: float = 0.04) -> pd.DataFrame:
    rows = []
    for method in METHODS:
        for average in ("instance", "class"):
            for metric, shift in SHIFT.items():
                threshold = np.nan if metric == "pointing_game" else 60.0
                rows.append(_row(method, metric, "all", average, threshold, VALUE[method] + shift, 30, half_width))
        rows.append(_row(method, "iou_std", "all", "instance", 60.0, 0.2, 30, 0.05))
    return pd.DataFrame(rows, columns=COLUMNS)


def further() -> pd.DataFrame:
    rows = []
    for method in (*METHODS, "oracle"):
        value = VALUE.get(method, 0.9)
        for average in ("instance", "class"):
            for metric in ("auroc", "average_precision", "event_f1", "onset_error", "offset_error", "events_found"):
                rows.append(_row(method, metric, "all", average, np.nan, value, 30, 0.05))
        for rule, shift in (("raw", 0.0), ("share_of_maximum", 0.1)):
            row = _row(method, "psds", "all", "class", np.nan, value - shift, 10, 0.05)
            rows.append((*row[:2], rule, *row[3:]))
    chance = _row("random", "chance", "all", "instance", np.nan, 0.25, 30, 0.05)
    rows.append((*chance[:2], "none", *chance[3:]))
    return pd.DataFrame(rows, columns=COLUMNS)


def differences(half_width: float = 0.04) -> pd.DataFrame:
    rows = []
    for one, other in itertools.combinations(METHODS, 2):
        for average in ("instance", "class"):
            for metric in SHIFT:
                value = VALUE[one] - VALUE[other]
                ends = (value - half_width, value + half_width)
                p = 0.01 if abs(value) > half_width else 0.5
                rows.append(
                    (
                        "test",
                        one,
                        "percentile",
                        other,
                        "percentile",
                        metric,
                        "all",
                        average,
                        value,
                        30,
                        20,
                        *ends,
                        p,
                        p < 0.05,
                    )
                )
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def per_class() -> pd.DataFrame:
    """No instance of Kettle."""
    rows = []
    for method in METHODS:
        for label in CLASSES:
            for metric, shift in SHIFT.items():
                there = label != "Kettle"
                v = VALUE[method] + shift if there else np.nan
                rows.append(_row(method, metric, label, "instance", 60.0, v, 15 * there, 0.05))
    return pd.DataFrame(rows, columns=COLUMNS)


def curves() -> pd.DataFrame:
    """Parabolas with their peaks at the 50th percentile."""
    rows = []
    for method in (*METHODS, "oracle"):
        for average in ("instance", "class"):
            for metric in ("iou", "f1"):
                for tau in np.arange(1.0, 100.0):
                    value = VALUE.get(method, 0.8) + SHIFT[metric] - ((tau - 50) / 200) ** 2
                    rows.append(_row(method, metric, "all", average, tau, value, 30, 0.05))
    return pd.DataFrame(rows, columns=COLUMNS)


def classification() -> pd.DataFrame:
    rows = []
    for label in (*CLASSES, "all"):
        for i, metric in enumerate(("precision", "recall", "f1")):
            average, n = ("class", 3) if label == "all" else ("instance", 10)
            rows.append(_row("clip_level", metric, label, average, 0.5, 0.25 * (1 + i), n, 0.05))
    return pd.DataFrame(rows, columns=COLUMNS)


def instances() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "split": "test",
            "class": CLASSES,
            "present": [10, 8, 3],
            "evaluated": [9, 6, 0],
            "missed": [1, 2, 3],
            "false": [0, 4, 1],
        }
    )


def engine_study() -> pd.DataFrame:
    """Two clips; each rule's error falls as one over its points, and Captum takes six times as long."""
    rows = []
    for clip, scale in (("a", 1.0), ("b", 3.0)):
        for rule, counts in (
            ("reference", (200,)),
            ("gausslegendre", (4, 50)),
            ("db_midpoint", (4, 16)),
            ("db_gauss", (8,)),
            ("db_adaptive", (64,)),
        ):
            for n in counts:
                used = 20 if rule == "db_adaptive" else n
                rows.append((clip, "mel_path", rule, n, used, scale / n, 1 - 0.1 / n, 0.5, 1.0, np.nan, 0.01 * used))
        rows.append((clip, "captum", "gausslegendre", 50, 50, scale / 50, 0.998, 0.5, 1.0, 1e-5 * scale, 3.0))
    columns = ["clip", "engine", "quadrature", "n_steps", "points", "completeness_error", "cosine", "iou"]
    table = pd.DataFrame(rows, columns=[*columns, "pointing_game", "difference", "seconds"])
    return table.assign(target="logit", precision="float32")
