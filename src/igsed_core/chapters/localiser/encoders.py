"""The localiser again under another encoder: how much of it is owed to what the encoder was pretrained for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from igsed_core.attribution import by_method, maps
from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.shifted_cam import ShiftedCam
from igsed_core.base import devices, files, plugins, store
from igsed_core.chapters.localiser import study
from igsed_core.chapters.localiser.study import LOCALISER
from igsed_core.detection import baselines, localiser_scores
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.metrics import ranking, summaries
from igsed_core.metrics.summaries import Series
from igsed_core.models import classification, features, heads, training
from igsed_core.models.encoders import registry as encoders

FOLDER = "other_encoder"  # in the stage's own
SPLITS = ("train", "validation", "test")
OWN, COMMON = "own", "common"  # in the column `instances`: those of the encoder's classifier, or those of both
CLIP_LEVEL, RECALL = ("clip_level", "probability"), "recall"
IG_OF_PAPER = ("ig", "percentile")
IG, CAM, FW_WS, FW_SS = ((method, "share_of_maximum") for method in ("ig", "cam", "fw_ws", "fw_ss"))
SHOWN = (IG_OF_PAPER, IG, CAM, FW_WS, FW_SS, LOCALISER)
# Who is compared with whom, under each encoder: all but the localiser by one rule, a level tuned with time labels.
PAIRS = ((CAM, IG), (FW_WS, IG), (LOCALISER, IG), (LOCALISER, FW_WS), (LOCALISER, FW_SS))
COLUMNS = ["encoder", "instances", *summaries.COLUMNS]
DIFFERENCE_COLUMNS = ["encoder", "instances", "resampled", *summaries.DIFFERENCE_COLUMNS]


@dataclass(frozen=True, eq=False)
class Under:
    """What was measured under one encoder.

    Attributes
    ----------
    index
        ``split, clip, label`` of the test instances of its classifier.
    measured
        From :func:`igsed_core.chapters.localiser.study.series`, and AUROC of each method's scores.
    predictions
        From :func:`igsed_core.models.classification.predict_splits`.
    """

    index: pd.DataFrame
    measured: list[Series]
    predictions: pd.DataFrame


def measure(main: MainJob, encoder: str, *, shifts: int, components: int) -> Under | None:
    """Train heads on another encoder with the main job's recipe, explain them and localise; features and maps are kept.

    Parameters
    ----------
    main
        The main job: its soundscapes and its parameters.
    encoder
        Name in the registry of encoders; its own weights are taken.
    shifts, components
        Of the localiser.

    Returns
    -------
    Under
        Or None, if the classifier detects nothing in the validation or the test split.
    """
    recipe, explained = main.run.params_of(Training), main.run.params_of(IntegratedGradients)
    evaluated, data = main.run.params_of(ThresholdSensitivity), main.data
    model = encoders.load(encoder)
    features.check_sample_rate(model, main.run.params_of(DataSynthesis).sample_rate)
    kept = main.run.shared(
        "features", features.identity(model, data.root), modules=features.modules(model), name=f"{FOLDER}/features"
    )
    of_split = {split: data.clips[data.clips["split"] == split] for split in SPLITS}
    frames_of = {
        split: features.extract(model, data.root, clips, kept / split, device=devices.choose(recipe.device))
        for split, clips in of_split.items()
    }
    targets_of = {split: features.targets(x, data.events, data.classes) for split, x in frames_of.items()}
    trained = {
        name: training.train(
            name,
            (frames_of["train"], targets_of["train"]),
            (frames_of["validation"], targets_of["validation"]),
            data.classes,
            learning_rate=recipe.learning_rate,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            patience=recipe.patience,
            seed=main.run.params.seed,
        ).head
        for name in heads.HEADS
    }
    of_head = main.run.dir / FOLDER / "clip_level.safetensors"
    heads.save(trained["clip_level"], "clip_level", of_head)
    predictions = classification.predict_splits(
        trained,
        {split: (frames_of[split], targets_of[split]) for split in SPLITS[1:]},
        threshold=recipe.probability_threshold,
    )
    found = predictions[(predictions["method"] == "clip_level") & predictions["detected"] & predictions["present"]]
    if set(SPLITS[1:]) - set(found["split"]):
        return None
    explainer = Explainer(
        encoder=encoder,
        weights="",
        head=of_head,
        soundscapes=data.root,
        engine=explained.engine,
        options=tuple(explained.options().items()),
        device=str(devices.choose(explained.ig_device)),
    )
    files.write_table(main.run.dir / FOLDER / "predictions.csv", predictions)
    attributions = maps.compute(
        explainer,
        classification.detected_pairs(predictions),
        _maps_folder(main, explainer.identity(), "maps", maps.__name__, (plugins.ENGINES, explainer.engine)),
        workers=explained.ig_workers,
    )
    held_out = features.concatenate([frames_of[split] for split in SPLITS[1:]])
    readers = {"fw_ws": trained["fw_ws"], "fw_ss": trained["fw_ss"], "cam": trained["clip_level"]}
    over_time = {name: baselines.framewise(head, held_out) for name, head in readers.items()}
    instances = {split: main.evaluate(predictions, data.events, attributions, over_time, split) for split in SPLITS[1:]}
    test, own = instances["test"], by_method.identity(explainer, "shifted_cam", ShiftedCam(shifts))
    shifted = localiser_scores.shifted_cam(
        explainer,
        test.index,
        _maps_folder(main, own, "shifted_cam", by_method.__name__, (plugins.METHODS, "shifted_cam")),
        shifts=shifts,
        workers=explained.ig_workers,
    )
    decoded = study.decode(
        trained,
        (frames_of["train"], targets_of["train"]),
        frames_of["test"],
        test,
        shifted,
        shifts=shifts,
        components=components,
        frame_length=evaluated.frame_length,
    )
    measured = study.series(instances, decoded.scores, frame_length=evaluated.frame_length)
    return Under(test.index, [*measured, *ranked(test.ranked, test.truth)], predictions)


def _maps_folder(main: MainJob, made_from: dict[str, Any], name: str, module: str, entry: tuple[str, str]) -> Path:
    """Folder in the store for maps of the pairs that the other encoder's classifier detects."""
    pairs = store.checksum(main.run.dir / FOLDER / "predictions.csv")
    uses = (entry, (plugins.ENCODERS, str(made_from["encoder"])))
    return main.run.shared("maps", {**made_from, "pairs": pairs}, modules=(module,), uses=uses, name=f"{FOLDER}/{name}")


