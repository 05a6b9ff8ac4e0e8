"""Sentences of vocal percussion, made by rule from its tidy tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.chapters.vocal_percussion import measure, when
from igsed_core.chapters.vocal_percussion.labels import LABEL_SETS
from igsed_core.chapters.vocal_percussion.study import AS_IS, ON_COPIES, SYSTEMS, TIMBRE
from igsed_core.chapters.vocal_percussion.varied import EXAMPLES
from igsed_core.metrics.judging import ABOVE, BELOW, NOT_DECIDED
from igsed_core.show.answers import NOT_DECIDED as NOTHING
from igsed_core.show.cells import NONE, by_key, number
from igsed_core.show.claims import RELATIONS, figure, sample
from igsed_core.show.full_size import made_from

WANTED = 0.05  # how far the best embedding is to be above timbre features
BEST = "syllable"  # of the label sets, in the paper
_SHORT = {when.SALIENCY: "saliency", when.IG: "Integrated Gradients", when.OCCLUSION: "occlusion"}


def accuracy(table: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Say in one sentence which labels are best, how they stand to timbre features, and how the others to syllables.

    Parameters
    ----------
    table, differences
        From :func:`~igsed_core.chapters.vocal_percussion.measure.accuracies` and
        :func:`~igsed_core.chapters.vocal_percussion.measure.differences`.
    """
    rows = by_key(table, ("system",), average="user", classifier=measure.KNN)
    nets = [row for (system,), row in rows.items() if system in LABEL_SETS and not pd.isna(row["value"])]
    if not nets:
        return f"{NOTHING}: no network was measured."
    best = max(nets, key=lambda row: row["value"])
    apart = by_key(differences, ("system", "other"))
    gap = apart.get((best["system"], TIMBRE))
    return (
        f"Of {len(nets)} label sets **{SYSTEMS[best['system']]}** has the highest mean accuracy, {figure(best)} "
        f"({sample(best['n'], 'held-out users')}), {_relation(gap)} timbre features (difference "
        f"{figure(gap)}{_enough(gap)}); {_syllables(apart)}."
    )


def corrected(differences: pd.DataFrame) -> str:
    """Say what flatters the best, and for how many comparisons verdicts are corrected; as for :func:`accuracy`."""
    n = len(by_key(differences, ("system", "other")))
    return (
        "The best is picked by this very figure, which flatters it; verdicts are corrected for all comparisons of a "
        f"run (Holm, {n} here), intervals are not."
    )


def _enough(gap: dict[str, Any] | None) -> str:
    if gap is None or pd.isna(gap["value"]):
        return ""
    return f", its mean {'at least' if gap['value'] >= WANTED else 'less than'} {number(WANTED)}"


def _syllables(apart: dict[tuple[str, ...], dict[str, Any]]) -> str:
    """Say which other label sets are told apart from the paper's best."""
    others = [row for (_, other), row in apart.items() if other == BEST]
    if not others:
        return "syllables, the paper's best, were not compared with other label sets"
    told = [row for row in others if row["verdict"] in (ABOVE, BELOW)]
    words = ", ".join(f"{SYSTEMS[row['system']]} {row['verdict']}: {figure(row)}" for row in told)
    if len(others) == 1:
        said = f"the other label set is {'' if told else 'not '}"
    else:
        said = f"of {len(others)} other label sets {len(told) or 'none'} {'are' if len(told) > 1 else 'is'} "
    return f"{said}told apart from syllables, the paper's best{f' ({words})' if words else ''}"


def importance(differences: pd.DataFrame) -> str:
    """Say whether the maps fall where the sound is made more than energy, chance and shuffled weights do.

    Parameters
    ----------
    differences
        From :func:`~igsed_core.chapters.vocal_percussion.when.differences`.
    """
    by = by_key(differences, ("method", "reference"))
    if all(row["verdict"] == NOT_DECIDED for row in by.values()):
        return (
            "Where in a sound the maps fall is not decided: the truth is not annotated here, or the users are too few."
        )
    parts = []
    for method, short in _SHORT.items():
        said = [
            f"{_relation(by.get((method, reference)))} {words} ({figure(by.get((method, reference)))})"
            for reference, words in {when.ENERGY: "the signal's energy", when.SHUFFLED: "shuffled weights"}.items()
        ]
        parts.append(f"{short} is {' and '.join(said)}")
    return f"By the share of a map that falls inside the sound, {'; '.join(parts)}."


