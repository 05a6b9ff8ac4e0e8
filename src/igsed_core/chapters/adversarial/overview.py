"""Sentences of adversarial attacks, made by rule from its tidy tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.chapters.adversarial import carriers, giveaway, study, summary
from igsed_core.chapters.adversarial.elsewhere import MINUS_NOISE, OTHERS
from igsed_core.chapters.adversarial.explaining import IG, LOCALISER, METHODS
from igsed_core.chapters.adversarial.moving import MOVE_FRAMES, MOVE_WINNERS, MOVES
from igsed_core.chapters.adversarial.params import BANK
from igsed_core.chapters.adversarial.study import ALL, APPEAR, CW, DEEPFOOL, LEAVE, NOISE, PGD_L2, VANISH
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL
from igsed_core.show.answers import NOT_DECIDED
from igsed_core.show.cells import by_key, number, records, with_interval
from igsed_core.show.claims import RELATIONS, figure, listed, sample, verdict_on
from igsed_core.show.full_size import made_from

CHANCE = 0.5
_APART = {"value": "trivial", "ci_low": "low", "ci_high": "high"}
_AGAINST = {
    VANISH: "a class that vanishes",
    APPEAR: "a class that appears",
    MOVE_FRAMES: "frames' logits that are moved",
    MOVE_WINNERS: "winning frames that are moved",
}


def attacks(table: pd.DataFrame) -> str:
    """Say how often attacks succeed, at which ratio, and what noise of that ratio does.

    Parameters
    ----------
    table
        The tidy table ``adversarial``.
    """
    by = by_key(table, ("attack", "metric"), output="softmax", model=ALL, goal=LEAVE)
    if (PGD_L2, "success") not in by:
        return fooled(table)
    small = [
        f"{study.ATTACKS[name]} {with_interval(by[name, 'snr'], 1)} dB ({sample(by[name, 'snr']['n'], 'clips')})"
        for name in (DEEPFOOL, CW)
        if (name, "snr") in by
    ]
    return (
        f"{fooled(table)} The mean ratio of sound to perturbation of attacks that look for the smallest change, where "
        f"they succeed: {', '.join(small) or 'none was tried'}."
    )


def fooled(table: pd.DataFrame) -> str:
    """Say how often an attack of a given size succeeds, and noise as loud.

    Parameters
    ----------
    table
        The tidy table ``adversarial``.
    """
    by = by_key(table, ("attack", "metric"), output="softmax", model=ALL, goal=LEAVE)
    pgd, noise = by.get((PGD_L2, "success")), by.get((NOISE, "success"))
    if pgd is None or noise is None:
        return f"{NOT_DECIDED}: no classifier of clips was attacked."
    snr = by.get((PGD_L2, "snr"))
    return (
        f"At {number(snr['value'] if snr else None, 0)} dB below the sound PGD takes a share of {figure(pgd)} of clips "
        f"from their class, white noise as loud {figure(noise)} ({sample(pgd['n'], 'clips')}, classifiers together)."
    )


def unknown(known: int, attacked: int) -> str:
    """Say that clips had to be attacked which not every classifier knows; empty where all do.

    Parameters
    ----------
    known, attacked
        Attacked clips that every classifier knows, and all of them.
    """
    if known == attacked:
        return ""
    return (
        f"**No clip is known to all classifiers**, so that {attacked} were attacked of which some are lost already: "
        "what follows says nothing of attacks."
    )


def transfer(table: pd.DataFrame) -> str:
    """Say whether what is made for one classifier fools the others.

    Parameters
    ----------
    table
        The tidy table ``transfer``.
    """
    by = by_key(table, ("attack", "source", "target"))
    away, noise = by.get((PGD_L2, ALL, OTHERS)), by.get((NOISE, NOISE, OTHERS))
    if away is None or noise is None:
        return "Transfer was not measured: there are not two classifiers."
    apart = by.get((PGD_L2, ALL, MINUS_NOISE))
    return (
        f"Played to another classifier than the one it was made for, it takes {figure(away)} from their class "
        f"({sample(away['n'], 'clips')}), {RELATIONS[verdict_on(apart, margin=summary.MARGIN)]} white noise as loud, "
        f"which takes {figure(noise)} (paired difference {figure(apart)})."
    )


def files(table: pd.DataFrame) -> str:
    """Say what a 16-bit file leaves of the smallest attacks, and which carrier leaves least.

    Parameters
    ----------
    table
        The tidy table ``adversarial_survival``.
    """
    by = by_key(table, ("attack", "carrier"))
    saved = by.get((DEEPFOOL, "pcm_16"))
    rows = [row for (name, _), row in by.items() if name == DEEPFOOL and not pd.isna(row["value"])]
    if saved is None or not rows:
        return "No attack succeeded whose survival could be measured."
    worst = min(rows, key=lambda row: row["value"])
    titles = {name: one.title for name, one in carriers.carriers().items()}
    return (
        f"A 16-bit file leaves {figure(saved)} of DeepFool's successes ({sample(saved['n'], 'clips')}); of {len(rows)} "
        f"ways that were tried the least is left by {titles.get(worst['carrier'], worst['carrier'])}: {figure(worst)}."
    )


def explanations(table: pd.DataFrame) -> str:
    """Say what becomes of maps of classes that nobody attacked, and of maps that are attacked themselves.

    Parameters
    ----------
    table
        The tidy table ``adversarial_explanations``.
    """
    by = by_key(table, ("variant", "of", "method", "metric"))
    parts = [
        f"{METHODS[name]} {figure(by.get((VANISH, 'others', name, 'iou_change')))}"
        for name in METHODS
        if (VANISH, "others", name, "iou_change") in by
    ]
    if not parts:
        return "No class of a soundscape was made to vanish, so that nothing is known of the others' maps."
    n = by[VANISH, "others", next(iter(METHODS)), "iou_change"]["n"]
    return (
        f"When a class is made to vanish, the IoU of the classes that nobody attacked changes by: {', '.join(parts)} "
        f"({sample(n, 'soundscapes')}). {moved(table)}"
    )


def moved(table: pd.DataFrame) -> str:
    """Say what becomes of IG and the localiser when a map is moved while every class stays decided as it was.

    Parameters
    ----------
    table
        The tidy table ``adversarial_explanations``.
    """
    by = by_key(table, ("variant", "of", "method", "metric"))
    said, counts = [], []
    for kind, words in MOVES.items():
        ig, localiser, noise = (
            by.get((variant, "attacked", method, "iou_change"))
            for variant, method in ((kind, IG), (kind, LOCALISER), (NOISE, IG))
        )
        if ig is None or localiser is None:
            continue
        control = "" if noise is None else f" (under noise as loud {figure(noise)})"
        counts += [ig["n"], localiser["n"]]
        of = [f"of {METHODS[name]} by {figure(row)}" for name, row in _others(by, kind).items()]
        of.append(f"of IG by {figure(ig)}{control}")
        said.append(f"with {words} the IoU of the localiser changes by {figure(localiser)}, {listed(of)}")
    if not said:
        return "No map was moved."
    return f"While no class changes, {'; '.join(said)} ({sample(min(counts), 'soundscapes')})."


def moved_in_brief(table: pd.DataFrame) -> str:
    """Say in one sentence what becomes of the localiser and of IG when the map is moved that CAM shows.

    Parameters
    ----------
    table
        The tidy table ``adversarial_explanations``.
    """
    by = by_key(table, ("variant", "of", "method", "metric"))
    rows = {METHODS[name]: by.get((MOVE_FRAMES, "attacked", name, "iou_change")) for name in METHODS}
    the = {METHODS[LOCALISER]: f"the {METHODS[LOCALISER]}"}
    said = [f"by {figure(row)} for {the.get(title, title)}" for title, row in rows.items() if row is not None]
    n = [row["n"] for row in rows.values() if row is not None]
    if not said:
        return "No map was moved."
    return (
        f"With {MOVES[MOVE_FRAMES]} while every class stays decided as it was, the IoU changes {listed(said)} "
        f"({sample(min(n), 'soundscapes')})."
    )


def _others(by: Mapping[tuple[str, ...], dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    rows = {name: by.get((kind, "attacked", name, "iou_change")) for name in METHODS if name not in (IG, LOCALISER)}
    return {name: row for name, row in rows.items() if row is not None}


def placement(table: pd.DataFrame) -> str:
    """Say whether perturbations lie on the sound.

    Parameters
    ----------
    table
        The tidy table ``adversarial_placement``.
    """
    by = by_key(table, ("variant", "metric"))
    inside, time, apart = (by.get((VANISH, name)) for name in ("inside", "time", "inside_minus_time"))
    if inside is None or time is None:
        return "Where perturbations lie was not measured."
    energy = by.get((VANISH, "inside_minus_signal"))
    said = [RELATIONS[verdict_on(row, margin=summary.MARGIN)] for row in (apart, energy)]
    return (
        f"What makes a class vanish lies to {figure(inside)} within its sound, {said[0]} the sound's share of time "
        f"({number(time['value'])}; difference {figure(apart)}), and {said[1]} the share of the signal's energy there "
        f"(difference {figure(energy)}, {sample(inside['n'], 'soundscapes')})."
    )


def detection(table: pd.DataFrame) -> str:
    """Say whether a detector made from maps tells each kind of attack, beside the trivial ones.

    Parameters
    ----------
    table
        The tidy table ``adversarial_detection``.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _AGAINST}
    for row in records(table):
        if row["variant"] in by_kind and not pd.isna(row["value"]):
            by_kind[row["variant"]].append(row)
    told = [sentence for kind, rows in by_kind.items() if (sentence := _told(kind, rows))]
    if not told:
        return "Whether maps give an attack away was not measured."
    return f"{' '.join(told)} Each was picked from the detectors made from maps by this very figure."


