"""The strip of a page says a command that makes the same experiment again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pandas as pd
import pytest

from igsed_core.workflow import experiments, reproduce

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("file", "overrides"),
    [
        ("embedded", []),
        ("smoke", []),
        ("smoke", ["seed=5"]),
        ("embedded", ["snr_min=0", "snr_max=5.5", "experiment=low_snr"]),
        ("smoke", ["chapters=none", "experiment=other", "overlap_filter=chain"]),
    ],
)
def test_the_command_gives_the_same_parameters(file: str, overrides: list[str]) -> None:
    experiment = experiments.load(ROOT / "params" / f"{file}.yaml", overrides)
    program, verb, path, *said = shlex.split(reproduce.command(experiment, "book"))
    assert (program, verb) == ("igsed", "book")
    again = experiments.load(ROOT / path, said)
    assert experiments.result_values(again.stages["training"]) == experiments.result_values(
        experiment.stages["training"]
    )
    execution = {name for name, f in experiments.parameter_fields().items() if f.metadata["execution"]}
    assert {n: v for n, v in again.values().items() if n not in execution} == {
        n: v for n, v in experiment.values().items() if n not in execution
    }
    assert sorted(said) == sorted(overrides)


def test_the_remedy_names_the_file_of_the_experiment() -> None:
    assert reproduce.remedy("smoke") == "igsed run params/smoke.yaml"
    assert reproduce.remedy("my own") == "igsed run params/embedded.yaml experiment='my own'"


def test_n_is_of_means_over_instances_of_the_test_split() -> None:
    table = pd.DataFrame(
        {"average": ["instance", "class", "instance"], "split": ["test", "test", "validation"], "n": [179, 10, 91]}
    )
    assert reproduce.sample({"detection": table}) == "n = 179"
    assert reproduce.sample({}) == ""


def test_the_strip_says_everything() -> None:
    record = {"params": {"seed": 7}, "key": "abc"}
    strip = reproduce.strip(record, "igsed run x.yaml", "n = 3", commit="`123`", took="4.0 s")
    for part in ("`igsed run x.yaml`", "seed 7", "n = 3", "key `abc`", "commit `123`", "took 4.0 s"):
        assert part in strip
