"""The run on real recordings that ships with the project: its tidy tables, and what they were made from."""

from __future__ import annotations

import pandas as pd

from igsed_core.base import shipped

NAME = "time_frequency"


def table(name: str) -> pd.DataFrame | None:
    """Return a tidy table of the shipped run; none where it does not ship.

    Parameters
    ----------
    name
        Of the table.
    """
    return shipped.table(NAME, name)


def said() -> str:
    """Say who made the shipped tables, from which sounds and with which encoder; empty where none ship."""
    record = shipped.record(NAME, NAME)
    return "" if record is None else shipped.said(NAME, NAME)
