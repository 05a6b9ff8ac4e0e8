"""A stand-in for DESED: an archive in its layout, with sounds of the procedural bank, and its record on Zenodo."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import numpy as np
import soundfile

from igsed_core.data.soundbank.desed import CLASSES
from igsed_core.data.soundbank.procedural import synthesize, synthesize_background

RATE = 16_000
# Suffixes of the class folders, in turn.
FOLDERS = {"Frying": ("_nOn_nOff",), "Running_water": ("_nOn_nOff", "_nOn"), "Speech": ("", "_nOff")}


def write_bank(
    root: Path, *, recordings: int = 4, segments: int = 1, seconds: float = 0.6, evaluation: bool = True
) -> Path:
    """Write ``audio/{train,eval}/soundbank`` with so many Freesound recordings a class, each cut into segments."""
    number = 1000
    for part in ("train", "eval") if evaluation else ("train",):
        for label in CLASSES:
            suffixes = FOLDERS.get(label, ("",))
            for k in range(recordings):
                number += 1
                folder = root / f"audio/{part}/soundbank/foreground/{label}{suffixes[k % len(suffixes)]}"
                folder.mkdir(parents=True, exist_ok=True)
                for segment in range(segments):
                    sound = synthesize(label, seed=[number, segment], region=part, sample_rate=RATE)
                    _write(folder / f"{number}_{segment}.wav", sound[: round(seconds * RATE)])
    place = root / f"audio/{'eval' if evaluation else 'train'}/soundbank/background"
    for k, label in enumerate(("freesound", "youtube", "freesound")):
        (place / label).mkdir(parents=True, exist_ok=True)
        _write(place / label / f"b{k}.wav", synthesize_background(seed=[k], duration=3.0, sample_rate=RATE))
    junk = root / "audio/train/soundbank/foreground/Dog"
    (junk / "._1013_0.wav").write_bytes(b"\0\5\26\7")
    (root / "README.md").write_text("What this is")
    return root


def _write(path: Path, samples: np.ndarray) -> None:
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def write_archive(bank: Path, archive: Path) -> Path:
    """Pack a bank as the published archive is packed."""
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        for path in sorted(bank.rglob("*")):
            packed.add(path, path.relative_to(bank).as_posix(), recursive=False)
    return archive


def write_list(path: Path, names: list[str]) -> Path:
    """Write the official validation list."""
    rows = [f"audio/validation/soundbank/foreground/{name}" for name in names]
    path.write_text("\n".join(["filepath", *rows, "audio/validation/soundbank/background/sins/x.wav"]) + "\n")
    return path


def write_notes(folder: Path) -> None:
    """Write beside every file the note that a mirror has: its checksum and size."""
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        note = {"file": path.name, "checksum": f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"}
        path.with_name(f"{path.name}.checksum.json").write_text(json.dumps(note | {"size": path.stat().st_size}))
