"""Verdicts on data and baselines: the reading of energy, the filter of the soundscapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from igsed_core.chapters.audit.energy import READINGS
from igsed_core.chapters.audit.overlap import BANK, PAPER
from igsed_core.chapters.audit.verdicts.common import NO, PARTLY, Answer, Found, percent, published, rows_of
from igsed_core.data.onsets import FILTERS, ONSETS
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED
from igsed_core.show.cells import by_key, number, p_value
from igsed_core.show.claims import MARGIN, against, figure, listed, sample

NEAR = 0.05  # a reading of energy comes close if no figure is farther than this from the paper's
LOUD = ("amplitude", "power", "level", "peak")  # louder frames rank higher
PLAUSIBLE = 0.05  # p-value
LENGTHS = {BANK: "of this bank", PAPER: "uniform in the paper's range"}
PLACES = {
    "fitting": "uniform where they fit",
    "moved": "uniform, late events moved",
    "normal": "around the middle, late events moved",
    "cut": "uniform, late events cut",
}
_FIGURES = ("iou", "f1", "pointing_game")


def energy(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer which reading of "energy" gives the paper's figures."""
    table = found["audit_energy"]
    best = table.to_dict("records")[0]
    amplitude = by_key(table, ("reading", "rule"))["amplitude", "percentile"]
    measured = rows_of(found, "energy")
    louder = [row for (name, rule, metric), row in measured.items() if _is_loud(name, rule, metric)]
    louder = [row for row in louder if row["value"] == row["value"]]
    lowest = min(louder, key=lambda row: row["value"]) if louder else None
    chance = published("random", "pointing_game")
    said = against(lowest, chance, margin=margin)
    words = {ABOVE: "above", BELOW: "below", LEVEL: f"within {number(margin)} of", NOT_DECIDED: "undecided against"}
    own = rows_of(found, "excluded")["random", "detected_and_present", "pointing_game"]["value"]
    below = table.loc[table["pointing_game"] < own, "reading"].nunique()
    near = bool(best["distance"] <= NEAR)
    verdict = (
        f"Where louder frames rank higher the pointing game is at least {figure(lowest)}, "
        f"{words.get(said, 'not told apart from')} the paper's chance of {number(chance)} "
        f"({sample(lowest.get('n') if lowest else 0)}). Of {table['reading'].nunique()} rankings the nearest is "
        f"'{READINGS[best['reading']][0]}' ({_triple(best)}); measured from chance it is "
        f"{number(best['distance'], 3)} off, and up to {number(NEAR)} would be close. "
    )
    verdict += "It comes close. " if near else "None comes close. "
    placed = found["audit_placement"]
    candidates = placed[placed["distance"] <= NEAR].drop_duplicates("reading").to_dict("records")
    if candidates:
        readings = listed(
            [f"'{READINGS[row['reading']][0]}' ({_triple(row)}, onsets {PLACES[row['onsets']]})" for row in candidates]
        )
        verdict += f"Placed without audio, with other onsets or lengths, wrong time axes do: {readings}. "
    verdict += "Which one it was, if any, stays undecided." if candidates or near else "This stays undecided."
    answer = "Undecided" + ("; none that follows loudness" if said == ABOVE else "")
    return Answer(
        "Which energy gives the paper's figures?",
        f"{table['reading'].nunique()} rankings of the frames, 3 thresholds",
        f"IoU / F1 / pointing game {' / '.join(number(published('energy', m)) for m in _FIGURES)}, below random",
        f"mean absolute sample {_triple(amplitude)}; {below} rankings point worse than this run's random scores, "
        f"{number(own)}",
        answer + ("; a wrong time axis is compatible." if candidates else "."),
        verdict,
        PARTLY if near or candidates else NO,
    )


def _is_loud(method: str, rule: str, metric: str) -> bool:
    return method.removeprefix("energy:") in LOUD and rule == "percentile" and metric == "pointing_game"


def _triple(row: Mapping[Any, Any]) -> str:
    return " / ".join(number(row[metric]) for metric in _FIGURES)


def overlap(found: Found, *, margin: float = MARGIN) -> Answer:
    """Answer what onsets and filter remove as many soundscapes as the paper's.

    A probable reading is compatible with the paper's numbers, an improbable one is not; no reading is proven.
    """
    table = found["audit_overlap"]
    own = table["own"].astype(bool)
    by_pool = by_key(table[own], ("pool",))
    mine = [by_pool[pool,] for pool in ("train", "eval")]
    removed = listed([f"{row['removed']} of {row['generated']}" for row in found["audit_removed"].to_dict("records")])
    fits = table[table["p_value"] >= PLAUSIBLE].drop_duplicates(["lengths", "onsets", "filter"])
    shares = " and ".join(percent(row["removed"], 1) for row in mine)
    p = mine[0]["p_value"]
    here = (
        f"This run's onsets and filter ({ONSETS[mine[0]['onsets']][0]}; {removes(mine[0]['filter'])}; {shares} "
        f"expected, {_p(p)})"
    )
    others = fits[~own[fits.index]]
    readings = [
        f"{removes(row['filter'])}, onsets {ONSETS[row['onsets']][0]}, lengths {LENGTHS[row['lengths']]} "
        f"({_p(row['p_value'])})"
        for row in others.sort_values("p_value", ascending=False).to_dict("records")
    ]
    if p >= PLAUSIBLE:
        answer, decided = f"This run's is compatible, and so {_are(len(readings))}.", PARTLY
        verdict = f"{here} are compatible with the paper's numbers. "
    elif p < PLAUSIBLE:
        answer, decided = f"Not this run's; {_are(len(readings))} compatible.", PARTLY if readings else NO
        verdict = f"{here} remove another share than the paper's. "
    else:
        answer, decided = "Not decided.", NO
        verdict = f"{here} are not judged. "
    verdict += (
        f"Compatible with both of the paper's numbers: {'; '.join(readings)}. "
        if readings
        else "No other reading of onsets and filter is compatible with both of the paper's numbers with these lengths. "
    )
    verdict += "The lengths of the paper's events are not known, so that none is proven."
    return Answer(
        "Which filter removes as many soundscapes as the paper's?",
        f"{len(ONSETS)} distributions of onsets, {len(FILTERS)} filters, {len(LENGTHS)} of lengths",
        f"removed {percent(mine[0]['paper'], 1)} (training), {percent(mine[1]['paper'], 1)} (evaluation)",
        f"removed {removed}",
        answer,
        verdict,
        decided,
    )


def _p(value: float) -> str:
    if value != value:
        return "without a p-value"
    return f"p {text}" if (text := p_value(value)).startswith("<") else f"p = {text}"


def removes(name: str, max_polyphony: int = 2) -> str:
    """Say which soundscapes a filter removes."""
    return FILTERS[name].format(m=max_polyphony)


def _are(count: int) -> str:
    return f"{count or 'none'} of the other readings {'is' if count <= 1 else 'are'}"
