"""The box at the head of each page: its answer with number, interval, n and limit, by rule from the run's tables."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from igsed_core.chapters.seeds.tables import most_moved
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.metrics.summaries import ALL
from igsed_core.show import findings, localiser_words, prose
from igsed_core.show.answers import NOT_DECIDED, Answer, Found, Rule
from igsed_core.show.cells import by_key, number
from igsed_core.show.claims import FEW, Row, figure, sample
from igsed_core.show.style import family, name


def answer(stage: str, found: Found) -> Answer | None:
    """Return a page's answer; none where no rule for it is known.

    A chapter brings its own rule: a function ``answer(found)`` in ``igsed_core/chapters/<stage>/in_short.py``.

    Parameters
    ----------
    stage
        Name of the stage.
    found
        What the run found.
    """
    rule = RULES.get(stage) or _of_chapter(stage)
    return rule(found) if rule else None


def box(stage: str, found: Found) -> str:
    """Return the box of a page, as MyST Markdown; empty where there is no answer."""
    said = answer(stage, found)
    if said is None:
        return ""
    rule = RULES.get(stage) or _of_chapter(stage)
    code = f"{rule.__module__}.{rule.__name__}" if rule else ""
    links = [f"{{download}}`{table}.csv <data/{table}.csv>`" for table in said.tables]
    links.append(f"{{py:func}}`{code.removeprefix('igsed_core.')} <{code}>`")
    return f":::{{admonition}} In short\n:class: igsed-short\n{said.text}\n\n*From* {', '.join(links)}\n:::"


def _of_chapter(stage: str) -> Rule | None:
    place = f"igsed_core.chapters.{stage}"
    if importlib.util.find_spec(place) is None or importlib.util.find_spec(f"{place}.in_short") is None:
        return None
    rule: Rule = importlib.import_module(f"{place}.in_short").answer
    return rule


def data_synthesis(found: Found) -> Answer:
    """How many soundscapes of how many classes were mixed."""
    clips, events = found.tables["clips"], found.tables["events"]
    count = clips["split"].value_counts()
    words = {"train": "training", "validation": "validation", "test": "test"}
    splits = ", ".join(f"{int(count[split])} for {word}" for split, word in words.items() if split in count)
    per_clip = len(events) / max(len(clips), 1)
    return Answer(
        f"Isolated sounds of {events['label'].nunique()} classes were mixed into {len(clips)} soundscapes ({splits}) "
        f"with {number(per_clip, 1)} events each on average, so that every onset and offset is known. The labels are "
        "the extents of the files: a pause within a file counts as sound.",
        ("clips", "events"),
    )


def training(found: Found) -> Answer:
    """How well the clip-level classifier knows which classes sound."""
    where = {"split": "test", "class": ALL, "average": "class", "method": "clip_level"}
    rows = by_key(found.tables["classification"], ("metric",), **where)
    f1, recall = rows.get(("f1",)), rows.get(("recall",))
    return Answer(
        f"On the test split the clip-level classifier's F1 is {figure(f1)} and its recall {figure(recall)}, means over "
        f"{round(f1['n']) if f1 else 0} classes. What it misses is not judged in time on later pages.",
        ("classification",),
    )


def integrated_gradients(found: Found) -> Answer:
    """How far the attributions' sum is from what it must be."""
    errors = found.tables["maps"]["completeness_error"].dropna()
    if errors.empty:
        return Answer(f"{NOT_DECIDED}: there is no map.", ("maps",))
    low, middle, high = (number(errors.quantile(q), 3) for q in (0.25, 0.5, 0.75))
    return Answer(
        f"The attributions of a map must sum to the change of the class score. They miss it by a share of {middle} "
        f"(median {sample(len(errors), 'maps')}; half of the maps lie between {low} and {high}). That says how exact "
        "the integral is, not that a map falls on the sound.",
        ("maps",),
    )


def baselines(found: Found) -> Answer:
    """What scores that know no class reach."""
    rows = _detection(found, "iou")
    energy, random = rows.get("energy"), rows.get("random")
    return Answer(
        f"Random scores reach an IoU of {figure(random)} and the signal's energy {figure(energy)}, though neither "
        f"knows a class ({sample(random['n'] if random else 0)}, each at the percentile chosen on validation). A "
        "method that finds a class in time must do better than both.",
        ("detection",),
    )


def threshold_sensitivity(found: Found) -> Answer:
    """What the percentile costs any score."""
    ours = _detection(found, "iou").get("ig")
    where = {"split": "test", "metric": "iou", "average": "instance", "method": "oracle"}
    perfect = found.tables["curves"]
    for column, value in where.items():
        perfect = perfect[perfect[column] == value]
    rows = [
        {str(key): value for key, value in row.items()} for row in perfect.to_dict("records") if pd.notna(row["value"])
    ]
    top = max(rows, key=lambda row: row["value"], default=None)
    tau = f" ({ours['threshold']:g})" if ours is not None else ""
    limit = f"not even a perfect ranking gets beyond {figure(top)}, at {top['threshold']:g}" if top else NOT_DECIDED
    return Answer(
        f"At the percentile chosen on validation{tau} IG's IoU is {figure(ours)}, "
        f"{sample(ours['n'] if ours else 0)}. The rule itself sets a limit: {limit}, because a percentile marks the "
        "same share of every clip, however long the sound is.",
        ("curves", "detection"),
    )


