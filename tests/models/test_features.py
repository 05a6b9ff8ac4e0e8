"""Feature frames of clips on disk, and their targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, soundscapes
from igsed_core.models import features
from tiny_classifier import RATE, TinyEncoder

SECONDS = 0.5
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def write_clips(root: Path, n: int, split: str = "train") -> pd.DataFrame:
    rng = np.random.default_rng(0)
    for i in range(n):
        audio.write(root / split / f"{split}_{i:04d}.flac", 0.3 * rng.uniform(-1, 1, round(SECONDS * RATE)), RATE)
    return pd.DataFrame({"clip": [f"{split}_{i:04d}" for i in range(n)], "split": split})


def test_values_are_those_of_the_encoder(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, 5)
    found = features.extract(TinyEncoder(), tmp_path, clips, tmp_path / "out", device=CPU, batch_size=2)
    assert_array_equal(found.clips, clips["clip"])
    assert (found.frame_duration, found.frame_start) == (0.1, 0.0)
    assert found.values.dtype == np.float32
    waveforms = torch.from_numpy(soundscapes.read_clips(tmp_path, clips))
    assert_allclose(found.values, TinyEncoder()(waveforms), rtol=1e-6)


def test_parts_join_in_order_and_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = write_clips(tmp_path, 5)
    whole = features.extract(TinyEncoder(), tmp_path, clips, tmp_path / "whole", device=CPU)
    monkeypatch.setattr(features, "CLIPS_A_PART", 2)
    parts = features.extract(TinyEncoder(), tmp_path, clips, tmp_path / "parts", device=CPU)
    assert sorted(p.name for p in (tmp_path / "parts").iterdir()) == [f"part-0000{i}.npz" for i in (0, 2, 4)]
    assert_allclose(parts.values, whole.values, rtol=1e-6)
    again = features.read(tmp_path / "parts", clips)
    assert (again.frame_duration, again.frame_start) == (0.1, 0.0)
    assert_array_equal(again.values, parts.values)
    assert_array_equal(again.clips, parts.clips)


def test_parts_that_exist_are_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CLIPS_A_PART", 2)
    clips = write_clips(tmp_path, 5)
    first = features.extract(TinyEncoder(), tmp_path, clips, tmp_path / "out", device=CPU)
    (tmp_path / "out" / "part-00002.npz").unlink()  # as if it had been stopped there

    class Counting(TinyEncoder):
        seen = 0

        def forward(self, waveform: torch.Tensor) -> torch.Tensor:
            self.seen += len(waveform)
            return super().forward(waveform)

    encoder = Counting()
    second = features.extract(encoder, tmp_path, clips, tmp_path / "out", device=CPU)
    assert encoder.seen == 2 + 2  # one clip, twice, to say how long it will take; and the two that were missing
    features.extract(encoder, tmp_path, clips, tmp_path / "out", device=CPU)
    assert encoder.seen == 4
    assert_array_equal(first.values, second.values)


def test_splits_are_joined(tmp_path: Path) -> None:
    parts = [
        features.extract(TinyEncoder(), tmp_path, write_clips(tmp_path, n, split), tmp_path / split, device=CPU)
        for n, split in ((2, "validation"), (3, "test"))
    ]
    joined = features.concatenate(iter(parts))
    assert_array_equal(joined.clips, [*parts[0].clips, *parts[1].clips])
    assert_array_equal(joined.values, np.concatenate([parts[0].values, parts[1].values]))
    assert joined.frame_duration == 0.1


def test_targets_by_hand() -> None:
    """Frames of 0.32 s that begin at -0.16 s, as centred by strided convolutions."""
    frames = features.FeatureFrames(np.array(["b", "a"]), np.zeros((2, 4, 3), np.float32), 0.32, -0.16)
    events = pd.DataFrame(
        [
            ("a", "Hum", 0.10, 0.20),  # frames 0 (-0.16 to 0.16) and 1 (0.16 to 0.48)
            ("a", "Bell", 0.48, 0.50),  # frame 2
            ("a", "Bell", 0.90, 0.95),  # frame 3 (0.80 to 1.12)
            ("other", "Hum", 0.0, 1.0),
        ],
        columns=["clip", "label", "onset", "offset"],
    )
    found = features.targets(frames, events, ("Bell", "Dog", "Hum"))
    assert_array_equal(found.clip, [[0, 0, 0], [1, 0, 1]])
    assert found.frame.shape == (2, 4, 3)
    assert_array_equal(found.frame[0], 0)
    assert_array_equal(found.frame[1].T, [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]])
    assert found.clip.dtype == found.frame.dtype == np.float32


def test_frame_targets_say_what_clip_targets_say() -> None:
    rng = np.random.default_rng(0)
    frames = features.FeatureFrames(np.array(list("abcd")), np.zeros((4, 31, 1), np.float32), 0.32, 0.0)
    rows = [(rng.choice(list("abcd")), rng.choice(["Bell", "Hum"]), on, on + 0.3) for on in rng.uniform(0, 9, 12)]
    found = features.targets(frames, pd.DataFrame(rows, columns=["clip", "label", "onset", "offset"]), ("Bell", "Hum"))
    assert_array_equal(found.frame.max(axis=1), found.clip)


def test_sample_rate_of_the_encoder() -> None:
    features.check_sample_rate(TinyEncoder(), RATE)
    with pytest.raises(
        IgsedError, match=r"'sample_rate' is 16000 Hz, but encoder 'tiny' needs 1000 Hz: set sample_rate=1000"
    ):
        features.check_sample_rate(TinyEncoder(), 16000)


def test_parts_of_other_clips_are_an_error(tmp_path: Path) -> None:
    """As many clips as there are in the file, but others."""
    clips = write_clips(tmp_path, 4)
    features.extract(TinyEncoder(), tmp_path, clips.iloc[:2], tmp_path / "out", device=CPU)
    for again in (
        lambda: features.read(tmp_path / "out", clips.iloc[2:]),
        lambda: features.extract(TinyEncoder(), tmp_path, clips.iloc[2:], tmp_path / "out", device=CPU),
    ):
        with pytest.raises(IgsedError, match=r"part-00000\.npz holds feature frames of other clips: delete it"):
            again()
