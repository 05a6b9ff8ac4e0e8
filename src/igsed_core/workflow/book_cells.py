"""An executed notebook becomes a page: code folded, figures with caption and words, table scripts from one file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from igsed_core.show import describe, display

TABLES_SCRIPT = "igsed_tables.js"  # in _static
_FOLDED = "hide-input"
_HEADING = re.compile(r"\A(# .+)$", re.MULTILINE)


def polish(cells: Iterable[Any]) -> None:
    """Fold the code of cells, give their figures caption and alternative text, take the tables' script out of them.

    Parameters
    ----------
    cells
        Of an executed notebook; they are changed in place.
    """
    for cell in cells:
        if cell.cell_type != "code":
            continue
        tags = cell.metadata.setdefault("tags", [])
        if not {_FOLDED, "remove-cell", "remove-input", "hide-cell"} & set(tags):
            cell.metadata["tags"] = [*tags, _FOLDED]
        _describe(cell)
        _share_script(cell)


def with_box(source: str, box: str) -> str:
    """Put a page's box under its title.

    >>> with_box("# Title\\n\\nText.", "BOX")
    '# Title\\n\\nBOX\\n\\nText.'
    """
    return _HEADING.sub(lambda found: f"{found[1]}\n\n{box}", source, count=1) if box else source


def _describe(cell: Any) -> None:
    """Hand what a figure says of itself to MyST-NB, which asks for it at the cell, not at the output.

    A cell with several figures keeps the words of the first as its caption; each picture's own words would need a cell
    of its own.
    """
    words: dict[str, str] = {}
    for output in cell.outputs:
        found = output.get("data", {}).pop(describe.MIME, None)
        words = words or found or {}
    if words:
        shown = cell.metadata.setdefault("mystnb", {})
        shown["image"] = {"alt": words["alt"], **shown.get("image", {})}
        shown["figure"] = {"caption": _plain(words["caption"]), **shown.get("figure", {})}


def _plain(words: str) -> str:
    """Keep a caption from being read as markup."""
    return re.sub(r"([*_`$<>{}\[\]])", r"\\\1", words)


def _share_script(cell: Any) -> None:
    """Load the script of the tables from one file of the book instead of from each page."""
    for output in cell.outputs:
        data = output.get("data", {})
        text = data.get("text/html", "")
        text = text if isinstance(text, str) else "".join(text)
        if text.startswith(display.LIBRARY_START):
            data["text/html"] = f'<script src="../_static/{TABLES_SCRIPT}"></script>'
