"""Some instances of a run explained once more by a changed explainer, and compared with the run's own maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.attribution import maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.chapters.audit.material import AT_IG, Material, instances_of, measured
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation, ranking
from igsed_core.metrics.summaries import Series
from igsed_core.models import classification

AGREEMENT = "agreement"


@dataclass(frozen=True, eq=False)
class Twice:
    """The same instances with two scores.

    Attributes
    ----------
    index
        ``split, clip, label``
    truth
        ``[shape=(n_instances, n_frames), dtype=bool]``
    run, changed
        Scores of the run and of the changed explainer, ``[shape=(n_instances, n_frames)]``.
    """

    index: pd.DataFrame
    truth: NDArray[np.bool_]
    run: NDArray[np.float64]
    changed: NDArray[np.float64]


def first(material: Material, n_clips: int, split: str = "test") -> tuple[Instances, pd.DataFrame, pd.DataFrame]:
    """Return the instances of the first clips of a split (0: all), their predictions, and which pairs they are."""
    mine = material.splits[split].first_clips(n_clips)
    few = material.predictions[material.predictions["clip"].isin(mine.index["clip"])]
    return mine, few, classification.evaluated_pairs(few, split)


def explain(
    material: Material, explainer: Explainer, out_dir: Path, *, n_clips: int, workers: int, split: str = "test"
) -> Twice:
    """Explain the instances of the first clips of a split; clips whose file exists are not explained again."""
    mine, few, pairs = first(material, n_clips, split)
    found = maps.compute(explainer, pairs, out_dir, workers=workers)
    changed = instances_of(
        material.data, few, found, {}, split, material.duration, material.settings, material.seed
    ).scores["ig"]
    return Twice(mine.index, mine.truth, mine.scores["ig"], changed)


def compare(
    material: Material, question: str, names: tuple[str, str], twice: Twice
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """IoU, F1 and pointing game of both at the percentiles chosen for the run, and how far they agree.

    Parameters
    ----------
    material
        The run.
    question
        Its name in the tables.
    names
        Of the run's scores and of the changed ones, as methods.
    twice
        From :func:`explain`.

    Returns
    -------
    rows, differences : pd.DataFrame
        Tidy. Rule ``agreement`` holds the rank correlation over frames and the IoU of the two masks.
    """
    tau = material.tuned["ig"]
    series: list[Series] = []
    for name, scores in zip(names, (twice.run, twice.changed), strict=True):
        series += measured(name, AT_IG, scores, twice.truth, tau)
    masks = [levels.percentile(scores, tau["iou"]) for scores in (twice.run, twice.changed)]
    agreement: Sequence[Series] = (
        Series(names[1], AGREEMENT, "rank_correlation", ranking.rank_correlation(twice.run, twice.changed)),
        Series(names[1], AGREEMENT, "mask_iou", localisation.iou(*masks)),
    )
    pair = ((names[1], AT_IG), (names[0], AT_IG))
    return (
        material.tidy(question, twice.index, [*series, *agreement]),
        material.apart(question, twice.index, series, [pair]),
    )
