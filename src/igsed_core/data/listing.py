"""What lies in a folder: its files in a fixed order, and what was passed over and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from igsed_core.base import paths, progress, text
from igsed_core.base.errors import IgsedError

SHOWN = 5  # files that a message names
# What file systems and their servers leave beside the user's files.
_LITTER = frozenset(
    {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "Thumbs.db", "desktop.ini"}
    | {"Icon\r", "Desktop DB", "Desktop DF"}
)


@dataclass(frozen=True)
class File:
    """A file of a folder.

    Attributes
    ----------
    path : Path
        Where it lies.
    parts : tuple of str
        Its path within the folder, each part as :func:`igsed_core.base.text.name` spells it.
    """

    path: Path
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its path within the folder, with slashes."""
        return "/".join(self.parts)

    @property
    def suffix(self) -> str:
        """End of its name from the last dot on, in small letters."""
        return self.path.suffix.lower()


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    files : list of File
        Plain files, links to them included, sorted by their path part by part.
    unusable : dict
        Path -> why it is none: a link that leads nowhere, a pipe, a device.
    hidden : list of Path
        What systems leave there: names that begin with a dot, AppleDouble files (``._x``) among them.
    """

    files: list[File] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)
    hidden: list[Path] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none of the user's own."""
    return name.startswith(".") or name in _LITTER


def find_folder(path: str | Path) -> Path | None:
    """Return the absolute path of a folder that a user named, ``~`` and variables expanded, or None if there is none.

    Raises
    ------
    IgsedError
        See :func:`igsed_core.base.paths.user_path`.
    """
    try:
        found = paths.user_path(path)
        return found.resolve() if os.path.isdir(found) else None
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL byte, a home of nobody
        return None


def folders(root: Path) -> list[Path]:
    """List the folders in a folder, sorted; hidden ones are left out.

    Raises
    ------
    IgsedError
        If it cannot be read.
    """
    return sorted(root / entry.name for entry in _entries(root) if _is_dir(entry) and not is_hidden(entry.name))


def scan(root: Path) -> Listing:
    """List the files of a folder and of the folders in it; links to folders are followed.

    Raises
    ------
    IgsedError
        If one of the folders cannot be read; the message names it.
    """
    listing = Listing()
    _scan(root, (), (os.path.realpath(root),), listing)
    listing.files.sort(key=lambda file: file.path.relative_to(root).parts)
    return listing


def tell_unused(unused: list[str]) -> None:
    """Say which files of a user's folder are not used, and why: nothing is left out without a word.

    Parameters
    ----------
    unused
        ``path (reason)`` of each.
    """
    if unused:
        more = f"; and {len(unused) - SHOWN} more" if len(unused) > SHOWN else ""
        progress.tell(f"igsed: {len(unused)} files are not used: {'; '.join(unused[:SHOWN])}{more}")


def stamp(path: Path, root: Path) -> bytes:
    """Say what a file is, in a line that changes when it does: path in a folder, size and time of modification."""
    try:
        status = path.stat()
        state = f"{status.st_size}|{status.st_mtime_ns}"
    except OSError as error:  # removed or closed in this moment
        state = text.reason(error)
    where = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{where}|{state}\n".encode("utf-8", "backslashreplace")


def _scan(folder: Path, parts: tuple[str, ...], above: tuple[str, ...], listing: Listing) -> None:
    for entry in _entries(folder):
        path = folder / entry.name
        if is_hidden(entry.name):
            listing.hidden.append(path)
            continue
        within = (*parts, text.name(entry.name))
        if _is_dir(entry):
            real = os.path.realpath(path)
            if real in above:
                listing.unusable[path] = "a link to a folder that holds it"
            else:
                _scan(path, within, (*above, real), listing)
        elif os.path.isfile(path):
            listing.files.append(File(path, within))
        elif not os.path.exists(path):
            listing.unusable[path] = "a link that leads nowhere"
        else:
            listing.unusable[path] = "no plain file"  # a pipe would be waited for for ever


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError) as error:
        raise IgsedError(
            f"the folder {text.shown(folder)} cannot be read ({text.reason(error)}): change its permissions "
            "(chmod -R u+rX), or remove it"
        ) from error
