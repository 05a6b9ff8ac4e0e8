"""The full-size run that ships with the project: its tidy tables, and what they were made from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from igsed_core.base import files
from igsed_core.base.paths import project_root

FOLDER = "results/vocal_percussion"
RECORD = "provenance.json"


def table(name: str) -> pd.DataFrame | None:
    """Return a tidy table of the full-size run; none where it does not ship.

    Parameters
    ----------
    name
        Of the table.
    """
    path = project_root() / FOLDER / f"{name}.csv"
    return files.read_table(path) if path.is_file() else None


def record() -> dict[str, Any] | None:
    """Return commit, parameters, versions, machine and seconds of the full-size run; none where it does not ship."""
    path = project_root() / FOLDER / RECORD
    return files.read_json(path) if path.is_file() else None
