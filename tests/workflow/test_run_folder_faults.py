"""What lies in the store and in the folder of a run is looked at: damaged or lost, it is made again or told of."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from igsed_core.base import files, paths, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths
from igsed_core.base.run import Finished
from igsed_core.workflow import cli, experiments, kernels, notebook, stages

STAGE = "data_synthesis"
BEGIN = f"from igsed_core.workflow import notebook\nrun = notebook.begin({STAGE!r}, globals())"
PARAMS = Path(__file__).resolve().parents[2] / "params" / "smoke.yaml"
ONE = {"chapters": "none"}  # keys of six stages, not of all


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IGSED_RUNS_DIR", "IGSED_DATA_DIR", "IGSED_STORE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.split("_")[1].lower()))


def make() -> stages.Keys:
    """Run the stage as its notebook would, with an artefact, a shared one and a page; what is there is kept."""
    namespace: dict[str, Any] = {"In": ["", BEGIN]}
    run = notebook.begin(STAGE, namespace)
    shared = run.shared("features", {"of": "clips"}, modules=["igsed_core.base.text"])
    for path in (run.dir / "train" / "a.wav", shared / "train.npz"):
        if not path.exists():
            files.write_text(path, "sound")
    for name in run.params.tables:
        run.table(name, pd.DataFrame({"clip": ["a"], "value": [1.5]}))
    run.finish()
    made = stages.keys(experiments.from_values(ONE))[STAGE]
    made.page.describe({})
    files.write_json(made.page.folder / "01_data_synthesis.ipynb", {"cells": []})
    made.page.seal()
    files.write_json(made.page.folder / stages.PAGE_DONE, {"stage": STAGE})
    return made


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00{")


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_list(path: Path) -> None:
    path.write_text("[]")


DATA = [
    *(("record.json", how) for how in (remove, truncate, empty, garble, make_a_list, make_a_folder)),
    *(("contents.json", how) for how in (remove, truncate, empty, garble, make_a_list)),
    *(("clips.csv", how) for how in (remove, truncate, empty)),
    *(("train/a.wav", how) for how in (remove, truncate, empty)),
    ("features/train.npz", remove),
]


@pytest.mark.parametrize(("name", "how"), DATA)
def test_a_stage_that_has_lost_something_is_not_finished(name: str, how: Callable[[Path], None]) -> None:
    made = make()
    assert made.finished()
    how(made.data.folder / name)
    assert made.finished() is None
    assert not notebook.adopt(experiments.from_values(ONE), STAGE, made)


@pytest.mark.parametrize(("name", "how"), [one for one in DATA if one[1] is not make_a_folder])
def test_it_is_made_again_by_running_it_again(name: str, how: Callable[[Path], None]) -> None:
    made = make()
    sound = (made.data.folder / "train" / "a.wav").stat().st_mtime_ns
    how(made.data.folder / name)
    assert make() == made
    assert made.finished()
    assert (made.data.folder / "train" / "a.wav").read_text() == "sound"
    if name != "train/a.wav":
        assert (made.data.folder / "train" / "a.wav").stat().st_mtime_ns == sound


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *((stages.PAGE_DONE, how) for how in (remove,)),
        *(("01_data_synthesis.ipynb", how) for how in (remove, truncate, empty)),
        *(("contents.json", how) for how in (remove, garble)),
    ],
)
def test_a_page_that_has_lost_something(name: str, how: Callable[[Path], None]) -> None:
    made = make()
    how(made.page.folder / name)
    assert made.finished() is None
    assert Finished.read(made.data)


def test_an_upstream_stage_that_has_lost_something_is_named() -> None:
    made = make()
    (made.data.folder / "train" / "a.wav").unlink()
    with pytest.raises(IgsedError, match="stage 'data_synthesis' of experiment 'embedded' has not finished: run"):
        notebook.begin("training", {"In": ["", "notebook.begin('training', globals())"]})


def test_what_others_share_may_grow() -> None:
    made = make()
    files.write_text(made.data.folder / "features" / "test.npz", "of another experiment")
    files.write_text(made.data.folder / "features" / "train.npz", "of another length")
    assert made.finished()


def test_what_a_user_adds_does_not_matter() -> None:
    made = make()
    (made.data.folder / "train" / "notes.txt").write_text("mine")
    (made.data.folder / ".DS_Store").write_text("the system's")
    assert made.finished()


def test_temporary_files_of_a_killed_process_are_swept_away() -> None:
    made = make()
    left = made.data.folder / files.temporary_name(made.data.folder / "clips.csv")
    mine = made.data.folder / ".mine.tmp"
    left.touch()
    mine.touch()
    make()
    assert not left.exists()
    assert mine.exists()


@pytest.mark.parametrize("how", [remove, truncate, empty, garble])
def test_a_table_of_results_is_written_again(how: Callable[[Path], None]) -> None:
    made = make()
    table = RunPaths("embedded").results / "clips.csv"
    before = table.read_bytes()
    how(table)
    assert notebook.adopt(experiments.from_values(ONE), STAGE, made)
    assert table.read_bytes() == before


@pytest.mark.parametrize("how", [truncate, empty, garble])
def test_a_page_in_the_folder_of_the_run_is_written_again(how: Callable[[Path], None]) -> None:
    made = make()
    experiment = experiments.from_values(ONE)
    assert notebook.adopt(experiment, STAGE, made)
    page = RunPaths("embedded").notebooks / "01_data_synthesis.ipynb"
    before = page.read_bytes()
    how(page)
    assert notebook.adopt(experiment, STAGE, made)
    assert page.read_bytes() == before


@pytest.mark.parametrize("how", [truncate, empty, garble])
def test_the_list_of_the_store_names_a_damaged_record(
    how: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """What a damaged record refers to is unknown, and must not be taken for unused."""
    made = make()
    how(made.data.folder / "record.json")
    assert cli.main(["store", "prune", "--yes"]) == 1
    assert f"igsed: {made.data.folder / 'record.json'} is damaged (it is no JSON): remove it" in capsys.readouterr().err
    assert made.data.folder.exists()


def test_a_copied_run_has_its_own_name() -> None:
    made = make()
    notebook.adopt(experiments.from_values(ONE), STAGE, made)
    shutil.copytree(RunPaths("embedded").root, RunPaths("copy").root, symlinks=True)
    assert notebook.adopt(experiments.from_values({**ONE, "experiment": "copy"}), STAGE, made)
    assert set(files.read_table(RunPaths("copy").results / "clips.csv")["experiment"]) == {"copy"}


def file_at(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()


def folder_at(place: Path) -> None:
    place.mkdir(parents=True)


IN_THE_WAY = {
    "runs": file_at,
    "runs/embedded": file_at,
    "runs/embedded/results": file_at,
    "runs/embedded/stages": file_at,
    "runs/embedded/stages/data_synthesis": folder_at,
    "store": file_at,
    "store/data_synthesis": file_at,
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_in_the_way_is_named(name: str, tmp_path: Path) -> None:
    IN_THE_WAY[name](tmp_path / name)
    with pytest.raises(IgsedError, match=str(tmp_path)):
        make()


@pytest.mark.parametrize("name", ["runs", "runs/smoke", "store", "data"])
def test_a_run_says_so_before_anything_runs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file_at(tmp_path / name)
    assert cli.main(["run", str(PARAMS)]) == 1
    told = capsys.readouterr().err
    assert str(tmp_path / name) in told
    assert told.count("\n") == 1


def test_a_lock_that_cannot_be_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_at(tmp_path / "runs" / "smoke" / ".lock")
    assert cli.main(["run", str(PARAMS)]) == 1
    assert f"igsed: {tmp_path / 'runs/smoke/.lock'} cannot be locked" in capsys.readouterr().err


def test_a_file_system_without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(IgsedError, match=r"no link can be made at .*on a file system that knows links"):
        make()


@pytest.mark.parametrize(
    "number",
    [
        *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.EMFILE),
        *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOMEM),
    ],
)
def test_an_error_of_the_system_is_one_sentence(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line, and in a cell of a notebook."""
    error = OSError(number, os.strerror(number), "/some/file")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(notebook, "execute", fail)
    assert cli.main(["stage", "training", str(PARAMS)]) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("...")]
    assert len(told) == 1
    assert "'/some/file'" in told[0]
    assert "then run the same command again" in told[0]
    cell = SimpleNamespace(ename=type(error).__name__, evalue=str(error), traceback=["a", "b"])
    assert kernels._cause(cell) == told[0].removeprefix("igsed: ")


