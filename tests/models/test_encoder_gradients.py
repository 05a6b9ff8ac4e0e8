"""Gradients of the encoders agree with finite differences: attribution rests on nothing else.

Batch normalisation in evaluation mode over a map of the shape (batch, mels, frames, 1) gets a wrong gradient from
torch 2.13 on a CPU, its values at other frames, where the map and the gradient that comes back to it differ in
their memory layout. Forward passes are right, so only this shows it.
"""

import os
from pathlib import Path

import pytest
import torch

import cnn14_checkpoint
from igsed_core.models.encoders import cnn14
from igsed_core.models.encoders import registry as encoders

SHARED = Path(os.environ.get("IGSED_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def load(name):
    if name == "cnn14":
        return cnn14.from_checkpoint({"model": cnn14_checkpoint.state_dict()}, Path("random"), "", "")
    weights = SHARED / "weights" / "mn04_as_mAP_432.pt"
    if name == "mn04_as" and not weights.exists():
        pytest.skip(f"{weights} is absent")
    return encoders.load(name, str(weights) if name == "mn04_as" else "")


@pytest.mark.parametrize("name", ["embedded", "mn04_as", "cnn14"])
def test_gradient_of_the_feature_map_agrees_with_finite_differences(name):
    encoder = load(name)
    generator = torch.Generator().manual_seed(1)
    samples = 24_000 if name == "cnn14" else 64_000  # the large network on little: time
    log_mel = encoder.frontend(0.1 * torch.randn(1, samples, generator=generator)).double()
    network = encoder.network.double()
    weight = torch.randn(network(log_mel).shape, generator=generator, dtype=torch.float64)

    def score(x):
        return (network(x) * weight).sum()

    leaf = log_mel.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(score(leaf), leaf)
    for _ in range(5):
        direction = torch.randn(log_mel.shape, generator=generator, dtype=torch.float64)
        direction[:, torch.rand(log_mel.shape[1], generator=generator) < 0.8] = 0  # some frames only
        step = 1e-7  # the network is piecewise smooth: stay on one piece, but above rounding
        difference = (score(log_mel + step * direction) - score(log_mel - step * direction)) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=2e-3)


def test_gradient_of_the_embedded_encoder_stays_near_its_frame():
    network = load("embedded").network
    log_mel = torch.randn(1, 1001, 64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(log_mel)[..., 16].sum(), log_mel)
    touched = gradient.abs().sum(dim=(0, 2)).nonzero().ravel()
    centre = 32 * 16 + 15.5
    assert abs(float(touched.float().mean()) - centre) < 8
    assert int(touched.max() - touched.min()) < 400
