"""What was read from source files, remembered by their bytes: many processes ask for the same few hundred.

A run's stages and kernels each make keys from the syntax trees of the whole package, which takes a second. What a file
says depends on its bytes, its package, this Python and the code that reads it; all four are in the name or the key, so
that nothing that is remembered can be out of date. Where the folder cannot be written, files are read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import data_dir

VARIABLE = "IGSED_SOURCES"  # folder for the file, if not the cache's own
LARGEST = 5_000  # entries; beyond that, those of this process are kept alone
FEWEST = 20  # new entries that are worth a file: some milliseconds each


class Remembered:
    """Facts about source files, in memory and in one file.

    Parameters
    ----------
    reader
        Path of the code that finds the facts: other code, another file.
    """

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._found: dict[str, Any] | None = None  # not asked for yet
        self._new: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """The file: in the cache of sounds and weights, or where :data:`VARIABLE` says."""
        folder = Path(os.environ.get(VARIABLE) or data_dir() / ".programs")
        return folder / f"sources-{version(self._reader)}.json"

    @staticmethod
    def key(package: str, content: bytes) -> str:
        """Return what a file is known by."""
        return hashlib.sha256(package.encode() + b"\0" + content).hexdigest()

    def get(self, key: str) -> Any:
        """Return what is known of a file, None where that is nothing."""
        return self._new.get(key, self._kept().get(key))

    def _kept(self) -> dict[str, Any]:
        """What the file holds, which is read once; nothing where it is missing or broken."""
        if self._found is None:
            self._found = {}
            with contextlib.suppress(OSError, ValueError, IgsedError):
                found = json.loads(self.path.read_bytes())
                self._found = found if isinstance(found, dict) else {}
        return self._found

    def put(self, key: str, facts: Any) -> None:
        """Remember what is known of a file, until :meth:`save` in this process alone."""
        self._new[key] = facts

    def save(self) -> None:
        """Write what is new, if it is worth that; where it cannot be written, nothing is lost but time."""
        if len(self._new) < FEWEST:
            return
        found = self._kept()
        found |= self._new
        kept = found if len(found) <= LARGEST else self._new
        with contextlib.suppress(OSError, IgsedError):
            path = self.path
            path.parent.mkdir(parents=True, exist_ok=True)
            other = path.with_name(f".{uuid.uuid4().hex}.tmp")
            other.write_text(json.dumps(kept), encoding="utf-8")
            os.replace(other, path)
        self._new = {}


@cache
def version(reader: str) -> str:
    """Return what this Python and the code of a file that reads sources are known by."""
    code = hashlib.sha256(Path(reader).read_bytes()).hexdigest()
    return f"{sys.version_info[0]}.{sys.version_info[1]}-{code[:16]}"