def results(found: Found) -> Answer:
    """How IG stands to every other method."""
    said = prose.sentences(dict(found.tables), margin=found.margin)
    # Whom a reader would beat first stands first, chance last.
    others = {"energy": "the signal's energy", "fw_ws": "FW-WS", "fw_ss": "FW-SS", "random": "random scores"}
    parts = [
        f"{said[f'ig_iou_to_{other}']} {words} (difference {said[f'ig_iou_less_{other}']})"
        for other, words in others.items()
    ]
    return Answer(
        f"IG's IoU is {said['ig_iou']}, {said['from_instances']}: {', '.join(parts[:-1])}, and {parts[-1]}. Only what "
        "the classifier detects is judged, under the paper's percentile; intervals of differences draw clips and "
        "source files anew.",
        ("detection", "differences_two_way"),
    )


def threshold_rules(found: Found) -> Answer:
    """What the best rule without a parameter gives IG."""
    best = str(found.figures.get("threshold_rules", {}).get("best_parameter_free", ""))
    title = thresholds.RULES[best].title if best in thresholds.RULES else best
    tables = ("rules", "rules_gain", "rules_gain_two_way")
    rules, gains, two_way = (found.tables[name] for name in tables)
    return Answer(
        findings.rule_gain(rules, gains, two_way, best, title, margin=found.margin)
        + " The rule was picked by IoU on validation, which needs time labels.",
        tables,
    )


def methods(found: Found) -> Answer:
    """Whether costlier explanations tell better when, and where the highest and the lowest IoU lie."""
    table, cost = found.tables["methods"], found.tables["methods_cost"]
    ends = methods_ends(table)
    said = findings.cost_and_quality(table, cost, findings.PAPER)
    return Answer(f"{ends} {said}".strip(), ("methods", "methods_cost"))


def methods_ends(table: pd.DataFrame) -> str:
    """Say where IG stands between the highest and the lowest IoU of all explanations; empty where there is none.

    Parameters
    ----------
    table
        The tidy table ``methods.csv``.
    """
    where = {"split": "test", "rule": findings.PAPER, "metric": "iou", "average": "instance", "class": ALL}
    by_method = {method: row for (method,), row in by_key(table, ("method",), **where).items()}
    rows = [
        row
        for method, row in by_method.items()
        if pd.notna(row["value"]) and (method == "ig" or family(method))  # references explain nothing
    ]
    if not rows:
        return ""
    low, high = (pick(rows, key=lambda row: row["value"]) for pick in (min, max))
    ig = by_method.get("ig")
    higher = sum(row["value"] > ig["value"] for row in rows) if ig is not None and pd.notna(ig["value"]) else None
    ours = "" if higher is None else f"; IG has {figure(ig)}, and {higher or 'none'} of {len(rows) - 1} others more"
    return (
        f"Of {len(rows)} explanations {name(high['method'])} has the highest IoU under the paper's percentile, "
        f"{figure(high)}, and {name(low['method'])} the lowest, {figure(low)}{ours} ({sample(high['n'])}). "
        f"{_beside_ignorance(rows, by_method)}"
    )


def _beside_ignorance(rows: Sequence[Row], by_method: Mapping[str, Row]) -> str:
    """Say what energy and random scores reach, how many explanations have more, and how firm the order is."""
    energy, random = (
        row if row is not None and pd.notna(row["value"]) else None for row in map(by_method.get, ("energy", "random"))
    )
    said: list[str] = []
    if energy is not None:
        higher = sum(row["value"] > energy["value"] for row in rows)
        said.append(
            f"the signal's energy, which knows no class, reaches {figure(energy)}, and the means of {higher or 'none'} "
            f"of {len(rows)} are higher"
        )
    if random is not None:
        apart = sum(row["ci_low"] > random["ci_high"] for row in rows)
        said.append(
            f"random scores reach {figure(random)}, and the intervals of {apart} of {len(rows)} lie above theirs"
        )
    said.append("the ends of this order were picked on these clips, and neighbours in it overlap.")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}"


def faithfulness(found: Found) -> Answer:
    """Whether maps depend on the weights, and whether hiding helps."""
    checked = findings.shuffled(found.tables["faithfulness_sanity"], found.tables["detection"], margin=found.margin)
    hidden = findings.hiding(found.tables["faithfulness_occlusion"], margin=found.margin)
    return Answer(f"{checked} {hidden}", ("faithfulness_sanity", "faithfulness_occlusion"))


