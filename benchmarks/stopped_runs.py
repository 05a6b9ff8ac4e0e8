"""Stop runs at random moments, and see that the next command ends with what an undisturbed run makes.

    python benchmarks/stopped_runs.py params/smoke.yaml chapters=none --moments 30

Each moment is a run in a folder of its own that is ended by ``kill -9``, SIGTERM or Ctrl-C, on a disk that becomes full
(where a file system in memory may be mounted, by ``unshare``), or that has another run of the same experiment beside
it. Then the same command is given again. A line says what became of it; the exit status is 1 if any moment ends
otherwise than the undisturbed run. ``--lanes`` says how many moments go on side by side (a full disk is one for all of
them, so that those moments come one by one); ``--known FILE`` keeps what an undisturbed run ends with for other calls.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

FULL = "full disk"
KINDS = ("SIGKILL", "SIGTERM", "SIGINT", FULL, "two at once")
SIZE = 1500  # MB of the file system in memory
_MEASURED = ("seconds", "speed", "cost")  # names of what is measured by a clock hold one of these


@dataclass(frozen=True)
class Project:
    """What is run, and where.

    Attributes
    ----------
    arguments
        Parameter file and overrides.
    folder
        Each run has a folder in it.
    environment
        Variables beside the caller's.
    """

    arguments: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, log: Path) -> subprocess.Popen[bytes]:
        """Start ``igsed run`` in the folder ``name``."""
        own = {"IGSED_RUNS_DIR": str(self.folder / name / "runs"), "IGSED_DATA_DIR": str(self.folder / name / "data")}
        with log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "igsed_core", "run", *self.arguments],
                env={**os.environ, **self.environment, **own},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, name: str, log: Path) -> int:
        """Run to the end and return the exit status."""
        return self.start(name, log).wait()


@dataclass(frozen=True)
class Outcome:
    """What became of one moment.

    Attributes
    ----------
    kind, moment
        How and when, in seconds from the start, the run was stopped.
    first, again
        Exit status of the run that was stopped, and of the same command given again.
    stages
        Stages that had finished before.
    differences
        Files that are not those of the undisturbed run.
    said
        The last line that the first run printed.
    """

    kind: str
    moment: float
    first: int
    again: int
    stages: int
    differences: tuple[str, ...]
    said: str

    @property
    def good(self) -> bool:
        """Whether nothing was lost and nothing is wrong."""
        return self.again == 0 and not self.differences

    def line(self) -> str:
        """Return all of it in a line."""
        found = "the same bytes" if self.good else f"DIFFERENT: {', '.join(self.differences[:5]) or 'it failed again'}"
        return (
            f"{self.kind:12} at {self.moment:6.2f} s, {self.stages:2} stages finished, exit {self.first:4}, "
            f"then {self.again}: {found} | {self.said}"
        )


def contents(runs: Path) -> dict[str, str]:
    """Return a digest of every result of the experiments in a folder: tables, arrays, sounds, heads, records.

    What is measured by a clock is left out, and of a page whatever it prints.
    """
    found: dict[str, str] = {}
    for place in sorted(runs.glob("*/*")):
        if place.parent.name.startswith(".") or place.name not in ("stages", "results", "notebooks"):
            continue
        for folder, _, names in os.walk(place, followlinks=True):
            for name in sorted(names):
                path = Path(folder) / name
                if not name.startswith(".") and name != "contents.json":  # sizes, of tables of seconds too
                    found[path.relative_to(runs).as_posix()] = hashlib.sha256(_without_clock(path)).hexdigest()
    return found


def _without_clock(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".csv":
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        measured = [name for name in table if any(word in name for word in _MEASURED)]
        return table.drop(columns=measured).to_csv().encode()
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            kept = [name for name in archive.files if not any(word in name for word in _MEASURED)]
            return b"".join(name.encode() + archive[name].tobytes() for name in kept)
    if path.name == "record.json":
        record = json.loads(content)
        figures = {k: v for k, v in record["figures"].items() if not any(word in k for word in _MEASURED)}
        return json.dumps([record["key"], record["uses"], record["params"], record["tables"], figures]).encode()
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
        return json.dumps([[cell["source"], cell["execution_count"], len(cell["outputs"])] for cell in cells]).encode()
    return content


def leftovers(folder: Path) -> list[str]:
    """Temporary files that lie in the folders of finished stages."""
    return [str(path) for path in (folder / "runs" / ".store").glob("*/*/.*tmp*")]


def disturb(project: Project, kind: str, moment: float, number: int, undisturbed: dict[str, str]) -> Outcome:
    """Run, stop the run in one way at one moment, run again, and compare."""
    name = f"{number:03d}"
    folder = project.folder / name
    folder.mkdir()
    log = folder / "log"
    first = project.start(name, log)
    until = time.monotonic() + moment
    with contextlib.suppress(subprocess.TimeoutExpired):
        first.wait(moment)
    time.sleep(max(0.0, until - time.monotonic()))
    ballast = project.folder / "ballast"
    if kind == FULL:
        full = threading.Event()
        filler = threading.Thread(target=_fill, args=(ballast, full))
        filler.start()
        first.wait()
        full.set()
        filler.join()
        ballast.unlink(missing_ok=True)
    elif kind != "two at once":
        first.send_signal(getattr(signal, kind))
        first.wait()
    stages = len(list((folder / "runs").glob("*/.done/*.json")))
    said = _last_line(log)
    again = project.run(name, folder / "log2")
    first.wait()
    if again:
        print((folder / "log2").read_text(errors="replace"), file=sys.stderr)
    now = contents(folder / "runs")
    changed = {path for path in {*now, *undisturbed} if now.get(path) != undisturbed.get(path)}
    outcome = Outcome(kind, moment, first.returncode, again, stages, (*sorted(changed), *leftovers(folder)), said)
    if outcome.good:
        shutil.rmtree(folder)
    return outcome


def _fill(ballast: Path, done: threading.Event) -> None:
    """Keep the disk full."""
    with ballast.open("ab", buffering=0) as stream:
        size = 2**20
        while not done.is_set():
            try:
                stream.write(b"\0" * size)
            except OSError:
                size = max(1, size // 2)
                if size == 1:
                    done.wait(0.02)
                    size = 4096


def _last_line(log: Path) -> str:
    words = log.read_text(errors="replace").replace("\r", "\n").splitlines()
    told = [line for line in words if line.startswith("igsed: ") and not line.endswith("...")]
    return (told or words or [""])[-1][:160]


def main() -> int:
    """Read the command line and disturb runs; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="+", metavar="PARAMS [name=value ...]")
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--kinds", default=",".join(KINDS), help="by commas, by default all: %(default)s")
    parser.add_argument("--lanes", type=int, default=1, help="moments side by side")
    parser.add_argument("--known", type=Path, help="file of what an undisturbed run ends with; written if not there")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    mounted = os.environ.get("IGSED_MOUNTED")
    if mounted is None and shutil.which("unshare"):
        # A disk of our own that becomes full, which only this process and its children see.
        with tempfile.TemporaryDirectory() as place:
            mount = f'mount -t tmpfs -o size={SIZE}m tmpfs {place} && IGSED_MOUNTED={place} exec "$@"'
            command = ["unshare", "-rm", "sh", "-c", mount, "sh", sys.executable, *sys.argv]
            if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode == 0:
                return subprocess.run(command, check=False).returncode
    # A shell ignores Ctrl-C for what it starts in the background, and its children would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = [kind for kind in options.kinds.split(",") if mounted or kind != FULL]
    arguments = [os.path.abspath(options.arguments[0]), *options.arguments[1:]]
    with contextlib.ExitStack() as stack:
        folder = Path(mounted or options.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        project = Project(arguments, folder)
        if options.known and options.known.exists():
            lasts, undisturbed = json.loads(options.known.read_text())
        else:
            began = time.monotonic()
            (folder / "log").touch()
            if project.run("undisturbed", folder / "log"):
                print((folder / "log").read_text(), file=sys.stderr)
                return 1
            lasts, undisturbed = time.monotonic() - began, contents(folder / "undisturbed" / "runs")
            print(f"an undisturbed run: {lasts:.1f} s, {len(undisturbed)} files", flush=True)
            if options.known:
                options.known.write_text(json.dumps([lasts, undisturbed]))
        draw = random.Random(options.seed)
        moments = [(kinds[i % len(kinds)], draw.uniform(0, lasts), i) for i in range(options.moments)]
        outcomes: list[Outcome] = []

        def one(moment: tuple[str, float, int]) -> None:
            outcomes.append(disturb(project, *moment, undisturbed))
            print(outcomes[-1].line(), flush=True)

        with ThreadPoolExecutor(max(1, options.lanes)) as lanes:
            list(lanes.map(one, (moment for moment in moments if moment[0] != FULL)))
        for moment in moments:
            if moment[0] == FULL:
                one(moment)
        bad = sum(not outcome.good for outcome in outcomes)
        print(f"{len(outcomes) - bad} of {len(outcomes)} moments ended with the bytes of an undisturbed run")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
