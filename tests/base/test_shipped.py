"""Results that the repository ships say who made them, and nothing of the machine's folders."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from igsed_core.base import files, shipped
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A finished stage with a table, in a project."""
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))
    for name in ("book", "results"):
        (tmp_path / "project" / name).mkdir(parents=True)
    (tmp_path / "project" / "Snakefile").touch()
    monkeypatch.setenv("IGSED_PROJECT", str(tmp_path / "project"))
    paths = RunPaths("long")
    record = {
        **{"stage": "ceilings", "key": "0a", "tables": ["ceilings"], "seconds": 1800.0, "commit": "abcdef123456"},
        **{"finished": "2026-11-28T13:00:00+00:00", "params": {"seeds": 5, "soundbank": str(tmp_path / "my" / "bank")}},
    }
    files.write_json(paths.record("ceilings"), record)
    files.write_table(paths.results / "ceilings.csv", pd.DataFrame({"experiment": ["long"], "value": [0.5]}))
    return paths


def test_tables_travel_with_their_provenance(run: RunPaths, tmp_path: Path) -> None:
    target = tmp_path / "project" / "results" / "ceilings"
    assert shipped.table("ceilings", "ceilings") is None
    assert shipped.ship("long", ["ceilings"], target) == ["ceilings"]
    pd.testing.assert_frame_equal(shipped.table("ceilings", "ceilings"), files.read_table(run.results / "ceilings.csv"))
    digest = hashlib.sha256((target / "ceilings.csv").read_bytes()).hexdigest()
    assert json.loads((target / shipped.PROVENANCE).read_text())["sha256"] == {"ceilings": digest}
    said = shipped.said("ceilings", "ceilings")
    assert said == "Run long, finished on 2026-11-28 with commit abcdef1 in 30 minutes."


def test_no_folder_of_the_machine_is_shipped(run: RunPaths, tmp_path: Path) -> None:
    target = tmp_path / "project" / "results" / "ceilings"
    shipped.ship("long", ["ceilings"], target)
    text = (target / shipped.PROVENANCE).read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["stages"]["ceilings"]["params"] == {"seeds": 5, "soundbank": "bank"}


def test_what_is_not_finished_is_not_shipped(run: RunPaths, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match="stage 'audit' of experiment 'long' is not finished: run it"):
        shipped.ship("long", ["audit"], tmp_path / "project" / "results" / "x")
    target = tmp_path / "project" / "results" / "ceilings"
    shipped.ship("long", ["ceilings"], target)
    with pytest.raises(IgsedError, match="tells nothing of stage 'audit'"):
        shipped.said("ceilings", "audit")
