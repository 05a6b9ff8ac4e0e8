"""The page of encoders names every encoder of this package, the default and where the weights come from."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from igsed_core.main_job.params import Training
from igsed_core.models.encoders import registry as encoders

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
OWN = sorted(encoders.REGISTRY.own)


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, str]]:
    """Name of an encoder -> title of a column -> cell."""
    lines = (BOOK / "encoders_table.md").read_text(encoding="utf-8").splitlines()
    head, _, *rest = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {cells[0].strip("`"): dict(zip(head, cells, strict=True)) for cells in rest}


def test_every_encoder_has_a_row_and_a_paragraph(rows: dict[str, dict[str, str]]) -> None:
    text = (BOOK / "encoders.md").read_text(encoding="utf-8")
    assert sorted(rows) == OWN
    assert sorted(re.findall(r"^`(\w+)`\n: ", text, flags=re.MULTILINE)) == OWN
    assert f"default is `{Training().encoder}`" in text
    assert all(row["pretrained on"] and row["licence of the weights"] for row in rows.values())


@pytest.mark.parametrize("name", ["embedded", "embedded_mean"])
def test_what_the_table_says_of_a_network_that_ships_is_so(name: str, rows: dict[str, dict[str, str]]) -> None:
    known = encoders.describe(encoders.load(name))
    written = json.loads((Path(encoders.__file__).parent / name / f"{name}.json").read_text(encoding="utf-8"))
    row = rows[name]
    assert row["parameters"] == f"{known['parameters'] / 1e6:.3g} M"
    assert row["GMAC"] == f"{known['gmac_10s']:.3g}"
    assert row["features"] == str(known["n_features"])
    assert f"{len(written['kinds'])} kinds" in row["pretrained on"]
    assert f"{written['settings'].get('pooling', 'max')}" in row["pretrained on"]
    assert ("without the ten classes" in row["pretrained on"]) == (written["settings"].get("ten_classes") is False)


def test_the_script_that_measures_knows_every_encoder() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "measure_encoders.py"))
    assert sorted(script["PUBLISHED"]) == OWN
    assert all(name in OWN and other in OWN for name, other in script["SAME_NETWORK"].items())
