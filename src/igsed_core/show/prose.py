"""Numbers for the prose: every figure in the text of the book is glued here, none is typed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from igsed_core import paper
from igsed_core.detection.scored import COMPARED, DETECTORS, IG
from igsed_core.metrics.summaries import ALL
from igsed_core.show.cells import by_key, number, with_interval

_METRICS = ("iou", "f1", "pointing_game")
LOCALISER = ("shifted_cam", "absence_hmm")
TUNED = "share_of_maximum"


def glue_results(found: dict[str, pd.DataFrame], *, split: str = "test") -> None:
    """Make the main results available to the pages' text.

    Keys: ``<method>_<metric>`` (``value [low, high]``), ``paper_<method>_<metric>``, ``class_<method>_<metric>``
    (mean over classes), ``ig_<metric>_to_<method>`` (``above``, ``below`` or ``level with``),
    ``ig_<metric>_less_<method>`` (the paired difference with its interval), ``n_instances``, ``n_present``,
    ``n_classes``, ``ig_<metric>_threshold``.

    Parameters
    ----------
    found
        The tidy tables by name, from :func:`igsed_core.workflow.results.gather`.
    split
        Which rows to take.
    """
    from myst_nb import glue

    for key, text in sentences(found, split=split).items():
        glue(key, text, display=False)


def sentences(found: dict[str, pd.DataFrame], *, split: str = "test") -> dict[str, str]:
    """Return the words and numbers that :func:`glue_results` hands to the text, by key."""
    ours = by_key(found["detection"], ("method", "metric"), split=split, average="instance")
    by_class = by_key(found["detection"], ("method", "metric"), split=split, average="class")
    apart = by_key(found["differences"], ("method", "other_method", "metric"), split=split, average="instance")
    published = paper.detection().set_index("method")
    counted = found["instances"][found["instances"]["split"] == split]
    texts = {
        "n_instances": str(int(counted["evaluated"].sum())),
        "n_present": str(int(counted["present"].sum())),
        "n_classes": str(len(counted)),
    }
    for method in COMPARED:
        for metric in _METRICS:
            texts[f"{method}_{metric}"] = with_interval(ours[method, metric])
            texts[f"class_{method}_{metric}"] = with_interval(by_class[method, metric])
            texts[f"paper_{method}_{metric}"] = number(published.loc[method, metric])
            if method != IG:
                difference = apart["ig", method, metric]
                texts[f"ig_{metric}_to_{method}"] = _compare(difference)
                texts[f"ig_{metric}_less_{method}"] = with_interval(difference)
    for metric in ("iou", "f1"):
        texts[f"ig_{metric}_threshold"] = f"{ours['ig', metric]['threshold']:g}"
    return texts


def glue_localiser(ladder: pd.DataFrame, differences: pd.DataFrame, *, split: str = "test") -> None:
    """Make the localiser's main results available to the pages' text.

    Keys: ``localiser_iou``, ``localiser_pointing_game``; ``fw_ws_tuned_iou``, ``fw_ss_tuned_iou`` (share of the
    maximum, tuned with time labels); ``localiser_to_fw_ws_tuned``, ``localiser_to_fw_ss_tuned`` (``above``, ``below``
    or ``level with``).

    Parameters
    ----------
    ladder, differences
        The tidy tables ``localiser.csv`` and ``localiser_differences.csv``.
    split
        Which rows to take.
    """
    from myst_nb import glue

    ours = by_key(ladder, ("method", "rule", "metric"), **{"split": split, "average": "instance", "class": ALL})
    apart = by_key(
        differences, ("method", "rule", "other_method", "other_rule", "metric"), split=split, average="instance"
    )
    for metric in ("iou", "pointing_game"):
        glue(f"localiser_{metric}", with_interval(ours[(*LOCALISER, metric)]), display=False)
    for method in DETECTORS:
        glue(f"{method}_tuned_iou", with_interval(ours[method, TUNED, "iou"]), display=False)
        glue(f"localiser_to_{method}_tuned", _compare(apart[(*LOCALISER, method, TUNED, "iou")]), display=False)


def _compare(difference: dict[str, Any]) -> str:
    """Say where the first stands to the second: level where the interval of their difference holds zero."""
    if difference["ci_low"] > 0:
        return "above"
    return "below" if difference["ci_high"] < 0 else "level with"
