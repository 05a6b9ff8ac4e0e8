"""From scores at the localiser's resolution to decisions: level, median filter and cSEBBs, tuned on validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from igsed_core.detection import decided, sebbs
from igsed_core.detection.decided import Masks, Split
from igsed_core.metrics import localisation
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series

LEVELS = np.round(np.arange(0.05, 0.96, 0.05), 2)  # of probability
MEDIANS = (0.04, 0.2, 0.36, 0.52, 0.76, 1.0, 1.48, 2.12)  # s; the first changes nothing
EVEN, LEVEL, MEDIAN, CSEBBS = "even_odds", "level", "level+median", "csebbs"
RULES = (EVEN, LEVEL, MEDIAN, CSEBBS)


Decide = Callable[[Split, ScoresOverTime], Masks]


def even(split: Split, scores: ScoresOverTime) -> Masks:
    """Probability above one half, averaged over the frame, ``(n_instances, n_frames)``."""
    return np.asarray(scores.to_frames(split.frame_length, split.truth.shape[1], split.duration) > 0.5)


def level(split: Split, scores: ScoresOverTime, *, height: float, seconds: float, touched: bool) -> Masks:
    """Probability above a level, then a median filter.

    Parameters
    ----------
    split, scores
        Instances and their scores.
    height
        The level.
    seconds
        Of the median filter.
    touched
        Whether steps are judged, and frames marked that an active one touches; else means of frames are judged.

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames), dtype=bool]
    """
    if touched:
        active = _median(scores.values > height, seconds, scores.step)
        return split.touched(active, step=scores.step, start=scores.start)
    mean = scores.to_frames(split.frame_length, split.truth.shape[1], split.duration)
    return _median(mean > height, seconds, split.frame_length)


def _median(mask: Masks, seconds: float, step: float) -> Masks:
    steps = 2 * int(seconds / step / 2) + 1
    return mask if steps == 1 else median_filter(mask, size=(1, steps), mode="nearest")


def _levels(medians: tuple[float, ...]) -> Iterator[tuple[dict[str, Any], Decide]]:
    for touched in (False, True):
        for seconds in medians:
            for height in LEVELS:
                options = {"height": float(height), "seconds": seconds, "touched": touched}
                yield options, partial(level, **options)  # type: ignore[arg-type]


def boxed(split: Split, scores: ScoresOverTime, *, height: float, **options: float) -> Masks:
    """cSEBBs with a mean probability above a level, ``(n_instances, n_frames)``; options of :func:`sebbs.boxes`."""
    found = [sebbs.boxes(row, step=scores.step, start=scores.start, **options) for row in scores.values]
    return split.covered([one.spans[one.confidence > height] for one in found])


def _boxes(split: Split, scores: ScoresOverTime) -> tuple[float, dict[str, Any]]:
    """Best mean IoU and the options of cSEBBs that reach it; candidates are found once for all levels."""
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    merging = [{"absolute": one} for one in sebbs.ABSOLUTE] + [{"relative": one} for one in sebbs.RELATIVE]
    for filter_length in sebbs.FILTERS:
        for joined in merging:
            options = {"filter_length": filter_length, **joined}
            found = [sebbs.boxes(row, step=scores.step, start=scores.start, **options) for row in scores.values]
            for height in LEVELS:
                masks = split.covered([one.spans[one.confidence > height] for one in found])
                value = float(localisation.iou(masks, split.truth).mean())
                if value > best[0]:
                    best = value, {"height": float(height), **options}
    return best


def tuned(rule: str, split: Split, scores: ScoresOverTime) -> tuple[Decide, dict[str, Any]]:
    """Choose the options of a rule by mean IoU on a split, the first of equals.

    Parameters
    ----------
    rule
        One of :data:`RULES`.
    split, scores
        The validation instances and their scores.

    Returns
    -------
    tuple
        What decides, and its options.
    """
    if rule == EVEN:
        return even, {}
    if rule == CSEBBS:
        options = _boxes(split, scores)[1]
        return partial(boxed, **options), options
    tried = list(_levels(MEDIANS if rule == MEDIAN else MEDIANS[:1]))
    means = [float(localisation.iou(decide(split, scores), split.truth).mean()) for _, decide in tried]
    options, decide = tried[int(np.argmax(means))]
    return decide, options


def judged(
    method: str, splits: Mapping[str, Split], runs: list[dict[str, ScoresOverTime]], rules: tuple[str, ...] = RULES
) -> list[Series]:
    """IoU and F1 of a detector under every rule, tuned on validation; the mean over its seeds for every instance.

    Parameters
    ----------
    method
        Its name.
    splits
        ``validation`` and ``test``.
    runs
        For each seed, split -> scores of its instances.
    rules
        Which rules.
    """
    made = []
    for rule in rules:
        chosen = [tuned(rule, splits["validation"], of["validation"]) for of in runs]
        parts = [
            decided.series(
                method, rule, decide(splits["test"], of["test"]), splits["test"].truth, options.get("height", 0.5)
            )
            for (decide, options), of in zip(chosen, runs, strict=True)
        ]
        for same in zip(*parts, strict=True):
            values = np.mean([one.values for one in same], axis=0)
            made.append(Series(method, rule, same[0].metric, values, float(np.mean([one.threshold for one in same]))))
    return made
