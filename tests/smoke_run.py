"""One small run of everything, with the book made from it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class SmokeRun:
    """The smoke parameters, run to the rendered book by the command that README names."""

    runs: Path
    data: Path
    output: str

    @property
    def root(self) -> Path:
        """Folder of the experiment."""
        return self.runs / "smoke"

    def stage(self, name: str) -> Path:
        """Folder of one stage's artefacts."""
        return self.root / "stages" / name

    @property
    def html(self) -> Path:
        """Folder of the rendered book."""
        return self.root / "book" / "_build" / "html"

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which a command sees this run."""
        return {**os.environ, "IGSED_RUNS_DIR": str(self.runs), "IGSED_DATA_DIR": str(self.data)}

    def igsed(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Call the command line on this run."""
        command = [sys.executable, "-m", "igsed_core", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=check, capture_output=True, text=True, timeout=3000
        )
