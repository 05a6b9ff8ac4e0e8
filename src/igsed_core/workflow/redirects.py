"""Pages at the addresses that pages of the book once had: each leads to where its page is now."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from igsed_core.base import files
from igsed_core.base.paths import project_root

SOURCE = "_redirects.yml"


def moved() -> dict[str, str]:
    """Return old address -> new one, both without ending, as ``_redirects.yml`` has them."""
    content: dict[str, str] = yaml.safe_load((project_root() / SOURCE).read_text(encoding="utf-8"))
    return content


def write(folder: Path) -> None:
    """Write the pages; they lead on without JavaScript as well.

    Parameters
    ----------
    folder
        Whose files Sphinx copies beside the pages.
    """
    for old, new in moved().items():
        target = os.path.relpath(f"{new}.html", Path(old).parent).replace(os.sep, "/")
        files.write_text(
            folder / f"{old}.html",
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>This page moved</title>'
            f'<meta http-equiv="refresh" content="0; url={target}"><link rel="canonical" href="{target}"></head>'
            f'<body><p>This page moved: <a href="{target}">{target}</a></p></body></html>\n',
        )
