"""Every cell of the matrix of faults has its tests or its reason, and the book shows what there is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fault_matrix
from igsed_core.base import paths, plugins
from igsed_core.data import assets, audio
from tiny_bank import RATE, put, tone

TESTS = fault_matrix.ROOT / "tests"


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_kind_has_every_place() -> None:
    assert set(fault_matrix.CELLS) == {(kind, place) for kind in fault_matrix.KINDS for place in fault_matrix.PLACES}


def test_every_test_is_there_and_they_are_enough() -> None:
    named = [(kind, *test) for (kind, _), cell in fault_matrix.CELLS.items() for test in fault_matrix.tests_of(cell)]
    there = {file: functions(TESTS / file) for file in fault_matrix.MODULES.values()}
    assert [(file, name) for _, file, name in named if name not in there[file]] == []
    assert len(set(named)) >= 120


def test_what_cannot_occur_has_a_reason() -> None:
    reasons = [cell for cell in fault_matrix.CELLS.values() if not fault_matrix.tests_of(cell)]
    assert all(len(reason) > 35 and reason.endswith(".") for reason in reasons)


def test_the_page_is_in_step() -> None:
    assert fault_matrix.PAGE.read_text(encoding="utf-8") == fault_matrix.table(), "run python tests/fault_matrix.py"


# --- cells that have no other module -----------------------------------------------------------------------


def test_addresses_are_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_MIRROR", "http://mirror/my%20files/")
    for name in assets.REGISTRY:
        address = assets.source(assets.get(name))
        assert address.startswith("http://mirror/my%20files/")
        assert not set(address) & set(" ()[]{}'\"")


@pytest.mark.parametrize("text", ["ig,cam", " ig , cam ", "ig,,cam,", "ig, cam, ig", "\tig,\ncam"])
def test_names_in_a_list_may_have_blanks_around_them(text: str) -> None:
    assert plugins.names_in(text, "methods", ["cam", "ig", "ixg"]) == ("ig", "cam")


@pytest.mark.parametrize("suffix", [".WAV", ".Flac", ".oGG"])
def test_a_suffix_in_capitals_is_a_suffix(suffix: str, tmp_path: Path) -> None:
    path = put(tmp_path / f"a{suffix}", tone(440, 0.2))
    assert len(audio.read(path)[0]) == round(0.2 * RATE)


def test_a_folder_behind_a_link_is_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    found = set()
    for name in ("place", "link", "./place/../link/", "place//"):
        monkeypatch.setenv("IGSED_RUNS_DIR", f"{tmp_path}/{name}")
        found.add(paths.runs_dir())
    assert found == {tmp_path / "place"}