def tendency(networks: pd.DataFrame, full: pd.DataFrame | None = None) -> str:
    """Say whether networks that classify better put more of their importance inside the sound.

    Parameters
    ----------
    networks
        From :func:`~igsed_core.chapters.vocal_percussion.when.networks`.
    full
        The same of the full-size run, where it ships.
    """
    at_full_size = "" if full is None else f" At full size: {_correlations(full)}."
    return (
        "Do networks that classify better also point better? Rank correlation of accuracy with the share inside the "
        f"sound: {_correlations(networks)}.{at_full_size} Networks of one run share sounds and users, and label sets "
        "come in groups, so that these intervals are too narrow, and the correlations at most a tendency."
    )


def _correlations(networks: pd.DataFrame) -> str:
    parts = []
    for method, words in when.METHODS.items():
        rho, low, high, n = when.agreement(networks, method)
        said = NONE if math.isnan(rho) else figure({"value": rho, "ci_low": low, "ci_high": high})
        parts.append(f"{said} for {words} ({n} networks)")
    return "; ".join(parts)


def habits(each: pd.DataFrame, users: pd.DataFrame) -> str:
    """Say how consistent and erratic users differ; empty where it is not known which is which.

    Parameters
    ----------
    each
        ``system, user, value`` of nearest neighbours.
    users
        Of the bank.
    """
    if "consistent" not in users:
        return ""
    known = each[each["system"].isin(list(LABEL_SETS))].merge(users[["user", "consistent"]], on="user")
    means = known.groupby("consistent")["value"].mean()
    counts = known.groupby("consistent")["user"].nunique()
    if len(means) < 2:
        return ""
    return (
        f"Over all label sets the mean accuracy is {number(means[True])} for {counts[True]} consistent users and "
        f"{number(means[False])} for {counts[False]} erratic ones, who often say something else than in their examples."
    )


def stopping(table: pd.DataFrame) -> str:
    """Say what held-back copies do to the loss that stops the training; empty where there are none.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.audit.stopping`.
    """
    by = by_key(table, ("variant",))
    mine, theirs = by.get((AS_IS,)), by.get((ON_COPIES,))
    if mine is None or theirs is None:
        return ""
    lower = theirs["validation_loss"] < mine["validation_loss"]
    return (
        f"Held-back copies of sounds that are trained on give a lowest validation loss of "
        f"{number(theirs['validation_loss'], 3)}, sounds that are not {number(mine['validation_loss'], 3)} (means of "
        f"{int(theirs['networks'])}): " + ("the copies flatter it." if lower else "here the copies do not flatter it.")
    )


def at_full_size(varied: pd.DataFrame | None) -> str:
    """Head the figure of the full-size run; empty where it does not ship.

    Parameters
    ----------
    varied
        Its table of accuracy against examples and noise.
    """
    if varied is None:
        return ""
    most = varied.loc[varied["varied"] == EXAMPLES, "at"].max()
    return f"The same at full size, where a user's takes have at least {most:g} examples of each instrument:"


def shipped_run(record: Mapping[str, Any] | None) -> str:
    """Say what the full-size run is from: parameters, commit, time, machine; or that it does not ship.

    Parameters
    ----------
    record
        From :meth:`igsed_core.base.shipped.Shipped.record`.
    """
    return made_from(record, "vocal_percussion", _size)


def _size(record: Mapping[str, Any]) -> str:
    figures = record["figures"]
    return (
        f"{figures['users']} users, {figures['held_out']} of them held out, {figures['sounds']} sounds, "
        f"{figures['networks']} networks (the audit's included) of at most {record['params']['vocal_epochs']} epochs"
    )


def _relation(row: dict[str, Any] | None) -> str:
    return RELATIONS[NOT_DECIDED if row is None else row["verdict"]]
