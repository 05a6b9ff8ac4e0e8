"""Figures, tables and groups of the page on threshold rules."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from igsed_core.chapters.threshold_rules import figures, tables
from igsed_core.detection import instance_groups
from igsed_core.detection.evaluation import Instances
from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.show import style

TITLES = {name: rule.title for name, rule in thresholds.RULES.items()}
METHODS = ("ig", "fw_ws", "fw_ss")
VALUE = {"percentile": 0.4, "share_of_maximum": 0.5, "otsu": 0.3, "smooth_log_hmm": 0.6}


def rules(shift: float = 0.0, methods: tuple[str, ...] = METHODS) -> pd.DataFrame:
    rows = [
        ("test", method, rule, metric, average, v + shift, 20, v + shift - 0.05, v + shift + 0.05)
        for method in methods
        for rule, v in VALUE.items()
        for metric in ("iou", "f1")
        for average in ("instance", "class")
    ]
    columns = ["split", "method", "rule", "metric", "average", "value", "n", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def instances(active: list[int]) -> Instances:
    """One clip an instance, with so many of 60 frames active."""
    index = pd.DataFrame({"split": "test", "clip": [f"c{i}" for i in range(len(active))], "label": "Bell"})
    return Instances(index, np.arange(60) < np.array(active)[:, None], {})


def test_every_rule_has_a_row_and_every_method_a_dot() -> None:
    figure = figures.rules_by_method(rules(), TITLES, tuned=["percentile", "share_of_maximum"], best="smooth_log_hmm")
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == [TITLES[r] for r in VALUE]
    assert [t.get_fontweight() for t in ax.get_yticklabels()].index("bold") == 3
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert len(dots) == len(VALUE) * len(METHODS)
    mine = [line for line in dots if to_rgb(line.get_color()) == to_rgb(style.COLOURS["ig"])]
    assert [float(np.ravel(line.get_xdata())[0]) for line in mine] == list(VALUE.values())


def test_a_clip_under_rules_shows_each_mask_where_it_lies() -> None:
    truth = np.zeros(20, dtype=bool)
    truth[5:10] = True
    scores = {"ig": np.linspace(0, 2, 20), "fw_ws": np.ones(20)}
    masks = {"ig": {"Otsu": truth, "Own": ~truth}, "fw_ws": {"Otsu": truth}}
    figure = figures.rules_on_clip(truth, scores, masks, frame_length=0.1, label="Alarm_bell")
    bars = figure.axes[2]
    assert [t.get_text() for t in bars.get_yticklabels()] == ["Otsu", "Own"]
    spans = [[box.get_extents().intervalx.round(6).tolist() for box in c.get_paths()] for c in bars.collections]
    assert spans == [[[0.5, 1.0]], [[0.0, 0.5], [1.0, 2.0]]]
    assert len(figure.axes[3].collections) == 1  # the other method was not judged by the own rule


def test_groups_are_drawn_with_their_numbers() -> None:
    table = pd.concat([rules().assign(group="0-1 s"), rules(0.1).assign(group="4 s and more", n=7)])
    figure = figures.rules_by_group({"active time": table}, TITLES, ("percentile", "otsu"), METHODS)
    assert len(figure.axes) == 3
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0-1 s\nn=20", "4 s+\nn=7"]
    first = next(line for line in figure.axes[0].get_lines() if line.get_label() == TITLES["percentile"])
    np.testing.assert_allclose(first.get_ydata(), [0.4, 0.5])
    plt.close("all")


def test_the_overview_names_every_rule() -> None:
    table = tables.rule_overview(thresholds.RULES).set_index("name")
    assert list(table.index) == list(thresholds.RULES)
    assert table.loc["percentile", "parameter"] == "tuned on validation"
    assert table.loc["otsu", "parameter"] == "none"
    assert table.loc["class_percentile", "looks at the scores of"] == "its class"
    assert table.loc["logit_hmm", "acts on"] == "logit"


def test_a_row_a_rule_and_a_column_a_method() -> None:
    table = tables.by_rule(rules(methods=("fw_ws", "ig")), TITLES)
    assert list(table.columns) == ["Rule", "n", style.name("ig"), "FW-WS"]
    assert list(table["Rule"]) == [TITLES[rule] for rule in VALUE]
    assert table[style.name("ig")].iloc[1] == "0.50 [0.45,\N{NO-BREAK SPACE}0.55]"


def test_ceilings_stand_beside_what_is() -> None:
    table = tables.ceilings(rules(), rules(0.2), TITLES, ("ig",))
    row = table[table[("", "Rule")] == TITLES["otsu"]].iloc[0]
    assert tuple(row[style.name("ig")]) == ("0.30", "0.50")


def test_post_processing_stands_beside_the_rule() -> None:
    processed = rules(0.1).assign(threshold=0.7)
    processed = pd.concat([processed.assign(rule=processed["rule"] + f"+{p}") for p in ("median", "minimum_duration")])
    table = tables.postprocessing(rules(), processed, {"otsu": "Otsu", "hmm": "not processed"}, ("ig",))
    assert len(table) == 1
    assert table["alone"].iloc[0].startswith("0.30 [")
    assert table["median filter"].iloc[0].startswith("0.40 [")
    assert table["minimum duration"].iloc[0].endswith("(0.7 s)")


def test_groups_by_active_time() -> None:
    """At 100 ms: 1 s belongs to the group that starts there."""
    groups = instance_groups.by_active_time({"test": instances([9, 10, 19, 20, 39, 40, 60])}, frame_length=0.1)
    assert groups["test"] == ["0-1 s", "1-2 s", "1-2 s", "2-4 s", "2-4 s", "4 s and more", "4 s and more"]


@pytest.mark.parametrize(("by", "wanted"), [("polyphony", ["2", "1"]), ("events", ["3", "1"])])
def test_groups_by_what_else_sounds(by: str, wanted: list[str]) -> None:
    clips = pd.DataFrame({"clip": ["c1", "other", "c0"], "n_events": [1, 2, 3], "polyphony": [1, 1, 2]})
    assert instance_groups.of_clips({"test": instances([5, 6])}, clips, by)["test"] == wanted
