"""Verdicts on the evaluation: averages, the threshold of Fig. 3, that of Table II, what is counted."""

from __future__ import annotations

from igsed_core import paper
from igsed_core.chapters.audit.averages import ROUNDING
from igsed_core.chapters.audit.fig3 import CLIP, POOLED
from igsed_core.chapters.audit.verdicts.common import (
    NO,
    PARTLY,
    YES,
    Answer,
    Found,
    Row,
    includes_zero,
    listed,
    percent,
    published,
    rows_of,
)
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.style import METRICS, THRESHOLDS, class_name
from igsed_core.show.style import name as method_name

CLOSE = 10.0  # percentiles, or hundredths of a score: nearer peaks are alike


def averages(found: Found) -> Answer:
    """Answer whether Table II averages over classes or over instances."""
    table = found["audit_paper_averages"]
    iou = table[table["metric"] == "iou"].sort_values("table_2")
    off = float((table["class_mean"] - table["table_2"]).abs().max())
    fits = by_key(found["audit_countings"], ("counting",))[("evaluated",)]
    gap = rows_of(found, "averages", "audit_differences")["ig", "class", "iou"]
    if off <= ROUNDING:
        answer, decided = "Perhaps classes.", PARTLY
        verdict = "The class means of Table III agree with Table II."
    else:
        verdict = (
            f"Table II is no mean over classes: the class means of Table III are off by up to {number(off)}, of which "
            f"rounding explains {number(ROUNDING)}. "
        )
        if fits["possible"]:
            largest = found["audit_mix"].sort_values("evaluated").iloc[-1]
            verdict += (
                f"A mean over instances explains all {len(table)} figures: the smallest numbers that agree with Table "
                f"I are {fits['evaluated']:.0f} instances of {fits['present']:.0f} present "
                f"classes, {largest['evaluated']:.0f} of them {class_name(largest['class'])}."
            )
        else:
            verdict += "Nor does any class mix that agrees with Table I explain it as a mean over instances."
        answer = "Instances." if fits["possible"] else "Not classes; what else is open."
        decided = YES if fits["possible"] else PARTLY
    here = "level" if includes_zero(gap) else "apart"
    return Answer(
        "What is Table II a mean over?",
        "classes, as it says; instances",
        f"IoU {' / '.join(map(number, iou['table_2']))}; class means {' / '.join(map(number, iou['class_mean']))}",
        f"class mean less instance mean of IG's IoU {with_interval(gap)}: {here}",
        answer,
        verdict,
        decided,
    )


def fig3(found: Found) -> Answer:
    """Answer what the threshold of Fig. 3 is."""
    bounds, peaks = found["audit_bounds"], found["audit_peaks"]
    worst = bounds.iloc[(bounds["value"] - bounds[CLIP]).argmax()].to_dict()
    curve = f"{method_name(worst['method'])}'s {METRICS[worst['metric']]}"
    of_metric = by_key(peaks[peaks["metric"] == worst["metric"]], ("method", "rule"))
    mine = {rule: row for (method, rule), row in of_metric.items() if method == worst["method"]}
    nearest = min(mine, key=lambda rule: _apart(mine[rule]))
    beyond = bounds[bounds["value"] > bounds[CLIP] + ROUNDING / 2]
    if beyond.empty:
        answer, decided = "Any of them.", NO
        verdict = "Every peak of Fig. 3 is one that a percentile of the clip's frames can reach."
    else:
        curves = listed(list(dict.fromkeys(map(method_name, beyond["method"]))))
        verdict = (
            f"The curves of {curves} are no percentiles of a clip's frames: with {percent(worst['activity'], 1)} of "
            f"the frames active, {curve} cannot exceed {number(worst[CLIP])} at {worst['threshold']:.0f}"
        )
        verdict += f" (it would take {percent(worst['needed'])})"
        ruled_out = bool(worst["value"] > worst[POOLED] + ROUNDING / 2)
        verdict += f", and {number(worst[POOLED])} as a percentile of all frames" if ruled_out else ""
        close = _apart(mine[nearest]) <= CLOSE
        verdict += (
            f". In this run the curve over the {THRESHOLDS[nearest]} peaks nearest to the paper's place, at "
            f"{mine[nearest]['threshold']:.0f}"
        )
        verdict += "." if close else ", but not near: what the threshold is instead stays open."
        answer = f"No percentile of the clip's frames; {THRESHOLDS[nearest] if close else 'what else is open'}."
        decided = YES if close and nearest != CLIP else PARTLY
    return Answer(
        "What is the threshold of Fig. 3?",
        "; ".join(THRESHOLDS.values()),
        f"{curve} {number(worst['value'])} at {worst['threshold']:.0f}; a percentile could reach {number(worst[CLIP])}",
        f"{curve}: " + "; ".join(f"{THRESHOLDS[rule]} {_place(row)}" for rule, row in mine.items()),
        answer,
        verdict,
        decided,
    )


