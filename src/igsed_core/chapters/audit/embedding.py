"""CNN14's layer between pooling and output layer, kept or dropped: the same clips explained under the other reading.

The paper: features are "aggregated over time with global max pooling to obtain a 2048-dimensional embedding", and "the
original 527-class output layer is replaced with a 10-class linear layer" (section II-B). PANNs has a further linear
layer of 2048 units with a ReLU, ``fc1``, between the two, and calls what comes after it the embedding. Whether it is
there decides whether a logit is a sum over features, on which the class activation map rests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from igsed_core.attribution.explainer import Explainer
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.audit import again
from igsed_core.chapters.audit.material import Material
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import Training
from igsed_core.models import features, heads, training
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.heads import Embedding, Head

Retrain = Callable[[Embedding | None], Head]


@dataclass(frozen=True)
class OfRun:
    """Trains the run's clip-level head once more, on the same features, from the same seed.

    Attributes
    ----------
    main
        The run.
    """

    main: MainJob

    def __call__(self, embedding: Embedding | None) -> Head:
        """Return a head with this embedding, or with none."""
        trained = self.main.run.params_of(Training)
        data, validation = (
            (frames, features.targets(frames, self.main.data.events, self.main.data.classes))
            for frames in (self.main.features[split] for split in ("train", "validation"))
        )
        return training.train(
            "clip_level",
            data,
            validation,
            self.main.data.classes,
            learning_rate=trained.learning_rate,
            batch_size=trained.batch_size,
            epochs=trained.epochs,
            patience=trained.patience,
            seed=trained.seed,
            embedding=embedding,
        ).head


def compare(
    material: Material, explainer: Explainer, retrain: Retrain, out_dir: Path, *, n_clips: int, workers: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Explain some instances by a head that is trained under the other reading.

    Parameters
    ----------
    material
        The run.
    explainer
        As it explained the run's clips.
    retrain
        Trains a head with an embedding, or with none.
    out_dir
        Head and maps are kept here.
    n_clips
        Test soundscapes that are explained again.
    workers
        See :func:`igsed_core.attribution.runner.run`.

    Returns
    -------
    rows, differences : pd.DataFrame
        As :func:`igsed_core.chapters.audit.again.compare`; empty where the encoder has no such layer.
    """
    try:
        layer = encoders.load(explainer.encoder, explainer.weights).pooled_embedding()
    except IgsedError:
        return pd.DataFrame(), pd.DataFrame()
    kept = heads.load(explainer.head).embedding is not None
    path = out_dir / "clip_level.safetensors"
    if not path.exists():
        heads.save(retrain(None if kept else Embedding.of(layer)), "clip_level", path)
    names = ("ig:kept", "ig:dropped") if kept else ("ig:dropped", "ig:kept")
    changed = replace(explainer, head=path)
    twice = again.explain(material, changed, out_dir / "maps", n_clips=n_clips, workers=workers)
    return again.compare(material, "embedding", names, twice)
