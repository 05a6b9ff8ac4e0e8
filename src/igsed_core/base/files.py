"""Whole files or none: write to a temporary name in the same folder, then rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
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
        If the disk is full; the message names the file and the remedy.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers choose the format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise IgsedError(
                f"no space left on the disk for {path}: free some, then run the same command again; "
                "what was finished is kept"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV without its index, whole or not at all."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False)


TEXT_COLUMNS = (
    *("clip", "label", "class", "split", "method", "rule", "other_method", "other_rule", "average", "metric"),
    *("experiment", "source_file", "varied"),
)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV table; names stay text even where a class is called ``1`` or ``None``."""
    header = pd.read_csv(path, nrows=0).columns
    text = {name: str for name in header if name in TEXT_COLUMNS}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""], float_precision="round_trip")


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays as ``.npz``, whole or not at all."""
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
