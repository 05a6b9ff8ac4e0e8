"""The full-size run that ships with the project: its tidy tables, and what they were made from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from igsed_core.base import shipped

NAME = "adversarial"


def table(name: str) -> pd.DataFrame | None:
    """Return a tidy table of the full-size run; none where it does not ship.

    Parameters
    ----------
    name
        Of the table.
    """
    return shipped.table(NAME, name)


def record() -> dict[str, Any] | None:
    """Return commit, parameters, versions, machine and seconds of the full-size run; none where it does not ship."""
    return shipped.record(NAME, NAME)
