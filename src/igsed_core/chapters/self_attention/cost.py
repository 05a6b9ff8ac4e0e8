"""What a training step takes beside plain PyTorch modules, as ``benchmarks/attention.py`` measured it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from igsed_core.base import files

PLACE = Path(__file__).parent / "step_cost.csv"


def measured() -> pd.DataFrame:
    """Return the table that ``benchmarks/attention.py --record`` wrote: a row per size of network and window."""
    return files.read_table(PLACE)
