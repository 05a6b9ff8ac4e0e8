"""What `igsed fetch` does: files fetched, unpacked, verified, or only told of."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import data_dir
from igsed_core.data import archives, assets, listing
from igsed_core.data.catalogue import GROUPS, REGISTRY
from igsed_core.data.download import FetchError, size_text
from igsed_core.data.soundbank import real

EVERYTHING = "all"
NAMES = (*GROUPS, EVERYTHING)
# Folders in the cache.
UNPACKED = {
    "desed": "desed",
    "avp": "avp",
    "urban_sed": "urban_sed",
    "urbansound8k": "urbansound8k",
    "fsdkaggle2018": "fsdkaggle2018",
    "real": real.FOLDER,
    "backgrounds": "sins",
}


def groups(names: Sequence[str]) -> list[str]:
    """Return the groups that names stand for, in the order of `catalogue.GROUPS`."""
    return [name for name in GROUPS if EVERYTHING in names or name in names]


def fetch(group: str) -> Path:
    """Fetch a group of files and unpack what is packed; what is there already is left as it is.

    Returns
    -------
    Path
        The file of weights, or the folder of sounds.

    Raises
    ------
    IgsedError
        As `assets.fetch` and `archives.unpack` do.
    """
    if group == "desed":
        return desed()
    if group == "avp":
        return avp()
    if group == "fsdkaggle2018":
        return fsdkaggle2018()
    if group == "urban_sed":
        return urban_sed()
    if group == "urbansound8k":
        return urbansound8k()
    if group == "real":
        return real.fetched()
    if group == "backgrounds":
        return sins()
    return [assets.fetch(name) for name in GROUPS[group]][-1]


def desed() -> Path:
    """Folder of the DESED sound bank, as its archive has it, with the official validation list beside it."""
    validation_list()
    folder = data_dir() / UNPACKED["desed"]
    if not _holds_something(folder):
        archives.unpack(assets.fetch("desed"), folder)
    return folder


def avp() -> Path:
    """Folder of the Amateur Vocal Percussion data set, its annotations beside the takes."""
    folder = data_dir() / UNPACKED["avp"]
    if not _holds_something(folder):
        archives.unpack(assets.fetch("avp"), folder, tables=True)
    return folder


def fsdkaggle2018() -> Path:
    """Folder of FSDKaggle2018: its tables, training clips and test clips side by side, an archive in a folder each."""
    folder = data_dir() / UNPACKED["fsdkaggle2018"]
    for name in GROUPS["fsdkaggle2018"]:
        part = name.removeprefix("fsdkaggle2018_")
        place = folder / f"FSDKaggle2018.{part}"
        if not _holds_something(place):
            packed = folder / f"{part}.unpacked"  # the archive brings a folder of its own
            shutil.rmtree(packed, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            archives.unpack(assets.fetch(name), packed, tables=True, at_least=0 if part == "meta" else 1)
            inner = packed / place.name
            (inner if inner.is_dir() else packed).rename(place)
            shutil.rmtree(packed, ignore_errors=True)
    return folder


def urban_sed() -> Path:
    """Folder of URBAN-SED, its annotations beside the soundscapes."""
    folder = data_dir() / UNPACKED["urban_sed"]
    if not _holds_something(folder):
        archives.unpack(assets.fetch("urban_sed"), folder, tables=True)
    return folder


def urbansound8k() -> Path:
    """Folder of UrbanSound8K, its table of clips and folds beside the audio."""
    folder = data_dir() / UNPACKED["urbansound8k"]
    if not _holds_something(folder):
        archives.unpack(assets.fetch("urbansound8k"), folder, tables=True)
    return folder


def validation_list() -> Path | None:
    """Return DESED's list of the training files that are meant for validation, or None where its record holds none.

    Warns
    -----
    UserWarning
        If there is none.
    """
    try:
        return assets.fetch("desed_validation")
    except IgsedError as error:
        if not isinstance(error.__cause__, assets.NotHeld):
            raise
        warnings.warn(f"no official validation list is left out of training: {error.__cause__}", stacklevel=2)
        return None


def sins() -> Path:
    """Folder of the SINS recordings of class "other", the backgrounds of DESED's training soundscapes.

    One archive at a time is fetched, unpacked and deleted: the disk never holds more than one.
    """
    folder = data_dir() / UNPACKED["backgrounds"]
    names = GROUPS["backgrounds"][1:]
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        wanted = _sins_others(assets.fetch("sins_meta"))
        for name in missing:
            archive = assets.fetch(name)
            archives.unpack(archive, folder / name, keep=lambda path: path.name in wanted, at_least=0)
            archive.unlink()
    return folder


def _sins_others(archive: Path) -> set[str]:
    """Names of the files of class "other" (someone at home, none of the other eight activities)."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            (member,) = [name for name in zipped.namelist() if Path(name).name == "meta.txt"]
            lines = text.decode(zipped.read(member), f"{archive}: {member}").split("\n")
    except (zipfile.BadZipFile, ValueError, RuntimeError, OSError) as error:
        raise IgsedError(f"{archive} is damaged or holds no meta.txt: delete it and fetch it again") from error
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines]
    return {Path(row[0]).name for row in rows if len(row) > 1 and row[1] == "other"}


