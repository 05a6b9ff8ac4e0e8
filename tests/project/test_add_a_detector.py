"""The page "Add a detector", followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "add_a_detector.md").read_text()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for before, text in re.findall(r"(.*?)```python\n(.*?)```", PAGE, flags=re.DOTALL):
        path = root / re.findall(r"`((?:src|tests)/[\w/]+\.py)`", before)[-1]
        if path.name == "scored.py":
            entry = "".join(f"        {line}\n" for line in text.splitlines())
            new, n = re.subn(
                r"(= Registry\(\n.*?\n    \{\n)", lambda m, e=entry: m.group(1) + e, path.read_text(), flags=re.DOTALL
            )
            assert n == 1
            path.write_text(new)
        else:
            assert not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return root


def run(copy: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=copy, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_test_passes_and_its_code_is_in_the_house_style(copy: Path) -> None:
    said = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/models/test_one_second.py")
    assert "1 passed" in said
    files = [f"src/igsed_core/{name}" for name in ("models/detectors/one_second.py", "detection/one_second.py")]
    run(
        copy,
        "-m",
        "ruff",
        "check",
        "--config",
        str(ROOT / "pyproject.toml"),
        *files,
        "src/igsed_core/detection/scored.py",
    )


def test_it_is_trained_gives_scores_and_has_a_name(copy: Path) -> None:
    program = (
        "import numpy as np, torch; from igsed_core.detection import one_second, scored; torch.manual_seed(0);"
        "targets = (torch.rand(12, 40, 1) < 0.3).float(); maps = torch.randn(12, 40, 40) + 3 * targets;"
        "network = one_second.fit((maps[:8], targets[:8]), (maps[8:], targets[8:]), ['Bell'], hop=0.05, seed=1);"
        "found = one_second.scores(network, maps[8:], np.array(list('abcd')), ['Bell'], hop=0.05);"
        "right = ((found.values > 0.5) == targets[8:, :, 0].numpy().astype(bool)).mean();"
        "print(found.values.shape, found.step, right > 0.9, scored.of('one_second').title)"
    )
    assert run(copy, "-c", program).strip() == "(4, 40) 0.05 True One second"
