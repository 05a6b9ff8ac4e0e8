"""Pauses within what a label covers: counted by hand, and from the files of a bank."""

import numpy as np
import pandas as pd
import pytest

from igsed_core.data import audio, pauses
from igsed_core.data.soundbank.base import SoundBank
from igsed_core.main_job import overview

RATE = 8000


def tone(*gains: float) -> np.ndarray:
    """A tenth of a second of a square wave for each gain."""
    return np.concatenate([gain * np.where(np.arange(RATE // 10) % 2, 1.0, -1.0) for gain in gains])


@pytest.mark.parametrize(
    ("gains", "quiet"),
    [((1, 1), 0), ((1, 0), 1), ((1, 0.04), 0), ((1, 0.03), 1), ((0.1, 0.003, 0.003), 2), ((0, 0), 2)],
)
def test_windows_far_below_the_loudest_are_counted(gains: tuple[float, ...], quiet: int) -> None:
    assert pauses.quiet(tone(*gains), RATE) == quiet  # -30 dB is a gain of 0.0316


def test_a_sound_shorter_than_a_window_is_one_window() -> None:
    assert pauses.quiet(tone(1)[:100], RATE) == 0


def test_shares_of_a_bank_are_those_of_the_files_of_one_pool(tmp_path) -> None:
    sounds = {"eval/Dog/a.wav": tone(1, 0, 0), "eval/Dog/b.wav": tone(0.5), "train/Dog/c.wav": tone(1, 0, 0, 0, 0)}
    for name, samples in sounds.items():
        audio.write(tmp_path / name, samples * 0.9, RATE)
    files = pd.DataFrame(
        [(name, "foreground", name.split("/")[0], "Dog") for name in sounds], columns=["path", "role", "pool", "label"]
    )
    found = pauses.of_bank(SoundBank(tmp_path, files, pd.DataFrame()))
    assert found.to_dict("records") == [{"class": "Dog", "files": 2, "windows": 4, "quiet": 0.5}]
    assert list(overview.pauses_table(found).iloc[0]) == ["Dog", 2, 4, "50.0"]
