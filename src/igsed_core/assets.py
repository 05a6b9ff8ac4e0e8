"""Remote files with checksums: fetched once, kept in one folder, never used when the checksum differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from igsed_core.errors import IgsedError
from igsed_core.paths import data_dir

_TIMEOUT = 60.0  # seconds without an answer


@dataclass(frozen=True)
class Asset:
    """A remote file.

    Parameters
    ----------
    url : str
        Where it lies.
    file_name : str
        Its name in the cache folder.
    sha256 : str
        Checksum of its content.
    parameter : str
        What a user writes to take a file of their own instead.
    """

    url: str
    file_name: str
    sha256: str
    parameter: str


REGISTRY: dict[str, Asset] = {
    "mn04_as": Asset(
        url="https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
        file_name="mn04_as_mAP_432.pt",
        sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        parameter="weights=PATH",
    ),
}


def fetch(name: str) -> Path:
    """Path of a remote file, fetched on first use into `paths.data_dir()` and checked every time.

    Parameters
    ----------
    name : str
        Name in `REGISTRY`.

    Raises
    ------
    IgsedError
        If the name is unknown, the download fails, or the content has another checksum.
    """
    if name not in REGISTRY:
        raise IgsedError(f"asset {name!r} is unknown; choose one of: {', '.join(sorted(REGISTRY))}")
    asset = REGISTRY[name]
    folder = data_dir()
    path = folder / asset.file_name
    if path.is_file():
        if (found := pooch.file_hash(str(path))) != asset.sha256:
            raise IgsedError(
                f"{path}: its SHA-256 is {found}, expected {asset.sha256}; delete the file to fetch it "
                f"again, or give it as {asset.parameter} if it is meant to differ"
            )
        return path
    by_hand = f"put {asset.file_name} into {folder} by hand, or give {asset.parameter}"
    try:
        pooch.retrieve(
            asset.url,
            known_hash=f"sha256:{asset.sha256}",
            fname=asset.file_name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=_TIMEOUT),
        )
    except ValueError as error:
        raise IgsedError(
            f"{asset.url}: what was sent is not {asset.file_name} (SHA-256 {asset.sha256}); try again, {by_hand}"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise IgsedError(
            f"{asset.file_name} could not be fetched from {asset.url} ({type(error).__name__}: {error}); {by_hand}"
        ) from error
    return path
