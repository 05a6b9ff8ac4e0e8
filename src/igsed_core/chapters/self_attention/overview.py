"""What the page says in words, by rule from its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from igsed_core.chapters.self_attention import attended, audit, main_experiment
from igsed_core.chapters.self_attention.measure import EVEN, EVENT_F, SEGMENT_F, TUNED
from igsed_core.chapters.self_attention.params import RECIPE, URBAN_SED
from igsed_core.chapters.self_attention.systems import CRNN, DROPPED, FIRST, HEADS, SCRAMBLED
from igsed_core.metrics.judging import ABOVE, BELOW, NOT_DECIDED
from igsed_core.show.answers import NOT_DECIDED as NOTHING
from igsed_core.show.cells import by_key, number, records
from igsed_core.show.claims import RELATIONS, figure, sample, verdict_on
from igsed_core.show.full_size import made_from

CORRECTED = (
    "The highest is picked by this very figure; verdicts are corrected for all comparisons (Holm), intervals are not, "
    "and neither says anything of the luck of training."
)
WANTED = 0.5  # segment-based F of the CRNN


def memory(table: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Say in one sentence how far attention is above the CRNN without it, by which width, and what an average does.

    Parameters
    ----------
    table, differences
        From :func:`~igsed_core.chapters.self_attention.measure.summary` and
        :func:`~igsed_core.chapters.self_attention.measure.differences`.
    """
    rows = by_key(table, ("system",), rule=TUNED, metric=EVENT_F)
    none = rows.get((CRNN,))
    found = {system: row for (system,), row in rows.items() if system.startswith("width_") and pd.notna(row["value"])}
    if none is None or pd.isna(none["value"]) or not found:
        return f"{NOTHING}: no network with attention was measured."
    apart = by_key(differences, ("system",), rule=TUNED, other=CRNN, other_rule=TUNED, metric=EVENT_F)
    best = max(found, key=lambda system: found[system]["value"])
    gap = apart.get((best,))
    told = [row["verdict"] for (name,), row in apart.items() if name in found]
    return (
        f"Without attention the CRNN reaches an event-based F of {figure(none)} ({sample(none['n'], 'test clips')}); "
        f"of {len(found)} widths of attention {best.rpartition('_')[2]} s has the highest, {figure(found[best])}, "
        f"{RELATIONS[NOT_DECIDED if gap is None else gap['verdict']]} that (difference {figure(gap)}), and "
        f"{_above_and_below(told.count(ABOVE), told.count(BELOW))}{_beside_average(differences)}."
    )


def _above_and_below(above: int, below: int) -> str:
    if not above and not below:
        return "none is above or below it"
    return f"{above or 'none'} {_is(above)} above it, {below or 'none'} {_is(below)} below"


def _beside_average(differences: pd.DataFrame) -> str:
    for (system, other), row in by_key(differences, ("system", "other"), rule=TUNED, metric=EVENT_F).items():
        if other.startswith("average_"):
            return (
                f"; attention over {system.rpartition('_')[2]} s is {RELATIONS[row['verdict']]} a moving average over "
                f"the same window ({figure(row)})"
            )
    return ""


def _is(n: int) -> str:
    return "are" if n > 1 else "is"


def average(differences: pd.DataFrame) -> str:
    """Say how attention stands to a moving average over the same window; empty where there is none.

    Parameters
    ----------
    differences
        From :func:`~igsed_core.chapters.self_attention.measure.differences`.
    """
    for (system, other), row in by_key(differences, ("system", "other"), rule=TUNED, metric=EVENT_F).items():
        if other.startswith("average_"):
            return (
                f"Attention over {system.rpartition('_')[2]} s is {RELATIONS[row['verdict']]} a moving average over "
                f"the same window, which learns nothing (event-based F {figure(row)}, "
                f"{sample(row['n'], 'test clips')})."
            )
    return ""


