"""A detector's training step, and the memory of its attention, beside plain PyTorch modules.

    python benchmarks/attention.py            # prints, and writes to benchmarks/results/attention.csv

One thread. The plain network is the same but for its attention, which holds all scores of a clip at once. Memory is the
most that tensors hold during a step, counted by hooks on what autograd saves, so that it does not hang on an allocator.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import pandas as pd
import torch
from torch import Tensor

from igsed_core.models.detectors import banded, plain
from igsed_core.models.detectors.crnn import Crnn, Shape, with_widths

RESULTS = Path(__file__).resolve().parent / "results"
CLASSES = tuple(f"class {i}" for i in range(10))
_ATTEND = banded.attend


def network(shape: Shape) -> Crnn:
    """An untrained network, the same at each call."""
    torch.manual_seed(0)
    return Crnn(CLASSES, shape, torch.zeros(40), torch.ones(40))


def step(model: Crnn, maps: Tensor, targets: Tensor) -> None:
    """One training step, without the optimiser's part."""
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(maps), targets)
    model.zero_grad()
    loss.backward()


def seconds(function: Callable[[], None], repeats: int) -> float:
    """Median processor seconds of a call."""
    taken = []
    for _ in range(repeats + 1):
        began = time.process_time()
        function()
        taken.append(time.process_time() - began)
    return median(taken[1:])


def saved(attend: Callable[..., Tensor], batch: int, frames: int, units: int, width: int) -> float:
    """MiB that autograd keeps from the attention's forward pass for its backward pass."""
    inputs = [torch.randn(batch, frames, units, requires_grad=True) for _ in range(3)]
    weight, bias = torch.randn(units, requires_grad=True), torch.zeros((), requires_grad=True)
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        attend(*inputs, weight, bias, banded.reach(min(width, frames)))
    return sum(kept.values()) / 2**20


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--widths", type=float, nargs="+", default=[0.25, 1.0, 10.0], help="in s")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for frames in options.frames:
        hop = 10.0 / frames
        maps, targets = torch.randn(options.batch, frames, 40), torch.rand(options.batch, frames, len(CLASSES))
        for width in options.widths:
            shape = with_widths(Shape(channels=options.channels, units=options.units), (width,), hop, 10.0)
            in_frames = shape.widths[0] or frames
            row: dict[str, object] = {"frames": frames, "width_s": width, "width_frames": in_frames}
            for name, attend in (("windowed", _ATTEND), ("plain", plain.attend)):
                banded.attend = attend  # type: ignore[assignment]
                model = network(shape).train()
                row[f"{name}_step_s"] = seconds(partial(step, model, maps, targets), options.repeats)
                row[f"{name}_saved_mib"] = saved(attend, options.batch, frames, options.units, in_frames)
            banded.attend = _ATTEND
            row["step_over_plain"] = float(row["windowed_step_s"]) / float(row["plain_step_s"])  # type: ignore[arg-type]
            rows.append(row)
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "attention.csv", index=False)
    print(table.to_string(index=False, float_format="%.3g"))


if __name__ == "__main__":
    main()
