"""A stand-in for AVP: an archive in its layout, with the traps of its annotations."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100
TAKES = {"HHclosed": "hhc", "HHopened": "hho", "Kick": "kd", "Snare": "sd", "Improvisation": ""}
PHONEMES = {"kd": "p,ʊ", "sd": "k,a", "hhc": "ts,", "hho": "tʃ,x"}


def write(path: Path, *, participants: tuple[int, ...] = (1, 9, 11), sounds: int = 4) -> Path:
    """Write ``AVP_Dataset/{Personal,Fixed}/Participant_N`` with five takes each."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/AVP_Dataset/Personal/Participant_1/._P1_Kick_Personal.csv", "\0\0")
        for variant in ("Personal", "Fixed"):
            for user in participants:
                for take, only in TAKES.items():
                    names = [only] * sounds if only else ["kd", "hhc", "sd", "hho"] * (sounds // 2)
                    stem = f"AVP_Dataset/{variant}/Participant_{user}/P{user}_{take}_{variant}"
                    wave = io.BytesIO()
                    samples = 0.1 * rng.standard_normal(round((0.3 * len(names) + 0.2) * RATE))
                    soundfile.write(wave, samples, RATE, format="WAV", subtype="PCM_16")
                    archive.writestr(f"{stem}.wav", wave.getvalue())
                    phonemes = variant == "Personal"
                    rows = [
                        f"{0.1 + 0.3 * i:.3f},{name}" + f",{PHONEMES[name]}" * phonemes for i, name in enumerate(names)
                    ]
                    if user == 9 and take == "Improvisation":
                        rows[0] = "0.100," + ",," * phonemes
                    archive.writestr(f"{stem}.csv", "\r\n".join(rows) + "\r\n")
    return path
