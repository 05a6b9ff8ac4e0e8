"""The page's answers in words, by rule from its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from igsed_core.chapters.representations import disturb, networks, study
from igsed_core.chapters.representations.excerpts import AT_RANDOM, BY_RECORDING, Excerpts, Split
from igsed_core.chapters.representations.explain import ENERGY, LRP, METHODS, OCCLUSION
from igsed_core.chapters.representations.networks import NETWORKS, SPECTROGRAM, WAVEFORM
from igsed_core.chapters.representations.params import BANK
from igsed_core.chapters.representations.training import RECIPES, Task
from igsed_core.metrics.judging import ABOVE, BELOW
from igsed_core.metrics.summaries import ALL
from igsed_core.models.classifier import NetworkClassifier
from igsed_core.show.cells import by_key, number
from igsed_core.show.claims import figure, sample, verdict_on
from igsed_core.show.style import class_name

PUBLISHED = {WAVEFORM: 0.6248, SPECTROGRAM: 0.6203}  # accuracy on UrbanSound8K in the paper
LEVEL = 0.03  # points of accuracy within which the two are to be
ENERGY_TITLE = "energy"
_OF_INSTANCES = {"split": "test", "average": "instance", "class": ALL}
Rows = dict[tuple[str, ...], dict[str, Any]]


def title(method: str) -> str:
    """Readable name of an explanation."""
    return METHODS.get(method, ENERGY_TITLE)


def material(
    sounds: Excerpts, splits: Mapping[tuple[str, int], Split], trained: Mapping[Task, NetworkClassifier]
) -> str:
    """Say how many excerpts there are, and how large the networks are.

    Parameters
    ----------
    sounds, splits, trained
        Excerpts, how they are split, and the networks.
    """
    parts = next(one for (protocol, _), one in splits.items() if protocol == BY_RECORDING)
    sizes = {task.network: networks.size(one) for task, one in trained.items()}
    return (
        f"{len(sounds.rows)} excerpts of {sounds.rows['recording'].nunique()} recordings in {len(sounds.classes)} "
        f"classes; {len(parts.train)} are trained on, {len(parts.test)} tested. The waveform network has "
        f"{sizes[WAVEFORM]} parameters, the spectrogram network {sizes[SPECTROGRAM]}."
    )


def accuracy(table: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Say how accurate either network is on recordings that neither heard, and how they stand to each other.

    Parameters
    ----------
    table, differences
        The tidy tables ``representations.csv`` and ``representations_differences.csv``.
    """
    rows = by_key(table, ("rule", "method"), **{**_OF_INSTANCES, "protocol": BY_RECORDING, "condition": disturb.CLEAN})
    apart = _apart(differences, BY_RECORDING, disturb.CLEAN)
    parts = []
    for rule in dict.fromkeys(rule for rule, _ in rows):
        gap = apart.get((WAVEFORM, rule))
        parts.append(
            f"{figure(rows.get((rule, WAVEFORM)))} and {figure(rows.get((rule, SPECTROGRAM)))} trained {_how(rule)} "
            f"(difference {figure(gap)}{_within(gap)})"
        )
    n = max((row["n"] for row in rows.values()), default=0)
    recordings = [row["n_clips"] for row in apart.values() if pd.notna(row.get("n_clips"))]
    of = f", which overlap, of {round(max(recordings))} recordings" if recordings else ""
    if not parts:
        return "No network was tested."
    return (
        "Of the excerpts of recordings that neither heard, the waveform and the spectrogram network are right for "
        f"{'; '.join(parts)} ({sample(n, 'excerpts')}{of})."
    )


def _how(rule: str) -> str:
    words = RECIPES.get(rule, rule)
    return words if words.startswith("as ") else f"with {words}"


def _within(gap: dict[str, Any] | None) -> str:
    if gap is None or pd.isna(gap["value"]):
        return ""
    apart = "at most" if abs(gap["value"]) <= LEVEL else "more than"
    return f": {verdict_on(gap)}, the means {apart} {number(100 * LEVEL, 0)} points apart"


