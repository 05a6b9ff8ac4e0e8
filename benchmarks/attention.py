"""A training step of page 18's detector, and the memory of its attention, beside the same in plain PyTorch modules.

    python benchmarks/attention.py            # prints, and writes to benchmarks/results/attention.csv
    python benchmarks/attention.py --record   # writes the table that page 18 quotes (step_cost.csv of its package)

One thread. The plain network has the same weights in the modules that PyTorch offers (``nn.Conv2d`` as it lies in
memory by default, ``nn.GRU``, ``nn.Linear``) and writes attention out: ``plain`` scores all pairs of a clip and masks
those outside the window, ``gathered`` copies every frame's window together (``unfold``). Both give the same logits,
which is checked before anything is timed. All take their turn in each round, so that a busy machine slows all alike;
medians are over rounds.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import pandas as pd
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from igsed_core.models.detectors import banded, plain
from igsed_core.models.detectors.crnn import Crnn, SelfAttention, Shape, with_widths

RESULTS = Path(__file__).resolve().parent / "results"
CLASSES = tuple(f"class {i}" for i in range(10))
DURATION = 10.0  # s
MOST_GATHERED = 2**26  # scores times units, beyond which windows are not gathered: each copy takes 256 MiB


@dataclass(frozen=True)
class Size:
    """Soundscapes in a step, frames of each, channels of a convolution, units of GRU and attention."""

    batch: int
    frames: int
    channels: int
    units: int


SIZES = {
    "default run": Size(8, 100, 16, 16),
    "full size": Size(16, 200, 16, 16),
    "full size, frames half as long": Size(16, 400, 16, 16),
    "released code, 4 soundscapes": Size(4, 500, 64, 64),
}
WIDTHS = (0.3, 1.0, DURATION)  # s, the default run's


def gathered(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor, window: tuple[int, int]
) -> Tensor:
    """Attention on copies of every frame's window: memory linear in its width; shapes as in ``plain.attend``."""
    time = query.shape[1]
    before, after = (min(side, time - 1) for side in window)

    def windows(x: Tensor) -> Tensor:  # (batch, time, n) -> (batch, time, n, before + 1 + after)
        return nn.functional.pad(x, (0, 0, before, after)).unfold(1, before + 1 + after, 1)

    hidden = torch.tanh(query[..., None] + windows(key))
    share = torch.sigmoid(torch.einsum("btuw,u->btw", hidden, weight) + bias).exp()
    share = share * windows(torch.ones_like(value[:1, :, :1]))[:, :, 0]
    return torch.einsum("btnw,btw->btn", windows(value), share / share.sum(dim=2, keepdim=True))


Attend = Callable[..., Tensor]
WRITTEN_OUT: Mapping[str, Attend] = {"plain": plain.attend, "gathered": gathered}


