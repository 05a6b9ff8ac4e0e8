"""What a sweep found, over all its experiments: one tidy table, a page, and what did not finish."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.base import files
from igsed_core.base.paths import RunPaths
from igsed_core.detection.scored import IG
from igsed_core.show import style
from igsed_core.workflow.sweeps import figures, status
from igsed_core.workflow.sweeps import job as jobs
from igsed_core.workflow.sweeps.plan import Plan

TABLE, PAGE, PICTURE, DIFFERENCES, FAILURES = "sweep.csv", "sweep.html", "sweep.png", "differences.png", "failed.csv"
# Tables of the stages whose rows are values with intervals, and which a sweep compares.
COMPARED = (
    *("classification", "detection", "detection_at_ig_threshold", "further", "differences", "rules", "methods"),
    *("faithfulness", "localiser", "localiser_differences"),
)
METRIC = "iou"
NOT_COME_TO = "not come to"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Sweep {name}</title>
<style>
body {{ font-family: sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em; line-height: 1.5; }}
table {{ border-collapse: collapse; font-size: .9em; }}
th, td {{ text-align: left; padding: .2em .8em .2em 0; border-bottom: 1px solid #e4e4e4; vertical-align: top; }}
img {{ max-width: 100%; }}
</style></head>
<body>
<h1>Sweep {name}</h1>
{body}
</body></html>
"""


def collected(plan: Plan) -> pd.DataFrame:
    """Collect the tidy tables of a sweep's finished stages.

    Parameters
    ----------
    plan
        The sweep, as the store now has it.

    Returns
    -------
    pd.DataFrame
        ``table, experiment``, a column for each parameter that varies, and those of the tables: of those in
        :data:`COMPARED`, every row of every experiment that made them.
    """
    parts = []
    for name, identifiers in plan.of_experiment.items():
        for node in map(plan.nodes.__getitem__, identifiers):
            if not node.whole:
                continue
            for table in (one for one in type(node.params).tables if one in COMPARED):
                rows = files.read_table(RunPaths(name).results / f"{table}.csv")
                own = {"table": table, "experiment": name, **plan.sweep.varied[name]}
                rest = rows.drop(columns=[column for column in own if column in rows])
                parts.append(pd.concat([pd.DataFrame(own, index=rest.index), rest], axis=1))
    first = ["table", "experiment", *plan.sweep.parameters]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=first)


def failures(plan: Plan) -> pd.DataFrame:
    """Name what did not finish.

    Returns
    -------
    pd.DataFrame
        ``stage, experiments, reason, log``: a row for each stage that failed, or was not come to (no reason, no log);
        ``experiments`` by commas.
    """
    states = status.states_of(plan)
    users: dict[str, list[str]] = {}
    for name, identifiers in plan.of_experiment.items():
        for identifier in identifiers:
            users.setdefault(identifier, []).append(name)
    rows: list[dict[str, Any]] = []
    for job, state in states.items():
        node = plan.nodes[job.partition(".")[0]]
        if state == status.DONE or (state == status.WAITING and job != node.id):
            continue
        log = jobs.log(plan.sweep.folder, job)
        there = log.is_file()
        why = status.reason(log) or ("killed, or out of time or memory" if there else NOT_COME_TO)
        experiments = ", ".join(users[node.id])
        rows.append({"stage": node.stage, "experiments": experiments, "reason": why, "log": str(log) if there else ""})
    return pd.DataFrame(rows, columns=["stage", "experiments", "reason", "log"])


def write(plan: Plan) -> Path:
    """Write ``sweep.csv``, ``failed.csv``, the figures and the page into the sweep's folder; return the page."""
    folder = plan.sweep.folder
    table, failed = collected(plan), failures(plan)
    files.write_table(folder / TABLE, table)
    files.write_table(folder / FAILURES, failed)
    whole = sum(all(plan.nodes[i].whole for i in ids) for ids in plan.of_experiment.values())
    varied = ", ".join(plan.sweep.parameters) or "nothing"
    answer = f"{whole} of {len(plan.of_experiment)} experiments are whole."
    body = [f"<p><b>{answer}</b> What varies: {html.escape(varied)}.</p>"]
    if len(failed):
        body += ["<h2>What did not finish</h2>", failed.to_html(index=False, border=0)]
    values, apart = rows_of(table, "detection"), rows_of(table, "differences")
    apart = apart[apart["method"] == IG] if len(apart) else apart
    if len(values):
        picture = style.save(figures.along(values, plan.sweep.parameters), folder / PICTURE)
        body += [
            "<h2>IoU along the sweep</h2>",
            "<p>Means over the instances of the test split, with 95 % intervals from a bootstrap over clips. n is "
            "given in the table. An interval says how much other clips would change the mean, not other seeds or "
            "sounds.</p>",
            f'<img src="{picture.name}" alt="IoU of each method along the sweep, with intervals">',
        ]
    if len(apart):
        picture = style.save(figures.differences(apart, plan.sweep.parameters), folder / DIFFERENCES)
        body += [
            "<h2>How far apart are the methods?</h2>",
            "<p>Integrated Gradients minus each other method, paired over clips within an experiment. The band marks "
            "differences that count as level. Intervals are not corrected for their number.</p>",
            f'<img src="{picture.name}" alt="Paired differences along the sweep, with intervals">',
            shown(apart, plan.sweep.parameters).to_html(index=False, border=0),
        ]
    if len(values):
        body += ["<h2>Every value</h2>", shown(values, plan.sweep.parameters).to_html(index=False, border=0)]
    body.append(f'<p>All tables of all experiments: <a href="{TABLE}">{TABLE}</a>.</p>')
    files.write_text(folder / PAGE, _PAGE.format(name=html.escape(plan.sweep.name), body="\n".join(body)))
    return folder / PAGE


def rows_of(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that the page shows: means over the test split's instances of one metric."""
    if "metric" not in table:
        return table.head(0)
    chosen = (table["table"] == name) & (table["split"] == "test") & (table["metric"] == METRIC)
    return table[chosen & (table["class"] == "all") & (table["average"] == "instance")]


def shown(rows: pd.DataFrame, varied: list[str]) -> pd.DataFrame:
    """Return rows as a reader sees them: parameters, methods, value with its interval, n."""
    methods = ["method"] if rows["table"].iloc[0] != "differences" else ["method", "other_method"]
    result = rows[[*varied, *methods]].copy()
    for column in methods:
        result[column] = result[column].map(style.short)
    result["IoU"] = [
        f"{value:.3f} [{low:.3f}, {high:.3f}]"
        for value, low, high in rows[["value", "ci_low", "ci_high"]].itertuples(index=False)
    ]
    return result.assign(n=rows["n"].astype(int)).rename(columns={"method": "Method", "other_method": "minus"})
