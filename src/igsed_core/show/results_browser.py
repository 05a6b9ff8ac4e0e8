"""The results browser: the rows of all tidy tables in one table, filtered by page, method, metric, class and rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from igsed_core.show import style
from igsed_core.show.explorer import Explorer

FACETS = ("page", "table", "split", "method", "rule", "metric", "class")
NUMBERS = ("value", "ci_low", "ci_high", "n")
COLUMNS = (*FACETS, *NUMBERS, "of")
_SAME = {"class": "label"}  # what some tables call a column
_CODE = Path(__file__).with_name("results_browser.js")


@dataclass(frozen=True, eq=False)
class Tidy:
    """One tidy table.

    Attributes
    ----------
    page
        Title of the page that makes it.
    rows
        The table; ``experiment`` and ``seed`` are not shown.
    """

    page: str
    rows: pd.DataFrame


def long(name: str, table: Tidy) -> pd.DataFrame:
    """Bring a tidy table to the browser's columns, a number per row.

    Where the table has no column ``value``, each of its columns of numbers becomes rows of that ``metric``. What it has
    beside the browser's columns stands in ``of``, as ``name=value``.

    Parameters
    ----------
    name
        The table's name.
    table
        The table.

    Returns
    -------
    pd.DataFrame
        :data:`COLUMNS`

    Examples
    --------
    >>> import pandas as pd
    >>> from igsed_core.show.results_browser import Tidy, long
    >>> rows = pd.DataFrame({"class": ["Dog"], "n": [3], "found": [1.5], "true": [2.0]})
    >>> long("durations", Tidy("Localiser", rows))[["class", "metric", "value", "n"]].values.tolist()
    [['Dog', 'found', 1.5, 3], ['Dog', 'true', 2.0, 3]]
    """
    rows = table.rows.drop(columns=["experiment", "seed"], errors="ignore").reset_index(drop=True)
    for ours, theirs in _SAME.items():
        if ours not in rows and theirs in rows:
            rows = rows.rename(columns={theirs: ours})
    if "value" not in rows:
        numbers = [
            c for c in rows if c not in COLUMNS and pd.api.types.is_numeric_dtype(rows[c]) and rows[c].dtype != bool
        ]
        numbers = numbers or ["n"] * ("n" in rows)
        kept = [c for c in rows if c not in numbers]
        variable = "metric" if "metric" not in rows else "quantity"
        rows = rows.melt(id_vars=kept, value_vars=numbers, var_name=variable, value_name="value") if numbers else rows
    rest = [c for c in rows if c not in COLUMNS]
    rows["of"] = (
        [
            ", ".join(f"{c}={_text(v)}" for c, v in zip(rest, values, strict=True) if not pd.isna(v))
            for values in rows[rest].itertuples(index=False)
        ]
        if rest
        else ""
    )
    rows = rows.assign(page=table.page, table=name)
    return rows.reindex(columns=list(COLUMNS))


def results_browser(tables: Mapping[str, Tidy]) -> Explorer:
    """Make the browser.

    Parameters
    ----------
    tables
        Name -> table.
    """
    # What lists single clips comes last: means are what readers look for.
    filled = [name for name, table in tables.items() if not table.rows.empty]
    order = sorted(filled, key=lambda name: "clip" in tables[name].rows)
    whole = pd.concat([long(name, tables[name]) for name in order], ignore_index=True)
    names: dict[str, list[str]] = {}
    columns: dict[str, list[Any]] = {}
    for column in COLUMNS:
        if column in NUMBERS:
            numbers = pd.to_numeric(whole[column], errors="coerce")
            columns[column] = [float(f"{v:.6g}") if np.isfinite(v) else None for v in numbers]
            continue
        codes, known = pd.factorize(whole[column].fillna("").astype(str))
        names[column], columns[column] = list(known), codes.tolist()
    titles = {method: style.name(method) for method in names["method"] if method}
    data = {"facets": FACETS, "numbers": NUMBERS, "names": names, "columns": columns, "titles": titles}
    text = json.dumps(data, separators=(",", ":"))
    selects = "".join(
        f'<label>{facet} <select data-facet="{facet}"><option value="">all</option></select></label>\n'
        for facet in FACETS
    )
    names_of = {"clear": "all rows", "copy": "Copy", "csv": "CSV"}
    buttons = "".join(
        f'<button type="button" id="igsed-results-{name}">{words}</button>\n' for name, words in names_of.items()
    )
    place = (
        f'<div class="igsed-filters">{selects}{buttons}<span id="igsed-results-said" role="status"></span></div>\n'
        '<div class="igsed-table-frame">'
        '<table id="igsed-results" class="display compact igsed-results"></table></div>\n'
        "<noscript>Here all tables can be filtered, if JavaScript is on; the files below hold the same.</noscript>"
    )
    parsed = f"window.igsedResults = JSON.parse({json.dumps(text)});\n"  # browsers read this faster than a literal
    return Explorer(place, parsed + _CODE.read_text(encoding="utf-8"))


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
