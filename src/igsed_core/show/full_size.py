"""A run of full size beside a page's own: its cells in a table, and what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from igsed_core.show.cells import NONE, by_key, number, with_interval

FULL = "full size"
Row = dict[str, Any]


def keyed(full: pd.DataFrame | None, key: tuple[str, ...]) -> dict[tuple[str, ...], Row]:
    """Rows of a shipped table by key (:func:`igsed_core.show.cells.by_key`); none where it does not ship."""
    return {} if full is None else by_key(full, key)


def counted(row: Row | None, digits: int) -> str:
    """Format a value with its interval and n; an en dash stands for one that there is not."""
    return NONE if row is None else f"{with_interval(row, digits)} (n = {int(row['n'])})"


def beside(large: Mapping[tuple[str, ...], Row], key: tuple[str, ...], digits: int) -> dict[str, object]:
    """Make the cells of a verdict at full size; none where nothing ships.

    Parameters
    ----------
    large
        From :func:`keyed`.
    key
        Of the row.
    digits
        Of the value.
    """
    if not large:
        return {}
    row = large.get(key)
    return {FULL: counted(row, digits), f"verdict, {FULL}": NONE if row is None else row["verdict"]}


def first(full: str, own: str) -> str:
    """Put what the run of full size found before what this run found of the same; alone where none ships.

    Parameters
    ----------
    full, own
        Sentences; an empty ``full`` says that none ships.

    Examples
    --------
    >>> from igsed_core.show.full_size import first
    >>> first("It is 0.9.", "It is 0.4."), first("", "It is 0.4.")
    ('*At full size, in a run that ships with the book:* It is 0.9. *In this run:* It is 0.4.', 'It is 0.4.')
    """
    return f"*At full size, in a run that ships with the book:* {full} *In this run:* {own}" if full else own


def made_from(
    record: Mapping[str, Any] | None, name: str, what: Callable[[Mapping[str, Any]], str], *, alone: bool = False
) -> str:
    """Say what the full-size run is from: parameters, commit, machine, time; or that it does not ship.

    Parameters
    ----------
    record
        From :meth:`igsed_core.base.shipped.Shipped.record`.
    name
        Of its parameter file, without ending.
    what
        Says of the record how large the run was.
    alone
        Nothing else ran on the machine; else its wall time is told as well, and that others used the machine.
    """
    if record is None:
        return f"No run of full size ships with this version; `make book PARAMS=params/{name}.yaml` makes one."
    machine = record["machine"]
    minutes, wall = (number(record[seconds] / 60, 0) for seconds in ("core_seconds", "seconds"))
    shared, within = ("", "") if alone else (", which others used too", f" in {wall}")
    return (
        f"*Full size* is `params/{name}.yaml`, whose tables ship in `{record['folder']}/`: {what(record)}; seed "
        f"{record['params']['seed']}, commit `{record['commit'][:12]}`, PyTorch {record['versions']['torch']}, "
        f"{machine['cores']} cores ({machine['processor']}){shared}: {minutes} minutes of processor time{within}."
    )
