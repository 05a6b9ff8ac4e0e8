"""The box at the head of each page: on random and degenerate tables it says nothing that the numbers do not."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.workflow import in_short, stages
from random_tables import KINDS, Tables

MADE = st.builds(Tables, st.integers(0, 2**32 - 1), st.sampled_from(KINDS))


def found(made: Tables) -> in_short.Found:
    """All tables that the boxes read, of one kind."""
    rules, gains = made.rules()
    ladder, apart, two_way = made.ladder()
    methods, cost = made.methods()
    n = int(made.rng.choice([1, 3, 40]))
    clips = pd.DataFrame({"clip": [f"c{i}" for i in range(n)], "split": made.rng.choice(["train", "test"], n)})
    spread = pd.concat([made.tidy(("ig", "percentile", "iou")).assign(varied=v) for v in ("training", "data")])
    levels = [made.tidy(("ig", "percentile", "iou")).assign(condition="snr", level=level) for level in ("-5", "25")]
    errors = [] if made.kind == "none" else np.abs(made.rng.normal(size=n))
    return in_short.Found(
        {
            **made.main_job(),
            "clips": clips,
            "events": pd.DataFrame({"clip": clips["clip"], "label": made.rng.choice(list("AB"), n)}),
            "classification": made.tidy(*(("clip_level", "probability", q) for q in ("f1", "recall"))),
            "maps": pd.DataFrame({"completeness_error": errors}, dtype=float),
            "curves": made.tidy(("oracle", "percentile", "iou")),
            **{"rules": rules, "rules_gain": gains, "methods": methods, "methods_cost": cost},
            "faithfulness_sanity": made.sanity(),
            "faithfulness_occlusion": made.hidden(),
            **{"localiser": ladder, "localiser_differences": apart, "localiser_differences_two_way": two_way},
            "conditions": pd.concat(levels[: int(made.rng.integers(1, 3))]),
            "engine_study": made.engine(),
            "seeds_spread": spread,
            "audit_verdicts": pd.DataFrame({"decided": made.rng.choice(["yes", "in part", "no"], 9)}),
        },
        {"threshold_rules": {"best_label_free": "smooth_log_hmm"}},
        {"integrated_gradients": {"quadrature": "db_midpoint"}},
    )


@pytest.mark.parametrize("stage", in_short.RULES)
@settings(max_examples=25, deadline=None)
@given(made=MADE)
def test_a_box_prints_numbers_in_order_and_none_that_is_no_number(stage, made):
    said = in_short.answer(stage, found(made))
    assert not re.search(r"\b(nan|inf|None)\b", said.text), said.text
    number = "\N{MINUS SIGN}?" r"\d+\.\d+"
    for value, low, high in re.findall(rf"({number}) \[({number}),\s({number})\]", said.text):
        assert float(low.replace("\N{MINUS SIGN}", "-")) <= float(high.replace("\N{MINUS SIGN}", "-")), (value, said)
    assert said.text.endswith(".")


@pytest.mark.parametrize("stage", in_short.RULES)
def test_a_box_names_tables_that_the_book_offers(stage):
    said = in_short.answer(stage, found(Tables(0, "plain")))
    assert said.tables
    assert set(said.tables) <= set(stages.tables())


def test_a_change_of_the_numbers_changes_the_words():
    ours = found(Tables(3, "plain"))
    gains = ours.tables["rules_gain"]
    for value, words in ((0.2, "above"), (-0.2, "below")):
        moved = gains.assign(value=value, ci_low=value - 0.01, ci_high=value + 0.01, n=179)
        said = in_short.threshold_rules(in_short.Found({**ours.tables, "rules_gain": moved}, ours.figures))
        assert words in said.text


def test_every_chapter_has_an_answer():
    assert set(in_short.RULES) >= {"results", "threshold_rules", "audit"}
    assert in_short.box("no_such_stage", found(Tables(0, "plain"))) == ""
    assert ":class: igsed-short" in in_short.box("results", found(Tables(0, "plain")))
