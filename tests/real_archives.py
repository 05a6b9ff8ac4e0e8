"""Stand-ins for the collections of real recordings: archives in their exact layout, with their traps."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
ESC10 = {"001 - Dog bark": 2, "002 - Rain": 1, "003 - Sea waves": 1, "004 - Baby cry": 2, "005 - Clock tick": 2}
KITCHEN20 = (
    *("blender", "juicer", "chopping", "clean-dishes", "plates", "cutlery", "frying-pan", "water-flowing", "sweep"),
    *("dishwasher", "book"),
)


def _sound(rng: np.random.Generator, *, steady: bool, suffix: str, seconds: float = 2.2) -> bytes:
    """Two bursts in quiet noise, or noise alone."""
    samples = 0.1 * rng.standard_normal(round(seconds * RATE))
    if not steady:
        time = np.arange(len(samples)) / RATE
        samples *= np.where(((time > 0.3) & (time < 0.8)) | ((time > 1.3) & (time < 1.7)), 1.0, 1e-3)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="OGG" if suffix == ".ogg" else "WAV")
    return file.getvalue()


def write(folder: Path) -> Path:
    """Write ``esc10.tar.gz``, ``kitchen20.tar.gz``, ``fsdd.tar.gz`` and two sentences into a folder."""
    rng = np.random.default_rng(0)
    _pack(folder / "esc10.tar.gz", "ESC-10-master", _esc10(rng))
    _pack(folder / "kitchen20.tar.gz", "kitchen20-master", _kitchen20(rng))
    digits = {
        f"recordings/{digit}_{who}_{take}.wav": _sound(rng, steady=True, suffix=".wav", seconds=0.4)
        for who in ("george", "theo")
        for digit in range(4)
        for take in range(2)
    }
    _pack(folder / "fsdd.tar.gz", "free-spoken-digit-dataset-1.0.9", digits)
    for name in ("198-209-0000.hq.ogg", "3436-172162-0000.hq.ogg"):
        (folder / name).write_bytes(_sound(rng, steady=False, suffix=".ogg"))
    return folder


def _esc10(rng: np.random.Generator) -> dict[str, bytes]:
    made, lines = {}, []
    for number, (label, clips) in enumerate(ESC10.items()):
        lines.append(f"{label}:")
        for i in range(clips):
            recording, licence = 1000 + 10 * number + i, ("CC0", "CC-BY")[i % 2]
            name = f"{1 + i}-{recording}-A.ogg"
            made[f"{label}/{name}"] = _sound(rng, steady=label == "002 - Rain", suffix=".ogg")
            page = f"http://www.freesound.org/people/by%20{i}/sounds/{recording}/"
            lines.append(f"- [{name}]: clip derived from a (loud) one.wav ({page}) by esc author {i} [{licence}]")
    return {"README.txt": "\n".join(lines).encode(), **made}


def _kitchen20(rng: np.random.Generator) -> dict[str, bytes]:
    """Every category by two authors; of "sweep" also a doubtful clip, a mistaken one, a video and a contributor's."""
    made: dict[str, bytes] = {}
    rows, remarks = [",category,fold,orig_idx,path,take,target,usr_id"], ["start,path,comment"]

    def add(category: str, who: str, name: str, comment: str = "y") -> int:
        index = len(rows) - 1
        path = f"audio/0-{who}-A-{KITCHEN20.index(category)}.wav"
        rows.append(f"{index},{category},0,{index},{path},A,{KITCHEN20.index(category)},{who}")
        remarks.append(f"00:00,{category}/{name},{comment}")
        made[path] = _sound(rng, steady=category == "dishwasher", suffix=".wav")
        return index

    for number, category in enumerate(KITCHEN20):
        for i in range(2):
            recording = 5000 + 10 * number + i
            add(category, str(recording), f"{recording}__cook-{i}__{category}.wav")
    add("sweep", "7001", "7001__cook-0__sweep.wav", "m")
    mistaken = add("sweep", "7002", "7002__cook-0__sweep.wav")
    add("sweep", "Sweeping the floor", "Sweeping the floor-abcdefghijk.mp4")
    add("sweep", "M-balai.wav", "M-balai.wav")
    heard = [
        ",index,truth,prediction,issue",
        f"0,{mistaken},sweep,peel,",
        f"1,{mistaken},sweep,peel,",
        "2,0,blender,peel,",
    ]
    made |= {"results/One_1.csv": "\n".join([*heard, "3,0,blender,blender,"]).encode()}
    return {"kitchen20.csv": "\n".join(rows).encode(), "classes.csv": "\n".join(remarks).encode(), **made}


def _pack(archive: Path, root: str, held: dict[str, bytes]) -> None:
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        for name, content in held.items():
            info = tarfile.TarInfo(f"{root}/{name}")
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
