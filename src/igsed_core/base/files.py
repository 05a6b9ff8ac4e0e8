"""Whole files or none: write to a temporary name in the same folder, then rename."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from igsed_core.base import paths
from igsed_core.base.errors import IgsedError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it becomes ``path`` when the block ends well.

    Raises
    ------
    IgsedError
        If the disk is full, or the folder or the file cannot be written to; the message names the file and the remedy.
    """
    temporary = path.with_name(temporary_name(path))
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
            raise IgsedError(f"{path} cannot be written ({error.strerror or error}): {_remedy(error, path)}") from error
        raise
    finally:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing was left behind either
            temporary.unlink(missing_ok=True)


def _remedy(error: OSError, path: Path) -> str:
    """What to do where a file cannot be written."""
    if isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError):
        place = next((one for one in (path, *path.parents) if os.path.lexists(one)), path)
        if place.is_dir() == (place == path):
            return f"move {place} elsewhere, which is in the way"
    return "make its folder writable, or choose another folder with IGSED_RUNS_DIR (results) or IGSED_DATA_DIR (cache)"


_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.[0-9a-f]{12}\.tmp.*")


def temporary_name(path: Path) -> str:
    """Name a temporary file beside ``path`` that nobody else takes, another machine on the same file system included.

    It is short even where ``path`` has a name as long as the file system allows.
    """
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    # The suffix stays last: writers choose the format by it.
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= 16 else ""
    return f".{digest}.{uuid.uuid4().hex[:12]}.tmp{suffix}"


def sweep(folder: Path, *, age: float = 0.0) -> None:
    """Remove the temporary files and links that a process which was killed has left in a folder and in those below.

    What is behind links is others'.

    Parameters
    ----------
    folder
        Whose lock the caller holds, so that nobody else is writing there.
    age
        Seconds since they were written, at least: for a folder in which somebody may be writing all the same.
    """
    for place, folders, names in os.walk(folder):
        for path in (Path(place, name) for name in (*names, *folders) if _TEMPORARY.fullmatch(name)):
            with contextlib.suppress(OSError):  # another has removed it
                if age <= 0 or time.time() - path.lstat().st_mtime >= age:
                    path.unlink()


def _concerns(name: object, path: Path) -> bool:
    """Whether a file name that an error of the system carries is in the folder of ``path``, or is one above it."""
    if not isinstance(name, str | os.PathLike):
        return False
    folder = Path(name)
    return path.parent in (folder, folder.parent) or path.is_relative_to(folder)


# Why the system refuses something, whatever the program does: said without the program's own lines.
_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "give yourself the right to do so, or choose another folder",
    errno.EPERM: "give yourself the right to do so, or choose another folder",
    errno.EROFS: "choose a folder that can be written",
    errno.EIO: "look after the disk",
    errno.ESTALE: "look after the network drive",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "move the file that is in the way",
    errno.EISDIR: "move the folder that is in the way",
    errno.ELOOP: "remove the link that leads to itself",
    errno.ENOMEM: "give the machine more memory, or use fewer workers",
}


def explained(number: int | None, words: str) -> str | None:
    """Explain an error of the system in a sentence; None if it is none that a user can mend.

    Parameters
    ----------
    number
        ``errno`` of the error.
    words
        What it says, with the names of files.
    """
    if number not in _REMEDIES:
        return None
    words = re.sub(r"^\[Errno \d+\] ", "", words)
    return f"{words}: {_REMEDIES[number]}, then run the same command again; what was finished is kept"


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
    shown = paths.shown(path)
    try:
        if not path.exists():
            link = f" is a link to {paths.shown(Path(os.readlink(path)))}, which" if path.is_symlink() else ""
            raise IgsedError(f"{what} {shown}{link} does not exist: {instead}")
        if path.is_dir():
            raise IgsedError(f"{what} {shown} is a folder: give the path of a file in it")
        if not path.is_file():
            raise IgsedError(f"{what} {shown} is no regular file: save it as one first")
        if largest is not None and path.stat().st_size > largest:
            raise IgsedError(
                f"{what} {shown} has {path.stat().st_size / 1e6:.1f} MB, and none has more than {largest / 1e6:g} MB: "
                "it is another kind of file"
            )
        return path.read_bytes()
    except OSError as error:
        raise IgsedError(
            f"{what} {shown} cannot be read ({error.strerror or error}): see that the path is right and that you may "
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
    shown, content = paths.shown(path), read_bytes(path, what, **options)
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        name = encoding.upper().removesuffix("-SIG")
        raise IgsedError(
            f"{what} {shown} is no {name} text (byte 0x{content[error.start]:02x} in line {line}): save it as UTF-8"
        ) from error
    if "\0" in text:
        raise IgsedError(
            f"{what} {shown} holds NUL characters, so it is no text, or UTF-16 without its mark: save it as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_text(path: Path, text: str) -> None:
    """Write text whole or not at all."""
    with atomic(path) as temporary, _only_characters(path):
        temporary.write_text(text, encoding="utf-8")


def holds(path: Path, text: str) -> bool:
    """Whether a file is there and holds a text."""
    try:
        return path.read_bytes() == text.encode("utf-8")
    except OSError:
        return False


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, whole or not at all."""
    write_text(path, _as_json(value))


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=1, default=str) + "\n"


def holds_json(path: Path, value: Any) -> bool:
    """Whether a file is there and holds what :func:`write_json` would write."""
    return holds(path, _as_json(value))


def read_json(path: Path) -> Any:
    """Read a JSON file that a run has written.

    Raises
    ------
    IgsedError
        If it cannot be read or is damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise IgsedError(f"{path} is damaged ({reason}): remove it, and run the same command again") from error


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
        *(
            "role",
            "pool",
            "by",
            "group",
            "kind",
            "head",
            "unit",
            "engine",
            "target",
            "reading",
            "sign",
            "quadrature",
            "question",
        ),
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
