"""A stand-in for UrbanSound8K: an archive in its layout, with a few short clips in each of its ten folds."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import soundfile

CLASSES = ("dog_bark", "siren", "drilling")
HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"


def write(path: Path, *, folds: int = 10, per_class: int = 2, rate: int = 22_050, straddling: bool = False) -> Path:
    """Write ``UrbanSound8K/{audio/foldN,metadata}``; clips of one class are tones of nearly one pitch.

    ``straddling`` puts one recording into two folds, which the real data set never does.
    """
    random, rows = np.random.default_rng(0), [HEADER]
    with tarfile.open(path, "w:gz") as archive:

        def put(name: str, content: bytes) -> None:
            info = tarfile.TarInfo(f"UrbanSound8K/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        put("audio/.DS_Store", b"\0")
        for fold in range(1, folds + 1):
            for number, label in enumerate(CLASSES):
                for piece in range(per_class):
                    recording = 1 if straddling and number == 0 else 1000 * fold + 10 * number + piece // 2
                    seconds = np.arange(round((0.6 + 0.9 * piece) * rate)) / rate
                    sound = np.sin(2 * np.pi * (300 * 3**number + 10 * fold) * seconds)
                    wave = io.BytesIO()
                    noisy = 0.3 * sound + 0.02 * random.standard_normal(len(seconds))
                    soundfile.write(wave, np.stack([noisy, noisy], axis=1), rate, format="WAV", subtype="PCM_16")
                    name = f"{recording}-{number}-0-{piece}.wav"
                    put(f"audio/fold{fold}/{name}", wave.getvalue())
                    rows.append(f"{name},{recording},0,1,1,{fold},{number},{label}")
        put("metadata/UrbanSound8K.csv", ("\n".join(rows) + "\n").encode())
    return path
