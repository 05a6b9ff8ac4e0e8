"""The page step by step, from the artefacts of the main job."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from igsed_core.attribution import maps
from igsed_core.base.run import StageRun
from igsed_core.chapters.ceilings import decisions, pooling, study
from igsed_core.chapters.ceilings import detectors as trained
from igsed_core.chapters.ceilings.choices import names_of
from igsed_core.chapters.ceilings.params import Ceilings
from igsed_core.detection.decided import Split
from igsed_core.main_job.edged import HELD_OUT, Edged
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.metrics import summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models import features, heads
from igsed_core.models import pooling as pooled_heads
from igsed_core.models.features import FeatureFrames, Targets


@dataclass(frozen=True)
class Work(Edged):
    """Everything that the page computes."""

    params: Ceilings

    @classmethod
    def of(cls, run: StageRun) -> Work:
        """Begin the page."""
        assert isinstance(run.params, Ceilings)
        return cls(run, run.params, MainJob(run))

    @cached_property
    def shifted(self) -> dict[str, FeatureFrames]:
        """Feature frames at shifts, by split; kept in the store."""
        return {str(split): self.at_shifts(str(split)) for split in self.main.data.clips["split"].unique()}

    def targets(self, of: FeatureFrames) -> Targets:
        """Labels of feature frames."""
        return features.targets(of, self.main.data.events, self.main.data.classes)

    @cached_property
    def training(self) -> tuple[FeatureFrames, Targets]:
        """Training clips without shifts."""
        frames = self.main.features["train"]
        return frames, self.targets(frames)

    def scores(self, network: Any) -> dict[str, ScoresOverTime]:
        """Scores of a detector at shifts, of the instances of validation and test."""
        classes = self.main.data.classes
        return {
            split: trained.scores(network, self.shifted[split], classes).at(self.splits[split].index)
            for split in HELD_OUT
        }

    def detectors(self) -> tuple[list[Series], pd.DataFrame]:
        """Judge the localiser and its ceilings on the test instances.

        Returns
        -------
        tuple
            Series, and how the detectors were trained.
        """
        names = names_of("detectors", self.params.detectors)
        with self.run.timed("seconds_of_detectors"):
            found = trained.train(
                names,
                lambda: {split: (of := self.shifted[split], self.targets(of)) for split in ("train", "validation")},
                self.main.data.classes,
                self.run.dir / "detectors",
                epochs=self.params.detector_epochs,
                seeds=[self.params.seed + number for number in range(self.params.detector_seeds)],
                workers=self.run.params_of(IntegratedGradients).ig_workers,
            )
        shifted = self.shifted["test"]
        made = self.with_edges("test", shifted)
        for name in ("fw_ws", "fw_ss"):
            runs = [self.scores(trained.FrameLogits(self.main.heads[name]))]
            made += decisions.judged(f"{name}_shifts", self.splits, runs)
        with self.run.timed("seconds_of_detectors"):
            for name in names:
                runs = [self.scores(one.network) for one in found if one.name == name]
                made += decisions.judged(name, self.splits, runs)
        plain = self.main.features["test"]
        grids = [(of.frame_duration, of.frame_start) for of in (plain, shifted)]
        made += study.perfect(self.splits["test"], self.main.data.events, list(dict.fromkeys(grids)))
        return made, pd.concat([one.row for one in found], ignore_index=True)

    def report(self, made: list[Series]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Tidy tables of all series and of their differences."""
        return self.summarised("test", made, study.pairs(made), self.main.data.classes)

    def poolings(self) -> pd.DataFrame:
        """Train heads that pool in other ways, and read each."""
        test = self.splits["test"]
        some = self.instances["test"].first_clips(self.params.pooled_clips)
        few = Split(some.index, some.truth, test.frame_length, test.duration, test.min_coverage)
        chosen, recipe = self.run.params_of(IntegratedGradients), self.run.params_of(Training)
        validation = self.main.features["validation"]
        explained = self.main.explainer(chosen.engine, chosen.options())
        on_few: list[Series] = []
        for name in names_of("poolings", self.params.poolings):
            path = self.run.dir / "heads" / f"{name}.safetensors"
            pooling.train(
                name,
                self.training,
                (validation, self.targets(validation)),
                self.main.data.classes,
                learning_rate=recipe.learning_rate,
                batch_size=recipe.batch_size,
                seed=self.params.seed,
                path=path,
            )
            who = pooling.PoolingExplainer(**{**vars(explained), "head": path})
            ig = maps.compute(who, some.index, self.run.dir / "pooled" / name, workers=chosen.ig_workers)
            head = heads.load(path, pooled_heads.POOLINGS)
            on_few += pooling.measure(
                name,
                head,
                ig.read_as(self.run.params_of(ThresholdSensitivity).sign),
                few,
                training=self.training,
                features=self.main.features["test"],
                shifted=self.shifted["test"],
                shifts=self.params.shifts,
                components=self.params.components,
            )
        return summaries.summarise(few.index, on_few, **self.resampling)  # type: ignore[arg-type]
