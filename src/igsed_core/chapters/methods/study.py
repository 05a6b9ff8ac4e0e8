"""Every method of the registry on the same clips: importance over time, what it cost, how well it tells when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.attribution import by_method
from igsed_core.attribution.by_method import Wanted
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.registry import REGISTRY, create, named
from igsed_core.detection import tuning
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import IG, ORACLE
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.detection.tuning import Evaluated
from igsed_core.metrics import localisation, ranking, summaries
from igsed_core.metrics.scores import SIGNS, ScoresOverTime
from igsed_core.metrics.summaries import Series

PERCENTILE, SHARE = "percentile", "share_of_maximum"
NO_RULE = "none"  # of metrics that need no mask


def chosen(names: str) -> tuple[str, ...]:
    """Return the methods that the parameter ``methods`` names: all but costly ones, or some, separated by commas.

    Raises
    ------
    IgsedError
        For an unknown name or none; the message lists the valid ones.
    """
    return named(names, "methods")


def example_clip(data: Instances) -> str:
    """Return the first clip among those with the most instances."""
    return str(data.index.groupby("clip", sort=False).size().idxmax())


def compute(
    explainer: Explainer, data: Mapping[str, Instances], folders: Mapping[str, Path], *, workers: int
) -> dict[str, dict[str, ScoresOverTime]]:
    """Explain every instance by every method; what exists is not made again.

    Parameters
    ----------
    explainer
        Encoder, head and device; its engine is not used.
    data
        Split -> instances.
    folders
        Method of the registry -> folder of its maps alone, a file per clip.
    workers
        See :func:`igsed_core.attribution.runner.run`.

    Returns
    -------
    dict
        Split -> method -> importance and time of the split's instances, as from
        :func:`igsed_core.attribution.by_method.compute`.
    """
    index = pd.concat([instances.index for instances in data.values()], ignore_index=True)
    wanted = [Wanted(name, partial(create, name), folder) for name, folder in folders.items()]
    found = by_method.compute(explainer, index, wanted, what="methods", workers=workers)
    return {split: {name: of.at(instances.index) for name, of in found.items()} for split, instances in data.items()}


def identity(explainer: Explainer, name: str) -> dict[str, Any]:
    """Return everything that the maps of one method depend on (:func:`igsed_core.attribution.by_method.identity`)."""
    return by_method.identity(explainer, name, create(name))


def with_methods(
    data: Mapping[str, Instances],
    explained: Mapping[str, Mapping[str, ScoresOverTime]],
    *,
    frame_length: float,
    sign: str = "",
) -> dict[str, Instances]:
    """Put the methods' scores before those of the references.

    Parameters
    ----------
    data
        Split -> instances with the references' scores.
    explained
        From :func:`compute`.
    frame_length
        Evaluation frame in seconds.
    sign
        How the sign is read; by default each method's own way.
    """
    return {
        split: replace(
            instances,
            scores={
                **{
                    name: one.read_as(sign or REGISTRY[name].sign).to_frames(frame_length, instances.truth.shape[1])
                    for name, one in explained[split].items()
                },
                **instances.scores,
            },
        )
        for split, instances in data.items()
    }


def evaluate(data: Mapping[str, Instances], *, frame_length: float) -> Evaluated:
    """Every method under the paper's rule, a share of the maximum, its best rule without a parameter, and a fixed one.

    Parameters and the best rule are chosen on validation, with its time labels, for each method alone; the last rule,
    :data:`igsed_core.detection.tuning.FIXED`, is the same for all and chosen by nothing.

    Parameters
    ----------
    data
        Split -> instances with all scores; both ``validation`` and another one.
    frame_length
        Evaluation frame in seconds.

    Returns
    -------
    Evaluated
        IoU and F1 under each rule; pointing game and AUROC, which need no mask, under rule :data:`NO_RULE`.
    """
    free = thresholds.parameter_free()
    names = [name for name in data["validation"].scores if name != ORACLE]
    under = tuning.evaluate(data, (PERCENTILE, SHARE, *free), methods=names, frame_length=frame_length)
    best = {name: tuning.best_parameter_free(under, methods=(name,)) for name in names}
    series = {
        split: [one for one in of if one.rule in (PERCENTILE, SHARE, best[one.method], tuning.FIXED)]
        for split, of in under.series.items()
    }
    for split, instances in data.items():
        for name in names:
            scores = instances.ranked[name]
            series[split] += [
                Series(name, NO_RULE, "pointing_game", localisation.pointing_game(scores, instances.truth)),
                Series(name, NO_RULE, "auroc", ranking.auroc(scores, instances.truth)),
            ]
    return Evaluated(under.index, series)


def differences(judged: Evaluated, events: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Each method minus the run's Integrated Gradients, paired, under the percentile, the fixed rule and without one.

    Parameters
    ----------
    judged
        From :func:`evaluate`.
    events
        ``clip, label, source_file`` of the test soundscapes.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.in_both_ways`, of the test split. ``survives`` is by a correction for all
        methods and rules of one metric.
    """
    series = judged.series["test"]
    there = dict.fromkeys((one.method, one.rule) for one in series if one.rule in (PERCENTILE, tuning.FIXED, NO_RULE))
    pairs = [(one, (IG, one[1])) for one in there if one[0] != IG and (IG, one[1]) in there]
    return summaries.in_both_ways(judged.index["test"], series, pairs, events, replicates=replicates, seed=seed)


