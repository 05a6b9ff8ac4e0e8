"""Sentences of page 19 on random tables: no change is claimed for want of one, and how few it is from stands beside."""

from __future__ import annotations

import re

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.chapters.adversarial import explaining, giveaway, overview, study, summary, tables
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL
from igsed_core.show.claims import FEW, verdict_on
from igsed_core.show.display import few
from random_tables import KINDS, Tables

MADE = st.builds(Tables, st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
quick = settings(max_examples=40, deadline=None)


@quick
@given(made=MADE)
def test_a_map_is_said_to_stay_only_within_the_margin(made: Tables) -> None:
    """Of eight soundscapes with intervals from -0.34 to 0.09 it was said that no method's IoU changes."""
    maps = made.adversarial()["adversarial_explanations"]
    text = overview.fragile(maps)
    rows = maps[(maps["variant"] == study.VANISH) & (maps["of"] == "others") & (maps["metric"] == "iou_change")]
    if rows.empty:
        assert text == ""
        return
    said = {row["method"]: verdict_on(row, margin=summary.MARGIN) for row in rows.to_dict("records")}
    parts = {
        "change": r"or more for ([^;(]*)[;(]",
        "stay": r"stays within \S+ for ([^;(]*)[;(]",
        "left": r"to stay for (.*?), whose",
    }
    found = {name: re.search(pattern, text) for name, pattern in parts.items()}
    kinds = {"change": (ABOVE, BELOW), "stay": (LEVEL,)}
    for method, title in explaining.METHODS.items():
        here = [name for name, match in found.items() if match and re.search(rf"\b{re.escape(title)}\b", match[1])]
        wanted = next((name for name, verdicts in kinds.items() if said[method] in verdicts), "left")
        assert here == [wanted], (text, said)
    n = int(rows["n"].min())
    assert (f"from {n} " in text) and (" only" in text) == (n < FEW)


@quick
@given(made=MADE)
def test_a_moved_map_is_told_with_all_methods_and_how_few_it_is_from(made: Tables) -> None:
    maps = made.adversarial()["adversarial_explanations"]
    text = overview.moved(maps)
    if text == "No map was moved.":
        return
    assert all(title in text for title in explaining.METHODS.values())
    mine = maps[(maps["of"] == "attacked") & (maps["metric"] == "iou_change")]
    count = re.search(r"\(from (\d+) soundscapes?( only)?\)\.$", text)
    assert count, text
    assert (int(count[1]) < FEW) == bool(count[2]) and int(count[1]) in set(mine["n"])


@quick
@given(made=MADE)
def test_a_detector_is_called_trivial_once(made: Tables) -> None:
    assert overview.detection(made.adversarial()["adversarial_detection"]).count("trivial") <= 1


@quick
@given(made=MADE)
def test_tables_say_what_each_row_rests_on(made: Tables) -> None:
    found = made.adversarial()
    for table, tidy in (
        (tables.detection_table(found["adversarial_detection"]), found["adversarial_detection"]),
        (tables.survival_table(found["adversarial_survival"]), found["adversarial_survival"]),
    ):
        if tidy.empty:
            continue
        counted = [column for column in table.columns if column.startswith("n (")]
        assert len(counted) == 1
        known = tidy[tidy["value"].notna()]
        if len(known) and known["n"].max() < FEW:
            assert few(table).startswith("n is below")


def test_what_is_made_by_a_program_is_said_of_the_bank_that_is() -> None:
    assert "made by a program" in overview.limits({})
    assert "made by a program" not in overview.limits({"attack_bank": "fsdkaggle2018"})


def test_a_table_of_attacks_counts_the_ratios_apart() -> None:
    """The ratio of what succeeds stood beside the n of all that were attacked: 3 of 6."""
    one = {"output": "softmax", "model": study.ALL, "goal": study.BECOME, "attack": study.CW, "split": "test"}
    cell = {"value": 0.5, "ci_low": 0.1, "ci_high": 0.9}
    found = pd.DataFrame([{**one, "metric": "success", "n": 6, **cell}, {**one, "metric": "snr", "n": 3, **cell}])
    row = tables.attacks_table(found).iloc[0]
    assert (row["n (clips)"], row["n, ratio"]) == (6, "3")
    assert giveaway.SAID_TRIVIAL in giveaway.DETECTORS[giveaway.TRIVIAL[0]]
