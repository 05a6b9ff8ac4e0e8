"""Integrated Gradients on the mel map against Captum: time, memory and quality, in one run on the same clips.

    python benchmarks/engine.py speed                        # embedded encoder, generated clips
    python benchmarks/engine.py growth                       # more clips, classes, points
    python benchmarks/engine.py quality --run runs/embedded  # soundscapes and head of an experiment
    python benchmarks/engine.py speed --encoder cnn14 --random --clips 1 --seconds 3
    python benchmarks/engine.py speed --encoder mn04_as --weights mn04_as_mAP_432.pt --head clip_level.safetensors \
        --soundscapes soundscapes --predictions predictions.csv
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from material import Clips, load_classifier, load_clips
from memory import peak_mib
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.attribution.ig import engines as registry
from igsed_core.attribution.ig.base import Attribution
from igsed_core.attribution.ig.decibel import MelPathIntegratedGradients
from igsed_core.base import devices, progress
from igsed_core.base.files import read_table
from igsed_core.metrics import frames
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders

CAPTUM: tuple[str, dict[str, Any]] = ("captum", {"quadrature": "gausslegendre", "n_steps": 50})
ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "captum, 50 points": CAPTUM,
    "mel_path, captum's 50 points": ("mel_path", {"quadrature": "gausslegendre", "n_steps": 50}),
    "db_midpoint, 12 points": ("mel_path", {"quadrature": "db_midpoint", "n_steps": 12}),
    "db_midpoint, 16 points": ("mel_path", {"quadrature": "db_midpoint", "n_steps": 16}),
    "db_adaptive, at most 8": ("mel_path", {"quadrature": "db_adaptive", "n_steps": 8}),
    "db_adaptive, at most 10": ("mel_path", {"quadrature": "db_adaptive", "n_steps": 10}),
    "db_adaptive, at most 16": ("mel_path", {"quadrature": "db_adaptive", "n_steps": 16}),
    "db_adaptive, at most 24": ("mel_path", {"quadrature": "db_adaptive", "n_steps": 24}),
    "db_adaptive, 10 in any case": ("mel_path", {"quadrature": "db_adaptive", "n_steps": 10, "tolerance": 0.0}),
    "db_adaptive, 10, bfloat16": ("mel_path", {"quadrature": "db_adaptive", "n_steps": 10, "precision": "bfloat16"}),
    "db_adaptive, 10 in any case, bfloat16": (
        "mel_path",
        {"quadrature": "db_adaptive", "n_steps": 10, "tolerance": 0.0, "precision": "bfloat16"},
    ),
    "db_midpoint, 16, bfloat16": ("mel_path", {"quadrature": "db_midpoint", "n_steps": 16, "precision": "bfloat16"}),
}
QUALITY: tuple[tuple[str, int, str], ...] = (
    # Captum's own default, by the engine that is tested to give the same.
    ("gausslegendre", 50, "float32"),
    *(("db_midpoint", n, "float32") for n in (12, 16, 32)),
    ("db_gauss", 16, "float32"),
    *(("db_adaptive", n, "float32") for n in (8, 10, 16, 24)),
    ("db_midpoint", 16, "bfloat16"),
)
REFERENCE_FLOOR = -120.0  # dB; so deep that nothing is left out
STEP = 0.01  # s


def main() -> None:
    """Run one part, write and print its table."""
    options = parse()
    torch.set_num_threads(options.threads)
    classifier = load_classifier(options)
    clips = load_clips(options, classifier)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.part == "speed":
        table = speed(classifier, clips, options)
        name = f"speed_{options.encoder}.csv"
    elif options.part == "growth":
        table = growth(classifier, clips, options)
        name = f"growth_{options.encoder}.csv"
    else:
        table = quality(classifier, clips, options)
        name = f"quality_{options.encoder}.csv"
    table.to_csv(options.out / name, index=False)
    print(table.to_string(index=False, float_format="%.4g"))
    print(f"\nwritten to {options.out / name}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("speed", "growth", "quality"))
    parser.add_argument("--run", type=Path, help="folder of an experiment that has been trained: gives what follows")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--weights", default="")
    parser.add_argument("--random", action="store_true", help="an untrained encoder, for time alone: no checkpoint")
    parser.add_argument("--head", type=Path, help="a clip-level head; without it an untrained one, for time alone")
    parser.add_argument("--soundscapes", type=Path, help="folder of soundscapes; without it bursts of noise")
    parser.add_argument("--predictions", type=Path, help="which classes were detected in which clip")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of generated clips")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), help="those of the table to time")
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 2, 3], help="classes a clip, for speed")
    parser.add_argument("--rounds", type=int, default=1, help="how often each clip is timed")
    parser.add_argument("--batch", type=int, default=8, help="mel maps in a forward pass (captum: waveforms)")
    parser.add_argument("--reference", type=int, default=400, help="points of the reference, for quality")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda"), help="auto: CUDA where there is one"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"))
    options = parser.parse_args()
    options.device = str(devices.choose(options.device))
    if options.run:
        parameters = json.loads((options.run / "parameters.json").read_text())
        options.encoder, options.weights = parameters["encoder"], parameters["weights"]
        options.head = options.run / "stages" / "training" / "heads" / "clip_level.safetensors"
        options.predictions = options.run / "stages" / "training" / "predictions.csv"
        options.soundscapes = options.run / "stages" / "data_synthesis"
    return options


def create(engine: tuple[str, dict[str, Any]], batch: int) -> registry.Engine:
    """Create an engine of the table above."""
    name, settings = engine
    return registry.create(name, **settings, **{"internal_batch_size" if name == "captum" else "batch": batch})


# --- speed
def speed(classifier: Classifier, clips: Clips, options: argparse.Namespace) -> pd.DataFrame:
    """Time every engine on every clip, one after the other on each clip, so that a busy machine hits all alike."""
    peak = matrix_product_peak(options.device)
    print(f"{options.threads} thread(s), matrix products reach {peak / 1e9:.0f} GFLOP/s")
    seconds = clips.waveforms.shape[1] / classifier.encoder.frontend.sample_rate
    forward = 2e9 * encoders.describe(classifier.encoder)["gmac_10s"] * seconds / 10  # operations of a forward pass
    n_outputs = len(classifier.head.classes)
    tables = []
    for n_classes in options.classes:
        # The detected classes first, then as many others as are asked for.
        wanted = [(c + [k for k in range(n_outputs) if k not in c])[:n_classes] for c in clips.classes]
        rows = []
        made = {
            name: create(ENGINES[name], options.batch)
            for name in options.engines
            if "bfloat16" not in name or devices.has_bfloat16(options.device)
        }
        for engine in list(made.values())[1:]:
            engine(classifier, clips.waveforms[0], wanted[0][:1])  # what happens once is not part of any time
        everything = [(r, i, name) for r in range(options.rounds) for i in range(len(wanted)) for name in made]
        for _, i, name in progress.bar(everything, desc=f"speed, {n_classes} class(es)"):
            started, processor = time.perf_counter(), clock(options.device)
            result = made[name](classifier, clips.waveforms[i], wanted[i])
            error = result.completeness_error.median().item()  # a GPU is waited for
            seconds, processor = time.perf_counter() - started, clock(options.device) - processor
            rows.append((name, i, seconds, processor, error, result.n_steps))
        timed = pd.DataFrame(rows, columns=["engine", "clip", "seconds", "processor", "error", "points"])
        tables.append(summary(timed, n_classes, forward, peak, options))
    return pd.concat(tables, ignore_index=True)


def summary(
    timed: pd.DataFrame, n_classes: int, forward: float, peak: float, options: argparse.Namespace
) -> pd.DataFrame:
    """Medians over clips, and ratios to Captum on the same clip."""
    captum = timed[timed["engine"] == timed["engine"].iloc[0]]
    rows = []
    for name, mine in timed.groupby("engine", sort=False):
        # A backward pass to the input costs as many operations as a forward pass; Captum has one of each a class.
        passes = 2 * n_classes if name == captum["engine"].iloc[0] else 1 + n_classes
        rows.append(
            {
                "engine": name,
                "classes": n_classes,
                "maps_per_second": n_classes / mine["seconds"].median(),
                "times_captum": np.median(captum["seconds"].to_numpy() / mine["seconds"].to_numpy()),
                "times_captum_processor": np.median(captum["processor"].to_numpy() / mine["processor"].to_numpy()),
                "points": mine["points"].mean(),
                "error_median": mine["error"].median(),
                "error_mean": mine["error"].mean(),
                "share_of_peak": (
                    (forward * passes * mine["points"] / mine["processor"]).median() * options.threads / peak
                ),
                "peak_memory_mib": memory(options, ENGINES[str(name)], n_classes),
            }
        )
    return pd.DataFrame(rows)


def matrix_product_peak(device: str, size: int = 1024) -> float:
    """Floating-point operations a second of a large matrix product on this run's threads, or its GPU."""
    a, b = torch.randn(2, size, size, device=device).unbind()
    times = []
    for _ in range(10):
        started = clock(device)
        (a @ b)[0, 0].item()
        times.append(clock(device) - started)
    return 2 * size**3 / min(times) * (1 if device == "cuda" else torch.get_num_threads())


