"""Remote files with checksums: fetched once, kept in one folder, never used when the checksum differs."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pooch

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.base.files import write_json
from igsed_core.base.paths import data_dir
from igsed_core.data import download
from igsed_core.data.catalogue import GROUPS as GROUPS
from igsed_core.data.catalogue import REGISTRY as REGISTRY
from igsed_core.data.catalogue import ZENODO
from igsed_core.data.catalogue import Asset as Asset
from igsed_core.data.download import Download, FetchError

MIRROR_VARIABLE = "IGSED_MIRROR"
_ALGORITHMS = ("md5", "sha256")
pooch.get_logger().setLevel("WARNING")  # what happens is shown by progress bars, and errors are raised


class NotHeld(FetchError):
    """The record was read, and holds no such file."""


@dataclass(frozen=True)
class Known:
    """What is known of a file before it is used: checksum, size (0: unknown), licence."""

    checksum: str
    size: int
    licence: str


def get(name: str) -> Asset:
    """Return a remote file by name.

    Raises
    ------
    IgsedError
        If the name is unknown.
    """
    if name not in REGISTRY:
        raise IgsedError(f"asset {name!r} is unknown; choose one of: {', '.join(sorted(REGISTRY))}")
    return REGISTRY[name]


def path_of(name: str) -> Path:
    """Place of a remote file in the cache, whether it is there or not.

    Raises
    ------
    IgsedError
        If the name is unknown.
    """
    return data_dir() / get(name).file_name


def fetch(name: str) -> Path:
    """Path of a remote file, fetched on first use into `paths.data_dir()` and checked every time.

    Parameters
    ----------
    name : str
        Name in `REGISTRY`.

    Raises
    ------
    IgsedError
        If the name is unknown, the download fails, the disk is full, or the content has another checksum.
    """
    asset, path = get(name), path_of(name)
    if path.is_file():
        _require_whole(asset, path)
        return path
    try:
        known = lookup(asset)
        _retrieve(asset, known)
    except FetchError as error:
        part = path.with_name(f"{path.name}.part")
        kept = "what came so far is kept, and the same command goes on from there; " if part.is_file() else ""
        raise IgsedError(
            f"{asset.file_name} could not be fetched from {source(asset)} ({error}): {kept}check the network or the "
            f"proxy (HTTPS_PROXY), name a mirror (--mirror or {MIRROR_VARIABLE}), put the file into {data_dir()} by "
            f"hand, or give {asset.parameter}"
        ) from error
    except OSError as error:
        raise IgsedError(
            f"{asset.file_name} cannot be kept in {data_dir()} ({error.strerror or error}): set IGSED_DATA_DIR to a "
            "folder that can be written"
        ) from error
    return path


def _retrieve(asset: Asset, known: Known) -> None:
    folder = data_dir()
    downloader = Download(folder / f"{asset.file_name}.part", known.size)

    def attempt() -> None:
        pooch.retrieve(
            source(asset), known_hash=known.checksum or None, fname=asset.file_name, path=folder, downloader=downloader
        )
        if not known.checksum:  # nobody publishes one: later copies are held to this
            _write_note(_note(asset), _own_note(asset, folder / asset.file_name, "sha256"))

    try:
        try:
            attempt()
        except ValueError:
            if not downloader.resumed:
                raise
            attempt()  # an older partial file may be to blame: once more from the beginning
    except ValueError as error:
        raise IgsedError(
            f"{source(asset)}: what was sent is not {asset.file_name}, whose {_spelled(known.checksum)}: try again, "
            f"name another mirror (--mirror or {MIRROR_VARIABLE}), put the file into {folder} by hand, or give "
            f"{asset.parameter}"
        ) from error


def source(asset: Asset) -> str:
    """Address that a file is fetched from: its own, or in the mirror that ``IGSED_MIRROR`` names."""
    mirror = os.environ.get(MIRROR_VARIABLE, "")
    return f"{mirror.rstrip('/')}/{quote(asset.file_name)}" if mirror else asset.url


def lookup(asset: Asset, *, remember: bool = True) -> Known:
    """What is known of a file: from the code, from an earlier use, or else from the record's own metadata.

    What the record says is written beside the file, so that later downloads are held to it. A mirror has that note
    beside the file as well: the cache folder of another machine, served over HTTP, is a mirror.

    Parameters
    ----------
    asset : Asset
        The file.
    remember : bool
        Whether to write what the record says; without it nothing is written.

    Raises
    ------
    FetchError
        If the record cannot be read or does not hold the file.
    """
    if asset.checksum:
        return Known(asset.checksum, asset.size, asset.licence)
    note = _note(asset)
    try:
        asked = None if note.is_file() else _ask(asset)
    except FetchError:
        if asset.record:
            raise
        return Known("", asset.size, asset.licence)
    if asked and remember:
        _write_note(note, asked)
    try:
        found = asked or json.loads(text.read(note))
        algorithm, _, digest = str(found["checksum"]).partition(":")
        if algorithm not in _ALGORITHMS or not digest:
            raise ValueError(f"no checksum: {found['checksum']}")
        return Known(f"{algorithm}:{digest}", int(found["size"]), asset.licence)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IgsedError(f"{note} is damaged: delete it, and the checksum is looked up again") from error


def _write_note(note: Path, value: dict[str, Any]) -> None:
    try:
        write_json(note, value)
    except OSError as error:
        raise IgsedError(
            f"{note.name} cannot be kept in {note.parent} ({text.reason(error)}), and without it later copies cannot "
            "be held to the same checksum: set IGSED_DATA_DIR to a folder that can be written"
        ) from error


def _note(asset: Asset) -> Path:
    return data_dir() / f"{asset.file_name}.checksum.json"


def _ask(asset: Asset) -> dict[str, Any]:
    if os.environ.get(MIRROR_VARIABLE):
        answer = download.get_json(f"{source(asset)}.checksum.json")
        entries = [answer] if isinstance(answer, dict) else []
    else:
        if not asset.record:
            raise NotHeld(f"nobody publishes a checksum of {asset.file_name}")
        answer = _record(f"{ZENODO}/api/records/{asset.record}")
        files = answer.get("files") if isinstance(answer, dict) else None
        listed = [entry for entry in files if isinstance(entry, dict)] if isinstance(files, list) else []
        entries = [entry for entry in listed if entry.get("key") == asset.file_name]
    for entry in entries:
        checksum, told = str(entry.get("checksum", "")), str(entry.get("size", 0))
        size = int(told) if told.isascii() and told.isdigit() else 0
        if checksum.partition(":")[0] in _ALGORITHMS:
            return {"file": asset.file_name, "checksum": checksum, "size": size, "record": asset.record}
    raise NotHeld(f"record {asset.record} names no checksum of {asset.file_name}")


@functools.cache
def _record(url: str) -> Any:
    return download.get_json(url)


def _require_whole(asset: Asset, path: Path) -> None:
    state = verify(asset, path)
    if state.startswith("differs"):
        raise IgsedError(
            f"{path}: {state.removeprefix('differs: ')}; delete the file to fetch it again, or give it as "
            f"{asset.parameter} if it is meant to differ"
        )


def verify(asset: Asset, path: Path) -> str:
    """Hold a file in the cache to its checksum.

    A file put there by hand whose checksum neither the code, nor a note, nor the record can tell is trusted: its MD5 is
    noted, and later copies are held to that.

    Returns
    -------
    str
        "absent", "whole", "noted: ..." or "differs: ..."; the words after it say what.
    """
    if not path.is_file():
        return "absent"
    try:
        algorithm, _, wanted = lookup(asset).checksum.partition(":")
    except FetchError:
        algorithm = ""
    if not algorithm:
        entry = _own_note(asset, path, "md5" if asset.record else "sha256")
        _write_note(_note(asset), {**entry, "by_hand": True})
        compare = f"; compare it with {ZENODO}/records/{asset.record}" if asset.record else ""
        return f"noted: {_spelled(entry['checksum'])}, trusted from now on{compare}"
    found = _hash(path, algorithm)
    if found != wanted:
        return f"differs: its {_spelled(f'{algorithm}:{found}')}, expected {wanted}"
    return "whole"


def _own_note(asset: Asset, path: Path, algorithm: str) -> dict[str, Any]:
    checksum = f"{algorithm}:{_hash(path, algorithm)}"
    return {"file": asset.file_name, "checksum": checksum, "size": path.stat().st_size, "record": asset.record}


def _hash(path: Path, algorithm: str) -> str:
    try:
        return pooch.file_hash(str(path), alg=algorithm)
    except OSError as error:
        raise IgsedError(
            f"{path} cannot be read ({text.reason(error)}): change its permissions, or delete it to fetch it again"
        ) from error


def _spelled(checksum: str) -> str:
    """Return ``sha256:0a`` as "SHA-256 is 0a"."""
    algorithm, _, digest = checksum.partition(":")
    return f"{ {'sha256': 'SHA-256', 'md5': 'MD5'}[algorithm] } is {digest}"
