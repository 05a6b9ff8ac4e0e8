"""Verdicts on the attribution: its sign, its target, the window of the encoder."""

from __future__ import annotations

from igsed_core.chapters.audit.sign import PAPER, READINGS
from igsed_core.chapters.audit.verdicts.common import (
    PARTLY,
    YES,
    Answer,
    Found,
    Row,
    effect,
    includes_zero,
    percent,
    published,
    rows_of,
    what_if,
)
from igsed_core.show.cells import number, with_interval


def sign(found: Found) -> Answer:
    """Answer whether absolute values, the positive part or the sign tell best when."""
    rows, differences = rows_of(found, "sign"), rows_of(found, "sign", "audit_differences")
    best = {
        metric: max(READINGS, key=lambda name: rows[f"ig:{name}", "percentile", metric]["value"])
        for metric in ("iou", "pointing_game")
    }
    pointer = best["pointing_game"]
    gain = differences.get((f"ig:{pointer}", "percentile", "pointing_game"))
    better = gain is not None and not includes_zero(gain)
    if better:
        iou = [rows[f"ig:{name}", "percentile", "iou"]["value"] for name in (best["iou"], PAPER)]
        verdict = (
            f"The paper's absolute values are not the best pointer: '{READINGS[pointer][0]}' gains "
            f"{with_interval(gain)}. "
            f"By IoU {_best_iou(best['iou'], iou, differences)}. "
        )
    else:
        verdict = "No reading of the sign points more surely than the paper's absolute values. "
    why = {key[2]: row["value"] for key, row in rows.items() if key[:2] == (f"ig:{PAPER}", "reason")}
    signed = rows["ig:signed", "reason", "rank_correlation"]["value"]
    verdict += (
        f"Within a frame the signs cancel: the signed mean keeps {percent(why['kept_inside'], 1)} of the absolute one "
        f"in events, {percent(why['kept_outside'], 1)} beside them. Absolute values follow how loud a frame is (rank "
        f"correlation with energy {number(why['rank_correlation'])}, signed {number(signed)}); their peak falls on "
        f"another class in {percent(why['on_other'])} of the instances, on background in "
        f"{percent(why['on_background'])}."
    )
    here = [rows[f"ig:{name}", "percentile", "pointing_game"] for name in (PAPER, "signed")]
    return Answer(
        "Absolute, positive or signed attribution?",
        "; ".join(what for what, _ in READINGS.values()),
        f"absolute; pointing game {number(published('ig', 'pointing_game'))}",
        f"pointing game: absolute {with_interval(here[0])}, signed {with_interval(here[1])}",
        f"Absolute values point worse than '{READINGS[pointer][0]}'."
        if better
        else "None points better than absolute.",
        verdict,
        YES if better else PARTLY,
    )


def _best_iou(name: str, values: list[float], differences: dict[tuple[str, ...], Row]) -> str:
    """Say which reading has the best IoU, and whether it is better than the paper's."""
    apart = differences.get((f"ig:{name}", "percentile", "iou"))
    if apart is None or includes_zero(apart):
        return "none is better than they are"
    return f"the best is '{READINGS[name][0]}', {number(values[0])} against {number(values[1])}"


def target(found: Found) -> Answer:
    """Answer whether it matters that the logit or the probability is attributed."""
    name, differences, own = what_if(found, "target")
    words, sure = effect(differences)
    seen = f"To attribute the {name} instead changes what is measured" if sure else "No effect of the target is seen"
    return Answer(
        "Logit or probability as the target?",
        "logit; probability",
        "does not say",
        f"{name} instead: {words}",
        f"{'It matters' if sure else 'No effect is seen'}; which one it was is undecided.",
        f"{seen}: {words}. The masks of the two overlap by an IoU of {number(own['mask_iou']['value'])}. "
        "Which one the paper took its figures do not tell.",
        PARTLY,
    )


def window(found: Found) -> Answer:
    """Answer what the other analysis window would change."""
    name, differences, own = what_if(found, "window")
    words, sure = effect(differences)
    title = name.capitalize()
    return Answer(
        "Hann or Hamming window?",
        "Hann; Hamming",
        "Hamming; the public checkpoint of its encoder holds Hann",
        f"{title} instead: {words}",
        f"{'It matters' if sure else 'No effect is seen'}; which one it was is undecided.",
        f"With {title} in place of the window that the encoder was trained with, mel power changes by "
        f"{number(own['level']['value'])} dB, feature frames by {percent(own['features']['value'])}, and "
        f"{number(own['flips']['value'])} detections a clip flip. "
        f"{'This moves what is measured' if sure else 'No effect on what is measured is seen'}: {words}. "
        "Which one the paper computed with its figures do not tell.",
        PARTLY,
    )
