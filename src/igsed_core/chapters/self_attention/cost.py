"""What a training step takes beside plain PyTorch modules, as ``benchmarks/attention.py`` measured it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from igsed_core.base import files
from igsed_core.show.cells import number, records

PLACE = Path(__file__).parent / "step_cost.csv"
OTHERS = {"plain": "scores all pairs of a clip and masks them", "gathered": "copies every frame's window together"}


def measured() -> pd.DataFrame:
    """Return the table that ``benchmarks/attention.py --record`` wrote: a row per size of network and window."""
    return files.read_table(PLACE)


def said(table: pd.DataFrame) -> str:
    """Say how a training step, and the memory of its attention, stand to the same network in plain modules.

    Parameters
    ----------
    table
        From :func:`measured`.
    """
    sizes, widths = table["case"].nunique(), table["width_s"].nunique()
    ratios = []
    for name, words in OTHERS.items():
        ratio = table[f"{name}_over_windowed"].dropna()
        ends = " to ".join(number(one, 1) for one in (ratio.min(), ratio.max()))
        ratios.append(f"{ends} times as long where it {words} (n = {len(ratio)})")
    longest = max(records(table), key=lambda row: float(row["plain_peak_mib"]))
    mine = table[table["case"] == longest["case"]]
    held = " to ".join(number(one, 1) for one in (mine["windowed_peak_mib"].min(), mine["windowed_peak_mib"].max()))
    return (
        "A training step of the same network in plain PyTorch modules, with attention written out, takes "
        f"{' and '.join(ratios)}: medians in one process, on one thread, of {sizes} sizes of network and {widths} "
        "windows; where windows would not fit in memory they were not copied. Attention allocates "
        f"{held} MiB at once for {int(longest['batch'])} clips of {int(longest['frames'])} frames, by its window, and "
        f"{number(longest['plain_peak_mib'], 0)} MiB with all pairs (`benchmarks/attention.py`)."
    )
