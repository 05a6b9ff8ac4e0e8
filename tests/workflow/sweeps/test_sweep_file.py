"""A sweep file: what it describes, and what each mistake is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.workflow.sweeps.sweep_file import Sweep

Written = Callable[[str], Sweep]
HEAD = "sweep: noise\nbase: SMOKE\n"


def test_grid_and_variations_multiply_and_names_say_what_varies(written: Written) -> None:
    sweep = written(HEAD + "grid: {snr_min: [0, 5], seed: 1..3}\nvariations: [{chapters: none}, {chapters: audit}]\n")
    assert len(sweep.experiments) == 12
    assert sweep.parameters == ["snr_min", "seed", "chapters"]
    name = "noise.snr_min_5.seed_2.chapters_audit"
    experiment = sweep.experiments[name]
    assert experiment.name == name
    assert experiment.values()["snr_min"] == 5.0
    assert experiment.values()["seed"] == 2
    assert experiment.values()["n_steps"] == 6  # of the base
    assert sweep.varied[name] == {"snr_min": 5, "seed": 2, "chapters": "audit"}


def test_what_does_not_vary_is_in_no_name(written: Written) -> None:
    sweep = written(HEAD + "grid: {snr_min: [0, 5]}\nvariations: [{chapters: none}]\n")
    assert list(sweep.experiments) == ["noise.snr_min_0", "noise.snr_min_5"]


def test_coupled_parameters_vary_together(written: Written) -> None:
    sweep = written(HEAD + "variations: [{snr_min: -5, snr_max: 0}, {snr_min: 10, snr_max: 15}]\n")
    assert list(sweep.experiments) == ["noise.snr_min_-5.snr_max_0", "noise.snr_min_10.snr_max_15"]


def test_a_value_of_a_text_is_taken_as_written(written: Written) -> None:
    sweep = written(HEAD + "grid: {seeds: [2027, '3, 4']}\n")
    assert [one.values()["seeds"] for one in sweep.experiments.values()] == ["2027", "3, 4"]


def test_long_values_give_names_that_a_folder_can_have(written: Written) -> None:
    sweep = written(HEAD + f"grid: {{methods: ['{', '.join(['saliency'] * 20)}', cam]}}\n")
    names = list(sweep.experiments)
    assert len(set(names)) == 2
    assert max(map(len, names)) <= 100


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base: SMOKE\n", "'sweep'"),
        ("sweep: a b\nbase: SMOKE\n", "letters, digits"),
        ("sweep: x\n", "'base' is missing"),
        (HEAD + "girds: {}\n", "unknown key 'girds'"),
        (HEAD + "grid: {snr: [1]}\n", "unknown parameter 'snr'"),
        (HEAD + "grid: {experiment: [a, b]}\n", "cannot vary"),
        (HEAD + "grid: {snr_min: 5}\n", "list of values"),
        (HEAD + "grid: {seed: 9..1}\n", "lower number first"),
        (HEAD + "grid: {seed: 1..99999999}\n", "at most 10000 experiments"),
        (HEAD + "grid: {seed: 1..9000, snr_min: [0, 5]}\n", "18000 experiments"),
        (HEAD + "grid: {snr_min: [x]}\n", "snr_min"),
        (HEAD + "grid: {snr_min: [5, 5]}\n", "comes twice"),
        (HEAD + "grid: {snr_min: [500]}\n", "at most"),
        (HEAD + "grid: {snr_min: [5]}\nvariations: [{snr_min: 6}]\n", "keep one of them"),
        (HEAD + "variations: {}\n", "list of mappings"),
        (HEAD + "shards: 0\n", "whole number"),
        (HEAD + "shards: many\n", "whole number"),
        (HEAD + "shard_seconds: -1\n", "whole number from 0"),
        (HEAD + "shard_seconds: 0.5\n", "whole number from 0"),
        (HEAD + "shards: ٣\n", "whole number"),
        (HEAD + "grid: {seed: 1.." + "9" * 5000 + "}\n", "18 digits"),
        (HEAD + "grid: {snr_min: [5, 5.0, 5e0]}\n", "comes twice"),
        ("? [a, b]\n: c\n" + HEAD, "a single word"),
        (HEAD + "gpu: perhaps\n", "true or false"),
        (HEAD + "grid: {a: [1], a: [2]}\n", "twice"),
        (HEAD + "grid: {seed: [16, 0x10]}\n", "comes twice: leave out"),
        (HEAD + "grid: {chapters: ['localiser, edges', 'edges,localiser']}\n", "comes twice"),
        (HEAD + "grid:\n\tseed: [1]\n", "write blanks (line 4, column 1)"),
        (HEAD + "grid: *x\n", "undefined alias 'x' (line 3, column 7)"),
        (HEAD + "scratch: here\n", "the whole path of a folder"),
        (HEAD + "scratch: '  '\n", "the whole path of a folder"),
        (HEAD + 'scratch: "/a\\nb"\n', "the whole path of a folder"),
        ("sweep: noise\nbase: sweep.yaml\n", "'base': parameter file"),
        ("sweep: noise\nbase: /tmp\n", "'base': parameter file /tmp is a folder"),
        ('sweep: noise\nbase: "/tmp/x\\ny"\n', r"'/tmp/x\ny' does not exist"),
        (f"sweep: noise\nbase: /{'x/' * 5000}\n", "/x..."),
        ("[", "not valid YAML"),
        ("", "name: value"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(written: Written, text: str, told: str) -> None:
    with pytest.raises(IgsedError) as caught:
        written(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_that_one_folder_name_would_mean_stay_apart(written: Written) -> None:
    sweep = written(HEAD + "grid: {weights: [a/w.pt, b/w.pt]}\nvariations: [{chapters: none}]\n")
    assert {values["weights"].rsplit("/", 2)[1] for values in sweep.varied.values()} == {"a", "b"}
