"""Time and memory of one stage's notebook, with all its processes, on a run whose earlier stages are there.

    python benchmarks/stage.py runs/embedded integrated_gradients
    python benchmarks/stage.py runs/embedded integrated_gradients engine=captum quadrature=gausslegendre n_steps=50

The earlier stages' artefacts are linked into a folder of its own, so that the run itself stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil

from igsed_core.workflow import stages

INTERVAL = 0.1  # s between two looks at the memory


def main() -> None:
    """Run the stage as often as asked and print a row each time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished experiment, for instance runs/embedded")
    parser.add_argument("stage", choices=list(stages.STAGES))
    parser.add_argument("overrides", nargs="*", metavar="name=value", help="parameters to change")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    rows = [measure(options.run.resolve(), options.stage, options.overrides) for _ in range(options.rounds)]
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.4g"))


def measure(run: Path, stage: str, overrides: list[str]) -> dict[str, object]:
    """Execute the stage once, among links to what it reads.

    Returns
    -------
    dict
        ``stage``; ``seconds``, papermill and all; ``pss_mib``, the most memory at a time of all processes with pages
        that several of them use counted once, and ``rss_mib``, with such pages counted each time; ``processes`` at
        that time; the figures that the stage recorded.
    """
    with tempfile.TemporaryDirectory(prefix="igsed-stage-") as folder:
        runs, kept = Path(folder) / "runs", Path(folder) / "store"
        for name in stages.get(stage).upstream:
            entry = (run / "stages" / name).resolve()
            (kept / name).mkdir(parents=True)
            (kept / name / entry.name).symlink_to(entry)
        command = [sys.executable, "-m", "igsed_core", "stage", stage, str(run / "parameters.json"), *overrides]
        started = time.perf_counter()
        process = psutil.Popen(command, env={**os.environ, "IGSED_RUNS_DIR": str(runs), "IGSED_STORE_DIR": str(kept)})
        peak, rss, count = 0, 0, 0
        while process.poll() is None:
            now = [used for used in map(memory, [process, *process.children(recursive=True)]) if used]
            if sum(pss for pss, _ in now) > peak:
                peak, rss, count = sum(pss for pss, _ in now), sum(rss for _, rss in now), len(now)
            time.sleep(INTERVAL)
        if process.returncode:
            raise SystemExit(process.returncode)
        seconds = time.perf_counter() - started
        figures = json.loads((runs / run.name / "stages" / stage / "record.json").read_text())["figures"]
        mib = {"pss_mib": peak / 2**20, "rss_mib": rss / 2**20}
        return {"stage": stage, "seconds": seconds, **mib, "processes": count, **figures}


def memory(process: psutil.Process) -> tuple[int, int] | None:
    """Proportional and resident memory of a process, of one look at it; None if it has just ended."""
    try:
        # Only Linux tells the proportional share.
        told = dict(
            line.split(":", 1) for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        )
        return int(told["Pss"].split()[0]) * 2**10, int(told["Rss"].split()[0]) * 2**10
    except (OSError, KeyError):
        pass
    try:
        used = process.memory_full_info()  # what the process alone uses comes closest
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return used.uss, max(used.uss, used.rss)


if __name__ == "__main__":
    main()
