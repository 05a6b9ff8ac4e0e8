"""Tables of adversarial attacks, made from the tidy tables: this run's, and those that ship."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from igsed_core.chapters.adversarial import audit, carriers, elsewhere, explaining, giveaway, study, under_attack
from igsed_core.chapters.adversarial.elsewhere import MINUS_NOISE, OTHERS
from igsed_core.chapters.adversarial.names import NETWORKS
from igsed_core.chapters.adversarial.study import ALL, ATTACKS, GOALS, NOISE
from igsed_core.chapters.adversarial.training import SIGMOID
from igsed_core.show import style
from igsed_core.show.cells import NONE, by_key, number, records, with_interval
from igsed_core.show.full_size import FULL, counted, keyed

CLIPS, SOUNDSCAPES = "n (clips)", "n (soundscapes)"
_METRICS = {
    "success": "success",
    "snr": "ratio (dB)",
    "loudness": "loudness above (LU)",
    "before": "probability before",
    "after": "after",
}
_PLACED = {
    "inside": "share inside the sound",
    "inside_minus_time": "minus the sound's share of time",
    "inside_minus_signal": "minus the signal's energy inside",
    "follows_energy": "follows the signal's energy",
    "follows_ig": "follows the clean map of IG",
    "follows_cam": "of CAM",
    "follows_localiser": "of the localiser",
}


def name_of(model: str) -> str:
    """Readable name of a classifier; that of the main job is its encoder's."""
    return {**NETWORKS, ALL: "all together"}.get(model, f"encoder {model}, frozen")


