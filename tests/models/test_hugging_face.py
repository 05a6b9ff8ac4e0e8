"""A Hugging Face audio classifier with random weights is explained; skipped where `transformers` is absent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from igsed_core.base.errors import IgsedError
from igsed_core.detection.explain import explain
from igsed_core.models.hugging_face import SpectrogramTransformer

transformers = pytest.importorskip(
    "transformers", reason="transformers is absent: pip install -e '.[huggingface]' -c constraints.txt"
)
SECONDS = 2.0


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    config = transformers.ASTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_length=256,
        num_mel_bins=128,
        id2label={0: "Bell", 1: "Hum", 2: "Dog"},
        label2id={"Bell": 0, "Hum": 1, "Dog": 2},
    )
    made = transformers.ASTForAudioClassification(config).eval()
    torch.nn.init.normal_(made.classifier.dense.weight)  # as they are drawn, all logits are nearly zero
    return made


@pytest.fixture
def waveform() -> np.ndarray:
    sound = 0.001 * np.random.default_rng(0).standard_normal(round(SECONDS * 16_000))
    sound[16_000:24_000] += 0.3 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 16_000)
    return sound.astype(np.float32)


def test_the_map_is_that_of_the_models_own_feature_extractor(network: torch.nn.Module, waveform: np.ndarray) -> None:
    extractor = transformers.ASTFeatureExtractor(max_length=256)
    expected = extractor(waveform, sampling_rate=16_000, return_tensors="pt")["input_values"]
    found = SpectrogramTransformer(network).features(torch.from_numpy(waveform)[None])
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)
    with pytest.raises(IgsedError, match=r"hears 2\.56 s, and the waveform has 4\.00"):
        SpectrogramTransformer(network).features(torch.zeros(1, 64_000))


@pytest.mark.parametrize("method", ["saliency_waveform", "ixg", "ig", "occlusion_silence", "lime"])
def test_it_is_explained_from_the_waveform(network: torch.nn.Module, waveform: np.ndarray, method: str) -> None:
    model = SpectrogramTransformer(network)
    found = explain(model, waveform, 16_000, model.classes, method=method, targets=["Hum"])
    assert found.classes == ("Hum",)
    scores = found.scores()
    assert scores.shape == (1, 20) and np.isfinite(scores).all() and np.ptp(scores) > 0
    events = found.events("otsu")
    assert (events["offset"] <= SECONDS + 1e-9).all()


def test_the_gradient_reaches_the_waveform(network: torch.nn.Module, waveform: np.ndarray) -> None:
    """What a gain changes is what the gradient promises, which none does through the model's own feature extractor."""
    model, clip, step = SpectrogramTransformer(network), torch.from_numpy(waveform)[None], 0.02
    clip.requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(clip)[0, 1], clip)
    with torch.no_grad():
        changed = (model((1 + step) * clip) - model((1 - step) * clip))[0, 1] / (2 * step)
        assert float((gradient * clip).sum()) == pytest.approx(float(changed), rel=0.1)
    assert abs(float(changed)) > 1e-3


def test_what_needs_a_log_mel_map_says_so(network: torch.nn.Module, waveform: np.ndarray) -> None:
    with pytest.raises(IgsedError, match="feature frames"):
        explain(SpectrogramTransformer(network), waveform, 16_000, ("Bell", "Hum", "Dog"), method="cam")
