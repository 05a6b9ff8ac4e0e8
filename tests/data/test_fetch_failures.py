"""All that can go wrong with `igsed fetch`: what it prints, and that the same command works once the cause is gone.

`pytest -rP` shows what each case printed.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tarfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import desed_archive
from failing_server import Server, serve
from igsed_core.data import archives, assets, download
from igsed_core.data.soundbank import desed
from igsed_core.workflow import cli

ARCHIVE = assets.REGISTRY["desed"].file_name
NOWHERE = "http://127.0.0.1:9"
REMEDIES = ("HTTPS_PROXY", "--mirror or IGSED_MIRROR", "by hand", "soundbank=PATH")


@dataclass
class Road:
    """From a server to a cache, and what may be broken on it."""

    server: Server
    cache: Path
    monkeypatch: pytest.MonkeyPatch

    def fails(self, *failures: int | str) -> None:
        self.server.failures[f"/{ARCHIVE}"] = list(failures)

    def serves(self, *extra: tarfile.TarInfo, names: tuple[str, ...] = ()) -> None:
        """Serve another archive, with a note that calls it right."""
        with tarfile.open(self.server.root / ARCHIVE, "w:gz") as archive:
            for info in (*(tarfile.TarInfo(name) for name in names), *extra):
                archive.addfile(info)
        desed_archive.write_notes(self.server.root)

    def serves_half(self) -> None:
        path = self.server.root / ARCHIVE
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        desed_archive.write_notes(self.server.root)

    def serves_a_link(self) -> None:
        info = tarfile.TarInfo("audio/x.wav")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        self.serves(info)

    def in_the_cache(self, name: str, content: bytes) -> None:
        self.cache.mkdir()
        (self.cache / name).write_bytes(content)

    def no_space_is_left(self) -> None:
        usage = namedtuple("usage", "total used free")
        self.monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage(0, 0, 1000))

    def the_disk_fills_up(self) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full, a disk that is always full")
        self.cache.mkdir()
        (self.cache / f"{ARCHIVE}.part").symlink_to("/dev/full")

    def the_disk_fills_up_while_unpacking(self) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.monkeypatch.setattr(archives.shutil, "copyfileobj", full)

    def the_folder_cannot_be_made(self) -> None:
        self.cache.write_text("a file")

    def remove(self, *names: str) -> None:
        for name in names:
            (self.cache / name).unlink()


@dataclass(frozen=True)
class Case:
    name: str
    breaks: Callable[[Road], object]
    told: tuple[str, ...]
    status: int = 1
    heal: Callable[[Road], object] = field(default=lambda road: None)


NOT_PUBLISHED = f"not the published archive: delete it, and {ARCHIVE}.checksum.json if there is one"
CASES = (
    # what passes by itself
    Case("truncated body", lambda r: r.fails("truncate"), (f"{ARCHIVE}: the connection broke off; trying again",), 0),
    Case("429, then success", lambda r: r.fails(429, 429), ("HTTP 429 Too Many Requests; trying again in 2 s",), 0),
    # the server
    Case(
        "dies half-way, each time",
        lambda r: r.fails(*["truncate"] * 6),
        ("(the connection broke off; tried 6 times): what came so far is kept", "goes on from there", *REMEDIES),
    ),
    Case("404", lambda r: r.fails(404), ("(HTTP 404 Not Found): check the network", *REMEDIES)),
    Case("429 without end", lambda r: r.fails(*[429] * 6), ("(HTTP 429 Too Many Requests; tried 6 times)", *REMEDIES)),
    Case("503 without end", lambda r: r.fails(*[503] * 6), ("Service Unavailable; tried 6 times", *REMEDIES)),
    # what it sends
    Case("half sent as if whole", lambda r: r.fails("short"), ("what was sent is not DESED", *REMEDIES[1:])),
    Case("wrong checksum", lambda r: r.fails("garbage"), (f"what was sent is not {ARCHIVE}, whose MD5", *REMEDIES[1:])),
    Case(
        "malicious archive: a path",
        lambda r: r.serves(names=("audio/../../x.wav",)),
        ("'audio/../../x.wav' leads outside the folder", "nothing was unpacked", NOT_PUBLISHED),
        heal=lambda r: r.remove(ARCHIVE, f"{ARCHIVE}.checksum.json"),
    ),
    Case(
        "malicious archive: a link",
        Road.serves_a_link,
        ("'audio/x.wav' is a link or a device", "nothing was unpacked", NOT_PUBLISHED),
        heal=lambda r: r.remove(ARCHIVE, f"{ARCHIVE}.checksum.json"),
    ),
    Case(
        "archive without audio",
        lambda r: r.serves(names=("audio/run.sh", "audio/empty.wav")),
        ("holds 0 audio files", NOT_PUBLISHED),
        heal=lambda r: r.remove(ARCHIVE, f"{ARCHIVE}.checksum.json"),
    ),
    Case(
        "damaged archive",
        Road.serves_half,
        ("is damaged (", f"delete it, and {ARCHIVE}.checksum.json if there is one, and fetch it again"),
        heal=lambda r: r.remove(ARCHIVE, f"{ARCHIVE}.checksum.json"),
    ),
    # the network
    Case(
        "no network",
        lambda r: r.monkeypatch.setenv(assets.MIRROR_VARIABLE, NOWHERE),
        ("(no connection; tried 6 times): check the network", *REMEDIES),
    ),
    Case(
        "a proxy that is not there",
        lambda r: r.monkeypatch.setenv("HTTP_PROXY", NOWHERE),
        ("(the proxy does not answer; tried 6 times)", *REMEDIES),
    ),
    Case(
        "a mirror that is no address",
        lambda r: r.monkeypatch.setenv(assets.MIRROR_VARIABLE, "mirror.example"),
        ("No scheme supplied", *REMEDIES),
    ),
    # the disk
    Case(
        "too little space",
        Road.no_space_is_left,
        ("kB more", "has 1 kB free: free some, or set IGSED_DATA_DIR to another folder"),
    ),
    Case(
        "the disk fills up",
        Road.the_disk_fills_up,
        (f"no space left on the disk for {ARCHIVE} in", "set IGSED_DATA_DIR", "goes on where this one stopped"),
        heal=lambda r: r.remove(f"{ARCHIVE}.part"),
    ),
    Case(
        "the disk fills up while unpacking",
        Road.the_disk_fills_up_while_unpacking,
        ("no space left on the disk to unpack", "set IGSED_DATA_DIR", "run the same command again"),
    ),
    Case(
        "a file in the place of the folder",
        Road.the_folder_cannot_be_made,
        ("IGSED_DATA_DIR names", "which is a file: name a folder"),
        heal=lambda r: r.cache.unlink(),
    ),
    # the cache
    Case(
        "other content under its name",
        lambda r: r.in_the_cache(ARCHIVE, b"half of it"),
        ("its MD5 is", "delete the file to fetch it again", "soundbank=PATH"),
        heal=lambda r: r.remove(ARCHIVE),
    ),
    Case(
        "a damaged note",
        lambda r: r.in_the_cache(f"{ARCHIVE}.checksum.json", b"{"),
        ("is damaged: delete it, and the checksum is looked up again",),
        heal=lambda r: r.remove(f"{ARCHIVE}.checksum.json"),
    ),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    bank = desed_archive.write_bank(folder / "bank", recordings=1)
    served = folder / "served"
    served.mkdir()
    desed_archive.write_archive(bank, served / ARCHIVE)
    desed_archive.write_list(served / desed.VALIDATION_LIST, ["Dog/1_0.wav"])
    return served


@pytest.fixture
def road(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    shutil.copytree(served, tmp_path / "served")
    desed_archive.write_notes(tmp_path / "served")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "cache"))
    with serve(tmp_path / "served") as server:
        monkeypatch.setenv(assets.MIRROR_VARIABLE, server.url)
        with monkeypatch.context() as broken:
            broken.setattr(download.time, "sleep", lambda _: None)
            yield Road(server, tmp_path / "cache", broken)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_failure_is_explained_and_the_cache_stays_usable(
    case: Case, road: Road, served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case.breaks(road)
    assert cli.main(["fetch", "desed"]) == case.status
    told = capsys.readouterr().err
    sys.stderr.write(told)
    assert "Traceback" not in told
    for words in case.told:
        assert words in told
    # The cause is gone, and what the message says is done.
    road.monkeypatch.undo()
    road.server.failures.clear()
    shutil.copy(served / ARCHIVE, road.server.root / ARCHIVE)
    desed_archive.write_notes(road.server.root)
    case.heal(road)
    assert cli.main(["fetch", "desed"]) == 0
    assert cli.main(["fetch", "desed", "--verify"]) == 0
    assert sorted(os.listdir(road.cache)) == sorted(
        [*(f"{n}{end}" for n in (ARCHIVE, desed.VALIDATION_LIST) for end in ("", ".checksum.json")), "desed"]
    )
    assert len(list((road.cache / "desed").rglob("*.wav"))) == 23
