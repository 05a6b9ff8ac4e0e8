"""Sound banks made from a folder of recordings: checked, mixed down, resampled once, cached."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import parallel_map
from igsed_core.data import audio
from igsed_core.data.soundbank import base

# Scaper sets every level by loudness, so the peak is free. Below full scale, so that neither resampling
# nor the 24-bit file clips, and far above Scaper's floor of -70 LUFS, below which its SNR would be wrong.
PEAK = 10 ** (-1 / 20)
SILENCE = 1e-5  # -100 dBFS


@dataclass(frozen=True)
class _Job:
    source: Path
    target: Path
    sample_rate: int


@dataclass(frozen=True)
class _Prepared:
    duration: float = 0.0
    sha256: str = ""
    reason: str = ""  # why the file was skipped


def _prepare_file(job: _Job) -> _Prepared:
    """Write one prepared file, unless it is there; say why if it cannot be used."""
    if not job.target.exists():
        try:
            samples = audio.read_mono(job.source, job.sample_rate)
        except IgsedError:
            return _Prepared(reason="unreadable")
        if samples.size == 0:
            return _Prepared(reason="empty")
        if not np.isfinite(samples).all():
            return _Prepared(reason="holds NaN or infinite samples")
        peak = float(np.abs(samples).max())
        if peak < SILENCE:
            return _Prepared(reason="silent")
        audio.write(job.target, samples * (PEAK / peak), job.sample_rate)
    return _Prepared(audio.duration(job.target), base.digest(job.target))


def fingerprint(path: Path, sample_rate: int) -> str:
    """Return a key of a folder bank's content: relative paths, sizes and modification times.

    Raises
    ------
    IgsedError
        If the folder is not a bank.
    """
    key = hashlib.sha256(f"{sample_rate}".encode())
    for file in base.list_files(path):
        status = file.path.stat()
        key.update(f"{file.path.relative_to(path)}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return key.hexdigest()[:16]


class Folder:
    """Any folder in Scaper's layout, as the registry takes it (:class:`igsed_core.data.soundbank.base.Bank`)."""

    def knows(self, place: Path) -> bool:
        """Any folder: what it lacks is said when it is read."""
        return True

    def fingerprint(self, wanted: base.Wanted) -> str:
        """See :func:`fingerprint`."""
        return fingerprint(_place(wanted), wanted.sample_rate)

    def prepare(self, wanted: base.Wanted, *, cache_dir: Path, workers: int) -> base.SoundBank:
        """See :func:`prepare`."""
        return prepare(_place(wanted), sample_rate=wanted.sample_rate, cache_dir=cache_dir, workers=workers)


def _place(wanted: base.Wanted) -> Path:
    if wanted.place is None:
        raise IgsedError(f"a sound bank in a folder needs the folder's path: expected {base.LAYOUT}")
    return wanted.place


def prepare(path: Path, *, sample_rate: int, cache_dir: Path, workers: int) -> base.SoundBank:
    """Prepare a folder bank: mono, one sample rate, peak -1 dBFS, 24-bit WAV in the cache.

    A second call with the same files reads the cache; an interrupted call is taken up where it stopped.

    Parameters
    ----------
    path : Path
        Bank in the layout ``foreground/{train,eval}/<Class>/*`` and ``background/<label>/*``.
    sample_rate : int
        Rate of the prepared files, in Hz.
    cache_dir : Path
        Folder of prepared banks.
    workers : int
        Processes; 0 means one a core.

    Raises
    ------
    IgsedError
        If the folder is not a bank, or a class has no usable file left in a pool.

    Warns
    -----
    UserWarning
        Once, with the number and the names of the files that were skipped.
    """
    path = path.expanduser().resolve()
    key = hashlib.sha256(f"{path}|{fingerprint(path, sample_rate)}".encode()).hexdigest()[:16]
    root = cache_dir.resolve() / f"folder-{key}"
    cached = base.load(root)
    if cached is not None:
        return cached
    sources = base.list_files(path)
    classes = {file.label for file in sources if file.pool == "train"}
    return prepare_files(path, sources, {}, target=root, sample_rate=sample_rate, workers=workers, classes=classes)


def prepare_files(
    path: Path,
    sources: list[base.BankFile],
    left_out: dict[Path, str],
    *,
    target: Path,
    sample_rate: int,
    workers: int,
    classes: set[str],
) -> base.SoundBank:
    """Prepare the files of a bank of any layout.

    Parameters
    ----------
    path : Path
        Folder that holds them all or, for the message and the index, most of them.
    sources : list of BankFile
        What to prepare.
    left_out : dict
        Path -> reason of files that were left out before.
    target : Path
        Folder of the prepared bank.
    sample_rate : int
        Rate of the prepared files, in Hz.
    workers : int
        Processes; 0 means one a core.
    classes : set of str
        Classes that need a usable file in both pools.

    Raises
    ------
    IgsedError
        If a class has none.

    Warns
    -----
    UserWarning
        Once, with the number and the names of the files that could not be used.
    """
    jobs = [_Job(file.path, target / file.prepared_path, sample_rate) for file in sources]
    prepared = parallel_map(_prepare_file, jobs, workers=workers, desc="preparing the sound bank")
    rows, skipped = [], []
    for file, result in zip(sources, prepared, strict=True):
        if result.reason:
            skipped.append((_relative(file.path, path), result.reason))
        else:
            place = (file.prepared_path, file.role, file.pool, file.label)
            rows.append((*place, result.duration, result.sha256))
    try:
        base.check_complete(path, {(row[2], row[3]) for row in rows}, classes)
    except IgsedError as error:
        raise IgsedError(f"{error}. Skipped: {_listing(skipped)}") from None
    if skipped:
        warnings.warn(
            f"sound bank {path}: {len(skipped)} of {len(sources)} audio files were skipped: {_listing(skipped)}",
            stacklevel=2,
        )
    skipped += [(_relative(file, path), reason) for file, reason in left_out.items()]
    return base.write_index(
        target,
        pd.DataFrame(rows, columns=base.FILE_COLUMNS),
        pd.DataFrame(skipped, columns=base.SKIPPED_COLUMNS),
    )


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _listing(skipped: list[tuple[str, str]], most: int = 10) -> str:
    """Name the first files with their reasons."""
    names = [f"{name} ({reason})" for name, reason in skipped[:most]]
    return ", ".join(names) + (f" and {len(skipped) - most} more" if len(skipped) > most else "")
