"""The values of the paper to be reproduced, transcribed from its Tables I-III, sections II-A and IV-D."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parent


def classification() -> pd.DataFrame:
    """Table I: ``class, precision, recall, f1``."""
    return pd.read_csv(FOLDER / "table1_classification.csv")


def detection() -> pd.DataFrame:
    """Table II: ``method, iou, f1, iou_std, pointing_game``."""
    return pd.read_csv(FOLDER / "table2_detection.csv")


def per_class() -> pd.DataFrame:
    """Table III, tidy: ``class, method, metric, value``."""
    wide = pd.read_csv(FOLDER / "table3_per_class.csv").melt("class", value_name="value")
    wide[["method", "metric"]] = wide.pop("variable").str.rsplit("_", n=1, expand=True)
    return wide[["class", "method", "metric", "value"]]


def threshold_sensitivity() -> pd.DataFrame:
    """Section IV-D: ``method, metric, peak_percentile, peak_value, value_at_80``."""
    return pd.read_csv(FOLDER / "threshold_sensitivity.csv")


def dataset() -> pd.DataFrame:
    """Section II-A: ``pool, generated, kept, length_min, length_max``; lengths of the events in s."""
    return pd.read_csv(FOLDER / "dataset.csv")
