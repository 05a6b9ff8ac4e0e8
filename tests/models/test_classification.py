"""What heads say of clips: tables by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import intervals, summaries
from igsed_core.models import classification, heads
from igsed_core.models.features import FeatureFrames, Targets
from tiny_classifier import CLASSES, tiny_head


def predictions(*rows: tuple[str, str, str, bool, bool], method: str = "clip_level") -> pd.DataFrame:
    """``split, clip, label, present, detected``, a row each."""
    table = pd.DataFrame(rows, columns=["split", "clip", "label", "present", "detected"])
    return table.assign(method=method, probability=np.where(table["detected"], 0.9, 0.1))


T, F = True, False
HAND = predictions(
    ("test", "a", "Bell", T, T),
    ("test", "a", "Hum", T, F),
    ("test", "a", "Whistle", F, F),
    ("test", "b", "Bell", T, T),
    ("test", "b", "Hum", T, T),
    ("test", "b", "Whistle", F, T),
    ("test", "c", "Bell", F, T),
    ("test", "c", "Hum", F, F),
    ("test", "c", "Whistle", F, F),
)


def test_probabilities_are_those_of_the_heads() -> None:
    values = np.random.default_rng(0).standard_normal((3, 4, 2)).astype(np.float32)
    clip = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    frames = FeatureFrames(np.array(["a", "b", "c"]), values, 0.1, 0.0)
    two = {"clip_level": tiny_head(), "fw_ws": heads.create("fw_ws", 2, CLASSES, seed=1)}
    table = classification.predict(two, frames, Targets(clip, np.zeros((3, 4, 2))), split="test", threshold=0.4)
    assert list(table.columns) == ["split", "method", "clip", "label", "present", "probability", "detected"]
    assert len(table) == 2 * 3 * 2
    for name, head in two.items():
        with torch.no_grad():
            logits = head.clip_logits(torch.from_numpy(values)).numpy()
        for i, j in np.ndindex(3, 2):
            row = table[(table["method"] == name) & (table["clip"] == "abc"[i]) & (table["label"] == CLASSES[j])]
            probability = 1 / (1 + np.exp(-logits[i, j]))
            assert_allclose(row["probability"], probability, rtol=1e-5)
            assert row["detected"].item() == (probability > 0.4)
            assert row["present"].item() == bool(clip[i, j])


def test_detection_is_strictly_above_the_threshold() -> None:
    head = tiny_head()
    for p in (head.linear.weight, head.linear.bias):
        p.zero_()  # probability 0.5
    frames = FeatureFrames(np.array(["a"]), np.zeros((1, 1, 2), np.float32), 0.1, 0.0)
    targets = Targets(np.zeros((1, 2), "f4"), np.zeros((1, 1, 2), "f4"))
    for threshold, wanted in ((0.5, False), (0.499, True)):
        table = classification.predict({"clip_level": head}, frames, targets, split="test", threshold=threshold)
        assert table["detected"].eq(wanted).all()


def test_splits_in_one_table() -> None:
    frames = FeatureFrames(np.array(["a"]), np.zeros((1, 1, 2), np.float32), 0.1, 0.0)
    targets = Targets(np.zeros((1, 2), "f4"), np.zeros((1, 1, 2), "f4"))
    table = classification.predict_splits(
        {"clip_level": tiny_head()}, {"validation": (frames, targets), "test": (frames, targets)}, threshold=0.5
    )
    assert list(table["split"]) == ["validation"] * 2 + ["test"] * 2


def test_report_by_hand() -> None:
    table = classification.report(HAND, threshold=0.5, seed=0, replicates=200)
    assert list(table.columns) == summaries.COLUMNS
    assert set(table["rule"]) == {"probability"}
    assert set(table["threshold"]) == {0.5}
    found = {(row["class"], row["metric"]): (row["value"], row["n"]) for _, row in table.iterrows()}
    assert found["Bell", "precision"] == (pytest.approx(2 / 3), 2)
    assert found["Bell", "recall"] == (1, 2)
    assert found["Bell", "f1"] == (pytest.approx(4 / 5), 2)
    assert found["Hum", "precision"] == (1, 2)
    assert found["Hum", "recall"] == (pytest.approx(1 / 2), 2)
    # Whistle never sounds: it has no value, and the macro average is over the other classes
    whistle = table[table["class"] == "Whistle"]
    assert (whistle["n"] == 0).all() and whistle[["value", "ci_low", "ci_high"]].isna().all(axis=None)
    assert found["all", "precision"] == (pytest.approx((2 / 3 + 1) / 2), 2)
    assert found["all", "recall"] == (pytest.approx(3 / 4), 2)
    assert found["all", "f1"] == (pytest.approx((4 / 5 + 2 / 3) / 2), 2)
    assert len(found) == len(table) == 4 * 3


def test_intervals_of_the_report() -> None:
    """Bell: a and b are hits, c is a false alarm, so 2 of 3 is right; both that sound are found, which is not sure."""
    table = classification.report(HAND, threshold=0.5, seed=3, replicates=300)
    bell = table[table["class"] == "Bell"].set_index("metric")
    ends = ["ci_low", "ci_high"]
    assert tuple(bell.loc["precision", ends]) == pytest.approx(tuple(intervals.wilson(2 / 3, 3)))
    assert tuple(bell.loc["recall", ends]) == pytest.approx((intervals.wilson(1.0, 2)[0], 1))
    assert tuple(bell.loc["f1", ends]) == pytest.approx(tuple(intervals.f1_of_counts(2, 1)))
    # one hit, no false alarm: of one trial nothing is said; a class that never sounds has no recall
    assert table[(table["class"] == "Hum") & (table["metric"] == "precision")][ends].isna().all(axis=None)
    assert table[(table["class"] == "Whistle") & (table["metric"] == "recall")][ends].isna().all(axis=None)


def test_a_perfect_classifier_is_not_surely_perfect() -> None:
    perfect = HAND.assign(detected=HAND["present"])
    table = classification.report(perfect, threshold=0.5, seed=0, replicates=100)
    over_classes = table[(table["class"] == "all")]
    assert over_classes["value"].eq(1).all()
    assert over_classes["ci_high"].eq(1).all()
    assert over_classes["ci_low"].between(0.3, 0.7).all()  # of three clips


def test_methods_and_splits_are_reported_apart() -> None:
    both = pd.concat([HAND, predictions(("validation", "a", "Bell", T, F), method="fw_ws")], ignore_index=True)
    table = classification.report(both, threshold=0.5, seed=0, replicates=20)
    assert set(zip(table["split"], table["method"], strict=True)) == {("test", "clip_level"), ("validation", "fw_ws")}
    other = table[(table["method"] == "fw_ws") & (table["class"] == "all") & (table["metric"] == "recall")]
    assert other["value"].item() == 0


def test_detections_by_hand() -> None:
    table = classification.detections(pd.concat([HAND, HAND.assign(method="fw_ws", detected=True)]))
    wanted = pd.DataFrame(
        [("test", "Bell", 2, 2, 0, 1), ("test", "Hum", 2, 1, 1, 0), ("test", "Whistle", 0, 0, 0, 1)],
        columns=["split", "class", "present", "evaluated", "missed", "false"],
    )
    pd.testing.assert_frame_equal(table, wanted)
    assert (table["evaluated"] + table["missed"] == table["present"]).all()


def test_pairs_are_those_of_the_clip_level_head() -> None:
    both = pd.concat([HAND, HAND.assign(method="fw_ws", detected=True)], ignore_index=True)
    detected = classification.detected_pairs(both)
    assert list(detected["clip"] + " " + detected["label"]) == ["a Bell", "b Bell", "b Hum", "b Whistle", "c Bell"]
    assert list(detected.columns) == ["split", "clip", "label", "present", "probability"]
    evaluated = classification.evaluated_pairs(both, "test")
    assert list(evaluated["clip"] + " " + evaluated["label"]) == ["a Bell", "b Bell", "b Hum"]
    assert classification.labels_of(both, "b") == ["Bell", "Hum", "Whistle"]
    assert classification.probabilities(both, "a") == {"Bell": 0.9, "Hum": 0.1, "Whistle": 0.1}


def test_example_is_the_first_clip_with_the_most_evaluated_classes() -> None:
    assert classification.example_clip(HAND) == "b"
    tie = predictions(*[("test", clip, "Bell", T, T) for clip in "zyx"])
    assert classification.example_clip(tie) == "z"


def test_nothing_detected_is_explained() -> None:
    nothing = HAND.assign(detected=False)
    with pytest.raises(IgsedError, match=r"detects no class in any clip.*'n_train'.*'probability_threshold'"):
        classification.detected_pairs(nothing)
    absent = HAND.assign(present=False)
    for call in (classification.evaluated_pairs, classification.example_clip):
        with pytest.raises(IgsedError, match=r"detects no class that is present in the test split.*'n_train'"):
            call(absent, "test")
