"""README's figures of two encoders are those of the file that a run left (`benchmarks/readme_figures.py`)."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from igsed_core.show import cells, claims

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text().replace("\n", " ")
FIGURES = pd.read_csv(ROOT / "benchmarks" / "readme_figures.csv")
ENCODERS, TWO_WAY = ("embedded", "embedded_mean"), "clips and source files"
# A row of README's table -> method and, of a difference, the other one.
ROWS = {
    "IG, the paper's percentile": ("ig", None),
    "CAM minus IG": ("cam", "ig"),
    "localiser minus FW-WS, level tuned with time labels": ("shifted_cam", "fw_ws"),
    "localiser minus FW-SS, level tuned with time labels": ("shifted_cam", "fw_ss"),
}


def figure(table: str, encoder: str, method: str, other: str | None = None, resampled: str | None = None) -> pd.Series:
    """The row of the file, by its key."""
    rows = FIGURES[(FIGURES["table"] == table) & (FIGURES["encoder"] == encoder) & (FIGURES["method"] == method)]
    rows = rows[rows["other_method"] == other] if other else rows
    rows = rows[rows["resampled"] == resampled] if resampled else rows
    assert len(rows) == 1, (table, encoder, method, other)
    return rows.iloc[0]


def written(row: pd.Series) -> str:
    return cells.with_interval(row).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("title", ROWS)
def test_the_table_of_two_encoders_is_that_of_the_run(title: str) -> None:
    method, other = ROWS[title]
    if other is None:
        wanted = [cells.number(figure("localiser_encoders", one, method)["value"]) for one in ENCODERS]
    else:
        found = (figure("localiser_encoders_differences", one, method, other, TWO_WAY) for one in ENCODERS)
        wanted = [written(row) for row in found]
    assert f"| {title} | {wanted[0]} | {wanted[1]} |" in README


def test_instances_are_counted_as_in_the_run() -> None:
    for encoder in ENCODERS:
        n = figure("localiser_encoders", encoder, "ig")["n"]
        assert f"`{encoder}`, {n:.0f} instances" in README


def test_sentences_say_what_the_run_found() -> None:
    words = {claims.ABOVE: "it is above", claims.NOT_TOLD_APART: "not told apart from FW-SS"}
    for encoder in ENCODERS:
        row = figure("localiser_encoders_differences", encoder, "shifted_cam", "fw_ss", TWO_WAY)
        ours, theirs = (figure("localiser_encoders", encoder, m)["value"] for m in ("shifted_cam", "fw_ss"))
        sentence = next(s for s in re.split(r"(?<=\.) ", README) if f"Under `{ENCODERS[1]}`" in s)
        assert words[claims.verdict_on(row)] in sentence
        assert cells.number(ours) in sentence and cells.number(theirs) in sentence
    clips = figure("differences", ENCODERS[0], "ig", "energy", "clips")
    both = figure("differences_two_way", ENCODERS[0], "ig", "energy", TWO_WAY)
    assert (claims.verdict_on(clips), claims.verdict_on(both)) == (claims.BELOW, claims.NOT_TOLD_APART)
    assert f"IG minus energy {written(clips)}" in README and f"({written(both)})" in README
