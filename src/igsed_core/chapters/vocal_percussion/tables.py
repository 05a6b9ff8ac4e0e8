"""Tables and sentences of vocal percussion, made from the tidy tables by rule."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from igsed_core.chapters.vocal_percussion import audit, classify, measure, study, when
from igsed_core.chapters.vocal_percussion.labels import LABEL_SETS
from igsed_core.chapters.vocal_percussion.study import SPEECH, SYSTEMS, TIMBRE
from igsed_core.metrics.judging import ABOVE, BELOW
from igsed_core.show.cells import NONE, number, with_interval
from igsed_core.show.claims import RELATIONS, figure

CLASSIFIERS = {**classify.CLASSIFIERS, SPEECH: "its own"}
_REFERENCES = {when.SHUFFLED: "weights shuffled", when.ENERGY: "energy", when.RANDOM: "random"}
WANTED = 0.05  # how far the best embedding is to be above timbre features


def accuracy_table(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracies by user and by sound, and the published ones.

    Parameters
    ----------
    table, published
        From :func:`~igsed_core.chapters.vocal_percussion.measure.accuracies` and
        :func:`~igsed_core.chapters.vocal_percussion.audit.published`.
    """
    theirs = published[published["source"] == "table"].set_index(["system", "average"])["value"]
    by = {(r["system"], r["classifier"], r["average"]): r for r in records(table)}
    rows = []
    for system in dict.fromkeys(table["system"]):
        kind = SPEECH if system == SPEECH else measure.KNN
        row: dict[str, Any] = {"Representation": SYSTEMS[system], "n (users)": int(by[system, kind, "user"]["n"])}
        for average, words in (("user", "mean over users"), ("boxeme", "over all sounds")):
            row[words] = with_interval(by.get((system, kind, average)), 3)
            row[f"published, {words}"] = number(theirs.get((system, average)), 3)
        row["± over splits and seeds"] = number(by[system, kind, "user"]["std"], 3)
        for other in ("logistic", "forest"):
            row[classify.CLASSIFIERS[other]] = number(by.get((system, other, "user"), {}).get("value"), 3)
        rows.append(row)
    return pd.DataFrame(rows)


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Paired differences, with verdicts.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.measure.differences`.
    """
    return pd.DataFrame(
        {
            "Representation": SYSTEMS[row["system"]],
            "minus": SYSTEMS[row["other"]],
            "accuracy": with_interval(row, 3),
            "p (Holm)": number(row["p_holm"], 3),
            "verdict": row["verdict"],
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


def when_difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Importance inside the sound against the references.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.when.differences`.
    """
    return pd.DataFrame(
        {
            "Method, over all label sets": when.METHODS[row["method"]],
            "minus": _REFERENCES[row["reference"]],
            "share inside the sound": with_interval(row),
            "n (users)": row["n"],
            "p (Holm)": number(row["p_holm"], 3),
            "verdict": row["verdict"],
        }
        for row in records(table)
    )


def audit_table(table: pd.DataFrame) -> pd.DataFrame:
    """What each choice of the released code changes.

    Parameters
    ----------
    table
        From :func:`~igsed_core.chapters.vocal_percussion.audit.verdicts`.
    """
    return pd.DataFrame(
        {
            "Choice": audit.CHOICES[row["choice"]],
            "network for": SYSTEMS[row["system"]],
            "accuracy with minus without": with_interval(row, 3),
            "n (users)": row["n"],
            "verdict": row["verdict"],
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


def answer(table: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Say which label set is best, how it stands to syllables and to timbre features.

    Parameters
    ----------
    table, differences
        Tidy tables of accuracies and differences.
    """
    rows = table[(table["average"] == "user") & (table["classifier"] == measure.KNN)]
    nets = rows[rows["system"].isin(list(LABEL_SETS))].sort_values("value", ascending=False)
    best = records(nets)[0]
    by = {(r["system"], r["other"]): r for r in records(differences)}
    others = [r for (_, other), r in by.items() if other == "syllable"]
    apart = [r for r in others if r["verdict"] in (ABOVE, BELOW)]
    text = f'The highest mean accuracy is that of labels "{SYSTEMS[best["system"]]}", {with_interval(best)}'
    text += f" (from {int(best['n'])} held-out users, nearest neighbours). "
    if others:
        names = "; ".join(f"{SYSTEMS[r['system']]} {r['verdict']}, {figure(r)}" for r in apart)
        text += (
            f"Of {len(others)} other label sets, {len(apart)} are told apart from syllables ({names}). "
            if apart
            else f"None of the {len(others)} other label sets is told apart from syllables: so few users do not decide "
            "what the paper says. "
        )
    gap = by.get((best["system"], TIMBRE))
    if gap is not None:
        enough = "as wanted, at least" if gap["value"] >= WANTED else "less than"
        text += (
            f"It is {RELATIONS[gap['verdict']]} the timbre features (difference {figure(gap)}; {enough} {WANTED:g}; "
            f"verdicts here are corrected for {len(differences)} comparisons, intervals are not). The best was picked "
            "among several by this very figure, which flatters it."
        )
    return text


def pointing(table: pd.DataFrame, networks: pd.DataFrame) -> str:
    """Say where importance lies, beside energy and chance, and whether better embeddings point better.

    Parameters
    ----------
    table, networks
        From :func:`~igsed_core.chapters.vocal_percussion.when.summarise` and
        :func:`~igsed_core.chapters.vocal_percussion.when.networks`.
    """
    inside = table[table["measure"] == when.INSIDE]
    if inside["value"].isna().all():
        return "The truth within a sound is not annotated here, so that nothing is said of when."
    by = {(r["system"], r["method"]): r for r in records(inside)}
    texts = []
    for method, words in when.METHODS.items():
        mine = inside[(inside["method"] == method) & (inside["system"] != when.SHUFFLED)]["value"]
        rho, low, high, n = when.agreement(networks, method)
        said = NONE if math.isnan(rho) else figure({"value": rho, "ci_low": low, "ci_high": high})
        texts.append(
            f"{words}: {number(mine.min())} to {number(mine.max())} of the importance inside the sound, "
            f"{with_interval(by[when.SHUFFLED, method])} with weights shuffled; rank correlation with accuracy "
            f"{said} over {n} networks"
        )
    return (
        f"{'; '.join(texts)}. Energy: {with_interval(by[when.ENERGY, when.ENERGY])}; chance: "
        f"{with_interval(by[when.RANDOM, when.RANDOM])}. Networks of one run share sounds and users, so that a "
        "correlation over so few shows at most a tendency."
    )


def baselines_note() -> str:
    """Say what is missing where the speech recogniser's package is not installed; empty where it is."""
    missing = study.SPEECH if not study.speech.available() else ""
    return f"The row {SYSTEMS[missing]} is missing: hmmlearn is not installed here." if missing else ""


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a tidy table, by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