def clock(device: str) -> float:
    """Seconds of the processor, which a busy machine changes little; on a GPU those of the wall."""
    return time.perf_counter() if device == "cuda" else time.process_time()


# --- growth
def growth(classifier: Classifier, clips: Clips, options: argparse.Namespace) -> pd.DataFrame:
    """Processor time and memory as clips, classes and points grow, by midpoints over decibels."""
    rows = []
    n_outputs = len(classifier.head.classes)
    cases = [
        *(("clips", n, 1, 16) for n in (1, 2, 4, 8) if n <= len(clips.waveforms)),
        *(("classes", 1, n, 16) for n in (1, 2, 3, 5, 8) if n <= n_outputs),
        *(("points", 1, 1, n) for n in (4, 16, 64, 256)),
    ]
    for grows, n_clips, n_classes, n_steps in progress.bar(cases, desc="growth"):
        engine = MelPathIntegratedGradients(quadrature="db_midpoint", n_steps=n_steps, batch=options.batch)
        engine(classifier, clips.waveforms[0], [0])
        times = []
        for _ in range(3 if n_steps < 64 else 1):
            started = clock(options.device)
            found = engine.many(classifier, clips.waveforms[:n_clips], [list(range(n_classes))] * n_clips)
            found[-1].samples.cpu()  # a GPU is waited for
            times.append(clock(options.device) - started)
        settings = ("mel_path", {"quadrature": "db_midpoint", "n_steps": n_steps})
        rows.append(
            {
                "grows": grows,
                "clips": n_clips,
                "classes": n_classes,
                "points": n_steps,
                "processor_seconds_a_map": min(times) / n_clips / n_classes,
                "peak_memory_mib": memory(options, settings, n_classes) if grows != "clips" else np.nan,
            }
        )
    return pd.DataFrame(rows)


