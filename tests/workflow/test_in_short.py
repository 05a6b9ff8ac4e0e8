"""The box at the head of each page: on random and degenerate tables it says nothing that the numbers do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.base import shipped
from igsed_core.chapters.vocal_percussion import overview as vocal
from igsed_core.metrics.summaries import TWO_WAY
from igsed_core.show.answers import Found
from igsed_core.workflow import in_short, stages
from random_tables import KINDS, Tables

MADE = st.builds(Tables, st.integers(0, 2**32 - 1), st.sampled_from(KINDS))


class Lazy(Mapping[str, pd.DataFrame]):
    """Tables that are made when a box asks for one of them: a box reads a few of many."""

    def __init__(self, *makers: tuple[Sequence[str], Callable[[], Sequence[pd.DataFrame]]]) -> None:
        self._makers = {name: (names, make) for names, make in makers for name in names}
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            names, make = self._makers[name]
            self._made |= zip(names, make(), strict=True)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


NAMED = (
    Tables.main_job,
    Tables.edges,
    Tables.vocal,
    Tables.adversarial,
    Tables.attention,
    Tables.time_frequency,
    Tables.representations,
)
NAMES = [(make, list(make(Tables(0, "plain")))) for make in NAMED]


def found(made: Tables) -> Found:
    """All tables that the boxes read, of one kind."""
    n = int(made.rng.choice([1, 3, 40]))
    clips = pd.DataFrame({"clip": [f"c{i}" for i in range(n)], "split": made.rng.choice(["train", "test"], n)})
    errors = [] if made.kind == "none" else np.abs(made.rng.normal(size=n))
    ig = ("ig", "percentile", "iou")

    def levels() -> pd.DataFrame:
        some = [made.tidy(ig).assign(condition="snr", level=level) for level in ("-5", "25")]
        return pd.concat(some[: int(made.rng.integers(1, 3))])

    single: dict[str, Callable[[], pd.DataFrame]] = {
        "clips": lambda: clips,
        "events": lambda: pd.DataFrame({"clip": clips["clip"], "label": made.rng.choice(list("AB"), n)}),
        "classification": lambda: made.tidy(*(("clip_level", "probability", q) for q in ("f1", "recall"))),
        "maps": lambda: pd.DataFrame({"completeness_error": errors}, dtype=float),
        "curves": lambda: made.tidy(("oracle", "percentile", "iou")),
        "faithfulness_sanity": made.sanity,
        "faithfulness_occlusion": made.hidden,
        "conditions": levels,
        "engine_study": made.engine,
        "seeds_spread": lambda: pd.concat([made.tidy(ig).assign(varied=v) for v in ("training", "data")]),
        "recordings_located": made.located,
        "audit_verdicts": lambda: pd.DataFrame({"decided": made.rng.choice(["yes", "in part", "no"], 9)}),
    }
    return Found(
        Lazy(
            *(((name,), lambda make=make: (make(),)) for name, make in single.items()),
            *((names, lambda make=make: list(make(made).values())) for make, names in NAMES),
            (("rules", "rules_gain", "rules_gain_two_way"), made.rules),
            (("methods", "methods_cost"), made.methods),
            (("localiser", "localiser_differences", "localiser_differences_two_way"), made.ladder),
            (("ceilings", "ceilings_differences"), made.ceilings),
        ),
        {"threshold_rules": {"best_parameter_free": "smooth_log_hmm"}},
        {"integrated_gradients": {"quadrature": "db_midpoint"}},
    )


@pytest.mark.parametrize("stage", stages.STAGES)
@settings(max_examples=25, deadline=None)
@given(made=MADE)
def test_a_box_prints_numbers_in_order_and_none_that_is_no_number(stage, made):
    said = in_short.answer(stage, found(made))
    assert not re.search(r"\b(nan|inf|None)\b", said.text), said.text
    number = "\N{MINUS SIGN}?" r"\d+\.\d+"
    for value, low, high in re.findall(rf"({number}) \[({number}),\s({number})\]", said.text):
        assert float(low.replace("\N{MINUS SIGN}", "-")) <= float(high.replace("\N{MINUS SIGN}", "-")), (value, said)
    assert said.text.endswith(".")


@pytest.mark.parametrize("stage", stages.STAGES)
def test_a_box_names_tables_that_the_book_offers(stage):
    said = in_short.answer(stage, found(Tables(0, "plain")))
    assert said.tables
    assert set(said.tables) <= set(stages.tables())


SENTENCE = re.compile(r"[.!?]\)?(?=\s|$)")


@pytest.mark.parametrize(
    "stage", ["vocal_percussion", "self_attention", "adversarial", "representations", "time_frequency"]
)
@pytest.mark.parametrize("ships", [True, False])
def test_a_box_has_four_sentences_at_most_and_the_larger_run_first(stage, ships, monkeypatch):
    """Boxes of pages 17 to 20 had five to nine, and one told the run of full size last."""
    if not ships:
        monkeypatch.setattr(shipped, "table", lambda name, of: None)
    for seed in range(3):
        text = in_short.answer(stage, found(Tables(seed, "plain"))).text
        assert len(SENTENCE.findall(text)) <= 4, text
        if "full size" in text:
            assert ships and text.startswith("*At full size, in a run that ships with the book:* ")
            assert text.count("*In this run:* ") == 1


def test_a_change_of_the_numbers_changes_the_words():
    ours = found(Tables(3, "plain"))
    gains = ours.tables["rules_gain_two_way"]
    for value, words in ((0.2, "above"), (-0.2, "below")):
        moved = gains.assign(value=value, ci_low=value - 0.01, ci_high=value + 0.01, n=179)
        said = in_short.threshold_rules(Found({**ours.tables, "rules_gain_two_way": moved}, ours.figures))
        assert words in said.text


def test_every_stage_has_a_box():
    ours = found(Tables(0, "plain"))
    assert in_short.box("no_such_stage", ours) == ""
    assert [stage for stage in stages.STAGES if ":class: igsed-short" not in in_short.box(stage, ours)] == []


@pytest.mark.parametrize(("size", "words"), [(0.2, "above"), (-0.2, "below"), (0.0, "level with")])
def test_the_ceilings_box_says_what_the_difference_is(size, words):
    ours = found(Tables(4, "plain"))
    rows = [("linear", "level+median"), ("localiser", "calibrated"), ("localiser", "as_found")]
    table = pd.DataFrame(rows, columns=["method", "rule"]).assign(
        **{"split": "test", "average": "instance", "class": "all", "metric": "iou", "n": 179},
        **{"value": 0.7, "ci_low": 0.6, "ci_high": 0.8},
    )
    apart = pd.DataFrame(rows[:1] + rows[2:], columns=["other_method", "other_rule"]).assign(
        **{"method": "localiser", "rule": "calibrated", "split": "test", "average": "instance", "metric": "iou"},
        **{"value": size, "ci_low": size - 0.01, "ci_high": size + 0.01, "n": 179, "n_clips": 90},
        resampled=TWO_WAY,
    )
    changed = {**ours.tables, "ceilings": table, "ceilings_differences": apart}
    said = in_short.answer("ceilings", Found(changed)).text
    assert f"It is {words} the linear detector" in said, said
    # What the reader sets as the smallest difference worth a word counts here too.
    wide = Found(changed, params={"threshold_sensitivity": {"margin": 0.5}})
    assert "level with the linear detector" in in_short.answer("ceilings", wide).text


def test_the_recordings_box_names_both_ways_and_their_n():
    table = pd.DataFrame(
        [("one long recording", 0.5, 12), ("clip by clip", 0.6, 11)], columns=["name", "value", "n"]
    ).assign(**{"metric": "iou", "class": "all", "ci_low": 0.4, "ci_high": 0.7})
    settings_of = {"recordings": {"recordings_train_clips": 60}}
    said = in_short.answer("recordings", Found({"recordings_located": table}, params=settings_of)).text
    assert "learnt from 60 clips" in said
    interval = "[0.40,\N{NO-BREAK SPACE}0.70]"
    assert (
        f"searched as one long recording, an IoU of 0.50 {interval} (from 12 pairs of soundscape and class only)"
        in said
    )
    assert f"The IoU is 0.60 {interval} searched clip by clip (from 11 pairs only)" in said
    assert "no paired difference between the ways was computed" in said and "Nothing at all" not in said
    nothing = in_short.answer("recordings", Found({"recordings_located": table.iloc[:0]})).text
    assert "does not decide" in nothing


@pytest.mark.parametrize(("size", "words"), [(0.2, "above"), (-0.2, "below"), (0.0, "level with")])
def test_the_box_of_vocal_percussion_says_what_the_differences_are(size, words, monkeypatch):
    interval = {"n": 12, "value": size, "ci_low": size - 0.01, "ci_high": size + 0.01, "p_holm": 0.001}
    said = words.removesuffix(" with")
    accuracies = pd.DataFrame(
        [(name, 0.7 + 0.01 * i) for i, name in enumerate(("timbre", "syllable", "phoneme"))],
        columns=["system", "value"],
    ).assign(classifier="knn", average="user", split="test", n=12, ci_low=0.6, ci_high=0.8)
    pairs = [("phoneme", "timbre"), ("syllable", "timbre"), ("phoneme", "syllable")]
    apart = pd.DataFrame(pairs, columns=["system", "other"]).assign(**interval, verdict=said)
    keys = [(method, reference) for method in ("saliency", "ig", "occlusion") for reference in ("energy", "shuffled")]
    placed = pd.DataFrame(keys, columns=["method", "reference"]).assign(**interval, verdict=said)
    tables = {"vocal_percussion": accuracies, "vocal_percussion_differences": apart}
    monkeypatch.setattr(shipped, "table", lambda name, of: None)
    text = in_short.answer("vocal_percussion", Found(tables)).text
    assert text.startswith("Of 2 label sets **phonemes** has the highest mean accuracy")
    assert f"{words} timbre features" in text
    assert f"inside the sound, saliency is {words} the signal's energy (" in vocal.importance(placed)
    assert ("less than 0.05" in text) == (size < 0.05)
    told = "told apart from syllables, the paper's best (phonemes" if size else "the other label set is not told apart"
    assert told in text


def test_the_recordings_box_names_a_class_of_which_nothing_is_found():
    """Vacuum cleaner had an IoU of 0 in all 13 pairs, of which the mean over classes said nothing."""
    rows = [("all", 0.5, 30), ("Vacuum_cleaner", 0.0, 13), ("Cat", 0.6, 17)]
    table = pd.DataFrame(rows, columns=["class", "value", "n"]).assign(
        metric="iou", name="one long recording", ci_low=0.0, ci_high=0.7
    )
    said = in_short.answer("recordings", Found({"recordings_located": table})).text
    assert "Nothing at all is found of Vacuum cleaner (from 13 pairs only)." in said
    other_way = table.assign(name="clip by clip", value=0.1)
    both = pd.concat([table, other_way])
    assert "Nothing at all" not in in_short.answer("recordings", Found({"recordings_located": both})).text


@pytest.mark.parametrize(
    ("stage", "params", "default", "other"),
    [
        (
            "recordings",
            {"data_synthesis": {"soundbank": "real"}},
            "The sounds are synthetic",
            "one collection of sounds",
        ),
        ("recordings", {"training": {"encoder": "mn04_as"}}, "The sounds are synthetic", "one collection of sounds"),
        ("adversarial", {"adversarial": {"attack_bank": "fsdkaggle2018"}}, "made by a program", "nobody listened"),
        ("vocal_percussion", {"vocal_percussion": {"vocal_bank": "avp"}}, "made by a program", "recordings of people"),
        (
            "self_attention",
            {"self_attention": {"attention_data": "urban_sed"}},
            "mixed by a program",
            "are URBAN-SED's",
        ),
    ],
)
def test_a_box_says_what_the_sounds_are_by_the_run_s_parameters(stage, params, default, other):
    """A run on other sounds said that they were made by a program."""
    ours = found(Tables(0, "plain"))
    tables = {**ours.tables, "recordings_located": Tables(3, "plain").located()}
    if stage == "recordings":
        tables["recordings_located"] = pd.DataFrame(
            [("one long recording", "iou", "all", 0.5, 40, 0.4, 0.6)],
            columns=["name", "metric", "class", "value", "n", "ci_low", "ci_high"],
        )
    said = [in_short.answer(stage, Found(tables, params=of)).text for of in ({}, params)]
    assert default in said[0] and default not in said[1]
    assert other in said[1]


def test_the_page_of_conditions_leaves_out_levels_of_few_instances_and_says_so():
    """At 5 dB below the background 4 instances were left, and the box began with them."""

    def said(**n_of: int) -> str:
        rows = [
            Tables(2, "plain").tidy(("ig", "percentile", "iou")).assign(condition="snr", level=level, n=n)
            for level, n in zip(("-5", "0", "25"), n_of.values(), strict=True)
        ]
        return in_short.conditions(Found({"conditions": pd.concat(rows)})).text

    less = said(a=4, b=40, c=50)
    assert "events 0 dB above" in less and "events −5 dB above" not in less
    assert "fewer than 30 instances are left out here: −5 dB (from 4 instances only)" in less
    assert "fewer than 10 instances are left out here: −5 dB" in said(a=4, b=10, c=20)
    assert "events −5 dB above" in said(a=40, b=50, c=60) and "left out" not in said(a=40, b=50, c=60)
    assert "left out" not in said(a=2, b=3, c=4)


def test_the_page_of_conditions_does_not_deny_that_its_levels_are_the_same_soundscapes():
    ours = found(Tables(2, "plain"))
    rows = [Tables(2, "plain").tidy(("ig", "percentile", "iou")).assign(condition="snr", level=x) for x in ("-5", "25")]
    said = in_short.conditions(Found({**ours.tables, "conditions": pd.concat(rows)})).text
    assert "The soundscapes are the same" in said
    assert "share no clips" not in said


@settings(max_examples=25, deadline=None)
@given(made=MADE)
def test_what_another_training_moves_most_is_named_with_its_spread(made):
    parts = [made.tidy((m, "percentile", "iou")).assign(varied="training") for m in ("ig", "fw_ws", "fw_ss")]
    table = pd.concat(parts, ignore_index=True)
    table["std"] = made.rng.random(len(table))
    said = in_short.seeds(Found({"seeds_spread": table})).text
    rows = table[table["average"] == "instance"]
    most = rows.loc[rows["std"].idxmax()]
    words = re.search(r"Another training moves (\S+) most, .* standard deviation (\d\.\d+)", said)
    assert words, said
    assert words[1].lower().replace("-", "_") == most["method"]
    assert float(words[2]) == pytest.approx(most["std"], abs=0.0006)


@settings(max_examples=25, deadline=None)
@given(made=MADE)
def test_where_ig_stands_among_explanations_is_counted(made):
    references = ("random", "energy")
    table = made.tidy(*((m, "percentile", "iou") for m in ("ig", "cam", "grad_cam", "saliency", *references)))
    said = in_short.methods_ends(table)
    every = table[table["average"] == "instance"].set_index("method")["value"]
    values = every.drop([*references]).dropna()
    words = re.search(r"; IG has .*, and (none|\d+) of (\d+) others more", said)
    assert bool(words) == ("ig" in values), said
    if words:
        assert int(words[1].replace("none", "0")) == (values > values["ig"]).sum(), said
        assert int(words[2]) == len(values) - 1, said
    assert len(SENTENCE.findall(said)) == (2 if len(values) else 0), said  # as the first page wants it
    beyond = re.search(r"reaches [^;]*, and the means of (none|\d+) of (\d+) are higher", said)
    assert bool(beyond) == bool(len(values) and pd.notna(every["energy"])), said
    if beyond:
        assert int(beyond[1].replace("none", "0")) == (values > every["energy"]).sum(), said
        assert int(beyond[2]) == len(values), said
