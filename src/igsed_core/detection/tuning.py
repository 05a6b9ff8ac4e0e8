"""Threshold rules compared: tuned on validation, measured on every split, and what each could reach at best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.base.errors import IgsedError
from igsed_core.detection import scored
from igsed_core.detection.evaluation import Instances, best
from igsed_core.detection.scored import LEARNED, ORACLE
from igsed_core.detection.thresholds import postprocessing
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.metrics import localisation, summaries
from igsed_core.metrics.summaries import Series

METRICS = {"iou": localisation.iou, "f1": localisation.f1}
PAPER = "percentile"
# Fixed beforehand for every method, sound and encoder, since it is the best-known threshold without a parameter: no
# label chose it, unlike the best of the rules without a parameter, which validation IoU picks.
FIXED = "otsu"
BEST_OF_CLIP = "best_of_clip"  # no rule: for each clip the threshold that the truth says is best
DURATIONS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.5, 2.1)  # s, tried for post-processing; the first changes nothing
POSTPROCESSING = {"median": postprocessing.median, "minimum_duration": postprocessing.minimum_duration}


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Methods under rules.

    Attributes
    ----------
    index
        Split -> ``split, clip, label``, one row per instance.
    series
        Split -> a series for each method, rule and metric; its threshold is the parameter tuned for this metric.
    """

    index: dict[str, pd.DataFrame]
    series: dict[str, list[Series]]

    def mean(self, split: str, method: str, rule: str, metric: str = "iou") -> float:
        """Mean over the instances of a split."""
        return float(self.one(split, method, rule, metric).values.mean())

    def one(self, split: str, method: str, rule: str, metric: str = "iou") -> Series:
        """Return the series of a method under a rule."""
        for series in self.series[split]:
            if (series.method, series.rule, series.metric) == (method, rule, metric):
                return series
        raise IgsedError(f"method {method!r} was not evaluated under rule {rule!r} with metric {metric!r}")

    def under(self, rules: Sequence[str], *, methods: Sequence[str] = (), metrics: Sequence[str] = ()) -> Evaluated:
        """Keep some rules, and if named some methods and metrics."""
        kept = {
            split: [
                one
                for one in series
                if one.rule in rules
                and (not methods or one.method in methods)
                and (not metrics or one.metric in metrics)
            ]
            for split, series in self.series.items()
        }
        return Evaluated(self.index, kept)


def evaluate(
    data: Mapping[str, Instances],
    rules: Iterable[str | thresholds.Rule] | None = None,
    *,
    methods: Sequence[str] | None = None,
    probabilities: Sequence[str] | None = None,
    frame_length: float = 0.1,
    grids: Mapping[str, NDArray[np.float64]] | None = None,
) -> Evaluated:
    """Tune every rule for every method on the validation split, and apply it to all splits.

    Parameters
    ----------
    data
        Split -> instances; a rule with a parameter needs ``validation``.
    rules
        Names from :data:`igsed_core.detection.thresholds.registry.RULES`, by default all, or rules not in it.
    methods
        Whose scores; by default all in ``data`` but the oracle.
    probabilities
        Methods whose scores are probabilities, by default those of the registry; a rule that acts on logits is
        applied to these alone.
    frame_length
        Seconds.
    grids
        Rule -> parameters to try instead of the rule's own.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> from igsed_core.detection.tuning import evaluate
    >>> index = pd.DataFrame({"split": "validation", "clip": ["a", "b"], "label": "Bell"})
    >>> truth = np.array([[False, True, True, False], [True, False, False, False]])
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2], [0.7, 0.2, 0.1, 0.1]])
    >>> data = {"validation": Instances(index, truth, {"ig": scores})}
    >>> evaluated = evaluate(data, ["otsu"], methods=["ig"])
    >>> evaluated.mean("validation", "ig", "otsu")
    1.0
    """
    methods = [m for m in next(iter(data.values())).scores if m != ORACLE] if methods is None else methods
    probabilities = scored.probabilities() if probabilities is None else probabilities
    series: dict[str, list[Series]] = {split: [] for split in data}
    for named in thresholds.RULES if rules is None else rules:
        rule = thresholds.get(named) if isinstance(named, str) else named
        for method in methods:
            if rule.acts_on == thresholds.LOGIT and method not in probabilities:
                continue
            chosen = _tune(rule, data, method, frame_length, grids or {})
            for split, instances in data.items():
                masks = {p: mask_of(rule, instances, method, p, frame_length) for p in set(chosen.values())}
                for metric, parameter in chosen.items():
                    values = METRICS[metric](masks[parameter], instances.truth)
                    series[split].append(Series(method, rule.name, metric, values, parameter))
    return Evaluated({split: instances.index for split, instances in data.items()}, series)


