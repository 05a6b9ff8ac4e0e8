"""The layer between a network's pooling and its output layer: kept or dropped, two readings of the paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

from igsed_core.attribution.ig import engines
from igsed_core.attribution.layers import PooledHead
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.faithfulness import sanity
from igsed_core.detection import concentration
from igsed_core.models import heads, training
from igsed_core.models.classifier import Classifier
from igsed_core.models.encoders import registry
from igsed_core.models.features import FeatureFrames, Targets
from igsed_core.models.heads import Embedding

CLASSES = ("Bell", "Hum")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def layer(n_features: int = 4, n_embedded: int = 6) -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(n_features, n_embedded)


def random_features(n: int = 3, time: int = 5, n_features: int = 4) -> Tensor:
    return torch.randn(n, time, n_features, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", heads.HEADS)
def test_the_output_layer_follows_the_embedding(name: str) -> None:
    """As in PANNs: pool, fc1, ReLU, output layer; framewise heads do the same at each frame, then pool."""
    fc1, x = layer(), random_features()
    head = heads.create(name, 4, CLASSES, seed=0, embedding=Embedding.of(fc1))
    per_frame = head.linear(torch.relu(fc1(x)))
    pooled = head.linear(torch.relu(fc1(x.amax(dim=1))))
    assert_allclose(head.frame_logits(x).detach(), per_frame.detach(), rtol=1e-6)
    expected = pooled if name == "clip_level" else per_frame.amax(dim=1)
    assert_allclose(head.clip_logits(x).detach(), expected.detach(), rtol=1e-6)
    as_layers = PooledHead(head)(x.transpose(1, 2)[:, :, None])
    assert_allclose(as_layers.detach(), expected.detach(), rtol=1e-5, atol=1e-6)


def test_a_head_with_an_embedding_is_stored_whole(tmp_path: Path) -> None:
    kept = heads.create("clip_level", 4, CLASSES, seed=0, embedding=Embedding.of(layer()))
    dropped = heads.create("clip_level", 4, CLASSES, seed=0)
    for name, head in (("kept", kept), ("dropped", dropped)):
        heads.save(head, "clip_level", tmp_path / name)
        loaded = heads.load(tmp_path / name)
        x = random_features()
        assert torch.equal(loaded.clip_logits(x), head.clip_logits(x).detach())
        assert (loaded.embedding is None) == (name == "dropped")
    assert heads.digest(tmp_path / "kept") != heads.digest(tmp_path / "dropped")


def test_training_leaves_the_embedding_as_it_is() -> None:
    fc1 = layer()
    x = random_features(12)
    clip = (np.random.default_rng(0).random((12, 2)) < 0.5).astype(np.float32)
    targets = Targets(clip, np.zeros((12, 5, 2), dtype=np.float32))
    frames = FeatureFrames(np.array([f"c{i}" for i in range(12)]), x.numpy(), 0.32, 0.0)
    how = {"learning_rate": 0.01, "batch_size": 4, "epochs": 3, "patience": 3, "seed": 0}
    before = heads.create("clip_level", 4, CLASSES, seed=0, embedding=Embedding.of(fc1)).linear.weight.detach().clone()
    made = training.train(
        "clip_level", (frames, targets), (frames, targets), CLASSES, embedding=Embedding.of(fc1), **how
    )
    assert made.head.embedding is not None
    assert torch.equal(made.head.embedding.weight, fc1.weight)
    assert not torch.equal(made.head.linear.weight, before)


def test_engines_explain_a_classifier_with_an_embedding() -> None:
    encoder = registry.load("embedded")
    torch.manual_seed(5)
    embedding = Embedding.of(nn.Linear(encoder.n_features, 32))
    head = heads.create("clip_level", encoder.n_features, CLASSES, seed=1, embedding=embedding)
    model = Classifier(encoder, head).double().eval()
    waveform = 0.1 * torch.randn(25_600, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    options = {"quadrature": "gausslegendre", "n_steps": 6}
    captum, ours = (engines.create(name, **options)(model, waveform, [0, 1]) for name in ("captum", "mel_path"))
    assert_allclose(ours.samples, captum.samples, rtol=1e-4, atol=1e-6 * float(captum.samples.abs().max()))


def test_the_embedding_is_shuffled_with_the_head() -> None:
    encoder = registry.load("embedded")
    embedding = Embedding.of(nn.Linear(encoder.n_features, 8))
    head = heads.create("clip_level", encoder.n_features, CLASSES, seed=1, embedding=embedding)
    classifier = Classifier(encoder, head).eval()
    changed = sanity.randomised(classifier, encoder.frontend(torch.zeros(1, 32_000)), 0.0, seed=3)
    assert changed.head.embedding is not None
    assert not torch.equal(changed.head.embedding.weight, embedding.weight)
    assert torch.equal(changed.head.embedding.weight.flatten().sort().values, embedding.weight.flatten().sort().values)


def test_what_holds_for_the_dropped_embedding_alone_is_refused() -> None:
    frames = FeatureFrames(np.array(["a"]), random_features(1).numpy(), 0.32, 0.0)
    head = heads.create("clip_level", 4, CLASSES, seed=0, embedding=Embedding.of(layer()))
    with pytest.raises(IgsedError, match=r"pooled_embedding=kept a logit is no sum over features.*chapter localiser"):
        concentration.winners(head, frames)  # type: ignore[arg-type]
    with pytest.raises(IgsedError, match=r"encoder 'embedded' has no layer .* use pooled_embedding=dropped"):
        registry.load("embedded").pooled_embedding()
