"""The page step by step, from the artefacts of the main job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from igsed_core.attribution import maps
from igsed_core.attribution.integrated_gradients import IntegratedGradients as IgMethod
from igsed_core.base.run import StageRun
from igsed_core.chapters.ceilings import decisions, pooling, soft, study
from igsed_core.chapters.ceilings import detectors as trained
from igsed_core.chapters.ceilings.choices import names_of
from igsed_core.chapters.ceilings.decisions import Split
from igsed_core.chapters.ceilings.params import Ceilings
from igsed_core.detection import calibration, edges, localiser_scores, shifted_features
from igsed_core.detection.calibration import Decoder
from igsed_core.detection.evaluation import Instances
from igsed_core.main_job import edges as calibrated
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.metrics import summaries
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models import features, heads
from igsed_core.models import pooling as pooled_heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.features import FeatureFrames, Targets

HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class Work:
    """Everything that the page computes.

    Attributes
    ----------
    run
        The page's stage.
    params
        Its parameters.
    main
        What the main job left.
    """

    run: StageRun
    params: Ceilings
    main: MainJob

    @classmethod
    def of(cls, run: StageRun) -> Work:
        """Begin the page."""
        assert isinstance(run.params, Ceilings)
        return cls(run, run.params, MainJob(run))

    @property
    def resampling(self) -> dict[str, int]:
        """Replicates and seed of the bootstrap."""
        return {"replicates": self.run.params_of(ThresholdSensitivity).replicates, "seed": self.params.seed}

    @property
    def n_instances(self) -> int:
        """Test instances."""
        return len(self.splits["test"].index)

    @cached_property
    def classifier(self) -> Classifier:
        """The explained classifier."""
        return self.main.explainer().load()[0]

    @cached_property
    def instances(self) -> dict[str, Instances]:
        """Instances of validation and test."""
        return {split: self.main.instances(split, {}) for split in HELD_OUT}

    @cached_property
    def splits(self) -> dict[str, Split]:
        """Their truth, and how it was marked."""
        evaluated, duration = self.run.params_of(ThresholdSensitivity), self.run.params_of(DataSynthesis).duration
        return {
            split: Split(one.index, one.truth, evaluated.frame_length, duration, evaluated.min_coverage)
            for split, one in self.instances.items()
        }

    @cached_property
    def shifted(self) -> dict[str, FeatureFrames]:
        """Feature frames at shifts, by split; kept in the store."""
        encoder, clips = self.classifier.encoder, self.main.data.clips
        made_from = {**features.identity(encoder, self.main.data.root), "shifts": self.params.shifts}
        kept = self.run.shared(
            "shifted_features", made_from, modules=(shifted_features.__name__, *features.modules(encoder))
        )
        explainer, workers = self.main.explainer(), self.run.params_of(IntegratedGradients).ig_workers
        return {
            str(split): shifted_features.extract(
                *(explainer, self.main.data.root, rows, kept / str(split)), shifts=self.params.shifts, workers=workers
            )
            for split, rows in clips.groupby("split")
        }

    def targets(self, of: FeatureFrames) -> Targets:
        """Labels of feature frames."""
        return features.targets(of, self.main.data.events, self.main.data.classes)

    @cached_property
    def training(self) -> tuple[FeatureFrames, Targets]:
        """Training clips without shifts."""
        frames = self.main.features["train"]
        return frames, self.targets(frames)

    @cached_property
    def decoders(self) -> dict[str, Decoder]:
        """Detectors that decide against absence: localiser, CAM frame by frame, FW-WS."""
        return calibrated.decoders(self.main, components=self.params.components)

    def observe_gates(self) -> dict[str, pd.DataFrame]:
        """Make gates of the training clips and let every detector decide on them."""
        options = {"shifts": self.params.shifts, "components": self.params.components}
        found = calibrated.observe(self.main, per_length=self.params.gates, **options)
        if self.params.attribution_gates:
            few = calibrated.draw(self.main, self.decoders[study.LOCALISER], per_length=self.params.attribution_gates)
            chosen = self.run.params_of(IntegratedGradients)
            method = IgMethod(chosen.engine, **chosen.options())
            length = self.run.params_of(ThresholdSensitivity).frame_length
            read = calibrated.reader(self.main)
            with self.run.timed("seconds_of_gates_of_attribution"):
                found[study.IG] = calibration.observe_attribution(
                    self.classifier, method, few, read, frame_length=length
                )
        return found

    def soft_onsets(self, corrections: pd.DataFrame) -> pd.DataFrame:
        """Try the edges on other gates, some of which rise and fall slowly."""
        seen = {}
        if self.params.soft_gates:
            drawn = calibrated.draw(
                self.main,
                self.decoders[study.LOCALISER],
                per_length=self.params.soft_gates,
                seed=self.params.seed + 1,
            )
            read = calibrated.reader(self.main)
            with self.run.timed("seconds_of_soft_gates"):
                seen = {
                    seconds: calibration.observe(
                        self.classifier, self.decoders, drawn, read, shifts=self.params.shifts, soft=seconds
                    )
                    for seconds in soft.SOFT
                }
        of = {method: self._edges(corrections, method) for method in self.decoders}
        return soft.table(seen, of, seed=self.params.seed)

    def corrections(self, observed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Edges of every detector, a tidy table."""
        return calibration.corrections(observed)

    def scores(self, network: Any) -> dict[str, ScoresOverTime]:
        """Scores of a detector at shifts, of the instances of validation and test."""
        classes = self.main.data.classes
        return {
            split: trained.scores(network, self.shifted[split], classes).at(self.splits[split].index)
            for split in HELD_OUT
        }

    def detectors(self, corrections: pd.DataFrame) -> tuple[list[Series], pd.DataFrame]:
        """Judge the localiser and its ceilings on the test instances.

        Parameters
        ----------
        corrections
            From :meth:`corrections`.

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
        test, made = self.splits["test"], []
        shifted = self.shifted["test"]
        labels = [str(label) for label in test.index["label"]]
        for method, decoder in self.decoders.items():
            logits = localiser_scores.frame_logits(decoder.head, shifted, test.index)
            log_odds = localiser_scores.localise(decoder.models, logits, labels, shifts=self.params.shifts)
            made += study.with_edges(method, test, log_odds, self._edges(corrections, method))
        of_ig = study.attribution(test, self.instances["test"].scores["ig"])
        made += study.with_edges(study.IG, test, of_ig, self._edges(corrections, study.IG))
        for name in ("fw_ws", "fw_ss"):
            runs = [self.scores(trained.FrameLogits(self.main.heads[name]))]
            made += decisions.judged(f"{name}_shifts", self.splits, runs)
        with self.run.timed("seconds_of_detectors"):
            for name in names:
                runs = [self.scores(one.network) for one in found if one.name == name]
                made += decisions.judged(name, self.splits, runs)
        plain = self.main.features["test"]
        grids = [(of.frame_duration, of.frame_start) for of in (plain, shifted)]
        made += study.perfect(test, self.main.data.events, list(dict.fromkeys(grids)))
        return made, pd.concat([one.row for one in found], ignore_index=True)

    def _edges(self, corrections: pd.DataFrame, method: str) -> dict[str, edges.Edges]:
        return edges.of_table(corrections[corrections["method"] == method])

    def report(self, made: list[Series]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Tidy tables of all series and of their differences."""
        data = self.main.data
        return study.report(self.splits["test"].index, made, data.classes, data.events, **self.resampling)

    def by_duration(self, made: list[Series]) -> pd.DataFrame:
        """IoU before and after calibrated edges, by length of event."""
        return study.by_duration(self.splits["test"], self.main.data.events, made)

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
