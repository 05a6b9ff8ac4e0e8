"""What a command writes may not take the place of what somebody else made: looked at before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from igsed_core.base import paths, text
from igsed_core.base.errors import IgsedError


def check_file(path: Path) -> None:
    """Make sure that a file can be written where ``--out`` says.

    Raises
    ------
    IgsedError
        If a folder, a pipe or a device lies there.
    """
    if path.is_dir():
        raise IgsedError(f"--out {text.shown(path)} is a folder: give the name of a file in it")
    if path.exists() and not path.is_file():
        raise IgsedError(f"--out {text.shown(path)} is a pipe or a device, no file: choose another")


def check_table(path: Path, columns: Sequence[str], what: str, *, separator: str = "\t") -> None:
    """Make sure that a table can be written, and that none of somebody else's lies there.

    Parameters
    ----------
    path
        Where it is to go.
    columns
        By which a table is known that the command wrote before, and may write again.
    what
        What the command writes, for the message.
    separator
        Between columns.

    Raises
    ------
    IgsedError
        If a folder or another file lies there, or nothing can be written.
    """
    check_file(path)
    if path.exists() and not set(columns) <= set(_header(path, separator)):
        raise other(path, what)
    paths.check_writable(path.parent, "choose another --out")


def other(path: Path, what: str) -> IgsedError:
    """Return the error for a file that would be lost."""
    return IgsedError(
        f"--out: {text.shown(path)} is there already and is no {what}, and would be lost: choose another place, or "
        "move it away"
    )


def _header(path: Path, separator: str) -> list[str]:
    try:
        return [text.name(cell) for cell in text.read(path).split("\n")[0].split(separator)]
    except IgsedError:  # sounds, weights
        return []
