"""The benchmarks run and their tables have what their README says; how fast anything is, is not tested."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, *words: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_speed_compares_both_engines_on_the_same_clips(tmp_path: Path) -> None:
    engines = ["captum, 50 points", "db_adaptive, at most 8"]
    words = ["--clips", "2", "--seconds", "0.5", "--classes", "2", "--engines", *engines, "--out", str(tmp_path)]
    assert "matrix products reach" in run("engine.py", "speed", *words)
    table = pd.read_csv(tmp_path / "speed_embedded.csv")
    assert list(table["engine"]) == engines
    assert table["times_captum"].iloc[0] == table["times_captum_processor"].iloc[0] == 1
    assert table["points"].iloc[0] == 50
    assert 1 <= table["points"].iloc[1] <= 8
    assert (table[["maps_per_second", "share_of_peak"]] > 0).all(axis=None)


def test_attention_keeps_memory_of_the_clips_length_and_not_of_its_square(tmp_path: Path) -> None:
    words = ["--frames", "50", "100", "--widths", "1", "10", "--batch", "2", "--repeats", "1", "--out", str(tmp_path)]
    run("attention.py", *words)
    table = pd.read_csv(tmp_path / "attention.csv").set_index(["frames", "width_s"])
    # Twice the frames, twice the memory, whatever the window; all scores at once take four times as much.
    assert table.loc[(100, 10), "windowed_saved_mib"] / table.loc[(50, 10), "windowed_saved_mib"] < 2.1
    assert table.loc[(100, 10), "plain_saved_mib"] / table.loc[(50, 10), "plain_saved_mib"] > 3
    assert table.loc[(100, 10), "windowed_saved_mib"] == table.loc[(100, 1), "windowed_saved_mib"]
    assert (table["step_over_plain"] > 0).all()


def test_locate_is_timed_and_its_memory_measured(tmp_path: Path) -> None:
    words = [
        "--minutes",
        "0.5",
        "--repeats",
        "1",
        "--parts",
        "speed",
        "--without-panns",
        "--hours",
        "0.02",
        "--shifts",
        "1",
    ]
    run("locate.py", *words, "--out", str(tmp_path))
    speed = pd.read_csv(tmp_path / "locate_speed_embedded.csv")
    assert speed["what"].tolist() == [f"igsed locate, embedded, {shifts} shifts" for shifts in (8, 1)]
    assert speed["processor_time_over_first"].iloc[1] < speed["processor_time_over_first"].iloc[0] == 1
    assert (pd.read_csv(tmp_path / "locate_memory_embedded.csv")["peak_mb"] > 50).all()
