"""Tables that came with a data set of somebody else's, read or refused in a sentence."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from igsed_core.base import text
from igsed_core.base.errors import IgsedError

_WHOLE = re.compile(r"[0-9]{1,9}")


def read(path: Path, columns: Sequence[str], *, whole: Sequence[str] = (), remedy: str) -> pd.DataFrame:
    """Read a CSV table: every cell is text, so that a name such as ``007`` stays one.

    Parameters
    ----------
    path
        UTF-8, or another encoding that names itself by a byte order mark.
    columns
        That it must have.
    whole
        Those of them that hold whole numbers.
    remedy
        What the user can do, the end of the message.

    Raises
    ------
    IgsedError
        If the file cannot be read, is no such table, or a number is none; the message names file, row and remedy.
    """
    written = text.read(path)
    try:
        table = pd.read_csv(io.StringIO(written), dtype=str, keep_default_na=False)
    except ValueError as error:  # a parser's errors are ValueErrors
        raise IgsedError(f"{text.shown(path)} is no table in CSV ({str(error).splitlines()[0]}): {remedy}") from None
    table.columns = [text.name(str(name)) for name in table.columns]
    if missing := [name for name in columns if name not in table]:
        raise IgsedError(f"{text.shown(path)} has no column {missing[0]}: {remedy}")
    table = table.apply(lambda column: column.map(text.name))
    for name in whole:
        for row, value in enumerate(table[name], start=2):
            if not _WHOLE.fullmatch(value):
                raise IgsedError(
                    f"{text.shown(path)}, row {row}: {name} is {value[:60]!r}, which is no whole number: {remedy}"
                )
        table[name] = table[name].astype(int)
    return table
