"""Hann or Hamming: what the other analysis window would change, with everything else as it was trained.

The paper says Hamming; the public code and checkpoints of its encoder have Hann. A checkpoint fixes its window, so
this is a what-if: the encoder sees maps that it was not trained on.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from igsed_core.attribution.explainer import Explainer
from igsed_core.attribution.ig.base import Engine
from igsed_core.chapters.audit import again
from igsed_core.chapters.audit.material import Material
from igsed_core.data import soundscapes
from igsed_core.metrics.summaries import Series
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import WINDOWS

HANN, HAMMING = WINDOWS
PEDESTAL = 0.08  # hamming = 0.08 + 0.92 hann
MEASURES = ("level", "spread", "features", "logit", "flips")


def of_encoder(window: Tensor) -> str:
    """Name of a window: Hann's ends are zero, Hamming's stand on a pedestal."""
    inside = window[window > 0]
    return HAMMING if float(inside[0]) > PEDESTAL / 2 else HANN


def swapped(window: Tensor) -> Tensor:
    """The other window, of the same length and place in the transform.

    Parameters
    ----------
    window
        Hann or Hamming of even length, symmetric or periodic, zero beside it, ``[shape=(n_fft,)]``.
    """
    positive = torch.nonzero(window > 0)[:, 0]
    first, last = int(positive[0]), int(positive[-1])
    result = window.clone()
    if of_encoder(window) == HAMMING:
        result[first : last + 1] = (window[first : last + 1] - PEDESTAL) / (1 - PEDESTAL)
        return result.clamp_min(0.0)
    # Hann's own ends are zero, both of a symmetric one, the first of a periodic one; lengths are even.
    periodic = (last - first) % 2 == 0
    begin, end = first - 1, last + (1 if periodic else 2)
    result[begin:end] = PEDESTAL + (1 - PEDESTAL) * window[begin:end]
    return result


def behind_other_window(encoder: Encoder) -> Encoder:
    """Return a copy of an encoder with the other window."""
    changed = copy.deepcopy(encoder)
    changed.frontend.window.copy_(swapped(encoder.frontend.window))
    return changed


@dataclass(frozen=True)
class OtherWindow(Explainer):
    """An explainer whose encoder has the other window."""

    def load(self) -> tuple[Classifier, Engine]:
        """Load the classifier, change its window, and create the engine."""
        classifier, engine = super().load()
        classifier.encoder = behind_other_window(classifier.encoder)
        return classifier, engine

    def classifier_identity(self) -> dict[str, Any]:
        """Add the window."""
        return {**super().classifier_identity(), "window": "other"}


def other(explainer: Explainer) -> OtherWindow:
    """Return the same explainer with the other window."""
    values: dict[str, Any] = {f.name: getattr(explainer, f.name) for f in fields(explainer)}
    return OtherWindow(**values)


def compare(
    material: Material, explainer: Explainer, out_dir: Path, *, n_clips: int, workers: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Explain some instances behind the other window, and measure what it does to the encoder.

    Returns
    -------
    rows, differences : pd.DataFrame
        As :func:`igsed_core.chapters.audit.again.compare`; rule ``encoder`` holds, over the same instances' clips:
        ``level`` and ``spread`` (mean and standard deviation over mel bins of the change, dB), ``features`` (relative
        change of the feature frames), ``logit`` (mean absolute change over classes), ``flips`` (classes whose detection
        changes).
    """
    twice = again.explain(material, other(explainer), out_dir, n_clips=n_clips, workers=workers)
    classifier = explainer.load()[0]
    mine = of_encoder(classifier.encoder.frontend.window)
    (name,) = (name for name in WINDOWS if name != mine)
    names = (f"ig:{mine}", f"ig:{name}")
    rows, differences = again.compare(material, "window", names, twice)
    clips = list(dict.fromkeys(twice.index["clip"]))
    effects = _effects(material, classifier, clips)
    index = pd.DataFrame({"split": "test", "clip": clips, "label": "all"})
    series = [Series(names[1], "encoder", measure, values) for measure, values in effects.items()]
    return pd.concat([rows, material.tidy("window", index, series)], ignore_index=True), differences


def _effects(material: Material, classifier: Classifier, clips: list[str]) -> dict[str, np.ndarray]:
    """Change of each clip's mel power (dB), feature frames and logits."""
    mine, changed = classifier.encoder, behind_other_window(classifier.encoder)
    device = mine.frontend.window.device
    rows = material.data.clips.set_index("clip").loc[clips].reset_index()
    found: list[tuple[float, ...]] = []
    for i in range(len(rows)):
        samples = torch.from_numpy(soundscapes.read_clips(material.data.root, rows.iloc[[i]])).to(device)
        with torch.inference_mode():
            # The floor keeps bins without power out of the decibels.
            power = [encoder.frontend.power(samples).clamp_min(1e-10) for encoder in (mine, changed)]
            apart = 10 * torch.log10(power[1] / power[0])
            features = [encoder(samples) for encoder in (mine, changed)]
            logits = [classifier.head.clip_logits(of_window)[0] for of_window in features]
        change = (features[1] - features[0]).norm() / features[0].norm()
        flips = ((logits[0] > 0) != (logits[1] > 0)).sum()
        values = (apart.mean(), apart.std(), change, (logits[1] - logits[0]).abs().mean(), flips)
        found.append(tuple(float(value) for value in values))
    return dict(zip(MEASURES, np.array(found).T, strict=True))
