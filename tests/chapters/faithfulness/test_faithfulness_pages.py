"""What the page on faithfulness shows: every figure draws every method, and the tables say what the rows say."""

from __future__ import annotations

import pandas as pd
import pytest

from igsed_core.chapters.faithfulness import curves, figures, improvement, sanity, tables
from igsed_core.metrics.summaries import COLUMNS
from igsed_core.show import findings

METHODS = ("ig", "cam", "truth")


def tidy(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    """``method, rule, metric, threshold, value`` -> a tidy table with intervals of half width 0.1."""
    return pd.DataFrame(
        [
            ("test", method, rule, metric, "all", "instance", at, value, 5, 0.1, value - 0.1, value + 0.1)
            for method, rule, metric, at, value in rows
        ],
        columns=COLUMNS,
    )


@pytest.fixture
def occluded() -> pd.DataFrame:
    """Only the most harmful frames help, and only at the smallest share; bins never do."""
    rows = []
    for unit in improvement.UNITS:
        for order in improvement.ORDERS:
            if order in improvement.EXPLANATIONS and unit == "bins":
                continue
            for share in improvement.LEVELS[unit]:
                helps = (unit, order, share) == ("frames", "harmful", improvement.LEVELS["frames"][0])
                for metric, sign in (("f1_change", 1), ("loss_change", -1)):
                    rows.append((unit, order, "mean", metric, share, sign * (0.3 if helps else -0.2)))
    table = tidy([row[1:] for row in rows])  # type: ignore[misc]
    table.insert(0, "unit", [row[0] for row in rows])
    return table


def test_curves_of_every_method() -> None:
    rows = [(m, "silence", k, s, 0.5) for m in METHODS for k in ("deletion", "insertion") for s in curves.SHARES]
    figure = figures.deletion_and_insertion(tidy(rows), replacement="silence")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *("Integrated Gradients (IG)", "CAM", "Annotation")
    ]
    assert [len(ax.lines) for ax in figure.axes] == [3, 3]


def test_shuffled_weights_in_the_order_of_the_cascade() -> None:
    levels = (sanity.ORIGINAL, *sanity.CASCADE)
    rows = [
        (m, level, k, float("nan"), 0.5) for m in METHODS[:2] for level in reversed(levels) for k in sanity.MEASURES
    ]
    figure = figures.shuffled_weights(tidy(rows))
    assert [tick.get_text() for tick in figure.axes[-1].get_xticklabels()][:2] == ["trained", "head"]
    assert all(len(ax.lines) == 2 for ax in figure.axes)


@pytest.mark.parametrize("metric", ["f1_change", "loss_change"])
def test_a_panel_for_each_unit_and_replacement(occluded: pd.DataFrame, metric: str) -> None:
    figure = figures.occluded_split(occluded, metric=metric)
    assert [len(ax.lines) - 1 for ax in figure.axes] == [len(improvement.ORDERS), len(improvement.ORDERS) - 2]


def test_the_table_counts_conditions(occluded: pd.DataFrame) -> None:
    table = tables.occlusion_table(occluded).set_index(["What is replaced first", "unit"])
    n = len(improvement.LEVELS["frames"])
    helps = table.loc[("most harmful", "frames")]
    assert helps["best: replacement, share"] == "mean, 1 %"
    assert helps["conditions better"] == f"1 of {n}"
    assert helps["conditions worse"] == f"{n - 1} of {n}"
    assert helps["change of F1"].startswith("0.30 [")
    assert "0.30" in helps["change of loss"]
    assert table.loc[("random", "bins"), "conditions better"] == f"0 of {n}"


def test_clips_are_counted_by_the_loss_not_by_the_classes_of_macro_f1(occluded: pd.DataFrame) -> None:
    counted = occluded.assign(n=occluded["metric"].map({"f1_change": 10, "loss_change": 114}))
    assert set(tables.occlusion_table(counted)["clips"]) == {"114"}
    assert "from 114 clips)" in findings.hiding(counted)
    for metric in ("f1_change", "loss_change"):
        figure = figures.occluded_split(counted, metric=metric)
        assert figure.axes[-1].get_xlabel() == "share replaced (n = 114 clips)"


def test_the_table_of_methods() -> None:
    rows = [(m, "mean", k, float("nan"), 0.5) for m in METHODS for k in ("deletion", "insertion", "gap")]
    table = tables.faithfulness_table(tidy(rows), replacement="mean")
    assert list(table["Method"]) == ["Integrated Gradients (IG)", "CAM", "Annotation"]
    assert table["Deletion (low)"].str.startswith("0.50 [0.40").all()
    assert set(table["Necessity"]) == {"–"}
