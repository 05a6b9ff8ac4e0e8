"""FW-CRNN in the main experiment: trained by time labels and by clip labels, beside FW-SS and FW-WS."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from igsed_core.base import kept
from igsed_core.base.run import StageRun
from igsed_core.chapters.self_attention import study
from igsed_core.chapters.self_attention.params import SelfAttentionStudy
from igsed_core.data import soundscapes
from igsed_core.detection import framewise_crnn
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.framewise_crnn import Recipe
from igsed_core.detection.thresholds import levels
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, ThresholdSensitivity
from igsed_core.metrics import localisation, summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models import features
from igsed_core.models.detectors import log_mel
from igsed_core.models.detectors.crnn import with_widths

STRONG, WEAK = "fw_crnn_ss", "fw_crnn_ws"
LEARNT = ("train", "validation")
METHODS = (STRONG, WEAK, "fw_ss", "fw_ws")
LEVEL, PERCENTILE = "level", "percentile"
RULES = {LEVEL: "threshold tuned on validation", PERCENTILE: "percentile tuned on validation"}
_GRIDS = {LEVEL: np.round(np.arange(0.05, 0.96, 0.05), 2), PERCENTILE: np.arange(5.0, 96.0, 5.0)}
PAIRS = ((STRONG, "fw_ss"), (WEAK, "fw_ws"), (WEAK, STRONG))


@dataclass(frozen=True)
class Compared:
    """Tables of the comparison, and the numbers of soundscapes that FW-CRNN was trained on."""

    summary: pd.DataFrame
    differences: pd.DataFrame
    n_train: int


@dataclass(frozen=True, eq=False)
class _Job:
    name: str
    classes: tuple[str, ...]
    recipe: Recipe
    seed: int
    checkpoint: Path


def _fit(job: _Job, data: dict[str, dict[str, torch.Tensor]]) -> dict[str, Any]:
    train, validation = ((data["maps"][split], data[job.name][split]) for split in LEARNT)
    fitted = framewise_crnn.fit(
        train, validation, job.classes, job.recipe, seed=job.seed, name=job.name, checkpoint=job.checkpoint
    )
    return fitted.content()


def compare(run: StageRun, params: SelfAttentionStudy) -> Compared:
    """Train FW-CRNN both ways and judge it on the main experiment's instances.

    Parameters
    ----------
    run
        The page's stage.
    params
        Its parameters.
    """
    main = MainJob(run)
    synthesis, evaluated = run.params_of(DataSynthesis), run.params_of(ThresholdSensitivity)
    hop, classes = params.attention_hop, main.data.classes
    rows = {str(split): table for split, table in main.data.clips.groupby("split", sort=False)}
    rows["train"] = rows["train"].head(params.attention_main_clips or len(rows["train"]))

    def read(clips: pd.DataFrame) -> np.ndarray:
        return soundscapes.read_clips(main.data.root, clips)

    maps = {
        split: log_mel.maps(read, table, sample_rate=synthesis.sample_rate, hop=hop) for split, table in rows.items()
    }
    names = {split: [str(name) for name in table["clip"]] for split, table in rows.items()}
    strong = {
        split: torch.from_numpy(
            framewise_crnn.targets(names[split], main.data.events, classes, n_frames=maps[split].shape[1], hop=hop)
        )
        for split in LEARNT
    }
    weak = {split: torch.from_numpy(features.clip_targets(names[split], main.data.labels, classes)) for split in strong}
    recipe = study.recipe(params, params.attention_main_epochs)
    if params.attention_main_width:
        shape = with_widths(recipe.shape, (params.attention_main_width,), hop, synthesis.duration)
        recipe = dataclasses.replace(recipe, shape=shape)
    by_clip = dataclasses.replace(recipe, shape=dataclasses.replace(recipe.shape, weak=True))
    folder = run.dir / "main_networks"
    jobs = {
        name: _Job(name, tuple(classes), how, params.seed, kept.unfinished(folder, name))
        for name, how in ((STRONG, recipe), (WEAK, by_clip))
    }

    def data() -> dict[str, dict[str, torch.Tensor]]:
        return {"maps": {split: maps[split] for split in LEARNT}, STRONG: strong, WEAK: weak}

    found = kept.results(_fit, jobs, folder, workers=params.attention_workers, desc="FW-CRNN", data=data)
    fitted = {name: framewise_crnn.restored(found[name], job.classes, job.recipe) for name, job in jobs.items()}
    known = main.scores(("fw_ss", "fw_ws"))
    instances = {}
    for split in ("validation", "test"):
        clips = np.array(names[split], dtype=str)
        own: dict[str, ScoresOverTime] = {
            name: framewise_crnn.scores(one.network, maps[split], clips, classes, hop=hop)
            for name, one in fitted.items()
        }
        instances[split] = main.instances(split, {**own, **known})
    made = [*itertools.chain.from_iterable(series(instances, name) for name in METHODS)]
    resampling = {"replicates": evaluated.replicates, "seed": params.seed}
    pairs = [((one, rule), (other, rule)) for rule in RULES for one, other in PAIRS]
    index = instances["test"].index
    return Compared(
        summaries.summarise(index, made, classes=classes, **resampling),  # type: ignore[arg-type]
        summaries.differences(index, made, pairs, **resampling),  # type: ignore[arg-type]
        len(rows["train"]),
    )


def series(instances: dict[str, Instances], name: str) -> list[Series]:
    """IoU, F1 and pointing game of one method under both rules, their parameters chosen by IoU on validation.

    Parameters
    ----------
    instances
        Of validation and test.
    name
        The method.
    """
    found = []
    for rule, grid in _GRIDS.items():
        held = instances["validation"]
        scores = [localisation.iou(_masks(held, name, rule, level), held.truth).mean() for level in grid]
        level = float(grid[int(np.argmax(scores))])
        test = instances["test"]
        mask = _masks(test, name, rule, level)
        found += [
            Series(name, rule, "iou", localisation.iou(mask, test.truth), level),
            Series(name, rule, "f1", localisation.f1(mask, test.truth), level),
            Series(name, rule, "pointing_game", localisation.pointing_game(test.ranked[name], test.truth)),
        ]
    return found


def _masks(instances: Instances, name: str, rule: str, level: float) -> np.ndarray:
    if rule == LEVEL:
        return levels.fixed(instances.scores[name], level)
    return levels.percentile(instances.ranked[name], level)
