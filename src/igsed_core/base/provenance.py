"""Who made this: versions, commit, machine."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root

PACKAGES = (
    *("torch", "torchaudio", "captum", "scaper", "numpy", "scipy", "pandas", "soundfile"),
    *("papermill", "jupytext", "snakemake", "jupyter-book", "matplotlib", "seaborn"),
)


@functools.cache
def environment() -> dict[str, Any]:
    """Return versions, commit and machine as a mapping for a record.

    Returns
    -------
    dict
        ``versions`` (package -> version), ``commit`` (with ``+changes`` if the tree is dirty, ``unknown``
        outside a repository) and ``machine`` (processor, cores, memory in GiB, system).
    """
    return {"versions": _versions(), "commit": commit(), "machine": machine()}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit() -> str:
    """Return the commit of the project's repository."""
    try:
        root = project_root()
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (IgsedError, OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    # In a hook git's own variables name another repository than the one that is asked for.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout.strip()


def machine() -> dict[str, Any]:
    """Describe the machine without naming it: processor, cores, memory, system, GPU."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