def _told(kind: str, rows: list[dict[str, Any]]) -> str:
    of_maps = [row for row in rows if row["detector"] not in giveaway.TRIVIAL]
    trivial = [row for row in rows if row["detector"] in giveaway.TRIVIAL]
    if not of_maps or not trivial:
        return ""
    best, other = (max(some, key=lambda row: row["value"]) for some in (of_maps, trivial))
    said = {True: "above chance", False: "not above chance by its interval"}[best["ci_low"] > CHANCE]
    apart = {"n": best["n"], **{key: best[f"minus_{name}"] for key, name in _APART.items()}}
    relation = RELATIONS[verdict_on(apart, margin=summary.MARGIN)]
    return (
        f"Against {_AGAINST[kind]} the best is {giveaway.DETECTORS[best['detector']]}, with an AUROC of {figure(best)} "
        f"({said}, {sample(best['n'], 'soundscapes')}). It is {relation} the better trivial one, "
        f"{giveaway.DETECTORS[other['detector']].removesuffix(giveaway.SAID_TRIVIAL)}, with {figure(other)} (paired "
        f"difference {figure(apart)})."
    )


def fragile(table: pd.DataFrame) -> str:
    """Say of which methods the IoU is shown to change, or to stay, for classes that nobody attacked; and of which not.

    That no change is shown says nothing where the interval reaches beyond the margin.

    Parameters
    ----------
    table
        The tidy table ``adversarial_explanations``.
    """
    by = by_key(table, ("variant", "of", "method", "metric"))
    rows = {title: by.get((VANISH, "others", name, "iou_change")) for name, title in METHODS.items()}
    there = {title: row for title, row in rows.items() if row is not None}
    if not there:
        return ""
    said = {title: verdict_on(row, margin=summary.MARGIN) for title, row in there.items()}
    moved, stays = (
        [title for title, verdict in said.items() if verdict in kinds] for kinds in ((ABOVE, BELOW), (LEVEL,))
    )
    left = [title for title in said if title not in (*moved, *stays)]
    margin = number(summary.MARGIN)
    parts = [
        f"is shown to change by {margin} or more for {listed(moved) if moved else 'no method'}",
        *([f"stays within {margin} for {listed(stays)}"] if stays else []),
        *([f"is not known to stay for {listed(left)}, whose intervals reach further"] if left else []),
    ]
    n = min(row["n"] for row in there.values())
    return (
        "Of classes that nobody attacked, the IoU when another class is made to vanish "
        f"{'; '.join(parts)} ({sample(n, 'soundscapes')}; not corrected for {len(there)} comparisons)."
    )


def limits(params: Mapping[str, Any]) -> str:
    """Say what the attacked clips are; which bank they are from, another run may choose.

    Parameters
    ----------
    params
        Of the stage, from its record.
    """
    if params.get("attack_bank", BANK) == BANK:
        return "Classifiers and clips are small and made by a program; nobody listened for audibility."
    return "Classifiers are this project's own; nobody listened for audibility."


def shipped_run(record: Mapping[str, Any] | None) -> str:
    """Say what the full-size run is from: parameters, commit, time, machine; or that it does not ship.

    Parameters
    ----------
    record
        From :meth:`igsed_core.base.shipped.Shipped.record`.
    """
    return made_from(record, "adversarial", _size, alone=True)


def _size(record: Mapping[str, Any]) -> str:
    figures = record["figures"]
    return (
        f"{record['params']['attack_kinds']} kinds of sound, {figures['clips']} attacked clips, "
        f"{figures['soundscapes']} soundscapes"
    )
