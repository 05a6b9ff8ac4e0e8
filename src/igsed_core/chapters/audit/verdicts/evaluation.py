"""Verdicts on the evaluation: averages, the threshold of Fig. 3, that of Table II, what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from igsed_core import paper
from igsed_core.chapters.audit.averages import IMPOSSIBLE, POSSIBLE, ROUNDING, UNDECIDED
from igsed_core.chapters.audit.fig3 import CLIP, POOLED
from igsed_core.chapters.audit.verdicts.common import (
    NO,
    PARTLY,
    YES,
    Answer,
    Found,
    Row,
    percent,
    published,
    rows_of,
)
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED
from igsed_core.show.cells import by_key, number
from igsed_core.show.claims import MARGIN, figure, listed, sample, verdict_on
from igsed_core.show.style import METRICS, THRESHOLDS, class_name, short
from igsed_core.show.style import name as method_name

CLOSE = 10.0  # percentiles, or hundredths of a score: nearer peaks are alike
FLAT = 0.01  # of IoU or F1: a curve's peak reaches as far as it stays this near to its highest value
NEAR, FAR, VAGUE = "near the paper's", "not near the paper's", "too flat to tell"
_GAP = {
    ABOVE: "above, the class mean is higher",
    BELOW: "below, the class mean is lower",
    LEVEL: "level, within {margin}",
    NOT_DECIDED: "not decided",
}


def averages(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer whether Table II averages over classes or over instances.

    That numbers exist which agree with all tables shows only that a mean over instances is possible.
    """
    table = found["audit_paper_averages"]
    iou = table[table["metric"] == "iou"].sort_values("table_2")
    off = float((table["class_mean"] - table["table_2"]).abs().max())
    fits = by_key(found["audit_countings"], ("counting",))[("evaluated",)]
    gap = rows_of(found, "averages", "audit_differences")["ig", "class", "iou"]
    if np.isnan(off):
        answer, decided = "Not decided.", NO
        verdict = "The class means of Table III are not known."
    elif off <= ROUNDING:
        answer, decided = "Compatible with classes.", PARTLY
        verdict = (
            f"The class means of Table III are compatible with Table II: off by up to {number(off, 3)}, and rounding "
            f"explains {number(ROUNDING)}. Another mean is not excluded by that."
        )
    else:
        verdict = (
            f"Table II is no mean over classes: the class means of Table III are off by up to {number(off, 3)}, of "
            f"which rounding explains {number(ROUNDING)}. "
        )
        if fits["possible"] == POSSIBLE:
            least = "smallest numbers" if fits["smallest"] else "smallest numbers found in time"
            largest = found["audit_mix"].sort_values("evaluated").iloc[-1]
            verdict += (
                f"A mean over instances is compatible with all {len(table)} figures: the {least} that agree "
                f"with Table I are {number(fits['evaluated'], 0)} instances of {number(fits['present'], 0)} present "
                f"classes; {number(largest['evaluated'], 0)} of these instances are {class_name(largest['class'])}. "
                "Other weights of the classes may be, too."
            )
            answer = "Not classes; compatible with instances."
        elif fits["possible"] == UNDECIDED:
            verdict += (
                "Whether a class mix that agrees with Table I is compatible with a mean over instances is undecided: "
                "the solver's time was up."
            )
            answer = "Not classes; instances undecided."
        else:
            verdict += "Nor is any class mix that agrees with Table I compatible with a mean over instances."
            answer = "Neither classes nor instances."
        decided = PARTLY
    here = _GAP.get(verdict_on(gap, margin=margin), "not told apart").format(margin=number(margin))
    return Answer(
        "What is Table II a mean over?",
        "classes, as it says; instances",
        f"IoU {' / '.join(map(number, iou['table_2']))}; class means {' / '.join(map(number, iou['class_mean']))}",
        f"class mean minus instance mean of IG's IoU {figure(gap)}: {here}, {sample(gap.get('n'))}",
        answer,
        verdict,
        decided,
    )


