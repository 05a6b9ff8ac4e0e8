"""Draw damaged files for minutes, where the tests draw a few: parameter files, tables, sounds, banks, weights, records.

    python benchmarks/fuzz.py --minutes 10

What is drawn, and what must hold, stands in ``tests/workflow/test_fault_properties.py`` and in the tests of parameter
files, banks and tables beside it. The exit status is 1 if anything was found; hypothesis prints the smallest example.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULE = "tests/workflow/test_fault_properties.py"
EXAMPLES = 200
_DRAWN = re.compile(r"(\d+) passing\D+\d+ failing\D+(\d+) invalid")


def main() -> int:
    """Read the command line and draw; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seeds = random.Random(options.seed)
    until = time.monotonic() + 60 * options.minutes
    rounds = drawn = 0
    while time.monotonic() < until:
        seed = seeds.randrange(2**31)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics"]
        done = subprocess.run(
            [*command, "--hypothesis-profile=default", f"--hypothesis-seed={seed}", MODULE],
            cwd=ROOT,
            env={**os.environ, "IGSED_FUZZ_EXAMPLES": str(EXAMPLES)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(done.stdout[-6000:], done.stderr[-2000:], f"found with the seed {seed}", sep="\n")
            return 1
        rounds += 1
        drawn += sum(int(passing) + int(invalid) for passing, invalid in _DRAWN.findall(done.stdout))
        print(f"{rounds} rounds, {drawn} examples: nothing found", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
