"""Stand-ins for URBAN-SED and UrbanSound8K in their exact layouts, with few and short sounds."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 44_100
# (class, onset, offset) of each clip, not in order, as the first version's text files were
EVENTS = [("siren", 4.0, 5.5), ("dog_bark", 0.25, 1.0), ("dog_bark", 4.5, 6.125)]


def jams(events: list[tuple[str, float, float]], *, old: bool) -> dict[str, Any]:
    """A JAMS as Scaper 0.1.0 wrote it (lists by column), or as today's does (records)."""
    rows = [("background", "brownian", 0.0, 10.0), *(("foreground", label, a, b) for label, a, b in events)]
    data = [
        {
            **{"time": a, "duration": b - a, "confidence": 1.0},
            "value": {
                **{"label": label, "role": role, "source_file": f"/somewhere/{label}/1.wav", "source_time": 0.0},
                **{"event_time": a, "event_duration": b - a, "snr": 12.0, "pitch_shift": 1.5, "time_stretch": None},
            },
        }
        for role, label, a, b in rows
    ]
    columns = {name: [one[name] for one in data] for name in ("time", "duration", "value", "confidence")}
    return {
        "annotations": [
            {"namespace": "sound_event" if old else "scaper", "data": columns if old else data, "sandbox": {}}
        ],
        "file_metadata": {"duration": 10.0},
    }


def write(path: Path, *, seconds: float = 10.0) -> Path:
    """Write ``URBAN-SED_v2.0.0.tar.gz`` with two clips in each split and what macOS leaves behind."""
    with tarfile.open(path, "w:gz") as archive:

        def add(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(f"URBAN-SED_v2.0.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

        add("README.txt", b"URBAN-SED")
        for split in ("train", "validate", "test"):
            add(f"audio/{split}/._soundscape_{split}_uniform0.wav", b"\0\0")
            for i in range(2):
                name = f"soundscape_{split}_uniform{i}"
                wave = io.BytesIO()
                samples = 0.01 * np.random.default_rng(i).standard_normal(round(seconds * RATE))
                soundfile.write(wave, samples, RATE, format="WAV", subtype="PCM_16")
                add(f"audio/{split}/{name}.wav", wave.getvalue())
                rows = "".join(f"{a:f}\t{b:f}\t{label}\n" for label, a, b in EVENTS)
                add(f"annotations/{split}/{name}.txt", rows.encode())
                add(f"annotations/{split}/{name}.jams", json.dumps(jams(EVENTS, old=i == 0)).encode())
    return path


def write_urbansound8k(folder: Path, classes: tuple[str, ...] = ("dog_bark", "siren")) -> Path:
    """Write ``UrbanSound8K`` with one short sound of each class in each fold."""
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for fold in range(1, 11):
        place = folder / "audio" / f"fold{fold}"
        place.mkdir(parents=True)
        for number, label in enumerate(classes):
            tone = 0.3 * np.sin(2 * np.pi * (300 + 200 * number + 10 * fold) * np.arange(RATE) / RATE)
            soundfile.write(place / f"{fold}-{number}.wav", tone, RATE, subtype="PCM_16")
            rows.append(f"{fold}-{number}.wav,{fold},0.0,1.0,1,{fold},{number},{label}")
    (folder / "metadata").mkdir()
    (folder / "metadata" / "UrbanSound8K.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
