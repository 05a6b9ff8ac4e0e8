"""Page 22: what edges give whom, by length, on soft onsets; missed gates beside missed events; one gate to look at."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from igsed_core.chapters.edges import example, figures, overview, soft, study, tables
from igsed_core.chapters.edges.example import Example
from igsed_core.detection import decided
from igsed_core.detection.decided import Split
from igsed_core.detection.edges import Edges
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.metrics.summaries import CLIPS, TWO_WAY, Series


def split_of(truth: np.ndarray) -> Split:
    index = pd.DataFrame({"split": "test", "clip": [f"c{i}" for i in range(len(truth))], "label": "Bell"})
    return Split(index, truth, 0.1, truth.shape[1] / 10)


# --- decisions


def test_edges_shorten_what_is_found() -> None:
    truth = np.zeros((1, 20), dtype=bool)
    truth[0, 5:10] = True
    split = split_of(truth)
    centres = 0.01 * (np.arange(200) + 0.5)
    scores = ScoresOverTime(split.index, np.where((centres > 0.35) & (centres < 1.1), 5.0, -5.0)[None], 0.01, 0.0)
    made = decided.with_edges("localiser", split, scores, {"Bell": Edges(0.16, 0.11, 9, 0.0)})
    values = {one.rule: one.values[0] for one in made if one.metric == "iou"}
    assert values[decided.CALIBRATED] == 1.0 > values[decided.FOUND]


def test_durations_part_all_instances() -> None:
    split = split_of(np.ones((3, 20), dtype=bool))
    events = pd.DataFrame({"clip": ["c0", "c1", "c2"], "label": "Bell", "onset": 0.0, "offset": [0.5, 0.7, 3.0]})
    rows = study.by_duration(split, events, [Series("localiser", decided.FOUND, "iou", np.array([0.1, 0.2, 0.3]))])
    assert rows["n"].tolist() == [1, 1, 0, 1]
    assert_allclose(rows["iou"], [0.1, 0.2, np.nan, 0.3])


def test_each_class_has_a_line_over_the_lengths_of_gates() -> None:
    table = pd.DataFrame(
        [
            {"method": method, "class": name, "length": length, "missed": 0.1, "early": 0.05, "late": 0.1}
            for method in ("localiser", "fw_ws")
            for name in ("Bell", "Hum", "Dog")
            for length in (0.0, 0.5, 1.0)
        ]
    )
    figure = figures.edges(table, "localiser")
    for ax in figure.axes[:3]:
        lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 2 and line.get_marker() != "None"]
        assert (
            len(lines) == len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 3
        )
        assert all(list(line.get_xdata()) == [0.5, 1.0] for line in lines)  # 0: all lengths together


def test_edges_are_tried_where_onsets_are_soft() -> None:
    """A correction of 0.1 s on both sides is right for sharp gates, and takes too much of soft ones."""
    gates = pd.DataFrame({"label": "Bell", "length": 1.0, "onset": [1.0] * 8, "offset": [2.0] * 8})

    def seen(before: float) -> pd.DataFrame:
        spans = {"found_onset": [1.0 - before] * 7 + [np.nan], "found_offset": [2.0 + before] * 7 + [np.nan]}
        return gates.assign(**spans)

    observed = {0.0: {"localiser": seen(0.1)}, 0.5: {"localiser": seen(-0.2)}}
    table = soft.table(observed, {"localiser": {"Bell": Edges(0.1, 0.1, 8, 0.0)}}, seed=0).set_index("soft")
    assert table["n"].tolist() == [7, 7]
    assert_allclose(table["missed"], 1 / 8)
    assert_allclose(table.loc[0.0, ["iou_found", "iou_calibrated"]].astype(float), [1 / 1.2, 1.0])
    assert_allclose(table.loc[0.5, ["iou_found", "iou_calibrated"]].astype(float), [0.6, 0.4])
    assert (table.loc[0.0, "ci_low"] > 0) and (table.loc[0.5, "ci_high"] < 0)
    assert len(tables.soft_table(table.reset_index())) == 2
    nothing = soft.table({0.0: {"localiser": gates.assign(found_onset=np.nan, found_offset=np.nan)}}, {}, seed=0)
    assert nothing["n"].tolist() == [0]
    assert soft.table({}, {}, seed=0).empty


# --- who gains


def gained(**gains: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of a run in which edges change each method's IoU by so much, and marking by half of it; 40 instances."""
    rng = np.random.default_rng(0)
    split = split_of(np.ones((40, 20), dtype=bool))
    made = []
    for method, gain in gains.items():
        base = rng.uniform(0.4, 0.6, 40)
        for rule, share in ((decided.FOUND, 0.0), (decided.TOUCHED, 0.5), (decided.CALIBRATED, 1.0)):
            made.append(Series(method, rule, "iou", base + share * (gain + rng.normal(0, 0.004, 40))))
    events = split.index.assign(source_file=[f"s{i % 20}.wav" for i in range(40)])
    return decided.report(split.index, made, study.pairs(made), events, replicates=100, seed=0)