def smoothing(differences: pd.DataFrame) -> str:
    """Say whether attention without tuning beats a tuned level and median filter without attention.

    Parameters
    ----------
    differences
        From :func:`~igsed_core.chapters.self_attention.measure.differences`.
    """
    rows = by_key(differences, ("system",), rule=EVEN, other=CRNN, other_rule=TUNED, metric=EVENT_F)
    if not rows:
        return ""
    said = [f"{_window(name)} {RELATIONS[row['verdict']]} it, {figure(row)}" for (name,), row in rows.items()]
    if len(rows) > 1 and len({round(float(row["value"]), 6) for row in rows.values()}) == 1:
        return (
            "At a threshold of one half all networks with attention have the same event-based F, as they do where "
            "nothing passes it: this run says nothing of attention in the place of a filter."
        )
    return (
        "Attention smooths, and so does a median filter. Event-based F of attention at a threshold of one half, beside "
        f"the CRNN without attention whose threshold and filter are tuned: {'; '.join(said)}."
    )


def undecided(differences: pd.DataFrame) -> str:
    """Say how many comparisons are not decided, and why; empty where all are.

    Parameters
    ----------
    differences
        From :func:`~igsed_core.chapters.self_attention.measure.differences`.
    """
    left = differences[differences["verdict"] == NOT_DECIDED]
    if left.empty:
        return ""
    same = int((left["value"] == 0).sum())
    idle = int((left["rule"] == EVEN).sum())
    why = {
        "both networks have the same figure whichever clips are drawn, so that there is no interval": same,
        "one of the figures is not defined": len(left) - same,
    }
    reasons = "; ".join(f"in {count} {words}" for words, count in why.items() if count)
    return (
        f"{len(left)} of {len(differences)} comparisons are not decided: {reasons}. "
        f"{idle or 'None'} of them are of networks that are not tuned, where no probability may pass one half and "
        "nothing is detected."
    )


_WRITTEN_OUT = {
    "plain": "scores all pairs of a clip",
    "gathered": "copies every frame's window together",
}


def step_cost(table: pd.DataFrame) -> str:
    """Say how a training step, and the memory of its attention, stand to the same network in plain modules.

    Parameters
    ----------
    table
        From :func:`igsed_core.chapters.self_attention.cost.measured`.
    """
    sizes, widths = table["case"].nunique(), table["width_s"].nunique()
    ratios = []
    for name, words in _WRITTEN_OUT.items():
        ratio = table[f"{name}_over_windowed"].dropna()
        ends = " to ".join(number(one, 1) for one in (ratio.min(), ratio.max()))
        ratios.append(f"{ends} times as long where it {words} (n = {len(ratio)})")
    longest = max(records(table), key=lambda row: float(row["plain_peak_mib"]))
    mine = table[table["case"] == longest["case"]]
    held = " to ".join(number(one, 1) for one in (mine["windowed_peak_mib"].min(), mine["windowed_peak_mib"].max()))
    return (
        "A training step of the same network in plain PyTorch modules, with attention written out, takes "
        f"{' and '.join(ratios)}: medians in one process, on one thread, of {sizes} sizes of network and {widths} "
        "windows; where windows would not fit in memory they were not copied. Attention allocates "
        f"{held} MiB at once for {int(longest['batch'])} clips of {int(longest['frames'])} frames, by its window, and "
        f"{number(longest['plain_peak_mib'], 0)} MiB with all pairs (`benchmarks/attention.py`)."
    )


def _window(system: str) -> str:
    if system.startswith("average_"):
        return f"a moving average of {system.rpartition('_')[2]} s"
    return "several heads" if system == HEADS else f"a window of {system.rpartition('_')[2]} s"


