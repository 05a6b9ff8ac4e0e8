"""Whole files or none: write to a temporary name in the same folder, then rename."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from igsed_core.base.errors import IgsedError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it becomes ``path`` when the block ends well.

    Raises
    ------
    IgsedError
        If the disk is full, or the folder or the file cannot be written to; the message names the file and the remedy.
    """
    temporary = path.with_name(_temporary_name(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise IgsedError(
                f"no space left on the disk for {path}: free some, then run the same command again; "
                "what was finished is kept"
            ) from error
        # What the block reads may fail too: only what concerns the file being written is explained here.
        if any(_concerns(name, path) for name in (error.filename, error.filename2)):
            raise IgsedError(
                f"{path} cannot be written ({error.strerror or error}): make its folder writable, or choose another "
                "folder with IGSED_RUNS_DIR (results) or IGSED_DATA_DIR (cache)"
            ) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing was left behind either
            temporary.unlink(missing_ok=True)


def _temporary_name(path: Path) -> str:
    """Name a temporary file beside ``path``, short even where that has a name as long as the file system allows."""
    # Jobs on several nodes may have the same number and write into the same folder.
    digest = hashlib.sha256(os.fsencode(path.name) + b"@" + os.fsencode(platform.node())).hexdigest()[:12]
    # The suffix stays last: writers choose the format by it.
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= 16 else ""
    return f".{digest}.{os.getpid()}.tmp{suffix}"


def _concerns(name: object, path: Path) -> bool:
    """Whether a file name that an error of the system carries is in the folder of ``path``, or is one above it."""
    if not isinstance(name, str | os.PathLike):
        return False
    folder = Path(name)
    return path.parent in (folder, folder.parent) or path.is_relative_to(folder)


_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_bytes(
    path: Path, what: str, *, largest: int | None = None, instead: str = "give the path of one that does"
) -> bytes:
    """Read a file that a user named.

    Parameters
    ----------
    path
        The file.
    what
        What it is to be, for messages: ``parameter file``.
    largest
        Bytes that such a file has at most.
    instead
        What to do where there is no such file.

    Raises
    ------
    IgsedError
        If it is missing, a folder or no regular file, too large, or cannot be read; the message names it and the
        remedy.
    """
    try:
        if not path.exists():
            link = f" is a link to {os.readlink(path)}, which" if path.is_symlink() else ""
            raise IgsedError(f"{what} {path}{link} does not exist: {instead}")
        if path.is_dir():
            raise IgsedError(f"{what} {path} is a folder: give the path of a file in it")
        if not path.is_file():
            raise IgsedError(f"{what} {path} is no regular file: save it as one first")
        if largest is not None and path.stat().st_size > largest:
            raise IgsedError(
                f"{what} {path} has {path.stat().st_size / 1e6:.1f} MB, and none has more than {largest / 1e6:g} MB: "
                "it is another kind of file"
            )
        return path.read_bytes()
    except OSError as error:
        raise IgsedError(
            f"{what} {path} cannot be read ({error.strerror or error}): see that the path is right and that you may "
            "read it"
        ) from error


def read_text(path: Path, what: str, **options: Any) -> str:
    """Read a text file that a user named: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Parameters
    ----------
    path, what, **options
        As for :func:`read_bytes`.

    Raises
    ------
    IgsedError
        As :func:`read_bytes`, and if the file is in another encoding or holds NUL characters.
    """
    content = read_bytes(path, what, **options)
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        name = encoding.upper().removesuffix("-SIG")
        raise IgsedError(
            f"{what} {path} is no {name} text (byte 0x{content[error.start]:02x} in line {line}): save it as UTF-8"
        ) from error
    if "\0" in text:
        raise IgsedError(
            f"{what} {path} holds NUL characters, so it is no text, or UTF-16 without its mark: save it as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_text(path: Path, text: str) -> None:
    """Write text whole or not at all."""
    with atomic(path) as temporary, _only_characters(path):
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV without its index, whole or not at all."""
    with atomic(path) as temporary, _only_characters(path):
        table.to_csv(temporary, index=False, lineterminator=_LINE_END)


@contextlib.contextmanager
def _only_characters(path: Path) -> Iterator[None]:
    """Explain names that hold no characters: those of files that were named in another encoding."""
    try:
        yield
    except UnicodeEncodeError as error:
        held = error.object[max(0, error.start - 40) : error.end + 40]
        raise IgsedError(
            f"{path} cannot hold the name {held!a}, which is no UTF-8 text: rename that file, folder or class"
        ) from error


_LINE_END = "\n"  # alone: a carriage return in a name is part of the name
# Columns that hold names, the user's among them: text whatever they look like.
TEXT_COLUMNS = frozenset(
    {
        *("clip", "label", "class", "split", "method", "rule", "other_method", "other_rule", "average", "metric"),
        *("experiment", "source_file", "varied", "name", "condition", "background", "path", "filename", "reason"),
        *("role", "pool", "by", "group", "kind", "head", "unit", "engine", "target", "reading", "question"),
        *("replacement", "counting", "filter", "lengths", "onsets", "encoder"),
    }
)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV table; names stay text even where a class is called ``1``, ``None`` or ``True``."""
    header = pd.read_csv(path, nrows=0, lineterminator=_LINE_END).columns
    text = {name: str for name in header if name in TEXT_COLUMNS}
    if "condition" in header:  # the level of a condition may be the name of a background; elsewhere it is in dB
        text["level"] = str
    return pd.read_csv(
        path,
        dtype=text,
        keep_default_na=False,
        na_values=[""],
        float_precision="round_trip",
        lineterminator=_LINE_END,
    )


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays, of any shape, as ``.npz``, whole or not at all."""
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a ``.npz`` file into memory."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def cached_arrays(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Read ``path`` if it exists, else make the arrays and write them there."""
    if not path.exists():
        write_arrays(path, **make())
    return read_arrays(path)