def leak(table: pd.DataFrame, differences: pd.DataFrame, before: float) -> str:
    """Say what a random split flatters.

    Parameters
    ----------
    table, differences
        As for :func:`accuracy`.
    before
        Share of the excerpts tested at random whose recording is trained on.
    """
    rows = by_key(table, ("method",), **{**_OF_INSTANCES, "protocol": AT_RANDOM, "condition": disturb.CLEAN})
    apart = {key[0]: row for key, row in _apart(differences, "leak", disturb.CLEAN).items()}
    parts = [
        f"{NETWORKS[name]} {figure(rows.get((name,)))}, {figure(apart.get(name))} more than by recording"
        f"{_doubt(apart.get(name))}"
        for name in NETWORKS
        if name in apart
    ]
    return (
        f"Split at random, {number(100 * before, 0)} % of the tested excerpts come from recordings that were trained "
        f"on: {'; '.join(parts)}."
    )


def why_apart(table: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Say whether the two are apart on recordings that they heard, too; empty where they are not shown to be apart.

    Parameters
    ----------
    table, differences
        As for :func:`accuracy`.
    """
    gap = _apart(differences, BY_RECORDING, disturb.CLEAN).get((WAVEFORM, _first(table)))
    if verdict_on(gap) not in (ABOVE, BELOW):
        return ""
    rows = by_key(table, ("protocol", "method"), **{**_OF_INSTANCES, "condition": disturb.CLEAN, "rule": _first(table)})
    keys = [(protocol, name) for protocol in (BY_RECORDING, AT_RANDOM) for name in (WAVEFORM, SPECTROGRAM)]
    if any(key not in rows or pd.isna(rows[key]["value"]) for key in keys):
        return ""
    new, heard = (rows[of, WAVEFORM]["value"] - rows[of, SPECTROGRAM]["value"] for of in (BY_RECORDING, AT_RANDOM))
    if abs(new) <= LEVEL:
        return ""
    so = (
        "most of what parts them is what carries over to recordings that neither heard"
        if abs(heard) < abs(new) / 2
        else "they are apart not only on recordings that neither heard"
    )
    return (
        f"Why are they apart? Split at random the waveform network is right for {figure(rows[AT_RANDOM, WAVEFORM])}, "
        f"the spectrogram network for {figure(rows[AT_RANDOM, SPECTROGRAM])}, {number(abs(heard))} apart against "
        f"{number(abs(new))} by recording: {so} (means, without a test)."
    )


def _doubt(row: dict[str, Any] | None) -> str:
    said = verdict_on(row)
    return "" if said in (ABOVE, BELOW) else f" ({said})"


def robust(table: pd.DataFrame) -> str:
    """Say what noise, delay and gain cost either network.

    Parameters
    ----------
    table
        The tidy table ``representations.csv``.
    """
    rows = by_key(table, ("condition", "method"), **{**_OF_INSTANCES, "protocol": BY_RECORDING, "rule": _first(table)})
    worst = {
        kind: max(
            (name for name in disturb.conditions() if name.startswith(kind) and (name, WAVEFORM) in rows),
            key=lambda name: abs(disturb.conditions()[name][1]) if kind != "noise" else -disturb.conditions()[name][1],
            default=None,
        )
        for kind in ("noise", "delay", "gain")
    }
    parts = []
    for kind, condition in worst.items():
        if condition is not None:
            words = ", ".join(f"{NETWORKS[name]} {figure(rows.get((condition, name)))}" for name in NETWORKS)
            parts.append(f"under {kind} at its worst ({condition_title(condition)}): {words}")
    clean = ", ".join(f"{NETWORKS[name]} {figure(rows.get((disturb.CLEAN, name)))}" for name in NETWORKS)
    n_classes = table.loc[table["class"] != ALL, "class"].nunique()
    chance = f" Guessing one of {n_classes} classes is right for {number(1 / n_classes)}." if n_classes else ""
    return f"Undisturbed: {clean}; {'; '.join(parts)}.{chance}"


def condition_title(condition: str) -> str:
    """Readable name of a condition: "noise, 10 dB SNR"."""
    kind, amount = disturb.conditions()[condition]
    units = {"noise": "dB SNR", "delay": "ms", "gain": "dB"}
    return kind if kind == disturb.CLEAN else f"{kind}, {number(amount, 0)} {units[kind]}"


def centre(described: pd.DataFrame, alike: pd.DataFrame) -> str:
    """Say in one sentence how far either network's relevance lies from the sound's centre, and how alike maps are.

    Parameters
    ----------
    described, alike
        As for :func:`listens`.
    """
    rows = by_key(described, ("method", "rule", "metric"), **_OF_INSTANCES)
    waveform, spectrogram = (rows.get((name, LRP, study.CENTROID)) for name in (WAVEFORM, SPECTROGRAM))
    if waveform is None or spectrogram is None:
        return "No map was made by LRP."
    same = by_key(alike, ("method", "rule"), **_OF_INSTANCES).get(("both networks", LRP))
    return (
        f"By LRP the waveform network's relevance lies {figure(waveform)} octaves from the sound's own centroid, the "
        f"spectrogram network's {figure(spectrogram)} ({sample(waveform['n'], 'excerpts')} that both name rightly), "
        f"and the two maps of one excerpt have a rank correlation of {figure(same)}."
    )


def limits(params: Mapping[str, Any]) -> str:
    """Say whose the sounds are, and how many networks of each kind were trained for how long.

    Parameters
    ----------
    params
        Of the stage, from its record; without them only what holds for any run is said.
    """
    said = "Intervals draw recordings anew and hold nothing of the luck of training"
    if "repr_seeds" not in params:
        return f"{said}."
    seeds, epochs = int(params["repr_seeds"]), int(params["repr_epochs"])
    sounds = "this experiment's own sounds" if params.get("repr_data", BANK) == BANK else "UrbanSound8K"
    return (
        f"{said}; in this run {seeds} {'network' if seeds == 1 else 'networks'} of each kind learnt from {sounds} for "
        f"{epochs} {'epoch' if epochs == 1 else 'epochs'}."
    )


def listens(described: pd.DataFrame, alike: pd.DataFrame) -> str:
    """Say where in frequency either network listens, beside the sounds' power, and how alike their maps are.

    Parameters
    ----------
    described, alike
        The tidy tables ``representations_maps.csv`` and ``representations_alike.csv``.
    """
    rows = by_key(described, ("method", "rule", "metric"), **_OF_INSTANCES)
    low = [study.OCTAVES[i] for i in range(3)]  # up to 500 Hz

    def share(network: str, rule: str) -> str:
        return number(sum(rows[network, rule, octave]["value"] for octave in low))

    centre = {name: rows.get((name, LRP, study.CENTROID)) for name in NETWORKS}
    n = rows[WAVEFORM, LRP, study.CENTROID]["n"]
    same = by_key(alike, ("method", "rule"), **_OF_INSTANCES).get(("both networks", LRP))
    return (
        f"By LRP the waveform network's relevance lies {figure(centre[WAVEFORM])} octaves from the sound's own "
        f"centroid, the spectrogram network's {figure(centre[SPECTROGRAM])} ({sample(n, 'excerpts')} that both name "
        f"rightly); below 500 Hz lie {share(WAVEFORM, LRP)} and {share(SPECTROGRAM, LRP)} of it, and "
        f"{share(WAVEFORM, ENERGY)} of the sounds' power (means alone). The two maps of one excerpt have a rank "
        f"correlation of {figure(same)} in cells of a tenth of a second by half an octave."
    )


def predicts(table: pd.DataFrame) -> str:
    """Say which explanation predicts best what the removal of a band does, and whether it beats the sound's power.

    Parameters
    ----------
    table
        The tidy table ``representations_bands.csv``.
    """
    rows = by_key(table, ("method", "rule"), metric=study.PREDICTS, **_OF_INSTANCES)
    parts, asked = [], False
    for network, words in NETWORKS.items():
        told = {m: rows[network, m] for m in METHODS if (network, m) in rows and pd.notna(rows[network, m]["value"])}
        if not told:
            continue
        best = max(told, key=lambda m: told[m]["value"])
        worst = min(told, key=lambda m: told[m]["value"])
        power = rows.get((network, ENERGY))
        least = "" if worst == LRP else f"{title(worst)} least, {figure(told[worst])}; "
        lrp = f"{title(LRP)} {figure(told.get(LRP))}{', the least' if worst == LRP else ''}"
        parts.append(
            f"for the {words} by {title(best)} (rank correlation {figure(told[best])}; {least}{lrp}; the sound's power "
            f"alone {figure(power)})"
        )
        asked = asked or best == OCCLUSION
    if not parts:
        return "No band was removed."
    n = max((row["n"] for row in rows.values()), default=0)
    same = " Occlusion asks almost the same question, so that its lead proves little." if asked else ""
    return (
        f"Which band hurts when it is removed is foretold best {'; '.join(parts)} ({sample(n, 'excerpts')}). Best and "
        f"least are picked by these very figures, and explanations are not held to one another by a test.{same}"
    )


def order(table: pd.DataFrame, method: str = LRP) -> str:
    """Say at how many amounts an explanation's most important bands cost more than bands in random order.

    Parameters
    ----------
    table
        The tidy table ``representations_bands.csv``.
    method
        The explanation.
    """
    rows = by_key(table, ("method", "rule", "threshold"), metric=study.LEFT, **_OF_INSTANCES)
    parts, counts = [], []
    for network, words in NETWORKS.items():
        amounts = sorted(amount for (who, rule, amount) in rows if who == network and rule == study.RANDOM)
        pairs = [
            (rows[network, f"{method}, {study.IMPORTANT}", amount], rows[network, study.RANDOM, amount])
            for amount in amounts
            if (network, f"{method}, {study.IMPORTANT}", amount) in rows
        ]
        known = [(one, other) for one, other in pairs if pd.notna(one["value"]) and pd.notna(other["value"])]
        if known:
            less = sum(one["value"] < other["value"] for one, other in known)
            parts.append(f"at {less} of {len(known)} amounts for the {words}")
            counts += [row["n"] for pair in known for row in pair]
    if not parts:
        return ""
    return (
        f"Removing first what {title(method)} calls important leaves less accuracy than a random order "
        f"{' and '.join(parts)} ({sample(min(counts), 'excerpts')}; means alone, without a verdict)."
    )


def strategies(told: pd.DataFrame) -> str:
    """Say for each class where either network listens, made from the numbers.

    Parameters
    ----------
    told
        From :func:`igsed_core.chapters.representations.study.strategies`.
    """
    lines = []
    for row in told.to_dict("records"):
        heard = {who: _octave(float(row[f"{who}_octave"])) for who in (WAVEFORM, SPECTROGRAM, ENERGY)}
        shares = {who: number(row[f"{who}_share"]) for who in heard}
        same = heard[WAVEFORM] == heard[SPECTROGRAM]
        if same:
            parts = f"{shares[WAVEFORM]} and {shares[SPECTROGRAM]} of the relevance"
            words = f"both listen most to {heard[WAVEFORM]} ({parts})"
        else:
            words = (
                f"the waveform network listens most to {heard[WAVEFORM]} ({shares[WAVEFORM]}), the spectrogram network "
                f"to {heard[SPECTROGRAM]} ({shares[SPECTROGRAM]})"
            )
        power = "where the sound has most power, too" if heard[ENERGY] == heard[WAVEFORM] == heard[SPECTROGRAM] else ""
        power = power or f"most power lies at {heard[ENERGY]} ({shares[ENERGY]})"
        lines.append(f"- **{class_name(str(row['label']))}** ({sample(row['n'], 'excerpts')}): {words}; {power}.")
    return "\n".join(lines)


def full_size(
    table: pd.DataFrame | None, differences: pd.DataFrame | None, bands: pd.DataFrame | None, said: str
) -> str:
    """Say what the run of full size found; nothing where it does not ship.

    Parameters
    ----------
    table, differences, bands
        The tidy tables of that run.
    said
        Who made it.
    """
    if table is None or differences is None or bands is None:
        return ""
    return f"At full size: {accuracy(table, differences)} {why_apart(table, differences)} {predicts(bands)} {said}"


def _first(table: pd.DataFrame) -> str:
    return str(table["rule"].iloc[0])


def _octave(low: float) -> str:
    def written(hertz: float) -> str:
        return f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz:g} Hz"

    low = min(disturb.EDGES[::2], key=lambda edge: abs(edge - low))
    return f"{written(low)} to {written(2 * low)}"


def _apart(differences: pd.DataFrame, protocol: str, condition: str) -> Rows:
    mine = differences[(differences["protocol"] == protocol) & (differences["condition"] == condition)]
    return by_key(mine, ("method", "rule"), average="instance")