def test_the_answer_names_who_gains_and_who_loses() -> None:
    levels, differences = gained(localiser=0.06, cam=0.01, fw_ws=-0.01, ig=-0.06)
    assert set(differences["resampled"]) == {CLIPS, TWO_WAY}
    assert set(differences["method"]) == {"localiser", "cam", "fw_ws", "ig"}
    assert set(levels.loc[levels["average"] == "instance", "n"]) == {40}
    said = overview.gains(differences)
    for words in (
        r"calibrated edges help the localiser 0\.0[56]\d \[",
        r"help a little, by less than 0\.03, CAM 0\.0[01]\d \[",
        "harm a little, by less than 0\\.03, FW-WS \N{MINUS SIGN}0\\.0[01]\\d \\[",
        "; harm IG \N{MINUS SIGN}0\\.0[56]\\d \\[.*from 40 instances",
    ):
        assert re.search(words, said), said
    # A smaller margin makes an effect of a small gain.
    assert re.search(r"help the localiser \S+ \[\S+\s\S+\] and CAM", overview.gains(differences, margin=0.005))


def test_the_answer_says_first_that_nobody_gains() -> None:
    said = overview.gains(gained(localiser=0.0, cam=0.01)[1])
    assert said.startswith("In mean IoU, calibrated edges help none by 0.03 or more for certain; help a little")
    assert overview.gains(gained(localiser=0.06)[1].iloc[:0]) == "This run does not calibrate edges."


def test_gates_are_told_from_the_marking() -> None:
    said = overview.parts(gained(localiser=0.06)[1])
    assert "The gates alone" in said and said.count("the localiser 0.0") == 2
    assert overview.parts(gained(localiser=0.06)[1].iloc[:0]) == "This run does not part gates from marking."


def test_verdicts_are_by_clips_and_source_files_where_the_table_has_them() -> None:
    differences = gained(localiser=0.06)[1]
    wide = differences.assign(
        ci_low=differences["ci_low"].where(differences["resampled"] == CLIPS, -0.5),
        ci_high=differences["ci_high"].where(differences["resampled"] == CLIPS, 0.5),
    )
    assert "neither help nor harm for certain (the interval holds zero) the localiser" in overview.gains(wide)
    old = wide[wide["resampled"] == CLIPS].drop(columns="resampled")  # as tables were before, of clips alone
    assert "calibrated edges help the localiser" in overview.gains(old)
    assert overview.gains(old).endswith("Intervals draw clips alone.")


def test_the_table_of_gains_shows_both_intervals_and_no_other_detector() -> None:
    levels, differences = gained(localiser=0.06, cam=0.01, linear=0.5)
    shown = tables.gains_table(levels, differences)
    assert shown["Detector"].tolist() == ["Localiser", "CAM, against absence, by frame"]
    titles = [f"calibrated minus as found, {kind} drawn anew" for kind in (CLIPS, TWO_WAY)]
    assert list(shown.columns)[-3:] == [*titles, f"of that by gates, {TWO_WAY} drawn anew"]
    old = differences[(differences["resampled"] == CLIPS) & (differences["other_rule"] == decided.FOUND)]
    assert list(tables.gains_table(levels, old.drop(columns="resampled")).columns)[-1] == titles[0]
    assert len(figures.gains(differences).axes[0].get_yticks()) == 2


