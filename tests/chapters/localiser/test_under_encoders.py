"""The localiser under two encoders: whose instances, what is compared, what the page shows and says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from igsed_core.base import plugins
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.localiser import encoders, tables
from igsed_core.chapters.localiser.params import Localiser
from igsed_core.metrics import summaries
from igsed_core.metrics.summaries import Series

OPTIONS = {"replicates": 200, "seed": 0}
LABELS = ("Bell", "Hum")
GOOD = {
    encoders.IG_OF_PAPER: 0.1,
    encoders.IG: 0.2,
    encoders.CAM: 0.5,
    encoders.FW_WS: 0.5,
    encoders.FW_SS: 0.7,
    encoders.LOCALISER: 0.8,
}


def under(clips: range, offset: float) -> encoders.Under:
    """Both classes are present in forty clips; the classifier detects both in some."""
    index = pd.DataFrame([("test", f"t{i}", c) for i in clips for c in LABELS], columns=["split", "clip", "label"])
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.standard_normal((len(GOOD), len(index)))
    measured = [
        Series(*key, metric, value + offset + noise[i])
        for i, (key, value) in enumerate(GOOD.items())
        for metric in ("iou", "f1", "pointing_game", "auroc")
    ]
    every = pd.DataFrame([("test", f"t{i}", c) for i in range(40) for c in LABELS], columns=index.columns)
    predictions = every.assign(
        method="clip_level", present=True, detected=[i in clips for i in range(40) for _ in LABELS]
    )
    return encoders.Under(index, measured, predictions)


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    rows = [(f"t{i}", c, f"{c}{i % 7}.wav") for i in range(40) for c in LABELS]
    return pd.DataFrame(rows, columns=["clip", "label", "source_file"])


@pytest.fixture(scope="module")
def reported(events: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = {"embedded": under(range(40), 0.0), "embedded_mean": under(range(10, 30), 0.1)}
    return encoders.report(both, events, **OPTIONS)


def test_methods_stand_on_their_classifiers_instances_and_on_those_of_both(
    reported: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    table, apart = reported
    assert list(table.columns) == encoders.COLUMNS and list(apart.columns) == encoders.DIFFERENCE_COLUMNS
    n = table[table["metric"] == "iou"].groupby(["encoder", "instances"])["n"].max()
    assert n.to_dict() == {
        ("embedded", "own"): 80,
        ("embedded", "common"): 40,
        ("embedded_mean", "own"): 40,
        ("embedded_mean", "common"): 40,
    }
    recall = table[(table["metric"] == "recall") & (table["average"] == "instance")].set_index("encoder")
    assert recall["value"].to_dict() == {"embedded": 1.0, "embedded_mean": 0.5}
    assert recall["ci_low"]["embedded"] < 1.0  # not without width, though all are detected
    rows = apart[(apart["metric"] == "iou") & (apart["average"] == "instance") & (apart["instances"] == "own")]
    assert len(rows) == 2 * 2 * len(encoders.PAIRS)
    rows = rows[(rows["method"] == encoders.LOCALISER[0]) & (rows["other_method"] == "fw_ss")]
    assert rows["value"].to_numpy() == pytest.approx([0.1] * 4, abs=0.01)


def test_the_common_instances_are_compared_as_they_are(reported: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table, _ = reported
    rows = table[(table["metric"] == "iou") & (table["average"] == "instance") & (table["instances"] == "common")]
    values = rows.set_index(["encoder", "method", "rule"])["value"]
    for key in encoders.SHOWN:
        assert values[("embedded_mean", *key)] - values[("embedded", *key)] == pytest.approx(0.1, abs=0.01)


def test_one_encoder_has_no_common_instances(events: pd.DataFrame) -> None:
    table, apart = encoders.report({"embedded": under(range(40), 0.0)}, events, **OPTIONS)
    assert set(table["instances"]) == set(apart["instances"]) == {"own"}
    assert "nothing was measured under a second encoder" in tables.under_encoders(table, apart)


def test_classifiers_that_share_no_instance_have_none_in_common(events: pd.DataFrame) -> None:
    both = {"embedded": under(range(20), 0.0), "embedded_mean": under(range(20, 40), 0.0)}
    table, _ = encoders.report(both, events, **OPTIONS)
    assert set(table["instances"]) == {"own"}


def test_the_page_shows_and_says_what_was_measured(reported: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table, apart = reported
    shown = tables.encoders_table(table)
    assert len(shown) == 2 * 2 * len(encoders.SHOWN)
    assert set(shown["n"]) == {"80", "40"}
    gains = tables.encoder_gains_table(apart)
    assert len(gains) == 2 * len(encoders.PAIRS)
    assert gains["clips and source files"].str.contains("[", regex=False).all()
    text = tables.under_encoders(table, apart)
    assert text.count("the localiser with edges as found is above FW-SS") == 2
    assert "from 80 instances" in text and "from 40 instances" in text


def test_auroc_is_of_the_scores_that_a_threshold_is_set_on() -> None:
    truth = np.array([[True, False], [True, False]])
    scores = {"ig": np.array([[2.0, 1.0], [1.0, 2.0]]), "oracle": truth.astype(float)}
    made = encoders.ranked(scores, truth)
    assert [(one.method, one.rule) for one in made] == [encoders.IG_OF_PAPER, encoders.IG]
    assert all(one.metric == "auroc" and one.values.tolist() == [1.0, 0.0] for one in made)


def test_the_other_encoder_is_one_of_the_registry_and_counts_for_the_results() -> None:
    with pytest.raises(IgsedError, match="parameter 'other_encoder' is 'guess': leave it empty, or choose one of "):
        Localiser(other_encoder="guess")
    assert (plugins.ENCODERS, "embedded") in Localiser().uses()
    assert not [use for use in Localiser(other_encoder="").uses() if use[0] == plugins.ENCODERS]


def test_differences_say_how_they_were_resampled(events: pd.DataFrame) -> None:
    one = under(range(40), 0.0)
    found = summaries.in_both_ways(one.index, one.measured, encoders.PAIRS, events, **OPTIONS)
    assert set(found["resampled"]) == {summaries.CLIPS, summaries.TWO_WAY}
    alone, both = (
        found[found["resampled"] == way].reset_index(drop=True) for way in (summaries.CLIPS, summaries.TWO_WAY)
    )
    np.testing.assert_allclose(alone["value"], both["value"], rtol=1e-12)  # a product of matrices of other sizes
