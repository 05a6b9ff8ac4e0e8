"""What the benchmark of the engines works on: a classifier and clips, of an experiment or made up."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from igsed_core.base.files import read_table
from igsed_core.data import soundscapes
from igsed_core.models import heads
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry as encoders
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.encoders.cnn14 import Cnn14
from igsed_core.models.encoders.embedded.network import CompactCnn
from igsed_core.models.encoders.mobilenet import MobileNet
from igsed_core.models.frontend import EfficientATLogMel, PannsLogMel


@dataclass(frozen=True)
class Clips:
    """Waveforms ``[shape=(n_clips, n_samples)]``, the classes to explain in each, and their names."""

    waveforms: Tensor
    classes: list[list[int]]
    names: list[str]


def load_classifier(options: argparse.Namespace) -> Classifier:
    """Load encoder and head."""
    encoder = untrained(options.encoder) if options.random else encoders.load(options.encoder, options.weights)
    if options.head:
        head = heads.load(options.head)
    else:
        names = [f"class {i}" for i in range(10)]
        if options.predictions:
            names = sorted(read_table(options.predictions)["label"].unique())
        head = heads.create("clip_level", encoder.n_features, names, seed=0)
    return Classifier(encoder, head.requires_grad_(False)).to(options.device).eval()


def untrained(name: str) -> Encoder:
    """Build an encoder with the random weights that PyTorch gives its layers."""
    torch.manual_seed(2026)
    network, frontend, n_features = {
        "embedded": (CompactCnn, PannsLogMel, 512),
        "mn04_as": (MobileNet, EfficientATLogMel, 384),
        "cnn14": (Cnn14, PannsLogMel, 2048),
    }[name]
    return Encoder(
        name,
        frontend(),
        network(),
        n_features=n_features,
        frame_duration=0.32,
        frame_start=0.0,
        weights_sha256="",
    )


def load_clips(options: argparse.Namespace, classifier: Classifier) -> Clips:
    """Read soundscapes with the classes detected in them, or generate bursts of noise."""
    if not options.soundscapes:
        rate = classifier.encoder.frontend.sample_rate
        rng = np.random.default_rng([2026, options.clips])
        gain = 0.001 + 0.1 * (rng.random((options.clips, 20)) > 0.8).repeat(int(options.seconds * rate) // 20, axis=1)
        waveforms = gain * rng.standard_normal(gain.shape)
        names = [f"noise{i}" for i in range(options.clips)]
        return Clips(torch.from_numpy(waveforms).float().to(options.device), [[0, 1, 2]] * options.clips, names)
    table = read_table(options.predictions)
    found = table[(table["method"] == "clip_level") & table["detected"] & table["present"]]
    by_clip = found.groupby(["split", "clip"])["label"].agg(list).reset_index()
    chosen = by_clip.iloc[np.random.default_rng(2026).permutation(len(by_clip))[: options.clips]]
    waveforms = soundscapes.read_clips(options.soundscapes, chosen[["split", "clip"]])
    names = list(classifier.head.classes)
    classes = [[names.index(label) for label in labels] for labels in chosen["label"]]
    return Clips(torch.from_numpy(waveforms).to(options.device), classes, list(chosen["clip"]))
