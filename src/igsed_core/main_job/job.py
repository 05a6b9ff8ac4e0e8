"""What the main job left, as later pages read it: soundscapes, predictions, maps, scores, instances, the classifier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.attribution import by_method, maps
from igsed_core.attribution.base import Method
from igsed_core.attribution.explainer import Explainer, telling
from igsed_core.base import devices, files, plugins, store
from igsed_core.base.run import StageRun
from igsed_core.data import soundscapes
from igsed_core.data.soundscapes import SoundscapeSet
from igsed_core.detection import evaluation
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.scored import BASELINES
from igsed_core.main_job.params import DataSynthesis, IntegratedGradients, ThresholdSensitivity, Training
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.models import classification, features, heads
from igsed_core.models.features import FeatureFrames
from igsed_core.models.heads import Head


@dataclass(frozen=True)
class MainJob:
    """Artefacts and parameters of the stages before a page, read when they are first asked for.

    Attributes
    ----------
    run
        The page's stage; it reads from data synthesis, training, Integrated Gradients, baselines and threshold
        sensitivity.
    """

    run: StageRun

    @cached_property
    def data(self) -> SoundscapeSet:
        """Soundscapes and their events."""
        return soundscapes.load(self.run.input("data_synthesis"))

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """What each head says of each clip, from :func:`igsed_core.models.classification.predict`."""
        return files.read_table(self.run.input("training") / "predictions.csv")

    @cached_property
    def heads(self) -> dict[str, Head]:
        """The trained heads, by name."""
        folder = self.run.input("training") / "heads"
        return {name: heads.load(folder / f"{name}.safetensors") for name in heads.HEADS}

    @cached_property
    def features(self) -> dict[str, FeatureFrames]:
        """Feature frames that the heads were trained on and applied to, by split."""
        return {
            str(split): features.read(self.run.input("training") / "features" / str(split), rows)
            for split, rows in self.data.clips.groupby("split")
        }

    @cached_property
    def attributions(self) -> ScoresOverTime:
        """Integrated Gradients of every detected class."""
        explained = self.run.params_of(IntegratedGradients)
        folder = self.run.input("integrated_gradients") / "maps"
        made_by = {"engine": explained.engine, "options": telling(explained.options())}
        return maps.read(folder, classification.detected_pairs(self.predictions), made_by)

    def scores(self, names: Iterable[str] = BASELINES) -> dict[str, ScoresOverTime]:
        """Scores over time of framewise detectors and baselines, by name."""
        return {name: ScoresOverTime.load(self.run.input("baselines") / f"{name}.npz") for name in names}

    def instances(self, split: str, scores: dict[str, ScoresOverTime] | None = None) -> Instances:
        """Evaluated (clip, class) pairs of one split, by the main job's frames and with the sign read as there.

        Parameters
        ----------
        split
            ``validation`` or ``test``.
        scores
            Of the methods beside Integrated Gradients; the main job's, if not given.

        Raises
        ------
        IgsedError
            If the split has no instance.
        """
        scores = self.scores() if scores is None else scores
        return self.evaluate(self.predictions, self.data.events, self.attributions, scores, split)

    def evaluate(
        self,
        predictions: pd.DataFrame,
        events: pd.DataFrame,
        attributions: ScoresOverTime,
        scores: dict[str, ScoresOverTime],
        split: str,
    ) -> Instances:
        """Evaluated (clip, class) pairs of any clips, by the main job's frames and with the sign read as there.

        Parameters
        ----------
        predictions, events, attributions, scores, split
            As for :func:`igsed_core.detection.evaluation.instances`.

        Raises
        ------
        IgsedError
            If the split has no instance.
        """
        evaluated = self.run.params_of(ThresholdSensitivity)
        return evaluation.instances(
            predictions,
            events,
            attributions,
            scores,
            split=split,
            duration=self.run.params_of(DataSynthesis).duration,
            frame_length=evaluated.frame_length,
            min_coverage=evaluated.min_coverage,
            sign=evaluated.sign,
            seed=self.run.params.seed,
        )

    def method_folder(self, explainer: Explainer, name: str, method: Method, *, link: str = "") -> Path:
        """Return the folder in the store for the maps of one method of the registry.

        Parameters
        ----------
        explainer
            What is explained.
        name, method
            Of the registry; the method with its options set.
        link
            Name in the stage's folder, by default ``maps/<name>``.
        """
        return maps_folder(
            self.run,
            by_method.identity(explainer, name, method),
            modules=(by_method.__name__,),
            uses=((plugins.METHODS, name), (plugins.ENCODERS, explainer.encoder)),
            name=link or f"maps/{name}",
        )

    def explainer(self, engine: str = "mel_path", options: dict[str, Any] | None = None) -> Explainer:
        """Return the explained classifier on this experiment's soundscapes, as worker processes load it.

        Parameters
        ----------
        engine, options
            Of the integral: a name of :data:`igsed_core.attribution.ig.engines.ENGINES`, and what it is created with.
        """
        trained = self.run.params_of(Training)
        return Explainer(
            encoder=trained.encoder,
            weights=trained.weights,
            head=self.run.input("training") / "heads" / "clip_level.safetensors",
            soundscapes=self.data.root,
            engine=engine,
            options=tuple((options or {}).items()),
            device=str(devices.choose(self.run.params_of(IntegratedGradients).ig_device)),
        )


def maps_folder(
    run: StageRun, made_from: dict[str, Any], *, modules: Iterable[str], uses: plugins.Uses, name: str = "maps"
) -> Path:
    """Return the folder in the store for maps of the pairs that the run's classifier detects.

    Which classes of a clip are explained hangs on the predictions, so they are part of the key.

    Parameters
    ----------
    run
        A stage that reads from the training.
    made_from
        Identity of the explainer (:meth:`igsed_core.attribution.explainer.Explainer.identity`) or of a method.
    modules, uses, name
        As for :meth:`igsed_core.base.run.StageRun.shared`.
    """
    pairs = store.checksum(run.input("training") / "predictions.csv")
    return run.shared("maps", {**made_from, "pairs": pairs}, modules=modules, uses=uses, name=name)
