"""UrbanSound8K (Zenodo 1203745, CC BY-NC 4.0): 8732 clips of up to 4 s in ten classes and ten folds of its own.

A folder holds ``metadata/UrbanSound8K.csv`` and ``audio/fold1`` to ``audio/fold10``. Clips of one recording of
Freesound (column ``fsID``) lie in one fold, so that testing on a fold hears no recording of the training.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from igsed_core.base.errors import IgsedError
from igsed_core.data import fetching, foreign_table, listing

TABLE = Path("metadata") / "UrbanSound8K.csv"
_COLUMNS = ("slice_file_name", "fsID", "fold", "class")
FOLDS = 10


def fetched() -> Path:
    """Folder of the archive, fetched with its checksum and unpacked at the first use."""
    return fetching.fetch("urbansound8k")


def files(root: Path) -> pd.DataFrame:
    """List the clips.

    Parameters
    ----------
    root
        The folder, or one that holds it.

    Returns
    -------
    pd.DataFrame
        ``path, recording, label, fold``.

    Raises
    ------
    IgsedError
        If the table is missing, is not that of UrbanSound8K, or names a file that is not there.
    """
    place = _root(root)
    table = foreign_table.read(
        place / TABLE, _COLUMNS, whole=("fold",), remedy="use the table that UrbanSound8K came with"
    )
    found = pd.DataFrame(
        {
            "path": [
                place / "audio" / f"fold{f}" / n for n, f in zip(table["slice_file_name"], table["fold"], strict=True)
            ],
            "recording": table["fsID"],
            "label": table["class"],
            "fold": table["fold"],
        }
    )
    absent = [path for path in found["path"] if not path.is_file()]
    if absent:
        raise IgsedError(
            f"{place}: {len(absent)} of {len(found)} clips are missing, the first {absent[0]}: unpack the archive again"
        )
    spread = found.groupby("recording")["fold"].nunique()
    if (spread > 1).any():
        raise IgsedError(
            f"{place / TABLE} has recording {spread.idxmax()} in several folds: use the table that came with the data"
        )
    return found.sort_values("path", ignore_index=True)


def fingerprint(root: Path) -> str:
    """Digest of the table, and of the sizes and times of the clips.

    Parameters
    ----------
    root
        As for :func:`files`.
    """
    found = files(root)
    digest = hashlib.sha256((_root(root) / TABLE).read_bytes())
    for path in found["path"]:
        digest.update(listing.stamp(path, _root(root)))
    return digest.hexdigest()


def _root(root: Path) -> Path:
    for place in (root, *(sorted(root.iterdir()) if root.is_dir() else ())):
        if (place / TABLE).is_file():
            return place
    raise IgsedError(f"{root} holds no {TABLE}: name the folder of an unpacked UrbanSound8K")
