"""Measure the encoders and the effect of the analysis window; write the three tables that book/encoders.md shows.

    python scripts/measure_encoders.py [--mn04-as PATH]

CNN14 is measured with random weights: time and memory do not depend on them, and so encoders of one network are
measured once. Every measurement has a process of its own, so that the memory is its own. Times are medians of several
runs by the clock on the wall.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import multiprocessing
import os
import statistics
import time
from collections import ChainMap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igsed_core.base import provenance
from igsed_core.base.files import write_text
from igsed_core.data.soundbank.procedural import CLASSES, synthesize, synthesize_background
from igsed_core.models.encoders import cnn14
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import PannsLogMel

BOOK = Path(__file__).resolve().parents[1] / "book"
SECONDS, RATE = 10, 32_000
BATCH = 8  # clips in one forward pass of the feature frames
THREADS = (1, 2)
# Where the weights come from, and what their authors publish: mean average precision on AudioSet, licence.
PUBLISHED = {
    "cnn14": ("AudioSet, by PANNs' authors", "0.431", "CC BY 4.0"),
    "embedded": ("this package: synthesised, the ten classes among 43 kinds, maximum over time", "–", "MIT"),
    "embedded_mean": ("this package: synthesised, 33 kinds without the ten classes, mean over time", "–", "MIT"),
    "mn04_as": ("AudioSet, by EfficientAT's authors", "0.432", "MIT"),
}
SAME_NETWORK = {"embedded_mean": "embedded"}  # with other weights


def load(name: str, weights: str) -> Encoder:
    """Return an encoder; CNN14 with random weights."""
    if name != "cnn14":
        return encoders.load(name, weights if name == "mn04_as" else "")
    network = cnn14.Cnn14()
    return cnn14.Cnn14Encoder(
        name, PannsLogMel(), network, n_features=2048, frame_duration=0.32, frame_start=0.0, weights_sha256=""
    )


def memory_gb(field: str) -> float:
    """Memory of this process in GB: VmRSS now, or VmHWM, the most since it was reset (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field)]
    return int(line.split()[1]) * 1024 / 1e9


