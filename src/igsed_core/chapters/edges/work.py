"""The page step by step, from the artefacts of the main job."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from igsed_core.base.run import StageRun
from igsed_core.chapters.edges import example, soft, study
from igsed_core.chapters.edges.example import Example
from igsed_core.chapters.edges.params import EdgeStudy
from igsed_core.detection import calibration
from igsed_core.main_job import edges as calibrated
from igsed_core.main_job.edged import LOCALISER, Edged
from igsed_core.main_job.job import MainJob
from igsed_core.metrics.summaries import Series
from igsed_core.models.features import FeatureFrames

SPLIT = "test"


@dataclass(frozen=True)
class Work(Edged):
    """Everything that the page computes."""

    params: EdgeStudy

    @classmethod
    def of(cls, run: StageRun) -> Work:
        """Begin the page."""
        assert isinstance(run.params, EdgeStudy)
        return cls(run, run.params, MainJob(run))

    @cached_property
    def seen(self) -> FeatureFrames:
        """Feature frames of the test clips at shifts."""
        return self.at_shifts(SPLIT)

    def example(self) -> Example | None:
        """Make one gate of the run again, to be seen and heard; None where the localiser found none."""
        observed, edges = self.observed[LOCALISER], self.edges_of(LOCALISER)
        row = example.choose(observed, edges)
        if row is None:
            return None
        return example.make(
            *(observed.loc[[row]], edges, self.classifier, self.decoders[LOCALISER], calibrated.reader(self.main)),
            shifts=self.params.shifts,
        )

    def series(self) -> list[Series]:
        """IoU and F1 of every detector whose edges were calibrated, on the test instances."""
        return [one for one in self.with_edges(SPLIT, self.seen) if one.method in self.observed]

    def report(self, made: list[Series]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Tidy tables of all series, and of what the edges give."""
        return self.summarised(SPLIT, made, study.pairs(made))

    def by_duration(self, made: list[Series]) -> pd.DataFrame:
        """IoU before and after calibrated edges, by length of event."""
        return study.by_duration(self.splits[SPLIT], self.main.data.events, made)

    def soft_onsets(self) -> pd.DataFrame:
        """Try the edges on other gates, some of which rise and fall slowly."""
        seen = {}
        if self.params.soft_gates:
            drawn = calibrated.draw(
                self.main,
                self.decoders[LOCALISER],
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
        return soft.table(seen, {method: self.edges_of(method) for method in self.decoders}, seed=self.params.seed)

    def missed(self) -> pd.DataFrame:
        """Compare missed gates with missed events of the test clips, detected by the classifier or not."""
        clips = self.main.data.clips
        events = self.main.data.events
        events = events[events["clip"].isin(clips.loc[clips["split"] == SPLIT, "clip"])].assign(split=SPLIT)
        pairs = events[["split", "clip", "label"]].drop_duplicates(ignore_index=True)
        return study.missed(self.observed, self.log_odds(self.seen, pairs), events)
