"""Integrated Gradients on the mel map against Captum: time, memory and quality, in one run on the same clips.

    python benchmarks/engine.py speed                        # embedded encoder, generated clips
    python benchmarks/engine.py quality --run runs/embedded  # soundscapes and head of an experiment
    python benchmarks/engine.py speed --encoder mn04_as --weights mn04_as_mAP_432.pt --head clip_level.safetensors \
        --soundscapes soundscapes --predictions predictions.csv
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core import attribution, encoders, frames, heads, progress, soundscapes
from igsed_core.attribution import Attribution
from igsed_core.classifier import Classifier

CAPTUM: tuple[str, dict[str, Any]] = ("captum", {"rule": "gausslegendre", "n_points": 50})
ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "captum, 50 points": CAPTUM,
    "mel_path, captum's 50 points": ("mel_path", {"rule": "gausslegendre", "n_points": 50}),
    "db_midpoint, 12 points": ("mel_path", {"rule": "db_midpoint", "n_points": 12}),
    "db_midpoint, 16 points": ("mel_path", {"rule": "db_midpoint", "n_points": 16}),
    "db_adaptive, at most 16": ("mel_path", {"rule": "db_adaptive", "n_points": 16}),
    "db_adaptive, at most 32": ("mel_path", {"rule": "db_adaptive", "n_points": 32}),
}
QUALITY: tuple[tuple[str, int, str], ...] = (
    # Captum's own default, by the engine that is tested to give the same.
    ("gausslegendre", 50, "float32"),
    *(("db_midpoint", n, "float32") for n in (12, 16, 32)),
    ("db_gauss", 16, "float32"),
    *(("db_adaptive", n, "float32") for n in (16, 24)),
    ("db_midpoint", 16, "bfloat16"),
)
REFERENCE_FLOOR = -120.0  # dB; so deep that nothing is left out
STEP = 0.01  # s


@dataclass(frozen=True)
class Clips:
    """Waveforms ``[shape=(n_clips, n_samples)]``, the classes to explain in each, and their names."""

    waveforms: Tensor
    classes: list[list[int]]
    names: list[str]


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
    else:
        table = quality(classifier, clips, options)
        name = f"quality_{options.encoder}.csv"
    table.to_csv(options.out / name, index=False)
    print(table.to_string(index=False, float_format="%.4g"))
    print(f"\nwritten to {options.out / name}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("speed", "quality"))
    parser.add_argument("--run", type=Path, help="folder of an experiment that has been trained: gives what follows")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--weights", default="")
    parser.add_argument("--head", type=Path, help="a clip-level head; without it an untrained one, for time alone")
    parser.add_argument("--soundscapes", type=Path, help="folder of soundscapes; without it bursts of noise")
    parser.add_argument("--predictions", type=Path, help="which classes were detected in which clip")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 2, 3], help="classes a clip, for speed")
    parser.add_argument("--rounds", type=int, default=1, help="how often each clip is timed")
    parser.add_argument("--batch", type=int, default=8, help="mel maps in a forward pass (captum: waveforms)")
    parser.add_argument("--reference", type=int, default=400, help="points of the reference, for quality")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"))
    options = parser.parse_args()
    if options.run:
        parameters = json.loads((options.run / "parameters.json").read_text())
        options.encoder, options.weights = parameters["encoder"], parameters["weights"]
        options.head = options.run / "training" / "heads" / "clip_level.safetensors"
        options.predictions = options.run / "training" / "predictions.csv"
        options.soundscapes = options.run / "data_synthesis"
    return options


def load_classifier(options: argparse.Namespace) -> Classifier:
    """Load encoder and head."""
    encoder = encoders.load(options.encoder, options.weights)
    if options.head:
        head = heads.load(options.head)
    else:
        head = heads.create("clip_level", encoder.n_features, [f"class {i}" for i in range(10)], seed=0)
    return Classifier(encoder, head.requires_grad_(False)).eval()


def load_clips(options: argparse.Namespace, classifier: Classifier) -> Clips:
    """Read soundscapes with the classes detected in them, or generate bursts of noise."""
    if not options.soundscapes:
        rate = classifier.encoder.frontend.sample_rate
        rng = np.random.default_rng([2026, options.clips])
        gain = 0.001 + 0.1 * (rng.random((options.clips, 20)) > 0.8).repeat(rate // 2, axis=1)
        waveforms = gain * rng.standard_normal(gain.shape)
        names = [f"noise{i}" for i in range(options.clips)]
        return Clips(torch.from_numpy(waveforms).float(), [[0, 1, 2]] * options.clips, names)
    table = pd.read_csv(options.predictions)
    found = table[(table["method"] == "clip_level") & table["detected"] & table["present"]]
    by_clip = found.groupby(["split", "clip"])["label"].agg(list).reset_index()
    chosen = by_clip.iloc[np.random.default_rng(2026).permutation(len(by_clip))[: options.clips]]
    waveforms = soundscapes.read_clips(options.soundscapes, chosen[["split", "clip"]])
    names = list(classifier.head.classes)
    classes = [[names.index(label) for label in labels] for labels in chosen["label"]]
    return Clips(torch.from_numpy(waveforms), classes, list(chosen["clip"]))


def create(engine: tuple[str, dict[str, Any]], batch: int) -> attribution.Engine:
    """Create an engine of the table above."""
    name, settings = engine
    return attribution.create(name, **settings, **{"internal_batch" if name == "captum" else "batch": batch})


# --- speed
def speed(classifier: Classifier, clips: Clips, options: argparse.Namespace) -> pd.DataFrame:
    """Time every engine on every clip, one after the other on each clip, so that a busy machine hits all alike."""
    peak = matrix_product_peak()
    print(f"{options.threads} thread(s), matrix products reach {peak / 1e9:.0f} GFLOP/s")
    seconds = clips.waveforms.shape[1] / classifier.encoder.frontend.sample_rate
    forward = 2e9 * encoders.describe(classifier.encoder)["gmac_10s"] * seconds / 10  # operations of a forward pass
    n_outputs = len(classifier.head.classes)
    tables = []
    for n_classes in options.classes:
        # The detected classes first, then as many others as are asked for.
        wanted = [(c + [k for k in range(n_outputs) if k not in c])[:n_classes] for c in clips.classes]
        rows = []
        engines = {name: create(engine, options.batch) for name, engine in ENGINES.items()}
        everything = [(r, i, name) for r in range(options.rounds) for i in range(len(wanted)) for name in engines]
        for _, i, name in progress.bar(everything, desc=f"speed, {n_classes} class(es)"):
            started, processor = time.perf_counter(), time.process_time()
            result = engines[name](classifier, clips.waveforms[i], wanted[i])
            seconds, processor = time.perf_counter() - started, time.process_time() - processor
            error = result.completeness_error.median().item()
            rows.append((name, i, seconds, processor, error, result.n_points))
        timed = pd.DataFrame(rows, columns=["engine", "clip", "seconds", "processor", "error", "points"])
        tables.append(summary(timed, n_classes, forward, peak, options))
    return pd.concat(tables, ignore_index=True)


def summary(
    timed: pd.DataFrame, n_classes: int, forward: float, peak: float, options: argparse.Namespace
) -> pd.DataFrame:
    """Medians over clips, and ratios to Captum on the same clip."""
    captum = timed[timed["engine"] == next(iter(ENGINES))]
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
                "peak_memory_mib": memory(options, str(name), n_classes),
            }
        )
    return pd.DataFrame(rows)


def matrix_product_peak(size: int = 1024) -> float:
    """Floating-point operations a second of a large matrix product on this run's threads."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    times = []
    for _ in range(10):
        started = time.process_time()
        a @ b
        times.append(time.process_time() - started)
    return 2 * size**3 / min(times) * torch.get_num_threads()


