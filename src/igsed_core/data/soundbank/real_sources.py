"""Which clips of four public collections make the bank of real recordings, and who made them.

ESC-10, kitchen20, the Free Spoken Digit Dataset and two excerpts of LibriSpeech, each in its published layout.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from igsed_core.base import text
from igsed_core.base.errors import IgsedError

ESC10, KITCHEN20, FSDD, LIBRISPEECH = "ESC-10", "kitchen20", "FSDD", "LibriSpeech"
SHORT, SUSTAINED, TICKS, DIGITS, READ, STEADY = "short", "sustained", "ticks", "digits", "read", "steady"
_OF_ESC10 = {"001": ("Dog", SHORT), "004": ("Baby_cry", SHORT), "005": ("Clock_tick", TICKS), "002": ("rain", STEADY)}
_OF_KITCHEN20 = {
    **dict.fromkeys(("blender", "juicer"), ("Blender", SUSTAINED)),
    "chopping": ("Chopping", SHORT),
    **dict.fromkeys(("clean-dishes", "plates", "cutlery"), ("Dishes", SHORT)),
    "frying-pan": ("Frying", SUSTAINED),
    "water-flowing": ("Running_water", SUSTAINED),
    "sweep": ("Sweep", SUSTAINED),
    **{name: (name, STEADY) for name in ("dishwasher", "microwave", "stove-fan")},
}
_CREDIT = re.compile(r"- \[\d-(\d+)-([A-Z])\.ogg\]:\s+clip derived from (.+) \((http\S+)\) by (.+) \[(CC0|CC-BY)\]")
_LICENCES = {"CC0": "CC0-1.0", "CC-BY": "CC-BY-3.0"}
_FREESOUND = re.compile(r"(\d+)__(.+?)__(.*)")
_CONTRIBUTOR = re.compile(r"([A-Z]|Jaz)\d?-")  # what the makers of kitchen20 recorded: an initial and a dash
_GOOD = ("y", "s")  # kitchen20's own remarks: yes, and the same recording again
_READERS = {"198": "Heather Barnett", "3436": "Anders Lankford"}


@dataclass(frozen=True)
class Clip:
    """A clip of a collection.

    Attributes
    ----------
    path
        The file.
    label, kind
        Class of the bank, or what a background is; how events are cut from it.
    source, source_id, take
        Collection, recording and take.
    author, title, url, licence
        For the attribution; the author also decides the pool.
    """

    path: Path
    label: str
    kind: str
    source: str
    source_id: str
    take: str
    author: str
    title: str
    url: str
    licence: str


def of_esc10(folder: Path) -> list[Clip]:
    """Clips of ESC-10, with the licence that its README gives each.

    Raises
    ------
    IgsedError
        If the folder holds no README.txt with licences.
    """
    places = sorted(folder.rglob("README.txt"))
    credits = {}
    for place in places:
        for line in text.read(place).splitlines():
            if found := _CREDIT.match(line.strip()):
                credits[found[1], found[2]] = found
    if not credits:
        raise IgsedError(f"{folder} holds no README.txt with ESC-10's licences: delete it, and fetch ESC-10 again")
    made = []
    for path in sorted(folder.rglob("*.ogg")):
        label, kind = _OF_ESC10.get(path.parent.name[:3], ("", ""))
        parts = path.stem.split("-")
        found = credits.get((parts[1], parts[2])) if len(parts) == 3 else None
        if label and found:
            about = (found[5], found[3], found[4], _LICENCES[found[6]])
            made.append(Clip(path, label, kind, ESC10, parts[1], parts[2], *about))
    return made


def of_kitchen20(folder: Path) -> list[Clip]:
    """Clips of kitchen20 that its makers call good and its listeners recognise, none of them from an online video.

    Raises
    ------
    IgsedError
        If the folder lacks one of its two lists, or they do not belong together.
    """
    root = next((place.parent for place in sorted(folder.rglob("kitchen20.csv"))), None)
    if root is None or not (root / "classes.csv").is_file():
        raise IgsedError(f"{folder} holds no kitchen20.csv and classes.csv: delete it, and fetch kitchen20 again")
    rows, remarks = _rows(root / "kitchen20.csv"), _rows(root / "classes.csv")
    if len(rows) > len(remarks):
        raise IgsedError(f"{root}: classes.csv has fewer lines than kitchen20.csv: fetch kitchen20 again")
    mistaken = _mistaken(root / "results")
    made = []
    for row, remark in zip(rows, remarks, strict=False):
        label, kind = _OF_KITCHEN20.get(row["category"], ("", ""))
        path = root / row["path"]
        name = Path(remark["path"]).name
        told, own = _FREESOUND.match(name), _CONTRIBUTOR.match(name)
        good = remark["comment"].strip() in _GOOD and row["orig_idx"] not in mistaken
        if not label or not good or not (told or own) or not path.is_file():
            continue
        if told:
            page, licence = f"https://freesound.org/s/{told[1]}/", "Creative Commons, per recording (see url)"
            about = (told[2], told[3], page, licence)
            made.append(Clip(path, label, kind, KITCHEN20, told[1], row["take"], *about))
        else:
            who = f"kitchen20 contributor {name.partition('-')[0]}"
            about = (who, name, "https://github.com/marc-moreaux/kitchen20", "Apache-2.0 (recorded for the data set)")
            made.append(Clip(path, label, kind, KITCHEN20, Path(name).stem, row["take"], *about))
    return made


def _mistaken(folder: Path) -> set[str]:
    """Numbers of the clips that more than half of the listeners took for something else."""
    heard: dict[str, Counter[bool]] = defaultdict(Counter)
    for place in sorted(folder.glob("*.csv")):
        for row in _rows(place):
            heard[row["index"]][row["truth"] == row["prediction"]] += 1
    return {number for number, count in heard.items() if count[False] > count[True]}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        return [{str(k): v or "" for k, v in row.items()} for row in csv.DictReader(text.read(path).splitlines())]
    except csv.Error as error:
        raise IgsedError(f"{path} is no table ({error}): fetch kitchen20 again") from error


def of_fsdd(folder: Path) -> list[Clip]:
    """Spoken digits, by speaker; the take is digit and number."""
    about = ("https://github.com/Jakobovski/free-spoken-digit-dataset", "CC-BY-SA-4.0")
    made = []
    for path in sorted(folder.rglob("recordings/*.wav")):
        digit, speaker, number = (*path.stem.split("_"), "", "")[:3]
        who = f"fsdd-{speaker}"
        made.append(Clip(path, "Speech", DIGITS, FSDD, who, f"{digit}.{number}", who, "spoken digits", *about))
    return made


def of_librispeech(paths: list[Path]) -> list[Clip]:
    """Two read sentences."""
    made = []
    for path in paths:
        reader, chapter = path.name.split("-")[:2]
        who = _READERS.get(reader, f"reader {reader}")
        about = (who, f"{reader}-{chapter}", "https://www.openslr.org/12", "CC-BY-4.0")
        made.append(Clip(path, "Speech", READ, LIBRISPEECH, f"librispeech-{reader}", chapter, *about))
    return made
