"""The page "Add your own method", followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "add_a_method.md").read_text()
_BLOCKS = re.findall(r"```(?:python|bash)\n(.*?)```", PAGE, flags=re.DOTALL)
_FILES = re.findall(r"`((?:src|tests)/[\w/]+\.py)`", PAGE)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the file, the line and the test that the page gives."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", root)
    code, line, test, _ = _BLOCKS
    new_file, registry, new_test = _FILES[:3]
    assert not (root / new_file).exists()
    (root / new_file).write_text(code)
    (root / new_test).write_text(test)
    text = (root / registry).read_text()
    name = re.search(r"^class (\w+)", code, flags=re.MULTILINE).group(1)  # type: ignore[union-attr]
    text = text.replace(
        "\n# A line", f"from igsed_core.attribution.registry.{Path(new_file).stem} import {name}\n\n# A line", 1
    )
    text, n = re.subn(r"(REGISTRY: dict\[str, Entry\] = \{\n)", rf"\1    {line}", text)
    assert n == 1
    (root / registry).write_text(text)
    return root


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=copy, env=environment, check=False, capture_output=True, text=True
    )


def test_the_tests_that_the_page_names_pass(copy: Path) -> None:
    tests = ["tests/test_weighted_level.py", "tests/test_methods.py"]
    for name in tests:
        assert name in _BLOCKS[-1]
    done = run(copy, "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", "weighted_level or silence_has_no_level")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_code_is_in_the_house_style(copy: Path) -> None:
    done = run(copy, "ruff", "check", "--config", str(ROOT / "pyproject.toml"), _FILES[0])
    assert done.returncode == 0, done.stdout


def test_the_new_method_has_a_name_a_colour_and_a_place_in_the_study(copy: Path) -> None:
    told = (
        "from igsed_core.chapters.methods import study as method_study; from igsed_core.show import style;"
        "name = 'weighted_level';"
        "print(style.name(name), style.colour(name), name in method_study.chosen('all'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    done = subprocess.run([sys.executable, "-c", told], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["Weighted", "level", "#E69F00", "True"]
