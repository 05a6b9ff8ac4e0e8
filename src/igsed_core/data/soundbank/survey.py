"""What lies in the folder of a sound bank: the sounds of each class, and what is not used and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from igsed_core.base import names, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, listing
from igsed_core.data.audio import EXTENSIONS, SUFFIXES
from igsed_core.data.soundbank import base
from igsed_core.data.soundbank.base import LAYOUT, POOLS, BankFile, check_complete

# Names that tables use in the column `class` for something else.
_RESERVED = frozenset({"all classes", *names.RESERVED})
# What may lie beside sounds and is no sound that was forgotten.
_DOCUMENTS = frozenset(
    {".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jams", ".yaml", ".yml", ".xml", ".html", ".pdf", ".log"}
    | {".png", ".jpg", ".jpeg", ".svg", ".py", ".sh", ".sha256", ".md5"}
)
_DOCUMENT_NAMES = frozenset({"readme", "license", "licence", "copying", "attribution", "makefile"})


def index_prepared(root: Path) -> base.SoundBank:
    """List the files of a bank that was written in the layout and the rate wanted, and mark it as whole."""
    rows = [
        (file.prepared_path, file.role, file.pool, file.label, audio.duration(file.path), base.digest(file.path))
        for file in list_files(root)
    ]
    return base.write_index(
        root, pd.DataFrame(rows, columns=base.FILE_COLUMNS), pd.DataFrame(columns=base.SKIPPED_COLUMNS)
    )


def list_files(root: Path) -> list[BankFile]:
    """List the audio files of a bank, sorted by their place in the layout; see :func:`survey`."""
    return survey(root)[0]


def survey(root: Path) -> tuple[list[BankFile], dict[Path, str]]:
    """List the audio files of a bank, and what lies among them and is none of it.

    A sound belongs to the class folder that it lies in, however deep. Hidden files and documents are no sounds that
    were forgotten: they are not named.

    Parameters
    ----------
    root : Path
        A bank, prepared or not; its folders may lie in ``root/audio``.

    Returns
    -------
    files : list of BankFile
        Sorted by their place in the layout.
    unused : dict
        Path -> why it is not used.

    Raises
    ------
    IgsedError
        If the folder, one of its parts or every file of a class in one pool is missing, or a folder cannot be read.
    """
    if listing.find_folder(root) is None:
        raise IgsedError(f"sound bank {text.shown(root)}: no such folder; expected {LAYOUT}")
    base = _base(root)
    for part in (*(f"foreground/{pool}" for pool in POOLS), "background"):
        if listing.find_folder(base / part) is None:
            raise IgsedError(f"sound bank {root}: the folder {base / part} is missing; expected {LAYOUT}")
    found: list[BankFile] = []
    unused: dict[Path, str] = {}
    for pool in POOLS:
        files, passed = sort_by_class(base / "foreground" / pool, "foreground", pool)
        found, unused = found + files, unused | passed
    for place in listing.folders(base / "foreground"):
        if place.name not in POOLS:
            sounds = [file.path for file in listing.scan(place).files if file.suffix in EXTENSIONS]
            unused |= dict.fromkeys(sounds, "lies in neither foreground/train nor foreground/eval")
    files, passed = sort_by_class(base / "background", "background", "background")
    found, doubles = with_own_names(found + files)
    classes = _class_folders(base)
    check_complete(root, {(file.pool, file.label) for file in found}, folders=classes)
    names.check_classes(sorted(classes))
    return found, unused | passed | doubles


def _base(root: Path) -> Path:
    """Folder that holds ``foreground`` and ``background``."""
    inner = root / "audio"
    if listing.find_folder(inner / "foreground") and listing.find_folder(root / "foreground"):
        raise IgsedError(f"sound bank {root}: both {root}/foreground and {inner}/foreground are there: remove one")
    without = listing.find_folder(inner) is None or listing.find_folder(root / "foreground") is not None
    return root if without else inner


def class_label(name: str) -> str:
    """Return the name of a class from that of its folder, in the one spelling that tables and the classifier have.

    A class called as the averages are in the tables (``all``) becomes ``all (class)``.

    Raises
    ------
    IgsedError
        If nothing of it can be seen.
    """
    label = text.name(name)
    if not label:
        raise IgsedError(f"sound bank: the class folder {name!r} has no name that can be seen: rename it")
    return f"{label} (class)" if names.folded(label) in _RESERVED else label


def sort_by_class(folder: Path, role: str, pool: str) -> tuple[list[BankFile], dict[Path, str]]:
    """Files of the class folders in a folder, and what is not used there: path -> why."""
    seen = listing.scan(folder)
    found: list[BankFile] = []
    unused = dict(seen.unusable)
    for file in seen.files:
        where = file.path.relative_to(folder).parts
        why = no_sound(file)
        if why is None:
            continue
        if why:
            unused[file.path] = why
        elif len(where) == 1:
            unused[file.path] = "lies in no class folder"
        else:
            label = class_label(where[0]) if role == "foreground" else text.name(where[0])
            found.append(BankFile(file.path, role, pool, label or "background"))
    return found, unused


def no_sound(file: listing.File) -> str | None:
    """Why a file is not read as a sound: empty if it is, None if nobody would expect it."""
    if file.suffix in EXTENSIONS:
        return ""
    if file.suffix in _DOCUMENTS or Path(file.parts[-1]).stem.casefold() in _DOCUMENT_NAMES:
        return None
    return f"not read as audio ({file.suffix or 'no suffix'}): convert it to wav or flac"


def with_own_names(files: Iterable[BankFile]) -> tuple[list[BankFile], dict[Path, str]]:
    """Give every file a prepared name of its own.

    Of files in one folder whose names differ only in the suffix, or only in how Unicode spells them, the first in the
    order of :data:`igsed_core.data.audio.SUFFIXES` is kept: most likely they hold the same recording. Files of the same
    name in several folders of a class all stay.

    Returns
    -------
    files : list of BankFile
        In their order.
    left_out : dict
        Path -> why.
    """
    files = list(files)
    best: dict[tuple[Path, str], BankFile] = {}
    for file in files:
        key = (file.path.parent, file.prepared_path)
        if key not in best or _preference(file) < _preference(best[key]):
            best[key] = file
    kept = [file for file in files if best[file.path.parent, file.prepared_path] is file]
    left_out = {
        file.path: f"named as {text.shown(best[file.path.parent, file.prepared_path].path.name)} but for the suffix"
        for file in files
        if best[file.path.parent, file.prepared_path] is not file
    }
    counts = Counter(file.prepared_path for file in kept)
    taken: set[str] = {path for path, n in counts.items() if n == 1}
    return [file if counts[file.prepared_path] == 1 else _renamed(file, taken) for file in kept], left_out


def _preference(file: BankFile) -> tuple[int, str]:
    suffix = file.path.suffix.lower()
    return (SUFFIXES.index(suffix) if suffix in SUFFIXES else len(SUFFIXES), file.path.name)


def _renamed(file: BankFile, taken: set[str]) -> BankFile:
    """Name a file by its folder, too, and by a number where that does not do."""
    stem = f"{file.path.stem}_{file.path.parent.name}"
    for number in range(1, len(taken) + 3):
        renamed = replace(file, stem=stem if number == 1 else f"{number}_{stem}")
        if renamed.prepared_path not in taken:
            break
    taken.add(renamed.prepared_path)
    return renamed


def _class_folders(base: Path) -> set[str]:
    """Names of the class folders of both pools, empty ones included."""
    return {class_label(folder.name) for pool in POOLS for folder in listing.folders(base / "foreground" / pool)}