class Plain(nn.Module):
    """The network of some weights, in plain modules.

    Parameters
    ----------
    model
        Whose weights; with attention of one head.
    attend
        The attention, written out.
    """

    def __init__(self, model: Crnn, attend: Attend) -> None:
        super().__init__()
        assert isinstance(model.attention, SelfAttention)
        self.attend = attend
        self.mean, self.std = model.mean, model.std
        blocks = copy.deepcopy(model.blocks)
        self.blocks = blocks.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.recurrent, self.head, self.out = (
            copy.deepcopy(one) for one in (model.recurrent, model.attention, model.out)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """``(batch, time, n_mels) -> (batch, time, n_classes)``."""
        x = self.blocks(((maps - self.mean) / self.std)[:, None])
        x, _ = self.recurrent(x.permute(0, 2, 1, 3).flatten(2))
        head = self.head
        found = self.attend(head.query(x), head.key(x), x, head.weight, head.bias, head.window(x.shape[1]))
        logits: Tensor = self.out(found)
        return logits


def step(model: nn.Module, maps: Tensor, targets: Tensor) -> None:
    """One training step, without the optimiser's part."""
    loss = nn.functional.binary_cross_entropy_with_logits(model(maps), targets)
    model.zero_grad()
    loss.backward()


def seconds(steps: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each, in turns; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats + 1):
        for name, one in steps.items():
            began = time.process_time()
            one()
            taken[name].append(time.process_time() - began)
    return {name: median(each[1:]) for name, each in taken.items()}


def attention(attend: Attend, size: Size, window: tuple[int, int]) -> Callable[[], None]:
    """Forward and backward pass of the attention alone."""
    inputs = [torch.randn(size.batch, size.frames, size.units, requires_grad=True) for _ in range(3)]
    weight, bias = torch.randn(size.units, requires_grad=True), torch.zeros((), requires_grad=True)
    return lambda: attend(*inputs, weight, bias, window).sum().backward()


def peak_mib(function: Callable[[], None]) -> float:
    """Most MiB that are allocated at once during a call, beyond what was before it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        function()
    with tempfile.TemporaryDirectory() as folder:
        watched.export_chrome_trace(f"{folder}/trace.json")
        events = json.loads(Path(folder, "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    known = sorted((one for one in events if one.get("name") == "[memory]"), key=lambda one: one["ts"])
    held = [int(one["args"]["Total Allocated"]) for one in known]
    before = held[0] - int(known[0]["args"]["Bytes"])
    return (max(held) - before) / 2**20


def measure(case: str, size: Size, width: float, repeats: int) -> dict[str, object]:
    """Time and weigh one size and width."""
    hop = DURATION / size.frames
    shape = with_widths(Shape(channels=size.channels, units=size.units, dropout=0.0), (width,), hop, DURATION)
    torch.manual_seed(0)
    model = Crnn(CLASSES, shape, torch.zeros(40), torch.ones(40))
    assert isinstance(model.attention, SelfAttention)
    window = model.attention.window(size.frames)
    scores = size.batch * size.frames * size.units * min(sum(window) + 1, 2 * size.frames - 1)
    others = {name: Plain(model, one) for name, one in WRITTEN_OUT.items() if name == "plain" or scores < MOST_GATHERED}
    maps = torch.randn(size.batch, size.frames, 40)
    targets = torch.rand(size.batch, size.frames, len(CLASSES))
    with torch.no_grad():
        wanted = model.eval()(maps)
        assert all(torch.allclose(one.eval()(maps), wanted, atol=1e-4) for one in others.values()), "networks differ"
    networks: dict[str, nn.Module] = {"windowed": model, **others}
    taken = seconds({name: partial(step, one.train(), maps, targets) for name, one in networks.items()}, repeats)
    attends = {"windowed": banded.attend, **WRITTEN_OUT}
    held = {name: peak_mib(attention(attends[name], size, window)) for name in networks}
    row: dict[str, object] = {"case": case, "frames": size.frames, "batch": size.batch, "units": size.units}
    row |= {"width_s": width, "width_frames": min(width / hop, size.frames)}
    for name in attends:
        row[f"{name}_step_s"], row[f"{name}_peak_mib"] = taken.get(name), held.get(name)
    for name, one in taken.items():
        row[f"{name}_over_windowed"] = one / taken["windowed"]
    row.pop("windowed_over_windowed")
    return row


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--frames", type=int, nargs="*", default=[], help="in place of sizes")
    parser.add_argument("--widths", type=float, nargs="+", default=list(WIDTHS), help="in s")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--record", action="store_true", help="write the table that page 18 quotes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = {name: SIZES[name] for name in options.sizes}
    if options.frames:
        sizes = {f"{frames} frames": Size(8, frames, 16, 16) for frames in options.frames}
    rows = [measure(case, size, width, options.repeats) for case, size in sizes.items() for width in options.widths]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="%.3g"))
    if options.record:
        from igsed_core.chapters.self_attention import cost

        place = cost.PLACE
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        place = options.out / "attention.csv"
    table.to_csv(place, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