def memory(options: argparse.Namespace, name: str, n_classes: int) -> float:
    """Most memory (MiB) of a process that loads the classifier and attributes one clip; NaN but on Linux."""
    if not Path("/proc/self/status").is_file():
        return np.nan
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (options, name, n_classes))


def _peak_memory(options: argparse.Namespace, name: str, n_classes: int) -> float:
    torch.set_num_threads(options.threads)
    classifier = load_classifier(options)
    clip = torch.randn(10 * classifier.encoder.frontend.sample_rate) / 100
    create(ENGINES[name], options.batch)(classifier, clip, list(range(n_classes)))
    # Not getrusage, whose maximum is inherited from the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


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
    reference = attribution.create(
        "mel_path", rule="db_midpoint", n_points=options.reference, floor=REFERENCE_FLOOR, **batch
    )
    engines = {
        rule: attribution.create("mel_path", rule=rule[0], n_points=rule[1], precision=rule[2], **batch)
        for rule in QUALITY
        if rule[2] == "float32" or has_bfloat16()
    }
    for i in progress.bar(todo, desc="quality"):
        one_clip(classifier, clips.waveforms[i], clips.classes[i][:1], reference, engines).to_csv(files[i], index=False)
    table = pd.concat([pd.read_csv(file) for file in files])
    return (
        table.groupby(["rule", "n_points", "precision"], sort=False)
        .agg(
            maps=("error", "size"),
            used=("used", "mean"),
            error_median=("error", "median"),
            error_mean=("error", "mean"),
            error_p90=("error", lambda e: e.quantile(0.9)),
            cosine_signed=("signed", "mean"),
            cosine_signed_sem=("signed", "sem"),
            cosine_signed_min=("signed", "min"),
            cosine_absolute=("absolute", "mean"),
            cosine_absolute_sem=("absolute", "sem"),
            cosine_absolute_min=("absolute", "min"),
        )
        .reset_index()
    )


def one_clip(
    classifier: Classifier,
    waveform: Tensor,
    wanted: list[int],
    reference: attribution.Engine,
    engines: dict[tuple[str, int, str], attribution.Engine],
) -> pd.DataFrame:
    """Quality of each rule on one clip, a row a rule and class."""
    window = round(STEP * classifier.encoder.frontend.sample_rate)
    expected = over_time(reference(classifier, waveform, wanted), window)
    rows = []
    for (rule, n_points, precision), engine in engines.items():
        result = engine(classifier, waveform, wanted)
        cosines = [cosine(a, b) for a, b in zip(over_time(result, window), expected, strict=True)]
        assert result.points is not None
        for row in range(len(wanted)):
            rows.append(
                {
                    "rule": rule,
                    "n_points": n_points,
                    "precision": precision,
                    "used": int(result.points[row]),
                    "error": float(result.completeness_error[row]),
                    "signed": cosines[0][row],
                    "absolute": cosines[1][row],
                }
            )
    return pd.DataFrame(rows)


def has_bfloat16() -> bool:
    """Whether the processor has the option ``precision=bfloat16``."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def over_time(result: Attribution, window: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Signed map of the front end's frames, and mean absolute attribution of the samples in 10 ms."""
    assert result.frames is not None
    return result.frames.numpy(), frames.window_mean(np.abs(result.samples.numpy()), window)


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Cosine of each pair of rows."""
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


if __name__ == "__main__":
    main()
