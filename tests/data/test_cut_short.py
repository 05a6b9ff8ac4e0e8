"""Files whose end is missing: libsndfile opens most of them, and the shorter sound would be used without a word."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import pytest
import soundfile

from igsed_core.base.errors import IgsedError
from igsed_core.data import audio, recordings
from igsed_core.data.soundbank import registry as soundbank
from tiny_bank import RATE, tone, write_bank

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".wave": ("WAV", "FLOAT"),
    ".w64": ("W64", "PCM_16"),
    ".rf64": ("RF64", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".aiff": ("AIFF", "PCM_16"),
    ".caf": ("CAF", "PCM_16"),
    ".au": ("AU", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}


def sound(path: Path, seconds: float = 3.0) -> bytes:
    form, subtype = FORMATS[path.suffix]
    soundfile.write(path, tone(440, seconds), RATE, format=form, subtype=subtype)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_whole_file_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    sound(path)
    assert len(audio.read(path)[0]) == pytest.approx(3 * RATE, abs=RATE // 50)
    assert audio.read_sound(path, RATE).fault == ""


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_broke_off_is_named(suffix: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    content = sound(path)
    path.write_bytes(content[: round(len(content) * share)])
    with pytest.raises(IgsedError, match=rf"a\{suffix} cannot be read as audio \(.*\): replace or remove it"):
        audio.read(path)


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".mp3"])
def test_how_much_is_there(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    content = sound(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(IgsedError, match=r"cut short: 1\.[2-6]\d s of 3\.00 s are there"):
        audio.read(path)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_length_that_was_not_known_when_it_was_written(size: int, tmp_path: Path) -> None:
    """As programs write to a pipe."""
    path = tmp_path / "a.wav"
    content = bytearray(sound(path))
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", size)
    path.write_bytes(content)
    assert len(audio.read(path)[0]) == 3 * RATE


def test_what_follows_the_sound_does_not_matter(tmp_path: Path) -> None:
    for suffix in (".wav", ".ogg", ".mp3"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(sound(path) + b"TAG" + bytes(125))
        assert audio.read_sound(path, RATE).fault == ""


def test_a_header_that_was_rounded_up(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(sound(path)[:-2])
    assert audio.read_sound(path, RATE).fault == ""


def test_a_bank_lists_it(tmp_path: Path) -> None:
    root = write_bank(tmp_path / "bank")
    path = root / "foreground" / "train" / "Bell" / "half.wav"
    content = sound(path)
    path.write_bytes(content[: len(content) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bank = soundbank.prepare(str(root), seed=0, sample_rate=RATE, cache_dir=tmp_path / "cache", workers=1)
    assert bank.skipped.to_numpy().tolist() == [
        ["foreground/train/Bell/half.wav", "cut short: 1.50 s of 3.00 s are there"]
    ]


def test_a_recording_is_refused_by_name(tmp_path: Path) -> None:
    content = sound(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(content[: len(content) // 2])
    (tmp_path / "events.tsv").write_text("filename\tonset\toffset\tevent_label\na.wav\t0\t1\tBell\n")
    with pytest.raises(IgsedError, match=r"a\.wav.*cut short: 1\.50 s of 3\.00 s are there"):
        recordings.read(str(tmp_path), ("Bell",))