def test_another_error_keeps_its_traceback() -> None:
    cell = SimpleNamespace(ename="KeyError", evalue="'x'", traceback=["line 1", "line 2"])
    assert kernels._cause(cell) == "KeyError: 'x'\nline 1\nline 2"
    assert files.explained(errno.ENOENT, "no such file") is None


# --- the notebooks themselves ------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project" / "book"
    shutil.copytree(stages.get(STAGE).source.parent, folder)
    (folder.parent / "Snakefile").touch()
    monkeypatch.setenv("IGSED_PROJECT", str(folder.parent))
    return folder


def edit(path: Path, seconds: int) -> None:
    text = path.read_text(encoding="utf-8")
    assert "# Data synthesis" in text
    path.write_text(text.replace("# Data synthesis", "# Another title"), encoding="utf-8")
    now = path.stat().st_mtime + seconds
    os.utime(path, (now, now))


def test_an_edited_text_whose_notebook_was_left_is_refused(book: Path) -> None:
    experiment = experiments.from_values(ONE)
    stages.keys(experiment)
    edit(book / "01_data_synthesis.py", 10)
    with pytest.raises(IgsedError, match=r"01_data_synthesis\.py was edited and 01_data_synthesis\.ipynb.*was not"):
        stages.keys(experiment)


def test_a_notebook_that_was_edited_in_jupyter_is_run(book: Path) -> None:
    experiment = experiments.from_values(ONE)
    before = stages.keys(experiment)[STAGE]
    edit(book / "01_data_synthesis.ipynb", 10)
    after = stages.keys(experiment)[STAGE]
    assert after.data == before.data
    assert after.page != before.page


def test_a_project_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_PROJECT", str(tmp_path))
    with pytest.raises(IgsedError, match=r"IGSED_PROJECT names .*, which is no clone of the project"):
        paths.project_root()


def test_a_project_is_resolved_once(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IGSED_PROJECT", "project")
    paths.pin_folders()
    monkeypatch.chdir("/")
    assert paths.project_root() == tmp_path / "project"


def test_a_store_of_nothing_is_empty() -> None:
    assert store.entries() == []
