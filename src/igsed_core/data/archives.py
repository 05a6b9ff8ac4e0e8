"""Archives of sounds, unpacked with distrust: into the target only, audio files only, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from igsed_core.base import files, progress
from igsed_core.base.errors import IgsedError
from igsed_core.data import listing
from igsed_core.data.audio import EXTENSIONS

_MAGIC = (b"RIFF", b"fLaC", b"OggS")
_TABLES = (".csv", ".txt", ".jams")
_BLOCK = 1 << 20
# The last two: an archive with a password, or packed in a way that Python does not know.
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(UnicodeError, RuntimeError, NotImplementedError),
)


def unpack(
    archive: Path,
    target: Path,
    *,
    keep: Callable[[PurePosixPath], bool] = lambda _: True,
    at_least: int = 1,
    tables: bool = False,
) -> int:
    """Unpack the audio files of a tar or zip archive.

    Other files, among them the ``._*`` that macOS adds, are left out; so is what has the name of an audio file
    and not its first bytes. ``target`` appears only when everything is unpacked.

    Parameters
    ----------
    archive : Path
        A ``.tar.gz`` or ``.zip`` file.
    target : Path
        Folder to make; it must not exist.
    keep : callable, optional
        Says of a path in the archive whether it is wanted.
    at_least : int
        Audio files that must be found.
    tables : bool
        Whether csv, txt and jams files are unpacked as well.

    Returns
    -------
    int
        Number of audio files unpacked.

    Raises
    ------
    IgsedError
        If a path leads outside the target, an entry is a link or a device, the archive is damaged or holds too
        few audio files that are wanted, or the disk is full. Nothing is left then.
    """
    temporary = target.with_name(files.temporary_name(target))
    count = 0
    try:
        for path, stream in progress.bar(_entries(archive), desc=f"unpacking {archive.name}", unit=" files"):
            table = tables and path.suffix.lower() in _TABLES
            if not _is_wanted(path, table=table) or not keep(path):
                continue
            with stream() as source:
                head = source.read(4)
                if not table and head not in _MAGIC:
                    continue
                place = temporary / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as file:
                    file.write(head)
                    shutil.copyfileobj(source, file, _BLOCK)
            count += not table
        if count < at_least:
            raise IgsedError(
                f"{archive} holds {count} audio files that are wanted. This is not the published archive: "
                f"{_remedy(archive)}"
            )
        temporary.mkdir(parents=True, exist_ok=True)
        temporary.rename(target)
    except (*_DAMAGED, EOFError) as error:
        first, *_ = str(error).splitlines() or ["unreadable"]
        raise IgsedError(f"{archive} is damaged ({first.rstrip(':')}): {_remedy(archive)}") from error
    except OSError as error:
        if error.errno in (None, errno.ENAMETOOLONG):  # none: bz2, of damaged data
            raise IgsedError(f"{archive} is damaged ({error.strerror or error}): {_remedy(archive)}") from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise IgsedError(
                f"no space left on the disk to unpack {archive} into {target.parent}: free some, or set IGSED_DATA_DIR "
                "to another folder, then run the same command again; what was unpacked so far is removed"
            ) from error
        raise IgsedError(
            f"{archive} cannot be unpacked into {target.parent} ({error.strerror or error}): set IGSED_DATA_DIR to a "
            "folder that can be written"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def _is_wanted(path: PurePosixPath, *, table: bool) -> bool:
    hidden = any(listing.is_hidden(part) for part in path.parts)
    return (table or path.suffix.lower() in EXTENSIONS) and not hidden


def _entries(archive: Path) -> Iterator[tuple[PurePosixPath, Callable[[], IO[bytes]]]]:
    """Files of an archive: where they belong, and how to read them; only the current one can be read."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                link = (info.external_attr >> 16) & 0o170000 == 0o120000
                path = _checked(info.filename, archive, plain=not link)
                if not info.is_dir():
                    yield path, lambda info=info: zipped.open(info)  # type: ignore[misc]
        return
    with tarfile.open(archive, "r:*") as tarred:
        for member in tarred:
            path = _checked(member.name, archive, plain=member.isfile() or member.isdir())
            if member.isfile():
                yield path, lambda member=member: tarred.extractfile(member)  # type: ignore[misc]


def _checked(name: str, archive: Path, *, plain: bool) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or ":" in (path.parts[0] if path.parts else "")
    if outside or not plain or "\0" in name:
        reason = "leads outside the folder it is unpacked into" if outside else "is a link or a device"
        reason = "has a NUL byte in its name" if "\0" in name else reason
        raise IgsedError(
            f"{archive}: its entry {name!r} {reason}; nothing was unpacked. This is not the published archive: "
            f"{_remedy(archive)} from another place"
        )
    return path


def _remedy(archive: Path) -> str:
    return f"delete it, and {archive.name}.checksum.json if there is one, and fetch it again"
