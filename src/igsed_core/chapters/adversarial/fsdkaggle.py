"""FSDKaggle2018 (Zenodo 2552860), the data set of DCASE 2018's task 2, in the layout of its archives.

Three folders lie side by side: ``FSDKaggle2018.audio_train`` and ``.audio_test`` with wav files, ``.meta`` with
``train_post_competition.csv`` (``fname, label, manually_verified, freesound_id, license``) and
``test_post_competition_scoring_clips.csv`` (``usage`` in the place of ``manually_verified``). Traps: labels of
unverified training clips are right in some two of three cases; a few files hold no sample at all, and are left out with
their names; licences differ from clip to clip, and some forbid commerce; a folder may be named without its prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from igsed_core.base.errors import IgsedError
from igsed_core.chapters.adversarial.clips import SPLITS, Bank, Clips
from igsed_core.chapters.adversarial.names import LICENCES
from igsed_core.data import audio, dataset, fetching, foreign_table, listing
from igsed_core.data.dataset import TableDataset

RATE = 44_100  # Hz
_TABLES = {"train": "train_post_competition.csv", "test": "test_post_competition_scoring_clips.csv"}
_COLUMNS = {"train": ("fname", "label", "manually_verified", "license"), "test": ("fname", "label", "license")}
_HELD = 5  # of a class's training clips every fifth is for validation
_QUIET = 1e-4  # of full scale: a clip below it is silence


def fetched() -> Path:
    """Folder of the data set, fetched with its checksums and unpacked at the first use."""
    return fetching.fetch("fsdkaggle2018")


def load(root: Path, *, licences: Sequence[str] = LICENCES, verified: bool = True) -> TableDataset:
    """Read the tables of the data set.

    Parameters
    ----------
    root
        Folder with the three folders of the archives.
    licences
        Of the clips that are taken, some of :data:`igsed_core.chapters.adversarial.names.LICENCES`.
    verified
        Whether only training clips are taken whose label a person checked.

    Raises
    ------
    IgsedError
        If a folder, table, column or file is missing, a licence is none that is known, or nothing is left to train on
        or to test; the message names it.
    """
    rows = pd.concat([_rows(root, split, licences, verified) for split in _TABLES], ignore_index=True)
    for split in ("train", "test"):
        if not (rows["split"] == split).any():
            raise IgsedError(
                f"{root}: no clip is left for the {split} split by parameters 'attack_licences' and 'attack_verified': "
                "allow more licences, or labels that nobody checked"
            )
    classes = tuple(sorted(set(rows.loc[rows["split"] == "train", "label"])))
    rows = rows[rows["label"].isin(classes)].reset_index(drop=True)
    turn = rows.groupby(["split", "label"]).cumcount()
    rows.loc[(rows["split"] == "train") & (turn % _HELD == _HELD - 1), "split"] = "validation"
    return dataset.from_tables(
        root,
        rows[["clip", "split", "file", "licence"]],
        sample_rate=RATE,
        labels=rows[["clip", "label"]],
        classes=classes,
    )


def clips(found: TableDataset, *, seconds: float, sample_rate: int, most: dict[str, int]) -> Bank:
    """Cut the loudest stretch out of each file.

    The released code cuts files into chunks and averages over them; one chunk per file is attacked here.

    Parameters
    ----------
    found
        From :func:`load`.
    seconds
        Length of a clip; a shorter file is followed by silence.
    sample_rate
        In Hz.
    most
        Files of each class in each split at most.

    Raises
    ------
    IgsedError
        If a file cannot be read, or a split has no class left.
    """
    length = round(seconds * sample_rate)
    label = dict(zip(found.labels["clip"], found.labels["label"], strict=True))
    made = {}
    for split in SPLITS:
        rows = found.clips[found.clips["split"] == split].copy()
        rows["label"] = rows["clip"].map(label)
        rows = rows.groupby("label", sort=False).head(most[split])
        if rows.empty:
            raise IgsedError(f"{found.root} holds no clip for the {split} split: give the whole data set")
        waveforms = np.stack(
            [_loudest(audio.read_mono(found.root / str(file), sample_rate), length) for file in rows["file"]]
        )
        targets = np.stack([np.equal(found.classes, name) for name in rows["label"]]).astype(np.float32)
        spans = np.full((*targets.shape, 2), np.nan)
        made[split] = Clips(torch.from_numpy(waveforms), torch.from_numpy(targets), spans)
    return Bank(made, found.classes, sample_rate)


def _loudest(samples: np.ndarray, length: int) -> np.ndarray:
    """Stretch with the most energy, ``(length,)``; its peak at most full scale."""
    if len(samples) > length:
        energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        begin = int((energy[length:] - energy[:-length]).argmax())
        samples = samples[begin : begin + length]
    result = np.zeros(length, dtype=np.float32)
    result[: len(samples)] = samples
    return result / max(1.0, float(np.abs(result).max()))


def _rows(root: Path, split: str, licences: Sequence[str], verified: bool) -> pd.DataFrame:
    folder = _folder(root, f"audio_{split}")
    path = _folder(root, "meta") / _TABLES[split]
    if not path.is_file():
        raise IgsedError(f"{path} is missing: unpack FSDKaggle2018.meta.zip beside the sounds")
    whole = ("manually_verified",) if split == "train" else ()
    table = foreign_table.read(path, _COLUMNS[split], whole=whole, remedy="take it from Zenodo 2552860")
    table = table.assign(licence=[_licence(text, path) for text in table["license"]])
    if split == "train" and verified:
        table = table[table["manually_verified"] == 1]
    table = table[table["licence"].isin(list(licences))]
    there = listing.scan(folder)
    listing.tell_unused([f"{path} ({why})" for path, why in there.unusable.items()])
    known = {file.path.name: file.path for file in there.files}
    useless, paths = {}, []
    for name in table["fname"]:
        if name not in known:
            raise IgsedError(f"{folder / name} is missing, though {path.name} lists it: unpack the whole archive")
        paths.append(known[name].relative_to(root).as_posix())
        try:
            if not audio.duration(known[name]):
                useless[name] = "holds no sample"
        except IgsedError:
            useless[name] = "cannot be read as audio"
    listing.tell_unused([f"{folder / name} ({why})" for name, why in useless.items()])
    table = table.assign(
        clip=[f"{split}/{name}" for name in table["fname"]],
        split=split,
        file=paths,
    )
    return table.loc[~table["fname"].isin(list(useless)), ["clip", "split", "file", "label", "licence"]]


def _folder(root: Path, name: str) -> Path:
    for place in (root / f"FSDKaggle2018.{name}", root / name):
        if place.is_dir():
            return place
    raise IgsedError(
        f"{root} holds no folder FSDKaggle2018.{name}: give the folder into which the archives were unpacked"
    )


def _licence(text: str, path: Path) -> str:
    """Short name of a licence, from its title or its address."""
    plain = text.casefold().replace(" ", "").replace("-", "").replace("_", "")
    if "0" in plain and ("zero" in plain or "cc0" in plain or "creativecommons0" in plain):
        return "cc0"
    if "publicdomain" in plain:
        return "cc0"
    if "noncommercial" in plain or "bync" in plain:
        return "by-nc"
    if "attribution" in plain or "/by/" in text or "ccby" in plain:
        return "by"
    raise IgsedError(
        f"{path}: licence {text!r} is none of CC0, CC BY and CC BY-NC: mend the table, or leave the clip out"
    )
