"""Downloads over HTTP that survive: taken up where they broke off, tried again after errors that pass."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from igsed_core import __version__
from igsed_core.base import progress
from igsed_core.base.errors import IgsedError

TIMEOUT = 60.0  # seconds without an answer
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each further attempt
MOST_PAUSE = 120.0  # however long a server asks to wait
CHUNK = 1 << 16  # bytes; what a broken connection costs at most
# Zenodo answers 429 to the default names of HTTP libraries.
_AGENT = {"User-Agent": f"igsed/{__version__} (research; python-requests)"}


class FetchError(Exception):
    """A download that failed; the message says how, in words."""


class Download:
    """A downloader for `pooch.retrieve` that goes on with a partial file.

    Parameters
    ----------
    part : Path
        Where the bytes are kept until the file is whole; a later attempt, or a later program, goes on from there.
    size : int
        Bytes to come, if known: the disk is asked first.
    """

    def __init__(self, part: Path, size: int = 0) -> None:
        self.part = part
        self.size = size
        self.resumed = False

    def __call__(self, url: str, output_file: str | Path, _: Any, check_only: bool = False) -> None:
        """Fetch ``url`` into ``output_file``; called by pooch.

        Raises
        ------
        FetchError
            If the server refuses, or fails again and again.
        IgsedError
            If the disk is full.
        """
        del check_only  # never asked of a file with a checksum
        self._require_space()
        try:
            with_retries(lambda: self._attempt(url), self.part.name.removesuffix(".part"))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise IgsedError(
                    f"no space left on the disk for {self.part.name.removesuffix('.part')} in {self.part.parent}: free "
                    "some, or set IGSED_DATA_DIR to another folder; the same command goes on where this one stopped"
                ) from error
            raise
        os.replace(self.part, output_file)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _require_space(self) -> None:
        self.part.parent.mkdir(parents=True, exist_ok=True)
        free, missing = shutil.disk_usage(self.part.parent).free, self.size - self._have()
        if missing > free:
            raise IgsedError(
                f"{self.part.name.removesuffix('.part')} needs {size_text(missing)} more, {self.part.parent} has "
                f"{size_text(free)} free: free some, or set IGSED_DATA_DIR to another folder"
            )

    def _attempt(self, url: str) -> None:
        have = self._have()
        headers = {**_AGENT, "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()
                raise requests.ConnectionError("the partial file does not fit what the server has now")
            response.raise_for_status()
            goes_on = bool(have) and response.status_code == requests.codes.partial_content
            self.resumed |= goes_on
            done = have if goes_on else 0
            length = response.headers.get("Content-Length", "")
            total = done + int(length) if length.isdigit() and length.isascii() else self.size or None
            with (
                self.part.open("ab" if goes_on else "wb") as file,
                progress.bar(desc=self.part.name.removesuffix(".part"), total=total, unit="B") as steps,
            ):
                steps.update(done)
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    steps.update(len(chunk))
        if total is not None and self._have() != total:
            raise requests.ConnectionError(f"the connection broke off after {self._have()} of {total} bytes")


def get_json(url: str) -> Any:
    """Fetch a small JSON document.

    Raises
    ------
    FetchError
        If it cannot be had, or is no JSON.
    """

    def attempt() -> Any:
        response = requests.get(url, headers=_AGENT, timeout=TIMEOUT)
        response.raise_for_status()
        return response.json()

    try:
        return with_retries(attempt, url)
    except requests.JSONDecodeError as error:
        raise FetchError("what was sent is no JSON") from error


def with_retries(attempt: Callable[[], Any], what: str) -> Any:
    """Call ``attempt`` until it works, with growing pauses after errors that may pass.

    Those are a refused, broken or silent connection, 429 (too many requests) and 5xx. A server's `Retry-After` in
    seconds is respected. Every pause is announced.

    Parameters
    ----------
    attempt : callable
        What is tried.
    what : str
        What it fetches, for the announcements.

    Raises
    ------
    FetchError
        After the last attempt, or at once for any other HTTP error.
    """
    for pause in (*PAUSES, None):
        try:
            return attempt()
        except requests.JSONDecodeError:
            raise
        except requests.HTTPError as error:
            response: requests.Response = error.response  # type: ignore[assignment]  # raise_for_status sets it
            status = response.status_code
            told = f"HTTP {status} {response.reason}"
            if status != requests.codes.too_many_requests and status < 500:
                raise FetchError(told) from error
            asked = response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdigit() else 0.0
        except requests.RequestException as error:
            told, wait = _in_words(error), 0.0
            if isinstance(error, ValueError):  # an address that cannot be one
                raise FetchError(told) from error
        if pause is None:
            break
        wait = min(max(pause, wait), MOST_PAUSE)
        progress.tell(f"{what}: {told}; trying again in {wait:g} s")
        time.sleep(wait)
    raise FetchError(f"{told}; tried {len(PAUSES) + 1} times")


def _in_words(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate was not accepted"
    if isinstance(error, requests.Timeout):
        return f"no answer for {TIMEOUT:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    text = str(error)
    return "no connection" if "Max retries" in text else text


def size_text(size: int) -> str:
    """Bytes as a person says them."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"
