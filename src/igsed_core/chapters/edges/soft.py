"""The edges where they are not sharp: gates that rise and fall slowly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from igsed_core.detection import edges
from igsed_core.detection.edges import Edges

SOFT = (0.0, 0.25, 0.5)  # s, of a rise or fall
COLUMNS = ["split", "method", "soft", "n", "missed", "iou_found", "iou_calibrated", "value", "ci_low", "ci_high"]
_DRAWS = 1000


def table(
    observed: Mapping[float, Mapping[str, pd.DataFrame]], corrections: Mapping[str, Mapping[str, Edges]], *, seed: int
) -> pd.DataFrame:
    """Overlap with the gates before and after calibrated edges, by how softly these begin.

    Parameters
    ----------
    observed
        Seconds of rise -> detector -> from :func:`igsed_core.detection.edges.observe`; the same gates for all.
    corrections
        Detector -> class -> edges, from other gates.
    seed
        Of the draws of gates for intervals.

    Returns
    -------
    pd.DataFrame
        :data:`COLUMNS`, of gates out of training clips: of the ``n`` gates that are found the mean overlap before and
        after, and the mean difference ``value`` with its 95 % interval, by draws of gates.
    """
    rows = []
    for seconds, of_method in observed.items():
        for method, seen in of_method.items():
            found = seen[seen["found_onset"].notna()]
            gates, before = (
                found[list(names)].to_numpy(float).reshape(-1, 2)
                for names in (("onset", "offset"), ("found_onset", "found_offset"))
            )
            known = corrections.get(method, {})
            none = Edges(0.0, 0.0, 0, 0.0)
            after = np.array(
                [
                    known.get(str(label), none).corrected(span[None])[0]
                    for label, span in zip(found["label"], before, strict=True)
                ]
            ).reshape(-1, 2)
            was, now = edges.overlaps(before, gates), edges.overlaps(after, gates)
            n = len(found)
            missed = 1 - n / max(len(seen), 1)
            if not n:
                rows.append(("train", method, seconds, 0, missed, *([float("nan")] * 5)))
                continue
            drawn = np.random.default_rng(seed).integers(0, n, (_DRAWS, n))
            low, high = np.quantile((now - was)[drawn].mean(axis=1), [0.025, 0.975])
            rows.append(("train", method, seconds, n, missed, was.mean(), now.mean(), (now - was).mean(), low, high))
    return pd.DataFrame(rows, columns=COLUMNS)
