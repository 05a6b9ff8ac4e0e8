"""Take the figures of README's table of two encoders from a run; a test holds README to the file that this writes.

    python benchmarks/readme_figures.py runs/embedded

The run is `igsed run params/embedded.yaml chapters=localiser`, or one of all chapters.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

OUT = Path(__file__).with_name("readme_figures.csv")
COLUMNS = ["table", "encoder", "method", "other_method", "resampled", "value", "ci_low", "ci_high", "n"]
WHERE = {"split": "test", "average": "instance", "metric": "iou", "class": "all"}


def figures(results: Path) -> pd.DataFrame:
    """Read IoU under each encoder, on its own instances, and the differences of the main result."""
    main = json.loads((results.parent / "parameters.json").read_text())["encoder"]
    tables = {name: pd.read_csv(results / f"{name}.csv") for name in ("localiser_encoders", "differences")}
    for name in ("localiser_encoders_differences", "differences_two_way"):
        tables[name] = pd.read_csv(results / f"{name}.csv")
    rows = []
    for name, table in tables.items():
        for column, wanted in WHERE.items():
            table = table[table[column] == wanted]
        if "instances" in table:
            table = table[table["instances"] == "own"]
        if name.startswith("differences"):
            table = table[table["method"] == "ig"]
            resampled = "clips and source files" if name.endswith("two_way") else "clips"
            table = table.assign(encoder=main, resampled=resampled)
        rows.append(table.assign(table=name).reindex(columns=COLUMNS))
    return pd.concat(rows, ignore_index=True).round(5)


def main() -> None:
    """Write the file and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    found = figures(parser.parse_args().run / "results")
    found.to_csv(OUT, index=False)
    print(found.to_string())


if __name__ == "__main__":
    main()
