"""A prepared sound bank: files in Scaper's layout and the table that lists them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from igsed_core.base.errors import IgsedError
from igsed_core.base.files import write_table
from igsed_core.data import audio
from igsed_core.data.audio import EXTENSIONS

FILE_COLUMNS = ["path", "role", "pool", "label", "duration", "sha256"]
SKIPPED_COLUMNS = ["path", "reason"]
POOLS = ("train", "eval")
LAYOUT = (
    "foreground/train/<Class>/*, foreground/eval/<Class>/* and background/<label>/* "
    "(wav, flac or ogg; a folder audio/ around them is accepted)"
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
        Files a class in the pools of a generated bank.
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
        return "/".join([*parts, self.label, f"{self.stem or self.path.stem}.wav"])


def list_files(root: Path) -> list[BankFile]:
    """List the audio files of a bank, sorted by their place in the layout; hidden files are left out.

    Parameters
    ----------
    root : Path
        A bank, prepared or not; its folders may lie in ``root/audio``.

    Raises
    ------
    IgsedError
        If the folder, one of its parts or every file of a class in one pool is missing, or if two files
        would get the same name.
    """
    if not root.is_dir():
        raise IgsedError(f"sound bank {root}: no such folder; expected {LAYOUT}")
    base = root / "audio" if (root / "audio").is_dir() else root
    places = [("foreground", pool, base / "foreground" / pool) for pool in POOLS]
    places.append(("background", "background", base / "background"))
    found: list[BankFile] = []
    for role, pool, folder in places:
        if not folder.is_dir():
            raise IgsedError(f"sound bank {root}: the folder {folder} is missing; expected {LAYOUT}")
        for label in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
            if not label.name.startswith("."):
                found += [
                    BankFile(path, role, pool, label.name)
                    for path in sorted(label.iterdir())
                    if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
                ]
    names: dict[str, Path] = {}
    for file in found:
        # Also a likely leak: the same recording in two formats.
        other = names.setdefault(file.prepared_path, file.path)
        if other != file.path:
            raise IgsedError(f"{other} and {file.path.name} differ only in the suffix: rename or remove one")
    check_complete(root, {(file.pool, file.label) for file in found}, folders=_class_folders(base))
    return found


def _class_folders(base: Path) -> set[str]:
    """Names of the class folders of both pools, empty ones included."""
    folders = [entry for pool in POOLS for entry in (base / "foreground" / pool).iterdir() if entry.is_dir()]
    return {folder.name for folder in folders if not folder.name.startswith(".")}


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


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_index(root: Path, files: pd.DataFrame, skipped: pd.DataFrame) -> SoundBank:
    """Write ``skipped.csv``, then ``files.csv``: the file whose existence says that a bank is whole."""
    write_table(root / "skipped.csv", skipped[SKIPPED_COLUMNS])
    write_table(root / "files.csv", files[FILE_COLUMNS])
    return SoundBank(root, files[FILE_COLUMNS], skipped[SKIPPED_COLUMNS])


def load(root: Path) -> SoundBank | None:
    """Load a prepared bank, or return None if it is missing or unfinished."""
    if not (root / "files.csv").is_file():
        return None
    text = {"path": str, "label": str, "reason": str}
    # Durations must come back to the last bit: event times are drawn from them.
    files = pd.read_csv(root / "files.csv", dtype=text, keep_default_na=False, float_precision="round_trip")
    skipped = pd.read_csv(root / "skipped.csv", dtype=text, keep_default_na=False)
    return SoundBank(root, files, skipped)


def index_prepared(root: Path) -> SoundBank:
    """List the files of a bank that was written in the layout and the rate wanted, and mark it as whole."""
    rows = [
        (file.prepared_path, file.role, file.pool, file.label, audio.duration(file.path), digest(file.path))
        for file in list_files(root)
    ]
    return write_index(root, pd.DataFrame(rows, columns=FILE_COLUMNS), pd.DataFrame(columns=SKIPPED_COLUMNS))
