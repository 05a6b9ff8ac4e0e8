"""Snakemake on this machine alone.

As it starts, Snakemake imports the executor of every cluster that is installed. Slurm's takes most of a second, and
asks the cluster's controller: nine seconds on a machine that has Slurm's programs and no controller that answers.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from typing import Any

from igsed_core.base import children

_EXECUTORS = "snakemake_executor_plugin_"


def command(*arguments: str) -> list[str]:
    """Return the command that runs Snakemake with some arguments, on cores of this machine."""
    return children.python("from igsed_core.workflow import local_snakemake; local_snakemake.main()", *arguments)


def main() -> None:
    """Be Snakemake's command line, without the executors of clusters."""
    every = pkgutil.iter_modules

    def others(path: Any = None, prefix: str = "") -> Iterator[pkgutil.ModuleInfo]:
        return (one for one in every(path, prefix) if not one.name.startswith(_EXECUTORS))

    pkgutil.iter_modules = others  # which is how Snakemake finds them, when it is imported
    try:
        from snakemake.cli import main as snakemake
    finally:
        pkgutil.iter_modules = every
    snakemake()
