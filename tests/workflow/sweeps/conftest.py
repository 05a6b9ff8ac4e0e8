"""A small sweep, not run, for the tests of reading, planning and reporting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from igsed_core.workflow.sweeps import sweep_file
from igsed_core.workflow.sweeps.sweep_file import Sweep

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Sweep]:
    """Read a sweep file's text, with runs and store in a folder of the test's own."""
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("IGSED_STORE_DIR", raising=False)

    def read(text: str) -> Sweep:
        path = tmp_path / "sweep.yaml"
        path.write_text(text.replace("SMOKE", str(ROOT / "params" / "smoke.yaml")))
        return sweep_file.read(path)

    return read
