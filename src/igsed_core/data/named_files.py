"""The files of a folder, found by the names that a table gives them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.data.audio import EXTENSIONS
from igsed_core.data.listing import File


class NamedFiles:
    """The files of a folder, found by the names that a table gives them.

    Parameters
    ----------
    root
        The folder.
    files
        What it holds.
    """

    def __init__(self, root: Path, files: Sequence[File]) -> None:
        self.root = root
        self.by_name: dict[str, list[Path]] = {}
        self.by_folded: dict[str, list[Path]] = {}
        for file in files:
            self.by_name.setdefault(file.name, []).append(file.path)
            self.by_folded.setdefault(file.name.casefold(), []).append(file.path)

    def find(self, name: str, line: str) -> Path:
        """Path of a file, whatever the form of Unicode, the slashes or the case in which the table writes its name.

        Parameters
        ----------
        name
            As the table has it.
        line
            The table and the line, for the message.

        Raises
        ------
        IgsedError
            If there is none, or there are several.
        """
        found = self.search(name, line)
        if found is not None:
            return found
        places = self._places(name)
        if not places:
            raise IgsedError(f"{line}: filename {name!r} is no file in {self.root}: give its path within the folder")
        raise IgsedError(
            f"{line}: {text.shown(self.root / places[-1])} is no wav, flac or ogg file: add it, or remove the line"
        )

    def search(self, name: str, line: str) -> Path | None:
        """As :meth:`find`; None if there is none.

        Raises
        ------
        IgsedError
            If there are several.
        """
        for within in self._places(name):
            found = self.by_name.get(within) or self.by_folded.get(within.casefold()) or []
            if len(found) > 1:
                names = ", ".join(text.shown(repr(path.relative_to(self.root).as_posix())) for path in found)
                raise IgsedError(f"{line}: filename {name!r} may be any of {names}: rename all but one")
            if found and found[0].suffix.lower() in EXTENSIONS:
                return found[0]
        return None

    def _places(self, name: str) -> list[str]:
        spelled = dict.fromkeys((name, name.replace("\\", "/")))
        return [within for within in map(self._within, spelled) if within]

    def _within(self, name: str) -> str:
        """Path within the folder, without dots; empty if it leads outside."""
        if posixpath.isabs(name):
            name = name.removeprefix(text.name(self.root.as_posix()) + "/")
        within = posixpath.normpath(name) if name else ""
        return "" if posixpath.isabs(within) or within.split("/")[0] == ".." else within
