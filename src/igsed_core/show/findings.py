"""Answers in words, made from a page's own tables by rule, so that no run can contradict its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from igsed_core import paper
from igsed_core.detection.scored import IG, LEARNED
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED, judge
from igsed_core.metrics.summaries import ALL
from igsed_core.show.cells import by_key, number
from igsed_core.show.claims import FEW, MARGIN, RELATIONS, Row, against, figure, sample, surviving, verdict_on
from igsed_core.show.style import METRICS, class_name, name

PAPER = "percentile"
ENERGY = "energy"
SHUFFLED = "all"  # level of the cascade at which every weight is shuffled
CORRELATION = 0.3  # a weaker rank correlation is not named
KNOW_LABELS = ("loss_gradient", "harmful")  # orders of hiding that need the true labels


def say(text: str) -> None:
    """Display a sentence as a paragraph of the page; nothing if it is empty."""
    from IPython.display import Markdown, display

    if text:
        display(Markdown(text))


def rule_gain(
    rules: pd.DataFrame,
    gains: pd.DataFrame,
    two_way: pd.DataFrame,
    rule: str,
    title: str,
    *,
    split: str = "test",
    margin: float = MARGIN,
) -> str:
    """Say what a threshold rule gives Integrated Gradients, beside the paper's percentile.

    The verdict is by the interval over clips and source files; that over clips alone stands behind it, with whether the
    gain survives the correction for all that the table compares.

    Parameters
    ----------
    rules, gains, two_way
        The tidy tables ``rules.csv``, ``rules_gain.csv`` and ``rules_gain_two_way.csv``.
    rule, title
        A rule without a parameter that was chosen on validation.
    split, margin
        Which rows; the smallest gain worth naming.
    """
    where = {"split": split, "metric": "iou", "average": "instance", "method": "ig"}
    values = by_key(rules, ("rule",), **where)
    clips, wide = (by_key(table, ("rule",), **where).get((rule,)) for table in (gains, two_way))
    mine, theirs = values.get((rule,)), values.get((PAPER,))
    alone = ", ".join(filter(None, (f"over clips alone {figure(clips)}", surviving(clips))))
    return (
        f"Under the rule '{title}' (without a parameter, chosen on validation) IG's IoU is {figure(mine)}, "
        f"{RELATIONS[verdict_on(wide, margin=margin)]} the {figure(theirs)} under the paper's percentile: a difference "
        f"of {figure(wide)}, clips and source files drawn anew ({alone}), {sample(wide['n'] if wide else 0)}."
    )


def runner_up(rules: pd.DataFrame, free: Mapping[str, str]) -> str:
    """Say how narrowly the best of the rules without a parameter was chosen on validation.

    Parameters
    ----------
    rules
        The tidy table ``rules.csv``.
    free
        Name -> title of the rules without a parameter.
    """
    rows = by_key(rules, ("rule", "method"), split="validation", metric="iou", average="instance")
    means = {
        rule: float(np.mean([rows[rule, method]["value"] for method in LEARNED]))
        for rule in free
        if all((rule, method) in rows for method in LEARNED)
    }
    order = sorted((rule for rule in means if not np.isnan(means[rule])), key=lambda rule: -means[rule])
    if len(order) < 2:
        return ""
    first, second = order[:2]
    n = rows[first, LEARNED[0]]["n"]
    return (
        f"On validation '{free[first]}' has a mean IoU of {number(means[first], 4)} over IG, FW-WS and FW-SS, "
        f"'{free[second]}' {number(means[second], 4)} ({sample(n)}): another draw of the sounds may choose another."
    )


def energy_and_ig(rules: pd.DataFrame, *, split: str = "test") -> str:
    """Say under how many rules the signal's energy has a higher mean IoU than Integrated Gradients.

    Parameters
    ----------
    rules
        The tidy table ``rules.csv``.
    split
        Which rows.
    """
    rows = by_key(rules, ("rule", "method"), split=split, metric="iou", average="instance")
    apart = [
        row["value"] - rows[rule, IG]["value"]
        for (rule, method), row in rows.items()
        if method == ENERGY and (rule, IG) in rows
    ]
    known = [value for value in apart if not np.isnan(value)]
    if not known:
        return ""
    higher = sum(value > 0 for value in known)
    return (
        f"The mean IoU of the signal's energy, which knows no class, is above IG's under {higher} of the {len(known)} "
        f"rules that apply to both (energy minus IG from {number(min(known), 3)} to {number(max(known), 3)}; means "
        "alone, without a verdict)."
    )


def shuffled(checked: pd.DataFrame, detection: pd.DataFrame, *, method: str = "ig", margin: float = MARGIN) -> str:
    """Say what a method's maps still find when every weight of the classifier is shuffled.

    Parameters
    ----------
    checked
        The tidy table ``faithfulness_sanity.csv``.
    detection
        The tidy table ``detection.csv``: its random scores stand for chance where a run made before 2026-11-29 lacks
        the exact value.
    method
        Whose maps.
    margin
        Smallest distance from chance worth naming.
    """
    rows = by_key(checked, ("metric",), method=method, rule=SHUFFLED, average="instance")
    hits, alike = rows.get(("pointing_game",)), rows.get(("rank_correlation",))
    without = rows.get(("partial_correlation",))
    shuffles = int(hits.get("shuffles") or 1) if hits else 1
    if hits is None or alike is None:
        return f"In this run {name(method)} was not tested with shuffled weights."
    return (
        f"With every weight shuffled the highest score of {name(method)} falls on the sound in a share of "
        f"{figure(hits)} of the instances, {_beside_chance(hits, rows.get(('beyond_chance',)), detection, margin)}; "
        f"the rank correlation with the map of the trained classifier is {figure(alike)}, {figure(without)} with "
        f"energy partialled out ({sample(hits['n'])}, {shuffles} {'shuffle' if shuffles == 1 else 'shuffles'})."
    )


def _beside_chance(hits: Row, beyond: Row | None, detection: pd.DataFrame, margin: float) -> str:
    """Say how a pointing game stands to chance: the exact one of its instances, or a draw where a run lacks that."""
    if beyond is not None:
        return (
            f"{RELATIONS[verdict_on(beyond, margin=margin)]} chance ({number(hits['value'] - beyond['value'])}, the "
            f"share of their frames in which the class sounds; difference {figure(beyond)})"
        )
    where = {"split": "test", "method": "random", "average": "instance", "metric": "pointing_game"}
    random = by_key(detection, ("metric",), **where).get(("pointing_game",))
    if random is None:
        return "of which this run knows no chance"
    said = against(hits, float(random["value"]), margin=margin)
    return (
        f"{RELATIONS[said]} chance ({number(random['value'])}, one draw of random scores on the whole test split, "
        "whose own uncertainty the verdict leaves out)"
    )


def energy_beside_paper(detection: pd.DataFrame, further: pd.DataFrame, *, split: str = "test") -> str:
    """Say what the signal's energy has here and in the paper, and what chance is in both.

    Parameters
    ----------
    detection, further
        The tidy tables ``detection.csv`` and ``further.csv``.
    split
        Which rows.
    """
    where = {"split": split, "average": "instance"}
    ours = by_key(detection, ("metric",), method=ENERGY, **where)
    chance = by_key(further, ("metric",), method="random", **where).get(("chance",))
    theirs = paper.detection().set_index("method")
    iou, hits = ours.get(("iou",)), ours.get(("pointing_game",))
    return (
        f"Energy has an IoU of {figure(iou)} here and {number(theirs.loc[ENERGY, 'iou'])} in the paper; its loudest "
        f"frame falls on the sound in a share of {figure(hits)} of the instances "
        f"({sample(hits['n'] if hits else 0)}; by chance {figure(chance)}), in the paper in "
        f"{number(theirs.loc[ENERGY, 'pointing_game'])} (random scores "
        f"{number(theirs.loc['random', 'pointing_game'])})."
    )


def hiding(changes: pd.DataFrame, *, margin: float = MARGIN) -> str:
    """Say whether hiding parts of the clips improves the classifier, with and without knowing the labels.

    Parameters
    ----------
    changes
        The tidy table ``faithfulness_occlusion.csv``.
    margin
        Smallest change of macro F1 worth naming.
    """
    hidden = changes[changes["rule"] != "none"]
    rows = hidden[hidden["metric"] == "f1_change"].to_dict("records")
    told = [({str(key): value for key, value in row.items()}, row["method"] in KNOW_LABELS) for row in rows]
    # Macro F1 is a mean over classes, and its n counts them; the loss has one value for each clip.
    clips = hidden.loc[hidden["metric"] == "loss_change", "n"].min()
    parts = []
    for knows, who in ((False, "Orders that do not know the labels"), (True, "Orders that know the labels")):
        mine = [row for row, it_does in told if it_does == knows]
        if mine:
            parts.append(_conditions(who, mine, sample(clips, "clips"), margin))
    return " ".join(parts) or "In this run nothing was hidden."


def _conditions(who: str, rows: list[dict[str, Any]], few: str, margin: float) -> str:
    said = [verdict_on(row, margin=margin) for row in rows]
    better = [row for row, verdict in zip(rows, said, strict=True) if verdict == ABOVE]
    if better:
        best = max(better, key=lambda row: row["value"])
        return (
            f"{who} improve macro F1 by {number(margin)} or more in {len(better)} of {len(rows)} conditions, "
            f"at most by {figure(best)} (the best of many on the same clips, {few})."
        )
    if all(verdict == NOT_DECIDED for verdict in said):
        return f"{who}: this run does not decide whether hiding helps ({few})."
    none = f"{who} improve macro F1 by {number(margin)} or more in none of {len(rows)} conditions"
    if all(verdict in (LEVEL, BELOW) for verdict in said):
        return f"{none}: hiding does not help ({few})."
    return f"{none}; where the interval reaches beyond {number(margin)} that is not ruled out ({few})."


def enough_points(study: pd.DataFrame, quadrature: str, *, margin: float = MARGIN) -> str:
    """Say from how many points on the IoU of a rule's maps stays near that of the reference.

    Parameters
    ----------
    study
        From :func:`igsed_core.chapters.engine.study.compare`.
    quadrature
        The rule.
    margin
        How far mean IoU may be from the reference's.
    """
    mine = study[(study["engine"] == "mel_path") & study["iou"].notna()]
    reference = mine[mine["quadrature"] == "reference"]["iou"]
    means = mine[mine["quadrature"] == quadrature].groupby("n_steps")["iou"].mean().sort_index()
    few = sample(len(reference), "maps")
    if reference.empty or means.empty or len(reference) < 2:
        return f"This run does not decide how many points are enough ({few})."
    aim = float(reference.mean())
    near = (means - aim).abs() <= margin
    last_far = int(np.flatnonzero(~near.to_numpy())[-1]) + 1 if not near.all() else 0
    rest = means.iloc[last_far:]
    if rest.empty:
        return (
            f"With {means.index[-1]} points, the most that were tried, IoU is {number(means.iloc[-1], 3)}, "
            f"farther than {number(margin)} from the reference's {number(aim, 3)}: results depend on the quadrature "
            f"({few})."
        )
    return (
        f"From {rest.index[0]} points on IoU stays within {number(rest.min(), 3)} and {number(rest.max(), 3)}, "
        f"no farther than {number(margin)} from the reference's {number(aim, 3)} ({few})."
    )


def cost_and_quality(table: pd.DataFrame, cost: pd.DataFrame, rule: str, *, split: str = "test") -> str:
    """Say whether methods that take longer have a better IoU.

    Parameters
    ----------
    table, cost
        The tidy tables ``methods.csv`` and ``methods_cost.csv``.
    rule
        Under which IoU is taken.
    split
        Which rows.
    """
    where = {"average": "instance", "class": ALL}
    iou = by_key(table, ("method",), **{"split": split, "rule": rule, "metric": "iou", **where})
    seconds = by_key(cost, ("method",), **where)
    both = [key for key in iou if key in seconds]
    pairs = np.array([(iou[key]["value"], seconds[key]["value"]) for key in both], dtype=float).reshape(-1, 2)
    pairs = pairs[~np.isnan(pairs).any(axis=1)]
    few = sample(len(pairs), "methods")
    if len(pairs) < 4 or (np.ptp(pairs, axis=0) == 0).any():
        return f"This run does not decide whether costlier maps are better ({few})."
    found = float(spearmanr(*pairs.T).statistic)
    # Fisher's transformation; its variance for ranks is 1.06 / (n - 3) (Fieller, Hartley and Pearson 1957).
    half = 1.96 * float(np.sqrt(1.06 / (len(pairs) - 3)))
    low, high = (float(np.tanh(np.arctanh(np.clip(found, -0.999, 0.999)) + sign * half)) for sign in (-1, 1))
    said = judge(found, low, high, len(pairs), margin=CORRELATION)
    words = {
        ABOVE: "Methods that take longer tend to have the higher IoU",
        BELOW: "Methods that take longer tend to have the lower IoU",
    }
    row = {"value": found, "ci_low": low, "ci_high": high}
    return (
        f"{words.get(said, 'More seconds per map are not shown to make better maps')}: the rank correlation between "
        f"seconds and IoU is {figure(row)} ({few}; it describes these methods, several of which are kin)."
    )


def untuned(chosen: Mapping[str, Mapping[str, float]], lowest: float) -> str:
    """Name the methods whose best percentile is the lowest that was tried, so that nothing was tuned.

    Parameters
    ----------
    chosen
        Method -> metric -> percentile chosen on validation.
    lowest
        Lowest percentile that was tried.
    """
    at = {method: [METRICS[metric] for metric, tau in of.items() if tau <= lowest] for method, of in chosen.items()}
    found = [f"{name(method)} ({', '.join(metrics)})" for method, metrics in at.items() if metrics]
    if not found:
        return f"No method's best percentile is the lowest that was tried ({lowest:g})."
    return (
        f"At the lowest percentile that was tried ({lowest:g}) nearly every frame is marked. It is the best "
        f"on validation for {'; '.join(found)}: that is no threshold that was tuned, but the answer that the class "
        "sounds all the time."
    )


def detected(instances: pd.DataFrame, *, split: str = "test") -> str:
    """Say how many present pairs the classifier detects, and of which class the fewest: only these are judged in time.

    Parameters
    ----------
    instances
        The tidy table ``instances.csv``.
    split
        Which rows.
    """
    rows = instances[(instances["split"] == split) & (instances["present"] > 0)]
    if rows.empty:
        return "no class is present, so that nothing is judged"
    found, there = int(rows["evaluated"].sum()), int(rows["present"].sum())
    share = (rows["evaluated"] / rows["present"]).to_numpy()
    least = rows.to_dict("records")[int(share.argmin())]
    return (
        f"{found} of {there} present pairs are detected (recall {number(found / there)}); of "
        f"{class_name(str(least['class']))} the smallest share, {int(least['evaluated'])} of {int(least['present'])} "
        f"({number(share.min())})"
    )


__all__ = [
    "FEW",
    "MARGIN",
    "cost_and_quality",
    "detected",
    "energy_and_ig",
    "energy_beside_paper",
    "enough_points",
    "hiding",
    "rule_gain",
    "runner_up",
    "say",
    "shuffled",
    "untuned",
]
