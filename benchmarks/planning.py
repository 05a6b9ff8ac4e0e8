"""Time and memory of planning a sweep, and of the graph that Snakemake then makes of a group of its jobs.

python benchmarks/planning.py                    # 1,000 experiments of 20 shards, ours alone
python benchmarks/planning.py --snakemake 2000   # and how long Snakemake takes to plan so many jobs
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import peak_mib

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Plan, and print a row for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--snakemake", type=int, default=0, help="jobs of the group that Snakemake is to plan")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="igsed-planning-") as folder:
        os.environ.update(IGSED_RUNS_DIR=f"{folder}/runs", IGSED_DATA_DIR=f"{folder}/data")
        text = (
            f"sweep: planning\nbase: {ROOT / 'params' / 'smoke.yaml'}\nshards: {options.shards}\nshard_seconds: 0\n"
            f"grid: {{seed: 1..{options.experiments}}}\n"
        )
        path = Path(folder) / "sweep.yaml"
        path.write_text(text)
        measure(path, options.snakemake)


def measure(path: Path, most_jobs: int) -> None:
    """Plan a sweep file's experiments; hand a first group of them to Snakemake."""
    from igsed_core.workflow.sweeps import driver, plan, sweep_file

    started = time.perf_counter()
    sweep = sweep_file.read(path)
    made = plan.make(sweep)
    found = plan.estimate(made)
    groups = list(made.groups(most_jobs or driver.MOST_JOBS))
    seconds, mib = time.perf_counter() - started, peak_mib()
    print(f"ours: {len(sweep.experiments)} experiments, {found.jobs} jobs, {seconds:.1f} s, {mib:.0f} MiB")
    if most_jobs:
        sweep.folder.mkdir(parents=True)
        driver.write_batch(made, groups[0])
        number = sum(1 for _ in made.jobs(groups[0]))
        command = [*driver.snakemake(sweep, ROOT / "profiles" / "local", 1), "--dry-run"]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"snakemake: {number} jobs of one group, {seconds:.1f} s, {mib:.0f} MiB", file=sys.stdout)


if __name__ == "__main__":
    main()
