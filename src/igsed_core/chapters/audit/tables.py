"""Tables of the audit: what each reading gives, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from igsed_core import paper
from igsed_core.chapters.audit.energy import READINGS
from igsed_core.chapters.audit.factorial import AVERAGED
from igsed_core.chapters.audit.verdicts import evaluation
from igsed_core.chapters.audit.verdicts.choices import CHANGES, changes
from igsed_core.chapters.audit.verdicts.common import what_if
from igsed_core.chapters.audit.verdicts.data import LENGTHS, removes
from igsed_core.data.onsets import ONSETS
from igsed_core.show.cells import NONE, OURS, PAPER, Cells, by_key, frame, number, p_value, with_interval
from igsed_core.show.style import METRICS, THRESHOLDS, class_name, counted, name

Found = Mapping[str, pd.DataFrame]
_METRICS = ("iou", "f1", "pointing_game")


def averages_table(found: Found) -> pd.DataFrame:
    """Both averages of each learned method, the paper's and this run's."""
    ours = by_key(_of(found, "averages"), ("method", "metric", "average"))
    rows = {}
    for row in found["audit_paper_averages"].sort_values(["metric", "method"]).to_dict("records"):
        method, metric = str(row["method"]), str(row["metric"])
        cells: Cells = {
            (PAPER, "Table II"): number(row["table_2"]),
            (PAPER, "class mean of Table III"): number(row["class_mean"]),
            (PAPER, "its mean over instances"): number(row["rebuilt"], 3),
        }
        for average in ("instance", "class"):
            cells[OURS, f"mean over {'instances' if average == 'instance' else 'classes'}"] = with_interval(
                ours[method, metric, average]
            )
        cells[OURS, "instances"] = number(ours[method, metric, "instance"].get("n"), 0)
        rows[f"{name(method)}, {METRICS[metric]}"] = cells
    return frame(rows, "Figure")


def mix_table(found: Found) -> pd.DataFrame:
    """The class mix that the paper's tables imply."""
    mix = found["audit_mix"]
    total = mix["evaluated"].sum()
    rows = []
    for row in mix.to_dict("records"):
        low, high = 100 * row["share_low"], 100 * row["share_high"]
        known = not pd.isna(row["evaluated"])
        rows.append(
            {
                "Class": class_name(str(row["class"])),
                "share by Tables II and III (%)": NONE if pd.isna(low) else f"{low:.0f} to {high:.0f}",
                "evaluated, smallest that fits": f"{row['evaluated']:.0f}" if known else NONE,
                "present": f"{row['present']:.0f}" if known else NONE,
                "share (%)": f"{100 * row['evaluated'] / total:.0f}" if known else NONE,
            }
        )
    return pd.DataFrame(rows)


def bounds_table(found: Found) -> pd.DataFrame:
    """Each peak of the paper's Fig. 3 beside what a percentile can reach there."""
    rows = []
    for row in found["audit_bounds"].to_dict("records"):
        rows.append(
            {
                "Curve": f"{name(str(row['method']))}, {METRICS[str(row['metric'])]}",
                "paper's peak": f"{number(row['value'])} at {row['threshold']:.0f}",
                "most, percentile of the clip": _up_to(row, "clip_percentile"),
                "most, percentile of all frames": _up_to(row, "pooled_percentile"),
                "activity": f"{number(row['activity'], 3)} [{number(row['activity_low'], 3)}, "
                f"{number(row['activity_high'], 3)}]",
                "activity that it would need": number(row["needed"], 3),
                "n": number(row["n"], 0),
            }
        )
    return pd.DataFrame(rows)


def peaks_table(found: Found) -> pd.DataFrame:
    """Where this run's curves of Fig. 3 peak under each reading of the threshold, beside the paper's."""
    return pd.DataFrame(
        [
            {
                "Threshold": THRESHOLDS[reading],
                "Curve": evaluation.curve(row),
                "this run's peak": f"{number(row['value'])} at {row['threshold']:.0f}",
                f"within {number(evaluation.FLAT)} of it": f"{row['first']:.0f} to {row['last']:.0f}",
                "paper's peak": f"{number(row['paper_value'])} at {row['paper_threshold']:.0f}",
                "place": row["place"],
                "n": number(row["n"], 0),
            }
            for reading, rows in evaluation.peaks_of(found).items()
            for row in rows
        ]
    )


def _up_to(row: Mapping[Hashable, Any], column: str) -> str:
    """The most at the paper's activity, and in brackets at the upper end of its interval."""
    return f"{number(row[column])} (up to {number(row[f'{column}_high'])})"


def thresholds_of_table_2(found: Found) -> pd.DataFrame:
    """IoU of each method at its own percentile, at IG's and at the 80th, beside the paper's Table II."""
    ours = by_key(_of(found, "chance"), ("method", "rule", "metric"), average="instance")
    published = paper.detection().set_index("method")
    titles = {"percentile": "own percentile", "percentile_at_ig": "IG's percentile", "percentile_80": "80th percentile"}
    rows = {}
    for method in published.index:
        cells: Cells = {(OURS, title): with_interval(ours[method, rule, "iou"]) for rule, title in titles.items()}
        cells[OURS, "n"] = number(ours[method, "percentile", "iou"].get("n"), 0)
        cells[PAPER, "Table II"] = number(published.loc[method, "iou"])
        rows[name(method)] = cells
    return frame(rows, "Method")


