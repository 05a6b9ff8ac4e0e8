"""How numbers look in a table, and how a table is put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

NONE = "–"
OURS, PAPER = "this run", "paper"

Cells = dict[tuple[str, str], object]


def number(value: Any, digits: int = 2) -> str:
    """Format a number; an en dash stands for one that there is not."""
    if value is None or pd.isna(value):
        return NONE
    text = f"{float(value):.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")


def with_interval(row: Mapping[str, Any] | None, digits: int = 2) -> str:
    """Format ``value [ci_low, ci_high]`` of a tidy row."""
    if row is None or pd.isna(row["value"]):
        return NONE
    if pd.isna(row["ci_low"]):
        return number(row["value"], digits)
    # The space within the brackets does not break: in a narrow column the interval goes to a line of its own.
    low, high = number(row["ci_low"], digits), number(row["ci_high"], digits)
    return f"{number(row['value'], digits)} [{low},\N{NO-BREAK SPACE}{high}]"


def p_value(value: float) -> str:
    """Format the p-value of a test, to three digits at most."""
    return "<0.001" if value < 0.001 else number(value, 3)


def frame(rows: dict[str, Cells], first: str) -> pd.DataFrame:
    """Turn row name -> (group, column) -> cell into a table whose first column holds the row names."""
    table = pd.DataFrame.from_dict(rows, orient="index")
    columns = [("", first), *next(iter(rows.values()))]
    table.insert(0, "first", table.index)
    return table.set_axis(pd.MultiIndex.from_tuples(columns), axis=1).reset_index(drop=True)


def by_key(table: pd.DataFrame, key: tuple[str, ...], **where: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Rows of a tidy table by key; only those with the given values."""
    for column, value in where.items():
        table = table[table[column] == value]
    return {tuple(row[k] for k in key): row for row in records(table)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a tidy table, by the names of its columns."""
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]
