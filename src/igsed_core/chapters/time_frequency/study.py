"""The study: every method's map of every instance against the class's own stem, in every bin of time and frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from igsed_core.attribution import by_method, plane, runner
from igsed_core.attribution.base import Importance, Method
from igsed_core.attribution.by_method import Wanted
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.registry import REGISTRY, create
from igsed_core.base import files
from igsed_core.chapters.time_frequency import truth
from igsed_core.chapters.time_frequency.masking import Masker
from igsed_core.chapters.time_frequency.truth import Truth
from igsed_core.data import stems
from igsed_core.data.soundscape_plan import SoundscapeSpec
from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.metrics import summaries
from igsed_core.metrics import time_frequency as metrics
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import Classifier

MAP, TIME_ONLY = "map", "without frequency"  # in the column `rule`: the map, and what it says of time alone
NOTHING, ENERGY, RANDOM, IN_TIME, PERFECT = "nothing", "energy", "random", "exact_times", "perfect_mask"
REFERENCES = {
    NOTHING: "no map: all bins alike",
    RANDOM: "random",
    ENERGY: "energy",
    IN_TIME: "exact onsets and offsets",
    PERFECT: "perfect mask",
}
SHARE, HEARD, OVERLAP, POINTING, IOU, GAIN = (
    "share",
    "heard_share",
    "overlap_share",
    "pointing_game",
    "iou",
    "si_sdr_gain",
)
METRICS = {
    SHARE: "share of the map on the own stem",
    HEARD: "own share of what is heard through the map",
    OVERLAP: "the same, where another class sounds, too",
    POINTING: "highest bin dominated by the class",
    IOU: "IoU with the bins that it dominates",
    GAIN: "gain of SI-SDR (dB)",
}
EVERY, ALONE, OVERLAPPED = "all", "alone", "overlapped"  # in the column `overlap`
RULES_OF_OVERLAP = {
    EVERY: "all instances",
    ALONE: "no other class with it",
    OVERLAPPED: "another class with it",
}
KEY = ["split", "clip", "label", "overlapped"]
_TIME_ALONE = ("perturbation", "own")  # families of methods that hide stretches of time: page 08 has their maps


@dataclass(frozen=True, eq=False)
class Clip:
    """One soundscape to judge maps on.

    Attributes
    ----------
    explainer
        Knows this clip alone.
    split, clip, labels
        Its name, and the classes that are explained.
    events
        ``label, onset, offset`` (s) of the soundscape.
    annotation, spec, bank_root
        What its stems are mixed from (:func:`igsed_core.data.stems.of_classes`).
    time_alone
        Method -> importance, of methods whose maps are there already.
    path
        Where the figures go.
    seed
        Of random maps.
    """

    explainer: Explainer
    split: str
    clip: str
    labels: list[str]
    events: pd.DataFrame
    annotation: Path
    spec: SoundscapeSpec
    bank_root: Path
    time_alone: dict[str, Importance]
    path: Path
    seed: int


def clips(
    explainer: Explainer,
    index: pd.DataFrame,
    data: SoundscapeSet,
    spec: SoundscapeSpec,
    bank_root: Path,
    folders: Mapping[str, Path],
    out_dir: Path,
    *,
    seed: int,
    workers: int,
) -> list[Clip]:
    """Gather what is known of each soundscape, with the maps of methods that know time alone.

    Parameters
    ----------
    explainer
        Encoder, head, soundscapes.
    index
        ``split, clip, label`` of the instances.
    data
        The soundscapes.
    spec, bank_root
        What they were mixed from.
    folders
        Method that knows time alone -> folder of its maps (:func:`knows_time_alone`); those of page 08 are found there.
    out_dir
        For a file of figures of each soundscape.
    seed
        Of random maps.
    workers
        See :func:`igsed_core.attribution.runner.run`.
    """
    wanted = [Wanted(name, partial(create, name), folder) for name, folder in folders.items()]
    found = by_method.compute(explainer, index, wanted, what="methods", workers=workers) if wanted else {}
    made = []
    for (split, clip), rows in index.groupby(["split", "clip"], sort=False):
        mine = {name: one.at(rows) for name, one in found.items()}
        time_alone = {
            name: Importance(one.values, one.values if one.absolute is None else one.absolute, one.step, one.start)
            for name, one in mine.items()
        }
        made.append(
            Clip(
                explainer.of_clip(str(clip)),
                *(str(split), str(clip), list(rows["label"])),
                data.events_of(str(clip))[["label", "onset", "offset"]].reset_index(drop=True),
                *(data.root / str(split) / f"{clip}.jams", spec, bank_root),
                time_alone,
                out_dir / f"{clip}.csv",
                seed,
            )
        )
    return made


def knows_time_alone(method: str) -> bool:
    """Whether a method of the registry hides stretches of time, so that its maps say nothing of frequency."""
    return REGISTRY[method].family in _TIME_ALONE


def compute(some: Sequence[Clip], methods: Sequence[str], *, workers: int) -> pd.DataFrame:
    """Judge all maps; soundscapes whose figures are there are not judged again.

    Parameters
    ----------
    some
        From :func:`clips`.
    methods
        Of the registry.
    workers
        See :func:`igsed_core.attribution.runner.run`.

    Returns
    -------
    pd.DataFrame
        ``split, clip, label, overlapped, method, rule, metric, value``.
    """
    jobs = [runner.Job(one, (one.path,)) for one in some]
    direct = tuple(name for name in methods if not knows_time_alone(name))
    explainer = some[0].explainer.without_clips()
    runner.run(
        jobs,
        partial(_load, explainer, direct),
        _measure,
        what="time and frequency",
        workers=workers,
        device=explainer.device,
    )
    return pd.concat([files.read_table(one.path) for one in some], ignore_index=True)


Loaded = tuple[Classifier, dict[str, Method]]


def _load(explainer: Explainer, methods: tuple[str, ...]) -> Loaded:
    return explainer.load()[0], {name: create(name) for name in methods}


def _measure(loaded: Loaded, one: Clip) -> None:
    maps, truths, waveform = look(loaded, one)
    masker = Masker(waveform, loaded[0].encoder.frontend)
    rows = []
    for number, (label, known) in enumerate(zip(one.labels, truths, strict=True)):
        key = (one.split, one.clip, label, bool(known.overlap.any()))
        before = metrics.si_sdr(waveform.cpu().numpy(), known.stem)
        for method, of_classes in maps.items():
            for rule, found in judge(of_classes[number], known, masker, method=method, before=before).items():
                rows += [(*key, method, rule, metric, value) for metric, value in found.items()]
    table = pd.DataFrame(rows, columns=[*KEY, "method", "rule", "metric", "value"])
    files.write_table(one.path, table)


def look(loaded: Loaded, one: Clip) -> tuple[dict[str, NDArray[np.float64]], list[Truth], torch.Tensor]:
    """Return the maps of all methods and references for a soundscape, the truth of its classes, and its samples.

    Parameters
    ----------
    loaded
        Classifier and methods.
    one
        The soundscape.

    Returns
    -------
    tuple
        Method -> weights ``[shape=(n_classes, n_frames, n_mels)]``; a truth per class; the waveform
        ``[shape=(n_samples,)]``.
    """
    classifier, methods = loaded
    frontend = classifier.encoder.frontend
    waveform = one.explainer.waveform(one.split, one.clip)
    outputs = [classifier.head.classes.index(label) for label in one.labels]
    importance = {**{name: method(classifier, waveform[None], [outputs])[0] for name, method in methods.items()}}
    importance |= one.time_alone
    maps = {
        name: plane.read(plane.on_mel(found, waveform, frontend).cpu().numpy(), REGISTRY[name].sign)
        for name, found in importance.items()
    }
    own = stems.of_classes(one.annotation, one.labels, one.spec, one.bank_root)
    truths = truth.of_clip(waveform, own, one.events, one.labels, frontend)
    # A clip's name, not its place in a list: the random maps of a soundscape are the same in every run.
    random = np.random.default_rng([one.seed, *one.clip.encode()])
    shape = truths[0].power.shape
    maps[NOTHING] = np.ones((len(truths), *shape))
    maps[RANDOM] = random.random((len(truths), *shape))
    maps[ENERGY] = np.stack([known.power for known in truths])
    maps[IN_TIME] = np.stack([np.repeat(known.sounds[:, None], shape[1], axis=1) for known in truths]).astype(float)
    maps[PERFECT] = np.stack([known.own * known.mask for known in truths])
    return maps, truths, waveform


def judge(
    weights: NDArray[np.float64], known: Truth, masker: Masker, *, method: str, before: float
) -> dict[str, dict[str, float]]:
    """Judge one map of one class.

    Parameters
    ----------
    weights
        ``[shape=(n_frames, n_mels)]``, none negative.
    known
        The truth.
    masker
        Of the soundscape.
    method
        Name; the perfect mask is heard as the ratio that it is.
    before
        SI-SDR of the mixture, in dB.

    Returns
    -------
    dict
        Rule -> metric -> value; NaN where it has none.
    """
    found = {MAP: figures_of(weights, known)}
    gains = known.own if method == PERFECT else metrics.gain_mask(weights, int(known.mask.sum()))
    found[MAP][GAIN] = metrics.si_sdr(masker(gains), known.stem) - before
    if method not in REFERENCES:
        found[TIME_ONLY] = figures_of(metrics.without_frequency(weights), known)
    return found


def figures_of(weights: NDArray[np.float64], known: Truth) -> dict[str, float]:
    """Return all metrics that need no sound.

    Parameters
    ----------
    weights
        ``[shape=(n_frames, n_mels)]``
    known
        The truth.
    """
    heard = weights * known.power
    there = bool(known.mask.any())
    return {
        SHARE: metrics.share(weights, known.own),
        HEARD: metrics.share(heard, known.own),
        OVERLAP: metrics.share(heard[known.overlap], known.own[known.overlap]),
        POINTING: metrics.pointing_game(weights, known.mask) if there else float("nan"),
        IOU: metrics.iou_at_size(weights, known.mask),
    }


def summarise(measured: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Average over instances: all of them, those that sound alone, and those with which another class sounds.

    Parameters
    ----------
    measured
        From :func:`compute`.
    replicates, seed
        Of the bootstrap over clips.

    Returns
    -------
    pd.DataFrame
        ``overlap`` and the columns of :func:`igsed_core.metrics.summaries.summarise`.
    """
    tables = []
    for name, rows in subsets(measured).items():
        index, series = _series(rows)
        made = summaries.summarise(index, series, replicates=replicates, seed=seed)
        made.insert(0, "overlap", name)
        tables.append(made)
    return pd.concat(tables, ignore_index=True)


