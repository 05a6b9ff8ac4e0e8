"""What the localiser's tables let one say: how it stands to the framewise detectors, and what its edges gave."""

from __future__ import annotations

import pandas as pd

from igsed_core.metrics.judging import ABOVE, BELOW
from igsed_core.metrics.summaries import ALL
from igsed_core.show.cells import by_key, with_interval
from igsed_core.show.claims import MARGIN, RELATIONS, figure, sample, surviving, verdict_on
from igsed_core.show.style import name

# Method and rule: edges as found, and calibrated; then the rule of what it is held to.
LOCALISER, EDGES, TUNED = ("shifted_cam", "absence_hmm"), ("shifted_cam", "absence_hmm_edges"), "share_of_maximum"


def against_framewise(
    ladder: pd.DataFrame,
    differences: pd.DataFrame,
    two_way: pd.DataFrame,
    other: tuple[str, str],
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> str:
    """Say how the localiser stands to a framewise detector: "above FW-WS (0.83 [...]; difference 0.04 [...], ...)".

    The verdict is by the interval over clips and source files. Of a difference that is said to be one it is also said
    whether it survives the correction for all that the table compares.

    Parameters
    ----------
    ladder, differences, two_way
        The tidy tables ``localiser.csv``, ``localiser_differences.csv`` and ``localiser_differences_two_way.csv``.
    other
        Method and rule.
    split, margin
        Which rows; the smallest difference worth naming.
    """
    ours = by_key(ladder, ("method", "rule"), **{"split": split, "average": "instance", "class": ALL, "metric": "iou"})
    pair = ("method", "rule", "other_method", "other_rule")
    own = method_of(ladder)
    clips, wide = (
        by_key(table, pair, split=split, average="instance", metric="iou").get((*own, *other))
        for table in (differences, two_way)
    )
    said = verdict_on(wide, margin=margin)
    # The test of the correction is over clips, narrower than the interval that is printed.
    held = surviving(clips) if said in (ABOVE, BELOW) else ""
    survives = f"; over clips alone it {held}" if held else ""
    return (
        f"{RELATIONS[said]} {name(other[0])} ({with_interval(ours.get(other))}; "
        f"difference {figure(wide)}, {sample(wide['n'] if wide else 0)}{survives})"
    )


def under_one_rule(
    ladder: pd.DataFrame,
    differences: pd.DataFrame,
    two_way: pd.DataFrame,
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> str:
    """Say how the localiser stands to the detector with the same labels where both are read by the localiser's rule.

    Parameters
    ----------
    ladder, differences, two_way, split, margin
        As for :func:`against_framewise`.
    """
    pair = ("method", "rule", "other_method", "other_rule")
    other = ("fw_ws", LOCALISER[1])
    rows = by_key(two_way, pair, split=split, average="instance", metric="iou")
    if (*method_of(ladder), *other) not in rows:
        return "This run does not read FW-WS by the localiser's rule."
    said = against_framewise(ladder, differences, two_way, other, split=split, margin=margin)
    return f"With FW-WS read by the localiser's own rule, which needs no time label, it is {said}."


def method_of(ladder: pd.DataFrame) -> tuple[str, str]:
    """Return method and rule of the localiser in a run: with calibrated edges where the run has them.

    Parameters
    ----------
    ladder
        The tidy table ``localiser.csv``.
    """
    return EDGES if (ladder["rule"] == EDGES[1]).any() else LOCALISER


def answer(
    ladder: pd.DataFrame,
    differences: pd.DataFrame,
    two_way: pd.DataFrame,
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> str:
    """Say how the localiser stands to the framewise detectors, and what calibrated edges gave it.

    Parameters
    ----------
    ladder, differences, two_way, split, margin
        As for :func:`against_framewise`.
    """
    ours = by_key(ladder, ("method", "rule"), **{"split": split, "average": "instance", "class": ALL, "metric": "iou"})
    said = standing(ladder, differences, two_way, split=split, margin=margin)
    gain = by_key(
        two_way, ("method", "rule", "other_method", "other_rule"), split=split, average="instance", metric="iou"
    ).get((*EDGES, *LOCALISER))
    before = (
        f" Before its edges were calibrated it was {with_interval(ours.get(LOCALISER))}, a difference of "
        f"{figure(gain)}."
    )
    one_rule = under_one_rule(ladder, differences, two_way, split=split, margin=margin)
    return (
        f"{said} Both are read once per feature frame, at a share of the clip's maximum that was tuned with time "
        f"labels (Table II has them at the paper's percentile). {one_rule}"
        f"{before if gain else ''} Intervals of differences draw clips and source files anew."
    )


def standing(
    ladder: pd.DataFrame,
    differences: pd.DataFrame,
    two_way: pd.DataFrame,
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> str:
    """Say in one sentence how the localiser stands to the framewise detectors.

    Parameters
    ----------
    ladder, differences, two_way, split, margin
        As for :func:`against_framewise`.
    """
    ours = by_key(ladder, ("method", "rule"), **{"split": split, "average": "instance", "class": ALL, "metric": "iou"})
    ws, ss = (
        against_framewise(ladder, differences, two_way, (method, TUNED), split=split, margin=margin)
        for method in ("fw_ws", "fw_ss")
    )
    return f"The localiser's IoU is {with_interval(ours.get(method_of(ladder)))}: {ws}, and {ss}."
