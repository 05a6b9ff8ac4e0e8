"""Figures of event lists: worked out by hand, and those of sed_eval and sed_scores_eval."""

from __future__ import annotations

import importlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.base.errors import IgsedError
from igsed_core.metrics import event_lists, intersection

FILES = {"a.wav": 30.0, "b.wav": 17.3, "c.wav": 60.0, "d.wav": 8.0}
CLASSES = ["Bell", "Dog", "Speech"]


def events(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Events apart from each other within a class, none in the last file."""
    rows = []
    for name in list(FILES)[:3]:
        for label in CLASSES:
            edges = np.sort(rng.uniform(0, FILES[name], 2 * n)).round(3)
            rows += [(name, label, a, b) for a, b in edges.reshape(-1, 2) if b - a > 0.01]
    return pd.DataFrame(rows, columns=["clip", "label", "onset", "offset"])


@pytest.fixture(params=range(3))
def tables(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(request.param)
    truth = events(rng, 4)
    found = truth[rng.random(len(truth)) < 0.8].copy()
    found[["onset", "offset"]] += rng.normal(0, 0.1, (len(found), 2))
    found["onset"] = found["onset"].clip(lower=0)
    found["offset"] = found["offset"].clip(upper=found["clip"].map(FILES))
    extra = events(rng, 1)
    found = pd.concat([found[found["offset"] > found["onset"] + 0.01], extra], ignore_index=True)
    return found, truth


def figures(found: pd.DataFrame, truth: pd.DataFrame, **options) -> pd.Series:
    table = event_lists.evaluate(found, truth, FILES, CLASSES, replicates=50, **options)
    assert ((table["ci_low"] <= table["ci_high"]) | table["ci_low"].isna()).all()
    told = table.dropna(subset=["ci_low"])
    assert (told["ci_low"] >= 0).all()
    assert (told["ci_high"] <= 1).all()
    return table.set_index(["metric", "class"])["value"]


def test_a_class_without_a_true_event_has_no_value(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Nor does it move the mean over classes; that it was found is counted over all classes together."""
    found, truth = tables
    without = truth[truth["label"] != "Dog"]
    table = event_lists.evaluate(found, without, FILES, CLASSES, replicates=50).set_index(["metric", "class"])
    for metric in ("iou", "frame_f1", "segment_f1", "event_f1"):
        dog = table.loc[(metric, "Dog")]
        assert dog["n"] == 0 and dog[["value", "ci_low", "ci_high"]].isna().all()
        if metric != "iou":
            others = [table.loc[(metric, label), "value"] for label in ("Bell", "Speech")]
            assert table.loc[(metric, "mean over classes"), "value"] == pytest.approx(np.mean(others))


def merged(table: pd.DataFrame) -> pd.DataFrame:
    from igsed_core.metrics.event_based import true_spans

    pairs = table[["clip", "label"]].drop_duplicates()
    rows = [
        (*pair, a, b)
        for pair, spans in zip(pairs.itertuples(index=False), true_spans(table, pairs), strict=True)
        for a, b in spans
    ]
    return pd.DataFrame(rows, columns=["clip", "label", "onset", "offset"])


def test_segment_and_event_f1_are_those_of_sed_eval(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    sed_eval = pytest.importorskip("sed_eval")
    dcase_util = pytest.importorskip("dcase_util")

    found, truth = tables
    ours = figures(found, truth)
    of_segments = sed_eval.sound_event.SegmentBasedMetrics(CLASSES, time_resolution=1.0)
    of_events = sed_eval.sound_event.EventBasedMetrics(
        CLASSES, t_collar=0.2, percentage_of_length=0.2, event_matching_type="optimal"
    )
    for name in FILES:
        lists = [
            dcase_util.containers.MetaDataContainer(
                [
                    {"filename": name, "onset": e.onset, "offset": e.offset, "event_label": e.label}
                    for e in table[table["clip"] == name].itertuples()
                ]
            )
            for table in (truth, found)
        ]
        of_segments.evaluate(*lists, evaluated_length_seconds=FILES[name])
        of_events.evaluate(*lists)
    for metric, of in (("segment_f1", of_segments), ("event_f1", of_events)):
        overall = of.results_overall_metrics()["f_measure"]["f_measure"]
        assert ours[metric, "all"] == pytest.approx(overall, abs=1e-9)
        mean = of.results_class_wise_average_metrics()["f_measure"]["f_measure"]
        assert ours[metric, event_lists.MACRO] == pytest.approx(mean, abs=1e-9)


def test_psds_is_that_of_sed_scores_eval(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    sed_scores_eval = pytest.importorskip("sed_scores_eval")
    dataframe = importlib.import_module("sed_scores_eval.base_modules.scores").create_score_dataframe
    _, truth = tables
    truth = merged(truth)
    rng, length = np.random.default_rng(1), 0.5
    scores, frames = {}, {}
    for name, seconds in FILES.items():
        n = int(np.ceil(seconds / length - 1e-9))
        edges = np.minimum(length * np.arange(n + 1), seconds)
        values = rng.random((n, len(CLASSES)))
        scores[name] = (values, length)
        frames[name.removesuffix(".wav")] = dataframe(values, edges, CLASSES)
    ours = figures(truth.iloc[:0], truth, scores=scores)
    ground = {
        name.removesuffix(".wav"): [(e.onset, e.offset, e.label) for e in truth[truth["clip"] == name].itertuples()]
        for name in FILES
    }
    lengths = {name.removesuffix(".wav"): seconds for name, seconds in FILES.items()}
    for name, options in (
        ("psds_1", {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "cttc_threshold": None, "alpha_ct": 0.0}),
        ("psds_2", {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3, "alpha_ct": 0.5}),
    ):
        theirs = sed_scores_eval.intersection_based.psds(
            scores=frames, ground_truth=ground, audio_durations=lengths, alpha_st=1.0, max_efpr=100.0, **options
        )[0]
        assert ours[name, "all"] == pytest.approx(theirs, abs=1e-9)


def test_figures_worked_out_by_hand() -> None:
    truth = pd.DataFrame({"clip": "a.wav", "label": "Bell", "onset": [1.0, 10.0], "offset": [3.0, 12.0]})
    found = pd.DataFrame({"clip": ["a.wav", "b.wav"], "label": "Bell", "onset": [1.0, 5.0], "offset": [3.0, 6.0]})
    ours = figures(found, truth)
    assert ours["iou", "all"] == pytest.approx(0.5)  # of the one pair that holds an event: 2 s of 4 s
    assert ours["frame_f1", "all"] == pytest.approx(2 * 20 / (2 * 20 + 10 + 20))
    assert ours["event_f1", "all"] == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))
    perfect = figures(truth, truth)
    assert perfect["iou", "all"] == perfect["event_f1", "all"] == perfect["psds_2_of_events", "all"] == 1.0


def test_no_prediction_scores_zero() -> None:
    truth = pd.DataFrame({"clip": ["a.wav"], "label": ["Bell"], "onset": [1.0], "offset": [3.0]})
    ours = figures(truth.iloc[:0], truth)
    for metric in ("iou", "frame_f1", "segment_f1", "event_f1", "psds_1_of_events"):
        assert ours[metric, "all"] == 0


def test_what_the_truth_does_not_know_is_refused() -> None:
    truth = pd.DataFrame({"clip": ["a.wav"], "label": ["Bell"], "onset": [1.0], "offset": [3.0]})
    with pytest.raises(IgsedError, match=r"predictions hold clip 'z\.wav'"):
        figures(truth.assign(clip="z.wav"), truth)
    with pytest.raises(IgsedError, match="predictions hold label 'Cat'"):
        figures(truth.assign(label="Cat"), truth)
    with pytest.raises(IgsedError, match="no file"):
        event_lists.evaluate(truth, truth, {}, CLASSES)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_pairs_that_overlap_are_those_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    both = []
    for _ in range(2):
        n = int(rng.integers(0, 12))
        onset = rng.integers(0, 20, n) / 2
        table = pd.DataFrame({"clip": "a", "label": rng.choice(CLASSES, n), "onset": onset})
        both.append(table.assign(offset=onset + rng.integers(1, 6, n) / 2))
    found, true = (intersection._Events.of(table, ["a"], CLASSES, "a list") for table in both)
    pairs = intersection._overlapping(found, true, len(CLASSES))
    ends = np.minimum(found.spans[:, None, 1], true.spans[None, :, 1])
    overlap = ends - np.maximum(found.spans[:, None, 0], true.spans[None, :, 0])
    assert set(zip(*(one.tolist() for one in pairs), strict=True)) == set(zip(*np.nonzero(overlap > 0), strict=True))


def test_a_recording_of_hours_takes_no_memory_for_all_pairs_of_its_events() -> None:
    """Ten hours with 20,000 events took gigabytes, and minutes."""
    n = 5000
    onset = 2.0 * np.arange(n)
    table = pd.DataFrame({"clip": "a.wav", "label": np.resize(CLASSES, n), "onset": onset, "offset": onset + 0.5})
    tracemalloc.start()
    try:
        found = event_lists.evaluate(table, table, {"a.wav": 2.0 * n}, CLASSES, replicates=10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    whole = found[(found["class"] == event_lists.ALL) & found["metric"].isin(["iou", "frame_f1", "event_f1"])]
    assert (whole["value"] == 1).all() and len(whole) == 3
    assert peak < 8 * n**2 / 4
