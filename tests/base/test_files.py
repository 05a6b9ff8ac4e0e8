"""Whole files or none, whatever interrupts the writer."""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from igsed_core.base import files
from igsed_core.base.errors import IgsedError

FULL = Path("/dev/full")  # Linux: every write fails for want of space


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_written_whole_with_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.csv"
    with files.atomic(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        temporary.write_text("x")
        assert not path.exists()
    assert names(path.parent) == ["a.csv"]
    assert path.read_text() == "x"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, OSError])
def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path: Path, interruption: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(interruption), files.atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise interruption
    assert names(tmp_path) == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def replace(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", replace)
    path = tmp_path / "a.txt"
    with pytest.raises(IgsedError, match=r"no space left on the disk for .*a\.txt: free some, then run the same"):
        files.write_text(path, "x")
    assert names(tmp_path) == []


def test_other_errors_of_the_system_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError):
        files.write_text(tmp_path / "a.txt", "x")
    assert names(tmp_path) == []


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.txt", lambda path: files.write_text(path, "x")),
        ("a.json", lambda path: files.write_json(path, {"x": 1})),
        ("a.csv", lambda path: files.write_table(path, pd.DataFrame({"x": [1]}))),
        ("a.npz", lambda path: files.write_arrays(path, x=np.zeros(100_000))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_writer_meets_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    files.write_text(path, "old")
    temporary = tmp_path / files.temporary_name(path)
    monkeypatch.setattr(files, "temporary_name", lambda path: temporary.name)
    temporary.symlink_to(FULL)
    with pytest.raises(IgsedError, match=f"no space left on the disk for .*{name}"):
        write(path)
    assert names(tmp_path) == [name]
    assert path.read_text() == "old"


def test_two_writers_of_one_file_take_names_of_their_own(tmp_path: Path) -> None:
    # Two machines on one file system may run processes of one number.
    assert len({files.temporary_name(tmp_path / "a.csv") for _ in range(100)}) == 100


def test_text_and_json_round_trip(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "é\n"
    value = {"b": [1, 2.5, None], "a": "é"}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value


def test_arrays_round_trip(tmp_path: Path) -> None:
    arrays = {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"]), "scalar": np.array(0.32)}
    files.write_arrays(tmp_path / "a.npz", **arrays)
    stored = files.read_arrays(tmp_path / "a.npz")
    assert stored.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(stored[name], value)
        assert stored[name].dtype == value.dtype


def test_table_round_trip(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "x": [0.1, 1 / 3]})
    files.write_table(tmp_path / "a.csv", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv", float_precision="round_trip"), table)


def test_cached_arrays_are_made_once(tmp_path: Path) -> None:
    calls = []

    def make() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        np.testing.assert_array_equal(files.cached_arrays(tmp_path / "a.npz", make)["x"], np.arange(3))
    assert len(calls) == 1


def write_many(path: Path, letter: str) -> None:
    for _ in range(50):
        files.write_text(path, letter * 10_000)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="fork keeps this test short")
def test_parallel_writers_leave_one_whole_file(tmp_path: Path) -> None:
    """Readers see the whole text of one writer or the other's, never a mixture, never a part."""
    path = tmp_path / "a.txt"
    files.write_text(path, "a" * 10_000)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(path, letter)) for letter in "bc"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        text = path.read_text()
        assert len(text) == 10_000
        assert len(set(text)) == 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert names(tmp_path) == ["a.txt"]


def test_names_in_a_table_stay_text(tmp_path):
    table = pd.DataFrame({"clip": ["001", "002"], "label": ["1", "None"], "value": [0.1, float("nan")]})
    files.write_table(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "t.csv"), table)


# --- names come back as they are

NAMES = [
    "0",
    "01",
    "1",
    "1.0",
    "1e3",
    "0x10",
    "None",
    "NA",
    "N/A",
    "nan",
    "NaN",
    "null",
    "True",
    "False",
    "inf",
    "-",
    " x ",
]
NAMES += ["a,b", 'say "x"', "two\nlines", "carriage\rreturn", "both\r\n", "#x", "'", "2026-11-28", "Größe", "🔔", "$a$"]


