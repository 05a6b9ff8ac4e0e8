"""Fetching against a server that fails: every failure is explained, none leaves a bad file in the cache."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from failing_server import Server, serve
from igsed_core.base.errors import IgsedError
from igsed_core.data import assets, download
from igsed_core.workflow import cli

CONTENT = bytes(range(256)) * 4000  # 1 MB, no two halves alike
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "net.pt").write_bytes(CONTENT)
    with serve(tmp_path / "served") as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not waited for."""
    waited: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waited.append)
    return waited


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Path:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(assets.MIRROR_VARIABLE, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assets._record.cache_clear()
    return tmp_path / "cache"


def register(monkeypatch: pytest.MonkeyPatch, url: str, checksum: str = CHECKSUM, size: int = 0) -> None:
    monkeypatch.setitem(assets.REGISTRY, "net", assets.Asset(url, "net.pt", checksum, "weights=PATH", size, record=7))


def whole_chunks(n: int) -> int:
    """What is kept of ``n`` bytes when the connection breaks off."""
    return n // download.CHUNK * download.CHUNK


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetched_once(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    path = assets.fetch("net")
    assert path == folder / "net.pt" and path.read_bytes() == CONTENT
    assert assets.fetch("net") == path
    assert server.paths() == ["/net.pt"]
    assert names(folder) == ["net.pt"]


def test_a_file_put_there_by_hand_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{NOWHERE}/net.pt")
    folder.mkdir()
    (folder / "net.pt").write_bytes(CONTENT)
    assert assets.fetch("net") == folder / "net.pt"


# --- failures that pass
def test_goes_on_where_a_server_died(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    server.failures["/net.pt"] = ["truncate", "truncate"]
    assert assets.fetch("net").read_bytes() == CONTENT
    first = whole_chunks(len(CONTENT) // 2)
    second = first + whole_chunks((len(CONTENT) - first) // 2)
    assert server.requests == [("/net.pt", ""), ("/net.pt", f"bytes={first}-"), ("/net.pt", f"bytes={second}-")]
    assert names(folder) == ["net.pt"]


def test_starts_again_where_the_server_knows_no_ranges(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    server.failures["/net.pt"] = ["truncate", "no ranges"]
    assert assets.fetch("net").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_waits_and_tries_again(
    status: int, server: Server, folder: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    server.failures["/net.pt"] = [status, status]
    assert assets.fetch("net").read_bytes() == CONTENT
    assert pauses == list(download.PAUSES[:2])


def test_what_an_earlier_program_left_is_taken_up(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    server.failures["/net.pt"] = ["truncate", *[503] * len(download.PAUSES)]
    with pytest.raises(IgsedError, match="HTTP 503"):
        assets.fetch("net")
    assert names(folder) == ["net.pt.part"]
    assert assets.fetch("net").read_bytes() == CONTENT
    assert server.requests[-1] == ("/net.pt", f"bytes={whole_chunks(len(CONTENT) // 2)}-")


@pytest.mark.parametrize("part", [b"another file's bytes", CONTENT + b"too long"], ids=["other", "longer"])
def test_a_bad_partial_file_is_thrown_away(
    part: bytes, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    folder.mkdir()
    (folder / "net.pt.part").write_bytes(part)
    assert assets.fetch("net").read_bytes() == CONTENT
    assert names(folder) == ["net.pt"]


# --- failures that do not
@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (404, r"HTTP 404 Not Found\)"),
        (403, r"HTTP 403 Forbidden\)"),
        (503, r"HTTP 503 Service Unavailable; tried 6 times"),
        (429, r"HTTP 429 Too Many Requests; tried 6 times"),
        ("unreachable", r"no connection; tried 6 times"),
        ("garbage", r"what was sent is not net\.pt, whose SHA-256 is [0-9a-f]{64}:"),
    ],
)
def test_a_failed_download_says_what_to_do(
    failure: int | str, told: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{NOWHERE if failure == 'unreachable' else server.url}/net.pt")
    server.failures["/net.pt"] = [failure] * 6
    with pytest.raises(IgsedError, match=told) as caught:
        assets.fetch("net")
    for remedy in ("--mirror or IGSED_MIRROR", f"into {folder} by hand", "weights=PATH"):
        assert remedy in str(caught.value)
    assert not folder.exists() or names(folder) == []
    register(monkeypatch, f"{server.url}/net.pt")
    server.failures.clear()
    assert assets.fetch("net").read_bytes() == CONTENT


def test_wrong_content_in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{NOWHERE}/net.pt")
    folder.mkdir()
    (folder / "net.pt").write_bytes(b"half of the we")
    with pytest.raises(IgsedError, match=r"net\.pt: its SHA-256 is .*delete the file"):
        assets.fetch("net")
    assert (folder / "net.pt").read_bytes() == b"half of the we"


def test_too_little_space_is_seen_before(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server.url}/net.pt", size=5_000_000_000)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 2_000_000_000))
    with pytest.raises(IgsedError, match=r"net\.pt needs 5 GB more, .* has 2 GB free: .*IGSED_DATA_DIR"):
        assets.fetch("net")
    assert server.requests == []


def test_a_disk_that_fills_up_keeps_what_it_has(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server.url}/net.pt")
    room = [300_000]

    class FullFile(io.FileIO):
        def write(self, data: Any) -> int:
            if room and len(data) > room[0]:
                super().write(data[: room[0]])
                raise OSError(errno.ENOSPC, "No space left on device")
            if room:
                room[0] -= len(data)
            return super().write(data)

    original = Path.open

    def on_a_full_disk(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".part":
            return FullFile(path, mode.replace("b", ""))
        return original(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", on_a_full_disk)
    with pytest.raises(
        IgsedError, match=r"no space left on the disk for net\.pt in .*free some, or set IGSED_DATA_DIR"
    ):
        assets.fetch("net")
    assert names(folder) == ["net.pt.part"]
    room.clear()
    assert assets.fetch("net").read_bytes() == CONTENT
    assert server.requests[-1] == ("/net.pt", "bytes=300000-")


# --- a checksum that only the record knows
@pytest.fixture
def record(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Zenodo record that holds the file, and an asset without a checksum."""
    register(monkeypatch, f"{server.url}/net.pt", checksum="")
    monkeypatch.setattr(assets, "ZENODO", server.url)
    path = server.root / "api" / "records" / "7"
    path.parent.mkdir(parents=True)
    files = [{"key": "other.txt", "size": 1, "checksum": "md5:00"}, {"key": "net.pt", "size": 1024000, "checksum": MD5}]
    path.write_text(json.dumps({"id": 7, "files": files}))
    return path


def test_the_record_is_trusted_once(record: Path, server: Server, folder: Path) -> None:
    path = assets.fetch("net")
    assert server.paths() == ["/api/records/7", "/net.pt"]
    note = json.loads((folder / "net.pt.checksum.json").read_text())
    assert note == {"file": "net.pt", "checksum": MD5, "size": 1024000, "record": 7}
    path.unlink()
    record.unlink()
    assets._record.cache_clear()
    assert assets.fetch("net") == path  # held to the note, not to the record
    (server.root / "net.pt").write_bytes(CONTENT[::-1])
    path.unlink()
    with pytest.raises(IgsedError, match=rf"not net\.pt, whose MD5 is {MD5[4:]}:"):
        assets.fetch("net")


@pytest.mark.parametrize("answer", ["<html>", '{"files": []}', '["?"]'])
def test_a_record_that_does_not_know(answer: str, record: Path, folder: Path) -> None:
    record.write_text(answer)
    with pytest.raises(IgsedError, match=r"net\.pt could not be fetched .*(no JSON|names no checksum)"):
        assets.fetch("net")
    assert not folder.exists() or names(folder) == []


def test_a_file_put_there_by_hand_is_trusted_once(record: Path, server: Server, folder: Path) -> None:
    record.unlink()
    folder.mkdir()
    (folder / "net.pt").write_bytes(CONTENT)
    assert assets.verify(assets.get("net"), folder / "net.pt").startswith(
        f"noted: MD5 is {MD5[4:]}, trusted from now on"
    )
    assert assets.verify(assets.get("net"), folder / "net.pt") == "whole"
    (folder / "net.pt").write_bytes(CONTENT[::-1])
    with pytest.raises(IgsedError, match=r"net\.pt: its MD5 is .*, expected"):
        assets.fetch("net")


def test_a_cache_that_is_served_is_a_mirror(
    record: Path, server: Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets.fetch("net")
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "second"))
    with serve(folder) as mirror:
        monkeypatch.setenv(assets.MIRROR_VARIABLE, mirror.url + "/")
        assert assets.fetch("net").read_bytes() == CONTENT
        assert mirror.paths() == ["/net.pt.checksum.json", "/net.pt"]
    assert names(tmp_path / "second") == ["net.pt", "net.pt.checksum.json"]


# --- the command
@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch, server: Server, folder: Path) -> None:
    register(monkeypatch, f"{server.url}/net.pt", size=len(CONTENT))
    monkeypatch.setattr(cli.fetching, "GROUPS", {"net": ("net",)})
    monkeypatch.setattr(cli.fetching, "NAMES", ("net", "all"))


@pytest.mark.usefixtures("group")
def test_the_command_fetches_tells_and_verifies(
    server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fetch", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"net -> {folder}" in told and "net.pt: 1.02 MB, " in told and "absent" in told
    assert f"from {server.url}/net.pt" in told
    assert server.requests == []
    assert cli.main(["fetch", "--verify"]) == 1
    assert "1 of 1 files" in capsys.readouterr().err
    assert cli.main(["fetch", "net"]) == 0
    assert f"net: {folder / 'net.pt'}" in capsys.readouterr().out
    assert cli.main(["fetch", "all"]) == 0
    assert server.paths() == ["/net.pt"]
    assert cli.main(["fetch", "--verify"]) == 0
    assert "net.pt: whole" in capsys.readouterr().out
    (folder / "net.pt").write_bytes(b"x")
    assert cli.main(["fetch", "--verify", "net"]) == 1
    assert "differs: its SHA-256 is" in capsys.readouterr().err


def test_the_command_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fetch", "resnet"]) == 1
    known = "cnn14, mn04_as, desed, avp, fsdkaggle2018, urban_sed, urbansound8k, real, backgrounds, all"
    assert f"'resnet': choose from {known}" in capsys.readouterr().err
    assert cli.main(["fetch"]) == 1
    assert "say what to fetch" in capsys.readouterr().err


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(IgsedError, match=r"'resnet'.*mn04_as"):
        assets.fetch("resnet")


def test_registry_is_well_formed() -> None:
    grouped = [name for names in assets.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(assets.REGISTRY)
    assert len({asset.file_name for asset in assets.REGISTRY.values()}) == len(assets.REGISTRY)
    for asset in assets.REGISTRY.values():
        assert asset.url.startswith("https://") and asset.licence
        algorithm, _, digest = asset.checksum.partition(":")
        assert len(bytes.fromhex(digest)) == {"sha256": 32, "md5": 16, "": 0}[algorithm]
        # What GitHub packs anew on each request has none that lasts: it is noted at the first fetch.
        assert asset.checksum or asset.record or asset.url.startswith("https://codeload.github.com/")