def localiser(found: Found) -> Answer:
    """How the localiser stands to the framewise detectors."""
    tables = ("localiser", "localiser_differences", "localiser_differences_two_way")
    return Answer(
        localiser_words.answer(*(found.tables[name] for name in tables), margin=found.margin)
        + " An encoder pretrained with the head's own pooling favours the activation map that the localiser reads.",
        tables,
    )


FEWER = 10  # instances: what rests on less is left out of a box where the rest says enough


def conditions(found: Found) -> Answer:
    """What the level of the events does to IG."""
    where = {"condition": "snr", "method": "ig", "metric": "iou", "average": "instance", "rule": findings.PAPER}
    rows = sorted(by_key(found.tables["conditions"], ("level",), **where).items(), key=lambda item: float(item[0][0]))
    if len(rows) < 2:
        return Answer(f"{NOT_DECIDED}: fewer than two levels were tried.", ("conditions",))
    known = [one for one in rows if pd.notna(one[1]["n"])]
    least, shown = next(
        ((few, some) for few in (FEW, FEWER) if len(some := [one for one in known if one[1]["n"] >= few]) > 1),
        (0, rows),
    )
    ends = [
        f"{figure(row)} with events {_level(level)} above the background ({sample(row['n'])})"
        for (level,), row in (shown[0], shown[-1])
    ]
    left = [f"{_level(level)} ({sample(row['n'])})" for (level,), row in rows if (level,) not in dict(shown)]
    less = f" Levels with fewer than {least} instances are left out here: {', '.join(left)}." if left else ""
    return Answer(
        f"IG's IoU is {ends[0]} and {ends[1]}.{less} The soundscapes are the same, but what is judged is what is "
        "detected at each level, so that this is no paired difference; one thing is varied at a time.",
        ("conditions",),
    )


def _level(decibels: str) -> str:
    return f"{decibels.replace('-', chr(0x2212))} dB"


def engine(found: Found) -> Answer:
    """From how many points on the integral is exact enough."""
    quadrature = str(found.params.get("integrated_gradients", {}).get("quadrature", "db_adaptive"))
    study = found.tables["engine_study"]
    for column, value in (("target", "logit"), ("precision", "float32")):
        if column in study:
            study = study[study[column] == value]
    return Answer(
        f"With the rule `{quadrature}`: {_lower(findings.enough_points(study, quadrature, margin=found.margin))}",
        ("engine_study",),
    )


def seeds(found: Found) -> Answer:
    """How much another training or other data move IG's IoU."""
    where = {"split": "test", "metric": "iou", "average": "instance", "method": "ig"}
    rows = by_key(found.tables["seeds_spread"], ("varied",), **where)
    words = {"training": "the head is trained anew", "data": "soundscapes are mixed anew from the same sounds"}
    parts = [
        f"where {words[varied]} it has a mean of {number(row['value'])} and a standard deviation of "
        f"{number(row['std'], 3)} ({sample(row['n'], 'seeds')})"
        for varied in words
        if (row := rows.get((varied,)))
    ]
    if not parts:
        return Answer(f"{NOT_DECIDED}: there is one seed.", ("seeds_spread",))
    sentences = (
        f"IG's IoU moves with the seed: {', and '.join(parts)}.",
        most_moved(found.tables["seeds_spread"]),
        "So few seeds say roughly how large the spread is, no more.",
    )
    return Answer(" ".join(filter(None, sentences)), ("seeds_spread",))


def audit(found: Found) -> Answer:
    """How many of the paper's open points were decided."""
    verdicts = found.tables["audit_verdicts"]
    count = {how: int((verdicts["decided"] == how).sum()) or "none" for how in ("yes", "in part", "no")}
    known = verdicts.sort_values("decided", key=lambda how: how != "yes", kind="stable").query("decided != 'no'")
    first = [f"*{row['question']}* {row['answer']}" for row in known.head(2).to_dict("records") if row.get("answer")]
    return Answer(
        f"Of {len(verdicts)} points that the paper leaves open, this run decides {count['yes']}, {count['in part']} in "
        f"part, and {count['no']} not at all.{''.join(f' {said}' for said in first)} A run with other sounds can say "
        "which reading is compatible with the paper's figures, not which one its authors used.",
        ("audit_verdicts",),
    )


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        *(data_synthesis, training, integrated_gradients, baselines, threshold_sensitivity, results),
        *(threshold_rules, methods, faithfulness, localiser, conditions, engine, seeds, audit),
    )
}


def _detection(found: Found, metric: str) -> dict[str, dict[str, Any]]:
    """Test rows of each method, over instances."""
    rows = by_key(found.tables["detection"], ("method",), split="test", average="instance", metric=metric)
    return {method: row for (method,), row in rows.items()}


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
