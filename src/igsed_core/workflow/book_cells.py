"""An executed notebook becomes a page: code folded, figures with caption and words, table scripts from one file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import nbformat

from igsed_core.show import describe, display

TABLES_SCRIPT = "igsed_tables.js"  # beside the folder of the pages
_FOLDED = "hide-input"
_HIDDEN = "# shown by the cell before"  # MyST-NB leaves out cells without code, outputs and all
_HEADING = re.compile(r"\A(# .+)$", re.MULTILINE)


def polish(cells: Iterable[Any]) -> Iterator[Any]:
    """Fold the code of cells, give their figures caption and alternative text, take the tables' script out of them.

    Parameters
    ----------
    cells
        Of an executed notebook; they are changed in place.

    Yields
    ------
    cell
        A figure beside other outputs of a cell gets one of its own, since a caption belongs to a whole cell.
    """
    for cell in cells:
        if cell.cell_type != "code":
            yield cell
            continue
        tags = cell.metadata.setdefault("tags", [])
        if not {_FOLDED, "remove-cell", "remove-input", "hide-cell"} & set(tags):
            cell.metadata["tags"] = [*tags, _FOLDED]
        _share_script(cell)
        for part in _parts(cell):
            _describe(part)
            yield part


def gathered(cells: Iterable[Any]) -> list[Any]:
    """Join code that shows nothing to the next code that shows something, so that few bars part text and figures.

    Before the first figure or table of a page nothing but text stands in between, after it only neighbours are joined.
    The order in which code runs stays. Code that nothing follows keeps its cell.

    Parameters
    ----------
    cells
        Of an executed notebook; those that take in others are changed in place.

    Returns
    -------
    list of cell
        The cells that are left.
    """
    left, waiting, shown = list[Any](), list[Any](), False
    for cell in cells:
        left.append(cell)
        if cell.cell_type != "code":
            waiting = [] if shown else waiting
        elif not any(_is_seen(output) for output in cell.outputs):
            waiting.append(cell)
        else:
            cell.source = "\n\n".join(one.source for one in (*waiting, cell))
            cell.outputs = [output for one in (*waiting, cell) for output in one.outputs]
            left = [one for one in left if not any(one is other for other in waiting)]
            waiting, shown = [], True
    return left


def _is_seen(output: Any) -> bool:
    """Tell what a page shows from what a notebook hands to other pages (``glue``)."""
    return "scrapbook" not in output.get("metadata", {})


def _parts(cell: Any) -> Iterator[Any]:
    """Split a cell so that each figure stands alone; the code stays with the first part."""
    groups: list[list[Any]] = []
    for output in cell.outputs:
        if not groups or _is_figure(output) or _is_figure(groups[-1][0]):
            groups.append([output])
        else:
            groups[-1].append(output)
    cell.outputs, *rest = groups or [[]]
    yield cell
    for i, outputs in enumerate(rest, start=1):
        part = nbformat.v4.new_code_cell(_HIDDEN, metadata={"tags": ["remove-input"]}, outputs=outputs)
        part["id"] = f"{cell['id']}-{i}"
        yield part


def _is_figure(output: Any) -> bool:
    return describe.MIME in output.get("data", {})


def with_box(source: str, box: str) -> str:
    """Put a page's box under its title.

    >>> with_box("# Title\\n\\nText.", "BOX")
    '# Title\\n\\nBOX\\n\\nText.'
    """
    return _HEADING.sub(lambda found: f"{found[1]}\n\n{box}", source, count=1) if box else source


def _describe(cell: Any) -> None:
    """Hand what a figure says of itself to MyST-NB, which asks for it at the cell, not at the output."""
    words = cell.outputs[0].get("data", {}).pop(describe.MIME, None) if cell.outputs else None
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
            data["text/html"] = f'<script src="../{TABLES_SCRIPT}"></script>'
