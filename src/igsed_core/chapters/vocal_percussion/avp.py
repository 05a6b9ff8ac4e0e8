"""AVP, the Amateur Vocal Percussion data set (Zenodo 5036529), and the four-column annotation of AVP-LVT beside it.

An archive holds ``{Personal,Fixed}/Participant_N`` with five takes each, a wav and a csv for every take. Traps, all
met: annotations have no header; a row has onset and instrument, or two phonemes more; a label may be empty (that sound
is left out, and still ends the one before it); files are of macOS at times (``._*``); rows of the older record 3245959
may be glued together, which is an error here. Annotated onsets lie some 14 ms before the sound; they are kept, since
the networks' input begins there. In AVP-LVT some of the same events have another drum label: :func:`differences` lists
them. LVT's own audio cannot be fetched, so that a run is on AVP's users alone.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from igsed_core.base import bounds, files, text
from igsed_core.base.errors import IgsedError
from igsed_core.chapters.vocal_percussion.boxemes import (
    COLUMNS,
    INSTRUMENTS,
    OWN,
    TAKES,
    TEST,
    TRAIN,
    VocalPercussion,
    split_of,
)
from igsed_core.data import audio, dataset, fetching, listing

HELD_OUT = (9, 11, 19, 24)  # AVP's participants among those that the released code holds out
VARIANTS = ("Personal", "Fixed")
RATE = 44_100  # Hz
SHORTEST = 0.01  # s from an onset to the next; shorter is an error of annotation
_FOLDER = re.compile(r"participant[ _-]?([0-9]+)", re.IGNORECASE)
_SAME_INSTANT = 0.005  # s
_DOCUMENTS = (".txt", ".md", ".pdf", ".json", ".svl")  # what lies beside takes and is none


def fetched() -> Path:
    """Folder of the archive, fetched with its checksum and unpacked at the first use."""
    return fetching.fetch("avp")


def load(root: Path, *, variant: str = "Personal", held_out: Iterable[int] = HELD_OUT) -> VocalPercussion:
    """Read the takes of one variant.

    Parameters
    ----------
    root
        Folder that holds ``Personal`` and ``Fixed``, itself or in a folder of its own.
    variant
        ``Personal`` (phonemes annotated) or ``Fixed`` (prescribed syllables, no phonemes).
    held_out
        Participants that are kept out of training.

    Raises
    ------
    IgsedError
        If there are no such folders, a take lacks its annotation, or an annotation cannot be read; the message names
        the file and the row.
    """
    folder = _variant(root, variant)
    rows, clips = [], []
    held_out = set(held_out)
    unused: list[str] = []
    for place in sorted(listing.folders(folder), key=lambda p: (len(p.name), p.name)):
        found = _FOLDER.fullmatch(place.name)
        if not found:
            unused.append(f"{place} (no folder of a participant)")
            continue
        user, out = int(found[1]), int(found[1]) in held_out
        seen = listing.scan(place)
        unused += [f"{path} ({why})" for path, why in seen.unusable.items()]
        there = {path.name.casefold(): path for path in (file.path for file in seen.files)}
        for file in seen.files:
            path = file.path
            if file.suffix in (".csv", *_DOCUMENTS):
                continue
            if file.suffix != ".wav" or len(file.parts) > 1:
                unused.append(f"{path} (no take: a wav in the participant's folder)")
                continue
            take = _take(path)
            clip, split = path.relative_to(folder).with_suffix("").as_posix(), split_of(take, held_out=out)
            name = path.relative_to(folder).as_posix()
            clips.append({"clip": clip, "split": split, "user": f"P{user}", "take": take, "file": name})
            known = {"clip": clip, "split": split, "user": f"P{user}", "take": take}
            csv_path = path.with_suffix(".csv")
            csv_path = there.get(csv_path.name.casefold(), csv_path)
            rows += [{**known, **row} for row in annotation(csv_path, _seconds(path))]
    listing.tell_unused(unused)
    if not rows:
        raise IgsedError(f"{folder} holds no Participant_N with annotated takes: give the unpacked AVP archive")
    _require_both(folder, clips, held_out)
    boxemes = pd.DataFrame(rows).assign(start=math.nan, coda=math.nan, end=math.nan)[list(COLUMNS)]
    users = pd.DataFrame(clips)[["user"]].drop_duplicates(ignore_index=True)
    users["held_out"] = [int(name[1:]) in held_out for name in users["user"]]
    takes = dataset.from_tables(
        folder,
        pd.DataFrame(clips),
        sample_rate=RATE,
        events=boxemes.rename(columns={"instrument": "label"})[["clip", "label", "onset", "offset"]],
        classes=INSTRUMENTS,
    )
    return VocalPercussion(takes, boxemes, users)


def annotation(path: Path, duration: float) -> list[dict[str, object]]:
    """Read the annotation of a take.

    Parameters
    ----------
    path
        A csv without header: onset in s, instrument, perhaps onset and coda phoneme.
    duration
        Of the take, in s, where the last sound ends.

    Returns
    -------
    list of dict
        ``instrument, onset, offset, onset_phoneme, coda_phoneme`` of each labelled sound.

    Raises
    ------
    IgsedError
        If the file is missing, a row has another number of columns or no time, a label is none of
        :data:`~igsed_core.chapters.vocal_percussion.boxemes.INSTRUMENTS`, or onsets do not go up.
    """
    try:
        lines = list(csv.reader(files.read_text(path, "annotation").lstrip("\ufeff").splitlines()))
    except csv.Error as error:
        raise IgsedError(f"{path} is no csv of an annotation ({error}): mend it") from error
    read: list[tuple[float, list[str]]] = []
    for number, cells in enumerate(lines, start=1):
        cells = [text.name(cell) for cell in cells]  # phonemes have one spelling
        if not any(cells):
            continue
        if len(cells) > 4:
            raise IgsedError(
                f"{path}, row {number}: {len(cells)} columns, expected two or four; the older record of AVP has rows "
                "that are glued together: take version 4 (Zenodo 5036529)"
            )
        try:
            onset = bounds.number(cells[0])
        except ValueError:
            raise IgsedError(f"{path}, row {number}: {cells[0]!r} is no time in s: mend the annotation") from None
        read.append((onset, [*cells[1:], "", "", ""]))
    onsets = [onset for onset, _ in read]
    result: list[dict[str, object]] = []
    for i, (onset, cells) in enumerate(read):
        label, offset = cells[0].casefold(), onsets[i + 1] if i + 1 < len(read) else duration
        if not label:
            continue
        if label not in INSTRUMENTS:
            raise IgsedError(f"{path}: label {cells[0]!r} at {onset:g} s is none of {', '.join(INSTRUMENTS)}: mend it")
        if not (onset >= 0 and offset - onset >= SHORTEST):
            raise IgsedError(
                f"{path}: the sound at {onset:g} s ends at {offset:g} s, the next onset or the take's end: onsets must "
                "go up and lie within the take"
            )
        result.append(
            {
                **{"instrument": label, "onset": onset, "offset": offset},
                **{"onset_phoneme": cells[1], "coda_phoneme": cells[2]},
            }
        )
    return result


def differences(one: VocalPercussion, other: VocalPercussion) -> pd.DataFrame:
    """List the sounds to which two releases give different instruments at the same instant.

    Parameters
    ----------
    one, other
        For instance AVP and AVP-LVT.

    Returns
    -------
    pd.DataFrame
        ``user, take, onset, instrument, other``
    """
    rows = []
    theirs = dict(list(other.boxemes.groupby(["user", "take"])))
    for key, mine in one.boxemes.groupby(["user", "take"]):
        if key not in theirs:
            continue
        onsets = theirs[key]["onset"].to_numpy(dtype=float)
        for row in mine.to_dict("records"):
            near = int(np.abs(onsets - row["onset"]).argmin())
            label = str(theirs[key]["instrument"].iloc[near])
            if abs(onsets[near] - row["onset"]) <= _SAME_INSTANT and label != row["instrument"]:
                named = {name: row[name] for name in ("user", "take", "onset", "instrument")}
                rows.append({**named, "other": label})
    return pd.DataFrame(rows, columns=["user", "take", "onset", "instrument", "other"])


def _seconds(path: Path) -> float:
    """Length of a take, read whole: one that broke off or holds no numbers would be found after an hour of training.

    Raises
    ------
    IgsedError
        If it cannot be used.
    """
    samples, rate = audio.read(path)
    if fault := audio.find_fault(samples, rate):
        verb = "" if fault == audio.NOT_FINITE else "is "
        raise IgsedError(f"{path} {verb}{fault}: replace it, or remove it with its annotation")
    return len(samples) / rate


def _require_both(folder: Path, clips: Sequence[Mapping[str, object]], held_out: set[int]) -> None:
    """Networks are trained on some participants, and tested on the takes of others."""
    splits = {str(clip["split"]) for clip in clips}
    for split, who in (
        (TRAIN, "a participant to train on"),
        (OWN, f"the takes of one instrument of a held-out participant ({', '.join(map(str, sorted(held_out)))})"),
        (TEST, f"the improvisation of a held-out participant ({', '.join(map(str, sorted(held_out)))})"),
    ):
        if split not in splits:
            raise IgsedError(f"{folder} lacks {who}: give the whole archive")


def _variant(root: Path, variant: str) -> Path:
    if variant not in VARIANTS:
        raise IgsedError(f"parameter 'vocal_takes' is {variant!r}: choose one of {', '.join(VARIANTS)}")
    for place in (root / variant, *sorted(root.glob(f"*/{variant}"))):
        if place.is_dir():
            return place
    raise IgsedError(f"{root} holds no folder {variant}: give the folder into which AVP_Dataset.zip was unpacked")


def _take(path: Path) -> str:
    for take in TAKES:
        if take.lower() in path.stem.lower():
            return take
    raise IgsedError(f"{path} is none of the takes {', '.join(TAKES)}: rename it as the archive has it")
