"""Kernels of our own: their environment; forked or started, a notebook's outputs are the same."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from igsed_core.base import children, warm
from igsed_core.workflow import kernels

# Page faults of filling 64 MB ten times, once after the other.
FAULTS = """
import resource
import numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(8 * 2**20)
before = faults()
for _ in range(10):
    np.ones(8 * 2**20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="variables of the GNU C library")
def test_memory_that_was_freed_is_used_again() -> None:
    with kernels._environment_of_a_kernel({}):
        done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64 * 2**20 / os.sysconf("SC_PAGESIZE")  # of one time; without the variables, of ten


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    with kernels._environment_of_a_kernel({}):
        assert os.environ["MALLOC_TRIM_THRESHOLD_"] == "1000"
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


CELLS = (
    "import pooch  # imports tqdm, which warns in a kernel without ipywidgets",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "import torch\ntorch.arange(3).sum().item(), torch.get_num_threads()",
    "1 / 0",
)


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Outputs of the cells, of a kernel that starts by itself and of one that is forked."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    source = tmp_path / "source.ipynb"
    nbformat.write(notebook, source)
    for name in warm.THREADS:
        monkeypatch.setenv(name, "1")
    found: list[object] = []
    with kernels.warm_ones() as further:
        for address in ("", further.get(warm.VARIABLE, "")):
            usage = tmp_path / f"usage{len(found)}"
            variables = {warm.VARIABLE: address, warm.USAGE_VARIABLE: str(usage)}
            target = tmp_path / "target.ipynb"
            with pytest.raises(kernels.CellFailed, match="ZeroDivisionError") as failed:
                kernels.fill(source, target, {}, execute=True, variables=variables)
            assert failed.value.kind == "ZeroDivisionError"
            assert usage.exists() == bool(address)
            cells = [cell for cell in nbformat.read(target, 4).cells if cell.source in CELLS]
            found.append([[dict(output) for output in cell.outputs] for cell in cells])
    return found


def test_a_forked_kernel_shows_what_one_that_starts_by_itself_does_and_no_warning(outputs: list[list[object]]) -> None:
    alone, forked = outputs
    assert forked == alone
    assert alone[0] == []
    assert "image/png" in str(alone[1]) and "(3, 1)" in str(alone[2])


def test_stages_are_forked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts a stage has the server's variables, as far as a library reads them when it is imported."""
    with kernels.warm_ones() as further:
        variables = {**children.environment(further), **dict.fromkeys(warm.THREADS, "1")}
        command = warm.asking([sys.executable, "-c", "import sys; print('torch' in sys.modules)"])
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