def mask_of(
    rule: thresholds.Rule, data: Instances, method: str, parameter: float, frame_length: float
) -> NDArray[np.bool_]:
    """Apply a rule to a method's scores of all instances of a split, ``[shape=(n_instances, n_frames)]``."""
    labels = data.index["label"].to_numpy(dtype=str)
    scores = data.ranked[method] if rule.by_rank else data.scores[method]
    return rule.apply(scores, parameter, frame_length=frame_length, labels=labels)


def best_parameter_free(evaluated: Evaluated, *, methods: Sequence[str] = LEARNED, metric: str = "iou") -> str:
    """Return the one rule without a parameter that has the best validation mean over ``methods``.

    The rule itself sees no label, but this choice does: validation IoU needs to know when the classes sound.

    Raises
    ------
    IgsedError
        If there is no validation split, or no parameter-free rule that all methods have.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> from igsed_core.detection.tuning import best_parameter_free, evaluate
    >>> index = pd.DataFrame({"split": "validation", "clip": ["a", "b"], "label": "Bell"})
    >>> truth = np.array([[False, True, True, False], [True, False, False, False]])
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2], [0.7, 0.2, 0.1, 0.1]])
    >>> data = {"validation": Instances(index, truth, {"ig": scores})}
    >>> evaluated = evaluate(data, ["percentile", "otsu"], methods=["ig"])
    >>> best_parameter_free(evaluated, methods=["ig"])
    'otsu'
    """
    if "validation" not in evaluated.series:
        raise IgsedError("a rule is chosen on the validation split, which was not evaluated")
    means: dict[str, list[float]] = {}
    for one in evaluated.series["validation"]:
        if one.metric == metric and one.method in methods and one.rule in thresholds.RULES:
            means.setdefault(one.rule, []).append(float(one.values.mean()))
    eligible = {
        rule: float(np.mean(values))
        for rule, values in means.items()
        if thresholds.get(rule).parameter_free and len(values) == len(methods)
    }
    if not eligible:
        raise IgsedError(f"no parameter-free rule was evaluated for all of {', '.join(methods)}")
    return max(eligible, key=lambda rule: eligible[rule])


