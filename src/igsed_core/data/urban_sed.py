"""URBAN-SED 2.0.0 (Zenodo 1324404, CC BY 4.0) as a data set, and UrbanSound8K's sounds for its recipe.

An archive holds ``audio/{train,validate,test}/*.wav`` and, of the same names, ``annotations/{...}/*.txt`` (onset, tab,
offset, tab, class; no header; foreground events alone) and ``*.jams``. Files of macOS (``._*``) are passed over. Both
annotations tell the same events, which is checked: version 1 had events out of order in its text files, and a row that
differs says that files of two versions are mixed.

UrbanSound8K (Zenodo 1203745) is CC BY-NC 4.0: for non-commercial use. It is never fetched; its folder can be named.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import bounds, files, text
from igsed_core.base.errors import IgsedError
from igsed_core.data import dataset, fetching, foreign_table
from igsed_core.data.dataset import TableDataset
from igsed_core.data.urban_recipe import DURATION, SPLITS, Sources, read_jams

RATE = 44_100  # Hz
CLASSES = (
    *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
    *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
)
FOLDERS = {"train": "train", "validate": "validation", "test": "test"}  # of the archive -> split
FOLDS = {"train": range(1, 7), "validation": range(7, 9), "test": range(9, 11)}  # of UrbanSound8K
_TOLERANCE = 1e-3  # s, between the two annotations
_METADATA = Path("metadata") / "UrbanSound8K.csv"


def fetched() -> Path:
    """Folder of the archive, fetched with its checksum and unpacked at the first use."""
    return fetching.fetch("urban_sed")


def find(place: Path) -> Path | None:
    """Folder that holds ``audio`` and ``annotations``: the given one, or one in it; None if neither does."""
    for one in (place, *sorted(place.glob("*"))):
        if (one / "audio").is_dir() and (one / "annotations").is_dir():
            return one
    return None


def load(root: Path, *, most: int = 0) -> TableDataset:
    """Read the data set.

    Parameters
    ----------
    root
        Folder into which the archive was unpacked.
    most
        Clips of each split that are taken, the first ones; 0: all.

    Raises
    ------
    IgsedError
        If a folder or an annotation is missing or cannot be read, or the two annotations of a clip differ; the message
        names the file.
    """
    place = find(root)
    if place is None:
        raise IgsedError(f"{root} holds no folders audio and annotations: give the unpacked URBAN-SED archive")
    clips, events = [], []
    for folder, split in FOLDERS.items():
        found = [path for path in sorted((place / "audio" / folder).glob("*.wav")) if not path.name.startswith("._")]
        if not found:
            raise IgsedError(f"{place / 'audio' / folder} holds no wav file: give the whole archive")
        for path in found[: most or None]:
            if not path.is_file():
                raise IgsedError(f"{path} is a link that leads nowhere, or no plain file: fetch the archive again")
            clip = f"{split}/{path.stem}"
            clips.append((clip, split, path.relative_to(place).as_posix()))
            beside = place / "annotations" / folder / path.stem
            rows = annotation(beside.with_suffix(".txt"))
            _check(rows, beside.with_suffix(".jams"))
            events.append(rows.assign(clip=clip))
    return dataset.from_tables(
        place,
        pd.DataFrame(clips, columns=["clip", "split", "file"]),
        sample_rate=RATE,
        events=pd.concat(events, ignore_index=True),
        classes=CLASSES,
        duration=DURATION,
    )


def annotation(path: Path) -> pd.DataFrame:
    """Read the events of a text file, ``label, onset, offset`` (s), by onset.

    Raises
    ------
    IgsedError
        If it is missing, or a row has not three columns, no times in order or an unknown class.
    """
    rows = []
    lines = files.read_text(path, "annotation").lstrip("\ufeff").splitlines()
    for number, cells in enumerate(csv.reader(lines, delimiter="\t"), start=1):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != 3:
            raise IgsedError(f"{path}, row {number}: {len(cells)} columns, expected onset, offset and class by tabs")
        try:
            onset, offset = (bounds.number(cell.strip()) for cell in cells[:2])
        except ValueError:
            raise IgsedError(f"{path}, row {number}: {cells[0]!r} or {cells[1]!r} is no time in s: mend it") from None
        label = text.name(cells[2])
        if label not in CLASSES:
            raise IgsedError(f"{path}, row {number}: class {label!r} is none of {', '.join(CLASSES)}: mend it")
        if not 0 <= onset < offset:
            raise IgsedError(f"{path}, row {number}: from {onset:g} to {offset:g} s is no event: mend it")
        rows.append((label, onset, offset))
    return pd.DataFrame(rows, columns=["label", "onset", "offset"]).sort_values(["onset", "offset"], ignore_index=True)


def _check(rows: pd.DataFrame, path: Path) -> None:
    """Hold a text file to the JAMS file beside it, where there is one."""
    if not path.is_file():
        return
    told = read_jams(path)
    told = told[told["role"] == "foreground"].sort_values(["onset", "offset"], ignore_index=True)
    ordered = [one.sort_values(["label", "onset", "offset"], ignore_index=True) for one in (rows, told)]
    same = len(rows) == len(told) and ordered[0]["label"].equals(ordered[1]["label"])
    times = [one[["onset", "offset"]].to_numpy(dtype=float) for one in ordered]
    if not same or not np.allclose(times[0], times[1], rtol=0, atol=_TOLERANCE):
        raise IgsedError(
            f"{path} and the text file beside it tell different events: fetch the archive again, or remove the JAMS"
        )


def is_urbansound8k(place: Path) -> bool:
    """Whether a folder is that of UrbanSound8K."""
    return (place / _METADATA).is_file()


def sources(place: Path, *, rate: int = RATE) -> Sources:
    """Take UrbanSound8K's sounds for the recipe, by its folds: 1 to 6 to train on, 7 and 8, 9 and 10.

    Parameters
    ----------
    place
        Its folder, with ``audio/fold<N>/*.wav`` and ``metadata/UrbanSound8K.csv``.
    rate
        Of the soundscapes, in Hz.

    Raises
    ------
    IgsedError
        If the table lacks a column or a file is missing; the message names it.
    """
    columns, remedy = ("slice_file_name", "fold", "class"), "give UrbanSound8K's own table"
    table = foreign_table.read(place / _METADATA, columns, whole=("fold",), remedy=remedy)
    found: dict[str, dict[str, list[Path]]] = {split: {} for split in SPLITS}
    for name, fold, label in table[["slice_file_name", "fold", "class"]].itertuples(index=False):
        split = next((split for split, folds in FOLDS.items() if fold in folds), "")
        if not split:
            raise IgsedError(f"{place / _METADATA} has fold {fold} for {name}, but folds are 1 to 10: {remedy}")
        path = place / "audio" / f"fold{fold}" / name
        if not path.is_file():
            raise IgsedError(f"{path} is missing, which {_METADATA} names: unpack UrbanSound8K anew")
        found[split].setdefault(label, []).append(path)
    _require(place, found, sorted(set(table["class"])))
    return Sources(found, rate)


def _require(place: Path, found: dict[str, dict[str, list[Path]]], classes: Iterable[str]) -> None:
    for label in classes:
        for split in SPLITS:
            if not found[split].get(label):
                raise IgsedError(f"{place} has no sound of class {label!r} for {split}: give all ten folds")