def memory(options: argparse.Namespace, engine: tuple[str, dict[str, Any]], n_classes: int) -> float:
    """Most memory (MiB) of a process that loads the classifier and attributes one clip, on a GPU that of the GPU.

    NaN where there is neither Linux nor a GPU.
    """
    if options.device != "cuda" and not Path("/proc/self/status").is_file():
        return np.nan
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (options, engine, n_classes))


def _peak_memory(options: argparse.Namespace, engine: tuple[str, dict[str, Any]], n_classes: int) -> float:
    torch.set_num_threads(options.threads)
    classifier = load_classifier(options)
    clip = torch.randn(int(options.seconds * classifier.encoder.frontend.sample_rate), device=options.device) / 100
    create(engine, options.batch)(classifier, clip, list(range(n_classes)))
    if options.device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return peak_mib()


# --- quality
def quality(classifier: Classifier, clips: Clips, options: argparse.Namespace) -> pd.DataFrame:
    """Completeness error and likeness of the 10 ms maps to a reference of many points, rule by rule.

    One class of each clip, the first. A clip's file is kept in a folder beside the table, so that a long run goes on
    where it was stopped; a GPU or two processes may share the clips by running the same command.
    """
    folder = options.out / f"quality_{options.encoder}"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{options.reference}_points_{name}.csv" for name in clips.names]
    todo = [i for i, file in enumerate(files) if not file.exists()]
    batch = {"batch": options.batch}
    reference = registry.create(
        "mel_path", quadrature="db_midpoint", n_steps=options.reference, floor=REFERENCE_FLOOR, **batch
    )
    engines = {
        rule: registry.create("mel_path", quadrature=rule[0], n_steps=rule[1], precision=rule[2], **batch)
        for rule in QUALITY
        if rule[2] == "float32" or devices.has_bfloat16(options.device)
    }
    for i in progress.bar(todo, desc="quality"):
        one_clip(classifier, clips.waveforms[i], clips.classes[i][:1], reference, engines).to_csv(files[i], index=False)
    table = pd.concat([read_table(file) for file in files])
    table["missing"] = table["error"] * table["change"]
    summary = (
        table.groupby(["quadrature", "n_steps", "precision"], sort=False)
        .agg(
            maps=("error", "size"),
            used=("used", "mean"),
            error_median=("error", "median"),
            error_mean=("error", "mean"),
            error_p90=("error", lambda e: e.quantile(0.9)),
            error_pooled=("missing", "sum"),
            cosine_signed=("signed", "mean"),
            cosine_signed_sem=("signed", "sem"),
            cosine_signed_min=("signed", "min"),
            cosine_absolute=("absolute", "mean"),
            cosine_absolute_sem=("absolute", "sem"),
            cosine_absolute_min=("absolute", "min"),
            change=("change", "sum"),
        )
        .reset_index()
    )
    summary["error_pooled"] /= summary.pop("change")
    return summary


