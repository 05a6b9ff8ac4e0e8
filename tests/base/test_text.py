"""Files and names that users wrote: encodings, byte order marks, line ends, quotes, forms of Unicode."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.base import text
from igsed_core.base.errors import IgsedError

WORDS = "filename\tonset\nTürklingel.wav\t0.5\n"
COLUMNS = ("filename", "onset")
# Where the tables of a test lie: hypothesis runs a test many times in one folder.
ROWS = [("Türklingel.wav", "0.5")]


def read_rows(path: Path, content: str | bytes) -> list[tuple[str, ...]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [tuple(row.cells[column] for column in COLUMNS) for row in text.rows(path, COLUMNS, "a table")]


@pytest.mark.parametrize(
    "data",
    [
        WORDS.encode(),
        codecs.BOM_UTF8 + WORDS.encode(),
        WORDS.encode("utf-16"),
        codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"),
        WORDS.encode("utf-32"),
        WORDS.replace("\n", "\r\n").encode(),
        WORDS.replace("\n", "\r").encode(),
        WORDS.removesuffix("\n").encode(),
    ],
    ids=["utf-8", "utf-8 mark", "utf-16 le", "utf-16 be", "utf-32", "windows", "old mac", "no last line end"],
)
def test_text_that_names_its_encoding_is_read(data: bytes, tmp_path: Path) -> None:
    assert read_rows(tmp_path / "t.tsv", data) == ROWS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (WORDS.encode("latin-1"), r"t\.tsv, line 2: this is not UTF-8 text: save the file as UTF-8"),
        (WORDS.encode("cp1252"), r"line 2: this is not UTF-8"),
        (WORDS.encode("utf-16-le"), r"t\.tsv, line [12]: (it holds NUL bytes|this is not UTF-8)"),
        (WORDS.encode("utf-16")[:-1], r"this is not UTF-16-LE text"),
        (b"filename\tonset\na\0b.wav\t1\n", r"line 2: it holds NUL bytes and is no plain text"),
        (b"RIFF\x24\x08\x00\x00WAVEfmt \xff\xfe", r"line 1: (it holds NUL|this is not UTF-8)"),
        (b"", r"t\.tsv, line 1: no column filename, onset; expected a table, separated by tabulators"),
        (b"filename\tonset\tonset\na\t1\t2\n", r"line 1: the column onset is there twice"),
        (b"filename\tonset\na\tb\t0.5\n", r"line 2: 3 cells, but the header names 2"),
    ],
)
def test_other_text_is_named_with_its_line(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=message):
        read_rows(tmp_path / "t.tsv", data)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.tsv", tmp_path / "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(IgsedError, match=r"cannot be read .*: check that it is a file"):
            text.read(path)


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"a.wav"\t"0.5"', ("a.wav", "0.5")),
        ('"a\tb.wav"\t1', ("a b.wav", "1")),
        ('"say ""x"".wav"\t1', ('say "x".wav', "1")),
        ('café, "q".wav\t1', ('café, "q".wav', "1")),
        ('"q" a.wav\t1', ('"q" a.wav', "1")),
        ('"never closed.wav\t1', ('"never closed.wav', "1")),
        (" a.wav \t 1\u200b", ("a.wav", "1")),
        ("a.wav", ("a.wav", "")),
        ("u\u0308.wav\t1", ("ü.wav", "1")),
    ],
)
def test_cells(line: str, cells: tuple[str, str], tmp_path: Path) -> None:
    assert read_rows(tmp_path / "t.tsv", f"filename\tonset\n{line}\nlast.wav\t2\n") == [cells, ("last.wav", "2")]


def test_header_in_quotes_capitals_and_any_order(tmp_path: Path) -> None:
    content = '"Onset"\t"note"\t"FILENAME"\n"1"\t""\t"a.wav"\n\n\t\t\n'
    assert read_rows(tmp_path / "t.tsv", content) == [("a.wav", "1")]


@pytest.mark.parametrize("before", ["\n", "\n\n \t\n", "\ufeff\n"])
def test_lines_that_are_empty_before_the_header(before: str, tmp_path: Path) -> None:
    assert read_rows(tmp_path / "t.tsv", f"{before}{WORDS}") == ROWS
    assert text.columns_of(tmp_path / "t.tsv") == list(COLUMNS)
    number = before.count("\n") + 2
    assert [row.line for row in text.rows(tmp_path / "t.tsv", COLUMNS, "a table")] == [number]
    with pytest.raises(IgsedError, match=rf"t\.tsv, line {number - 1}: no column offset"):
        list(text.rows(tmp_path / "t.tsv", ("filename", "offset"), "a table"))


def test_names_have_one_spelling() -> None:
    assert text.name("Tu\u0308r") == text.name("T\u00fcr ") == text.name("\ufeffTür") == "Tür"
    assert text.name("caf\udce9") == "caf%E9"  # the bytes of Latin-1 in a file's name
    assert text.name("a\tb\nc") == "a b c"
    assert text.name("\ud83d") == "?"


def test_a_long_name_becomes_a_short_one_of_its_own() -> None:
    long, other = "ü" * 200, "ü" * 199 + "v"
    assert len(text.file_stem(long).encode()) <= 180
    assert text.file_stem(long) != text.file_stem(other)
    assert text.file_stem("short") == "short"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    path.write_bytes(data)
    try:
        assert "\r" not in text.read(path)
    except IgsedError as error:
        assert "any.tsv" in str(error) and "UTF-8" in str(error)


_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(text.name)


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.tuples(_CELL, _CELL), max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoted=st.booleans(),
)
def test_every_row_of_a_table_comes_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]], encoding: str, end: str, quoted: bool
) -> None:
    def cell(words: str) -> str:
        # As a writer of such tables does: quotes around all, or around what begins with one.
        return '"' + words.replace('"', '""') + '"' if quoted or words.startswith('"') else words

    lines = ["filename\tonset", *(f"{cell(a)}\t{cell(b)}" for a, b in table)]
    path = tmp_path_factory.getbasetemp() / "rows.tsv"
    found = read_rows(path, end.join(lines).encode(encoding))
    assert found == [row for row in table if any(row)]
