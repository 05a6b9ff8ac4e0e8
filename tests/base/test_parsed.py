"""What is remembered of source files is what reading them gives, and an unusable file of it costs time alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from igsed_core.base import imports, parsed


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv(parsed.VARIABLE, raising=False)
    monkeypatch.setattr(parsed, "FEWEST", 1)
    monkeypatch.setattr(imports, "REMEMBERED", parsed.Remembered(imports.__file__))
    imports._read_source.cache_clear()
    return tmp_path


def read(path: Path) -> imports.Source:
    """Read a module as another process would."""
    imports._read_source.cache_clear()
    imports.REMEMBERED = parsed.Remembered(imports.__file__)
    return imports.source_of("tiny", str(path))


def test_what_is_remembered_is_what_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "tiny.py"
    path.write_text("import os\nfrom tiny import other\n\nVALUE = 1\n")
    first = read(path)
    imports.REMEMBERED.save()
    monkeypatch.setattr(imports.ast, "parse", lambda content: pytest.fail("it was read again"))
    assert read(path) == first


def test_other_bytes_are_read_whatever_the_time_of_change(folder: Path) -> None:
    path = folder / "tiny.py"
    path.write_text("VALUE = 1\n")
    first = read(path)
    imports.REMEMBERED.save()
    path.write_text("VALUE = 2\n")
    assert read(path).digest != first.digest


def test_the_package_is_part_of_what_a_file_is_known_by() -> None:
    key = parsed.Remembered.key
    assert len({key("a", b"from . import b"), key("b", b"from . import b"), key("a", b"from . import c")}) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_broken_file_is_made_anew(folder: Path, content: bytes) -> None:
    path = folder / "tiny.py"
    path.write_text("VALUE = 1\n")
    place = imports.REMEMBERED.path
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    first = read(path)
    imports.REMEMBERED.save()
    assert list(json.loads(place.read_bytes()).values()) == [[first.digest, False, [], []]]


def test_where_nothing_can_be_written_files_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "data").write_text("a file where the folder should be")
    path = folder / "tiny.py"
    path.write_text("VALUE = 1\n")
    first = read(path)
    imports.REMEMBERED.save()
    assert read(path) == first


def test_it_does_not_grow_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "LARGEST", 2)
    for i in range(4):
        path = folder / "tiny.py"
        path.write_text(f"VALUE = {i}\n")
        read(path)
        imports.REMEMBERED.save()
        assert len(json.loads(imports.REMEMBERED.path.read_bytes())) <= 2


def test_within_a_block_files_are_taken_to_stay_as_they_are(folder: Path) -> None:
    path = folder / "tiny.py"
    path.write_text("VALUE = 1\n")
    with imports.unchanged():
        first = imports.source_of("tiny", str(path))
        path.write_text("VALUE = 22\n")
        with imports.unchanged():
            assert imports.source_of("tiny", str(path)) == first
        assert imports.source_of("tiny", str(path)) == first
    assert imports.source_of("tiny", str(path)) != first
