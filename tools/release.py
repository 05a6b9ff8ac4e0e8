"""Pack the built book, its PDF and the source into one archive with its checksum: `make release`."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKSUMS = "SHA256SUMS"


def pack(root: Path, version: str, target: Path) -> Path:
    """Write ``igsed-VERSION.tar.gz`` and ``SHA256SUMS``; the same files give the same bytes.

    Parameters
    ----------
    root
        The project's folder, a git clone in which the book and the PDF have been made.
    version
        As in ``CITATION.cff``.
    target
        Folder for both.

    Returns
    -------
    Path
        The archive.
    """
    html, pdf = root / "_build" / "html", root / "_build" / "igsed-book.pdf"
    for wanted in (html / "index.html", pdf):
        if not wanted.is_file():
            raise SystemExit(f"{wanted} is missing: run `make pdf` first.")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    whole = {f"source/{name}": root / name for name in listed.split("\0") if name}
    book = html.resolve()
    whole |= {f"html/{path.relative_to(book).as_posix()}": path for path in book.rglob("*")}
    whole["igsed-book.pdf"] = pdf
    target.mkdir(parents=True, exist_ok=True)
    archive = target / f"igsed-{version}.tar.gz"
    with (
        archive.open("wb") as stream,
        gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, path in sorted(whole.items()):
            if path.is_file():
                info = tarfile.TarInfo(f"igsed-{version}/{name}")
                info.size, info.mode = path.stat().st_size, 0o755 if path.stat().st_mode & 0o100 else 0o644
                with path.open("rb") as source:
                    tar.addfile(info, source)
    shutil.copy(pdf, target / pdf.name)
    digests = [(hashlib.sha256((target / name).read_bytes()).hexdigest(), name) for name in (archive.name, pdf.name)]
    (target / CHECKSUMS).write_text("".join(f"{digest}  {name}\n" for digest, name in digests))
    return archive


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    from igsed_core.workflow import edition

    print(pack(ROOT, edition.read().version, ROOT / "_build" / "release"))
