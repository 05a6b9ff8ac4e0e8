"""Verdicts on data and baselines: the reading of energy, the filter of the soundscapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from igsed_core.chapters.audit.energy import READINGS
from igsed_core.chapters.audit.overlap import BANK, FILTERS, ONSETS, PAPER
from igsed_core.chapters.audit.verdicts.common import NO, PARTLY, Answer, Found, listed, percent, published
from igsed_core.show.cells import by_key, number

NEAR = 0.05  # a reading of energy comes close if no figure is farther than this from the paper's
LOUD = ("amplitude", "power", "level", "peak")  # louder frames rank higher
PLAUSIBLE = 0.05  # p-value
LENGTHS = {BANK: "of this bank", PAPER: "uniform in the paper's range"}
PLACES = {
    "fitting": "uniform where they fit",
    "moved": "uniform, late events moved",
    "normal": "around the middle, late events moved",
}
_FIGURES = ("iou", "f1", "pointing_game")


def energy(found: Found) -> Answer:
    """Answer which reading of "energy" gives the paper's figures."""
    table = found["audit_energy"]
    best = table.to_dict("records")[0]
    amplitude = by_key(table, ("reading", "rule"))["amplitude", "percentile"]
    loud = float(table.loc[table["reading"].isin(LOUD), "pointing_game"].min())
    chance = published("random", "pointing_game")
    below = table.loc[table["pointing_game"] < chance, "reading"].nunique()
    near = best["distance"] <= NEAR
    verdict = (
        f"Where louder frames rank higher the pointing game is at least {number(loud)}, "
        f"{'above' if loud > chance else 'not above'} the paper's chance. Of {table['reading'].nunique()} rankings the "
        f"nearest is '{READINGS[best['reading']][0]}' ({_triple(best)}); measured from chance it is "
        f"{number(best['distance'])} off. "
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
    return Answer(
        "Which energy gives the paper's figures?",
        f"{table['reading'].nunique()} rankings of the frames, 3 thresholds",
        f"IoU / F1 / pointing game {' / '.join(number(published('energy', m)) for m in _FIGURES)}, below random",
        f"mean absolute sample {_triple(amplitude)}; {below} rankings point worse than the paper's random",
        "Undecided; none that follows loudness" + ("; a wrong time axis could." if candidates else "."),
        verdict,
        PARTLY if near or candidates else NO,
    )


def _triple(row: Mapping[Any, Any]) -> str:
    return " / ".join(number(row[metric]) for metric in _FIGURES)


def overlap(found: Found) -> Answer:
    """Answer what onsets and filter remove as many soundscapes as the paper's."""
    table = found["audit_overlap"]
    by_pool = by_key(table, ("lengths", "onsets", "filter", "pool"))
    mine = [by_pool[BANK, "fitting", "three_at_once", pool] for pool in ("train", "eval")]
    removed = listed([f"{row['removed']} of {row['generated']}" for row in found["audit_removed"].to_dict("records")])
    fits = table[table["p_value"] >= PLAUSIBLE].drop_duplicates(["lengths", "onsets", "filter"])
    shares = " and ".join(percent(row["removed"], 1) for row in mine)
    if mine[0]["p_value"] >= PLAUSIBLE:
        answer, decided = "This book's is one that does.", PARTLY
        verdict = f"This book's onsets and filter ({shares}) agree with the paper's numbers."
    else:
        verdict = f"This book's onsets and filter remove another share ({shares} expected). "
        readings = [
            f"{FILTERS[row['filter']]}, onsets {ONSETS[row['onsets']][0]}, lengths {LENGTHS[row['lengths']]}"
            for row in fits.sort_values("p_value", ascending=False).to_dict("records")
        ]
        verdict += (
            f"Both of the paper's numbers agree with: {'; '.join(readings)}. The lengths of its events are not known, "
            "so that none is proven."
            if readings
            else "No reading of onsets and filter gives both of the paper's numbers with these lengths of events."
        )
        answer = f"Not this book's; {len(readings) or 'none'} of the readings do{'' if readings else 'es'}."
        decided = PARTLY if readings else NO
    return Answer(
        "Which filter removes as many soundscapes as the paper's?",
        f"{len(ONSETS)} distributions of onsets, {len(FILTERS)} filters, {len(LENGTHS)} of lengths",
        f"removed {percent(mine[0]['paper'], 1)} (training), {percent(mine[1]['paper'], 1)} (evaluation)",
        f"removed {removed}",
        answer,
        verdict,
        decided,
    )
