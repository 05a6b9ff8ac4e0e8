"""Sound banks made from a folder of recordings: checked, mixed down, resampled once, cached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.base.parallel import parallel_map
from igsed_core.data import audio, listing
from igsed_core.data.soundbank import base, survey

# Scaper sets every level by loudness, so the peak is free. Below full scale, so that neither resampling
# nor the 24-bit file clips, and far above Scaper's floor of -70 LUFS, below which its SNR would be wrong.
PEAK = 10 ** (-1 / 20)
SHORTEST = 0.02  # s; Scaper fades each event in and out over 10 ms
_VERSION = 3  # raised when the preparation changes


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
            sound = audio.read_sound(job.source, job.sample_rate)
        except IgsedError:
            return _Prepared(reason="unreadable")
        if sound.fault:
            return _Prepared(reason=sound.fault)
        if sound.samples.size < round(SHORTEST * job.sample_rate):
            return _Prepared(reason=f"shorter than {1000 * SHORTEST:g} ms")
        peak = float(np.abs(sound.samples).max())
        if not peak > audio.SILENCE:  # all of it lay above what the new rate can hold
            return _Prepared(reason=f"silent at {job.sample_rate} Hz")
        audio.write(job.target, sound.samples * (PEAK / peak), job.sample_rate)
    return _Prepared(audio.duration(job.target), base.digest(job.target))


def fingerprint(path: Path, sample_rate: int) -> str:
    """Return a key of a folder bank's content: relative paths, sizes and modification times.

    Raises
    ------
    IgsedError
        If the folder is not a bank.
    """
    files, unused = survey.survey(path)
    key = hashlib.sha256(f"{sample_rate} {_VERSION}".encode())
    for place in [*(file.path for file in files), *unused]:
        key.update(listing.stamp(place, path))
    key.update(repr(sorted(unused.values())).encode())
    return key.hexdigest()[:16]


class Folder:
    """Any folder in Scaper's layout, as the registry takes it (:class:`igsed_core.data.soundbank.base.Bank`)."""

    def knows(self, place: Path) -> bool:
        """Any folder: what it lacks is said when it is read."""
        return True

    def fingerprint(self, wanted: base.Wanted) -> str:
        """See :func:`fingerprint`."""
        return fingerprint(_place(wanted), wanted.sample_rate)

    def check(self, wanted: base.Wanted, duration: float) -> tuple[str, ...]:
        """Look at the bank before it is prepared, and return its classes.

        Raises
        ------
        IgsedError
            If no sound of a class can be used in a pool.
        """
        root = _place(wanted)
        files, _ = survey.survey(root)
        classes = {file.label for file in files if file.role == "foreground"}
        base.check_usable(root, files, classes, duration)
        return tuple(sorted(classes))

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
        Processes; 0 means one per core.

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
    sources, unused = survey.survey(path)
    classes = {file.label for file in sources if file.pool == "train"}
    return prepare_files(
        path,
        sources,
        {},
        target=root,
        sample_rate=sample_rate,
        workers=workers,
        classes=classes,
        unused=unused,
    )


def prepare_files(
    path: Path,
    sources: list[base.BankFile],
    left_out: dict[Path, str],
    *,
    target: Path,
    sample_rate: int,
    workers: int,
    classes: set[str],
    unused: dict[Path, str] | None = None,
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
        Processes; 0 means one per core.
    classes : set of str
        Classes that need a usable file in both pools.
    unused : dict, optional
        Path -> reason of what lies among the files and cannot be used: warned of, as what turns out to be unusable.

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
    rows: list[tuple[object, ...]] = []
    present: set[tuple[str, str]] = set()
    skipped = [(_relative(file, path), reason) for file, reason in (unused or {}).items()]
    for file, result in zip(sources, prepared, strict=True):
        if result.reason:
            skipped.append((_relative(file.path, path), result.reason))
        else:
            present.add((file.pool, file.label))
            rows.append((file.prepared_path, file.role, file.pool, file.label, result.duration, result.sha256))
    try:
        base.check_complete(path, present, classes)
    except IgsedError as error:
        raise IgsedError(f"{error}. Skipped: {base.name_skipped(skipped)}") from None
    base.warn_of_skipped(path, skipped, len(sources) + len(unused or {}))
    skipped += [(_relative(file, path), reason) for file, reason in left_out.items()]
    return base.write_index(
        target,
        pd.DataFrame(rows, columns=base.FILE_COLUMNS),
        pd.DataFrame(skipped, columns=base.SKIPPED_COLUMNS),
    )


def _relative(path: Path, root: Path) -> str:
    return text.shown(path.relative_to(root) if path.is_relative_to(root) else path)
