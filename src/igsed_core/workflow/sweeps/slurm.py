"""Jobs of a sweep in Slurm's queue: which are its own, and their end."""

from __future__ import annotations

import shutil
import subprocess

from igsed_core.base import store
from igsed_core.base.progress import tell
from igsed_core.workflow.sweeps.sweep_file import Sweep


def job_prefix(sweep: Sweep) -> str:
    """What the names of a sweep's jobs on a cluster begin with; another folder's sweep of that name has another."""
    return f"igsed-{sweep.name[:30]}-{store.digest(str(sweep.folder))[:6]}"


def in_queue(sweep: Sweep) -> list[str] | None:
    """Numbers of a sweep's jobs that wait or run; None, which is said, where Slurm does not answer."""
    if not shutil.which("squeue"):
        return None
    asked = subprocess.run(["squeue", "--me", "-h", "-o", "%i %j"], check=False, capture_output=True, text=True)
    if asked.returncode:
        said = " ".join(asked.stderr.split()) or f"status {asked.returncode}"
        tell(f"igsed: squeue does not answer ({said}): whether jobs of an earlier call still run is not known")
        return None
    rows = [line.split(maxsplit=1) for line in asked.stdout.splitlines()]
    return [row[0] for row in rows if len(row) == 2 and row[1].startswith(job_prefix(sweep))]


def cancel_left(sweep: Sweep) -> list[str]:
    """Cancel jobs that a killed call left in Slurm's queue, so that nothing is done twice; return their numbers.

    Jobs that are not known of are done twice, which harms nobody.
    """
    left = in_queue(sweep) or []
    if left:
        of_them = f"{len(left)} jobs of an earlier call are" if len(left) > 1 else "a job of an earlier call is"
        tell(f"igsed: {of_them} still there: cancelled, what they had to do is done anew")
        subprocess.run(["scancel", *left], check=False)
    return left
