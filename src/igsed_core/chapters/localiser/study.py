"""What each part of the localiser adds, beside detectors whose threshold was tuned with time labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.detection import edges, tuning
from igsed_core.detection.absence_hmm import SoundModel, fit_classes
from igsed_core.detection.edges import Edges
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.localiser_scores import ABSENCE_HMM, ABSENCE_HMM_EDGES, frame_logits, localise
from igsed_core.detection.scored import DETECTORS
from igsed_core.metrics import frames, localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Head

TUNED = ("percentile", "share_of_maximum")  # on validation, with time labels
OF_THE_CLIP = ("otsu", "logit_hmm")  # without a parameter, from one clip's scores
EVEN, ABSENCE = "even_odds", "absence"  # from clip labels alone: no time label chose them
LOG_ODDS = "log_odds.npz"  # the localiser's, of the test instances in its own steps
CAM, LOCALISER = ("cam", ABSENCE_HMM), ("shifted_cam", ABSENCE_HMM)
EDGES = ("shifted_cam", ABSENCE_HMM_EDGES)  # the localiser with calibrated edges
# What the localiser is compared with, and each of its parts with what it adds to.
OTHERS = (
    *(("ig", "percentile"), ("fw_ws", "share_of_maximum"), ("fw_ss", "share_of_maximum")),
    *(("cam", "share_of_maximum"), ("fw_ws", ABSENCE_HMM), ("fw_ss", ABSENCE_HMM)),
)
PARTS = ((("cam", ABSENCE), ("cam", EVEN)), (CAM, ("cam", ABSENCE)), (LOCALISER, CAM))
_LEAST = 1e-9  # log-odds that say which side of the decision a frame is on, and no more
DURATION_COLUMNS = ["class", "n_present", "n_absent", "n", "believed", "found", "true"]
ABSENCE_COLUMNS = ["class", "logit", "without", "with", "absent", "present", "evidence"]

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decisions of one split against absence.

    Attributes
    ----------
    models
        Class -> model of the clip-level head's frame logits.
    cam
        CAM without shifts.
    steps
        (Method, rule) -> log-odds in their own steps; the decision is at 0.
    scores
        The same in evaluation frames, ``[shape=(n_instances, n_frames)]``.
    """

    models: dict[str, SoundModel]
    cam: ScoresOverTime
    steps: dict[tuple[str, str], ScoresOverTime]
    scores: dict[tuple[str, str], Scores]

    @property
    def localiser(self) -> Scores:
        """Scores of the localiser: with calibrated edges where they were, ``[shape=(n_instances, n_frames)]``."""
        return self.scores.get(EDGES, self.scores[LOCALISER])


def pairs(names: Iterable[tuple[str, str]]) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """Return what is compared with what: the localiser with others, after its edges with before, and its parts.

    Parameters
    ----------
    names
        (Method, rule) of all that was measured.

    Examples
    --------
    >>> from igsed_core.chapters.localiser.study import EDGES, LOCALISER, pairs
    >>> pairs([LOCALISER])[0][0] == LOCALISER, pairs([LOCALISER, EDGES])[0] == (EDGES, LOCALISER)
    (True, True)
    """
    corrected = EDGES in set(names)
    own = EDGES if corrected else LOCALISER
    return (*(((EDGES, LOCALISER),) if corrected else ()), *((own, other) for other in OTHERS), *PARTS)


def signed(scores: Scores, masks: NDArray[np.bool_]) -> Scores:
    """Give scores the side of 0 that a decision has: those of frames that it moved are as small as can be.

    Parameters
    ----------
    scores
        Log-odds, ``[shape=(n_instances, n_frames)]``.
    masks
        The decision, of the same shape.

    Returns
    -------
    np.ndarray [shape=(n_instances, n_frames)]

    Examples
    --------
    >>> import numpy as np
    >>> from igsed_core.chapters.localiser.study import signed
    >>> (signed(np.array([[2.0, -2.0, 1.0]]), np.array([[True, True, False]])) > 0).tolist()
    [[True, True, False]]
    """
    return np.where(masks, np.maximum(scores, _LEAST), np.minimum(scores, -_LEAST))


