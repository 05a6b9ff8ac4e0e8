"""The notebooks' parameter cells are those of the dataclasses, and both forms of a notebook say the same."""

from __future__ import annotations

import importlib.util
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jupytext
import pytest

from igsed_core.main_job import figures as main_figures
from igsed_core.show import diagram
from igsed_core.workflow import experiments, stages

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "sync_notebooks.py"


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sync_notebooks", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the book that a test may change."""
    copy = tmp_path / "book"
    shutil.copytree(stages.get("results").source.parent, copy)
    monkeypatch.setattr(stages, "project_root", lambda: tmp_path)
    return copy


def main(tool: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sync_notebooks.py", *words])
    return tool.main()


def test_the_book_is_in_step() -> None:
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python tools/sync_notebooks.py"


@pytest.mark.parametrize("stage", stages.STAGES.values(), ids=lambda stage: stage.name)
def test_parameter_cells_hold_the_defaults(stage: stages.Stage) -> None:
    cells = [c for c in jupytext.read(stage.source).cells if "parameters" in c["metadata"].get("tags", [])]
    assert len(cells) == 1
    values: dict[str, object] = {}
    exec(cells[0]["source"], {}, values)
    assert experiments.build(stage.params, values, source="cell") == stage.params()
    assert list(values) == list(experiments.parameter_fields(stage.params))


@pytest.mark.parametrize("stage", stages.STAGES.values(), ids=lambda stage: stage.name)
def test_notebooks_are_stored_without_outputs_and_define_nothing(stage: stages.Stage) -> None:
    """Functions belong into the package; what a notebook shows belongs to the run."""
    for cell in jupytext.read(stage.source).cells:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            assert cell["execution_count"] is None
            assert not any(line.lstrip().startswith(("def ", "class ")) for line in cell["source"].splitlines())


def test_check_reports_and_writes_nothing(
    tool: ModuleType, book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = book / "06_results.py"
    text.write_text(text.read_text().replace("seed = 2026", "seed = 1"))
    before = {path: path.read_text() for path in book.glob("0*")}
    assert main(tool, monkeypatch, "--check") == 1
    assert capsys.readouterr().out == "out of step: 06_results.py\n"
    assert {path: path.read_text() for path in book.glob("0*")} == before


def test_writing_brings_both_forms_into_step(tool: ModuleType, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {path: path.read_text() for path in book.glob("0*")}
    text = book / "06_results.py"
    text.write_text(text.read_text().replace("seed = 2026", "seed = 1"))
    (book / "05_threshold_sensitivity.ipynb").unlink()
    assert main(tool, monkeypatch) == 0
    assert {path: path.read_text() for path in book.glob("0*")} == wanted
    assert main(tool, monkeypatch, "--check") == 0


def test_an_edited_text_reaches_the_notebook(tool: ModuleType, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (book / "06_results.py").open("a") as stream:
        stream.write("\n# %% [markdown]\n# One word more.\n")
    assert main(tool, monkeypatch, "--check") == 1
    assert main(tool, monkeypatch) == 0
    assert jupytext.read(book / "06_results.ipynb").cells[-1]["source"] == "One word more."


def test_a_notebook_without_a_parameters_cell_is_named(tool: ModuleType, book: Path) -> None:
    (book / "06_results.py").write_text("# %%\n1 + 1\n")
    with pytest.raises(SystemExit, match=r"06_results\.py has no parameters cell"):
        tool.synchronised(stages.get("results"))


def drawn_twice() -> Iterator[tuple[str, str, str, str]]:
    """Pictures of the main job on more than one page: page and words before it; the other page, and its name there."""
    found: dict[str, list[tuple[str, str]]] = {"main_result": [("intro", "")]}  # which the front page shows
    for path in sorted((ROOT / "book").glob("*.py")):
        words = ""
        for cell in re.split(r"(?m)^# %%", path.read_text(encoding="utf-8")):
            if cell.startswith(" [markdown]"):
                words = cell
            for name in re.findall(r"\b(?:figures|diagram)\.(\w+)\(", cell):
                if hasattr(main_figures, name) or hasattr(diagram, name):
                    found.setdefault(name, []).append((path.stem, words))
    for name, places in found.items():
        for (first, _), (page, words) in itertools.pairwise(places):
            yield page, words, first, name


def test_a_picture_that_another_page_shows_says_so() -> None:
    twice = list(drawn_twice())
    assert len(twice) >= 2
    for page, words, first, name in twice:
        assert f"{{doc}}`{first}`" in words, f"{page} shows {name} of {first} and does not say so"