def on_instance(
    evaluated: Evaluated, data: Instances, clip: str, methods: Sequence[str], *, frame_length: float
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Return method -> rule -> mask ``[shape=(n_frames,)]`` of the first instance of a clip, tuned for IoU."""
    row = int(np.flatnonzero(data.index["clip"] == clip)[0])
    split = str(data.index["split"].iloc[0])
    return {
        method: {
            one.rule: mask_of(thresholds.get(one.rule), data, method, one.threshold, frame_length)[row]
            for one in evaluated.series[split]
            if one.method == method and one.metric == "iou"
        }
        for method in methods
    }


def perfectly_ordered(data: Instances, *, seed: int) -> Instances:
    """Give the active frames of each instance its highest scores: every method's own values in perfect order.

    Which active frame gets which of them is drawn, and so for the others.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> from igsed_core.detection.tuning import perfectly_ordered
    >>> index = pd.DataFrame({"split": ["test"], "clip": ["a"], "label": ["Bell"]})
    >>> data = Instances(index, np.array([[False, True, False]]), {"ig": np.array([[0.9, 0.1, 0.9]])})
    >>> perfectly_ordered(data, seed=0).scores["ig"][0, 1].tolist()
    0.9
    """
    noise = np.random.default_rng([seed, 0x0AC2]).random(data.truth.shape)
    rank = np.argsort(np.argsort(-(data.truth + 0.5 * noise), axis=1), axis=1)
    scores = {
        method: np.take_along_axis(-np.sort(-values, axis=1), rank, axis=1) for method, values in data.scores.items()
    }
    return replace(data, scores=scores, logits={})


def best_of_clip(data: Mapping[str, Instances], methods: Sequence[str]) -> Evaluated:
    """Every instance at the threshold that suits it best: what no rule of one level per clip can pass.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> from igsed_core.detection.tuning import best_of_clip
    >>> index = pd.DataFrame({"split": "validation", "clip": ["a", "b"], "label": "Bell"})
    >>> truth = np.array([[False, True, True, False], [True, False, False, False]])
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2], [0.7, 0.2, 0.1, 0.1]])
    >>> data = {"validation": Instances(index, truth, {"ig": scores})}
    >>> best_of_clip(data, ["ig"]).mean("validation", "ig", "best_of_clip")
    1.0
    """
    series: dict[str, list[Series]] = {split: [] for split in data}
    for split, instances in data.items():
        for method in methods:
            scores = instances.ranked[method]
            levels = np.concatenate([np.full((len(scores), 1), -np.inf), np.sort(scores, axis=1)], axis=1)
            masks = scores > levels.T[..., None]  # (n_frames + 1, n_instances, n_frames)
            for metric, of in METRICS.items():
                series[split].append(Series(method, BEST_OF_CLIP, metric, of(masks, instances.truth).max(axis=0)))
    return Evaluated({split: instances.index for split, instances in data.items()}, series)


def postprocessed(
    data: Mapping[str, Instances],
    evaluated: Evaluated,
    rules: Sequence[str],
    *,
    methods: Sequence[str],
    frame_length: float,
) -> Evaluated:
    """Add a median filter or a minimum duration to rules, the duration tuned on validation for each metric.

    Returns
    -------
    Evaluated
        Rules ``<rule>+median`` and ``<rule>+minimum_duration``; the threshold is the duration in seconds, and the
        rule's own parameter is that of ``evaluated``.
    """
    series: dict[str, list[Series]] = {split: [] for split in data}
    durations = sorted({max(seconds, frame_length) for seconds in DURATIONS})
    for name in rules:
        for method in methods:
            for metric, of in METRICS.items():
                parameter = evaluated.one("validation", method, name, metric).threshold
                masks = {
                    split: mask_of(thresholds.get(name), instances, method, parameter, frame_length)
                    for split, instances in data.items()
                }
                for label, process in POSTPROCESSING.items():
                    after = {
                        split: [process(mask, seconds, frame_length=frame_length) for seconds in durations]
                        for split, mask in masks.items()
                    }
                    means = [of(mask, data["validation"].truth).mean() for mask in after["validation"]]
                    best = int(np.argmax(means))
                    for split, instances in data.items():
                        values = of(after[split][best], instances.truth)
                        series[split].append(Series(method, f"{name}+{label}", metric, values, durations[best]))
    return Evaluated(evaluated.index, series)


def table(evaluated: Evaluated, *, replicates: int, seed: int) -> pd.DataFrame:
    """Summarise every split (:func:`igsed_core.metrics.summaries.summarise`)."""
    return pd.concat(
        [
            summaries.summarise(evaluated.index[split], series, replicates=replicates, seed=seed)
            for split, series in evaluated.series.items()
        ],
        ignore_index=True,
    )


def gains(
    evaluated: Evaluated, *, replicates: int, seed: int, over: str = PAPER, events: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Paired gain of every rule over another, method by method.

    Parameters
    ----------
    evaluated
        From :func:`evaluate`, with the other rule among its rules.
    replicates, seed
        Of the bootstrap over clips.
    over
        The other rule.
    events
        ``clip, label, source_file``: source files, which clips share, are drawn anew as well
        (:func:`igsed_core.metrics.bootstrap.two_way_weights`).

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.differences`, a family of its own for Holm's correction.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from igsed_core.detection.evaluation import Instances
    >>> from igsed_core.detection.tuning import evaluate, gains
    >>> index = pd.DataFrame({"split": "validation", "clip": ["a", "b"], "label": "Bell"})
    >>> truth = np.array([[False, True, True, False], [True, False, False, False]])
    >>> scores = np.array([[0.1, 0.9, 0.8, 0.2], [0.7, 0.2, 0.1, 0.1]])
    >>> evaluated = evaluate({"validation": Instances(index, truth, {"ig": scores})}, ["fixed", "otsu"], methods=["ig"])
    >>> gains(evaluated, replicates=100, seed=0, over="fixed")["rule"].unique().tolist()
    ['otsu']
    """
    return pd.concat(
        [
            summaries.differences(
                evaluated.index[split],
                series,
                [
                    ((method, rule), (method, over))
                    for method, rule in dict.fromkeys((one.method, one.rule) for one in series)
                    if rule != over
                ],
                replicates=replicates,
                seed=seed,
                sources=None if events is None else summaries.sources_of(events, evaluated.index[split]),
            )
            for split, series in evaluated.series.items()
        ],
        ignore_index=True,
    )


def _tune(
    rule: thresholds.Rule,
    data: Mapping[str, Instances],
    method: str,
    frame_length: float,
    grids: Mapping[str, NDArray[np.float64]],
) -> dict[str, float]:
    """Return the parameter with the best validation mean for each metric (the lowest of equals)."""
    if rule.parameter_free:
        return dict.fromkeys(METRICS, float("nan"))
    if "validation" not in data:
        raise IgsedError(f"rule {rule.name!r} is tuned on the validation split, which is missing")
    validation = data["validation"]
    grid = grids[rule.name] if rule.name in grids else rule.parameters(validation.scores[method])
    masks = [mask_of(rule, validation, method, float(parameter), frame_length) for parameter in grid]
    return best(
        grid, {metric: np.stack([of(mask, validation.truth) for mask in masks]) for metric, of in METRICS.items()}
    )
