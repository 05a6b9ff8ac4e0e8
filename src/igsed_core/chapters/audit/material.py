"""What every question of the audit starts from: instances, scores and thresholds of a run, and tidy rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.detection import evaluation
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import levels
from igsed_core.main_job.params import DataSynthesis, ThresholdSensitivity
from igsed_core.metrics import frames, localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series

TUNED = "percentile"  # each metric at the percentile that is best on validation
AT_IG = "percentile_at_ig"  # at the percentiles chosen for Integrated Gradients
DEFAULT = "percentile_80"  # "the commonly used 80th percentile" (paper, section IV-D)
DEFAULT_PERCENTILE = 80.0


@dataclass(frozen=True, eq=False)
class Material:
    """A run, ready to be asked.

    Attributes
    ----------
    data
        Soundscapes and their events.
    predictions
        From :func:`igsed_core.models.classification.predict`.
    maps
        Attributions of the detected pairs.
    scores
        The other methods' scores.
    splits
        ``validation`` and ``test``: instances under the paper's protocol.
    grid
        Percentiles that are tried.
    tuned
        Method -> metric -> percentile, best on validation.
    sample_rate, duration
        Of the soundscapes, in Hz and s.
    settings
        Of the evaluation: frames, sign, replicates.
    seed
        Of the bootstrap.
    """

    data: SoundscapeSet
    predictions: pd.DataFrame
    maps: ScoresOverTime
    scores: dict[str, ScoresOverTime]
    splits: dict[str, Instances]
    grid: NDArray[np.floating]
    tuned: dict[str, dict[str, float]]
    sample_rate: int
    duration: float
    settings: ThresholdSensitivity
    seed: int

    @property
    def n_frames(self) -> int:
        """Evaluation frames of a clip."""
        return frames.n_frames(self.duration, self.settings.frame_length)

    def tidy(self, question: str, index: pd.DataFrame, series: Sequence[Series]) -> pd.DataFrame:
        """Return :func:`igsed_core.metrics.summaries.summarise` of series, under the name of their question."""
        table = summaries.summarise(index, series, replicates=self.settings.replicates, seed=self.seed)
        table.insert(0, "question", question)
        return table

    def apart(
        self, question: str, index: pd.DataFrame, series: Sequence[Series], pairs: Sequence[tuple[tuple[str, str], ...]]
    ) -> pd.DataFrame:
        """Return :func:`igsed_core.metrics.summaries.differences` of series, under the name of their question."""
        table = summaries.differences(
            index,
            series,
            pairs,  # type: ignore[arg-type]
            replicates=self.settings.replicates,
            seed=self.seed,
        )
        table.insert(0, "question", question)
        return table


def gather(
    data: SoundscapeSet,
    predictions: pd.DataFrame,
    maps: ScoresOverTime,
    scores: dict[str, ScoresOverTime],
    *,
    synthesis: DataSynthesis,
    settings: ThresholdSensitivity,
    seed: int,
) -> Material:
    """Bring a run's artefacts to evaluation frames and choose each method's percentiles on validation."""
    splits = {
        split: instances_of(data, predictions, maps, scores, split, synthesis.duration, settings, seed)
        for split in ("validation", "test")
    }
    grid = levels.percentile_grid(settings.percentile_min, settings.percentile_max, settings.percentile_step)
    validation = splits["validation"]
    tuned = {method: tune(values, validation.truth, grid) for method, values in validation.ranked.items()}
    rate, duration = synthesis.sample_rate, synthesis.duration
    return Material(data, predictions, maps, scores, splits, grid, tuned, rate, duration, settings, seed)


def instances_of(
    data: SoundscapeSet,
    predictions: pd.DataFrame,
    maps: ScoresOverTime,
    scores: dict[str, ScoresOverTime],
    split: str,
    duration: float,
    settings: ThresholdSensitivity,
    seed: int,
) -> Instances:
    """Return :func:`igsed_core.detection.evaluation.instances` with the settings of the evaluation stage."""
    return evaluation.instances(
        predictions,
        data.events,
        maps,
        scores,
        split=split,
        duration=duration,
        frame_length=settings.frame_length,
        min_coverage=settings.min_coverage,
        sign=settings.sign,
        seed=seed,
    )


def tune(scores: NDArray[np.floating], truth: NDArray[np.bool_], grid: NDArray[np.floating]) -> dict[str, float]:
    """Metric -> percentile with the best mean over instances (the lowest of equals).

    Parameters
    ----------
    scores, truth
        ``[shape=(n_instances, n_frames)]``
    grid
        Percentiles to try, ``[shape=(n_thresholds,)]``.
    """
    masks = levels.percentile(scores, grid)  # (n_thresholds, n_instances, n_frames)
    return evaluation.best(grid, {"iou": localisation.iou(masks, truth), "f1": localisation.f1(masks, truth)})


def measured(
    method: str,
    rule: str,
    scores: NDArray[np.floating],
    truth: NDArray[np.bool_],
    percentiles: Mapping[str, float],
) -> list[Series]:
    """IoU, F1 at given percentiles, and the pointing game, of every instance.

    Parameters
    ----------
    method, rule
        Names of the series.
    scores, truth
        ``[shape=(n_instances, n_frames)]``
    percentiles
        Metric -> percentile.
    """
    return [
        Series(
            *(method, rule, "iou", localisation.iou(levels.percentile(scores, percentiles["iou"]), truth)),
            threshold=percentiles["iou"],
        ),
        Series(
            *(method, rule, "f1", localisation.f1(levels.percentile(scores, percentiles["f1"]), truth)),
            threshold=percentiles["f1"],
        ),
        Series(method, rule, "pointing_game", localisation.pointing_game(scores, truth)),
    ]


def both(percentile: float) -> dict[str, float]:
    """Return one percentile for IoU and F1."""
    return {"iou": percentile, "f1": percentile}