def decode(
    heads: Mapping[str, Head],
    training: tuple[FeatureFrames, Targets],
    features: FeatureFrames,
    test: Instances,
    shifted: ScoresOverTime,
    *,
    shifts: int,
    components: int,
    frame_length: float,
    corrections: Mapping[str, Edges] | None = None,
    duration: float = 10.0,
    min_coverage: float = 0.0,
) -> Decoded:
    """Fit the models to the training clips and take every step of the localiser on the test instances.

    Parameters
    ----------
    heads
        ``clip_level``, ``fw_ws`` and ``fw_ss``; the last one alone was trained with time labels.
    training
        Feature frames of the training clips and their labels, of which those of clips alone are read.
    features
        Feature frames of the clips of the test instances.
    test
        The instances.
    shifted
        From :func:`igsed_core.detection.localiser_scores.shifted_cam`, with as many ``shifts``.
    shifts
        Steps in a feature frame.
    components
        Normal densities per state.
    frame_length
        Seconds.
    corrections
        Class -> calibrated edges; None for none.
    duration
        Of the clips, in seconds.
    min_coverage
        Share of a frame that corrected events must cover, as the truth is marked.
    """
    labels = [str(label) for label in test.index["label"]]
    models = fit_classes(heads["clip_level"], *training, components=components)
    alone = fit_classes(heads["clip_level"], *training, components=components, markov=False)
    cam = frame_logits(heads["clip_level"], features, test.index)
    steps = {
        ("cam", EVEN): cam,
        ("cam", ABSENCE): localise(alone, cam, labels),
        CAM: localise(models, cam, labels),
        LOCALISER: localise(models, shifted, labels, shifts=shifts),
    }
    for name in DETECTORS:
        of_head = fit_classes(heads[name], *training, components=components)
        steps[name, ABSENCE_HMM] = localise(of_head, frame_logits(heads[name], features, test.index), labels)
    n_frames = test.truth.shape[1]
    scores = {key: of.to_frames(frame_length, n_frames) for key, of in steps.items()}
    if corrections is not None:
        own = steps[LOCALISER]
        masks = edges.masks(
            corrections,
            labels,
            own.values,
            step=own.step,
            start=own.start,
            duration=duration,
            frame_length=frame_length,
            min_coverage=min_coverage,
        )
        scores[EDGES] = signed(scores[LOCALISER], masks)
    return Decoded(models, cam, steps, scores)


def series(
    data: Mapping[str, Instances], log_odds: Mapping[tuple[str, str], Scores], *, frame_length: float
) -> list[Series]:
    """IoU, F1 and pointing game of the test instances under every rule.

    Parameters
    ----------
    data
        Split -> instances with the scores ``ig``, ``fw_ws``, ``fw_ss`` and, as a probability, ``cam``; thresholds are
        tuned on ``validation``.
    log_odds
        (Method, rule) -> scores of the test instances whose decision is at 0.
    frame_length
        Seconds.
    """
    test = data["test"]
    methods = ("ig", "fw_ws", "fw_ss", "cam")
    options = {"frame_length": frame_length, "probabilities": methods[1:]}
    made = tuning.evaluate(data, TUNED, methods=methods, **options).series["test"]  # type: ignore[arg-type]
    made += tuning.evaluate(data, OF_THE_CLIP, methods=("cam",), **options).series["test"]  # type: ignore[arg-type]
    for method, rule in dict.fromkeys((one.method, one.rule) for one in made):
        pointing = localisation.pointing_game(test.ranked[method], test.truth)
        made.append(Series(method, rule, "pointing_game", pointing))
    for (method, rule), scores in log_odds.items():
        made += [
            Series(method, rule, "iou", localisation.iou(scores > 0, test.truth)),
            Series(method, rule, "f1", localisation.f1(scores > 0, test.truth)),
            Series(method, rule, "pointing_game", localisation.pointing_game(scores, test.truth)),
        ]
    return made


