"""A relative path, or one with ~, means one place: the one that its writer sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from igsed_core.base import paths
from igsed_core.base.errors import IgsedError
from igsed_core.base.params import names_of
from igsed_core.data.soundbank import registry as soundbank
from igsed_core.models.encoders import registry as encoders
from igsed_core.workflow import checks, cli, experiments

ROOT = Path(__file__).resolve().parents[2]
PATHS = {name: field for name, field in experiments.parameter_fields().items() if field.metadata["path"]}


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder and home; there is a parameter file in another one."""
    for name in ("here", "files", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_which_parameters_are_paths() -> None:
    of_chapters = {"vocal_bank", "attention_data", "attack_bank", "repr_data"}
    assert set(PATHS) == {"soundbank", "background_source", "weights", "recordings", *of_chapters}
    assert names_of(PATHS["soundbank"]) == ("procedural", "desed", "real")
    assert sorted(names_of(PATHS["soundbank"])) == sorted(soundbank.available())
    for name, field in experiments.parameter_fields().items():
        described = any(word in field.metadata["doc"] for word in ("path of", "folder of"))
        assert described == (name in PATHS), name


@pytest.mark.parametrize("name", PATHS)
def test_in_a_file_from_its_folder_in_an_override_from_the_users(name: str, user: Path) -> None:
    (user / "files" / "mine.yaml").write_text(f"{name}: sub/thing\n")
    for path in (user / "files" / "mine.yaml", Path("../files/mine.yaml"), Path("~/../files/mine.yaml")):
        assert experiments.load(path).values()[name] == str(user / "files" / "sub" / "thing")
        assert experiments.load(path, [f"{name}=sub/thing"]).values()[name] == str(user / "here" / "sub" / "thing")
        assert experiments.load(path, [f"{name}=../thing"]).values()[name] == str(user / "thing")
    assert experiments.from_values({name: "sub/thing"}).values()[name] == str(user / "here" / "sub" / "thing")


@pytest.mark.parametrize("name", PATHS)
def test_the_home_folder_everywhere(name: str, user: Path) -> None:
    (user / "files" / "mine.yaml").write_text(f"{name}: ~/thing\n")
    wanted = str(user / "home" / "thing")
    assert experiments.load(user / "files" / "mine.yaml").values()[name] == wanted
    assert experiments.load(user / "files" / "mine.yaml", [f"{name}=~/thing"]).values()[name] == wanted
    assert experiments.from_values({name: "~/thing"}).values()[name] == wanted


@pytest.mark.parametrize(
    "written", ["$HOME/thing", "${HOME}/thing", "$BELOW/../thing", "../home/$PART", "../ho${ME}/thing"]
)
@pytest.mark.parametrize("name", PATHS)
def test_variables_everywhere_alike(name: str, written: str, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell puts them in, but none reads a parameter file or what stands between single quotes."""
    for variable, value in (("BELOW", str(user / "home" / "below")), ("PART", "thing"), ("ME", "me")):
        monkeypatch.setenv(variable, value)
    (user / "files" / "mine.yaml").write_text(f"{name}: {written}\n")
    wanted = str(user / "home" / "thing")
    assert experiments.load(user / "files" / "mine.yaml").values()[name] == wanted
    assert experiments.load(user / "files" / "mine.yaml", [f"{name}={written}"]).values()[name] == wanted
    assert experiments.from_values({name: written}).values()[name] == wanted


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("written", ["$MY_DATA/thing", "/scratch/$MY_DATA", "x${MY_DATA}"])
def test_a_variable_that_is_not_set_is_named(
    written: str, value: str | None, user: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MY_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_DATA", value)
    said = "names the environment variable MY_DATA, which is not set: set it, or write the whole path"
    (user / "files" / "mine.yaml").write_text(f"weights: {written}\n")
    for command in (
        ["run", str(user / "files" / "mine.yaml"), "--dry-run"],
        ["run", str(ROOT / "params" / "smoke.yaml"), f"soundbank={written}", "--dry-run"],
        ["locate", written, "--model", __file__, "--out", "found"],
    ):
        assert cli.main(command) == 1
        assert said in capsys.readouterr().err
    with pytest.raises(IgsedError, match=said):
        encoders.load("mn04_as", weights=written)
    monkeypatch.setenv("IGSED_RUNS_DIR", written)
    with pytest.raises(IgsedError, match=said):
        paths.runs_dir()


def test_variables_in_options_and_folders(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", "$HOME/runs")
    assert paths.runs_dir() == user / "home" / "runs"
    assert paths.user_path("${HOME}/out") == user / "home" / "out"


@pytest.mark.parametrize("folder", ["$data", "cash$HOME", "5$", "$", "a$b", "$1"])
def test_a_dollar_in_a_name_is_a_character(folder: str, user: Path) -> None:
    (user / "here" / folder).mkdir()
    assert paths.absolute(folder) == user / "here" / folder
    assert paths.absolute(str(user / "here" / folder)) == user / "here" / folder


@pytest.mark.parametrize("name", PATHS)
def test_names_and_none_are_no_paths(name: str, user: Path) -> None:
    field = PATHS[name]
    for value in {*names_of(field), field.default}:
        (user / "files" / "mine.yaml").write_text(f"{name}: '{value}'\n")
        assert experiments.load(user / "files" / "mine.yaml").values()[name] == value
        assert experiments.load(user / "files" / "mine.yaml", [f"{name}={value}"]).values()[name] == value
    if field.default:  # a folder of such a name is reached by a path
        assert experiments.from_values({name: f"./{field.default}"}).values()[name] == str(
            user / "here" / field.default
        )
        with pytest.raises(IgsedError, match=f"'{name}' is empty: give '"):
            experiments.from_values({name: ""})


def test_an_absolute_path_stays_and_a_second_reading_changes_nothing(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = experiments.from_values({"weights": "w.pt", "soundbank": "~/bank"})
    monkeypatch.chdir(user)
    assert experiments.from_values(first.values()) == first


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_can_be_no_path(value: str) -> None:
    with pytest.raises(IgsedError, match=r"parameter 'weights': .* is no path"):
        experiments.from_values({"weights": value})


def test_a_working_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(IgsedError, match=r"the working folder is gone, so 'w\.pt' means nothing: change to another"):
        experiments.from_values({"weights": "w.pt"})
    assert experiments.from_values({"weights": "/w.pt"}).values()["weights"] == "/w.pt"


# --- folders that the environment names


@pytest.mark.parametrize(
    ("variable", "folder"), [("IGSED_RUNS_DIR", paths.runs_dir), ("IGSED_DATA_DIR", paths.data_dir)]
)
@pytest.mark.parametrize(("written", "wanted"), [("out", "here/out"), ("../out", "out"), ("~/out", "home/out")])
def test_a_folder_of_the_environment_is_resolved_once(
    variable: str,
    folder,
    written: str,
    wanted: str,
    user: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    monkeypatch.setenv(variable, written)
    paths.pin_folders()
    monkeypatch.chdir(user)  # as a child process that works elsewhere
    assert folder() == user / wanted
    assert os.environ[variable] == str(user / wanted)


def test_children_mean_the_same_folders(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line passes them on absolute: a child in another folder, and its child in a third."""
    monkeypatch.setenv("IGSED_RUNS_DIR", "runs")
    monkeypatch.setenv("IGSED_DATA_DIR", "~/cache")
    assert cli.main(["parameters"]) == 0
    show = "from igsed_core.base import paths; print(paths.runs_dir(), paths.data_dir())"
    done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(user / "here" / "runs"), str(user / "home" / "cache")]


def test_a_kernel_refuses_a_relative_folder(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works in the notebook's folder, where the name would mean another one, silently."""
    monkeypatch.setenv("IGSED_RUNS_DIR", "runs")
    monkeypatch.setattr(paths, "_in_kernel", lambda: True)
    with pytest.raises(IgsedError, match="IGSED_RUNS_DIR is 'runs': write the whole path"):
        paths.runs_dir()
    monkeypatch.setenv("IGSED_RUNS_DIR", "~/runs")
    assert paths.runs_dir() == user / "home" / "runs"


# --- what is there, before anything runs


def test_the_default_of_the_folder_file_works_where_there_is_such_a_bank() -> None:
    experiment = experiments.load(ROOT / "params" / "folder.yaml")
    assert experiment.values()["soundbank"] == str(ROOT / "soundbank")
    if not (ROOT / "soundbank").exists():
        wanted = r"'soundbank' names .*/soundbank, and there is no such folder: give the path of a folder that is there"
        with pytest.raises(IgsedError, match=wanted):
            checks.check_paths(experiment)


def test_paths_are_looked_at_before_anything_runs(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (user / "here" / "bank").mkdir()
    (user / "here" / "w.pt").touch()
    checks.check_paths(experiments.from_values({}))
    checks.check_paths(experiments.from_values({"soundbank": "bank", "weights": "w.pt", "recordings": "bank"}))
    for values, message in (
        ({"weights": "typo.pt"}, r"'weights' names .*here/typo\.pt, and there is no such file: .*or leave it empty"),
        ({"weights": "bank"}, r"'weights' names .*here/bank, which is no file"),
        ({"soundbank": "w.pt"}, r"'soundbank' names .*, which is no folder: .*or 'procedural' or 'desed' or 'real'"),
        ({"recordings": "none"}, r"'recordings' names .*, and there is no such folder"),
        ({"background_source": "none"}, r"'background_source' names .*'desed' or 'sins'"),
        ({"weights": "x" * 300}, r"'weights' names .*(cannot be looked at|no such file)"),
    ):
        with pytest.raises(IgsedError, match=message):
            checks.check_paths(experiments.from_values(values))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(IgsedError, match=r"'weights' names .*w\.pt, a file that you may not read"):
        checks.check_paths(experiments.from_values({"weights": "w.pt"}))


def test_folders_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "new" / "runs"))
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "data"))
    paths.check_folders("mine")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]  # nothing is made by looking
    for variable, message in (
        ("IGSED_DATA_DIR", "nothing can be written to .*data"),
        ("IGSED_RUNS_DIR", "runs/mine"),
        ("IGSED_STORE_DIR", "nothing can be written to .*store"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(tmp_path / "file" / message.rpartition("*")[2]))
            with pytest.raises(IgsedError, match=rf"{message.split('/')[0]}.*: set {variable} to a folder that can be"):
                paths.check_folders("mine")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="a file system that nobody can write to is needed")
def test_a_read_only_file_system() -> None:
    with pytest.raises(IgsedError, match=r"nothing can be written to /proc/x \(.+\): do something"):
        paths.check_writable(Path("/proc/x"), "do something")


def test_weights_of_the_python_interface_know_the_home_folder(user: Path) -> None:
    with pytest.raises(IgsedError, match=rf"{user}/home/w\.pt: no such file"):
        encoders.load("mn04_as", weights="~/w.pt")
