"""``igsed benchmark``: methods and threshold rules for a classifier of the user's own, on soundscapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from igsed_core.attribution import registry
from igsed_core.base import bounds, files, progress, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import soundscapes
from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.detection import explain, tuning
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.explain import Explanation
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.metrics import frames, localisation, ranking
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import AnyClassifier
from igsed_core.workflow.recordings import outputs
from igsed_core.workflow.recordings.explain import hears, load_module

PERCENTILE = "percentile"  # the paper's rule, tuned on validation clips
EVERY = "all"
SPLITS = ("validation", "test")
REPLICATES = 1000
_COLUMNS = ("experiment", "seed", "method", "rule", "metric", "value")


def benchmark(
    model: str,
    folder: Path,
    out: Path,
    *,
    sample_rate: int | None = None,
    classes: tuple[str, ...] = (),
    methods: tuple[str, ...] = (EVERY,),
    rules: tuple[str, ...] = (),
    clips: int = 30,
    seed: int = 0,
) -> pd.DataFrame:
    """Judge explanations of a module on soundscapes, and add the rows to a table.

    Parameters
    ----------
    model
        ``MODULE:FACTORY``.
    folder
        A run, or a folder of soundscapes (``clips.csv``, ``events.csv`` and the audio).
    out
        Table to write. Where there is none yet, and ``folder`` is a run that compared methods, it begins with that
        run's rows (``results/methods.csv``). Rows of the same model are replaced.
    sample_rate, classes
        See :func:`igsed_core.workflow.recordings.explain.explain`; Hz.
    methods
        Of the registry; ``all``: every one that the module allows.
    rules
        Threshold rules; by default the paper's and those without a parameter. A parameter is chosen on validation
        clips.
    clips
        Of either split; 0: all.
    seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        The model's rows: ``experiment`` (its name) and ``seed``, then those of
        :func:`igsed_core.metrics.summaries.summarise`. Instances are the pairs of clip and class that the module
        detects (logit above 0) and that are present, so that they are others for another model.

    Raises
    ------
    IgsedError
        If module, soundscapes or a name are wrong, or the module detects no class that is present.
    """
    outputs.check_table(out, _COLUMNS, "table of `igsed benchmark`", separator=",")
    bounds.check_seed(seed)
    if clips < 0:
        raise IgsedError(f"--clips is {clips}: give how many of either split are taken, or 0 for all")
    if not methods:
        raise IgsedError(f"--methods names nothing: give names by commas, or {EVERY!r}")
    for rule in rules:
        thresholds.get(rule)
    for name in methods:
        if name not in (EVERY, explain.IG):
            registry.create(name)
    module = load_module(model)
    rate, names = hears(module, model, sample_rate, classes)
    if rate is None or not names:
        raise IgsedError(f"{model} does not say what it hears: give --sample-rate and --classes")
    data, run = _soundscapes(folder)
    common = [name for name in names if name in data.classes]
    if not common:
        raise IgsedError(
            f"none of the module's classes ({', '.join(names)}) is one of the soundscapes', which are "
            f"{', '.join(data.classes)}: give --classes in the soundscapes' words"
        )
    classifier = explain.as_classifier(module, names, int(rate))
    wanted = list(registry.REGISTRY) if EVERY in methods else [explain.method_of(name, classifier) for name in methods]
    parts, refused = _instances(classifier, data, common, wanted, clips)
    for why in refused.values():
        if EVERY not in methods:
            raise IgsedError(why)
        progress.tell(f"igsed: left out: {why}")
    judged = tuning.evaluate(parts, rules or (PERCENTILE, *thresholds.parameter_free()))
    for split, part in parts.items():
        judged.series[split] += [
            series
            for name, scores in part.scores.items()
            for series in (
                Series(name, "none", "pointing_game", localisation.pointing_game(scores, part.truth)),
                Series(name, "none", "auroc", ranking.auroc(scores, part.truth)),
            )
        ]
    table = tuning.table(judged, replicates=REPLICATES, seed=seed)
    table.insert(0, "experiment", model)
    table.insert(1, "seed", seed)
    _add(out, table, run)
    return table


def summary(table: pd.DataFrame) -> str:
    """Say in a few lines how well each method tells when, by its two best rules."""
    mine = table[(table["split"] == "test") & (table["class"] == "all") & (table["average"] == "instance")]
    iou = mine[mine["metric"] == "iou"].sort_values("value", ascending=False)
    shown = iou[["method", "rule", "value", "ci_low", "ci_high", "n"]].groupby("method", sort=False).head(2)
    return "IoU on test soundscapes, the two best rules of each method:\n" + shown.to_string(
        index=False, float_format="{:.3f}".format, na_rep="-"
    )


def _soundscapes(folder: Path) -> tuple[SoundscapeSet, Path | None]:
    inside = folder / "stages" / "data_synthesis"
    if inside.is_dir():
        return soundscapes.load(inside), folder
    if not (folder / "clips.csv").is_file():
        raise IgsedError(
            f"{text.shown(folder)} holds no soundscapes: give a run (`igsed run` makes runs/NAME), or a folder with "
            "clips.csv and events.csv"
        )
    return soundscapes.load(folder), None


def _instances(
    classifier: AnyClassifier,
    data: SoundscapeSet,
    common: Sequence[str],
    methods: Sequence[str],
    n_clips: int,
) -> tuple[dict[str, Instances], dict[str, str]]:
    """Explain what is detected and present in some clips of both splits; say why methods cannot be used."""
    parts, refused = {}, dict[str, str]()
    for split in SPLITS:
        rows = data.clips[data.clips["split"] == split].head(n_clips or len(data.clips))
        found: list[tuple[str, str]] = []
        truth: list[np.ndarray] = []
        scores: dict[str, list[np.ndarray]] = {name: [] for name in methods}
        for clip in progress.bar(list(rows["clip"]), desc=split, unit=" clips"):
            waveform = data.read(rows[rows["clip"] == clip])[0]
            events = data.events[data.events["clip"] == clip]
            targets = _detected(classifier, waveform, data, [c for c in common if c in set(events["label"])])
            if not targets:
                continue
            done: Explanation | None = None
            for name in [name for name in methods if name not in refused]:
                try:
                    done = explain.explain(classifier, waveform, data.sample_rate, method=name, targets=targets)
                except IgsedError as error:
                    refused[name] = f"{name}: {error}"
                    continue
                scores[name].extend(done.scores())
            if done is None:
                break
            n = done.scores().shape[1]
            for label in targets:
                times = events[events["label"] == label]
                found.append((clip, label))
                truth.append(
                    frames.activity(
                        times["onset"],
                        times["offset"],
                        n_frames=n,
                        frame_length=explain.FRAME,
                        duration=len(waveform) / data.sample_rate,
                    )
                )
        if len(refused) == len(methods):
            raise IgsedError(next(iter(refused.values())))
        if not found:
            raise IgsedError(
                f"the module detects no class that is present in the {len(rows)} {split} soundscapes: are its classes "
                "named in the order of its outputs, and are these logits?"
            )
        index = pd.DataFrame(found, columns=["clip", "label"])
        index.insert(0, "split", split)
        parts[split] = Instances(index, np.stack(truth), {name: np.stack(of) for name, of in scores.items() if of})
    kept = {name for name in methods if name not in refused}  # a method may fail on a later clip alone
    return {
        split: replace(part, scores={name: of for name, of in part.scores.items() if name in kept})
        for split, part in parts.items()
    }, refused


def _detected(
    classifier: AnyClassifier, waveform: np.ndarray, data: SoundscapeSet, present: Sequence[str]
) -> list[str]:
    import soxr

    if not present:
        return []
    heard = soxr.resample(waveform, data.sample_rate, classifier.sample_rate, quality="VHQ")
    with torch.inference_mode():
        logits = classifier.eval()(torch.from_numpy(np.ascontiguousarray(heard))[None])[0]
    if len(logits) != len(classifier.classes):
        raise IgsedError(
            f"the model has {len(logits)} outputs and {len(classifier.classes)} class names: name every output"
        )
    return [name for name in present if float(logits[list(classifier.classes).index(name)]) > 0]


def _add(out: Path, table: pd.DataFrame, run: Path | None) -> None:
    known = run / "results" / "methods.csv" if run else None
    before = out if out.is_file() else known
    if before is not None and before.is_file():
        held = files.read_table(before)
        rows = held[held["experiment"] != table["experiment"].iloc[0]]
        table = pd.concat([rows, table], ignore_index=True) if len(rows) else table
    files.write_table(out, table)