def test_lengths_are_told_with_what_they_are_from() -> None:
    rows = [
        ("localiser", rule, *span, n, iou)
        for rule, add in ((decided.FOUND, 0), (decided.CALIBRATED, 0.1))
        for span, n, iou in (((0.0, 0.5), 0, np.nan), ((0.5, 1.0), 3, 0.5 + add), ((2.0, np.inf), 40, 0.8 - add))
    ]
    said = overview.durations(pd.DataFrame(rows, columns=["method", "rule", "from", "to", "n", "iou"]))
    assert "0.5 to 1 s 0.100 (from 3 instances only); over 2 s −0.100 (from 40 instances)" in said
    assert "0 to 0.5" not in said


# --- missed gates and missed events


def test_missed_events_are_those_that_no_decision_touches() -> None:
    index = pd.DataFrame({"split": "test", "clip": ["a", "b"], "label": ["Bell", "Hum"]})
    values = np.full((2, 100), -5.0)
    values[0, 10:20] = 5.0  # 1 to 2 s of Bell in a
    scores = ScoresOverTime(index, values, 0.1, 0.0)
    events = pd.DataFrame(
        [("a", "Bell", 1.5, 3.0), ("a", "Bell", 6.0, 7.0), ("b", "Hum", 1.0, 2.0)],
        columns=["clip", "label", "onset", "offset"],
    ).assign(split="test")
    gates = pd.DataFrame({"label": ["Bell"] * 4, "found_onset": [1.0, np.nan, 1.0, 1.0]})
    table = study.missed({"localiser": gates}, {"localiser": scores}, events)
    assert table.to_dict("records") == [  # no gate is of Hum, so that nothing is held against its event
        {"split": "test", "method": "localiser", "class": "Bell", "n_gates": 4, "missed_gates": 0.25}
        | {"n_events": 2, "missed_events": 0.5}
    ]
    assert tables.missed_table(table, "localiser")["missed of these"].tolist() == ["0.50"]


@pytest.mark.parametrize(
    ("events", "words"), [([0.1, 0.2, 0.4], "rank correlation of 1.00"), ([0.4, 0.2, 0.1], "rank correlation of −1.00")]
)
def test_missed_shares_are_compared_over_classes(events: list[float], words: str) -> None:
    table = pd.DataFrame(
        {"method": "localiser", "class": list("ABC"), "missed_gates": [0.2, 0.3, 0.5], "missed_events": events}
    )
    said = overview.missed(table)
    assert words in said and "finds nothing in 0.33 of its gates" in said and "over 3 classes" in said
    assert said.endswith("So few classes decide little.")
    assert "lie 0.10 apart" in said or "lie 0.23 apart" in said
    assert "correlation" not in overview.missed(table.iloc[:2])


# --- one gate


def observed() -> pd.DataFrame:
    """Gates of two classes: Hum is corrected more, and the second of its gates is the typical one."""
    rows = [("Bell", 0.5, 1.0, 1.5, 0.9, 1.6), ("Hum", 0.5, 1.0, 1.5, 0.2, 1.5), ("Hum", 0.5, 1.0, 1.5, 0.7, 1.7)]
    rows += [("Hum", 1.0, 1.0, 2.0, 0.7, 2.2), ("Hum", 0.5, 1.0, 1.5, np.nan, np.nan)]
    return pd.DataFrame(rows, columns=["label", "length", "onset", "offset", "found_onset", "found_offset"])


def test_the_gate_that_is_shown_is_chosen_by_rule() -> None:
    of = {"Bell": Edges(0.1, 0.1, 9, 0.0), "Hum": Edges(0.3, 0.2, 9, 0.0)}
    assert example.choose(observed(), of) == 2
    assert example.choose(observed().assign(length=2.0), of) in (2, 3)  # without gates of that length any is shown
    assert example.choose(observed().assign(found_onset=np.nan), of) is None
    assert example.choose(observed(), {}) is None


