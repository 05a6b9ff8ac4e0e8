"""Every rule that makes a sentence, on random and degenerate tables: the words agree with the numbers beside them."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from igsed_core.chapters.audit.verdicts import choices, common
from igsed_core.chapters.audit.verdicts.registry import ANSWERS
from igsed_core.chapters.localiser import encoders, tables
from igsed_core.main_job import tables as overview
from igsed_core.metrics.judging import ABOVE, BELOW, LEVEL, NOT_DECIDED, NOT_TOLD_APART, VERDICTS
from igsed_core.show import claims, findings, localiser_words, prose
from igsed_core.show.cells import by_key
from igsed_core.show.claims import FEW, MARGIN, RELATIONS
from random_tables import KINDS, Tables

MADE = st.builds(Tables, st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
NUMBER = "\N{MINUS SIGN}?" r"\d+\.\d+"
TRIPLE = rf"({NUMBER}) \[({NUMBER}),\s({NUMBER})\]"  # the space is one that does not break
RELATION = "|".join(RELATIONS.values())
ROUNDED = 0.0051  # a figure of two decimals is this near to what was judged
quick = settings(max_examples=60, deadline=None)

FINDINGS: dict[str, Callable[[Tables], str]] = {
    "rule_gain": lambda made: findings.rule_gain(*made.rules(), "smooth_log_hmm", "a rule"),
    "shuffled": lambda made: findings.shuffled(made.sanity(), made.main_job()["detection"]),
    "shuffled, another": lambda made: findings.shuffled(made.sanity(), made.main_job()["detection"], method="cam"),
    "hiding": lambda made: findings.hiding(made.hidden()),
    "enough_points": lambda made: findings.enough_points(made.engine(), "db_midpoint"),
    "enough_points, another": lambda made: findings.enough_points(made.engine(), "riemann_left"),
    "cost_and_quality": lambda made: findings.cost_and_quality(*made.methods(), "percentile"),
    "detected": lambda made: findings.detected(made.main_job()["instances"]),
    "localised": lambda made: localiser_words.against_framewise(*made.ladder(), ("fw_ss", "share_of_maximum")),
    "under_encoders": lambda made: tables.under_encoders(*made.encoders()),
    "family": lambda made: claims.family(made.family()),
    "psds_limits": lambda made: overview.psds_limits(made.further(), 1140.0),
    "energy_beside_paper": lambda made: findings.energy_beside_paper(made.main_job()["detection"], made.further()),
    "localiser_answer": lambda made: localiser_words.answer(*made.ladder()),
}


def value(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-"))


def triples(text: str) -> list[tuple[float, float, float]]:
    """Every "value [low, high]" of a sentence."""
    return [tuple(map(value, found)) for found in re.findall(TRIPLE, text)]  # type: ignore[misc]


def check_number(text: str) -> None:
    """Nothing that is no number is printed as one, intervals are in order, and few instances are said to be few."""
    assert not re.search(r"\b(nan|inf)\b", text), text
    assert all(low <= high for _, low, high in triples(text)), text
    for count, only in re.findall(r"from (\d+) (?:instances?|clips?|maps?|methods?)( only)?", text):
        assert (int(count) < FEW) == bool(only), text


def check_verdict(said: str, figure: str, n: int, margin: float = MARGIN) -> None:
    """The verdict follows from the figure that is printed beside it."""
    found = triples(figure)
    if not found or n < 2:
        assert said == NOT_DECIDED, (said, figure, n)
        return
    middle, low, high = found[0]
    if said == ABOVE:
        assert low > 0 and middle >= margin - ROUNDED, (said, figure)
    elif said == BELOW:
        assert high < 0 and middle <= -margin + ROUNDED, (said, figure)
    elif said == LEVEL:
        assert max(-low, high) <= margin + ROUNDED, (said, figure)
    elif said == NOT_DECIDED:
        assert high - low <= 2 * ROUNDED, (said, figure)
    else:
        assert said == NOT_TOLD_APART
        sure = max(low, -high) > ROUNDED and abs(middle) > margin + ROUNDED
        within = max(-low, high) < margin - ROUNDED and high - low > 2 * ROUNDED
        assert not sure and not within, (said, figure)


@pytest.mark.parametrize("name", FINDINGS)
@quick
@given(made=MADE)
def test_findings_print_only_numbers_and_say_how_many(name: str, made: Tables) -> None:
    check_number(FINDINGS[name](made))


@quick
@given(made=MADE)
def test_a_difference_is_judged_by_what_is_printed_of_it(made: Tables) -> None:
    row = made.cell()
    said = claims.verdict_on(row)
    assert said in VERDICTS
    check_verdict(said, claims.figure(row), row["n"])
    for low_n in (None, float("nan"), 0, 1):
        assert claims.verdict_on({**row, "n": low_n}) == NOT_DECIDED
    assert claims.verdict_on(None) == NOT_DECIDED


@quick
@given(made=MADE)
def test_a_figure_shows_whether_it_reaches_the_margin(made: Tables) -> None:
    """IoU 0.026 was printed as 0.03 beside "a size of at least 0.03", and was no effect."""
    row = made.cell()
    printed = triples(claims.figure(row, margin=MARGIN))
    if printed and abs(abs(row["value"]) - MARGIN) > 1e-4:
        assert (abs(printed[0][0]) >= MARGIN) == (abs(row["value"]) >= MARGIN), (printed, row)
    for end, shown in zip((row["ci_low"], row["ci_high"]), printed[0][1:] if printed else (), strict=False):
        if abs(abs(end) - MARGIN) > 1e-4:
            assert (abs(shown) > MARGIN) == (abs(end) > MARGIN), (printed, row)


@quick
@given(made=MADE)
def test_relations_of_the_main_result_agree_with_their_differences(made: Tables) -> None:
    found = made.main_job()
    texts = prose.sentences(found)
    assert set(map(type, texts.values())) == {str}
    rows = found["differences_two_way"].set_index(["method", "other_method", "metric"])
    clips = found["differences"].set_index(["method", "other_method", "metric"])
    verdict_of = {words: said for said, words in RELATIONS.items()}
    for metric in ("iou", "f1", "pointing_game"):
        for other in ("fw_ws", "fw_ss", "random", "energy"):
            said = verdict_of[texts[f"ig_{metric}_to_{other}"]]
            check_verdict(said, texts[f"ig_{metric}_less_{other}"], int(rows.loc[("ig", other, metric), "n"]))
            row = clips.loc[("ig", other, metric)]
            marked = claims.SURVIVES in texts[f"ig_{metric}_clips_{other}"]
            assert marked == (not pd.isna(row["p"]) and bool(row["survives"]))
    for text in texts.values():
        check_number(text)


@quick
@given(made=MADE)
def test_the_localiser_is_compared_by_the_difference_beside_the_words(made: Tables) -> None:
    ladder, apart, wide = made.ladder()
    texts = prose.localiser_sentences(ladder, apart, wide)
    clips = apart[apart["metric"] == "iou"].set_index(["method", "rule", "other_method", "other_rule"])
    verdict_of = {words: said for said, words in RELATIONS.items()}
    for method, rule in (("fw_ws", "tuned"), ("fw_ss", "tuned"), ("fw_ws", "one_rule")):
        text = texts[f"localiser_to_{method}_{rule}"]
        words, n = re.search(f"({RELATION}) FW-", text), re.search(r"from (\d+) instance", text)
        assert words and n, text
        check_verdict(verdict_of[words[1]], text.partition("difference ")[2].partition(", from")[0], int(n[1]))
        known = {"tuned": localiser_words.TUNED, "one_rule": localiser_words.LOCALISER[1]}
        row = clips.loc[(*localiser_words.method_of(ladder), method, known[rule])]
        if words[1] in ("above", "below"):
            check_survival(text, row)
        else:
            assert "surviv" not in text


@quick
@given(made=MADE)
def test_the_localiser_is_compared_under_each_encoder_by_the_difference_beside_the_words(made: Tables) -> None:
    table, apart = made.encoders()
    text = tables.under_encoders(table, apart)
    names = dict.fromkeys(table["encoder"])
    verdict_of = {words: said for said, words in RELATIONS.items()}
    parts = re.split("(?=Under the encoder )", text.partition(" In this run nothing")[0])[1:]
    assert len(parts) == len(names)
    for part in parts:
        said = re.findall(rf" is ({RELATION}) [^(]*\(([^()]*)\),", part)
        assert len(said) == len(encoders.PAIRS), part
        for words, figure in said:
            if triples(figure):
                middle, low, high = triples(figure)[0]
                if words == "above":
                    assert low > 0 and middle >= MARGIN - ROUNDED, part
                if words == "below":
                    assert high < 0 and middle <= -MARGIN + ROUNDED, part
                if words == "level with":
                    assert max(-low, high) <= MARGIN + ROUNDED, part
            else:
                assert verdict_of[words] == NOT_DECIDED, part


@quick
@given(made=MADE)
def test_survivors_are_those_of_the_table(made: Tables) -> None:
    table = made.family()
    text, decided = claims.family(table), table["p"].notna().sum()
    count = re.match(r"Of (\d+) differences that were corrected together .* (none|\d+) surviv", text)
    assert bool(count) == bool(decided), text
    if count:
        assert (int(count[1]), {"none": "0"}.get(count[2], count[2])) == (decided, str(table["survives"].sum())), text
    for _, row in table.iterrows():
        check_survival(claims.surviving(row), row)
        assert (claims.SURVIVES in claims.marked(row)) == bool(row["survives"])


def check_survival(text: str, row: pd.Series) -> None:
    """A difference is said to survive only if it does, and nothing is said of one without a test."""
    if pd.isna(row["p"]):
        assert "survive" not in text
    else:
        assert ("does not survive" in text) != bool(row["survives"]) and "surviv" in text


@quick
@given(made=MADE)
def test_the_gain_of_a_rule_is_judged_by_its_difference(made: Tables) -> None:
    text = findings.rule_gain(*made.rules(), "smooth_log_hmm", "a rule")
    words = re.search(
        f", ({RELATION}) the .*: a difference of (.*), clips and source files drawn anew .*, from (\\d+) ", text
    )
    assert words, text
    said = {words: said for said, words in RELATIONS.items()}[words[1]]
    check_verdict(said, words[2], int(words[3]))


def test_a_lopsided_interval_of_psds_is_named() -> None:
    even = {"split": "test", "method": "fw_ws", "metric": "psds", "value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 10}
    skewed = {**even, "method": "oracle", "value": 0.14, "ci_low": 0.1, "ci_high": 0.33}
    other = {**skewed, "split": "validation", "ci_high": 0.9}
    said = overview.psds_limits(pd.DataFrame([even, skewed, other]), 1120.0)
    assert "from 18.7 minutes of audio, in which one false detection counts as 3.2 per hour" in said
    assert "In 1 of its 2 intervals one arm is more than 2 times as long" in said
    assert "Perfect ranking: 0.14 [0.10,\N{NO-BREAK SPACE}0.33]" in said
    assert "no arm of its 1 intervals" in overview.psds_limits(pd.DataFrame([even]), 1120.0)
    for no_width in (0.5, float("nan")):
        table = pd.DataFrame([{**even, "ci_low": no_width, "ci_high": no_width}])
        assert "decides no interval" in overview.psds_limits(table, 0.0)


@quick
@given(made=MADE)
def test_shuffled_maps_are_held_to_chance(made: Tables) -> None:
    table = made.sanity()
    text = findings.shuffled(table, made.main_job()["detection"])
    assert "with energy partialled out" in text and re.search(r", (1 shuffle|5 shuffles)\)", text)
    words = re.search(f"share of (.*) of the instances, ({RELATION}) chance \\((.*), (the share|one draw)", text)
    assert words, text
    if (table["metric"] == "beyond_chance").any():
        assert words[4] == "the share"
        apart = re.search(r"; difference (.*?)\)", text)
        assert apart, text
        where = {"metric": "beyond_chance", "rule": "all", "average": "instance"}
        row = by_key(table, ("method",), **where)["ig",]
        check_verdict({said: verdict for verdict, said in RELATIONS.items()}[words[2]], apart[1], row["n"])
        return
    assert words[4] == "one draw"
    if not triples(words[1]) or not re.fullmatch(NUMBER, words[3]):
        assert words[2] == RELATIONS[NOT_DECIDED]
        return
    (middle, low, high), chance = triples(words[1])[0], value(words[3])
    if words[2] == "above":
        assert low > chance - ROUNDED and middle >= chance + MARGIN - 2 * ROUNDED, text
    if words[2] == "below":
        assert high < chance + ROUNDED and middle <= chance - MARGIN + 2 * ROUNDED, text
    if words[2] == "level with":
        assert max(chance - low, high - chance) <= MARGIN + 2 * ROUNDED, text


@quick
@example(made=Tables(332080919, "plain"))  # an interval that begins at 0.00002
@given(made=MADE)
def test_hiding_is_said_to_help_only_where_a_change_does(made: Tables) -> None:
    table = made.hidden()
    rows = table[(table["rule"] != "none") & (table["metric"] == "f1_change")]
    text = findings.hiding(table)
    for knows, who in ((False, "Orders that do not know"), (True, "Orders that know")):
        mine = rows[rows["method"].isin(findings.KNOW_LABELS) == knows]
        above = mine["ci_low"].round(claims.MOST_DIGITS) > 0  # an end that is zero in print does not leave zero out
        sure = above & (mine["value"] >= MARGIN) & (mine["ci_high"] > mine["ci_low"]) & (mine["n"] >= 2)
        part = text[text.index(who) :].split(" Orders")[0]
        claimed = re.search(r"in (\d+) of (\d+) conditions, at most by", part)
        assert (int(claimed[1]) if claimed else 0) == sure.sum(), part
        if "hiding does not help" in part:
            assert (mine["value"] < MARGIN).all() and mine["value"].notna().all(), part


@quick
@given(made=MADE)
def test_enough_points_are_near_the_reference_from_there_on(made: Tables) -> None:
    study = made.engine()
    text = findings.enough_points(study, "db_midpoint")
    range_ = rf"From (\d+) points on IoU stays within ({NUMBER}) and ({NUMBER}), .* reference's ({NUMBER})"
    found = re.search(range_, text)
    if found:
        low, high, aim = map(value, found.groups()[1:])
        assert aim - MARGIN - 0.001 <= low <= high <= aim + MARGIN + 0.001, text
        means = study[study["quadrature"] == "db_midpoint"].groupby("n_steps")["iou"].mean()
        after = means[means.index >= int(found[1])].dropna()
        assert ((after - aim).abs() <= MARGIN + 0.001).all(), text
    else:
        assert "does not decide" in text or "depend on the quadrature" in text, text


@quick
@given(made=MADE)
def test_costlier_is_called_better_only_by_a_correlation_off_zero(made: Tables) -> None:
    text = findings.cost_and_quality(*made.methods(), "percentile")
    if text.startswith("Methods that take longer tend to have the higher IoU"):
        assert triples(text)[0][1] > 0
    elif text.startswith("Methods that take longer tend to have the lower IoU"):
        assert triples(text)[0][2] < 0
    elif "does not decide" not in text:
        middle, low, high = triples(text)[0]
        assert low <= ROUNDED or middle < findings.CORRELATION + ROUNDED
        assert high >= -ROUNDED or middle > -findings.CORRELATION - ROUNDED


@quick
@given(
    chosen=st.dictionaries(
        st.sampled_from(("ig", "random", "energy")),
        st.fixed_dictionaries({"iou": st.sampled_from((1.0, 2.0, 50.0)), "f1": st.sampled_from((1.0, 50.0))}),
    )
)
def test_what_marks_everything_is_not_called_tuned(chosen: dict[str, dict[str, float]]) -> None:
    text = findings.untuned(chosen, 1.0)
    at_edge = sum(tau <= 1.0 for of in chosen.values() for tau in of.values())
    assert ("no threshold that was tuned" in text) == bool(at_edge)
    assert text.count("IoU") + text.count("F1") == at_edge


@pytest.mark.parametrize("question", ANSWERS)
@quick
@given(made=MADE)
def test_verdicts_print_only_numbers_and_say_how_many(question: str, made: Tables) -> None:
    answer = ANSWERS[question](made.audit())
    for text in vars(answer).values():
        assert text.strip()
        check_number(text)
    assert answer.decided in (common.YES, common.PARTLY, common.NO)


@pytest.mark.parametrize("question", ["target", "window"])
@quick
@given(made=MADE)
def test_an_effect_rests_on_a_printed_figure(question: str, made: Tables) -> None:
    found = made.audit()
    answer = ANSWERS[question](found)
    rows = common.rows_of(found, question, "audit_differences").values()
    moved = re.search(r"This moves what is measured: (.*); an effect is", answer.verdict)
    assert bool(moved) == answer.answer.startswith("It matters")
    for middle, low, high in triples(moved[1]) if moved else ():
        assert (low > 0 or high < 0) and abs(middle) >= MARGIN - ROUNDED, answer.verdict
    judged = [claims.verdict_on(row) for row in rows]
    if answer.answer.startswith("It hardly matters"):
        assert set(judged) == {LEVEL}
        assert all(max(-low, high) <= MARGIN + ROUNDED for _, low, high in triples(answer.run)), answer.run
    if answer.answer.startswith("Not decided"):
        assert set(judged) == {NOT_DECIDED}
    if made.kind in ("nan", "equal", "none"):
        assert answer.answer.startswith("Not decided")
    if "none is ruled out" in answer.verdict:
        assert LEVEL not in judged
    named = re.search(
        r"within .* of zero lies the interval of (.*), an effect on (.*) is not ruled out", answer.verdict
    )
    if named:
        assert [len(re.split(", | and ", part)) for part in named.groups()] == [
            judged.count(LEVEL),
            len(judged) - judged.count(LEVEL),
        ]
    effects = [row for row, said in zip(rows, judged, strict=True) if said in (ABOVE, BELOW)]
    if moved:  # an effect is said with whether it survives the correction for its table
        told = [claims.surviving(row) for row in effects]
        assert moved[1].count("survive") == sum(map(bool, told))
        assert ("not after Holm" in answer.answer) == all("does not" in words for words in told)
    if question == "window":  # its figures decide nothing unless they move, or are shown to stay
        assert (answer.decided == common.PARTLY) == ("matters" in answer.answer)


@quick
@given(made=MADE)
def test_a_choice_moves_something_only_where_a_printed_figure_says_so(made: Tables) -> None:
    found = made.audit()
    answer = ANSWERS["factorial"](found)
    assert answer.verdict.count("an effect is") == 1
    for moved in re.findall(r"This moves what is measured: (.*?)\.(?: |$)", answer.verdict):
        for middle, low, high in triples(moved):
            assert (low > 0 or high < 0) and abs(middle) >= MARGIN - ROUNDED, answer.verdict
    rows = choices.changes(found)
    for key, words in choices.CHANGES.items():
        alone = rows.get((*key, "paper"), {})
        moves = any(claims.verdict_on(row) in (ABOVE, BELOW) for row in alone.values())
        assert (words in answer.answer) == moves
    if made.kind in ("nan", "equal", "none"):
        assert answer.answer == "Not decided."
        assert answer.decided == common.NO


@quick
@given(made=MADE)
def test_a_better_pointer_is_named_with_its_gain(made: Tables) -> None:
    found = made.audit()
    answer = ANSWERS["sign"](found)
    if answer.decided == common.YES:
        middle, low, _ = triples(answer.verdict.partition("gains ")[2])[0]
        assert low > 0 and middle >= MARGIN - ROUNDED
    left = re.search(r"and (\d+) of (\d+) are not ruled out", answer.verdict)
    if left:
        rows = common.rows_of(found, "sign", "audit_differences")
        judged = [claims.verdict_on(row) for key, row in rows.items() if key[2] == "pointing_game"]
        assert (int(left[1]), int(left[2])) == (
            sum(said in (NOT_TOLD_APART, NOT_DECIDED) for said in judged),
            len(judged),
        )
    lower = answer.verdict.partition("A lower IoU than theirs has ")[2].partition(" Within a frame")[0]
    for middle, _, high in triples(lower):
        assert high < 0 and middle <= -MARGIN + ROUNDED
    if answer.answer.startswith("None points better"):
        assert triples(answer.verdict.partition("highest difference is")[2])[0][2] <= MARGIN + ROUNDED
    if made.kind in ("nan", "equal", "none"):
        assert answer.answer == "Not decided."


@quick
@given(made=MADE)
def test_fig_3_excludes_what_even_the_highest_activity_does_not_reach(made: Tables) -> None:
    found = made.audit()
    bounds, answer = found["audit_bounds"], ANSWERS["fig3"](found)
    out = bounds[bounds["value"] - 0.005 > bounds["clip_percentile_high"]]
    assert (answer.decided == common.NO) == out.empty
    if made.kind == "nan":
        assert answer.decided == common.NO
    assert answer.decided != common.YES  # where another run's curves peak proves nothing of the paper
    if made.kind == "equal" and not out.empty:  # flat curves have no place
        assert "what else is open" in answer.answer


@quick
@given(made=MADE)
def test_table_2_is_compatible_with_a_mean_and_proves_none(made: Tables) -> None:
    found = made.audit()
    answer = ANSWERS["averages"](found)
    assert answer.decided != common.YES
    off = (found["audit_paper_averages"]["class_mean"] - found["audit_paper_averages"]["table_2"]).abs().max()
    assert ("no mean over classes" in answer.verdict) == bool(off > 0.01)


@quick
@given(made=MADE)
def test_ways_to_count_are_excluded_only_if_no_numbers_give_them(made: Tables) -> None:
    found = made.audit()
    possible = found["audit_countings"].set_index("counting")["possible"]
    answer = ANSWERS["excluded"](found)
    left_out = {possible["evaluated"], possible["false_as_zero"]}
    as_zero = {possible["missed_as_zero"], possible["both_as_zero"]}
    assert ("issed classes are left out" in answer.answer) == ("yes" in left_out and as_zero == {"no"})
    assert ("issed classes count 0" in answer.answer) == ("yes" in as_zero and left_out == {"no"})
    unknown = any("yes" not in way and "undecided" in way for way in (left_out, as_zero))
    assert ("issed classes: undecided" in answer.answer) == (unknown or ("yes" in left_out and "yes" in as_zero))
    if answer.decided == common.YES:
        assert "undecided" not in answer.answer


@quick
@given(made=MADE)
def test_filters_are_compatible_by_their_p_value(made: Tables) -> None:
    found = made.audit()
    answer = ANSWERS["overlap"](found)
    assert answer.decided != common.YES
    table = found["audit_overlap"]
    mine = table[table["own"]]
    p = mine["p_value"].iloc[0]
    assert ("Not this run's" in answer.answer) == bool(p < 0.05)
    assert ("This run's is compatible" in answer.answer) == bool(p >= 0.05)
    assert (answer.answer == "Not decided.") == bool(pd.isna(p))
    assert "p = 0.000" not in answer.verdict  # no share of draws says that a probability is nothing


def test_no_sentence_says_level_of_what_is_only_not_told_apart() -> None:
    wide = {"value": 0.0, "ci_low": -0.2, "ci_high": 0.2, "n": 179}
    assert claims.verdict_on(wide) == NOT_TOLD_APART
    assert claims.verdict_on({**wide, "ci_low": -0.02, "ci_high": 0.02}) == LEVEL
    assert claims.figure({**wide, "ci_low": 0.0004}) == "0.0000 [0.0004,\N{NO-BREAK SPACE}0.2000]"
    assert claims.sample(1) == "from 1 instance only"
    assert claims.sample(30) == "from 30 instances"


def test_a_choice_among_rules_says_by_how_little_it_was_made() -> None:
    means = {"otsu": 0.5, "two_means": 0.4997, "absolute": 0.2}
    rows = [
        {
            "rule": r,
            "method": m,
            "value": v + shift,
            "split": "validation",
            "metric": "iou",
            "average": "instance",
            "n": 40,
        }
        for r, v in means.items()
        for m, shift in (("ig", -0.1), ("fw_ws", 0.1), ("fw_ss", 0.0))
    ]
    text = findings.runner_up(pd.DataFrame(rows), {"otsu": "Otsu", "two_means": "two means"})
    assert "'Otsu' has a mean IoU of 0.5000" in text and "'two means' 0.4997" in text and "from 40 instances" in text
    assert findings.runner_up(pd.DataFrame(rows[:2]), {"otsu": "Otsu", "two_means": "two means"}) == ""


def test_energy_is_held_to_ig_under_every_rule() -> None:
    where = {"split": "test", "metric": "iou", "average": "instance"}
    rows = [
        {"rule": r, "method": m, "value": v, **where}
        for r, ig, energy in (("percentile", 0.4, 0.45), ("otsu", 0.6, 0.5), ("mean", 0.3, np.nan))
        for m, v in (("ig", ig), ("energy", energy))
    ]
    text = findings.energy_and_ig(pd.DataFrame(rows))
    assert "under 1 of the 2 rules" in text
    assert "from \N{MINUS SIGN}0.100 to 0.050" in text
    assert findings.energy_and_ig(pd.DataFrame(rows[:1])) == ""
