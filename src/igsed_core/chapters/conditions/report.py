"""Every method and the classifier itself under every condition, as a tidy table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.chapters.conditions.study import CLASSIFIER, LOCALISER, Clips
from igsed_core.detection import instance_groups, localiser_scores, tuning
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import ORACLE
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.detection.tuning import Evaluated
from igsed_core.metrics import localisation, ranking, summaries
from igsed_core.metrics.summaries import Series
from igsed_core.models import classification

RUN, DURATION = "run", "duration"
PERCENTILE, NO_RULE = "percentile", "none"
EDGES = (0.5, 1.0, 2.0, 4.0)  # s; between classes of how long a class sounds in a clip
COLUMNS = ["condition", "level", *summaries.COLUMNS]


def evaluate(data: Mapping[str, Instances], *, frame_length: float) -> Evaluated:
    """Every method under the paper's rule and the rule without a parameter that is best for it on ``validation``.

    Returns
    -------
    Evaluated
        IoU and F1 under each rule; pointing game and AUROC, which need no mask, under the rule ``none``. The localiser
        has a decision of its own, log-odds above 0, as the rule ``absence_hmm``.
    """
    names = [name for name in data["validation"].scores if name not in (ORACLE, LOCALISER)]
    how = {"frame_length": frame_length}
    free = thresholds.parameter_free()
    tried = tuning.evaluate({"validation": data["validation"]}, free, methods=names, **how)  # type: ignore[arg-type]
    best = {name: tuning.best_parameter_free(tried, methods=(name,)) for name in names}
    parts = [tuning.evaluate(data, (PERCENTILE,), methods=names, **how)]  # type: ignore[arg-type]
    for rule in dict.fromkeys(best.values()):
        mine = [name for name in names if best[name] == rule]
        parts.append(tuning.evaluate(data, (rule,), methods=mine, **how))  # type: ignore[arg-type]
    series = {split: [one for part in parts for one in part.series[split]] for split in data}
    for split, instances in data.items():
        for name, scores in instances.ranked.items():
            if name == ORACLE:
                continue
            measured = {
                "pointing_game": localisation.pointing_game(scores, instances.truth),
                "auroc": ranking.auroc(scores, instances.truth),
            }
            series[split] += [Series(name, NO_RULE, metric, values) for metric, values in measured.items()]
            if name == LOCALISER:
                mask = scores > 0
                series[split] += [
                    Series(name, localiser_scores.ABSENCE_HMM, metric, of(mask, instances.truth), 0.0)
                    for metric, of in tuning.METRICS.items()
                ]
    return Evaluated({split: instances.index for split, instances in data.items()}, series)


def summarise(
    clips: Clips,
    predictions: pd.DataFrame,
    main_predictions: pd.DataFrame,
    data: Mapping[str, Instances],
    *,
    frame_length: float,
    threshold: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Every method and the classifier itself under every condition.

    Parameters
    ----------
    clips, predictions
        Of the conditions.
    main_predictions
        Of the main job: its test split is the condition ``run``, and its instances by length are ``duration``.
    data
        ``validation`` and ``test`` of the main job and ``conditions``, each with the scores of the same methods.
        Rules are tuned or chosen on ``validation`` alone.
    frame_length
        Evaluation frame in seconds.
    threshold
        Probability above which a class is detected.
    replicates, seed
        Of the bootstrap over the clips of a condition.

    Returns
    -------
    pd.DataFrame
        ``condition, level`` and the columns of :func:`igsed_core.metrics.summaries.summarise`. The classifier is the
        method ``clip_level`` with the metrics ``classifier_precision``, ``_recall``, ``_f1``, means over classes. A
        condition in which nothing is detected has the classifier's rows only.
    """
    evaluated = evaluate(data, frame_length=frame_length)
    level_of = clips.clips.set_index("clip")[["condition", "level"]]
    options = {"replicates": replicates, "seed": seed}
    tables = []

    def add(split: str, mine: NDArray[np.bool_], condition: str, level: str) -> None:
        if mine.any():
            tables.append(_labelled(_summary(evaluated, split, mine, **options), condition, level))

    def add_classifier(table: pd.DataFrame, condition: str, level: str) -> None:
        tables.append(_labelled(_classifier(table, threshold, **options), condition, level))

    test = main_predictions[main_predictions["split"] == "test"]
    add_classifier(test, RUN, "test")
    add("test", np.ones(len(data["test"].index), dtype=bool), RUN, "test")
    lengths = np.array(instance_groups.active_time(data["test"], frame_length=frame_length, edges=EDGES))
    for length in instance_groups.names_of(EDGES):
        add("test", lengths == length, DURATION, length)
    where = level_of.loc[data["conditions"].index["clip"]]
    for condition, level in level_of.drop_duplicates().itertuples(index=False):
        named = level_of.index[(level_of["condition"] == condition) & (level_of["level"] == level)]
        add_classifier(predictions[predictions["clip"].isin(named)], condition, level)
        mine = (where["condition"] == condition) & (where["level"] == level)
        add("conditions", mine.to_numpy(), condition, level)
    return pd.concat(tables, ignore_index=True)


def _summary(evaluated: Evaluated, split: str, mine: NDArray[np.bool_], *, replicates: int, seed: int) -> pd.DataFrame:
    chosen = [replace(one, values=one.values[mine]) for one in evaluated.series[split] if one.method != ORACLE]
    return summaries.summarise(evaluated.index[split][mine], chosen, replicates=replicates, seed=seed)


def _classifier(predictions: pd.DataFrame, threshold: float, *, replicates: int, seed: int) -> pd.DataFrame:
    mine = predictions[predictions["method"] == CLASSIFIER]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a replicate of few clips may hold no class
        table = classification.report(mine, threshold=threshold, seed=seed, replicates=replicates)
    table = table[table["class"] == summaries.ALL]
    return table.assign(metric="classifier_" + table["metric"].astype(str))


def _labelled(table: pd.DataFrame, condition: str, level: str) -> pd.DataFrame:
    return table.assign(condition=condition, level=level, split="test")[COLUMNS]
