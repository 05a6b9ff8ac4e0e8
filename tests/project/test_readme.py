"""README's figures are those of the file that runs left (`benchmarks/readme_figures.py`), and its words follow them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from igsed_core.show import cells, claims

ROOT = Path(__file__).resolve().parents[2]
README = " ".join((ROOT / "README.md").read_text().split())
FIGURES = pd.read_csv(ROOT / "benchmarks" / "readme_figures.csv")
RUNS = ("embedded", "real")


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_figures", ROOT / "benchmarks" / "readme_figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row_of(title: str, run: str) -> dict[str, object]:
    rows = FIGURES[(FIGURES["row"] == title) & (FIGURES["run"] == run)]
    assert len(rows) == 1, (title, run)
    return dict(rows.iloc[0])


@pytest.mark.parametrize("title", script().ROWS)
def test_the_table_is_that_of_the_runs(title: str) -> None:
    digits = 3 if "minus" in title else 2
    wanted = [cells.with_interval(row_of(title, run), digits).replace("\N{NO-BREAK SPACE}", " ") for run in RUNS]
    assert f"| {title} | {wanted[0]} | {wanted[1]} |" in README


def test_instances_are_counted_as_in_the_runs() -> None:
    for run, words in (("embedded", "`embedded_mean`"), ("real", "`mn04_as`")):
        in_table = FIGURES["row"].isin(script().ROWS)  # another training detects other instances
        (n,) = set(FIGURES.loc[in_table & (FIGURES["run"] == run), "n"])
        assert f"{words}, {n} instances" in README


def test_the_column_of_real_recordings_is_that_of_the_shipped_tables() -> None:
    found = script().figures("real", ROOT / "results" / "real")
    ours = FIGURES[FIGURES["run"] == "real"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, ours, check_dtype=False)


def test_what_a_seed_does_to_fw_ws_is_that_of_the_run() -> None:
    worst, best = (f"{float(str(row_of(title, 'embedded')['value'])):.2f}" for title in script().TRAININGS)
    assert f"trainings of FW-WS reached {worst} instead of {best} by the percentile" in README


# What README's words claim -> of which row, and the verdicts that they rest on: embedded run, real recordings.
CLAIMS = {
    "IG tells when better than chance": ("IG minus random scores", claims.ABOVE, claims.ABOVE),
    "it is not told apart from energy in the embedded run, and below it on real recordings": (
        *("IG minus the energy of the signal", claims.NOT_TOLD_APART, claims.BELOW),
    ),
    "it is above FW-WS on both banks": (
        "localiser minus FW-WS, share tuned",
        claims.ABOVE,
        claims.ABOVE,
    ),
    "and not told apart from FW-SS": (
        *("localiser minus FW-SS, share tuned", claims.NOT_TOLD_APART, claims.NOT_TOLD_APART),
    ),
}


@pytest.mark.parametrize("words", CLAIMS)
def test_words_follow_the_figures(words: str) -> None:
    title, *verdicts = CLAIMS[words]
    assert words in README
    assert [claims.verdict_on(row_of(title, run), margin=claims.MARGIN) for run in RUNS] == verdicts


def test_what_time_stamps_buy_is_what_the_rows_say() -> None:
    linear, network = "localiser minus a linear detector", "localiser minus a small convolutional one"
    assert "in the embedded run both detectors that learned from them are above the localiser" in README
    for title in (linear, network):
        assert claims.verdict_on(row_of(title, "embedded"), margin=claims.MARGIN) == claims.BELOW
    assert "On real recordings neither is told apart from it" in " ".join(README.split())
    for title in (linear, network):
        assert claims.verdict_on(row_of(title, "real"), margin=claims.MARGIN) == claims.NOT_TOLD_APART
