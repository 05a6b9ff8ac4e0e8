"""Verdicts on the attribution: its sign, its target, the window of the encoder."""

from __future__ import annotations

from igsed_core.chapters.audit.sign import PAPER, READINGS
from igsed_core.chapters.audit.verdicts.common import (
    NO,
    PARTLY,
    YES,
    Answer,
    Found,
    Row,
    effect,
    percent,
    published,
    rows_of,
    stands,
    what_if,
)
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED
from igsed_core.show.cells import number
from igsed_core.show.claims import MARGIN, effect_size, figure, listed, sample, surviving, verdict_on


def sign(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer whether absolute values, the positive part or the sign tell best when."""
    rows, differences = rows_of(found, "sign"), rows_of(found, "sign", "audit_differences")
    pairs = {name: (f"ig:{name}", "percentile", "pointing_game") for name in READINGS}
    others = {name: differences[pair] for name, pair in pairs.items() if pair in differences}
    said = {name: verdict_on(row, margin=margin) for name, row in others.items()}
    pointer = _highest(others)
    gain = others[pointer] if pointer else None
    words = (
        f"the highest difference is that of '{READINGS[pointer][0]}', {figure(gain, margin=margin)}" if pointer else ""
    )
    left = [name for name, verdict in said.items() if verdict not in (ABOVE, LEVEL, BELOW)]
    worse = _lower_iou(differences, margin)
    better = bool(pointer) and said[pointer] == ABOVE
    if better:
        sure = gain is not None and stands(gain)
        answer = f"Absolute values point worse than '{READINGS[pointer][0]}'{'' if sure else ', before a correction'}."
        decided = YES if sure else PARTLY
        held = ", ".join(filter(None, (figure(gain, margin=margin), surviving(gain))))
        verdict = (
            f"The paper's absolute values are not the best pointer: '{READINGS[pointer][0]}' gains {held}, "
            f"the best of {len(others)} readings, picked on the same clips"
        )
    elif not pointer or set(said.values()) == {NOT_DECIDED}:
        answer, decided = "Not decided.", NO
        verdict = "There is no interval to judge by, so that this run does not decide which reading points best"
    elif set(said.values()) <= {LEVEL, BELOW}:
        answer, decided = f"None points better than absolute by {number(margin)}.", PARTLY
        verdict = (
            f"Every other reading of the sign points as well as absolute values, within {number(margin)}, or worse: "
            f"{words}"
        )
    else:
        answer = "Not told apart: none is shown to point better than absolute."
        decided = PARTLY if worse or len(left) < len(said) else NO
        verdict = (
            f"No reading is shown to point better than absolute values, and {len(left)} of {len(said)} are not ruled "
            f"out: {words}"
        )
    n = gain["n"] if gain else 0
    verdict += f" ({sample(n)}; {effect_size(margin)}). {_best_iou(rows, differences, margin)} {worse}".rstrip() + " "
    why = {key[2]: row["value"] for key, row in rows.items() if key[:2] == (f"ig:{PAPER}", "reason")}
    signed = rows["ig:signed", "reason", "rank_correlation"]["value"]
    verdict += (
        f"Within a frame the signed mean keeps {percent(why['kept_inside'], 1)} of the absolute one "
        f"in events, {percent(why['kept_outside'], 1)} beside them. The rank correlation with energy is "
        f"{number(why['rank_correlation'])} for absolute values, {number(signed)} for signed ones; the peak of "
        f"absolute values falls on another class in {percent(why['on_other'])} of the instances, on background in "
        f"{percent(why['on_background'])}."
    )
    here = [rows[f"ig:{name}", "percentile", "pointing_game"] for name in (PAPER, "signed")]
    return Answer(
        "Absolute, positive or signed attribution?",
        "; ".join(what for what, _ in READINGS.values()),
        f"absolute; pointing game {number(published('ig', 'pointing_game'))}",
        f"pointing game: absolute {figure(here[0])}, signed {figure(here[1])}, {sample(here[0].get('n'))}",
        answer,
        verdict,
        decided,
    )


def _highest(rows: dict[str, Row]) -> str:
    """Name of the largest value that there is; empty if there is none."""
    there = {name: row["value"] for name, row in rows.items() if row["value"] == row["value"]}
    return max(there, key=lambda name: there[name]) if there else ""


def _best_iou(rows: dict[tuple[str, ...], Row], differences: dict[tuple[str, ...], Row], margin: float) -> str:
    """Say which reading has the highest IoU, and how it stands to the paper's."""
    best = _highest({name: rows[f"ig:{name}", "percentile", "iou"] for name in READINGS})
    if not best:
        return "Their IoU is not known."
    value = number(rows[f"ig:{best}", "percentile", "iou"]["value"])
    apart = differences.get((f"ig:{best}", "percentile", "iou"))
    if apart is None:
        there = {name: differences.get((f"ig:{name}", "percentile", "iou")) for name in READINGS if name != PAPER}
        other = _highest({name: row for name, row in there.items() if row is not None})
        near = there.get(other)
        beside = f"; the next, '{READINGS[other][0]}', differs by {figure(near, margin=margin)}" if near else ""
        return f"Their IoU of {value} is the highest{beside}."
    said = {ABOVE: "above them", LEVEL: "level with them", NOT_DECIDED: "undecided against them"}
    words = said.get(verdict_on(apart, margin=margin), "not told apart from them")
    return f"The highest IoU, {value}, is that of '{READINGS[best][0]}': {words} ({figure(apart)})."


def _lower_iou(differences: dict[tuple[str, ...], Row], margin: float) -> str:
    """Name the readings whose IoU is below that of the paper's; empty if there is none."""
    of = {name: differences.get((f"ig:{name}", "percentile", "iou")) for name in READINGS}
    below = {name: row for name, row in of.items() if row is not None and verdict_on(row, margin=margin) == BELOW}
    if not below:
        return ""
    told = [
        f"'{READINGS[name][0]}' ({', '.join(filter(None, (figure(row, margin=margin), surviving(row))))})"
        for name, row in below.items()
    ]
    return f"A lower IoU than theirs has {listed(told)}."


def target(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer whether it matters that the logit or the probability is attributed."""
    name, differences, own = what_if(found, "target")
    seen = effect(differences, margin=margin)
    return Answer(
        "Logit or probability as the target?",
        "logit; probability",
        "'one sigmoid score per class' is attributed, positive values are 'features increasing class probability'",
        f"{name} instead: {seen.differences}",
        f"{seen.short}; the paper's words mean the probability.",
        f"The {name} instead: {seen.differences}. {seen.conclusion} The masks of the two overlap by an IoU of "
        f"{figure(own['mask_iou'])}. The paper's words mean the probability (sections II and II-C); its figures do not "
        "show which of the two was computed.",
        PARTLY,
    )


def window(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer what the other analysis window would change."""
    name, differences, own = what_if(found, "window")
    seen = effect(differences, margin=margin)
    decided = PARTLY if "matters" in seen.short else NO
    title = name.capitalize()
    clips = sample(own["flips"].get("n"), "clips")
    return Answer(
        "Hann or Hamming window?",
        "Hann; Hamming",
        "Hamming; the public checkpoint of its encoder holds Hann",
        f"{title} instead: {seen.differences}",
        f"{seen.short}; which one it was is undecided.",
        f"With {title} in place of the window that the encoder was trained with, mel power changes by "
        f"{number(own['level']['value'])} dB, feature frames by {percent(own['features']['value'], 1)}, and "
        f"{number(own['flips']['value'])} detections per clip flip ({clips}). Then "
        f"{seen.differences}. {seen.conclusion} The paper's figures do not reveal its window.",
        decided,
    )


def embedding(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer what CNN14's layer between pooling and output layer changes, where the run's encoder has it."""
    question = "Is CNN14's fc1 with its ReLU kept?"
    readings = "dropped: the new layer follows the pooling; kept: only the output layer is replaced"
    theirs = (
        "'global max pooling to obtain a 2048-dimensional embedding'; 'the original 527-class output layer is replaced'"
    )
    words = "Both readings agree with the paper's words, and its figures do not show which it was."
    if not (found["audit_differences"]["question"] == "embedding").any():
        nothing = "This run's encoder has no such layer, so that what it changes is not measured here."
        return Answer(question, readings, theirs, "not measured", "Not decided.", f"{words} {nothing}", NO)
    name, differences, own = what_if(found, "embedding")
    seen = effect(differences, margin=margin)
    return Answer(
        question,
        readings,
        theirs,
        f"{name} instead: {seen.differences}",
        f"{seen.short}; which one it was is undecided.",
        f"{words} With the layer {name} instead, and the head trained again: {seen.differences}. {seen.conclusion} The "
        f"masks of the two overlap by an IoU of {figure(own['mask_iou'])}.",
        PARTLY if "matters" in seen.short else NO,
    )
