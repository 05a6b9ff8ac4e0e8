"""Tables show this run's value beside the paper's, and are sortable without the network."""

from __future__ import annotations

import html
import re

import numpy as np
import pandas as pd
import pytest

import result_tables
from igsed_core import paper
from igsed_core.chapters.engine import tables
from igsed_core.main_job import overview
from igsed_core.main_job import tables as main_tables
from igsed_core.show import cells, display, prose, style

NARROW = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def row_of(table, name):
    """A row by its first cell, as (group, column) -> text."""
    return table[table[table.columns[0]] == name].iloc[0]


def test_a_value_has_two_decimals_and_its_interval():
    assert cells.with_interval({"value": 0.394, "ci_low": 0.3, "ci_high": 0.5}) == f"0.39 [0.30,{NARROW}0.50]"
    assert cells.with_interval({"value": 0.394, "ci_low": np.nan, "ci_high": np.nan}) == "0.39"
    assert cells.with_interval({"value": np.nan, "ci_low": 0, "ci_high": 0}) == cells.with_interval(None) == "–"


def test_table_1_has_the_papers_value_where_it_has_the_class():
    table = main_tables.table_1(result_tables.classification())
    blender, kettle = row_of(table, "Blender"), row_of(table, "Kettle")
    assert tuple(blender["Recall"]) == (f"0.50 [0.45,{NARROW}0.55]", "0.15")
    assert tuple(kettle["F1"]) == (f"0.75 [0.70,{NARROW}0.80]", "–")
    assert tuple(row_of(table, "Mean over classes")["F1"])[1] == "–"  # other classes, another mean
    assert blender["", "clips"] == "10"


def test_means_stand_side_by_side_where_the_classes_are_the_papers():
    published = paper.classification()
    wide = pd.concat([published, published.drop(columns="class").mean().to_frame().T.assign(**{"class": "all"})])
    tidy = wide.melt("class", var_name="metric").assign(split="test", method="clip_level", n=10, ci_low=np.nan)
    means = row_of(main_tables.table_1(tidy), "Mean over classes")
    for group in ("Precision", "Recall", "F1"):
        assert means[group, "this run"] == means[group, "paper"]


def test_table_2_compares_every_method_with_the_paper():
    table = main_tables.table_2(result_tables.detection())
    published = paper.detection().set_index("method")
    assert list(table["", "Method"]) == ["Integrated Gradients (IG)", "FW-WS", "FW-SS", "Random", "Energy"]
    for method, (_, row) in zip(result_tables.METHODS, table.iterrows(), strict=True):
        value = result_tables.VALUE[method]
        assert row["IoU", "this run"] == f"{value:.2f} [{value - 0.04:.2f},{NARROW}{value + 0.04:.2f}]"
        assert row["Std IoU", "this run"] == f"0.20 [0.15,{NARROW}0.25]"
        for group, metric in (("IoU", "iou"), ("F1", "f1"), ("Std IoU", "iou_std"), ("Pointing game", "pointing_game")):
            assert float(row[group, "paper"]) == pytest.approx(published.loc[method, metric], abs=0.005)
    over_classes = main_tables.table_2(result_tables.detection(), average="class")
    assert "Std IoU" not in over_classes.columns.get_level_values(0)  # it is one over instances


def test_every_method_stands_at_its_own_and_at_igs_thresholds():
    common = result_tables.detection().assign(value=lambda table: table["value"] - 0.1)
    table = main_tables.at_ig_thresholds(result_tables.detection(), common)
    assert list(table["", "Method"]) == list(main_tables.table_2(result_tables.detection())["", "Method"])
    row = row_of(table, "FW-WS")["F1"]
    assert row["own threshold"].startswith("0.60 [") and row["IG's"].startswith("0.50 [")


def test_table_3_shows_empty_classes_and_class_means():
    table = main_tables.table_3(result_tables.per_class(), result_tables.detection(), interval=False)
    kettle, cat, means = (row_of(table, name) for name in ("Kettle", "Cat", "Mean over classes"))
    assert set(kettle.iloc[2:]) == {"–"}
    assert kettle["", "n"] == "0"
    assert tuple(cat["IG"]) == ("0.40", "0.47")
    assert means["FW-SS", "this run"] == "0.60"
    assert means["FW-SS", "paper"] == "–"  # a mean over other classes
    of_f1 = main_tables.table_3(result_tables.per_class(), result_tables.detection(), metric="f1")
    assert row_of(of_f1, "Mean over classes")["FW-SS", "this run"].startswith("0.70 [")
    assert "[" in row_of(main_tables.table_3(result_tables.per_class()), "Cat")["IG", "this run"]


