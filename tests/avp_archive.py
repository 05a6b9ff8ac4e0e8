"""Stand-ins for AVP and AVP-LVT: archives in their layout, with the traps of their annotations."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100
TAKES = {"HHclosed": "hhc", "HHopened": "hho", "Kick": "kd", "Snare": "sd", "Improvisation": ""}
EARLY = 0.014  # s by which annotated onsets come before the sound
PHONEMES = {"kd": "p,ʊ", "sd": "k,a", "hhc": "ts,", "hho": "tʃ,x"}


def write(
    path: Path,
    *,
    participants: tuple[int, ...] = (1, 9, 11),
    sounds: int = 4,
    variants: tuple[str, ...] = ("Personal", "Fixed"),
    relabelled: dict[tuple[int, str, int], str] | None = None,
) -> Path:
    """Write ``AVP_Dataset/{Personal,Fixed}/Participant_N`` with five takes each.

    AVP-LVT has AVP's Personal takes and four columns, and gives some sounds another instrument: ``relabelled`` names
    them by participant, take and number.
    """
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/AVP_Dataset/Personal/Participant_1/._P1_Kick_Personal.csv", "\0\0")
        for variant in variants:
            for user in participants:
                for take, only in TAKES.items():
                    names = [only] * sounds if only else ["kd", "hhc", "sd", "hho"] * (sounds // 2)
                    stem = f"AVP_Dataset/{variant}/Participant_{user}/P{user}_{take}_{variant}"
                    wave = io.BytesIO()
                    samples = 0.001 * rng.standard_normal(round((0.3 * len(names) + 0.2) * RATE))
                    for i in range(len(names)):
                        first = round((0.1 + 0.3 * i + EARLY) * RATE)
                        samples[first : first + RATE // 10] += 0.1 * rng.standard_normal(RATE // 10)
                    soundfile.write(wave, samples, RATE, format="WAV", subtype="PCM_16")
                    archive.writestr(f"{stem}.wav", wave.getvalue())
                    phonemes = variant == "Personal"
                    rows = [
                        f"{0.1 + 0.3 * i:.3f},{(relabelled or {}).get((user, take, i), name)}"
                        + f",{PHONEMES[name]}" * phonemes
                        for i, name in enumerate(names)
                    ]
                    if user == 9 and take == "Improvisation":
                        rows[0] = "0.100," + ",," * phonemes
                    archive.writestr(f"{stem}.csv", "\r\n".join(rows) + "\r\n")
    return path
