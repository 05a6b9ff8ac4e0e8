"""Parameter files: every value is what a person reads, every mistake is one sentence, whatever the file holds."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from igsed_core.base.errors import IgsedError
from igsed_core.workflow import experiments, parameter_file
from igsed_core.workflow.experiments import Experiment

NUMBERS = {
    "seed: 0123": ("seed", 123),  # YAML 1.1: 83
    "seed: 0o17": ("seed", 15),
    "seed: 0x10": ("seed", 16),
    "seed: +5": ("seed", 5),
    "seed: 2026 # as in the paper": ("seed", 2026),
    "learning_rate: 1e-3": ("learning_rate", 0.001),  # YAML 1.1: text
    "learning_rate: 1E-3": ("learning_rate", 0.001),
    "learning_rate: .5": ("learning_rate", 0.5),
    "learning_rate: 1.": ("learning_rate", 1.0),
    "snr_min: -5": ("snr_min", -5.0),
    "snr_min: 010": ("snr_min", 10.0),
    "seeds_training_data: TRUE": ("seeds_training_data", True),
    "seeds_training_data: false": ("seeds_training_data", False),
    "experiment: no": ("experiment", "no"),  # YAML 1.1: false
    "experiment: on": ("experiment", "on"),
    "experiment: 007": ("experiment", "007"),
    "experiment: 1e3": ("experiment", "1e3"),
    "experiment: true": ("experiment", "true"),
    "experiment: 2026-11-28": ("experiment", "2026-11-28"),  # YAML 1.1: a date
    "seeds: 2030": ("seeds", "2030"),
    "seeds: 2030, 2031": ("seeds", "2030, 2031"),
    "weights:": ("weights", ""),
    'weights: ""': ("weights", ""),
}
REFUSED = {
    "n_train: 1:30": r"'n_train' is '1:30', but must be a whole number",  # YAML 1.1: 90
    "n_train: 1_000": r"'n_train' is '1_000', but must be a whole number",  # YAML 1.1: 1000
    "n_train: 1e3": r"'n_train' is 1000\.0, but must be a whole number",
    "n_train: 0b11": r"'n_train' is '0b11', but must be a whole number",
    'n_train: "30"': r"'n_train' is '30', but must be a whole number",
    "n_train: 2026-11-28": r"'n_train' is '2026-11-28', but must be a whole number",
    "n_train: ٣٠": r"'n_train' is '٣٠', but must be a whole number",
    "snr_min: 1_0": r"'snr_min' is '1_0', but must be a number",  # Python: 10
    "snr_min: 1:30": r"'snr_min' is '1:30', but must be a number",
    "snr_min: infinity": r"'snr_min' is 'infinity', but must be a number",  # Python: inf
    "snr_min: .inf": r"'snr_min' is inf, but must be a finite number",
    "snr_min: -.INF": r"'snr_min' is -inf, but must be a finite number",
    "snr_min: .NaN": r"'snr_min' is nan, but must be a finite number",
    "seeds_training_data: yes": r"'seeds_training_data' is 'yes', but must be true or false",
    "seeds_training_data: off": r"'seeds_training_data' is 'off', but must be true or false",
    "seeds_training_data: 1": r"'seeds_training_data' is 1, but must be true or false",
    "experiment: null": r"'experiment' is None, but must be text",
    "weights: ~": r"'weights' is None, but must be text",
    "seed: 1180591620717411303424": r"'seed' is 1180591620717411303424, but must be .*at most 4294967295",  # 2**70
    "n_train: 2147483648": r"'n_train' is 2147483648, but must be at most 2147483647",
    "seeds: 1180591620717411303424": r"'seeds' is .*: each must be at most 4294967295",
}
IN_FILES_ALONE = {
    "seed: !!int 1:30": "a value has the tag",
    "seed: !!timestamp x": "a value has the tag",
    "seed: !!binary eA==": "a value has the tag",
    "seed: !!python/name:os.system": "a value has the tag",
    "seed: [1, 2]": r"a value is a list, .*\(line 1, column 7\)",
    "methods: {a: b}": r"a value is a mapping, .*\(line 1, column 10\)",
    "<<: {seed: 1}": r"a value is a mapping",
    "seed: &a [*a]": r"a value is a list",
    'experiment: "\\UFFFFFFFF"': "is not valid YAML: ",
    "seed: " + "9" * 5000: "a number has 5000 digits",
    "snr_min: " + "9" * 500: "a number has 500 digits",
    "seed: " + "[" * 5000: "is not valid YAML",
    "experiment: a\x07b": r"it holds the control character U\+0007",
    "seed: 1\n---\nseed: 2": "is not valid YAML: but found another document",
    "experiment: " + "x" * 300: "parameter 'experiment' has 300 letters: use at most 100",
}


def load(text: str, folder: Path, **options: object) -> Experiment:
    path = folder / "mine.yaml"
    path.write_bytes(text.encode(str(options.get("encoding", "utf-8"))))
    return experiments.load(path)


@pytest.mark.parametrize("text", NUMBERS)
def test_a_value_is_what_a_person_reads(text: str, tmp_path: Path) -> None:
    name, wanted = NUMBERS[text]
    found = load(text, tmp_path).values()[name]
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize("text", [text for text in NUMBERS if "#" not in text and '"' not in text])
def test_an_override_is_read_as_the_file_is(text: str, tmp_path: Path) -> None:
    name, wanted = NUMBERS[text]
    (tmp_path / "empty.yaml").touch()
    written = text.partition(":")[2].strip()
    assert experiments.load(tmp_path / "empty.yaml", [f"{name}={written}"]).values()[name] == wanted


@pytest.mark.parametrize("text", [*REFUSED, *IN_FILES_ALONE], ids=lambda text: text[:40])
def test_what_nobody_would_read_so_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match={**REFUSED, **IN_FILES_ALONE}[text]) as error:
        load(text, tmp_path)
    assert "mine.yaml" in str(error.value)
    assert len(str(error.value)) < 700
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [text for text in REFUSED if '"' not in text])
def test_overrides_refuse_the_same(text: str, tmp_path: Path) -> None:
    name, _, written = text.partition(":")
    (tmp_path / "empty.yaml").touch()
    with pytest.raises(IgsedError, match=REFUSED[text]):
        experiments.load(tmp_path / "empty.yaml", [f"{name}={written.strip()}"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 10**5000), ("snr_min", 10**400), ("n_train", -(10**5000)), ("experiment", 10**5000)],
    ids=["seed", "float", "negative", "text"],
)
def test_numbers_of_any_length_from_python(name: str, value: int) -> None:
    with pytest.raises(IgsedError, match=f"parameter '{name}' is a number of more than 100 digits") as error:
        experiments.from_values({name: value})
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_say_what_they_are(encoding: str, tmp_path: Path) -> None:
    text = "# zwölf Züge\r\nexperiment: mine\r\nrecordings: /Aufnahmen/Türklingel\r\n"
    values = load(text, tmp_path, encoding=encoding).values()
    assert (values["experiment"], values["recordings"]) == ("mine", "/Aufnahmen/Türklingel")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# zwölf\nseed: 1\n".encode("latin-1"), r"is no UTF-8 text \(byte 0xf6 in line 1\): save it as UTF-8"),
        ("seed: 1\n# zwölf\n".encode("cp1252"), r"is no UTF-8 text \(byte 0xf6 in line 2\): save it as UTF-8"),
        ("seed: 1\n".encode("utf-16-le"), r"holds NUL characters, .*save it as UTF-8"),
        (b"seed: 1\0\n", r"holds NUL characters"),
        (b"\xff\xfes\0e", r"is no UTF-16 text"),
        (b"x" * 200_000, r"has 0\.2 MB, and none has more than 0\.1 MB: it is another kind of file"),
    ],
)
def test_files_that_are_no_parameter_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(IgsedError, match=rf"parameter file .*mine\.yaml {message}"):
        experiments.load(path)


def test_places_where_there_is_no_parameter_file(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "round.yaml").symlink_to("round.yaml")
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path, "is a folder: give the path of a file in it"),
        (tmp_path / "link.yaml", r"is a link to nowhere\.yaml, which does not exist: give one such as params"),
        (tmp_path / "round.yaml", r"does not exist|cannot be read"),
        (tmp_path / "pipe", "is no regular file"),
        (tmp_path / ("x" * 300), r"cannot be read \(File name too long\)"),
        (tmp_path / "a\0b", r"does not exist"),
    ):
        with pytest.raises(IgsedError, match=f"parameter file .*{message}"):
            experiments.load(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").touch()

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(IgsedError, match=r"mine\.yaml cannot be read \(Permission denied\): see that .* may read it"):
        experiments.load(tmp_path / "mine.yaml")


def test_a_run_reads_back_what_it_wrote(tmp_path: Path) -> None:
    """Its parameters are JSON, in which YAML reads characters beyond U+FFFF as two."""
    from igsed_core.base import files

    experiment = experiments.from_values({"recordings": "/data/🔔 bells/é\u2028\x85", "learning_rate": 1e-05})
    files.write_json(tmp_path / "parameters.json", experiment.values())
    assert experiments.load(tmp_path / "parameters.json") == experiment
    (tmp_path / "parameters.json").write_text("[1]")
    with pytest.raises(IgsedError, match=r"parameters\.json must hold a mapping"):
        experiments.load(tmp_path / "parameters.json")


# --- whatever a file holds: an experiment, or one sentence

NAMES = list(experiments.parameter_fields())
SCALARS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=20),
    st.sampled_from(
        ["0123", "1:30", "1_000", "yes", "~", "null", "", ".inf", "0x", "2026-11-28", "*a", "&a 1", "!!int x"]
    ),
)
LINES = st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), SCALARS).map(
    lambda pair: f"{pair[0]}: {pair[1]}"
)
FILES = st.one_of(
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
    st.lists(LINES, max_size=6).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")),
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner)).map(
        lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILES)
@example(b'experiment: "\\ud800"')
@example(b'weights: "\\ud800"')
@example(b'weights: "a\\0b"')
@example(b"seed: !!float x")
@example(b"%YAML 1.1\n---\nseed: 010")
def test_any_file_is_an_experiment_or_one_sentence(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.yaml"
        path.write_bytes(content)
        try:
            found = experiments.load(path)
        except IgsedError as error:
            assert "mine.yaml" in str(error)
            assert len(str(error)) < 3000
        else:
            assert experiments.from_values(found.values()) == found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.one_of(SCALARS, st.text(max_size=30)))
def test_any_override_is_an_experiment_or_one_sentence(name: str, written: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.yaml"
        path.touch()
        try:
            found = experiments.load(path, [f"{name}={written}"])
        except IgsedError as error:
            assert name in str(error)
        else:
            assert isinstance(found, Experiment)


@given(st.one_of(st.integers(-(2**31), 2**31), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_values_come_back_as_yaml_writes_them(value: object) -> None:
    """What PyYAML writes and this reader reads is the same value, of the same type."""
    found = parameter_file.value(yaml.safe_dump(value).splitlines()[0], text=False)
    assert found == value and type(found) is type(value)