@pytest.mark.parametrize("column", sorted(files.TEXT_COLUMNS))
def test_every_column_of_names_is_text(column: str, tmp_path: Path) -> None:
    for held in (NAMES, ["0", "1", "2"], ["True", "False"], ["NaN", "NA"], ["2026-11-28"]):
        table = pd.DataFrame({column: held, "value": np.arange(len(held)) / 3})
        files.write_table(tmp_path / "t.csv", table)
        pd.testing.assert_frame_equal(files.read_table(tmp_path / "t.csv"), table)


def test_a_level_is_text_beside_its_condition_and_decibels_elsewhere(tmp_path: Path) -> None:
    for table in (
        pd.DataFrame({"condition": ["background", "snr"], "level": ["01", "-5"]}),
        pd.DataFrame({"level": [-5.0, 0.25], "gain": [0.5, 1.0]}),
    ):
        files.write_table(tmp_path / "t.csv", table)
        pd.testing.assert_frame_equal(files.read_table(tmp_path / "t.csv"), table)


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT, st.floats(allow_nan=False)), min_size=1, max_size=8))
def test_any_names_and_numbers_come_back(tmp_path: Path, rows: list[tuple[str, str, float]]) -> None:
    table = pd.DataFrame(rows, columns=["label", "class", "value"])
    files.write_table(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "t.csv"), table, check_exact=True)


def test_every_table_is_read_by_the_one_reader() -> None:
    """pandas alone takes a class `01` for 1: only fixed tables of the package are read by it."""
    source = Path(files.__file__).parents[1]
    allowed = {
        "base/files.py",
        "base/run.py",  # it copies a table as text, to the letter
        "data/foreign_table.py",  # every cell as text
        "data/soundbank/base.py",  # it names its columns of text itself
        "paper/__init__.py",
        "workflow/recordings/evaluate.py",  # scores: numbers, whose columns are the classes
        "workflow/recordings/formats.py",  # it names its columns of text itself
    }
    readers = {path.relative_to(source).as_posix() for path in source.rglob("*.py") if "read_csv(" in path.read_text()}
    assert readers <= allowed


@pytest.mark.parametrize(
    "write",
    [lambda p: files.write_text(p, "\udce4"), lambda p: files.write_table(p, pd.DataFrame({"label": ["\udce4.wav"]}))],
)
def test_names_that_are_no_text_are_explained(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(IgsedError, match=r"x\.csv cannot hold the name '\\udce4.*', which is no UTF-8 text: rename"):
        write(tmp_path / "x.csv")
    assert names(tmp_path) == []


# --- the system's errors, in a sentence


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    wanted = rf"a\.txt cannot be written \({os.strerror(number)}\): make its folder writable, or .*IGSED_RUNS_DIR"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", refuse)
        with pytest.raises(IgsedError, match=wanted):
            files.write_text(tmp_path / "a.txt", "x")
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(IgsedError, match=wanted):
        files.write_text(tmp_path / "new" / "a.txt", "x")
    assert names(tmp_path) == []


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.txt", tmp_path / "file" / "b" / "a.txt"):
        with pytest.raises(IgsedError, match=r"a\.txt cannot be written \((Not a directory|File exists)\)"):
            files.write_text(path, "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IgsedError, match=r"folder cannot be written \(Is a directory\)"):
        files.write_text(tmp_path / "folder", "x")


def test_names_as_long_as_a_file_system_allows(tmp_path: Path) -> None:
    for name in ("x" * 251 + ".txt", "ä" * 125 + ".txt", "x." + "y" * 250):
        files.write_text(tmp_path / name, "x")
        assert (tmp_path / name).read_text() == "x"
    with pytest.raises(IgsedError, match=r"cannot be written \(File name too long\)"):
        files.write_text(tmp_path / ("x" * 256), "x")


def test_what_the_block_reads_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), files.atomic(tmp_path / "new" / "a.txt"):
        Path("/nowhere/at/all").read_text()
