"""Sound banks: isolated sounds in two pools and common backgrounds, generated, fetched or from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from igsed_core.data import audio
from igsed_core.base.errors import IgsedError
from igsed_core.data.soundbank import base, desed, folder
from igsed_core.data.soundbank.base import SoundBank

__all__ = ["SoundBank", "available", "fingerprint", "prepare"]


def _write_procedural(root: Path, **arguments: Any) -> None:
    from igsed_core.data.soundbank.procedural import write_bank

    write_bank(root, **arguments)


# Name -> function that writes a bank in Scaper's layout.
_GENERATORS: dict[str, Callable[..., None]] = {"procedural": _write_procedural}


def _generator_code() -> bytes:
    """Code of the generators: that of this package without the part that reads banks."""
    package = Path(__file__).parent
    reading = {package / name for name in ("__init__.py", "registry.py", "base.py", "desed.py", "folder.py")}
    return b"".join(path.read_bytes() for path in sorted(set(package.rglob("*.py")) - reading))


def available() -> list[str]:
    """Names of the banks that are generated or fetched; any other name is the path of a folder bank."""
    return sorted([*_GENERATORS, desed.NAME])


def _desed_folder(name: str) -> tuple[bool, Path | None]:
    """Whether a bank is DESED's, and the folder that it lies in; None for the published one."""
    if name == desed.NAME:
        return True, None
    path = Path(name).expanduser()
    return (True, path.resolve()) if desed.find_root(path) else (False, None)


def _check_path(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_dir():
        raise IgsedError(
            f"sound bank {name!r}: no such folder, and no bank of that name. Parameter 'soundbank' is one of "
            f"{', '.join(available())} or the path of a folder with {base.LAYOUT}"
        )
    return path.resolve()


def fingerprint(
    name_or_path: str,
    *,
    seed: int,
    sample_rate: int,
    n_train: int = 60,
    n_eval: int = 25,
    n_background: int = 20,
    background_source: str = desed.OWN,
) -> str:
    """Return a cheap key that changes when the bank's content does.

    For a generated bank: of its arguments and the generator's code. For a folder: of the names, sizes and
    modification times of its files. For a fetched bank: of its name.

    Raises
    ------
    IgsedError
        If there is no such bank.
    """
    if name_or_path not in _GENERATORS:
        is_desed, place = _desed_folder(name_or_path)
        if is_desed:
            return desed.fingerprint(place, sample_rate, background_source)
        return folder.fingerprint(_check_path(name_or_path), sample_rate)
    arguments = (name_or_path, seed, sample_rate, n_train, n_eval, n_background)
    return hashlib.sha256(repr(arguments).encode() + _generator_code()).hexdigest()[:16]


def prepare(
    name_or_path: str,
    *,
    seed: int,
    sample_rate: int,
    cache_dir: Path,
    workers: int,
    n_train: int = 60,
    n_eval: int = 25,
    n_background: int = 20,
    background_source: str = desed.OWN,
) -> SoundBank:
    """Return a bank ready for Scaper, from the cache if it was prepared before.

    Parameters
    ----------
    name_or_path : str
        A generated or fetched bank (see :func:`available`), or the path of a folder: a bank, or DESED's layout.
    seed : int
        Seed of a generated bank.
    sample_rate : int
        Rate of the prepared files, in Hz.
    cache_dir : Path
        Folder of prepared banks.
    workers : int
        Processes; 0 means one a core.
    n_train, n_eval : int
        Files a class in the pools of a generated bank.
    n_background : int
        Background files of a generated bank.
    background_source : str
        Backgrounds of the bank "desed": "desed" (its own), "sins" (fetched) or the path of a folder.

    Raises
    ------
    IgsedError
        If there is no such bank or it lacks something; the message says what.
    """
    if name_or_path not in _GENERATORS:
        is_desed, place = _desed_folder(name_or_path)
        if is_desed:
            return desed.prepare(
                place,
                sample_rate=sample_rate,
                cache_dir=cache_dir,
                workers=workers,
                background_source=background_source,
            )
        path = _check_path(name_or_path)
        return folder.prepare(path, sample_rate=sample_rate, cache_dir=cache_dir, workers=workers)
    sizes = {"n_train": n_train, "n_eval": n_eval, "n_background": n_background}
    key = fingerprint(name_or_path, seed=seed, sample_rate=sample_rate, background_source=background_source, **sizes)
    root = cache_dir.resolve() / f"{name_or_path}-{key}"
    cached = base.load(root)
    if cached is not None:
        return cached
    _GENERATORS[name_or_path](root, seed=seed, sample_rate=sample_rate, workers=workers, **sizes)
    rows = [
        (file.prepared_path, file.role, file.pool, file.label, audio.duration(file.path), base.digest(file.path))
        for file in base.list_files(root)
    ]
    return base.write_index(
        root, pd.DataFrame(rows, columns=base.FILE_COLUMNS), pd.DataFrame(columns=base.SKIPPED_COLUMNS)
    )
