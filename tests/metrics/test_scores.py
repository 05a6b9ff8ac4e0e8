"""Scores over time: rows are found by name, and a file says what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.metrics import frames, scores
from igsed_core.metrics.scores import ScoresOverTime

INDEX = pd.DataFrame(
    {"split": "test", "clip": ["b", "a", "b"], "label": ["Hum", "Hum", "None"], "seconds": [1.0, 2.0, 3.0], "n": 7}
)
VALUES = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
SCORES = ScoresOverTime(INDEX, VALUES, 0.32, -0.16, absolute=np.abs(VALUES) + 1)


def test_rows_are_found_by_clip_and_class() -> None:
    asked = pd.DataFrame({"clip": ["b", "a"], "label": ["None", "Hum"], "other": 0})
    found = SCORES.at(asked)
    assert_array_equal(found.values, VALUES[[2, 1]])
    assert found.absolute is not None
    assert_array_equal(found.absolute, np.abs(VALUES[[2, 1]]) + 1)
    assert list(found.index["seconds"]) == [3.0, 2.0]
    assert found.grid == (0.32, -0.16)


def test_a_pair_that_is_missing_or_twice_there_is_an_error() -> None:
    with pytest.raises(IgsedError, match="no scores over time of class 'None' of clip 'a'"):
        SCORES.at(pd.DataFrame({"clip": ["b", "a"], "label": ["Hum", "None"]}))
    twice = ScoresOverTime(INDEX.assign(label="Hum"), VALUES, 0.1)
    with pytest.raises(IgsedError, match="hold class 'Hum' of clip 'b' twice"):
        twice.at(INDEX)
    with pytest.raises(IgsedError, match="have 2 rows, but 3 names"):
        ScoresOverTime(INDEX, VALUES[:2], 0.1)


def test_scores_of_every_clip_and_class_are_the_same_type() -> None:
    values = np.random.default_rng(0).random((3, 2, 4))
    found = ScoresOverTime.of_product(np.array(["a", "b", "c"]), ("Hum", "Bell"), values, 0.1)
    for i, clip in enumerate("abc"):
        for j, label in enumerate(("Hum", "Bell")):
            pair = pd.DataFrame({"clip": [clip], "label": [label]})
            assert_array_equal(found.at(pair).values[0], values[i, j])
            assert_array_equal(found.of_clip(clip)[label], values[i, j])


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40))
def test_the_sign_is_read_in_three_ways(parts: list[float]) -> None:
    """The mean positive part follows from the absolute and the signed mean."""
    x = np.array(parts)
    signed, absolute = x.mean(keepdims=True), np.abs(x).mean(keepdims=True)
    assert scores.read(signed, absolute, "signed") is signed
    assert scores.read(signed, absolute, "absolute") is absolute
    assert_allclose(scores.read(signed, absolute, "positive"), np.maximum(x, 0).mean(), atol=1e-9)
    with pytest.raises(IgsedError, match="sign is 'negative': choose one of absolute, signed, positive"):
        scores.read(signed, absolute, "negative")


def test_scores_without_a_sign_are_read_as_they_are() -> None:
    plain = ScoresOverTime(INDEX, np.abs(VALUES), 0.32)
    for sign in scores.SIGNS:
        assert_array_equal(plain.read_as(sign).values, plain.values)


def test_evaluation_frames() -> None:
    wanted = frames.average(VALUES, step=0.32, start=-0.16, frame_length=0.1, n_frames=14)
    assert_array_equal(SCORES.to_frames(0.1, 14), wanted)


@pytest.mark.parametrize("stored", [SCORES, ScoresOverTime(INDEX, VALUES, 0.1)])
def test_scores_round_trip(stored: ScoresOverTime, tmp_path: Path) -> None:
    stored.save(tmp_path / "x.npz")
    loaded = ScoresOverTime.load(tmp_path / "x.npz")
    pd.testing.assert_frame_equal(loaded.index, stored.index)
    assert_array_equal(loaded.values, stored.values)
    assert loaded.values.dtype == np.float32
    assert loaded.grid == stored.grid
    assert (loaded.absolute is None) == (stored.absolute is None)


def test_names_of_every_clip_and_class_take_little_room(tmp_path: Path) -> None:
    clips, classes = np.array([f"soundscape_{i:06d}" for i in range(500)]), tuple("ABCDEFGHIJ")
    ScoresOverTime.of_product(clips, classes, np.zeros((500, 10, 31), np.float32), 0.32).save(tmp_path / "x.npz")
    assert (tmp_path / "x.npz").stat().st_size < 1.2 * 500 * 10 * 31 * 4


def test_a_file_of_something_else_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    SCORES.save(path, {"clip": "a", "labels": ("Hum", "Bell"), "options": {"n": 3}})
    for known in ({}, {"clip": "a"}, {"labels": ["Hum", "Bell"], "options": {"n": 3}}):
        scores.check(path, known)
        ScoresOverTime.load(path, known)
    assert scores.made_by(path)["clip"] == "a"
    for other in ({"clip": "b"}, {"labels": ["Bell", "Hum"]}, {"options": {"n": 4}}, {"method": "cam"}):
        for read in (scores.check, ScoresOverTime.load):
            with pytest.raises(IgsedError, match=rf"x\.npz holds scores of something else, {next(iter(other))} "):
                read(path, other)
    files.write_arrays(path, values=VALUES)
    for read in (scores.check, ScoresOverTime.load):
        with pytest.raises(IgsedError, match=r"x\.npz does not say what it holds: delete it"):
            read(path, {})


def test_probabilities_keep_their_logits(tmp_path: Path) -> None:
    """By name, through a file and in evaluation frames: what ranks is not what is read."""
    logits = np.random.default_rng(1).normal(0, 20, (2, 2, 5))
    made = ScoresOverTime.of_product(
        np.array(["a", "b"]), ("Bell", "Hum"), (1 / (1 + np.exp(-logits))).astype(np.float32), 0.32, -0.16, logits
    )
    made.save(tmp_path / "x.npz")
    loaded = ScoresOverTime.load(tmp_path / "x.npz")
    assert loaded.logits is not None
    assert_array_equal(loaded.logits, logits.reshape(4, 5))
    some = loaded.at(pd.DataFrame({"clip": ["b"], "label": ["Bell"]}))
    assert_array_equal(some.logits, logits[1, :1])
    ranked, read = some.ranked_frames(0.1, 10, 0.95), some.to_frames(0.1, 10, 0.95)
    assert_allclose(read, 1 / (1 + np.exp(-ranked)))
    assert_allclose(
        read[0], frames.average(some.values, step=0.32, start=-0.16, frame_length=0.1, n_frames=10)[0], atol=1e-6
    )
    assert_array_equal(SCORES.ranked_frames(0.1, 10), SCORES.to_frames(0.1, 10))
