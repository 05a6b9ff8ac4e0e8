"""Event lists against psds_eval's published examples and a real system's published scores; the latter may be absent."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from igsed_core.metrics import event_based, frames, intersection, localisation, psds

# psds_eval's examples after the ICASSP paper (its tests/data, MIT licence): class, onset, offset.
EXAMPLES: dict[str, dict[str, Any]] = {
    "test": {
        "true": [("c1", 2, 20), ("c2", 12, 35), ("c3", 42, 47)],
        "detected": [
            *[("c1", 0, 19), ("c1", 40, 45), ("c2", 11, 25), ("c2", 27, 30), ("c2", 32, 41.5)],
            ("c3", 38, 48),
        ],
        "psds": 0.9142857142857143,
        "found": [1, 1, 1],
        "false": [1, 1, 0],
        "cross": {("c1", "c3"): 1},
    },
    "test2": {
        "true": [("c1", 5, 20), ("c2", 5, 30), ("c3", 42, 47)],
        "detected": [("c1", 2, 43), ("c2", 15, 20), ("c3", 10, 30), ("c3", 40, 49)],
        "psds": 0.29047619047619044,
        "found": [0, 0, 1],
        "false": [1, 0, 1],
        "cross": {("c1", "c2"): 1, ("c3", "c1"): 1, ("c3", "c2"): 1},
    },
    "test3": {
        "true": [("c1", 5, 18), ("c2", 10, 30), ("c3", 42, 48)],
        "detected": [("c1", 2, 18.5), ("c1", 29, 48), ("c2", 10, 30), ("c3", 32, 38)],
        "psds": 0.6238095238095237,
        "found": [1, 1, 0],
        "false": [1, 0, 1],
        "cross": {("c1", "c3"): 1},
    },
    "test4": {
        "true": [
            *[("c1", 2, 22), ("c1", 43, 64), ("c2", 18, 20), ("c2", 21, 23), ("c2", 25, 27), ("c2", 29, 32)],
            *[("c2", 85, 88), ("c3", 35, 58), ("c4", 47, 66), ("c4", 97, 100)],
        ],
        "detected": [
            *[("c1", 9, 25), ("c1", 41, 66), ("c2", 25, 49), ("c2", 74, 82), ("c2", 86, 105), ("c3", 33, 45)],
            *[("c3", 46.5, 59), ("c4", 4, 11), ("c4", 30, 36), ("c4", 62, 67)],
        ],
        "psds": 0.5,
        "found": [2, 0, 1, 0],
        "false": [0, 3, 0, 2],
        "cross": {("c2", "c3"): 1, ("c4", "c1"): 1, ("c4", "c2"): 1},
    },
}
SECONDS = {"test": 50.0, "test2": 50.0, "test3": 50.0, "test4": 120.0, "other": 10.0}  # of their files


def table(rows: list[tuple[str, float, float]], clip: str) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["label", "onset", "offset"]).assign(clip=clip)
    return made.astype({"onset": float, "offset": float})


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_icassp_paper(name: str) -> None:
    one = EXAMPLES[name]
    true, detected = table(one["true"], name), table(one["detected"], name)
    classes = sorted(set(true["label"]))
    scenario = psds.Scenario(0.5, 0.5, 0.3, alpha_ct=0.0, alpha_st=0.0, max_efpr=100.0)
    points = intersection.points([detected], true, list(SECONDS), classes, scenario=scenario)
    assert points.found[0].sum(axis=1).tolist() == one["found"]
    assert points.false[0].sum(axis=1).tolist() == one["false"]
    cross = points.cross[0].sum(axis=2)
    assert {(classes[i], classes[j]): cross[i, j] for i, j in np.argwhere(cross)} == one["cross"]
    durations = np.array(list(SECONDS.values()))
    every = np.ones((1, len(durations)))
    assert psds.of_points(points, every, durations, scenario=scenario)[0] == pytest.approx(one["psds"])


def test_effective_rates_by_hand() -> None:
    """``test2``: c1's false positive lies in c2's 25 s, c3's in c1's 15 s and c2's 25 s; 280 s of audio in all."""
    one = EXAMPLES["test2"]
    scenario = psds.Scenario(0.5, 0.5, 0.3, alpha_ct=0.5)
    points = intersection.points(
        [table(one["detected"], "test2")], table(one["true"], "test2"), ["test2"], ["c1", "c2", "c3"], scenario=scenario
    )
    rates = [
        intersection.effective_rates(
            *(points.false[:, c, 0], points.cross[:, c, :, 0], 280 / 3600, points.seconds[:, 0] / 3600, c, scenario)
        )[0]
        for c in range(3)
    ]
    fpr = 3600 / 280
    assert rates == pytest.approx([fpr + 0.5 * (144 + 0) / 2, 0, fpr + 0.5 * (240 + 144) / 2])


