"""Archives, notes and lists that come damaged: one sentence each, which names the file; nothing is left behind."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.data import archives, assets, fetching
from igsed_core.data.soundbank import desed

SOUND = b"RIFF" + bytes(range(200)) * 400


def tar_bytes(names: list[str], pax: bool = False) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT) as packed:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(SOUND)
            packed.addfile(info, io.BytesIO(SOUND))
    return stream.getvalue()


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress], ids=["bz2", "xz"])
def test_a_damaged_archive_of_another_kind(compress, tmp_path: Path) -> None:
    data = bytearray(compress(tar_bytes([f"{i}.wav" for i in range(9)])))
    data[len(data) // 2 : len(data) // 2 + 20] = b"\xff" * 20
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(IgsedError, match=r"a\.tar is damaged .*: delete it.* and fetch it again"):
        archives.unpack(tmp_path / "a.tar", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_bytes(["good.wav", "x" * 300 + ".wav"]))
    with pytest.raises(IgsedError, match=r"a\.tar is damaged \(File name too long\): delete it"):
        archives.unpack(tmp_path / "a.tar", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_an_archive_with_a_password(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.wav", SOUND)
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of an encrypted entry
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)
    with pytest.raises(IgsedError, match=r"a\.zip is damaged \(.*password.*\): delete it"):
        archives.unpack(path, tmp_path / "out")


def test_what_macos_and_servers_add_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_bytes(["__MACOSX/a.wav", "@eaDir/b.wav", "Dog/._c.wav", "Dog/c.wav"]))
    assert archives.unpack(tmp_path / "a.tar", tmp_path / "out") == 1
    assert [path.name for path in (tmp_path / "out").rglob("*.wav")] == ["c.wav"]


ASSET = assets.Asset("http://127.0.0.1:9/net.pt", "net.pt", "", "weights=PATH", record=7)
NOTE = {"file": "net.pt", "checksum": "md5:0a", "size": 3}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(assets.MIRROR_VARIABLE, raising=False)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_note_in_any_encoding_that_names_itself(encoding: str, cache: Path) -> None:
    (cache / "net.pt.checksum.json").write_bytes(json.dumps(NOTE).encode(encoding))
    assert assets.lookup(ASSET) == assets.Known("md5:0a", 3, "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"checksum": "md5:0a"}',
        b'{"checksum": "crc:0a", "size": 3}',
        b'{"checksum": "md5:0a", "size": "many"}',
        b'{"checksum": "\xe9", "size": 3}',
        b"\0\0",
        b"[" * 100_000,
    ],
)
def test_a_damaged_note_is_named(content: bytes, cache: Path) -> None:
    (cache / "net.pt.checksum.json").write_bytes(content)
    with pytest.raises(IgsedError, match=r"net\.pt\.checksum\.json"):
        assets.lookup(ASSET)


@pytest.mark.parametrize(
    "answer",
    [{"files": None}, {"files": ["net.pt"]}, {"files": [{"key": "net.pt"}]}, {"files": {"net.pt": 1}}, None, 3],
)
def test_a_record_of_another_form_holds_no_such_file(answer: object, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(assets, "_record", lambda _: answer)
    with pytest.raises(assets.NotHeld, match=r"record 7 names no checksum of net\.pt"):
        assets.lookup(ASSET)


def test_a_record_that_tells_no_size(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"key": "net.pt", "checksum": "md5:0a", "size": "large"}
    monkeypatch.setattr(assets, "_record", lambda _: {"files": [entry]})
    assert assets.lookup(ASSET, remember=False) == assets.Known("md5:0a", 0, "")


def test_a_cache_in_which_no_note_can_be_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, value: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(assets, "write_json", refuse)
    monkeypatch.setattr(assets, "_record", lambda _: {"files": [{"key": "net.pt", "checksum": "md5:0a", "size": 3}]})
    with pytest.raises(
        IgsedError, match=r"net\.pt\.checksum\.json cannot be kept in .*\(permission denied\).*IGSED_DATA"
    ):
        assets.lookup(ASSET)


def test_a_file_of_the_cache_that_cannot_be_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, alg: str) -> str:
        raise PermissionError(13, "Permission denied")

    (cache / "net.pt").write_bytes(b"abc")
    (cache / "net.pt.checksum.json").write_text(json.dumps(NOTE))
    monkeypatch.setattr(assets.pooch, "file_hash", refuse)
    with pytest.raises(IgsedError, match=r"net\.pt cannot be read \(permission denied\): change its permissions"):
        assets.verify(ASSET, cache / "net.pt")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_list_of_sins_in_another_dress(encoding: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as packed:
        packed.writestr("meta.txt", "audio/a.wav\tother\ts1\r\naudio/b.wav\tcooking\ts2\r\n".encode(encoding))
    assert fetching._sins_others(tmp_path / "m.zip") == {"a.wav"}
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as packed:
        packed.writestr("meta.txt", "audio/ä.wav\tother\n".encode("latin-1"))
    with pytest.raises(IgsedError, match=r"m\.zip: meta\.txt, line 1: this is not UTF-8 text"):
        fetching._sins_others(tmp_path / "m.zip")


@pytest.mark.parametrize(
    "content",
    [
        "filepath\nsoundbank/foreground/Dog/1_0.wav\n".encode("utf-8-sig"),
        "filepath\nsoundbank/foreground/Dog/1_0.wav\n".encode("utf-16"),
        b'"filepath"\r\n"audio\\train\\soundbank\\foreground\\Dog\\1_0.WAV"\r\n',
        b"note\tfilepath\nx\tforeground/Dog/1_0.wav\nx\tbackground/sins/2.wav\n",
    ],
    ids=["mark", "utf-16", "windows", "more columns"],
)
def test_the_validation_list_in_any_dress(content: bytes, tmp_path: Path) -> None:
    """Cases I3."""
    (tmp_path / "list.tsv").write_bytes(content)
    assert desed._read_list(tmp_path / "list.tsv") == {"1_0.wav"}


def test_a_validation_list_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_bytes(b"path\n1_0.wav\n")
    with pytest.raises(IgsedError, match=r"list\.tsv, line 1: no column filepath; .*delete it and fetch it again"):
        desed._read_list(tmp_path / "list.tsv")