def _apart(row: Row) -> float:
    """How far a peak's place is from the paper's; its height depends on the sounds."""
    return float(abs(row["threshold"] - row["paper_threshold"]))


def _place(row: Row) -> str:
    return f"{number(row['value'])} at {row['threshold']:.0f}"


def chance(found: Found) -> Answer:
    """Answer which threshold Table II uses, from what random scores earn."""
    rows = rows_of(found, "chance")
    identity = rows_of(found, "chance", "audit_differences")["random", "hits", "pointing_game"]
    own, at_ig, at_80 = (rows["random", f"percentile{rule}", "iou"]["value"] for rule in ("", "_at_ig", "_80"))
    at = by_key(found["audit_random"], ("metric",))
    places = [at[(metric,)][column] for column in ("run", "alike") for metric in ("iou", "f1")]
    theirs, activity = published("random", "iou"), published("random", "pointing_game")
    strong = by_key(paper.threshold_sensitivity(), ("method", "metric"))["fw_ss", "iou"]
    verdict = (
        f"Random's pointing game is the share of active frames "
        f"({'so it is' if includes_zero(identity) else 'not so'} here: {with_interval(identity)} apart). "
    )
    if theirs < activity - ROUNDING:
        verdict += (
            f"To mark every frame would earn random scores that share as IoU, {number(activity)} in the paper; its "
            f"{number(theirs)} belongs to a threshold that was not chosen for them. This run's random scores earn the "
            f"paper's IoU and F1 at the percentiles {places[0]:.0f} and {places[1]:.0f}, clips that are all alike at "
            f"{places[2]:.0f} and {places[3]:.0f}. So Table II seems to hold one threshold for all methods."
        )
        answer = "Probably one for all methods."
    else:
        answer = "Random's own, at which every frame is marked."
        verdict += "Its IoU in the paper is no lower than if every frame were marked."
    return Answer(
        "Which threshold does Table II use?",
        "each method's own; IG's for all; the 80th percentile for all",
        f"random's IoU {number(theirs)}, pointing game {number(activity)}; "
        f"FW-SS {number(published('fw_ss', 'iou'))} in Table II, {number(strong['peak_value'])} in Fig. 3",
        f"random's IoU {number(own)} at its own threshold, {number(at_ig)} at IG's, {number(at_80)} at 80",
        answer,
        verdict,
        PARTLY,
    )


def excluded(found: Found) -> Answer:
    """Answer where missed and falsely detected classes go."""
    rows, recalls = rows_of(found, "excluded"), found["audit_recalls"]
    possible = {key[0]: bool(row["possible"]) for key, row in by_key(found["audit_countings"], ("counting",)).items()}
    base, missed, false = (
        rows["ig", rule, "iou"]["value"] for rule in ("detected_and_present", "missed_as_zero", "false_as_zero")
    )
    beyond = [class_name(label) for label in recalls.loc[~recalls["zero"].astype(bool), "class"]]
    verdict = f"Table III leaves missed classes out: the IoU of {listed(beyond)} exceeds the recall. " if beyond else ""
    verdict += (
        "Missed classes could count 0 in Table II. "
        if possible["missed_as_zero"]
        else "They cannot count 0 in Table II either: no numbers that agree with Tables I and III would give it. "
    )
    open_ = possible["evaluated"] and possible["false_as_zero"]
    verdict += "Whether false detections count 0 there stays open: both fit. " if open_ else ""
    verdict += (
        f"In this run IG's IoU is {number(base)}; that would make it {number(false)}, missed classes {number(missed)}."
    )
    answer = "Missed ones: undecided; " if possible["missed_as_zero"] else "Missed ones are left out; "
    answer += "false ones: undecided." if open_ else "false ones are left out."
    chances = [rows["random", rule, "pointing_game"]["value"] for rule in ("detected_and_present", "both_as_zero")]
    return Answer(
        "Where do missed and false classes go?",
        "left out; missed count 0; false count 0; each model's own detections; every present class",
        "undetected classes are excluded; of false ones nothing is said",
        f"IG's IoU {number(base)}, with missed ones as zeros {number(missed)}, with false ones {number(false)}; "
        f"random's pointing game {number(chances[0])}, with both {number(chances[1])}",
        answer,
        verdict,
        PARTLY if open_ or possible["missed_as_zero"] else YES,
    )