SHARED = Path(os.environ.get("IGSED_SHARED") or Path(__file__).resolve().parents[3] / "shared")
PEERS = SHARED / "peers" / "desed"


@pytest.fixture(scope="module")
def desed() -> dict[str, Any]:
    """Truth, durations and detections at 50 thresholds, of the baseline of DCASE's task 4."""
    if not PEERS.exists():
        pytest.skip("shared/peers/desed is not beside the repository")

    def read(path: Path) -> pd.DataFrame:
        rows = pd.read_csv(path, sep="\t").rename(columns={"filename": "clip", "event_label": "label"})
        return rows.dropna(subset=["onset"])

    durations = read_durations(PEERS / "validation_durations.tsv")
    files = sorted((PEERS / "teacher" / "predictions_operating_points").glob("*.tsv"))
    true = read(PEERS / "validation.tsv")
    half = pd.read_csv(PEERS / "teacher" / "predictions0.5.csv", index_col=0)
    return {
        "true": true,
        "durations": durations,
        "points": [read(path) for path in files],
        "half": half.rename(columns={"filename": "clip", "event_label": "label"}),
        "classes": sorted(set(true["label"])),
    }


def read_durations(path: Path) -> pd.Series:
    return pd.read_csv(path, sep="\t").set_index("filename")["duration"]


def score(desed: dict[str, Any], detections: list[pd.DataFrame], scenario: psds.Scenario) -> float:
    durations = desed["durations"]
    points = intersection.points(detections, desed["true"], list(durations.index), desed["classes"], scenario=scenario)
    return float(psds.of_points(points, np.ones((1, len(durations))), durations.to_numpy(), scenario=scenario)[0])


@pytest.mark.parametrize(("scenario", "wanted"), [(psds.SCENARIO_1, 0.353493), (psds.SCENARIO_2, 0.548329)])
def test_psds_of_a_real_system(desed: dict[str, Any], scenario: psds.Scenario, wanted: float) -> None:
    """What psds_eval 0.5.3 gives for the same files (DCASE published the student model's figure, 0.334)."""
    assert len(desed["points"]) == 50
    assert len(desed["durations"]) == 1168
    assert score(desed, desed["points"], scenario) == pytest.approx(wanted, abs=1e-5)


def test_intersection_based_f_of_a_real_system(desed: dict[str, Any]) -> None:
    """What psds_eval 0.5.3 gives for the same file, on average over classes and for one of them."""
    scenario = psds.Scenario(0.5, 0.5)
    points = intersection.points(
        [desed["half"]], desed["true"], list(desed["durations"].index), desed["classes"], scenario=scenario
    )
    found = dict(zip(desed["classes"], intersection.f_scores(points)[0], strict=True))
    assert np.mean(list(found.values())) == pytest.approx(0.6616795490079955, abs=1e-12)
    assert found["Dog"] == pytest.approx(0.5884816753926702, abs=1e-12)


def published(name: str) -> pd.DataFrame:
    """Class rows of a report of sed_eval: events of truth and system, F1 in per cent."""
    rows = [
        [cell.strip().rstrip("%.") for cell in line.replace("|", " ").split()][:4]
        for line in (PEERS / "teacher" / name).read_text().splitlines()
        if line.count("%") >= 3 and "|" in line
    ]
    made = pd.DataFrame(rows, columns=["label", "n_true", "n_detected", "f1"]).set_index("label")
    return made.astype({"n_true": int, "n_detected": int, "f1": float})


def rows_of(table: pd.DataFrame, classes: list[str], clips: list[str]) -> dict[tuple[str, str], np.ndarray]:
    grouped = {key: one[["onset", "offset"]].to_numpy() for key, one in table.groupby(["clip", "label"])}
    return {(clip, label): grouped.get((clip, label), np.zeros((0, 2))) for clip in clips for label in classes}


