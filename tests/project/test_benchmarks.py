"""The benchmarks run and their tables have what their README says; how fast anything is, is not tested."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from igsed_core.chapters.self_attention import cost

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


def test_attention_takes_memory_of_the_clips_length_and_not_of_its_square(tmp_path: Path) -> None:
    words = ["--frames", "100", "400", "--widths", "1", "10", "--repeats", "1", "--out", str(tmp_path)]
    run("attention.py", *words)
    table = pd.read_csv(tmp_path / "attention.csv").set_index(["frames", "width_s"])
    # Four times the frames: four times the memory, whatever the window; of all scores at once more than ten times.
    for width in (1, 10):
        assert table.loc[(400, width), "windowed_peak_mib"] / table.loc[(100, width), "windowed_peak_mib"] < 4.1
        assert table.loc[(400, width), "plain_peak_mib"] / table.loc[(100, width), "plain_peak_mib"] > 10
    assert table.loc[(400, 10), "plain_peak_mib"] > 10 * table.loc[(400, 10), "windowed_peak_mib"]
    assert (table["plain_over_windowed"] > 0).all()


def test_the_recorded_step_is_no_slower_than_plain_modules_at_any_size_and_window() -> None:
    table = cost.measured()
    assert len(table) >= 9 and table["case"].nunique() >= 3 and table["width_s"].nunique() >= 3
    assert (table["plain_over_windowed"] >= 1).all() and not (table["gathered_over_windowed"] < 1).any()
    ratio = table["plain_step_s"] / table["windowed_step_s"]
    assert (ratio - table["plain_over_windowed"]).abs().max() < 0.01


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
    assert speed["processor_time_over_first"].iloc[0] == 1  # how much less the other takes, a quiet machine must say
    assert (speed["processor_time_over_first"] > 0).all()
    assert (pd.read_csv(tmp_path / "locate_memory_embedded.csv")["peak_mib"] > 50).all()
