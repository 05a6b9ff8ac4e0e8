"""The localiser among its ceilings: decisions with edges as found and calibrated, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from igsed_core.chapters.ceilings import decisions
from igsed_core.detection import decided
from igsed_core.detection.decided import Split
from igsed_core.main_job import edged
from igsed_core.metrics import frames
from igsed_core.metrics.summaries import Series

LOCALISER, CAM, FW_WS, IG = edged.LOCALISER, edged.CAM, edged.FW_WS, edged.IG
FOUND, TOUCHED, CALIBRATED = decided.FOUND, decided.TOUCHED, decided.CALIBRATED
PERFECT = "perfect"
MAIN = ((LOCALISER, CALIBRATED), ("linear", decisions.MEDIAN))  # the comparison that was fixed beforehand


def perfect(split: Split, events: pd.DataFrame, steps: Sequence[tuple[float, float]]) -> list[Series]:
    """What a detector reaches that knows, for every step of a grid, whether an event touches it.

    Parameters
    ----------
    split
        The instances.
    events
        ``clip, label, onset, offset`` in seconds.
    steps
        (Step, start) of each grid, in seconds.

    Returns
    -------
    list of Series
        Of method ``perfect_<step>``: by means of frames above one half, and by any overlap.
    """
    by_pair = dict(iter(events.groupby(["clip", "label"])))
    made = []
    for step, start in steps:
        n_steps = int(np.ceil((split.duration - start) / step - 1e-9))
        active = np.stack(
            [
                frames.activity(
                    by_pair[pair]["onset"], by_pair[pair]["offset"], n_frames=n_steps, frame_length=step, start=start
                )
                for pair in zip(split.index["clip"], split.index["label"], strict=True)
            ]
        )
        share = frames.average(
            active.astype(float),
            step=step,
            start=start,
            frame_length=split.frame_length,
            n_frames=split.truth.shape[1],
        )
        name = f"{PERFECT}_{step:g}"
        made += decided.series(name, decisions.EVEN, share > 0.5, split.truth)
        made += decided.series(name, TOUCHED, split.touched(active, step=step, start=start), split.truth)
    return made


def pairs(made: Sequence[Series]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Every comparison: calibrated minus as found, and the localiser before and after minus each detector."""
    keys = list(dict.fromkeys((one.method, one.rule) for one in made))
    own = [(LOCALISER, CALIBRATED), (LOCALISER, FOUND)]
    gains = [((method, CALIBRATED), (method, FOUND)) for method, rule in keys if rule == CALIBRATED]
    others = [key for key in keys if key[0] != LOCALISER and key[1] != TOUCHED and not key[0].startswith(PERFECT)]
    return [*gains, ((LOCALISER, TOUCHED), own[1]), *((mine, other) for mine in own for other in others)]
