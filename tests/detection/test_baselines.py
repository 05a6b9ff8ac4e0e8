"""Scores over time without attribution: framewise, random, energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.data import audio
from igsed_core.detection import baselines
from igsed_core.models import heads
from igsed_core.models.features import FeatureFrames
from tiny_classifier import CLASSES

RATE = 8000


@pytest.mark.parametrize("name", ["fw_ws", "fw_ss"])
def test_framewise_scores_are_probabilities_of_frames(name: str) -> None:
    values = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    head = heads.create(name, 2, CLASSES, seed=0)
    found = baselines.framewise(head, FeatureFrames(np.array(["a", "b", "c"]), values, 0.32, -0.16))
    assert found.values.shape == (6, 5)
    assert (found.step, found.start) == (0.32, -0.16)
    assert list(found.index["clip"]) == ["a", "a", "b", "b", "c", "c"]
    assert list(found.index["label"]) == [*CLASSES] * 3
    weight, bias = head.linear.weight.detach().numpy(), head.linear.bias.detach().numpy()
    for i, c, t in np.ndindex(3, 2, 5):
        assert found.values[2 * i + c, t] == pytest.approx(
            1 / (1 + np.exp(-(weight[c] @ values[i, t] + bias[c]))), rel=1e-5
        )


def test_sure_frames_are_ranked_by_logits() -> None:
    """Single precision rounds the probabilities of logits 20 and 30 to 1; the logits stay apart."""
    head = heads.create("fw_ws", 2, CLASSES, seed=0)
    with torch.no_grad():
        head.linear.weight.copy_(torch.eye(2))
        head.linear.bias.zero_()
    values = np.array([[[20.0, 0.0], [30.0, 0.0], [0.0, 1.0]]], dtype=np.float32)
    found = baselines.framewise(head, FeatureFrames(np.array(["a"]), values, 0.32, 0.0))
    assert found.values[0, 0] == found.values[0, 1] == 1
    assert found.logits is not None
    assert found.logits.dtype == np.float64
    assert_array_equal(found.logits, [[20, 30, 0], [0, 0, 1]])
    assert (
        baselines.framewise(head, FeatureFrames(np.array(["a"]), values, 0.32, 0.0), probability=False).logits is None
    )


def test_the_highest_frame_gives_the_clip_level_probability() -> None:
    """Equation 2 of the paper: the clip-level score of a framewise head is the highest of its frames."""
    values = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    head = heads.create("fw_ws", 2, CLASSES, seed=0)
    found = baselines.framewise(head, FeatureFrames(np.array(["a", "b", "c"]), values, 0.32, 0.0))
    with torch.no_grad():
        clip = torch.sigmoid(head.clip_logits(torch.from_numpy(values))).numpy()
    assert_allclose(found.values.max(axis=1).reshape(3, 2), clip, rtol=1e-6)


def test_random_scores() -> None:
    clips = np.array([f"clip{i}" for i in range(40)])
    found = baselines.random_scores(clips, CLASSES, duration=10.0, seed=1)
    assert found.values.shape == (80, 1000)
    assert found.step == 0.01
    assert found.values.min() >= 0
    assert found.values.max() < 1
    n = found.values.size
    assert found.values.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * n))
    flat = found.values
    for one, other in ((flat[:, 1:], flat[:, :-1]), (flat[1:], flat[:-1])):  # neighbours in time, rows
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(n)
    assert_array_equal(baselines.random_scores(clips, CLASSES, duration=10.0, seed=1).values, found.values)
    assert (baselines.random_scores(clips, CLASSES, duration=10.0, seed=2).values != found.values).any()


@pytest.mark.parametrize(("quantity", "wanted"), [("amplitude", [0.25, 0.0, 0.5]), ("power", [0.0625, 0.0, 0.25])])
def test_energy_of_steps(tmp_path: Path, quantity: str, wanted: list[float]) -> None:
    """Squares of three levels, ten milliseconds each: mean absolute value and mean square are the levels'."""
    window = RATE // 100
    sign = np.where(np.arange(window) % 2, 1.0, -1.0)
    audio.write(tmp_path / "test" / "a.flac", np.concatenate([0.25 * sign, 0 * sign, 0.5 * sign]), RATE)
    audio.write(tmp_path / "test" / "b.flac", np.zeros(3 * window), RATE)
    clips = pd.DataFrame({"clip": ["a", "b"], "split": "test"})
    found = baselines.energy(tmp_path, clips, CLASSES, sample_rate=RATE, quantity=quantity)
    assert found.values.shape == (4, 3)
    assert found.step == 0.01
    assert_allclose(found.values[0], wanted, atol=1e-6)
    assert_array_equal(found.values[0], found.values[1])  # the same for every class
    assert_array_equal(found.values[2:], 0)


def test_power_ranks_steps_otherwise_than_amplitude(tmp_path: Path) -> None:
    """A single loud sample has more power, an even hum more amplitude."""
    window = RATE // 100
    click, hum = np.zeros(window), np.full(window, 0.1)
    click[0] = 0.95
    audio.write(tmp_path / "test" / "a.flac", np.concatenate([click, hum]), RATE)
    clips = pd.DataFrame({"clip": ["a"], "split": "test"})
    amplitude, power = (
        baselines.energy(tmp_path, clips, CLASSES, sample_rate=RATE, quantity=quantity).values[0]
        for quantity in ("amplitude", "power")
    )
    assert amplitude.argmax() == 1
    assert power.argmax() == 0
    assert_allclose(power, [0.95**2 / window, 0.01], rtol=1e-3)
