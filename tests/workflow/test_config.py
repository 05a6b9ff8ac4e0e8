"""Parameters: what is refused, in which words; what a file, an override and a default give."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from igsed_core.base.errors import IgsedError
from igsed_core.base.params import RENAMED, StageParams
from igsed_core.main_job.params import DataSynthesis, Training
from igsed_core.workflow import experiments

PARAMS = Path(__file__).resolve().parents[2] / "params"
BOUNDED = [
    (cls, name, field.metadata[side], side)
    for cls in experiments.STAGE_PARAMS.values()
    for name, field in experiments.parameter_fields(cls).items()
    for side in ("low", "high")
    if field.metadata.get(side) is not None and name != "seed"
]


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(PARAMS.glob("*.yaml")), ids=lambda p: p.name)
def test_parameter_files_load(path: Path) -> None:
    assert experiments.load(path).name == path.stem


def test_embedded_file_lists_every_parameter_with_its_default() -> None:
    listed = yaml.safe_load((PARAMS / "embedded.yaml").read_text())
    defaults = {name: field.default for name, field in experiments.parameter_fields().items()}
    assert listed == defaults
    assert all(type(listed[name]) is type(defaults[name]) for name in defaults)
    assert experiments.load(PARAMS / "embedded.yaml") == experiments.from_values({})


def test_every_parameter_is_declared_once() -> None:
    """A name means one thing in the whole project, and every parameter says what it means."""
    for name, field in experiments.parameter_fields().items():
        assert field.metadata["doc"]
        declared = {
            base
            for cls in experiments.STAGE_PARAMS.values()
            for base in cls.__mro__
            if name in inspect.get_annotations(base)
        }
        assert len(declared) <= 1, name  # none: of the run as a whole
        for cls in experiments.STAGE_PARAMS.values():
            mine = experiments.parameter_fields(cls).get(name)
            assert mine is None or mine.default == field.default or name == "experiment"


def test_missing_file_is_named() -> None:
    with pytest.raises(IgsedError, match=r"nowhere/x\.yaml does not exist: give one such as params/embedded\.yaml"):
        experiments.load("nowhere/x.yaml")


def test_unknown_parameter_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "snr_mim: 5\n")
    with pytest.raises(IgsedError) as error:
        experiments.load(path)
    message = str(error.value)
    assert str(path) in message
    assert "unknown parameter 'snr_mim'. Did you mean 'snr_min'? `igsed parameters` lists the valid ones" in message


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_gives_an_error_that_names_the_new_one(tmp_path: Path, old: str, new: str) -> None:
    """In a file, in an override and in a notebook's cell; the new name is one, the old one is none."""
    known = experiments.parameter_fields()
    assert new in known and old not in known
    told = rf"parameter '{old}' is called '{new}' now: rename it there"
    written = "24" if known[new].type == "int" else str(known[new].default)
    path = write(tmp_path, f"{old}: {written}\n")
    with pytest.raises(IgsedError, match=rf"{re.escape(str(path))}: {told}"):
        experiments.load(path)
    with pytest.raises(IgsedError, match=rf"override '{old}={written}': {told}"):
        experiments.load(write(tmp_path, ""), [f"{old}={written}"])
    (cls,) = (c for c in experiments.STAGE_PARAMS.values() if new in experiments.parameter_fields(c))
    with pytest.raises(IgsedError, match=rf"notebook x: {told}"):
        experiments.build(cls, {old: known[new].default}, source="notebook x")
    with pytest.raises(IgsedError, match=rf"unknown parameter '{old}'"):  # a stage that has neither
        experiments.build(DataSynthesis, {old: known[new].default}, source="notebook x")


def test_key_given_twice(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 1\nn_points: 3\nseed: 2\n")
    with pytest.raises(IgsedError, match=r"mine\.yaml is not valid YAML: (.|\n)*'seed' is given twice(.|\n)*line 3"):
        experiments.load(path)


@pytest.mark.parametrize("text", ["seed: [1", "? {a: 1}\n: 2\n"])
def test_broken_yaml(tmp_path: Path, text: str) -> None:
    with pytest.raises(IgsedError, match=r"mine\.yaml is not valid YAML"):
        experiments.load(write(tmp_path, text))


@pytest.mark.parametrize("text", ["- seed\n", "seed\n", "3\n"])
def test_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(IgsedError, match=r"mine\.yaml must hold 'name: value' lines"):
        experiments.load(write(tmp_path, text))


def test_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert experiments.load(write(tmp_path, "")) == experiments.from_values({})


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "n_steps: 3\n")
    values = experiments.load(path, ["n_steps=7", "learning_rate=1e-2", "soundbank=7", "weights=a=b"]).values()
    assert values["n_steps"] == 7
    assert values["learning_rate"] == 0.01
    assert values["soundbank"] == str(Path.cwd() / "7")  # text stays text, here the name of a folder
    assert values["weights"] == str(Path.cwd() / "a=b")  # only the first sign divides


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("snr_min", r"override 'snr_min': write it as name=value"),
        (
            "snr_mim=3",
            r"override 'snr_mim=3': unknown parameter 'snr_mim'\. Did you mean 'snr_min'\? `igsed parameters` lists",
        ),
        ("n_steps=[3", r"override 'n_steps=\[3': '\[3' is no number; write it as name=value"),
        ("n_steps=", r"'n_steps' is None, but must be a whole number"),
        ("n_steps=3.5", r"'n_steps' is 3\.5, but must be a whole number \(points .*; default 24\)"),
        ("n_steps=0", r"'n_steps' is 0, but must be at least 1"),
        ("target=score", r"'target' is 'score': choose one of logit, probability"),
    ],
)
def test_bad_overrides(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        experiments.load(write(tmp_path, ""), [override])


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1.0e-3"])
def test_scientific_notation_is_a_number(tmp_path: Path, text: str) -> None:
    """YAML 1.1 reads ``1e-3``, without a point, as text."""
    assert experiments.load(write(tmp_path, f"learning_rate: {text}\n")).values()["learning_rate"] == 0.001


def test_whole_numbers_pass_as_floats() -> None:
    value = experiments.from_values({"snr_min": 5}).values()["snr_min"]
    assert value == 5.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("n_steps", 3.0, "a whole number"),
        ("n_steps", True, "a whole number"),
        ("n_steps", "3", "a whole number"),
        ("snr_min", True, "a number"),
        ("snr_min", "loud", "a number"),
        ("snr_min", None, "a number"),
        ("encoder", 3, "text"),
    ],
)
def test_ill_typed(name: str, value: object, wanted: str) -> None:
    with pytest.raises(IgsedError, match=rf"here: parameter '{name}' is .*, but must be {wanted} \(.*; default "):
        experiments.from_values({name: value}, source="here")


