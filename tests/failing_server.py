"""A local HTTP server that fails as servers do: on the next requests for a path, in the ways it is told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Server:
    """A folder behind HTTP.

    Attributes
    ----------
    root
        What is served.
    failures
        Path -> what happens to the next requests for it: an HTTP status, "truncate" (half of the body, then the
        connection ends), "short" (half of the body as if it were all), "garbage" (a body of the right length and other
        bytes) or "no ranges" (the whole file, whatever was asked).
    requests
        Path and Range header of every request.
    """

    root: Path
    url: str = ""
    failures: dict[str, list[int | str]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextlib.contextmanager
def serve(root: Path) -> Iterator[Server]:
    """Serve a folder until the block ends."""
    server = Server(root)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked = self.headers.get("Range", "")
            server.requests.append((path, asked))
            planned = server.failures.get(path, [])
            failure = planned.pop(0) if planned else ""
            file = server.root / path.lstrip("/")
            if isinstance(failure, int) or not file.is_file():
                self.send_error(failure if isinstance(failure, int) else 404)
                return
            body = file.read_bytes()
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and failure != "no ranges" else 0
            if first >= len(body) > 0 and first:
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            body = bytes(255 - b for b in body) if failure == "garbage" else body
            body = body[: len(body) // 2] if failure == "short" else body
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            body = body[first:]
            self.wfile.write(body[: len(body) // 2] if failure == "truncate" else body)
            self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
