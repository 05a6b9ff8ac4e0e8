"""Attacks against adv-lib's where both apply; the figures of a whole run are benchmarks/attacks.py's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[3]


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_attacks", ROOT / "benchmarks" / "attacks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recorded_attacks_are_no_weaker_and_per_pass_no_slower_than_adv_libs() -> None:
    found = pd.read_csv(ROOT / "benchmarks" / "attacks.csv")
    assert set(found["attack"]) == {"deepfool", "cw"} and (found["n"] > 0).all()
    assert (found["success"] >= found["success_adv_lib"]).all()
    assert (found["median_ratio"] <= 1.02).all() and (found["times_per_pass"] >= 1).all()


@pytest.fixture(scope="module")
def theirs() -> dict[str, Callable[..., Tensor]]:
    found = benchmark().adv_lib()
    if found is None:
        pytest.skip("adv-lib is not installed (the extra `parity`)")
    return found


class Small(nn.Module):
    """A network that is neither linear nor trained."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(5)
        self.first = torch.randn(60, 32, generator=random) / 60**0.5
        self.second = torch.randn(32, 6, generator=random)

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(4 * x @ self.first) @ self.second


def test_no_weaker_than_adv_lib_at_equal_iterations(theirs: dict[str, Callable[..., Tensor]]) -> None:
    model = Small()
    x = 0.3 * torch.randn(12, 60, generator=torch.Generator().manual_seed(6)).clamp(-3, 3)
    found = benchmark().compare(
        model, x, model(x).argmax(dim=1), theirs, learning_rate=0.005, rounds_of=0, iterations=200, searches=5
    )
    assert (found["n"] == 12).all()
    assert (found["success"] >= found["success_adv_lib"]).all()
    assert (found["median_ratio"] <= 1.02).all(), found
