"""One content-addressed store: what was made lies under the key of all that it was made from.

``store/<kind>/<key>/`` holds one artefact: the folder of a stage, an executed page, or something that several stages
share, such as feature frames or the maps of one method. Experiments refer to it, so that the same thing in two
experiments is made once and nothing is deleted because a parameter changed. A run never removes anything from here;
:func:`prune` does, when asked.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RUNS_VARIABLE, runs_dir, store_dir
from igsed_core.base.progress import tell

KEY_LENGTH = 16
_MANIFEST = "entry.json"
_CONTENTS = "contents.json"
RECORD = "record.json"  # what a finished stage says of itself
LOCK = ".lock"  # in an entry, and in the folder of an experiment or a sweep: held by who works on it
HELD = "held.json"  # in the folder of a run or a sweep: what it refers to until it is at its end
PATIENCE = 2.0  # s after which a run that waits for another says so


def digest(value: Any) -> str:
    """Hash a JSON-able value to a key."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


@dataclass(frozen=True)
class Entry:
    """One artefact's place in the store.

    Attributes
    ----------
    kind
        What it is: a stage's name, ``pages``, ``features``, ``maps``.
    key
        Hash of what it was made from.
    """

    kind: str
    key: str

    @property
    def folder(self) -> Path:
        """``store/<kind>/<key>``."""
        return store_dir() / self.kind / self.key

    @property
    def name(self) -> str:
        """``<kind>/<key>``, as records refer to it."""
        return f"{self.kind}/{self.key}"

    def seal(self) -> None:
        """Note which files lie here, with their sizes, so that a part that is lost later is noticed.

        Of what is shared with others, which is behind links, only that it is there.
        """
        files.write_json(self.folder / _CONTENTS, dict(self._sizes()))

    def _sizes(self) -> Iterator[tuple[str, int]]:
        own = os.path.realpath(self.folder)
        for folder, folders, names in os.walk(self.folder, followlinks=True):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.startswith(".") and name not in (_MANIFEST, _CONTENTS, RECORD):
                    shared = not os.path.realpath(folder).startswith(own)
                    yield os.path.relpath(path, self.folder), -1 if shared else os.stat(path).st_size

    def losses(self) -> list[Path]:
        """Files that were here when it was sealed and are not, or have another size; all that is known of it, if none.

        What was never sealed has lost its seal.
        """
        seal = self.folder / _CONTENTS
        try:
            sizes = files.read_json(seal).items()
        except (IgsedError, AttributeError):
            return [seal]
        return [path for name, size in sizes if not _there(path := self.folder / name, size)]

    def describe(self, made_from: dict[str, Any]) -> None:
        """Make the folder and let it say what it is made from, if it does not yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        manifest = self.folder / _MANIFEST
        if not manifest.exists():
            files.write_json(manifest, {"kind": self.kind, "key": self.key, "made_from": made_from})

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process at a time make this artefact; a second one waits, and says what for.

        Raises
        ------
        IgsedError
            If the store cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            guard = _GUARDS.setdefault(self.folder, FileLock(self.folder / LOCK))
            if not guard.is_locked:  # it is where a notebook's first cell is run again in the same kernel
                acquire(guard, f"another run is making {self.name}")
        except OSError as error:
            raise IgsedError(
                f"the store {store_dir()} cannot be written ({error.strerror}): make it writable, or let the variable "
                "IGSED_STORE_DIR name another folder"
            ) from error
        try:
            yield
        finally:
            guard.release(force=True)


def _there(path: Path, size: int) -> bool:
    try:
        found = path.stat().st_size
    except OSError:
        return False
    return size in (-1, found)


_GUARDS: dict[Path, FileLock] = {}


def acquire(guard: FileLock, why: str) -> None:
    """Take a lock; if that takes a while, say what for."""
    try:
        guard.acquire(timeout=PATIENCE)
    except Timeout:
        tell(f"igsed: {why}: waiting for it")
        guard.acquire()


@contextlib.contextmanager
def alone(folder: Path, why: str, *, refusal: str = "") -> Iterator[None]:
    """Let one process at a time work on the folder of an experiment or a sweep.

    Parameters
    ----------
    folder
        Made if it is not there.
    why
        Who has it, in words. A second one waits and says so ...
    refusal
        ... unless there is a remedy to tell: then it is refused.

    Raises
    ------
    IgsedError
        If another one has it, and ``refusal`` is given, or if the folder cannot be locked.
    """
    place = folder / LOCK
    guard = FileLock(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if refusal:
            guard.acquire(timeout=PATIENCE)
        else:
            acquire(guard, why)
    except Timeout:
        raise IgsedError(f"{why}: {refusal}") from None
    except OSError as error:
        raise IgsedError(
            f"{place} cannot be locked ({error.strerror or error}): move what is in the way, or let "
            f"{RUNS_VARIABLE} name another folder"
        ) from error
    try:
        yield
    finally:
        guard.release()


def entry(kind: str, made_from: dict[str, Any]) -> Entry:
    """Return the place of what is made from ``made_from`` (a JSON-able mapping that decides everything)."""
    return Entry(kind, digest(made_from))


def identity(path: Path) -> Any:
    """Say what a folder or file holds, in a form that can go into a key.

    Parameters
    ----------
    path
        In the store: named by its entry. Elsewhere: by the SHA-256 of its contents.

    Raises
    ------
    IgsedError
        If there is no such file or folder.
    """
    resolved = path.resolve()
    root = store_dir()
    if resolved.is_relative_to(root):
        return resolved.relative_to(root).as_posix()
    if resolved.is_file():
        return checksum(resolved)
    if not resolved.is_dir():
        raise IgsedError(f"{path} does not exist: run the stage that makes it")
    found = sorted(p for p in resolved.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(resolved).as_posix(): checksum(p) for p in found}


_CHECKSUMS: dict[tuple[str, int, int], str] = {}


def checksum(path: Path) -> str:
    """SHA-256 of a file, computed once for each version of it (name, size, time of change)."""
    stat = path.stat()
    version = (str(path), stat.st_size, stat.st_mtime_ns)
    if version not in _CHECKSUMS:
        remembered = store_dir() / "checksums" / f"{digest(version)}.json"
        with contextlib.suppress(IgsedError, KeyError, TypeError):
            _CHECKSUMS[version] = files.read_json(remembered)["sha256"]
        if version not in _CHECKSUMS:
            with path.open("rb") as stream:
                _CHECKSUMS[version] = hashlib.file_digest(stream, "sha256").hexdigest()
            with contextlib.suppress(OSError, IgsedError):  # a read-only store: computed again next time
                files.write_json(remembered, {"file": str(path), "sha256": _CHECKSUMS[version]})
    return _CHECKSUMS[version]


@dataclass(frozen=True)
class Listed:
    """One artefact as ``igsed store`` shows it.

    Attributes
    ----------
    bytes
        On disk.
    changed
        When something in it last changed, seconds since 1970.
    users
        Experiments that refer to it, directly or through other artefacts.
    """

    entry: Entry
    bytes: int
    changed: float
    users: tuple[str, ...]


def entries() -> list[Entry]:
    """Everything that lies in the store, sorted."""
    root = store_dir()
    kinds = (path for path in sorted(root.glob("*")) if path.is_dir() and path.name != "checksums")
    return [Entry(kind.name, folder.name) for kind in kinds for folder in sorted(kind.iterdir()) if folder.is_dir()]


def references() -> dict[str, set[str]]:
    """Return entry name -> experiments that refer to it, directly or through other entries.

    An experiment refers to what its folder links to; a stage's record names what it was made from. A run or a sweep
    that is not at its end refers to all that it makes (:func:`hold`).
    """
    root = store_dir()
    found: dict[str, set[str]] = {}

    def follow(name: str, experiment: str) -> None:
        if experiment in found.setdefault(name, set()):
            return
        found[name].add(experiment)
        record = root / name / RECORD
        if record.is_file():
            for other in _mapping(record).get("uses", []):
                follow(other, experiment)
        else:  # yet to be finished: what it shares with others lies behind its links
            for other in _linked(root / name):
                follow(other, experiment)

    for folder in sorted(runs_dir().glob("*")):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        for name in _linked(folder / "stages"):
            follow(name, folder.name)
        if (held := folder / HELD).is_file():
            for name in _mapping(held).get("entries", ()):
                follow(str(name), folder.name)
        for marker in (folder / ".done").glob("*.json"):
            follow(str(_mapping(marker).get("page", "")), folder.name)
    return found


def _linked(folder: Path) -> list[str]:
    """Names of the entries that links in a folder lead to."""
    root = store_dir()
    targets = [place.resolve() for place in folder.glob("*") if place.is_symlink()]
    return ["/".join(one.relative_to(root).parts[:2]) for one in targets if one.is_relative_to(root)]


def hold(folder: Path, made: Iterable[Entry]) -> None:
    """Let the folder of a run or a sweep refer to what it makes, for as long as it is not at its end (``()``)."""
    if names := sorted(one.name for one in made):
        files.write_json(folder / HELD, {"entries": names})
    else:
        (folder / HELD).unlink(missing_ok=True)


def _mapping(path: Path) -> dict[str, Any]:
    found = files.read_json(path)
    if not isinstance(found, dict):
        raise IgsedError(f"{path} is damaged (it holds no mapping): remove it, and run the same command again")
    return found


def listed() -> list[Listed]:
    """Every artefact with its size, age and users."""
    users = references()
    result = []
    for one in entries():
        stats = [p.stat() for p in one.folder.rglob("*") if p.is_file() and not p.is_symlink()]
        result.append(
            Listed(
                one,
                sum(stat.st_size for stat in stats),
                max((stat.st_mtime for stat in stats), default=one.folder.stat().st_mtime),
                tuple(sorted(users.get(one.name, ()))),
            )
        )
    return result


def prune(unused: Iterable[Listed]) -> list[Listed]:
    """Remove artefacts, and return those that were.

    One that a run is making at this moment is left alone, and so is what that one shares with others.
    """
    every, kept, removed = list(unused), set[str](), []
    for one in every:
        with _if_free(one.entry) as free:
            kept.update(() if free else (one.entry.name, *_linked(one.entry.folder)))
    for one in every:
        with _if_free(one.entry) as free:
            if not free or one.entry.name in kept:
                print(f"{one.entry.name}: a run is making it, or uses it now: kept")
                continue
            # Renamed first: whoever looks meanwhile finds all of it or nothing.
            doomed = one.entry.folder.with_name(f".{one.entry.key}.{uuid.uuid4().hex[:12]}.removed")
            one.entry.folder.rename(doomed)
        shutil.rmtree(doomed)
        removed.append(one)
    return removed


@contextlib.contextmanager
def _if_free(one: Entry) -> Iterator[bool]:
    """Take an artefact's lock for the length of a block; False where a run has it."""
    guard = FileLock(one.folder / LOCK)
    try:
        guard.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        guard.release()


def age(seconds_since_1970: float) -> str:
    """Say how long ago something was, in words."""
    ago = datetime.timedelta(seconds=max(0.0, time.time() - seconds_since_1970))
    if ago.days:
        return f"{ago.days} d"
    hours, minutes = divmod(int(ago.total_seconds()) // 60, 60)
    return f"{hours} h" if hours else f"{minutes} min"
