"""Verdict on the factorial: what target, sign, baseline and quadrature move, one after the other and on average."""

from __future__ import annotations

from igsed_core.chapters.audit.factorial import ALL_CHOICES, ALONE, AVERAGED, EVERYTHING
from igsed_core.chapters.audit.verdicts.common import NO, PARTLY, Answer, Effect, Found, Row, effect, stands
from igsed_core.metrics.judging import ABOVE, BELOW
from igsed_core.show.cells import by_key
from igsed_core.show.claims import MARGIN, effect_size, figure, sample, verdict_on

METRICS = ("iou", "f1", "pointing_game")
# (choice, level) -> what is changed, in the words of a sentence
CHANGES = {
    ("target", "logit"): "the logit for the probability",
    ("sign", "signed"): "signed means for absolute values",
    ("sign", "positive"): "positive parts for absolute values",
    ("baseline", "background"): "the clip's own background for silence",
    ("engine", "run"): "this run's quadrature for Captum's 50 points",
    (ALL_CHOICES, "run"): "this run's own reading for the paper's",
}


def changes(found: Found) -> dict[tuple[str, str, str], dict[str, Row]]:
    """(Choice, level, what holds for the others) -> metric -> row over instances."""
    rows = by_key(found["audit_factorial_effects"], ("choice", "to", "others", "metric"), average="instance")
    result: dict[tuple[str, str, str], dict[str, Row]] = {}
    for (choice, level, others, metric), row in rows.items():
        if metric in METRICS:
            result.setdefault((choice, level, others), {})[metric] = row
    return result


def factorial(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer what each choice moves; which of them the paper made, its figures do not show."""
    by_change = changes(found)
    alone = {key[:2]: effect(rows, margin=margin) for key, rows in by_change.items() if key[2] == ALONE}
    moved = {key for key in alone if _moving(by_change[*key, ALONE], margin)}
    undecided = all(seen.short == "Not decided" for seen in alone.values())
    verdict = "Put one at a time in the place of the paper's: " if alone else ""
    verdict += " ".join(_sentence(key, seen, margin) for key, seen in alone.items())
    averaged = {key[:2]: rows for key, rows in by_change.items() if key[2] == AVERAGED}
    otherwise = [
        f"{CHANGES[key]} (alone {_judged(by_change[*key, ALONE], margin)}, averaged {_judged(rows, margin)})"
        for key, rows in averaged.items()
        if key in alone and _said(rows, margin) != _said(by_change[*key, ALONE], margin)
    ]
    if otherwise:
        verdict += f" Averaged over the other choices the verdict on IoU is another one for {'; '.join(otherwise)}."
    together = by_change.get((ALL_CHOICES, "run", EVERYTHING))
    if together:
        seen = effect(together, margin=margin)
        verdict += f" All of this run's own choices at once: {seen.differences}. {_once(seen, margin)}"
    verdict += (
        f" Judged over instances, {effect_size(margin)}; all cells are cut at the percentiles that validation chose "
        "for this run's own maps, which favours those."
    )
    sure = [key for key in moved if any(stands(row) for row in _moving(by_change[*key, ALONE], margin))]
    words = [
        f"{CHANGES[key]}{'' if key in sure else ' (not after a correction for all comparisons)'}"
        for key in alone
        if key in moved
    ]
    if undecided:
        answer = "Not decided."
    elif words:
        answer = f"What is measured moves with {'; '.join(words)}. The words of the paper name all four."
    else:
        answer = "None is shown to move what is measured. The words of the paper name all four."
    iou = {key: by_change[*key, ALONE]["iou"] for key in alone}
    n = min((float(row["n"]) for row in iou.values()), default=0)
    return Answer(
        "Target, sign, baseline, quadrature: what does each move?",
        "logit, probability; absolute, signed, positive; silence, background; Captum's 50 points, this run's own",
        "probability, absolute, zero-valued waveform, Captum with 50 steps",
        f"IoU changes {', '.join(f'with {CHANGES[key]} by {figure(row, margin=margin)}' for key, row in iou.items())}"
        f"; {sample(n)}",
        answer,
        verdict,
        NO if undecided else PARTLY,
    )


def _said(rows: dict[str, Row], margin: float) -> str:
    return verdict_on(rows["iou"], margin=margin)


def _judged(rows: dict[str, Row], margin: float) -> str:
    return f"{_said(rows, margin)}, {figure(rows['iou'], margin=margin)}"


def _moving(rows: dict[str, Row], margin: float) -> list[Row]:
    return [row for row in rows.values() if verdict_on(row, margin=margin) in (ABOVE, BELOW)]


def _sentence(key: tuple[str, str], seen: Effect, margin: float) -> str:
    what = CHANGES[key]
    return f"{what[0].upper()}{what[1:]}: {seen.differences}. {_once(seen, margin)}"


def _once(seen: Effect, margin: float) -> str:
    """Leave out of a conclusion what an effect is: the verdict says it once, at its end."""
    return seen.conclusion.replace(f"; {effect_size(margin)}", "")


__all__ = ["CHANGES", "changes", "factorial"]
