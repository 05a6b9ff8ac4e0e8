"""Kernels of our own: forked or started, a notebook's outputs are the same."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from igsed_core.base import warm
from igsed_core.workflow import kernels

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
