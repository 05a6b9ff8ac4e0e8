"""Take the figures of README's table from runs; a test holds README to the file that this writes.

    python benchmarks/readme_figures.py runs/embedded

The first column is that run, one of all chapters of `params/embedded.yaml`; the second the shipped `results/real`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).with_name("readme_figures.csv")
WHERE = {"split": "test", "average": "instance", "metric": "iou", "class": "all"}
COLUMNS = ["row", "run", "value", "ci_low", "ci_high", "n"]
_LOCALISER = {"method": "shifted_cam", "rule": "absence_hmm_edges"}
_APART = {"table": "localiser_differences_two_way", **_LOCALISER}
_CEILINGS = {
    **{"table": "ceilings_differences", "method": "localiser", "rule": "calibrated"},
    "resampled": "clips and source files",
}
_IG = {"table": "differences_two_way", "method": "ig"}
# A row of README's table -> the table of a run, and which row of it.
ROWS = {
    "IG, the paper's percentile": {"table": "detection", "method": "ig"},
    "IG minus random scores": {**_IG, "other_method": "random"},
    "IG minus the energy of the signal": {**_IG, "other_method": "energy"},
    "IG minus FW-WS": {**_IG, "other_method": "fw_ws"},
    "localiser": {"table": "localiser", **_LOCALISER},
    "localiser minus FW-WS, share tuned": {
        **_APART,
        "other_method": "fw_ws",
        "other_rule": "share_of_maximum",
    },
    "localiser minus FW-SS, share tuned": {
        **_APART,
        "other_method": "fw_ss",
        "other_rule": "share_of_maximum",
    },
    "localiser minus a linear detector": {**_CEILINGS, "other_method": "linear", "other_rule": "level+median"},
    "localiser minus a small convolutional one": {**_CEILINGS, "other_method": "tcn", "other_rule": "level+median"},
}
# Named in README's words: what other seeds of its training do to FW-WS.
TRAININGS = ("FW-WS, its worst training", "FW-WS, its best training")


def figures(run: str, results: Path) -> pd.DataFrame:
    """Read the rows of one run."""
    made = []
    for row, place in ROWS.items():
        table = pd.read_csv(results / f"{place['table']}.csv")
        for column, wanted in {**WHERE, **place}.items():
            table = table if column not in table or column == "table" else table[table[column] == wanted]
        if len(table) != 1:
            raise SystemExit(f"{results / place['table']}.csv has {len(table)} rows for {row!r}, not one")
        made.append(table.assign(row=row, run=run)[COLUMNS])
    seeds = pd.read_csv(results / "seeds.csv")
    for column, wanted in {**WHERE, "method": "fw_ws", "varied": ["main", "training"]}.items():
        seeds = seeds[seeds[column].isin(wanted if isinstance(wanted, list) else [wanted])]
    for row, one in zip(TRAININGS, (seeds.nsmallest(1, "value"), seeds.nlargest(1, "value")), strict=True):
        made.append(one.assign(row=row, run=run)[COLUMNS])
    return pd.concat(made, ignore_index=True).round(5)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run, for instance runs/embedded")
    here = parser.parse_args().run / "results"
    table = pd.concat([figures("embedded", here), figures("real", ROOT / "results" / "real")], ignore_index=True)
    table.to_csv(OUT, index=False)
    print(table.to_string())


if __name__ == "__main__":
    main()
