"""Keep the tidy tables of a finished stage in ``results/``, with what they were made from.

A long run's tables ship with the project and stand beside those of a short one: ``python tools/ship_results.py
EXPERIMENT STAGE``.
"""

from __future__ import annotations

import shutil
import sys
from typing import Any

from igsed_core.base import files
from igsed_core.base.paths import RunPaths, project_root

KEPT = (
    "stage",
    "key",
    "params",
    "tables",
    "commit",
    "versions",
    "machine",
    "seconds",
    "core_seconds",
    "finished",
    "figures",
)


def ship(experiment: str, stage: str) -> str:
    """Copy tables and provenance; return the folder, relative to the project.

    Parameters
    ----------
    experiment, stage
        Whose.
    """
    paths = RunPaths(experiment)
    record: dict[str, Any] = files.read_json(paths.record(stage))
    folder = f"results/{stage}"
    place = project_root() / folder
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in record["tables"]:
        shutil.copy(paths.results / f"{name}.csv", place / f"{name}.csv")
    kept = {name: record[name] for name in KEPT}
    files.write_json(place / "provenance.json", {"experiment": experiment, "folder": folder, **kept})
    return folder


if __name__ == "__main__":
    print(ship(*sys.argv[1:3]))
