"""Text that users wrote: their files in any encoding that names itself, their tables, their names in one spelling."""

from __future__ import annotations

import codecs
import contextlib
import csv
import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from igsed_core.base.errors import IgsedError

# The longest first: UTF-32's mark of byte order begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200e\u200f\u2060"))
_LONGEST = 180  # bytes of a name that is to become a file's: 255 are allowed, and a temporary name is longer


def read(path: Path) -> str:
    """Read a text file that a user wrote.

    Parameters
    ----------
    path : Path
        UTF-8 with or without a byte order mark, or UTF-16 or UTF-32 with one. Line ends of Windows and of old Macs
        become ``\\n``.

    Raises
    ------
    IgsedError
        If it cannot be read or is in another encoding; the message names file, line and remedy.
    """
    try:
        if Path(path).is_char_device() and not os.path.samefile(path, os.devnull):  # /dev/zero never ends
            raise IgsedError(f"{shown(path)} is a device, no file: save the text as one, and name that")
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise IgsedError(
            f"{shown(path)} cannot be read ({reason(error)}): check that it is a file and its permissions"
        ) from error
    return decode(data, shown(path))


def decode(data: bytes, what: str) -> str:
    """Decode a text file's bytes.

    Parameters
    ----------
    data : bytes
        See :func:`read`.
    what : str
        Name of the file, for the message.

    Raises
    ------
    IgsedError
        If the encoding is another or unknown. None is guessed: a wrong guess would change names silently.
    """
    encoding = "utf-8"
    for mark, named in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], named
            break
    try:
        decoded = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise IgsedError(
            f"{what}, line {line}: this is not {encoding.upper()} text: save the file as UTF-8 (in a spreadsheet: "
            "'Unicode text' or 'CSV UTF-8')"
        ) from error
    if "\0" in decoded:
        line = decoded[: decoded.index("\0")].count("\n") + 1
        raise IgsedError(f"{what}, line {line}: it holds NUL bytes and is no plain text: save the file as UTF-8 text")
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Row:
    """One row of a table: the number of its line, and its cells by column; a cell that is missing is empty."""

    line: int
    cells: dict[str, str]


def rows(path: Path, columns: Sequence[str], expected: str) -> Iterator[Row]:
    """Read a table whose columns are separated by tabulators, in any order, with or without quotes.

    Parameters
    ----------
    path : Path
        See :func:`read`.
    columns : sequence of str
        Columns that it must have, whatever the case of their letters; others are left out.
    expected : str
        What the file should hold, for the message.

    Yields
    ------
    Row
        Of each line that holds anything.

    Raises
    ------
    IgsedError
        If a column is missing or there twice, or a row has more cells than the header.
    """
    lines = read(path).split("\n")
    first, header = _header(lines)
    if missing := [column for column in columns if column not in header]:
        raise IgsedError(
            f"{shown(path)}, line {first}: no column {', '.join(missing)}; expected {expected}, separated by tabulators"
        )
    if twice := [column for column in columns if header.count(column) > 1]:
        raise IgsedError(f"{shown(path)}, line {first}: the column {', '.join(twice)} is there twice: remove one")
    place = {column: header.index(column) for column in columns}
    for number, line in enumerate(lines[first:], start=first + 1):
        cells = _cells(line)
        if not any(cells):
            continue
        if any(cells[len(header) :]):
            raise IgsedError(
                f"{shown(path)}, line {number}: {len(cells)} cells, but the header names {len(header)}: remove a "
                "tabulator, or put quotes around the cell that holds one"
            )
        yield Row(number, {column: cells[i] if i < len(cells) else "" for column, i in place.items()})


def columns_of(path: Path) -> list[str]:
    """Columns of a table, in small letters.

    Raises
    ------
    IgsedError
        See :func:`read`.
    """
    return _header(read(path).split("\n"))[1]


def _header(lines: Sequence[str]) -> tuple[int, list[str]]:
    """Number of the first line that holds anything (1 if none does), and its cells in small letters."""
    number = next((i for i, line in enumerate(lines, start=1) if any(_cells(line))), 1)
    return number, [cell.casefold() for cell in _cells(lines[number - 1])]


def _cells(line: str) -> list[str]:
    """Cells of one line. A quote that is never closed is a character as any other: it must not swallow lines."""
    plain = line.split("\t")
    if any(cell.startswith('"') for cell in plain):
        with contextlib.suppress(csv.Error):
            plain = next(csv.reader([line], delimiter="\t", strict=True))
    return [name(cell) for cell in plain]


def name(words: str) -> str:
    """Bring a name (of a class, a file, a column) into the one spelling in which names are compared.

    Unicode form C, without spaces at its ends and without characters that nobody sees; control characters become
    spaces. Bytes of a file's name that are not UTF-8 are written as ``%E9``.
    """
    if any("\ud800" <= c <= "\udfff" for c in words):
        words = "".join(f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in words)
        words = words.encode("utf-8", "replace").decode("utf-8")  # halves of a pair, which no file's name has
    words = unicodedata.normalize("NFC", words).translate(_INVISIBLE)
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in words).strip()


def file_stem(words: str, longest: int = _LONGEST) -> str:
    """Return a name that may be part of a file's: as it is if it is short, else its beginning and a hash.

    What is nothing but blanks is an underscore, and a dot at the beginning would hide the file.
    """
    words = name(words).replace("/", "_") or "_"
    words = f"_{words}" if words.startswith(".") else words
    if len(words.encode()) <= longest:
        return words
    digest = hashlib.sha256(words.encode()).hexdigest()[:12]
    return words.encode()[: longest - 13].decode("utf-8", "ignore") + "_" + digest


def shown(path: Path | str) -> str:
    """Spell a path so that it can be printed and written: no control characters, no half characters."""
    words = "".join(c if c.isprintable() or "\ud800" <= c <= "\udfff" else " " for c in str(path))
    return words.encode("utf-8", "backslashreplace").decode("utf-8")


def reason(error: BaseException) -> str:
    """Say in a few words why the system refused something."""
    if isinstance(error, ValueError):
        return "its name holds a NUL byte" if "null" in str(error) else str(error)
    return str(getattr(error, "strerror", None) or error).lower() or type(error).__name__