def test_further_metrics_stand_beside_each_other_with_their_intervals():
    table = main_tables.further_table(result_tables.further())
    assert list(table["", "Method"])[-1] == "Perfect ranking"
    row = row_of(table, "FW-WS")
    assert row["", "AUROC"] == row["PSDS", "of the scores"] == f"0.50 [0.45,{NARROW}0.55]"
    assert row["PSDS", "of their share of the maximum"].startswith("0.40")


def test_differences_stand_a_row_a_pair():
    table = main_tables.differences_table(result_tables.differences())
    assert list(table.columns) == ["Difference", "n", "IoU", "F1", "Pointing game"]
    assert list(table["Difference"]) == [f"IG minus {other}" for other in ("FW-WS", "FW-SS", "Random", "Energy")]
    assert table["IoU"].iloc[1] == f"{MINUS}0.20 [{MINUS}0.24,{NARROW}{MINUS}0.16] *"  # survives
    wide = main_tables.differences_table(result_tables.differences(0.5))
    assert not wide["IoU"].str.contains("*", regex=False).any()
    assert cells.number(-0.001) == "0.00"


def test_instances_add_up():
    table = main_tables.instances_table(result_tables.instances()).set_index("Class")
    assert tuple(table.loc["All classes"]) == (21, 15, 6, 5)
    assert ((table["evaluated"] + table["missed"]) == table["present"]).all()


def test_thresholds_name_the_chosen_the_best_and_the_papers():
    chosen = {m: {"iou": 41.0, "f1": 43.0} for m in result_tables.METHODS}
    other = result_tables.curves().assign(split="validation", value=lambda table: 1 - table["value"])
    both = pd.concat([other, result_tables.curves()])  # as in the notebook: row labels repeat
    table = main_tables.thresholds_table(both, chosen)
    assert tuple(row_of(table, "FW-WS")["IoU"]) == ("41", "0.50 at 50", "0.54 at 43")
    assert tuple(row_of(table, "Energy")["F1"]) == ("43", "0.40 at 50", "–")


def test_completeness_is_summarised_by_class_and_over_all():
    index = pd.DataFrame(
        {
            "label": ["Cat", "Cat", "Dog"],
            "completeness_error": [0.1, 0.3, 0.5],
            "n_steps": 8,
            "seconds": [1.0, 3.0, 5.0],
        }
    )
    table = overview.completeness_table(index).set_index("Class")
    assert table.loc["Cat", "median error"] == "0.200"
    assert table.loc["All classes", "seconds per map"] == "3.00"


def test_bank_counts_files_by_class_and_pool():
    files = pd.DataFrame(
        {
            "role": ["foreground"] * 3 + ["background"],
            "pool": ["train", "train", "eval", "background"],
            "label": ["Cat", "Cat", "Cat", "home"],
            "duration": [1.0, 3.0, 2.0, 10.0],
        }
    )
    table = overview.bank_table(files, pd.DataFrame({"path": ["x"], "reason": ["silent"]}))
    assert list(table.iloc[0]) == ["Cat", "2", "1", "–", "1.00", "2.00", "3.00"]
    assert list(table["Class"]) == ["Cat", "home (background)", "left out: 1 files"]