def median(function: Any, runs: int) -> float:
    """Seconds by the clock on the wall: the median of several runs, after one that warms up."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def measure(job: tuple[str, str, str]) -> dict[str, Any]:
    """One measurement of one encoder: the memory of a pass over so many clips, or all times."""
    name, weights, what = job
    torch.set_num_threads(1)
    encoder = load(name, weights)
    x = 0.1 * torch.randn(BATCH, SECONDS * RATE, generator=torch.Generator().manual_seed(0))

    def forward(clips: int = 1) -> None:
        with torch.inference_mode():
            encoder(x[:clips])

    def gradient() -> None:
        leaf = x[:1].clone().requires_grad_(True)
        torch.autograd.grad(encoder(leaf).amax(dim=1).sum(), leaf)

    passes = {"forward": forward, "gradient": gradient, "batch": functools.partial(forward, BATCH)}
    if what in passes:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
        before = memory_gb("VmRSS")
        passes[what]()
        return {f"{what}_memory": memory_gb("VmHWM") - before}
    runs = 9 if name == "cnn14" else 25
    times = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        times |= {f"{kind}_{threads}": median(passes[kind], runs) for kind in ("forward", "gradient")}
    return {**encoders.describe(encoder), **times, "runs": runs, "load": os.getloadavg()[0]}


def hamming(encoder: Encoder) -> Encoder:
    """Return the same encoder behind a Hamming window of the same length and place."""
    changed = copy.deepcopy(encoder)
    if isinstance(changed.frontend, PannsLogMel):
        window = PannsLogMel("hamming").window
    else:
        margin = (changed.frontend.n_fft - 800) // 2  # EfficientAT: 800 samples, symmetric
        window = torch.nn.functional.pad(torch.hamming_window(800, periodic=False), (margin, margin))
    changed.frontend.window.copy_(window)
    return changed


def clips() -> Tensor:
    """Twenty clips: a sound of each class, twice, at a random place over a weak background."""
    rng = np.random.default_rng([0, 0])
    rows = []
    for i, kind in enumerate([*CLASSES, *CLASSES]):
        x = 0.05 * synthesize_background(seed=[0, i], duration=SECONDS, sample_rate=RATE)
        sound = synthesize(kind, seed=[0, i], region="eval", sample_rate=RATE)
        start = rng.integers(x.size - sound.size)
        x[start : start + sound.size] += 0.3 * sound
        rows.append(x)
    return torch.from_numpy(np.stack(rows))


def window_effect(name: str, weights: str, x: Tensor) -> dict[str, float]:
    """How much changes when a network that was trained with Hann hears through Hamming."""
    encoder = load(name, weights)
    other = hamming(encoder)
    with torch.inference_mode():
        level = [10 * torch.log10(e.frontend.power(x).clamp(min=1e-10)) for e in (encoder, other)]
        # A Hamming window passes more power; the constant factor is part of the mismatch.
        difference = (level[1] - level[0])[level[0] > -60]
        features = [e(x) for e in (encoder, other)]
        clip = [f.amax(dim=1) for f in features]
    return {
        "level": float(difference.median()),
        "spread": float((difference - difference.median()).abs().median()),
        "frames": float((features[1] - features[0]).norm() / features[0].norm()),
        "clips": float((clip[1] - clip[0]).norm() / clip[0].norm()),
        "between": float(torch.pdist(clip[0]).median() / clip[0].norm(dim=1).median()),
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows]) + "\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mn04-as", default="", metavar="PATH", help="its checkpoint; empty: fetched")
    weights = parser.parse_args().mn04_as
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        kinds = ("forward", "gradient", "batch", "time")
        names = [name for name in encoders.available() if name not in SAME_NETWORK]
        jobs = [(name, weights, what) for name in names for what in kinds]
        found = pool.map(measure, jobs, chunksize=1)
    measured = [dict(ChainMap(*found[i : i + len(kinds)])) for i in range(0, len(found), len(kinds))]
    print(json.dumps(measured, indent=1))
    of_network = {m["name"]: m for m in measured}
    rows = [
        [
            f"`{name}`",
            pretrained,
            f"{m['parameters'] / 1e6:.3g} M",
            f"{m['gmac_10s']:.3g}",
            precision,
            f"{1 / m['frame_duration']:.3g}",
            str(m["n_features"]),
            licence,
            f"{m['forward_1']:.2g}",
            f"{m['gradient_1']:.2g}",
        ]
        for name, (pretrained, precision, licence) in PUBLISHED.items()
        for m in [of_network[SAME_NETWORK.get(name, name)]]
    ]
    head = ["encoder", "pretrained on", "parameters", "GMAC", "AudioSet mAP", "frames per second", "features"]
    head += ["licence of the weights"]
    write_text(BOOK / "encoders_table.md", table([*head, "forward (s)", "forward and gradient (s)"], rows))

    (cheap,) = (m for m in measured if m["name"] == "mn04_as")
    shown = (("forward", "forward"), ("gradient", "forward and gradient"))
    rows = [
        [
            f"`{m['name']}`, {words}",
            *(f"{m[f'{kind}_{threads}']:.2g}" for threads in THREADS),
            f"{m[f'{kind}_1'] / cheap[f'{kind}_1']:.2g}",
            f"{m[f'{kind}_memory']:.2g}",
            f"{m['batch_memory']:.2g}" if kind == "forward" else "–",
        ]
        for m in measured
        for kind, words in shown
    ]
    head = ["encoder", *(f"{n} thread{'s' * (n > 1)} (s)" for n in THREADS), "times `mn04_as`", "memory (GB)"]
    machine = provenance.machine()
    loads = [m["load"] for m in measured]
    words = (
        f"Clips of {SECONDS} s, one at a time, medians of {min(m['runs'] for m in measured)} to "
        f"{max(m['runs'] for m in measured)} runs, torch {torch.__version__}, {machine['processor']}, "
        f"{machine['cores']} cores. Other work ran beside (load {min(loads):.1f} to {max(loads):.1f}): the ratios are "
        "surer than the seconds."
    )
    write_text(BOOK / "encoders_cost.md", table([*head, f"memory of {BATCH} clips (GB)"], rows) + f"\n{words}\n")

    torch.set_num_threads(1)
    x = clips()
    effects = {name: window_effect(name, weights, x) for name in ("embedded", "mn04_as")}
    print(json.dumps(effects, indent=1))
    rows = [
        [
            f"`{name}`",
            f"{e['level']:.2f}",
            f"{e['spread']:.2f}",
            f"{100 * e['frames']:.1f} %",
            f"{100 * e['clips']:.1f} %",
            f"{100 * e['between']:.0f} %",
        ]
        for name, e in effects.items()
    ]
    head = ["encoder", "level (dB)", "spread about it (dB)", "change of feature frames", "of pooled features"]
    write_text(BOOK / "window_table.md", table([*head, "distance between two clips"], rows))


if __name__ == "__main__":
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    main()