def _unpacked(name: str) -> bool:
    part = name.removeprefix("fsdkaggle2018_")
    one_of_many = (
        f"{UNPACKED['backgrounds']}/{name}" if part == name else f"{UNPACKED['fsdkaggle2018']}/FSDKaggle2018.{part}"
    )
    return _holds_something(data_dir() / UNPACKED.get(name, one_of_many))


def _holds_something(folder: Path) -> bool:
    """Whether an archive was unpacked into a folder: an emptied one is none that was.

    Raises
    ------
    IgsedError
        If a file is in its place.
    """
    if folder.is_file():
        raise IgsedError(f"{folder} is a file where a folder is to be: move it")
    return listing.find_folder(folder) is not None and any(True for _ in folder.iterdir())


def state(name: str, *, check: bool) -> str:
    """Say in a few words how a file stands; with ``check`` its checksum is computed."""
    asset = REGISTRY[name]
    path = data_dir() / asset.file_name
    if not path.is_file():
        part = path.with_name(f"{path.name}.part")
        begun = f"begun, {size_text(part.stat().st_size)}" if part.is_file() else "absent"
        return "unpacked, archive not kept" if _unpacked(name) else begun
    try:
        found = assets.verify(asset, path) if check else "there"
    except FetchError as error:
        return f"not verified: {error}"
    return found + (", unpacked" if _unpacked(name) else "")


def describe(names: Sequence[str]) -> str:
    """Say what would be fetched: size, licence, from where, to where, and what is there already."""
    lines, total, unknown, unreachable = [], 0, 0, ""
    for group in names:
        unpacked = f", unpacked into {UNPACKED[group]}" if group in UNPACKED else ""
        lines.append(f"{group} -> {data_dir()}{unpacked}")
        for name in GROUPS[group]:
            asset = REGISTRY[name]
            size = asset.size
            if not (size or unreachable):
                try:
                    size = assets.lookup(asset, remember=False).size
                except FetchError as error:
                    unreachable = str(error)
            total += size
            unknown += not size
            shown = size_text(size) if size else "size unknown"
            lines += [
                f"  {asset.file_name}: {shown}, {asset.licence}, {state(name, check=False)}",
                f"    from {assets.source(asset)}",
            ]
    of_unknown = f"{unknown} {'file' if unknown == 1 else 'files'} of unknown size"
    parts = [*([size_text(total)] if total or not unknown else []), *([of_unknown] if unknown else [])]
    lines.append(f"together {' and '.join(parts)}")
    if unreachable:
        lines.append(f"the record that knows the sizes did not answer ({unreachable})")
    return "\n".join(lines)


def verify(names: Sequence[str]) -> str:
    """Hold every file of some groups to its checksum.

    Returns
    -------
    str
        One line per file.

    Raises
    ------
    IgsedError
        If one is absent or differs; the message holds all lines.
    """
    states = {name: state(name, check=True) for group in names for name in GROUPS[group]}
    lines = [f"{REGISTRY[name].file_name}: {text}" for name, text in states.items()]
    bad = [name for name, text in states.items() if text.startswith(("absent", "begun", "differs", "not verified"))]
    if bad:
        raise IgsedError(
            "\n".join([f"{len(bad)} of {len(lines)} files in {data_dir()} are not whole", *lines, _remedy(bad)])
        )
    return "\n".join(lines)


def _remedy(bad: Sequence[str]) -> str:
    asked = [group for group, names in GROUPS.items() if set(names) & set(bad)]
    return (
        f"delete those that differ, then run `igsed fetch {' '.join(asked)}`, or put the files there by hand: the "
        "dry run (--dry-run) names their addresses"
    )
