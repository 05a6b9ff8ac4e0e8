"""Where things lie: the project, the artefacts of a run, the cache of sounds and weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from igsed_core.base.errors import IgsedError


def project_root() -> Path:
    """Return the folder that holds ``book/`` and the Snakefile.

    The variable ``IGSED_PROJECT`` names it; else it is looked for above this file (an editable install), then above
    the working directory.

    Raises
    ------
    IgsedError
        If there is none.
    """
    if os.environ.get("IGSED_PROJECT"):
        return Path(os.environ["IGSED_PROJECT"]).resolve()
    for start in (Path(__file__).resolve(), Path.cwd() / "x"):
        for folder in start.parents:
            if (folder / "book").is_dir() and (folder / "Snakefile").is_file():
                return folder
    raise IgsedError("the project's folder was not found: work inside a clone of the repository")


def runs_dir() -> Path:
    """Folder of all experiments: ``$IGSED_RUNS_DIR``, else ``runs/`` in the project."""
    return Path(os.environ.get("IGSED_RUNS_DIR") or project_root() / "runs").resolve()


def data_dir() -> Path:
    """Cache of prepared sound banks and fetched weights: ``$IGSED_DATA_DIR``, else ``data/``."""
    return Path(os.environ.get("IGSED_DATA_DIR") or project_root() / "data").resolve()


def store_dir() -> Path:
    """The content-addressed store: ``$IGSED_STORE_DIR``; else in runs kept elsewhere, or ``store/`` in the project."""
    if os.environ.get("IGSED_STORE_DIR"):
        return Path(os.environ["IGSED_STORE_DIR"]).resolve()
    return runs_dir() / ".store" if os.environ.get("IGSED_RUNS_DIR") else (project_root() / "store").resolve()


@dataclass(frozen=True)
class RunPaths:
    """The folders and files of one experiment."""

    experiment: str

    @property
    def root(self) -> Path:
        """``runs/<experiment>``."""
        return runs_dir() / self.experiment

    def stage(self, name: str) -> Path:
        """Folder of one stage's artefacts: a link into the store."""
        return self.root / "stages" / name

    def record(self, stage: str) -> Path:
        """What a finished stage says of itself: parameters, key, seconds, versions."""
        return self.stage(stage) / "record.json"

    @property
    def notebooks(self) -> Path:
        """Executed notebooks."""
        return self.root / "notebooks"

    @property
    def results(self) -> Path:
        """All tidy tables of the run, ``<table>.csv``."""
        return self.root / "results"

    @property
    def book(self) -> Path:
        """Staged sources of the book and, in ``_build/html``, the book."""
        return self.root / "book"

    def marker(self, stage: str, key: str) -> Path:
        """File whose existence says that a stage's notebook was executed to its end under ``key``."""
        return self.root / ".done" / f"{stage}-{key}.json"
