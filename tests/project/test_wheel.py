"""The package as it is installed: a wheel, tried in a folder that is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000
NETWORK = """
import torch
class Net(torch.nn.Module):
    sample_rate, classes = 16_000, ("power",)
    def forward(self, x):
        return x.square().mean(dim=1, keepdim=True)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the wheel alone; what it needs is that of this environment."""
    pytest.importorskip("setuptools", reason="the wheel is built by setuptools, which is absent here")
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "src"):
        (source / name).symlink_to(ROOT / name)
    # What setuptools leaves beside its sources goes elsewhere.
    words = ["egg_info", "--egg-base", root, "build", "--build-base", root / "build", "bdist_wheel", "-d", root]
    code = f"import sys, setuptools; sys.argv = ['setup.py', *{[str(word) for word in words]}]; setuptools.setup()"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (wheel,) = root.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root / "site")
    return root / "site"


def igsed(installed: Path, work: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "IGSED_STORE_DIR": str(work / "store")}
    environment["OMP_NUM_THREADS"] = "1"
    command = [sys.executable, "-m", "igsed_core", *words]
    return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_holds_what_the_code_reads(installed: Path) -> None:
    there = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    package = ROOT / "src" / "igsed_core"
    wanted = {
        f"igsed_core/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= there
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "igsed = igsed_core.workflow.cli:main" in entry.read_text()


def test_commands_for_recordings_work_outside_a_checkout(installed: Path, tmp_path: Path) -> None:
    rng, time = np.random.default_rng(0), np.arange(2 * RATE) / RATE
    for i in range(18):
        sound = 0.001 * rng.standard_normal(time.size)
        if i % 2:
            sound += 0.3 * np.sin(2 * np.pi * 440 * time) * (time > 0.7)
        folder = tmp_path / "clips" / ("tone" if i % 2 else "none")
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{i}.wav", sound, RATE)
    rows = [("a.wav", 4.0, 6.0, "tone")]
    quiet, tone = 0.001 * rng.standard_normal(4 * RATE), 0.3 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", np.concatenate([quiet, tone, quiet]), RATE)
    columns = ["filename", "onset", "offset", "event_label"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "truth.tsv", sep="\t", index=False)
    (tmp_path / "net.py").write_text(NETWORK)
    for words in (
        ["train", "clips", "--encoder", "embedded", "--out", "m.igsed"],
        ["locate", "a.wav", "--model", "m.igsed", "--classes", "tone", "--out", "found"],
        ["evaluate", "found", "truth.tsv"],
        ["explain", "a.wav", "--model", "net:Net", "--rule", "otsu", "--out", "explained"],
    ):
        done = igsed(installed, tmp_path, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    (found,) = pd.read_csv(tmp_path / "found" / "events.tsv", sep="\t").itertuples()
    assert abs(found.onset - 4) < 0.5 and abs(found.offset - 6) < 0.5
    (event,) = pd.read_csv(tmp_path / "explained" / "events.tsv", sep="\t").itertuples()
    assert (event.onset, event.offset) == (4.0, 6.0)


def test_the_stages_say_that_they_need_a_checkout(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("experiment: mine\n")
    done = igsed(installed, tmp_path, "run", "p.yaml")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "clone" in done.stderr or "checkout" in done.stderr