def energy_table(found: Found) -> pd.DataFrame:
    """Every reading of energy under the threshold that brings it nearest to the paper's."""
    nearest = found["audit_energy"].drop_duplicates("reading")
    rows_of = _of(found, "energy")
    n = counted(rows_of[rows_of["average"] == "instance"])  # of means over classes n counts classes
    rows = [("paper", NONE, *(number(paper.detection().set_index("method").loc["energy", m]) for m in _METRICS), NONE)]
    rows += [
        (READINGS[row["reading"]][0], n, *(number(row[m]) for m in _METRICS), number(row["distance"]))
        for row in nearest.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["Ranking of the frames", "n", *(METRICS[m] for m in _METRICS), "distance"])


def placement_table(found: Found) -> pd.DataFrame:
    """Wrong time axes under other onsets and lengths of the events, nearest to the paper's energy first."""
    rows = [
        {
            "Ranking of the frames": READINGS[str(row["reading"])][0],
            "onsets": ONSETS[str(row["onsets"])][0],
            "lengths": LENGTHS[str(row["lengths"])],
            "activity": number(row["activity"]),
            **{METRICS[m]: number(row[m]) for m in (*_METRICS, "iou_std")},
            "distance": number(row["distance"]),
        }
        for row in found["audit_placement"].to_dict("records")
    ]
    return pd.DataFrame(rows)


def what_if_table(found: Found, question: str) -> pd.DataFrame:
    """The run's reading, the changed one and their paired difference.

    Parameters
    ----------
    found
        From :func:`igsed_core.chapters.audit.examine`.
    question
        ``target`` or ``window``.
    """
    changed, differences, own = what_if(found, question)
    rows = by_key(_of(found, question), ("method", "metric"), average="instance")
    run = str(differences["iou"]["other_method"])
    lines = {
        f"this run's ({run.split(':')[1]})": {m: with_interval(rows[run, m]) for m in _METRICS},
        changed: {m: with_interval(own[m]) for m in _METRICS},
        "difference": {m: with_interval(differences[m]) for m in _METRICS},
    }
    table = pd.DataFrame([{"Maps": key, **{METRICS[m]: v for m, v in cells.items()}} for key, cells in lines.items()])
    table.insert(1, "n", number(differences["iou"].get("n"), 0))
    table["IoU of the two masks"] = [NONE, with_interval(own["mask_iou"]), NONE]
    table["rank correlation"] = [NONE, with_interval(own["rank_correlation"]), NONE]
    return table


def factorial_table(found: Found) -> pd.DataFrame:
    """What each choice moves: put alone in the place of the paper's, and averaged over the others."""
    by_change = changes(found)
    rows: dict[str, Cells] = {}
    for (choice, level, others), row in by_change.items():
        cells = rows.setdefault(CHANGES[choice, level], {})
        over = "averaged over the others" if others == AVERAGED else "alone"
        for metric in _METRICS:
            cells[over, METRICS[metric]] = with_interval(row[metric])
        cells["alone", "n"] = number(row["iou"].get("n"), 0)
    return frame(rows, "Change")


def cells_table(found: Found) -> pd.DataFrame:
    """Every cell of the factorial, means over instances."""
    keys = ("target", "sign", "baseline", "engine")
    ours = by_key(found["audit_factorial"], (*keys, "metric"), average="instance")
    engines = {"paper": "Captum's 50 points", "run": "this run's"}
    rows = []
    for target, sign, baseline, engine in dict.fromkeys(key[:4] for key in ours):
        mine = {m: ours[target, sign, baseline, engine, m] for m in (*_METRICS, "auroc")}
        named = {"Target": target, "sign": sign, "baseline": baseline, "quadrature": engines[engine]}
        figures = {METRICS[m]: with_interval(row) for m, row in mine.items()}
        rows.append({**named, "n": number(mine["iou"].get("n"), 0), **figures})
    return pd.DataFrame(rows)


def overlap_table(found: Found) -> pd.DataFrame:
    """Share of soundscapes that each filter removes, most plausible first."""
    table = found["audit_overlap"]
    by_pool = by_key(table, ("lengths", "onsets", "filter", "pool"))
    rows = []
    for row in table[table["pool"] == "train"].sort_values("p_value", ascending=False).to_dict("records"):
        key = (row["lengths"], row["onsets"], row["filter"])
        shares = {pool: by_pool[(*key, pool)] for pool in ("train", "eval")}
        rows.append(
            {
                "Removed if": removes(str(row["filter"])),
                "onsets": ONSETS[str(row["onsets"])][0],
                "lengths": LENGTHS[str(row["lengths"])],
                "this run's": "yes" if row["own"] else "",
                **{f"{pool} (%)": number(100 * one["removed"], 1) for pool, one in shares.items()},
                **{f"paper, {pool} (%)": number(100 * one["paper"], 1) for pool, one in shares.items()},
                "p": NONE if pd.isna(row["p_value"]) else p_value(row["p_value"]),
            }
        )
    return pd.DataFrame(rows)


def _of(found: Found, question: str) -> pd.DataFrame:
    """Tidy rows of one question over all classes."""
    return found["audit"][(found["audit"]["question"] == question) & (found["audit"]["class"] == "all")]