def one_clip(
    classifier: Classifier,
    waveform: Tensor,
    wanted: list[int],
    reference: registry.Engine,
    engines: dict[tuple[str, int, str], registry.Engine],
) -> pd.DataFrame:
    """Quality of each rule on one clip, a row a rule and class."""
    window = round(STEP * classifier.encoder.frontend.sample_rate)
    expected = over_time(reference(classifier, waveform, wanted), window)
    rows = []
    for (rule, n_steps, precision), engine in engines.items():
        result = engine(classifier, waveform, wanted)
        cosines = [cosine(a, b) for a, b in zip(over_time(result, window), expected, strict=True)]
        assert result.points is not None
        for row in range(len(wanted)):
            rows.append(
                {
                    "quadrature": rule,
                    "n_steps": n_steps,
                    "precision": precision,
                    "used": int(result.points[row]),
                    "error": float(result.completeness_error[row]),
                    "change": float((result.score[row] - result.baseline_score[row]).abs()),
                    "signed": cosines[0][row],
                    "absolute": cosines[1][row],
                }
            )
    return pd.DataFrame(rows)


def over_time(result: Attribution, window: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Signed map of the front end's frames, and mean absolute attribution of the samples in 10 ms."""
    assert result.frames is not None
    return result.frames.cpu().numpy(), frames.window_mean(np.abs(result.samples.cpu().numpy()), window)


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Cosine of each pair of rows."""
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


if __name__ == "__main__":
    main()