def ranked(scores: Mapping[str, study.Scores], truth: NDArray[np.bool_]) -> list[Series]:
    """AUROC of the scores that a threshold is set on, which needs no threshold, as series of :data:`SHOWN`.

    Parameters
    ----------
    scores
        Method -> ``[shape=(n_instances, n_frames)]``.
    truth
        Active frames, ``[shape=(n_instances, n_frames)]``.
    """
    return [
        Series(method, rule, "auroc", ranking.auroc(scores[method], truth))
        for method, rule in SHOWN
        if method in scores
    ]


def report(
    under: Mapping[str, Under], events: pd.DataFrame, *, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every method of :data:`SHOWN` under each encoder, and the paired differences of :data:`PAIRS`.

    Which instances there are hangs on what a classifier detects. So all is measured twice: on the encoder's own
    instances, and on those that both classifiers detect.

    Parameters
    ----------
    under
        Name of an encoder -> what was measured.
    events
        ``clip, label, source_file`` of the test soundscapes, for intervals over clips and source files.
    replicates, seed
        Of the bootstrap.

    Returns
    -------
    tuple of pd.DataFrame
        :data:`COLUMNS`, with the clip-level classifier's recall; :data:`DIFFERENCE_COLUMNS`.
    """
    rows, apart = [], []
    drawn = {"replicates": replicates, "seed": seed}
    both = _common([one.index for one in under.values()])
    for encoder, one in under.items():
        shown = [series for series in one.measured if (series.method, series.rule) in SHOWN]
        recalled = _recall(one.predictions)
        rows.append(summaries.summarise(*recalled, **drawn).assign(encoder=encoder, instances=OWN))  # type: ignore[arg-type]
        for which, kept in ((OWN, np.ones(len(one.index), dtype=bool)), (COMMON, _in(one.index, both))):
            if not kept.any() or (which == COMMON and len(under) < 2):
                continue
            index = one.index[kept].reset_index(drop=True)
            series = [Series(s.method, s.rule, s.metric, s.values[kept], s.threshold) for s in shown]
            where = {"encoder": encoder, "instances": which}
            rows.append(summaries.summarise(index, series, **drawn).assign(**where))  # type: ignore[arg-type]
            apart.append(summaries.in_both_ways(index, series, PAIRS, events, **drawn).assign(**where))  # type: ignore[arg-type]
    return pd.concat(rows, ignore_index=True)[COLUMNS], pd.concat(apart, ignore_index=True)[DIFFERENCE_COLUMNS]


def _recall(predictions: pd.DataFrame) -> tuple[pd.DataFrame, list[Series]]:
    """Present pairs of the test split, and whether the clip-level classifier detects each."""
    rows = predictions[
        (predictions["method"] == "clip_level") & (predictions["split"] == "test") & predictions["present"]
    ].reset_index(drop=True)
    return rows[["split", "clip", "label"]], [Series(*CLIP_LEVEL, RECALL, rows["detected"].to_numpy(dtype=float))]


def _common(indices: Sequence[pd.DataFrame]) -> set[tuple[str, str]]:
    pairs = [set(zip(index["clip"], index["label"], strict=True)) for index in indices]
    return set.intersection(*pairs)


def _in(index: pd.DataFrame, pairs: set[tuple[str, str]]) -> NDArray[np.bool_]:
    return np.array([pair in pairs for pair in zip(index["clip"], index["label"], strict=True)], dtype=bool)
