"""What page 10 says of its second encoder, made from its tables by rule."""

from __future__ import annotations

import pandas as pd

from igsed_core.chapters.localiser import encoders
from igsed_core.metrics.summaries import TWO_WAY
from igsed_core.show.cells import by_key, with_interval
from igsed_core.show.claims import MARGIN, RELATIONS, figure, sample, verdict_on
from igsed_core.show.style import name

_TITLES = {encoders.LOCALISER: "the localiser"}


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
        n = max((row["n"] for row in rows.values() if row), default=0)
        said = [
            f"{_title(first)} is {RELATIONS[verdict_on(row, margin=margin)]} {_title(other)} ({figure(row)})"
            for (first, other), row in rows.items()
        ]
        sentences.append(
            f"Under the encoder {encoder} the classifier detects a share of {with_interval(recall)} of the present "
            f"pairs, and by IoU {', '.join(said)}, {sample(n)}."
        )
    if len(sentences) < 2:
        sentences.append("In this run nothing was measured under a second encoder.")
    return " ".join(sentences)


def _title(key: tuple[str, str]) -> str:
    return _TITLES.get(key, name(key[0]))