def fig3(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer what the threshold of Fig. 3 is.

    A percentile is excluded where no activity within the interval of the paper's allows the peak. What else it may be
    is a matter of where this run's curves peak: of all of them, and as far as each peak reaches.
    """
    bounds = found["audit_bounds"]
    margins = bounds["value"] - ROUNDING / 2
    worst = bounds.iloc[int((bounds["value"] - bounds[CLIP]).fillna(-1.0).to_numpy().argmax())].to_dict()
    highest = curve(worst)
    out = {reading: bounds[margins > bounds[f"{reading}_high"]] for reading in (CLIP, POOLED)}
    unsure = bounds[(margins > bounds[CLIP]) & ~(margins > bounds[f"{CLIP}_high"])]
    at = (
        f"the paper's activity, {percent(worst['activity'], 1)} of the frames, is its random scores' pointing game, "
        f"with a 95 % interval of {percent(worst['activity_low'], 1)} to {percent(worst['activity_high'], 1)} "
        f"({sample(worst['n'])})"
    )
    peaks = peaks_of(found)
    if out[CLIP].empty:
        answer, decided = "Any of them.", NO
        verdict = f"Every peak of Fig. 3 may be that of a percentile of the clip's frames: {at}."
    else:
        verdict = (
            f"The curves of {_named(out[CLIP])} are no percentiles of a clip's frames, unless many frames tie: {at}; "
            f"even at the upper end {highest} cannot exceed {number(worst[f'{CLIP}_high'])} at "
            f"{number(worst['threshold'], 0)}, and the paper has {number(worst['value'])} (it would take "
            f"{percent(worst['needed'], 1)} active). "
        )
        verdict += (
            f"Nor are those of {_named(out[POOLED])} percentiles of all frames. "
            if len(out[POOLED])
            else "A percentile of all frames is not excluded. "
        )
        likely = [reading for reading in THRESHOLDS if reading not in out or out[reading].empty]
        fits = [reading for reading in likely if {row["place"] for row in peaks.get(reading, [])} - {VAGUE} == {NEAR}]
        verdict += " ".join(_evidence(reading, peaks[reading]) for reading in likely if peaks.get(reading))
        verdict += " Peaks of other sounds prove nothing of the paper's: what the threshold is instead stays open."
        answer = f"No percentile of the clip's frames ({_named(out[CLIP])}); "
        answer += f"compatible with {listed([THRESHOLDS[r] for r in fits])}." if fits else "what else is open."
        decided = PARTLY
    if len(unsure):
        needed = listed([f"{curve(row)} needs {percent(row['needed'], 1)}" for row in unsure.to_dict("records")])
        verdict += f" Undecided, since within the interval: {needed}."
    mine = [row for rows in peaks.values() for row in rows if curve(row) == highest]
    return Answer(
        "What is the threshold of Fig. 3?",
        "; ".join(THRESHOLDS.values()),
        f"{highest} {number(worst['value'])} at {number(worst['threshold'], 0)}; a percentile could reach "
        f"{number(worst[f'{CLIP}_high'])}",
        f"{highest}: "
        + "; ".join(f"{THRESHOLDS[row['rule']]} {number(row['value'])} at {row['threshold']:.0f}" for row in mine)
        + f", {sample(min((row['n'] for row in mine), default=0))}",
        answer,
        verdict,
        decided,
    )


def curve(row: Mapping[Any, Any]) -> str:
    """Name the curve of a row: "FW-SS's IoU"."""
    return f"{short(row['method'])}'s {METRICS[row['metric']]}"


def _named(rows: pd.DataFrame) -> str:
    return listed(list(dict.fromkeys(method_name(str(method)) for method in rows["method"])))


def peaks_of(found: Found) -> dict[str, list[Row]]:
    """By reading of the threshold, where this run's curves peak beside the paper's.

    Returns
    -------
    dict
        Reading -> a row per curve of the table ``audit_peaks``, with ``first`` and ``last``, between which the curve
        stays within :data:`FLAT` of its peak, and ``place``, whether that is where the paper's peak is.
    """
    curves = found["audit"]
    curves = curves[(curves["question"] == "fig3") & (curves["average"] == "instance")]
    by_curve = {
        key: mine[["threshold", "value"]].to_numpy(dtype=float).T
        for key, mine in curves.groupby(["method", "rule", "metric"], sort=False)
    }
    peaks: dict[str, list[Row]] = {}
    for found_peak in found["audit_peaks"].to_dict("records"):
        row = {str(key): value for key, value in found_peak.items()}
        at, height = by_curve.get((row["method"], row["rule"], row["metric"]), np.empty((2, 0)))
        low, inside = at[height < row["value"] - FLAT], at[height >= row["value"] - FLAT]
        place = float(row["threshold"])
        left, right = low[low < place].max(initial=-np.inf), low[low > place].min(initial=np.inf)
        reach = inside[(inside >= left) & (inside <= right)]
        row |= {"first": float(min([place, *reach])), "last": float(max([place, *reach]))}
        peaks.setdefault(str(row["rule"]), []).append({**row, "place": _place(row)})
    return peaks


def _place(row: Row) -> str:
    """Say whether a peak is where the paper's is; its height depends on the sounds, and a flat one has no place."""
    if not row["first"] - CLOSE <= row["paper_threshold"] <= row["last"] + CLOSE:
        return FAR
    return VAGUE if row["last"] - row["first"] > 2 * CLOSE else NEAR


def _evidence(reading: str, rows: list[Row]) -> str:
    """Say of how many curves the peak is where the paper's is, those that speak against the reading first."""
    of = {place: [curve(row) for row in rows if row["place"] == place] for place in (FAR, NEAR, VAGUE)}
    parts = [
        f"{len(curves)} {'is' if len(curves) == 1 else 'are'} {place} ({listed(curves)})"
        for place, curves in of.items()
        if curves
    ]
    return f"Of {len(rows)} peaks over the {THRESHOLDS[reading]} {listed(parts)}."


def chance(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer which threshold Table II uses, from what random scores earn."""
    rows = rows_of(found, "chance")
    identity = rows_of(found, "chance", "audit_differences")["random", "hits", "pointing_game"]
    tuned = rows["random", "percentile", "iou"]
    own, at_ig, at_80 = (rows["random", f"percentile{rule}", "iou"]["value"] for rule in ("", "_at_ig", "_80"))
    at = by_key(found["audit_random"], ("metric",))
    places = [at[(metric,)][column] for column in ("run", "alike") for metric in ("iou", "f1")]
    theirs, activity = published("random", "iou"), published("random", "pointing_game")
    bound = found["audit_bounds"].iloc[0].to_dict()
    strong = by_key(paper.threshold_sensitivity(), ("method", "metric"))["fw_ss", "iou"]
    words = {
        ABOVE: "here it is above it",
        BELOW: "here it is below it",
        LEVEL: f"here the two are level, within {number(margin)}",
        NOT_DECIDED: "here that is not decided",
    }
    here = words.get(verdict_on(identity, margin=margin), "here the two are not told apart")
    verdict = (
        f"Random's pointing game estimates the share of active frames ({here}: {figure(identity)} apart, "
        f"{sample(identity.get('n'))}). Marking every frame would give random scores that share as IoU: "
        f"{number(activity)} in the paper, with a 95 % interval of {number(bound['activity_low'])} to "
        f"{number(bound['activity_high'])}. "
    )
    low = bound["activity_low"]
    if theirs + ROUNDING / 2 < low:
        answer = "Not random's own; compatible with one for all methods."
        verdict += f"The paper has {number(theirs)}, so its threshold was not tuned for them. "
    elif theirs < activity:
        answer = "Not decided."
        verdict += f"The paper has {number(theirs)}, within that interval or not known to be outside. "
    else:
        answer = "Compatible with random's own, at which every frame is marked."
        verdict += f"The paper has {number(theirs)}, no less. "
    verdict += (
        f"This run's random scores earn the paper's IoU and F1 at the percentiles {number(places[0], 0)} and "
        f"{number(places[1], 0)}, clips that are all alike at {number(places[2], 0)} and {number(places[3], 0)}."
    )
    everything = " (nearly every frame is marked)" if _marks_all(tuned) else ""
    return Answer(
        "Which threshold does Table II use?",
        "each method's own; IG's for all; the 80th percentile for all",
        f"random's IoU {number(theirs)}, pointing game {number(activity)}; "
        f"FW-SS {number(published('fw_ss', 'iou'))} in Table II, {number(strong['peak_value'])} in Fig. 3",
        f"random's IoU {number(own)} at its best threshold on validation{everything}, {number(at_ig)} at IG's, "
        f"{number(at_80)} at 80, {sample(tuned.get('n'))}",
        answer,
        verdict,
        PARTLY if not answer.startswith("Not decided") else NO,
    )


def _marks_all(row: Row) -> bool:
    """Whether a percentile leaves out so little that it is no threshold."""
    return bool(row["threshold"] <= 1)


def excluded(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer where missed and falsely detected classes go.

    What the paper's tables exclude is decided, whatever the run; this run's figures say what each way would change.
    """
    rows, recalls = rows_of(found, "excluded"), found["audit_recalls"]
    possible = {key[0]: str(row["possible"]) for key, row in by_key(found["audit_countings"], ("counting",)).items()}
    base, missed, false = (
        rows["ig", rule, "iou"] for rule in ("detected_and_present", "missed_as_zero", "false_as_zero")
    )
    both = possible["both_as_zero"]
    beyond = [class_name(label) for label in recalls.loc[~recalls["zero"].astype(bool), "class"]]
    verdict = f"Table III leaves missed classes out: the IoU of {listed(beyond)} exceeds the recall. " if beyond else ""
    # Each way of counting leaves out one, the other, both or none of the two.
    missed_short, missed_words, missed_open = _whether(
        "issed classes",
        _either(possible["evaluated"], possible["false_as_zero"]),
        _either(possible["missed_as_zero"], both),
    )
    false_short, false_words, false_open = _whether(
        "alse detections",
        _either(possible["evaluated"], possible["missed_as_zero"]),
        _either(possible["false_as_zero"], both),
    )
    verdict += f"M{missed_words} F{false_words} "
    verdict += (
        f"In this run IG's IoU is {number(base['value'])} ({sample(base.get('n'))}); false detections as zeros would "
        f"make it {number(false['value'])}, missed classes as zeros {number(missed['value'])}."
    )
    chances = [rows["random", rule, "pointing_game"]["value"] for rule in ("detected_and_present", "both_as_zero")]
    return Answer(
        "Where do missed and false classes go?",
        "left out; missed count 0; false count 0; each model's own detections; every present class",
        "undetected classes are excluded; of false ones nothing is said",
        f"IG's IoU {number(base['value'])}, with missed ones as zeros {number(missed['value'])}, with false ones "
        f"{number(false['value'])}; "
        f"random's pointing game {number(chances[0])}, with both {number(chances[1])}",
        f"M{missed_short}; f{false_short}.",
        verdict,
        PARTLY if missed_open or false_open else YES,
    )


def _either(one: str, other: str) -> str:
    """Whether one of two ways to count is possible: ``no`` only where neither is, ``undecided`` where that is open."""
    return next((known for known in (POSSIBLE, UNDECIDED) if known in (one, other)), IMPOSSIBLE)


def _whether(what: str, left_out: str, as_zero: str) -> tuple[str, str, bool]:
    """Say in short and at length how something is counted in Table II, and whether that stays open."""
    if UNDECIDED in (left_out, as_zero):
        ways = (("can be left out of Table II", left_out), ("can count 0 there", as_zero))
        known = {POSSIBLE: "is compatible", IMPOSSIBLE: "is excluded", UNDECIDED: "is undecided (the time was up)"}
        words = ", ".join(f"that they {way} {known[status]}" for way, status in ways)
        return f"{what}: undecided", f"{what}: {words}.", True
    if left_out == as_zero == POSSIBLE:
        return f"{what}: undecided", f"{what} may be left out of Table II or count 0 there: both are compatible.", True
    if left_out == POSSIBLE:
        return f"{what} are left out", f"{what} cannot count 0 in Table II: no numbers would give it.", False
    if as_zero == POSSIBLE:
        return f"{what} count 0", f"{what} cannot be left out of Table II: only as zeros do numbers give it.", False
    return f"{what}: neither way agrees", f"{what} can neither be left out of Table II nor count 0 there.", True
