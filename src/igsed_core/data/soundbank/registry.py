"""The registry of sound banks: isolated sounds in two pools and common backgrounds.

A bank is generated or fetched by its name, or read from a folder in a layout that one of them knows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from igsed_core.base import names, plugins, store, text
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import data_dir
from igsed_core.base.registry import Entry, Registry
from igsed_core.data import listing

if TYPE_CHECKING:
    from igsed_core.data.soundbank.base import Bank, SoundBank, Wanted


@dataclass(frozen=True, kw_only=True)
class BankEntry(Entry):
    """One sound bank; ``target`` is a class as :class:`igsed_core.data.soundbank.base.Bank` describes it.

    Attributes
    ----------
    named
        It is there without a folder: generated, or fetched.
    folders
        It reads folders of its layout.
    """

    named: bool = True
    folders: bool = False


# A folder is read by the first that knows its layout.
BANKS = Registry(
    "sound bank",
    plugins.BANKS,
    {
        "procedural": BankEntry(target="igsed_core.data.soundbank.procedural:Procedural", title="Procedural"),
        "desed": BankEntry(target="igsed_core.data.soundbank.desed:Desed", title="DESED", folders=True),
        "real": BankEntry(target="igsed_core.data.soundbank.real:Real", title="Real recordings"),
        "folder": BankEntry(
            target="igsed_core.data.soundbank.folder:Folder", title="Scaper's layout", named=False, folders=True
        ),
    },
)
_OWN = "desed"  # the default of background_source: what the bank has
_LAST = "folder"  # it knows any folder, so it is asked after those of installed packages


def available() -> list[str]:
    """Names of the banks that are generated or fetched; any other name is the path of a folder bank."""
    return sorted(name for name, entry in BANKS.items() if entry.named)


def used(name_or_path: str) -> tuple[str, ...]:
    """Names of the entries that may have a say: the bank of that name, or all that read folders."""
    if name_or_path in available():
        return (name_or_path,)
    return tuple(name for name, entry in BANKS.items() if entry.folders)


def fingerprint(name_or_path: str, *, seed: int, sample_rate: int, **sizes: int | str) -> str:
    """Return a cheap key that changes when the bank's content does.

    For a generated bank: of its arguments and the generator's code. For a folder: of the names, sizes and
    modification times of its files. For a fetched bank: of its name.

    Parameters
    ----------
    name_or_path, seed, sample_rate, **sizes
        See :func:`prepare`.

    Raises
    ------
    IgsedError
        If there is no such bank.
    """
    bank, wanted = _find(name_or_path, seed, sample_rate, sizes)
    return bank.fingerprint(wanted)


def prepare(
    name_or_path: str, *, seed: int, sample_rate: int, cache_dir: Path, workers: int, **sizes: int | str
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
        Processes; 0 means one per core.
    **sizes
        ``n_train, n_eval, n_background, background_source`` of :class:`igsed_core.data.soundbank.base.Wanted`.

    Raises
    ------
    IgsedError
        If there is no such bank or it lacks something; the message says what.
    """
    bank, wanted = _find(name_or_path, seed, sample_rate, sizes)
    try:
        with _one_at_a_time(cache_dir):  # the jobs of a sweep all begin with the same bank
            prepared = bank.prepare(wanted, cache_dir=cache_dir, workers=workers)
        names.check_classes(prepared.classes)
        return prepared
    except OSError as error:
        where = getattr(error, "filename", None) or cache_dir
        raise IgsedError(
            f"sound bank {text.shown(name_or_path)} cannot be prepared in {cache_dir} ({text.shown(where)}: "
            f"{text.reason(error)}): make that folder writable, or set IGSED_DATA_DIR to one that is"
        ) from error


@contextlib.contextmanager
def _one_at_a_time(cache_dir: Path) -> Iterator[None]:
    guard = FileLock(cache_dir / ".lock")
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        store.acquire(guard, f"another run prepares sounds in {cache_dir}")
    except OSError:  # a cache that may be read only
        yield
        return
    try:
        yield
    finally:
        guard.release()


def prepare_for(params: Any) -> SoundBank:
    """Return the bank that parameters describe, from the project's cache if it was prepared before.

    Parameters
    ----------
    params
        Those of the data synthesis: ``soundbank, seed, sample_rate, workers, bank_train_files, bank_eval_files,
        bank_backgrounds, background_source``.

    Raises
    ------
    IgsedError
        As :func:`prepare`.
    """
    return prepare(
        params.soundbank,
        seed=params.seed,
        sample_rate=params.sample_rate,
        cache_dir=data_dir() / "soundbanks",
        workers=params.workers,
        n_train=params.bank_train_files,
        n_eval=params.bank_eval_files,
        n_background=params.bank_backgrounds,
        background_source=params.background_source,
    )


def check_for(params: Any) -> tuple[str, ...] | None:
    """Look at the bank that parameters describe without preparing it, in a second or two.

    Parameters
    ----------
    params
        Those of the data synthesis: see :func:`prepare_for`, and ``duration``.

    Returns
    -------
    tuple of str or None
        Its classes; None where the bank does not say them before it is prepared.

    Raises
    ------
    IgsedError
        If it lacks something; the message says what.
    """
    sizes: dict[str, int | str] = {"background_source": params.background_source}
    bank, wanted = _find(params.soundbank, params.seed, params.sample_rate, sizes)
    if params.background_source != _OWN and not getattr(bank, "takes_backgrounds", False):
        raise IgsedError(
            f"parameter 'background_source' is {params.background_source!r}, which only the bank 'desed' takes: sound "
            f"bank {params.soundbank!r} has its own backgrounds; leave background_source={_OWN}"
        )
    look = getattr(bank, "check", None)
    if look is None:
        return None
    classes: tuple[str, ...] = look(wanted, params.duration)
    names.check_classes(classes)
    return classes


def _find(name_or_path: str, seed: int, sample_rate: int, sizes: dict[str, int | str]) -> tuple[Bank, Wanted]:
    from igsed_core.data.soundbank.base import Wanted

    bank, place = _bank(name_or_path)
    return bank, Wanted(place, seed, sample_rate, **sizes)  # type: ignore[arg-type]


def _bank(name_or_path: str) -> tuple[Bank, Path | None]:
    """Return the bank, and the folder that holds it: None for one that is generated or fetched."""
    if name_or_path in available():
        return BANKS.load(name_or_path)(), None
    from igsed_core.data.soundbank.base import LAYOUT  # here, so that listing banks loads no reader of audio

    place = listing.find_folder(name_or_path)
    if place is None:
        raise IgsedError(
            f"sound bank {name_or_path!r}: no such folder, and no bank of that name. Parameter 'soundbank' is one of "
            f"{', '.join(available())} or the path of a folder with {LAYOUT}"
        )
    made = (BANKS.load(name)() for name in sorted(used(name_or_path), key=lambda name: name == _LAST))
    return next(bank for bank in made if bank.knows(place)), place
