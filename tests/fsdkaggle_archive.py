"""Stand-ins for FSDKaggle2018: three archives in its layout, with clips that are empty, unverified, of all licences."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100
LABELS = ("Bark", "Cello", "Tearing")
LICENCES = ("Creative Commons 0", "Attribution", "Attribution Noncommercial")
EMPTY = "empty.wav"


def write(folder: Path, *, train: int = 12, test: int = 3) -> dict[str, Path]:
    """Write ``FSDKaggle2018.{meta,audio_train,audio_test}.zip``; each class has so many clips."""
    rng = np.random.default_rng(0)
    paths = {part: folder / f"FSDKaggle2018.{part}.zip" for part in ("meta", "audio_train", "audio_test")}
    tables = {
        "train": ["fname,label,manually_verified,freesound_id,license"],
        "test": ["fname,label,usage,freesound_id,license"],
    }
    for split, count in (("train", train), ("test", test)):
        with zipfile.ZipFile(paths[f"audio_{split}"], "w") as archive:
            number = 0
            for k, label in enumerate(LABELS):
                for i in range(count):
                    name = f"{split}{number:04d}.wav"
                    length = round((0.4 + 0.3 * (i % 3)) * RATE)
                    tone = 0.3 * np.sin(2 * np.pi * 300 * (k + 1) * np.arange(length) / RATE)
                    _put(archive, split, name, tone + 0.01 * rng.standard_normal(length))
                    third = "1" if split == "train" and i % 2 == 0 else "0" if split == "train" else "Private"
                    tables[split].append(f"{name},{label},{third},{number},{LICENCES[number % 3]}")
                    number += 1
            if split == "test":
                _put(archive, split, EMPTY, np.zeros(0))
                tables[split].append(f"{EMPTY},Bark,Private,9,Attribution")
    with zipfile.ZipFile(paths["meta"], "w") as archive:
        archive.writestr("FSDKaggle2018.meta/train_post_competition.csv", "\n".join(tables["train"]) + "\n")
        name = "FSDKaggle2018.meta/test_post_competition_scoring_clips.csv"
        archive.writestr(name, "\n".join(tables["test"]) + "\n")
    return paths


def _put(archive: zipfile.ZipFile, split: str, name: str, samples: np.ndarray) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, samples, RATE, format="WAV", subtype="PCM_16")
    archive.writestr(f"FSDKaggle2018.audio_{split}/{name}", stream.getvalue())