def test_event_based_f_of_a_real_system(desed: dict[str, Any]) -> None:
    """Class by class; where a collar is met exactly, floating point decides in sed_eval, by an event at most."""
    rows = published("event_f1.txt")
    assert len(rows) == 10
    clips = sorted({*desed["true"]["clip"], *desed["half"]["clip"]})
    true, detected = (rows_of(desed[name], desed["classes"], clips) for name in ("true", "half"))
    equal = 0
    for label, row in rows.iterrows():
        name = next(c for c in desed["classes"] if c.startswith(label))
        found = event_based.counts_of_events(
            [detected[clip, name] for clip in clips], [true[clip, name] for clip in clips]
        )
        n = found.tp.sum()
        assert n + found.fn.sum() == row["n_true"]
        assert n + found.fp.sum() == row["n_detected"]
        per_event = 200 / (row["n_true"] + row["n_detected"])
        assert 2 * 100 * n / (row["n_true"] + row["n_detected"]) == pytest.approx(row["f1"], abs=per_event + 0.05)
        equal += abs(per_event * n - row["f1"]) < 0.0501
    assert equal >= 7


def test_segment_based_f_of_a_real_system(desed: dict[str, Any]) -> None:
    """Segments of 1 s, of which any part is active: the frame metrics of the book."""
    rows = published("segment_f1.txt")
    assert len(rows) == 10
    clips = sorted({*desed["true"]["clip"], *desed["half"]["clip"]})
    true, detected = (rows_of(desed[name], desed["classes"], clips) for name in ("true", "half"))
    for label, row in rows.iterrows():
        name = next(c for c in desed["classes"] if c.startswith(label))
        counted = []
        for clip in clips:
            masks = [
                frames.activity(*spans.T, n_frames=11, frame_length=1.0)
                for spans in (detected[clip, name], true[clip, name])
            ]
            counted.append(localisation.counts(*masks))
        tp, fp, fn = np.sum(counted, axis=0)
        assert tp + fn == row["n_true"]
        assert tp + fp == row["n_detected"]
        assert 100 * localisation.of_counts(tp, fp, fn)[2] == pytest.approx(row["f1"], abs=0.0501)


@pytest.mark.parametrize("scenario", [psds.SCENARIO_1, psds.SCENARIO_2])
def test_psds_with_cross_triggers_is_that_of_sed_scores_eval(scenario: psds.Scenario) -> None:
    """Overlapping classes, random scores: both scenarios of DCASE's task 4, on all operating points."""
    library = pytest.importorskip("sed_scores_eval", reason="sed_scores_eval is not installed (extra 'parity')")
    dataframe = importlib.import_module("sed_scores_eval.base_modules.scores").create_score_dataframe
    rng = np.random.default_rng(5)
    n_clips, classes, length, n_frames = 25, ["Bell", "Hum", "Purr"], 0.2, 50
    truth = np.repeat(rng.random((n_clips, 3, 10)) < 0.08, 5, axis=2)
    scores = 0.3 * truth + 0.2 * truth[:, [1, 2, 0]] + np.repeat(rng.random((n_clips, 3, 25)), 2, axis=2)
    spans = [[event_based.mask_spans(truth[i, c], length) for c in range(3)] for i in range(n_clips)]
    names, edges = [f"clip{i}" for i in range(n_clips)], np.round(length * np.arange(n_frames + 1), 6)
    theirs, *_ = library.intersection_based.psds(
        {name: dataframe(scores[i].T, edges, classes) for i, name in enumerate(names)},
        {name: [(on, off, classes[c]) for c in range(3) for on, off in spans[i][c]] for i, name in enumerate(names)},
        dict.fromkeys(names, 10.0),
        dtc_threshold=scenario.dtc_threshold,
        gtc_threshold=scenario.gtc_threshold,
        cttc_threshold=scenario.cttc_threshold if scenario.alpha_ct else None,
        alpha_ct=scenario.alpha_ct,
        alpha_st=scenario.alpha_st,
        max_efpr=100.0,
    )
    nothing = np.zeros((0, 2))
    clip_of, class_of = np.divmod(np.arange(3 * n_clips), 3)
    scenario = psds.Scenario(*(scenario.dtc_threshold, scenario.gtc_threshold), 0.3, scenario.alpha_ct, 1.0, 100.0)
    changes = psds.changes(
        scores.reshape(-1, n_frames),
        [spans[i][c] for i, c in zip(clip_of, class_of, strict=True)],
        frame_length=length,
        of_others=[
            [spans[i][k] if k != c else nothing for k in range(3)] for i, c in zip(clip_of, class_of, strict=True)
        ],
        scenario=scenario,
    )
    n_events = np.array([[len(s) for s in of_clip] for of_clip in spans]).T
    seconds = truth.sum(axis=2).T * length
    ours = psds.score(
        *(changes, class_of, clip_of, n_events, np.ones((1, n_clips)), np.full(n_clips, 10.0)),
        seconds=seconds,
        scenario=scenario,
    )[0]
    assert 0.01 < theirs < 0.98
    assert ours == pytest.approx(theirs, abs=1e-9)