@pytest.mark.parametrize(("cls", "name", "bound", "side"), BOUNDED)
def test_bounds(cls: type[StageParams], name: str, bound: float, side: str) -> None:
    """A value at the bound passes the check of bounds, one beyond it is refused by name."""
    kind = type(experiments.parameter_fields(cls)[name].default)
    beyond = kind(bound - 1 if side == "low" else bound + 1)
    words = f"at {'least' if side == 'low' else 'most'} {re.escape(str(bound))}"
    with pytest.raises(
        IgsedError, match=rf"here: parameter '{name}' is {re.escape(repr(beyond))}, but must be .*{words}"
    ):
        experiments.build(cls, {name: beyond}, source="here")
    try:
        experiments.build(cls, {name: kind(bound)}, source="here")
    except IgsedError as error:  # a rule between two parameters may still object, never the bound
        assert "but must be" not in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [n for n, f in experiments.parameter_fields().items() if f.type == "float"])
def test_floats_must_be_finite(name: str, value: float) -> None:
    with pytest.raises(IgsedError, match=rf"parameter '{name}' is {value!r}, but must be a finite number"):
        experiments.from_values({name: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"snr_min": 9.0, "snr_max": 3.0}, r"'snr_min' \(9\.0\) exceeds 'snr_max' \(3\.0\): swap them"),
        ({"events_min": 4}, r"'events_min' \(4\) exceeds 'events_max' \(3\): swap them"),
        ({"percentile_min": 99.5}, r"'percentile_min' \(99\.5\) exceeds 'percentile_max' \(99\.0\): swap them"),
        (
            {"n_steps": 1, "quadrature": "riemann_left"},
            r"'n_steps' is 1, but must be at least 2 for quadrature 'riemann_left'",
        ),
        (
            {"engine": "captum", "quadrature": "db_gauss"},
            r"'quadrature' is 'db_gauss', which engine 'captum' .*use engine=mel_path, or quadrature=gausslegendre",
        ),
        (
            {"engine": "captum", "quadrature": "gausslegendre", "precision": "bfloat16"},
            r"'precision' is 'bfloat16', .*use engine=mel_path",
        ),
        ({"frame_length": 0.125}, r"'frame_length' is 0\.125 s: use a multiple of 0\.01 s"),
    ],
)
def test_rules_between_parameters(values: dict[str, object], message: str) -> None:
    with pytest.raises(IgsedError, match=r"here: parameter " + message):
        experiments.from_values(values, source="here")


@pytest.mark.parametrize("frame_length", [0.01, 0.07, 0.1, 0.29, 0.32, 1.0])
def test_multiples_of_ten_milliseconds_are_frames(frame_length: float) -> None:
    assert experiments.from_values({"frame_length": frame_length}).values()["frame_length"] == frame_length


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "-x", "ä"])
def test_experiment_names_a_folder(name: str) -> None:
    with pytest.raises(IgsedError, match=r"parameter 'experiment' is .*letters, digits"):
        experiments.from_values({"experiment": name})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "seed": st.integers(0, 2**31),
            "n_steps": st.integers(2, 1000),
            "snr_min": st.floats(-60, 15),
            "min_coverage": st.floats(0, 0.999),
            "quadrature": st.sampled_from(experiments.parameter_fields()["quadrature"].metadata["choices"]),
            "experiment": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        },
    )
)
def test_values_round_trip(values: dict[str, object]) -> None:
    experiment = experiments.from_values(values)
    assert {name: experiment.values()[name] for name in values} == values
    assert experiments.from_values(experiment.values()) == experiment


def test_result_values_leave_out_name_and_execution() -> None:
    params = DataSynthesis()
    left_out = dataclasses.asdict(params).keys() - experiments.result_values(params).keys()
    assert left_out == {"experiment", "workers"}


def test_parameters_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Training().epochs = 3  # type: ignore[misc]
