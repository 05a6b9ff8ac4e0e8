"""A prepared sound bank: files in Scaper's layout and the table that lists them."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from igsed_core.base import text
from igsed_core.base.errors import IgsedError
from igsed_core.base.files import write_table
from igsed_core.data import audio

FILE_COLUMNS = ["path", "role", "pool", "label", "duration", "sha256"]
SKIPPED_COLUMNS = ["path", "reason"]
POOLS = ("train", "eval")
LAYOUT = (
    "foreground/train/<Class>/*, foreground/eval/<Class>/* and background/<label>/* "
    "(wav, flac, ogg, mp3, aiff and what else libsndfile reads; a folder audio/ around them is accepted)"
)


@dataclass(frozen=True)
class SoundBank:
    """Isolated sounds ready for Scaper.

    Attributes
    ----------
    root : Path
        Folder with ``foreground/<pool>/<Class>/*.wav`` and ``background/<label>/*.wav``: mono, one rate.
    files : pd.DataFrame
        ``path`` (relative to ``root``), ``role`` (foreground, background), ``pool`` (train, eval,
        background), ``label``, ``duration`` (s), ``sha256`` (of the prepared file).
    skipped : pd.DataFrame
        ``path`` (in the source bank) and ``reason`` of the files left out.
    """

    root: Path
    files: pd.DataFrame
    skipped: pd.DataFrame

    @property
    def classes(self) -> tuple[str, ...]:
        """Foreground classes, sorted."""
        return tuple(sorted(self.files.loc[self.files["role"] == "foreground", "label"].unique()))

    def fitting(self, duration: float) -> SoundBank:
        """Leave out the events that are longer than a soundscape, and list them as skipped.

        Parameters
        ----------
        duration : float
            Length of the soundscapes in s.

        Raises
        ------
        IgsedError
            If a class has none left in a pool.
        """
        too_long = (self.files["role"] == "foreground") & (self.files["duration"] > duration)
        if not too_long.any():
            return self
        kept, left = self.files[~too_long].reset_index(drop=True), self.files[too_long]
        why = [f"longer than the soundscape ({length:.2f} s of {duration:g} s)" for length in left["duration"]]
        there = set(zip(kept["pool"], kept["label"], strict=True))
        for row in left.itertuples():
            if (row.pool, row.label) not in there:
                raise IgsedError(
                    f"every file of foreground/{row.pool}/{row.label} is longer than the soundscape ({duration:g} s), "
                    f"the first {row.path} ({row.duration:.2f} s): trim them, or raise the parameter 'duration'"
                )
        skipped = pd.concat([self.skipped, pd.DataFrame({"path": list(left["path"]), "reason": why})])
        return SoundBank(self.root, kept, skipped.reset_index(drop=True))

    def examples(self, pool: str, n: int) -> dict[str, list[np.ndarray]]:
        """Samples of the first ``n`` sounds of each class of a pool, each ``[shape=(samples,), float32]``."""
        chosen = self.files[self.files["pool"] == pool].groupby("label").head(n)
        return {
            str(label): [audio.read(self.root / path)[0][:, 0] for path in group["path"]]
            for label, group in chosen.groupby("label")
        }


@dataclass(frozen=True)
class Wanted:
    """What a bank is asked for; each takes of it what it knows.

    Attributes
    ----------
    place
        Folder that holds the bank; None for one that is generated or fetched.
    seed
        Of a generated bank.
    sample_rate
        Of the prepared files, in Hz.
    n_train, n_eval
        Files per class in the pools of a generated bank.
    n_background
        Background files of a generated bank.
    background_source
        Backgrounds of the bank "desed": "desed" (its own), "sins" (fetched) or the path of a folder.
    """

    place: Path | None
    seed: int
    sample_rate: int
    n_train: int = 60
    n_eval: int = 25
    n_background: int = 20
    background_source: str = "desed"


class Bank(Protocol):
    """What the target of an entry of :data:`igsed_core.data.soundbank.registry.BANKS` is: a class without arguments."""

    def knows(self, place: Path) -> bool:
        """Say whether a folder is of this bank's layout."""
        ...

    def fingerprint(self, wanted: Wanted) -> str:
        """Return a cheap key that changes when the bank's content does."""
        ...

    def prepare(self, wanted: Wanted, *, cache_dir: Path, workers: int) -> SoundBank:
        """Return the bank ready for Scaper, from the cache if it was prepared before."""
        ...

    # A bank may have a method `check(wanted, duration)`, too: it looks at what can be seen before the bank is
    # prepared, for soundscapes of `duration` seconds, and returns the names of the classes.


@dataclass(frozen=True)
class BankFile:
    """One audio file of a bank: its place in the layout, and in the file system.

    ``stem`` names the prepared file where the file's own name would not do.
    """

    path: Path
    role: str
    pool: str
    label: str
    stem: str = ""

    @property
    def prepared_path(self) -> str:
        """Path of the prepared file relative to the prepared bank's root."""
        parts = ["foreground", self.pool] if self.role == "foreground" else ["background"]
        return "/".join([*parts, self.label, f"{text.file_stem(self.stem or self.path.stem)}.wav"])


def check_complete(root: Path, present: set[tuple[str, str]], folders: set[str]) -> None:
    """Raise unless every class has a file in both pools and there is a background.

    Parameters
    ----------
    root : Path
        The bank, for the message.
    present : set of (pool, label)
        What has at least one usable file.
    folders : set of str
        Classes expected in both pools.
    """
    if not folders:
        raise IgsedError(f"sound bank {root} has no foreground class; expected {LAYOUT}")
    missing = sorted(f"foreground/{pool}/{name}" for pool in POOLS for name in folders if (pool, name) not in present)
    if missing:
        raise IgsedError(
            f"sound bank {root}: no usable wav, flac or ogg file in {', '.join(missing)}; every class "
            "needs one in both pools (train and eval): add files there, or remove the class from both"
        )
    if not any(pool == "background" for pool, _ in present):
        raise IgsedError(f"sound bank {root}: no usable wav, flac or ogg file in background/<label>/: add one")


def check_usable(root: Path, files: list[BankFile], classes: set[str], duration: float) -> None:
    """Raise unless every class has a sound in both pools that can be read and fits a soundscape, by its header.

    As few files are opened as will do.

    Parameters
    ----------
    root : Path
        The bank, for the message.
    files : list of BankFile
        What it holds.
    classes : set of str
        Classes expected in both pools.
    duration : float
        Length of a soundscape in s.
    """
    usable: set[tuple[str, str]] = set()
    failed: dict[tuple[str, str], str] = {}
    for file in files:
        place = (file.pool, file.label)
        if place in usable:
            continue
        try:
            length = audio.duration(file.path)
        except IgsedError as error:
            failed.setdefault(place, str(error))
            continue
        if file.role == "foreground" and length > duration:
            failed[place] = f"{text.shown(file.path)} is longer than the soundscape ({length:.2f} s of {duration:g} s)"
        else:
            usable.add(place)
    try:
        check_complete(root, usable, classes)
    except IgsedError as error:
        reason = next((words for place, words in failed.items() if place not in usable), "")
        raise IgsedError(f"{error}. The first that is not: {reason}" if reason else str(error)) from None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_index(root: Path, files: pd.DataFrame, skipped: pd.DataFrame) -> SoundBank:
    """Write ``skipped.csv``, then ``files.csv``: the file whose existence says that a bank is whole."""
    write_table(root / "skipped.csv", skipped[SKIPPED_COLUMNS])
    write_table(root / "files.csv", files[FILE_COLUMNS])
    return SoundBank(root, files[FILE_COLUMNS], skipped[SKIPPED_COLUMNS])


def load(root: Path) -> SoundBank | None:
    """Load a prepared bank, or return None if it is missing, unfinished or damaged: then it is prepared again."""
    names = {"path": str, "role": str, "pool": str, "label": str, "sha256": str, "reason": str}
    try:
        # Durations must come back to the last bit: event times are drawn from them.
        files = pd.read_csv(root / "files.csv", dtype=names, keep_default_na=False, float_precision="round_trip")
        skipped = pd.read_csv(root / "skipped.csv", dtype=names, keep_default_na=False)
    except (OSError, ValueError):  # no such file; pandas' errors of a table that is none are ValueErrors
        return None
    if list(files) != FILE_COLUMNS or list(skipped) != SKIPPED_COLUMNS:
        return None
    whole = files["duration"].dtype == float and (files["sha256"].str.len() == 64).all()
    if not whole or not all((root / path).is_file() for path in files["path"]):
        return None
    return SoundBank(root, files, skipped)


def warn_of_skipped(bank: object, skipped: list[tuple[str, str]], n_files: int) -> None:
    """Warn once of files that are not used, with the first names and reasons.

    Parameters
    ----------
    bank : object
        What they are of, for the message.
    skipped : list of (path, reason)
    n_files : int
        Number of all files.
    """
    if skipped:
        warnings.warn(
            f"sound bank {bank}: {len(skipped)} of {n_files} audio files were skipped: {name_skipped(skipped)}",
            stacklevel=3,
        )


def name_skipped(skipped: list[tuple[str, str]], most: int = 10) -> str:
    """Name the first files with their reasons."""
    names = [f"{name} ({reason})" for name, reason in skipped[:most]]
    return ", ".join(names) + (f" and {len(skipped) - most} more" if len(skipped) > most else "")
