import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from igsed_core import assets
from igsed_core.errors import IgsedError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class QuietHandler(SimpleHTTPRequestHandler):
    requests: list[str] = []  # noqa: RUF012

    def log_message(self, format: str, *args: object) -> None:
        self.requests.append(self.path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    served = tmp_path / "served"
    served.mkdir()
    (served / "net.pt").write_bytes(CONTENT)
    QuietHandler.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(served))) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def register(monkeypatch: pytest.MonkeyPatch, url: str, sha256: str = SHA256) -> None:
    monkeypatch.setitem(assets.REGISTRY, "net", assets.Asset(url, "net.pt", sha256, "weights=PATH"))


def test_fetched_once(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server}/net.pt")
    path = assets.fetch("net")
    assert path == folder / "net.pt" and path.read_bytes() == CONTENT
    assert assets.fetch("net") == path
    assert QuietHandler.requests == ["/net.pt"]
    assert list(folder.iterdir()) == [path]


def test_a_file_put_there_by_hand_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, "http://127.0.0.1:9/net.pt")
    folder.mkdir()
    (folder / "net.pt").write_bytes(CONTENT)
    assert assets.fetch("net") == folder / "net.pt"


def test_wrong_content_from_the_server(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server}/net.pt", sha256="0" * 64)
    with pytest.raises(IgsedError, match=r"not net\.pt.*SHA-256 0{64}.*weights=PATH"):
        assets.fetch("net")
    assert list(folder.iterdir()) == []


def test_wrong_content_in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, "http://127.0.0.1:9/net.pt")
    folder.mkdir()
    (folder / "net.pt").write_bytes(b"half of the we")
    with pytest.raises(IgsedError, match=r"net\.pt: its SHA-256 is .*delete the file"):
        assets.fetch("net")
    assert (folder / "net.pt").read_bytes() == b"half of the we"


@pytest.mark.parametrize("gone", ["404", "unreachable"])
def test_failed_download_says_what_to_do(gone: str, server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, f"{server}/other.pt" if gone == "404" else "http://127.0.0.1:9/net.pt")
    with pytest.raises(IgsedError) as caught:
        assets.fetch("net")
    message = str(caught.value)
    assert "net.pt could not be fetched" in message
    assert f"into {folder} by hand" in message
    assert "weights=PATH" in message
    assert list(folder.iterdir()) == []


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(IgsedError, match=r"'resnet'.*mn04_as"):
        assets.fetch("resnet")


def test_registry_is_well_formed() -> None:
    for asset in assets.REGISTRY.values():
        assert asset.url.startswith("https://")
        assert len(bytes.fromhex(asset.sha256)) == 32