def released(table: pd.DataFrame) -> str:
    """Say what the released code's choices change.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.audit.table`.
    """
    rows = by_key(table, ("choice",), rule=TUNED, metric=EVENT_F)
    weak, gain, without = (rows.get((name,)) for name in (SCRAMBLED, audit.GAIN_SCRAMBLED, audit.GAIN))
    if weak is None or gain is None or without is None:
        return "The choices of the released code were not tried in this run."
    segments = by_key(table, ("choice",), rule=TUNED, metric=SEGMENT_F).get((SCRAMBLED,))
    by_segments = f"; by segments {RELATIONS[segments['verdict']]} it, {figure(segments)}" if segments else ""
    said = (
        "The released code's reshape mixes time and channels. Without attention it is by event-based F "
        f"{RELATIONS[weak['verdict']]} the right one ({figure(weak)}{by_segments}). What a window of attention adds to "
        f"F is {figure(gain)} with the reshape and {figure(without)} without ({sample(weak['n'], 'test clips')}; "
        "verdicts after Holm's correction)."
    )
    words = {
        DROPPED: "heads whose windows are dropped are {} those with windows",
        FIRST: "weights read from one frame are {} each frame's own",
    }
    others = [
        f"{one.format(RELATIONS[rows[name,]['verdict']])} ({figure(rows[name,])})"
        for name, one in words.items()
        if (name,) in rows
    ]
    return " ".join([said, *([f"Of several heads, {'; '.join(others)}."] if others else [])])


def explains(table: pd.DataFrame) -> str:
    """Answer whether the reshape explains a weak baseline and a gain by attention.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.audit.table`.
    """
    rows = by_key(table, ("choice",), rule=TUNED, metric=EVENT_F)
    weak, gain = rows.get((SCRAMBLED,)), rows.get((audit.GAIN_SCRAMBLED,))
    if weak is None or gain is None:
        return ""
    segments = by_key(table, ("choice",), rule=TUNED, metric=SEGMENT_F).get((SCRAMBLED,))
    by_segments = segments is not None and segments["verdict"] == BELOW
    if weak["verdict"] == BELOW:
        weaker = f"By event-based F{' and segment-based F' if by_segments else ''} it would explain a weak baseline"
    elif by_segments:
        weaker = (
            "By segment-based F it would explain a weak baseline; by event-based F, which is what the paper gives, "
            f"that is {'not decided' if weak['verdict'] == NOT_DECIDED else 'not shown'}"
        )
    elif weak["verdict"] == NOT_DECIDED:
        weaker = "Whether it weakens the baseline is not decided"
    else:
        weaker = "It is not shown to explain a weak baseline"
    gains = {
        ABOVE: "a gain by attention is found with it as well",
        BELOW: "with it attention loses",
        NOT_DECIDED: "whether attention gains with it is not decided",
    }.get(gain["verdict"], "a gain by attention is not shown with it")
    return (
        f"Does the reshape explain the published figures? {weaker}; {gains} ({sample(weak['n'], 'test clips')}). "
        "Whether the paper's runs used this code is unknown."
    )


def mass(table: pd.DataFrame) -> str:
    """Say whether attention falls on the same event more than energy and uniform weights do.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.attended.table`.
    """
    longest = [name for name in dict.fromkeys(table["system"]) if str(name).startswith("width_")]
    if not longest:
        return "No network of this run has attention to look at."
    system = max(longest, key=lambda name: float(str(name).rpartition("_")[2]))
    rows = by_key(table, ("weights",), system=system)
    own = rows[attended.ATTENTION,]
    parts = [
        f"{RELATIONS[rows[name,]['verdict']]} {words} ({figure(rows[name,])})"
        for name, words in ((attended.UNIFORM, "uniform weights"), (attended.ENERGY, "weights by the frames' energy"))
    ]
    return (
        f"Of the longest window's attention, the frames of an event put {figure(own)} on the same event "
        f"({sample(own['n'], 'events')}): {' and '.join(parts)}."
    )