def subsets(measured: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of all instances, and of those without and with overlap, where there are any."""
    parts = {
        EVERY: measured,
        ALONE: measured[~measured["overlapped"].astype(bool)],
        OVERLAPPED: measured[measured["overlapped"].astype(bool)],
    }
    return {name: rows for name, rows in parts.items() if len(rows)}


def differences(measured: pd.DataFrame, events: pd.DataFrame, *, replicates: int, seed: int) -> pd.DataFrame:
    """Each method's map minus its own time alone, minus exact times, energy and no map; paired, over all instances.

    Parameters
    ----------
    measured
        From :func:`compute`.
    events
        ``clip, label, source_file`` of the soundscapes.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    pd.DataFrame
        As :func:`igsed_core.metrics.summaries.in_both_ways`.
    """
    index, series = _series(measured)
    methods = dict.fromkeys(one.method for one in series if one.method not in REFERENCES)
    pairs = [((name, MAP), (name, TIME_ONLY)) for name in methods if not _flat(name)]
    pairs += [((name, MAP), (other, MAP)) for name in methods for other in (IN_TIME, ENERGY, NOTHING)]
    return summaries.in_both_ways(index, series, pairs, events, replicates=replicates, seed=seed)


def _flat(method: str) -> bool:
    return method in REGISTRY and knows_time_alone(method)


def _series(measured: pd.DataFrame) -> tuple[pd.DataFrame, list[Series]]:
    """Instances, and every method, rule and metric on them; a metric without any value is left out."""
    index = measured[KEY].drop_duplicates(ignore_index=True)
    rows = pd.MultiIndex.from_frame(index[["clip", "label"]])
    series = []
    for (method, rule, metric), mine in measured.groupby(["method", "rule", "metric"], sort=False):
        values = mine.set_index(["clip", "label"])["value"].reindex(rows).to_numpy(dtype=float)
        if np.isfinite(values).any():
            series.append(Series(str(method), str(rule), str(metric), values))
    return index, series
