"""The full-size run that ships with the project: its tidy tables, and what they were made from."""

from __future__ import annotations

import pandas as pd

from igsed_core.base import shipped

NAME = "representations"


def table(name: str) -> pd.DataFrame | None:
    """Return a tidy table of the full-size run; none where it does not ship.

    Parameters
    ----------
    name
        Of the table.
    """
    return shipped.table(NAME, name)


def said() -> str:
    """Say who made the shipped tables; empty where none ship."""
    return "" if shipped.record(NAME, NAME) is None else shipped.said(NAME, NAME)