def readings(
    data: Mapping[str, Instances],
    explained: Mapping[str, Mapping[str, ScoresOverTime]],
    *,
    frame_length: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Each method under each way to read the sign, by the paper's rule, the pointing game and AUROC.

    Returns
    -------
    pd.DataFrame
        ``sign`` and the columns of :func:`igsed_core.metrics.summaries.summarise`; the test split.
    """
    tables = []
    for sign in SIGNS:
        bare = {split: replace(instances, scores={}, logits={}) for split, instances in data.items()}
        mine = with_methods(bare, explained, frame_length=frame_length, sign=sign)
        under = tuning.evaluate(mine, (PERCENTILE,), methods=list(explained["test"]), frame_length=frame_length)
        test = mine["test"]
        series = list(under.series["test"])
        for name, scores in test.scores.items():
            series.append(Series(name, NO_RULE, "pointing_game", localisation.pointing_game(scores, test.truth)))
            series.append(Series(name, NO_RULE, "auroc", ranking.auroc(scores, test.truth)))
        made = summaries.summarise(test.index, series, replicates=replicates, seed=seed)
        made.insert(0, "sign", sign)
        tables.append(made)
    return pd.concat(tables, ignore_index=True)


def per_class(judged: Evaluated, classes: Sequence[str], *, replicates: int, seed: int) -> pd.DataFrame:
    """Return IoU of each method and class of the test split, under every rule that the method was judged by.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`; a class without an instance has ``n`` 0.
    """
    series = [one for one in judged.series["test"] if one.metric == "iou"]
    made = summaries.summarise(judged.index["test"], series, replicates=replicates, seed=seed, classes=classes)
    return made[made["class"] != summaries.ALL].reset_index(drop=True)


def cost(
    data: Instances,
    explained: Mapping[str, ScoresOverTime],
    attributions: ScoresOverTime,
    *,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Seconds per map of each method and of the run's Integrated Gradients, summarised over instances.

    Parameters
    ----------
    data
        Instances of one split.
    explained
        Method -> importance and time on these instances.
    attributions
        The run's own maps, which know what they took.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.summarise`, metric ``seconds``.
    """
    timed = {"ig": attributions.at(data.index), **explained}
    series = [
        Series(name, NO_RULE, "seconds", one.index["seconds"].to_numpy(dtype=float)) for name, one in timed.items()
    ]
    return summaries.summarise(data.index, series, replicates=replicates, seed=seed)