def test_the_text_compares_by_intervals():
    found = {
        "detection": result_tables.detection(),
        "further": result_tables.further(),
        "instances": result_tables.instances(),
    }
    found["differences"] = result_tables.differences(0.02)
    found["differences_two_way"] = result_tables.differences(0.04)
    texts = prose.sentences(found)
    assert texts["ig_iou_to_random"] == texts["ig_iou_to_energy"] == "above"
    assert texts["ig_iou_to_fw_ws"] == texts["ig_iou_to_fw_ss"] == "below"
    assert texts["ig_iou_less_fw_ws"] == f"{MINUS}0.10 [{MINUS}0.14,{NARROW}{MINUS}0.06]"
    assert texts["ig_iou_clips_fw_ws"] == f"{MINUS}0.10 [{MINUS}0.12,{NARROW}{MINUS}0.08] *"
    assert (
        texts["family"]
        == "of 10 differences in IoU that were corrected together (Holm, level 0.05) 10 survive (from 20 clips only)."
    )
    wide = prose.sentences({**found, "differences_two_way": result_tables.differences(0.11)})
    assert wide["ig_iou_to_fw_ws"] == wide["ig_iou_to_energy"] == "not told apart from"  # that is not "level with"
    assert wide["ig_iou_to_fw_ss"] == "below"
    level = result_tables.differences(0.02).assign(value=0.0, ci_low=-0.02, ci_high=0.02)
    assert prose.sentences({**found, "differences_two_way": level})["ig_iou_to_fw_ws"] == "level with"
    assert (
        prose.sentences({**found, "differences_two_way": level}, margin=0.01)["ig_iou_to_fw_ws"]
        == "not told apart from"
    )
    one_clip = level.assign(value=0.2, ci_low=0.2, ci_high=0.2)
    assert prose.sentences({**found, "differences_two_way": one_clip})["ig_iou_to_fw_ws"] == "undecided against"
    assert texts["n_instances"] == "15"
    assert texts["from_instances"] == "from 15 instances only"
    assert texts["detected"].startswith(
        "15 of 21 present pairs are detected (recall 0.71); of Kettle the smallest share"
    )
    assert texts["paper_ig_f1"] == "0.52"


@pytest.fixture
def shown(monkeypatch):
    """What `display.show` puts into the page."""
    collected = []
    monkeypatch.setattr(display, "display", lambda element: collected.append(element.data))
    display._embed_library.cache_clear()
    yield collected
    display._embed_library.cache_clear()


def test_the_library_is_embedded_once_and_the_table_is_there_without_it(shown):
    table = main_tables.table_2(result_tables.detection())
    display.show(table, caption="IoU < F1")
    display.show(table, paging=10)
    library, first, second = shown
    assert len(library) < 1_100_000
    assert "igsedTables" in library
    assert first.count("<tr>") - 2 == len(table)
    assert "<caption>IoU &lt; F1</caption>" in first  # thirty instances are not few
    assert '"paging": true' in second
    assert "http" not in first + second
    name = [part.split('id="')[1].split('"')[0] for part in (first, second)]
    assert name[0] != name[1]


def test_long_tables_have_a_field_to_filter_rows(shown):
    rows = pd.DataFrame({"a": range(display.LONG)})
    display.show(rows)
    display.show(rows.iloc[1:])
    display.show(rows, search=False)
    display.show(rows, paging=5, search=True)
    has_field = ['"topEnd": "search"' in text for text in shown[1:]]
    assert has_field == [True, False, False, True]


def test_every_value_in_one_table():
    found = {"detection": result_tables.detection(), "per_class": result_tables.per_class()}
    table = main_tables.values_table(
        {**found, "further": result_tables.further(), "instances": result_tables.instances()}
    )
    assert len(table) == sum(len(one) for one in found.values()) + len(result_tables.further())
    kettle = table[table["class"] == "Kettle"]
    assert set(kettle["n"]) == {0}
    assert table["value"].dtype == float  # sorts as a number
    assert set(table["metric"]) >= {"IoU", "AUROC", "PSDS"}


def test_a_cell_cannot_break_the_page(shown):
    display.show(pd.DataFrame({"a": ["<script>alert(1)</script>"]}))
    assert "<script>alert" not in shown[-1]


def test_rules_table_has_a_row_for_each_rule_and_number_of_points():
    table = tables.rules_table(result_tables.engine_study())
    assert list(table["points"]) == ["200", "4", "50", "4", "16", "8", "20"]
    assert table["Rule"].iloc[0].startswith("reference")
    coarse = table.iloc[1]
    assert (coarse["median error"], coarse["90th percentile"], coarse["cosine"]) == ("0.500", "0.700", "0.9750")


def test_variants_table_compares_the_rule_that_both_have():
    study = result_tables.engine_study()
    adaptive = study[study["quadrature"] == "db_adaptive"]
    probability = adaptive.assign(target="probability", iou=0.25)
    coarse = study[study["quadrature"] == "db_midpoint"].assign(precision="bfloat16", cosine=0.9)
    study = pd.concat([study, probability, coarse], ignore_index=True)
    targets = tables.variants_table(study, "target")
    assert list(targets["Target"]) == ["logit", "probability"]
    assert list(targets["IoU"]) == ["0.500", "0.250"]
    assert list(targets["maps"]) == [2, 2]
    assert "cosine to the reference (logit)" in targets
    precisions = tables.variants_table(study, "precision")
    assert list(precisions["Precision"]) == ["float32", "bfloat16"]
    assert precisions["cosine to the reference (float32)"].iloc[1] == "0.9000"
    assert tables.variants_table(result_tables.engine_study(), "precision").empty


