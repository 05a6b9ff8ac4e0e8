"""Tables of vocal percussion, made from the tidy tables: this run's, those that ship, and what is published."""

from __future__ import annotations

from typing import Any

import pandas as pd

from igsed_core.chapters.vocal_percussion import audit, classify, measure, study, when
from igsed_core.chapters.vocal_percussion.study import SPEECH, SYSTEMS
from igsed_core.show.cells import NONE, number, p_value, records, with_interval
from igsed_core.show.full_size import FULL, beside, keyed

CLASSIFIERS = {**classify.CLASSIFIERS, SPEECH: "its own"}
_REFERENCES = {when.SHUFFLED: "weights shuffled", when.ENERGY: "energy", when.RANDOM: "random"}


def accuracy_table(table: pd.DataFrame, published: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Accuracies by user and by sound, and the published ones.

    Parameters
    ----------
    table, published
        From :func:`~igsed_core.chapters.vocal_percussion.measure.accuracies` and
        :func:`~igsed_core.chapters.vocal_percussion.audit.published`.
    full
        The same as ``table`` of the full-size run, where it ships.
    """
    large = keyed(full, ("system", "classifier", "average"))
    theirs = published[published["source"] == "table"].set_index(["system", "average"])["value"]
    by = {(r["system"], r["classifier"], r["average"]): r for r in records(table)}
    rows = []
    for system in dict.fromkeys(table["system"]):
        kind = SPEECH if system == SPEECH else measure.KNN
        row: dict[str, Any] = {"Representation": SYSTEMS[system], "n (users)": int(by[system, kind, "user"]["n"])}
        for average, words in (("user", "mean over users"), ("boxeme", "over all sounds")):
            row[words] = with_interval(by.get((system, kind, average)), 3)
            if full is not None:
                mine = large.get((system, kind, average))
                row[f"{FULL}, {words}" + (f" (n = {int(mine['n'])})" if mine else "")] = with_interval(mine, 3)
            row[f"published, {words}"] = number(theirs.get((system, average)), 3)
        row["± over splits and seeds"] = number(by[system, kind, "user"]["std"], 3)
        for other in ("logistic", "forest"):
            row[classify.CLASSIFIERS[other]] = number(by.get((system, other, "user"), {}).get("value"), 3)
        rows.append(row)
    return pd.DataFrame(rows)


def difference_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Paired differences, with verdicts.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.measure.differences`.
    full
        The same of the full-size run, where it ships.
    """
    large = keyed(full, ("system", "other"))
    return pd.DataFrame(
        {
            "Representation": SYSTEMS[row["system"]],
            "minus": SYSTEMS[row["other"]],
            "accuracy": with_interval(row, 3),
            "p (Holm)": p_value(row["p_holm"]),
            "verdict": row["verdict"],
            **beside(large, (row["system"], row["other"]), 3),
        }
        for row in records(table)
    )


def user_table(table: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """Accuracy for each held-out user, and whether it is consistent.

    Parameters
    ----------
    table
        ``system, user, value`` of nearest neighbours.
    users
        Of the bank.
    """
    wide = table.pivot_table(index="user", columns="system", values="value")
    known = users.set_index("user")
    result = pd.DataFrame({"User": wide.index})
    if "consistent" in known:
        result["habits"] = ["consistent" if known.loc[user, "consistent"] else "erratic" for user in wide.index]
    for system in dict.fromkeys(table["system"]):
        result[SYSTEMS[system]] = [number(value) for value in wide[system]]
    return result


def when_table(table: pd.DataFrame) -> pd.DataFrame:
    """Where importance lies, for each label set and method.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.when.summarise`.
    """
    rows = []
    for (system, method), group in table.groupby(["system", "method"], sort=False):
        by = {row["measure"]: row for row in records(group)}
        rows.append(
            {
                "Label set": _REFERENCES.get(str(system)) or SYSTEMS.get(str(system), str(system)),
                "method": when.METHODS.get(str(method), NONE),
                **{name: number(by[name]["value"]) for name in when.REGIONS},
                "attack and coda": with_interval(by[when.INSIDE]),
                "highest frame inside": with_interval(by[when.POINTED]),
                "centroid (kHz)": number(by[when.CENTROID]["value"], 1),
            }
        )
    return pd.DataFrame(rows)


def when_difference_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """Importance inside the sound against the references.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.when.differences`.
    full
        The same of the full-size run, where it ships.
    """
    large = keyed(full, ("method", "reference"))
    return pd.DataFrame(
        {
            "Method, over all label sets": when.METHODS[row["method"]],
            "minus": _REFERENCES[row["reference"]],
            "share inside the sound": with_interval(row),
            "n (users)": row["n"],
            "p (Holm)": p_value(row["p_holm"]),
            "verdict": row["verdict"],
            **beside(large, (row["method"], row["reference"]), 2),
        }
        for row in records(table)
    )


def audit_table(table: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """What each choice of the released code changes.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.audit.verdicts`.
    full
        The same of the full-size run, where it ships.
    """
    large = keyed(full, ("choice", "system"))
    return pd.DataFrame(
        {
            "Choice": audit.CHOICES[row["choice"]],
            "network for": SYSTEMS[row["system"]],
            "accuracy with minus without": with_interval(row, 3),
            "n (users)": row["n"],
            "verdict": row["verdict"],
            **beside(large, (row["choice"], row["system"]), 3),
        }
        for row in records(table)
    )


def stopping_table(table: pd.DataFrame) -> pd.DataFrame:
    """What stops the training, on copies and on sounds.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.audit.stopping`.
    """
    words = {study.AS_IS: "sounds", study.ON_COPIES: "copies"}
    return pd.DataFrame(
        {
            "Network for": SYSTEMS[row["system"]],
            "held back": words[row["variant"]],
            "networks": row["networks"],
            "kept epoch": number(row["kept_epoch"], 1),
            "lowest validation loss": number(row["validation_loss"], 3),
        }
        for row in records(table)
    )


def published_table(table: pd.DataFrame) -> pd.DataFrame:
    """The published table beside the released result files.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.audit.of_published`.
    """
    return pd.DataFrame(
        {
            "Label set": SYSTEMS[row["system"]],
            "table": number(row["table"], 3),
            "released results": number(row["released"], 3),
            "gap": number(row["gap"], 3),
            f"beyond ±{audit.SHIPPED:g}": "yes" if row["beyond"] else "no",
        }
        for row in records(table)
    )


def baselines_note() -> str:
    """Say what is missing where the speech recogniser's package is not installed; empty where it is."""
    missing = study.SPEECH if not study.speech.available() else ""
    return f"The row {SYSTEMS[missing]} is missing: hmmlearn is not installed here." if missing else ""
