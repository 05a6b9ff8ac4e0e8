"""`igsed locate`: speed, memory, first result, beside the framewise output of PANNs; everything in one run.

python benchmarks/locate.py                                          # embedded encoder, generated noise
python benchmarks/locate.py --encoder mn04_as --weights mn04_as_mAP_432.pt
python benchmarks/locate.py --hours 1 2 10                           # memory of such recordings as well
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import soundfile
import torch
from memory import peak_mib
from numpy.typing import NDArray

from igsed_core.base import progress
from igsed_core.data import long_audio
from igsed_core.detection.absence_hmm import Mixture, SoundModel
from igsed_core.detection.localiser import Localiser
from igsed_core.detection.localiser_model import LocaliserModel
from igsed_core.models import heads, sliding
from igsed_core.models.encoders import registry
from igsed_core.models.encoders.cnn14 import Cnn14
from igsed_core.models.frontend import PannsLogMel

RATE = 32_000
CLASSES = tuple(f"class {i}" for i in range(10))
RESULTS = Path(__file__).parent / "results"


def noise(seconds: float) -> Iterator[NDArray[np.float32]]:
    """Blocks of a recording of noise, made once and given again, so that memory is the search's alone."""
    size = round(long_audio.BLOCK * RATE)
    block = (0.1 * np.random.default_rng(0).standard_normal(size)).astype(np.float32)
    left = round(seconds * RATE)
    while left > 0:
        yield block[:left]
        left -= len(block)


def localiser(encoder: str, weights: str) -> Localiser:
    """A localiser of ten classes whose head learned nothing, which serves for time and memory."""
    known = registry.load(encoder, weights)
    head = heads.create("clip_level", known.n_features, list(CLASSES), seed=0).eval().requires_grad_(False)
    absent, present = (
        Mixture(np.array([0.5, 0.5]), np.array([at, at + 0.5]), np.array([0.3, 0.5])) for at in (-0.5, 0.5)
    )
    transitions = np.array([[0.95, 0.05], [0.1, 0.9]])
    sound = SoundModel(absent, present, np.array([0.8, 0.2]), transitions, (-3.0, 3.0), 10, 10)
    calibration = np.tile([1.0, 0.0], (len(CLASSES), 1))
    model = LocaliserModel(
        encoder, known.weights_sha256, head, dict.fromkeys(CLASSES, sound), calibration, 8, sliding.WINDOW
    )
    return Localiser(model, known)


def panns() -> tuple[str, Callable[[float], object]]:
    """The framewise output of PANNs' CNN14, with random weights: the authors' code, or where it is absent ours."""
    try:
        # Without this folder, whose coverage.py is not the one that numba looks for.
        paths = [path for path in sys.path if Path(path).resolve() != Path(__file__).resolve().parent]
        with (
            tempfile.TemporaryDirectory() as home,
            patch.dict(os.environ, HOME=home),
            patch.object(sys, "path", paths),
        ):
            labels = Path(home) / "panns_data" / "class_labels_indices.csv"
            labels.parent.mkdir()  # imported without this file, the package would fetch it
            labels.write_text("index,mid,display_name\n" + "".join(f"{i},/m/{i},class {i}\n" for i in range(527)))
            from panns_inference.models import Cnn14_DecisionLevelMax

            network = Cnn14_DecisionLevelMax(
                sample_rate=RATE, window_size=1024, hop_size=320, mel_bins=64, fmin=50, fmax=14_000, classes_num=527
            ).eval()
        return "panns_inference, framewise", lambda seconds: [network(torch.from_numpy(x)[None]) for x in tens(seconds)]
    except ImportError:
        front, cnn = PannsLogMel(), Cnn14().eval()
        last = torch.nn.Sequential(torch.nn.Linear(2048, 2048), torch.nn.ReLU(), torch.nn.Linear(2048, 527)).eval()

        def framewise(seconds: float) -> object:
            maps = (cnn(front(torch.from_numpy(x)[None])) for x in tens(seconds))
            return [torch.sigmoid(last(one.mean(dim=2).transpose(1, 2))) for one in maps]

        return "CNN14 of this package, framewise (panns_inference is absent)", framewise


def tens(seconds: float) -> Iterator[NDArray[np.float32]]:
    """Pieces of 10 s."""
    for block in noise(seconds):
        yield from (block[at : at + 10 * RATE] for at in range(0, len(block), 10 * RATE))