def test_engines_table_compares_like_with_like():
    captum, ours = (row for _, row in tables.engines_table(result_tables.engine_study()).iterrows())
    assert captum["points"] == ours["points"] == "50"
    assert (captum["median seconds per map"], ours["median seconds per map"]) == ("3.00", "0.50")
    assert ours["times as fast (median)"] == "6.0"
    assert ours["largest relative difference"] == "3.0e-05"
    assert captum["median completeness error"] == ours["median completeness error"] == "0.040"


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["a_b", "Dog"], ["a b", "Dog"]),
        (["a_b", "a b", "Dog"], ["a_b", "a b", "Dog"]),  # readable, the two would be one row
        (["0", "1", "None"], ["0", "1", "None"]),
    ],
)
def test_every_class_has_a_row_of_its_own(labels, shown):
    assert style.class_names(labels) == dict(zip(labels, shown, strict=True))
    instances = pd.DataFrame({"split": "test", "class": labels, "present": 1, "evaluated": 1, "missed": 0, "false": 0})
    assert len(main_tables.instances_table(instances)) == len(labels) + 1


def test_tables_one_and_three_keep_classes_apart_that_read_alike():
    for of, table in (
        (result_tables.classification(), main_tables.table_1),
        (result_tables.per_class(), main_tables.table_3),
    ):
        renamed = of.replace({"class": {"Blender": "a_b", "Kettle": "a b"}})
        assert len(table(renamed)) == len(table(of))


def orders(*cells: str) -> list[str]:
    """Cells of a column in the order in which the script sorts them, or as they are where it sorts them as text."""
    made = display._page_element(pd.DataFrame({"x": list(cells)}), None, 0, False, "x")
    found = re.findall(r'<td data-order="([^"]*)">(.*?)</td>', made)
    return [html.unescape(text) for _, text in sorted(found, key=lambda one: float(one[0]))]


def test_a_column_that_begins_with_numbers_sorts_by_them():
    table = pd.DataFrame({"gain": [f"{MINUS}0.04 [{MINUS}0.1, 0.1]", "0.11", "–"], "of": ["11 of 12", "4 of 12", "3"]})
    made = display._page_element(table.assign(words=["b", "a", "c"]), None, 0, False, "x")
    assert re.findall(r'data-order="([^"]*)"', made) == ["-0.04", "11", "0.11", "4", "-1e300", "3"]
    assert made.count("<td>") == 3  # words sort as text


@pytest.mark.parametrize(
    "column",
    [
        ("0.79 [0.77, 0.81]", "0.8", "+1.2", "10 [9, 11]"),
        ("<0.001", "0.001", "0.071", "1.000"),
        ("–", f"{MINUS}2 dB", "12 dB"),
        ("999", "1,234", "36,964 samples", "1,000,000"),
        ("3 of 12", "11 of 12"),
        ("", "5", "10", "clean", "Quiet"),
        ("0-0.5 s", "0.5-1 s", "2-10 s", "10 s and more"),
    ],
)
def test_cells_of_every_kind_sort_by_their_value(column):
    """Of a p-value below 0.001 the whole column sorted as text, and 36,964 as 36."""
    assert orders(*reversed(column)) == list(column)


def test_a_table_says_which_rows_rest_on_few_instances(shown):
    few = main_tables.table_2(result_tables.detection().assign(n=29))
    display.show(few, caption="IoU")
    assert "<caption>IoU. n is below 30 in every row</caption>" in shown[-1]
    display.show(main_tables.table_3(result_tables.per_class()))
    assert "<caption>n is below 30 in every row</caption>" in shown[-1]
    assert display.few(pd.DataFrame({"n": ["30", "–", "12 to 179", "3"]})) == "n is below 30 in 2 of 4 rows"
    assert display.few(pd.DataFrame({"m": [1]})) == display.few(pd.DataFrame({"n": []})) == ""
