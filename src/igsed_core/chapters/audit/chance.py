"""Which threshold does Table II use? Random scores tell, since all that matters to them is how much is marked.

Random's pointing game is the mean share of active frames. Random's best mask is every frame, with that same share
as its IoU; a lower IoU means that a threshold was imposed on it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from igsed_core import paper
from igsed_core.chapters.audit.material import AT_IG, DEFAULT, DEFAULT_PERCENTILE, TUNED, Material, both, measured
from igsed_core.detection.scored import COMPARED
from igsed_core.detection.thresholds import levels
from igsed_core.metrics import localisation
from igsed_core.metrics.summaries import Series

RULES = (TUNED, AT_IG, DEFAULT)


def compare(material: Material, split: str = "test") -> pd.DataFrame:
    """Every method at its own percentiles, at IG's and at the 80th, and the mean activity.

    Returns
    -------
    pd.DataFrame
        Tidy rows; ``truth`` / ``activity`` is the share of active frames.
    """
    data = material.splits[split]
    series = []
    for method in COMPARED:
        own = material.tuned[method]
        for rule, tau in ((TUNED, own), (AT_IG, material.tuned["ig"]), (DEFAULT, both(DEFAULT_PERCENTILE))):
            series += measured(method, rule, data.ranked[method], data.truth, tau)
    series.append(Series("truth", "activity", "activity", data.truth.mean(axis=-1)))
    return material.tidy("chance", data.index, series)


def identity(material: Material, split: str = "test") -> pd.DataFrame:
    """Random's pointing game less the share of active frames, paired by instance.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.differences`.
    """
    data = material.splits[split]
    series = [
        Series("random", "hits", "pointing_game", localisation.pointing_game(data.scores["random"], data.truth)),
        Series("truth", "activity", "pointing_game", data.truth.mean(axis=-1)),
    ]
    return material.apart("chance", data.index, series, [(("random", "hits"), ("truth", "activity"))])


def threshold_of(material: Material, split: str = "test") -> pd.DataFrame:
    """Percentile at which random scores would earn what the paper's earn.

    Returns
    -------
    pd.DataFrame
        ``metric, value, alike, run``: the paper's value; the percentile if all its clips had its mean activity; the
        percentile at which this run's random scores come closest.
    """
    published = paper.detection().set_index("method").loc["random"].astype(float)
    activity = float(published.to_dict()["pointing_game"])
    data = material.splits[split]
    masks = levels.percentile(data.scores["random"], material.grid)
    rows = []
    for metric, function in (("iou", localisation.iou), ("f1", localisation.f1)):
        value = float(published.to_dict()[metric])
        mine = function(masks, data.truth).mean(axis=-1)
        run = float(material.grid[int(np.abs(mine - value).argmin())])
        rows.append((metric, value, 100 * (1 - kept_at(value, activity, metric)), run))
    return pd.DataFrame(rows, columns=["metric", "value", "alike", "run"])


def kept_at(value: float, activity: float, metric: str) -> float:
    """Share of frames that random scores keep where they earn ``value`` of IoU or F1.

    Of a clip of activity ``a`` a random mask of the share ``k`` hits ``a k`` of all frames: the IoU is
    ``a k / (a + k - a k)``, the F1 ``2 a k / (a + k)``.
    """
    a = activity
    return value * a / (a - value + value * a) if metric == "iou" else value * a / (2 * a - value)