def speed(options: argparse.Namespace) -> pd.DataFrame:
    """Seconds per hour of audio of each, taking turns: medians, processor time, and ratios to the first."""
    found = localiser(options.encoder, options.weights)
    seconds = 60 * options.minutes
    tasks: dict[str, tuple[float, Callable[[float], object]]] = {
        f"igsed locate, {options.encoder}, {shifts} shifts": (
            seconds,
            lambda length, shifts=shifts: found.of_blocks(noise(length), shifts=shifts).events(),  # type: ignore[misc]
        )
        for shifts in (8, 1)
    }
    if not options.without_panns:
        name, framewise = panns()
        tasks[name] = (min(seconds, 60.0), framewise)
    taken: dict[str, list[tuple[float, float]]] = {task: [] for task in tasks}
    with torch.inference_mode():
        for length, run in tasks.values():
            run(min(length, 20.0))  # what happens once
        for _ in progress.bar(range(options.repeats), desc="speed", unit=" rounds"):
            for task, (length, run) in tasks.items():
                begin, processor = time.perf_counter(), time.process_time()
                run(length)
                taken[task].append(((time.perf_counter() - begin) / length, (time.process_time() - processor) / length))
    cores, rows = len(os.sched_getaffinity(0)), []
    first = next(iter(taken))
    for task, times in taken.items():
        wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(mine[1] / theirs[1] for mine, theirs in zip(times, taken[first], strict=True))
        rows.append((task, 3600 * wall, 3600 * processor, 1 / wall, cores / processor, ratio))
    columns = ["what", "s_per_hour", "processor_s_per_hour", "times_real_time"]
    columns += ["times_real_time_if_all_cores_were_free", "processor_time_over_first"]
    return pd.DataFrame(rows, columns=columns)


def memory(options: argparse.Namespace) -> pd.DataFrame:
    """Most memory of a fresh process that searches a recording of so many hours, in MiB."""
    rows = []
    for hours in options.hours:
        command = [sys.executable, __file__, "--encoder", options.encoder, "--weights", options.weights]
        command += ["--shifts", str(options.shifts), "--memory-of", str(hours)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append((hours, options.shifts, float(done.stdout.split()[-1])))
        progress.tell(f"{hours:g} h: {rows[-1][-1]:.0f} MiB")
    return pd.DataFrame(rows, columns=["hours", "shifts", "peak_mib"])


def memory_of(options: argparse.Namespace) -> float:
    """Search a recording in this process, and say how much memory that took at most, in MiB."""
    curves = localiser(options.encoder, options.weights).of_blocks(
        noise(3600 * options.memory_of), shifts=options.shifts
    )
    curves.events()
    return peak_mib()


def first_result(options: argparse.Namespace) -> pd.DataFrame:
    """Seconds from the command to the events of a recording of 10 s."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        recording, model = Path(folder) / "ten.wav", Path(folder) / "model.igsed"
        soundfile.write(recording, next(noise(10.0))[: 10 * RATE], RATE)
        localiser(options.encoder, options.weights).save(model)
        for i in range(options.repeats):
            command = [sys.executable, "-m", "igsed_core", "locate", str(recording), "--model", str(model)]
            command += ["--weights", options.weights] if options.weights else []
            before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([*command, "--out", f"{folder}/out{i}"], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rows.append((time.perf_counter() - begin, processor))
    wall, processor = (statistics.median(column) for column in zip(*rows, strict=True))
    return pd.DataFrame([(wall, processor)], columns=["seconds_to_first_result", "processor_seconds"])


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--weights", default="")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the recording")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hours", type=float, nargs="*", default=[], help="recordings whose memory is measured")
    parser.add_argument("--parts", nargs="*", choices=["speed", "first_result"], default=["speed", "first_result"])
    parser.add_argument("--without-panns", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument("--shifts", type=int, default=8, help="where memory is measured")
    parser.add_argument("--memory-of", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(memory_of(options))
        return
    parts = {"speed": speed, "first_result": first_result}
    tables = {name: parts[name](options) for name in options.parts}
    if options.hours:
        tables["memory"] = memory(options)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        print(f"\n{name}\n{table.to_string(index=False, float_format='{:.2f}'.format)}")
        table.to_csv(options.out / f"locate_{name}_{options.encoder}.csv", index=False)


if __name__ == "__main__":
    main()
