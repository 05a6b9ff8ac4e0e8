"""What pages have in common that judge detectors at the localiser's resolution, their edges calibrated on gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from igsed_core.base.run import StageRun
from igsed_core.detection import calibration, decided, edges, localiser_scores, shifted_features
from igsed_core.detection.calibration import Decoder
from igsed_core.detection.decided import Split
from igsed_core.detection.evaluation import Instances
from igsed_core.main_job import attribution_edges
from igsed_core.main_job import edges as calibrated
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import Calibrating, DataSynthesis, IntegratedGradients, ThresholdSensitivity
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import Series
from igsed_core.models import features
from igsed_core.models.classifier import Classifier
from igsed_core.models.features import FeatureFrames

LOCALISER, CAM, FW_WS, IG = calibrated.LOCALISER, calibrated.CAM, calibrated.FW_WS, attribution_edges.IG
HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class Edged:
    """Detectors that decide against absence, their instances, and their edges; each is made when it is asked for.

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
    params: Calibrating
    main: MainJob

    @property
    def resampling(self) -> dict[str, int]:
        """Replicates and seed of the bootstrap."""
        return {"replicates": self.run.params_of(ThresholdSensitivity).replicates, "seed": self.params.seed}

    @property
    def margin(self) -> float:
        """Smallest difference that a sentence names."""
        return self.run.params_of(ThresholdSensitivity).margin

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

    def at_shifts(self, split: str) -> FeatureFrames:
        """Feature frames of a split at shifts; kept in the store."""
        encoder, clips = self.classifier.encoder, self.main.data.clips
        made_from = {**features.identity(encoder, self.main.data.root), "shifts": self.params.shifts}
        kept = self.run.shared(
            "shifted_features", made_from, modules=(shifted_features.__name__, *features.modules(encoder))
        )
        return shifted_features.extract(
            *(self.main.explainer(), self.main.data.root, clips[clips["split"] == split], kept / split),
            shifts=self.params.shifts,
            workers=self.run.params_of(IntegratedGradients).ig_workers,
        )

    @cached_property
    def decoders(self) -> dict[str, Decoder]:
        """Detectors that decide against absence: localiser, CAM frame by frame, FW-WS."""
        return calibrated.decoders(self.main, components=self.params.components)

    @cached_property
    def observed(self) -> dict[str, pd.DataFrame]:
        """What every detector decided on gates of the training clips; kept in the store."""
        components = self.params.components
        found = calibrated.observe(
            self.main,
            shifts=self.params.shifts,
            components=components,
            per_length=self.params.gates,
            fitted=lambda: self.decoders,
        )
        if self.params.attribution_gates:
            few = self.params.attribution_gates
            localiser = self.decoders[LOCALISER]
            found[IG] = attribution_edges.observe(self.main, localiser, components=components, per_length=few)
        return found

    @cached_property
    def corrections(self) -> pd.DataFrame:
        """Edges of every detector, a tidy table (:func:`igsed_core.detection.calibration.corrections`)."""
        return calibration.corrections(self.observed)

    def edges_of(self, method: str) -> dict[str, edges.Edges]:
        """Class -> edges of a detector."""
        return edges.of_table(self.corrections[self.corrections["method"] == method])

    def with_edges(self, split: str, at_shifts: FeatureFrames) -> list[Series]:
        """IoU and F1 of every detector and of Integrated Gradients, as found, by any overlap and with calibrated edges.

        Parameters
        ----------
        split
            ``validation`` or ``test``.
        at_shifts
            From :meth:`at_shifts`.
        """
        instances = self.splits[split]
        scores = self.log_odds(at_shifts, instances.index)
        scores[IG] = decided.attribution(instances, self.instances[split].scores["ig"])
        return [
            one
            for method, of in scores.items()
            for one in decided.with_edges(method, instances, of, self.edges_of(method))
        ]

    def summarised(
        self,
        split: str,
        made: Sequence[Series],
        pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]],
        classes: Sequence[str] = (),
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Tidy tables of series of a split's instances, and of paired differences (:func:`decided.report`)."""
        index, events = self.splits[split].index, self.main.data.events
        return decided.report(index, made, pairs, events, classes=classes, **self.resampling)

    def log_odds(self, at_shifts: FeatureFrames, index: pd.DataFrame) -> dict[str, ScoresOverTime]:
        """Log-odds of presence by each of the :attr:`decoders`.

        Parameters
        ----------
        at_shifts
            From :meth:`at_shifts`.
        index
            ``split, clip, label``: the classes of clips that are asked about.
        """
        labels = [str(label) for label in index["label"]]
        return {
            method: localiser_scores.localise(
                decoder.models,
                localiser_scores.frame_logits(decoder.head, at_shifts, index),
                labels,
                shifts=self.params.shifts,
            )
            for method, decoder in self.decoders.items()
        }