def test_a_gate_is_made_again_with_its_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = 1000
    clips = [np.full(6 * rate, value, dtype=np.float32) for value in (1.0, 0.0)]
    row = pd.DataFrame(
        {"label": ["Hum"], "length": 0.5, "donor": 0, "from": 2.0, "recipient": 1, "window": 0.5, "onset": 1.0}
        | {"offset": 1.5, "found_onset": 0.7, "found_offset": 1.7}
    )
    steps = SimpleNamespace(step=0.04, start=0.0, values=SimpleNamespace(cpu=lambda: "features"))
    monkeypatch.setattr(example.mel, "folded", lambda classifier: "model")
    monkeypatch.setattr(example.mel, "log_mel", lambda model, waveforms: waveforms)
    monkeypatch.setattr(example.shifted_cam, "features", lambda model, log_mel, shifts: steps)
    decoder = SimpleNamespace(log_odds=lambda features, label, shifts: np.linspace(-20, 20, 125))
    of = {"Hum": Edges(0.3, 0.2, 9, 0.0)}
    made = example.make(row, of, SimpleNamespace(sample_rate=rate), decoder, lambda clip: clips[clip], shifts=8)
    assert made.gate == (1.0, 1.5) and made.found == (0.7, 1.7)
    assert_allclose(made.corrected, (1.0, 1.5))
    assert_allclose(made.samples[rate : rate + 500], 1.0)
    assert len(made.samples) == len(made.without) == 5 * rate and not made.without.any()


def test_the_picture_of_a_gate_shows_all_three_stretches() -> None:
    noise = np.random.default_rng(0).normal(size=2 * 32000).astype(np.float32)
    shown = Example(
        "Bell", noise, noise, 32000, np.linspace(-20, 20, 50), 0.04, 0.0, (0.5, 1.0), (0.4, 1.2), (0.5, 1.1)
    )
    spans = figures.one_gate(shown).axes[2]
    assert [tick.get_text() for tick in spans.get_yticklabels()] == [
        "gate: the event as made",
        "as found",
        "calibrated edges",
    ]
    widths = [collection.get_paths()[0].get_extents().width for collection in spans.collections]
    assert_allclose(widths, [0.5, 0.8, 0.6])
    assert "without" in figures.hear(shown).data


def test_harm_where_sounds_rise_slowly_is_said_first_and_only_where_it_is_certain() -> None:
    columns = ["method", "soft", "value", "ci_low", "ci_high", "n"]
    rows = [
        ("localiser", 0.0, -0.9, -1.0, -0.8, 40),  # rises at once
        ("localiser", 0.25, -0.02, -0.04, 0.0, 40),
        ("localiser", 0.5, -0.04, -0.08, -0.01, 40),
        ("cam", 0.5, -0.3, -0.4, -0.2, 0),  # of no gate
        ("fw_ws", 0.5, 0.1, 0.05, 0.2, 40),
    ]
    said = overview.harm_where_soft(pd.DataFrame(rows, columns=columns))
    assert said.startswith("Where a sound rises slowly, calibrated edges harm: overlap with the gate, the localiser ")
    assert "0.5 s, from 40 gates" in said and "CAM" not in said and "FW-WS" not in said
    assert overview.harm_where_soft(pd.DataFrame(rows[:2], columns=columns)) == ""


def test_of_a_gain_the_marking_is_told_apart_from_the_gates() -> None:
    def row(method: str, rule: str, other: str, value: float) -> dict[str, object]:
        said = {"split": "test", "average": "instance", "metric": "iou", "resampled": TWO_WAY, "n": 99}
        ends = {"value": value, "ci_low": value - 0.01, "ci_high": value + 0.01}
        return {"method": method, "rule": rule, "other_method": method, "other_rule": other, **ends, **said}

    steps = (
        (decided.CALIBRATED, decided.FOUND),
        (decided.CALIBRATED, decided.TOUCHED),
        (decided.TOUCHED, decided.FOUND),
    )
    table = pd.DataFrame(
        [row("ig", *step, value) for step, value in zip(steps, (0.068, 0.01, 0.058), strict=True)]
        + [row("cam", *step, value) for step, value in zip(steps, (-0.07, -0.01, -0.06), strict=True)]
    )
    said = overview.parts_of_gains(table)
    assert "gives, and the gates give: IG 0.058 [0.048" in said and said.rstrip(".").endswith("0.020]")
    assert "CAM" not in said
    assert overview.parts_of_gains(table[table["method"] == "cam"]) == ""
