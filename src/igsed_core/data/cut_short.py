"""Whether the end of an audio file is missing: a download or a copy that broke off, and still opens."""

from __future__ import annotations

import re
from pathlib import Path

# Less than this may be a header that was rounded up; nothing of a sound is lost.
_TOLERANCE = 0.02  # s
# Programs that write to a pipe cannot know the length: they put the largest number there that the format holds, or one
# near it.
_UNKNOWN = 0x7FF0_0000
# What libsndfile notes of a header: `data : 96000 (should be 47978)`.
_CHUNK = re.compile(r"^\s*(?:data|SSND|BODY|riff|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
_RF64 = re.compile(r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)")


def describe(path: Path, notes: str, *, promised: int, read: int, sample_rate: int) -> str:
    """Say how much of a file is there, if its end is missing.

    Parameters
    ----------
    path : Path
        The file.
    notes : str
        What libsndfile noted of its header.
    promised, read : int
        Samples that the file should hold, and that could be read.
    sample_rate : int
        In Hz.

    Returns
    -------
    str
        Empty if nothing is missing.
    """
    there = read / sample_rate
    for whole in (promised / sample_rate, there * _share(notes)):
        if whole > there + _TOLERANCE:
            return f"cut short: {there:.2f} s of {whole:.2f} s are there"
    if _ends_within_a_page(path):
        return f"cut short: {there:.2f} s are there, and the last part is not whole"
    return ""


def _share(notes: str) -> float:
    """How many times as long as it is the header says that the file is."""
    if (found := _RF64.search(notes)) and int(found[1]):
        return int(found[2]) / int(found[1])
    sizes = [(int(said), int(there)) for said, there in _CHUNK.findall(notes)]
    return max((said / there for said, there in sizes if there and said < _UNKNOWN), default=1.0)


def _ends_within_a_page(path: Path) -> bool:
    """Whether an Ogg file (RFC 3533, section 6: a header of 27 bytes, a table of lengths, the packets) breaks off."""
    with path.open("rb") as stream:
        if stream.read(4) != b"OggS":
            return False
        end = stream.seek(0, 2)
        place = 0
        while place < end:
            stream.seek(place)
            header = stream.read(27)
            if len(header) < 27:
                return header[:4] == b"OggS"[: len(header)]  # what follows the last page may be something else
            if header[:4] != b"OggS":
                return False
            table = stream.read(header[26])
            place += 27 + header[26] + sum(table)
            if len(table) < header[26] or place > end:
                return True
    return False