def classifiers_table(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of the classifiers that are attacked.

    Parameters
    ----------
    table
        The tidy table ``adversarial_classifiers``.
    """
    words = {"softmax": "one sound of many", SIGMOID: "several at once"}
    return pd.DataFrame(
        {
            "Classifier": name_of(row["model"]),
            "tells": words[row["output"]],
            "weights": f"{int(row['weights']):,}",
            "epochs": row["epochs"],
            "accuracy (test)": with_interval(row),
            "n (clips)": row["n"],
        }
        for row in records(table)
    )


def attacks_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every attack on all classifiers together, and on mixtures and soundscapes.

    Parameters
    ----------
    table
        The tidy table ``adversarial``.
    full
        The same of the full-size run, where it ships.
    """
    large = keyed(full, ("output", "model", "goal", "attack", "metric"))
    by = by_key(table, ("output", "model", "goal", "attack", "metric"))
    keys = dict.fromkeys(key[:4] for key in by if (key[0] == SIGMOID) == (key[1] != ALL))
    rows = []
    for key in keys:
        _, model, goal, attack = key
        row: dict[str, Any] = {
            "Classifier": name_of(model),
            "goal": GOALS[goal],
            "attack": ATTACKS[attack],
            "n (clips)": int(by[*key, "success"]["n"]),
        }
        for metric, words in _METRICS.items():
            digits = 1 if metric in ("snr", "loudness") else 2
            cell = by.get((*key, metric))
            row[words] = with_interval(cell, digits) if metric in ("success", "snr") else _plain(cell, digits)
            if full is not None and metric in ("success", "snr"):
                mine = large.get((*key, metric))
                row[f"{FULL}, {words}"] = counted(mine, digits)
            if metric == "snr":  # of what succeeded, where an attack looks for the smallest change
                row["n, ratio"] = number((cell or {}).get("n"), 0)
        row["passes"] = _plain(by.get((*key, "iterations")), 0)
        row["seconds"] = _plain(by.get((*key, "seconds")), 2)
        rows.append(row)
    return pd.DataFrame(rows)


def networks_table(table: pd.DataFrame) -> pd.DataFrame:
    """Success and ratio of each attack on each network.

    Parameters
    ----------
    table
        The tidy table ``adversarial``.
    """
    by = by_key(table, ("model", "attack", "metric"), output="softmax", goal=study.LEAVE)
    rows = []
    for model in dict.fromkeys(key[0] for key in by if key[0] != ALL):
        cells: dict[str, Any] = {}
        shown = []
        for attack in dict.fromkeys(key[1] for key in by):
            metric = "success" if attack in study.OF_A_SIZE else "snr"
            shown.append(by.get((model, attack, metric)))
            words, digits = ("success", 2) if metric == "success" else ("ratio (dB)", 1)
            cells[f"{ATTACKS[attack]}: {words}"] = with_interval(shown[-1], digits)
        rows.append({"Classifier": name_of(model), CLIPS: _n(shown), **cells})
    return pd.DataFrame(rows)


def transfer_table(table: pd.DataFrame, attack: str = study.PGD_L2) -> pd.DataFrame:
    """Share of clips whose class is lost: made for the row, played to the column.

    Parameters
    ----------
    table
        The tidy table ``transfer``.
    attack
        Which one.
    """
    by = by_key(table[table["attack"].isin([attack, NOISE])], ("source", "target"))
    targets = [name for name in dict.fromkeys(key[1] for key in by) if name not in (OTHERS, MINUS_NOISE)]
    rows = []
    for source in [*targets, NOISE]:
        played = {target: by.get((source, target)) for target in [*targets, OTHERS]}
        cells = {
            "mean of others" if target == OTHERS else name_of(target): with_interval(row)
            for target, row in played.items()
        }
        made_for = "nobody: white noise" if source == NOISE else name_of(source)
        rows.append({"Made for": made_for, CLIPS: _n(played.values()), **cells})
    return pd.DataFrame(rows)


def survival_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Share of successful attacks that are left after each carrier.

    Parameters
    ----------
    table
        The tidy table ``adversarial_survival``.
    full
        The same of the full-size run, where it ships.
    """
    known = {name: one.title for name, one in carriers.carriers().items()}
    titles = {carrier: known.get(carrier, carrier) for carrier in dict.fromkeys(table["carrier"])}
    columns = {attack: f"{ATTACKS[attack]}: left" for attack in elsewhere.CARRIED}
    key = ("attack", "carrier")
    return _wide(table, full, key, ("After", CLIPS), titles, {**columns, "clean": "clean clips that lose their class"})


def explanations_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """What becomes of maps.

    Parameters
    ----------
    table
        The tidy table ``adversarial_explanations``.
    full
        The same of the full-size run, where it ships.
    """
    key = ("variant", "of", "method", "metric")
    by, large = by_key(table, key), keyed(full, key)
    metrics = {
        "correlation": "correlation with the clean map",
        "iou_change": "change of IoU",
        "pointing_change": "of pointing",
    }
    rows = []
    for variant, whom, method in dict.fromkeys(name[:3] for name in by):
        row: dict[str, Any] = {
            "Soundscapes": under_attack.VARIANTS[variant],
            "class": "not attacked" if whom == "others" else "attacked",
            "map": explaining.METHODS[method],
            "n": int(by[variant, whom, method, "iou_change"]["n"]),
        }
        for metric, words in metrics.items():
            row[words] = with_interval(by.get((variant, whom, method, metric)))
            if full is not None and metric != "pointing_change":
                row[f"{FULL}, {words}"] = counted(large.get((variant, whom, method, metric)), 2)
        rows.append(row)
    return pd.DataFrame(rows)


def placement_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Where perturbations lie.

    Parameters
    ----------
    table
        The tidy table ``adversarial_placement``.
    full
        The same of the full-size run, where it ships.
    """
    return _wide(table, full, ("variant", "metric"), ("Perturbation", SOUNDSCAPES), _PLACED, _variants(table))


def detection_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """AUROC of every detector against every attack.

    Parameters
    ----------
    table
        The tidy table ``adversarial_detection``.
    full
        The same of the full-size run, where it ships.
    """
    first = ("Detector", SOUNDSCAPES)
    return _wide(table, full, ("variant", "detector"), first, giveaway.DETECTORS, _variants(table))


_AUDITED = {
    "snr_minus_nearest": "ratio minus that of the nearest boundary (dB)",
    "success_minus_nearest": "success minus that of the nearest boundary",
    "samples_changed_in_16_bits": "share of samples that a 16-bit file still changes",
    "success_in_16_bits": "attacks that succeed from a 16-bit file",
    "success_in_32_bits": "attacks that succeed unsaved",
    "own_snr_minus_released": "this DeepFool's ratio minus 111.9 dB",
    "snr_minus_right": "ratio minus the right one (dB)",
    "snr_minus_test": "ratio on training clips minus that on test clips (dB)",
    "snr": "ratio (dB)",
    "lost_in_noise_as_loud": "clips that lose their class in white noise as loud",
}


def audit_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """What each choice of the released code changes.

    Parameters
    ----------
    table
        The tidy table ``adversarial_audit``.
    full
        The same of the full-size run, where it ships.
    """
    large = keyed(full, ("choice", "metric"))
    rows = []
    for row in records(table):
        digits = 1 if row["unit"] == "dB" else 3
        made = {
            "Choice": audit.CHOICES[row["choice"]],
            "measured": _AUDITED[row["metric"]],
            "n (clips)": row["n"],
            "value": with_interval(row, digits),
            "verdict": row["verdict"] if isinstance(row["verdict"], str) and row["verdict"] else NONE,
        }
        if full is not None:
            made[FULL] = counted(large.get((row["choice"], row["metric"])), digits)
        rows.append(made)
    return pd.DataFrame(rows)


def _n(rows: Iterable[dict[str, Any] | None]) -> str:
    """How many units the figures of a row rest on: "13", or "11 to 13"."""
    return style.counted(pd.DataFrame({"n": [row["n"] for row in rows if row is not None and pd.notna(row["value"])]}))


def _plain(row: dict[str, Any] | None, digits: int) -> str:
    return NONE if row is None else number(row["value"], digits)


def _variants(table: pd.DataFrame) -> dict[str, str]:
    return {variant: under_attack.VARIANTS[variant] for variant in dict.fromkeys(table["variant"])}


def _wide(
    table: pd.DataFrame,
    full: pd.DataFrame | None,
    key: tuple[str, str],
    first: tuple[str, str],
    rows: Mapping[str, str],
    columns: Mapping[str, str],
) -> pd.DataFrame:
    """Lay out values by row and column, with those of the full-size run beside.

    ``key`` names column and row, ``first`` the first two columns: what a row is of, and how many values it rests on.
    """
    by, large = by_key(table, key), keyed(full, key)
    made = []
    for row, title in rows.items():
        cells = {first[0]: title, first[1]: _n(by.get((column, row)) for column in columns)}
        for column, words in columns.items():
            cells[words] = with_interval(by.get((column, row)))
            if full is not None:
                cells[f"{FULL}, {words}"] = counted(large.get((column, row)), 2)
        made.append(cells)
    return pd.DataFrame(made)