def reached(table: pd.DataFrame) -> str:
    """Say whether the CRNN with the right reshape reaches the segment-based F that was asked for.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.self_attention.measure.summary`.
    """
    row = by_key(table, ("system",), rule=TUNED, metric=SEGMENT_F).get((CRNN,))
    if row is None or pd.isna(row["value"]):
        return ""
    done = row["value"] >= WANTED
    unsure = "; the interval holds it" if row["ci_low"] < WANTED < row["ci_high"] else ""
    return (
        f"A segment-based F of {number(WANTED)} was asked of the CRNN: on average it "
        f"{'reaches it' if done else 'does not reach it'}, with {figure(row)} "
        f"({sample(row['n'], 'test clips')}{unsure})."
    )


def experiment(summary: pd.DataFrame, differences: pd.DataFrame, n_train: int) -> str:
    """Say how FW-CRNN does in the main experiment.

    Parameters
    ----------
    summary, differences
        From :func:`~igsed_core.chapters.self_attention.main_experiment.compare`.
    n_train
        Soundscapes that it was trained on.
    """
    where = {"rule": main_experiment.LEVEL, "metric": "iou", "average": "instance"}
    rows = by_key(summary[summary["class"] == "all"], ("method",), **where)
    parts = []
    for one, other in main_experiment.PAIRS[:2]:
        gap = by_key(differences, ("method", "other_method"), **where).get((one, other))
        parts.append(
            f"{_SHORT[one]} {figure(rows.get((one,)))}, {RELATIONS[verdict_on(gap)]} {_SHORT[other]} ({figure(gap)})"
        )
    n = rows[main_experiment.STRONG,]["n"] if (main_experiment.STRONG,) in rows else 0
    return (
        f"IoU with a tuned threshold: {'; '.join(parts)}; {sample(n)}. FW-CRNN was trained on {n_train} soundscapes "
        "from nothing; FW-SS and FW-WS saw all training soundscapes, and stand on an encoder that was pretrained."
    )


_SHORT = {
    "fw_crnn_ss": "FW-CRNN by time labels",
    "fw_crnn_ws": "FW-CRNN by clip labels",
    "fw_ss": "FW-SS",
    "fw_ws": "FW-WS",
}


def limits(params: Mapping[str, Any]) -> str:
    """Say on which sounds this run's networks were trained, and how many of each kind.

    Parameters
    ----------
    params
        Of the stage, from its record; without them only what holds for any run is said.
    """
    sounds = {
        RECIPE: "The soundscapes are mixed by a program from the main job's sounds",
        URBAN_SED: "The soundscapes are URBAN-SED's",
    }.get(str(params.get("attention_data", RECIPE)), "The soundscapes are mixed by a program")
    if "attention_seeds" not in params:
        return f"{sounds}."
    seeds, train, epochs = (int(params[f"attention_{name}"]) for name in ("seeds", "train", "epochs"))
    return (
        f"{sounds}; this run has {seeds} {'network' if seeds == 1 else 'networks'} of each kind, trained on "
        f"{train or 'all'} soundscapes for {epochs} {'epoch' if epochs == 1 else 'epochs'} at most."
    )


def shipped_run(record: Mapping[str, Any] | None) -> str:
    """Say what the full-size run is from: parameters, commit, time, machine; or that it does not ship.

    Parameters
    ----------
    record
        From :meth:`igsed_core.base.shipped.Shipped.record`.
    """
    return made_from(record, "self_attention", _size)


def _size(record: Mapping[str, Any]) -> str:
    params = record["params"]
    sizes = "/".join(str(params[f"attention_{name}"]) for name in ("train", "validation", "test"))
    return (
        f"{sizes} soundscapes, {params['attention_channels']} channels, {params['attention_seeds']} networks of each "
        f"kind, at most {params['attention_epochs']} epochs"
    )


def at_full_size(say: Callable[..., str], *tables: pd.DataFrame | None, **options: Any) -> str:
    """Say the same of the run of full size, which may contradict a small one; empty where it does not ship.

    Parameters
    ----------
    say
        One of the rules of this module.
    tables
        What it reads, of that run.
    options
        Its other arguments.
    """
    if any(table is None for table in tables) or None in options.values():
        return ""
    said = say(*tables, **options)
    return f"*At full size.* {said}" if said else ""
