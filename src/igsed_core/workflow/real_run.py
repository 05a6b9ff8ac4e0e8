"""The run on real recordings that ships with the project, shown beside a run's own: by the same rules, never by hand.

Its tidy tables lie in ``results/real`` with their provenance (``tools/ship_results.py``). The sentences are those that
:mod:`igsed_core.workflow.in_short` makes of any run. The book is built with them, and no stage depends on them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.base import files, shipped
from igsed_core.base.paths import project_root
from igsed_core.chapters.localiser.figures import LADDER
from igsed_core.metrics.summaries import ALL
from igsed_core.show import localiser_words
from igsed_core.show.answers import Found
from igsed_core.show.cells import by_key, number, with_interval
from igsed_core.show.style import METRICS, name
from igsed_core.workflow import book_pages, in_short

NAME = "real"
PLACE = "%%real%%"
HEADING = "On real recordings"
COMMAND = "igsed fetch real && igsed book params/real.yaml"
# Whoever chose the localiser's form had looked at this bank's validation clips, and at test clips for details.
CHOSEN = "The localiser's form was chosen with a look at soundscapes of this bank, so that its figure here flatters it."
_METRICS = ("iou", "f1", "pointing_game")
_PERCENTILE, _ANY = "percentile", "none"  # rules; what needs no threshold has none
_Rows = Callable[[pd.DataFrame], list[tuple[str, str, str]]]


def _by_percentile(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return every method under the paper's rule, the best IoU first: title, method, rule."""
    where = {"metric": "iou", "rule": _PERCENTILE, "split": "test", "average": "instance", "class": ALL}
    found = by_key(table, ("method",), **where)
    order = sorted(found, key=lambda key: -number_of(found[key]))
    return [(name(method), method, _PERCENTILE) for (method,) in order]


def _ladder(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return the steps of the localiser that a table holds: title, method, rule."""
    held = set(zip(table["method"], table["rule"], strict=True))
    return [(title, *step) for step, (title, _) in LADDER.items() if step in held]


# Stage -> its table of methods, and which rows of it are shown.
SHOWN: dict[str, tuple[str, _Rows]] = {
    "results": ("detection", _by_percentile),
    "methods": ("methods", _by_percentile),
    "localiser": ("localiser", _ladder),
}


def number_of(row: Mapping[str, Any]) -> float:
    """Return a row's value, below all others where there is none."""
    return -1.0 if pd.isna(row["value"]) else float(row["value"])


def found() -> Found | None:
    """Read what the shipped run found; None where the project ships none."""
    place = project_root() / shipped.FOLDER / NAME
    if not (place / shipped.PROVENANCE).is_file():
        return None
    told = files.read_json(place / shipped.PROVENANCE)
    tables = {of: shipped.table(NAME, of) for stage in told["stages"] for of in told["stages"][stage].get("tables", ())}
    return Found(
        {of: table for of, table in tables.items() if table is not None},
        {stage: about.get("figures", {}) for stage, about in told["stages"].items()},
        {stage: about["params"] for stage, about in told["stages"].items()},
    )


def sounds(real: Found) -> str:
    """Say which encoder heard what in the shipped run."""
    training = real.params.get("training", {})
    told = shipped.record(NAME, "results") or {}
    return (
        f"encoder `{training.get('encoder', '?')}`, ten classes of ESC-10, kitchen20 and two collections of speech; "
        f"run of {told.get('finished', '?')[:10]}, commit `{told.get('commit', '?')[:7]}`"
    )


def sentence(stage: str, real: Found | None) -> str:
    """Say what a page's box says of this run, of the shipped one; empty where that holds no such stage."""
    if real is None or stage not in SHOWN or not {SHOWN[stage][0]} <= set(real.tables):
        return ""
    said = in_short.answer(stage, real)
    return f"{said.text} {CHOSEN if stage == 'localiser' else ''}".strip() if said else ""


def in_brief(stage: str, real: Found) -> str:
    """Say the same in at most two sentences, with n and interval, for the first page; empty as :func:`sentence`."""
    if not sentence(stage, real):
        return ""
    tables = real.tables
    if stage == "methods":
        return in_short.methods_ends(tables["methods"]) or sentence(stage, real)
    if stage == "localiser":
        three = (tables[of] for of in ("localiser", "localiser_differences", "localiser_differences_two_way"))
        return f"{localiser_words.standing(*three, margin=real.margin)} {CHOSEN}"
    return sentence(stage, real)


def section(stage: str, here: Found, real: Found | None) -> str:
    """Make the section that a page ends with: what the shipped run says, and both runs in one table (Markdown)."""
    text = sentence(stage, real)
    if real is None or not text:
        return ""
    of = SHOWN[stage][0]
    files_of = [of, *(table for table in real.tables if table.startswith(f"{of}_"))]
    links = ", ".join(f"{{download}}`{table}.csv <data/{NAME}_{table}.csv>`" for table in files_of)
    return (
        f"## {HEADING}\n\n{text}\n\n{beside(stage, here, real)}\n"
        f"Test split, means over instances with 95 % intervals. *Real recordings*: {sounds(real)}. *From* {links} "
        f"(`results/{NAME}`, with its provenance); `{COMMAND}` makes it again.\n\n"
    )


def front(real: Found | None) -> str:
    """Make the part of the first page that holds the answers of the shipped run (Markdown)."""
    if real is None:
        return f"No run on real recordings ships with this version; `{COMMAND}` makes one.\n"
    pages = {"results": "06_results", "methods": "08_methods", "localiser": "10_localiser"}
    said = {stage: in_brief(stage, real) for stage in pages}
    lines = [f"- {text} ({{doc}}`{pages[stage]}`)" for stage, text in said.items() if text]
    return f"On real recordings ({sounds(real)}):\n\n" + "\n".join(lines) + "\n"


def beside(stage: str, here: Found, real: Found) -> str:
    """Lay out methods of both runs, as a Markdown table."""
    of, rows_of = SHOWN[stage]
    ours, theirs = (
        by_key(one.tables[of], ("method", "rule", "metric"), **{"split": "test", "average": "instance", "class": ALL})
        for one in (here, real)
    )
    head = ["Method", "n", *(METRICS[metric] for metric in _METRICS)]
    titles = [head[0], *(f"{title}, {whose}" for whose in ("this run", "real") for title in head[1:])]
    lines = []
    for title, method, rule in rows_of(real.tables[of]):
        cells = [title]
        for values in (ours, theirs):
            one = [_value(values, method, rule, metric) for metric in _METRICS]
            cells += [number((one[0] or {}).get("n"), 0), *(with_interval(row) for row in one)]
        lines.append(cells)
    return book_pages.table(titles, lines, numbers=True)


def copy(real: Found | None, folder: Path) -> None:
    """Lay the shipped tables where a book's pages offer them."""
    for of in real.tables if real else ():
        target = folder / f"{NAME}_{of}.csv"  # of its own name: the page offers this run's table of that name, too
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project_root() / shipped.FOLDER / NAME / f"{of}.csv", target)


def _value(
    values: Mapping[tuple[str, ...], dict[str, Any]], method: str, rule: str, metric: str
) -> dict[str, Any] | None:
    return values.get((method, rule, metric)) or values.get((method, _ANY, metric))
