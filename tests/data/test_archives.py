"""Archives are unpacked with distrust: nothing outside the target, nothing but audio, whole or not at all."""

from __future__ import annotations

import errno
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.data import archives

SOUND = b"RIFF" + bytes(range(200)) * 400


def tar(path: Path, files: dict[str, bytes], *special: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in special:
            archive.addfile(info)
    return path


def unzip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("make", "name"), [(tar, "a.tar.gz"), (unzip, "a.zip")])
def test_only_audio_is_unpacked(make, name: str, tmp_path: Path) -> None:
    files = {
        "audio/Dog/1_0.wav": SOUND,
        "audio/Dog/1_1.flac": b"fLaC" + SOUND,
        "audio/Dog/._1_0.wav": SOUND,
        "audio/.hidden/2_0.wav": SOUND,
        "audio/run.sh": b"#!/bin/sh",
        "audio/Dog/no_sound.wav": b"#!/bin/sh\nrm -rf /",
        "LICENSE.txt": b"words",
    }
    count = archives.unpack(make(tmp_path / name, files), tmp_path / "out")
    assert left_in(tmp_path / "out") == ["audio/Dog/1_0.wav", "audio/Dog/1_1.flac"]
    assert count == 2
    assert (tmp_path / "out/audio/Dog/1_0.wav").read_bytes() == SOUND
    assert sorted(p.name for p in tmp_path.iterdir()) == [name, "out"]


def test_only_what_is_wanted_is_unpacked(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", {"a/1.wav": SOUND, "a/2.wav": SOUND})
    assert archives.unpack(archive, tmp_path / "out", keep=lambda path: path.name == "2.wav") == 1
    with pytest.raises(IgsedError, match=r"a\.tar\.gz holds 0 audio files that are wanted"):
        archives.unpack(archive, tmp_path / "none", keep=lambda _: False)
    assert archives.unpack(archive, tmp_path / "none", keep=lambda _: False, at_least=0) == 0
    assert (tmp_path / "none").is_dir()


@pytest.mark.parametrize("name", ["../evil.wav", "a/../../evil.wav", "/tmp/evil.wav", "..\\evil.wav", "C:\\evil.wav"])
@pytest.mark.parametrize(("make", "archive"), [(tar, "a.tar.gz"), (unzip, "a.zip")])
def test_paths_outside_are_refused(make, archive: str, name: str, tmp_path: Path) -> None:
    path = make(tmp_path / archive, {"good.wav": SOUND, name: SOUND})
    with pytest.raises(IgsedError, match=r"leads outside the folder .* nothing was unpacked"):
        archives.unpack(path, tmp_path / "in" / "out")
    assert left_in(tmp_path) == [archive]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("x.wav")
    info.type, info.linkname = kind, "/etc/passwd"
    path = tar(tmp_path / "a.tar.gz", {"good.wav": SOUND}, info)
    with pytest.raises(IgsedError, match="is a link or a device"):
        archives.unpack(path, tmp_path / "out")
    assert left_in(tmp_path) == ["a.tar.gz"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("x.wav")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(IgsedError, match="is a link or a device"):
        archives.unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(("make", "name"), [(tar, "a.tar.gz"), (unzip, "a.zip")])
@pytest.mark.parametrize("damage", ["half", "text"])
def test_a_damaged_archive_leaves_nothing(make, name: str, damage: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, {f"{i}.wav": SOUND for i in range(5)})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage == "half" else b"<html>404</html>")
    with pytest.raises(IgsedError, match=r"is damaged .* delete it.* and fetch it again"):
        archives.unpack(path, tmp_path / "out")
    assert left_in(tmp_path) == [name]


def test_a_full_disk_leaves_nothing_and_works_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tar(tmp_path / "a.tar.gz", {"1.wav": SOUND, "2.wav": SOUND})

    def full(source: object, target: object, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(archives.shutil, "copyfileobj", full)
        with pytest.raises(IgsedError, match=r"no space left on the disk to unpack .*a\.tar\.gz.*IGSED_DATA_DIR"):
            archives.unpack(path, tmp_path / "out")
    assert left_in(tmp_path) == ["a.tar.gz"]
    assert archives.unpack(path, tmp_path / "out") == 2
