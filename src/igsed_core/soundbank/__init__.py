"""Sound banks: isolated sounds in two pools and common backgrounds, from a generator or from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import soundfile

from igsed_core.errors import IgsedError
from igsed_core.soundbank import base, folder
from igsed_core.soundbank.base import SoundBank

__all__ = ["SoundBank", "available", "fingerprint", "prepare"]


def _write_procedural(root: Path, **arguments: int) -> None:
    from igsed_core.soundbank.procedural import write_bank

    write_bank(root, **arguments)


# Name -> (module that holds the generator, function that writes a bank in Scaper's layout).
_GENERATORS: dict[str, tuple[str, Callable[..., None]]] = {
    "procedural": ("igsed_core.soundbank.procedural", _write_procedural),
}


def available() -> list[str]:
    """Names of the banks that are generated; any other name is the path of a folder bank."""
    return sorted(_GENERATORS)


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
) -> str:
    """Return a cheap key that changes when the bank's content does.

    For a generated bank: of its arguments and the generator's code. For a folder: of the names, sizes and
    modification times of its files.

    Raises
    ------
    IgsedError
        If there is no such bank.
    """
    if name_or_path not in _GENERATORS:
        return folder.fingerprint(_check_path(name_or_path), sample_rate)
    spec = find_spec(_GENERATORS[name_or_path][0])
    if spec is None or spec.origin is None:
        raise IgsedError(f"sound bank {name_or_path!r}: its module is missing: install the package again")
    arguments = (seed, sample_rate, n_train, n_eval, n_background)
    code = Path(spec.origin).read_bytes()
    return hashlib.sha256(repr((name_or_path, arguments)).encode() + code).hexdigest()[:16]


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
) -> SoundBank:
    """Return a bank ready for Scaper, from the cache if it was prepared before.

    Parameters
    ----------
    name_or_path : str
        A generated bank (see :func:`available`), or the path of a folder bank.
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

    Raises
    ------
    IgsedError
        If there is no such bank or it lacks something; the message says what.
    """
    if name_or_path not in _GENERATORS:
        path = _check_path(name_or_path)
        return folder.prepare(path, sample_rate=sample_rate, cache_dir=cache_dir, workers=workers)
    sizes = {"n_train": n_train, "n_eval": n_eval, "n_background": n_background}
    key = fingerprint(name_or_path, seed=seed, sample_rate=sample_rate, **sizes)
    root = cache_dir.resolve() / f"{name_or_path}-{key}"
    cached = base.load(root)
    if cached is not None:
        return cached
    _GENERATORS[name_or_path][1](root, seed=seed, sample_rate=sample_rate, workers=workers, **sizes)
    rows = [
        (
            str(file.path.relative_to(root).as_posix()),
            file.role,
            file.pool,
            file.label,
            soundfile.info(file.path).frames / soundfile.info(file.path).samplerate,
            base.digest(file.path),
        )
        for file in base.list_files(root)
    ]
    return base.write_index(
        root, pd.DataFrame(rows, columns=base.FILE_COLUMNS), pd.DataFrame(columns=base.SKIPPED_COLUMNS)
    )