def by_instance(index: pd.DataFrame, made: Sequence[Series], *shown: tuple[str, str]) -> pd.DataFrame:
    """IoU and F1 of some (method, rule) pairs on each instance: a row per instance, method and metric.

    Parameters
    ----------
    index
        ``split, clip, label`` of the instances.
    made
        From :func:`series`.
    shown
        Which.

    Returns
    -------
    pd.DataFrame
        ``split, clip, method, rule, metric, class, value``
    """
    tables = [
        pd.DataFrame(
            {
                **{"split": index["split"], "clip": index["clip"]},
                **{"method": one.method, "rule": one.rule, "metric": one.metric},
                **{"class": index["label"], "value": one.values},
            }
        )
        for one in made
        if (one.method, one.rule) in shown and one.metric in ("iou", "f1")
    ]
    return pd.concat(tables, ignore_index=True)


def two_way(
    index: pd.DataFrame, made: Sequence[Series], events: pd.DataFrame, *, replicates: int, seed: int
) -> pd.DataFrame:
    """Paired differences of :func:`pairs`, with intervals over clips and the source files of ``events``."""
    options = {"replicates": replicates, "seed": seed, "sources": summaries.sources_of(events, index)}
    return summaries.differences(index, made, _compared(made), **options)  # type: ignore[arg-type]


def report(
    index: pd.DataFrame, made: Sequence[Series], classes: Sequence[str], *, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise every series, over all and by class, and the paired differences of :func:`pairs`."""
    options = {"replicates": replicates, "seed": seed}
    return (
        summaries.summarise(index, made, classes=classes, **options),  # type: ignore[arg-type]
        summaries.differences(index, made, _compared(made), **options),  # type: ignore[arg-type]
    )


def _compared(made: Sequence[Series]) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    return pairs((one.method, one.rule) for one in made)


def durations(
    models: Mapping[str, SoundModel], test: Instances, scores: Scores, *, frame_duration: float, frame_length: float
) -> pd.DataFrame:
    """How long each class lasts, as its model believes, as the localiser finds and as the truth has it.

    Returns
    -------
    pd.DataFrame
        ``class, n_present, n_absent`` (training clips), ``n`` (test instances) and, in seconds, ``believed``,
        ``found``, ``true``: mean length of a stretch of active frames.
    """
    labels = test.index["label"].to_numpy(dtype=str)
    rows = []
    for label, model in models.items():
        mine = labels == label
        rows.append(
            {
                **{"class": label, "n_present": model.n_present, "n_absent": model.n_absent, "n": int(mine.sum())},
                "believed": frame_duration * model.mean_frames,
                "found": frame_length * _mean_stretch(scores[mine] > 0),
                "true": frame_length * _mean_stretch(test.truth[mine]),
            }
        )
    return pd.DataFrame(rows, columns=DURATION_COLUMNS)


def absence(
    head: Head, features: FeatureFrames, targets: Targets, models: Mapping[str, SoundModel], *, n_bins: int = 60
) -> pd.DataFrame:
    """What the frame logits of training clips look like with and without each class, and what was fitted to them.

    Returns
    -------
    pd.DataFrame
        ``class, logit`` (all but the farthest 0.1 % at either end); densities ``without`` and ``with`` of the
        frames of clips without and with the class, ``absent`` and ``present`` of the two states; ``evidence``, the
        log-likelihood ratio.
    """
    with torch.inference_mode():
        logits = head.frame_logits(torch.from_numpy(features.values)).numpy()
    made = []
    for label, model in models.items():
        c = head.classes.index(label)
        held = targets.clip[:, c] > 0.5
        lowest, highest = np.quantile(logits[..., c], [0.001, 0.999])
        bounds = np.linspace(lowest, highest, n_bins + 1)
        centres = (bounds[1:] + bounds[:-1]) / 2
        made.append(
            pd.DataFrame(
                {
                    "class": label,
                    "logit": centres,
                    "without": np.histogram(logits[~held, :, c], bounds, density=True)[0],
                    "with": np.histogram(logits[held, :, c], bounds, density=True)[0],
                    "absent": np.exp(model.absent.log_density(centres)),
                    "present": np.exp(model.present.log_density(centres)),
                    "evidence": model.evidence(centres),
                }
            )
        )
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=ABSENCE_COLUMNS, dtype=float)


def _mean_stretch(masks: NDArray[np.bool_]) -> float:
    """Mean number of frames of the stretches of active ones, over all rows; NaN if there is none."""
    n_runs = sum(len(frames.runs(mask)) for mask in masks)
    return float(masks.sum() / n_runs) if n_runs else float("nan")
