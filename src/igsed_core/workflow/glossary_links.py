"""Sphinx extension: the first time a page uses a word of the glossary it becomes a link, and says its meaning on hover.

The glossary is an ordinary one (``book/glossary.md``); nothing is marked by hand. Its definitions go into one small
script that all pages load, so that a page opened as a file shows them too.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

SCRIPT = "igsed_terms.js"
_PAGE = "book/glossary"
_SKIPPED = ("book/api/", "book/references", "book/faults", "book/edition", _PAGE)
# A word is not linked within these: it is shown as it is, is a name, or leads somewhere already.
_KEPT = (
    *(nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.rubric, nodes.math, nodes.raw),
    *(nodes.table, nodes.caption, addnodes.pending_xref, addnodes.download_reference, nodes.term, nodes.label),
)


def terms(source: Path) -> dict[str, str]:
    """Read the glossary: term -> definition, without markup.

    Parameters
    ----------
    source
        ``glossary.md``; terms of one definition stand below one another, without indentation.
    """
    found: dict[str, str] = {}
    block = re.search(r"^```\{glossary\}\n(.*?)^```", source.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    waiting, last = list[str](), list[str]()
    for line in block[1].splitlines() if block else []:
        if line.startswith(" ") and (waiting or found):
            for name in waiting:
                found[name] = ""
            last, waiting = (waiting or last), []
            for name in last:
                found[name] = f"{found[name]} {_plain(line.strip())}".strip()
        elif line.strip():
            waiting.append(line.strip())
    return found


def _plain(text: str) -> str:
    return re.sub(r"\{\w+\}`([^`<]*?)(?: <[^>]*>)?`", r"\1", text).replace("`", "").replace("*", "")


def _link(app: Sphinx, doctree: nodes.document) -> None:
    """Turn the first use of each term on a page into a link to the glossary."""
    page = app.env.docname
    source = Path(app.srcdir) / f"{_PAGE}.md"
    if not page.startswith("book/") or page.startswith(_SKIPPED) or not source.is_file():
        return
    left = {name.lower(): name for name in terms(source)}
    for text in list(doctree.findall(nodes.Text)):
        if not left or _inside(text):
            continue
        pieces = list(_pieces(text.astext(), left, page))
        if len(pieces) > 1 and text.parent is not None:
            text.parent.replace(text, pieces)


def _inside(node: nodes.Node) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, _KEPT):
            return True
    return False


def _pieces(text: str, left: dict[str, str], page: str) -> list[nodes.Node]:
    """Cut a text at the terms that the page has not linked yet; they are taken from ``left``."""
    pieces: list[nodes.Node] = []
    start = 0
    # Longer names first: "framewise detector" before "detector". A plural counts.
    pattern = "|".join(re.escape(name) for name in sorted(left, key=len, reverse=True))
    for found in re.finditer(rf"(?<![\w-])({pattern})(s?)(?![\w-])", text, re.IGNORECASE):
        name = left.get(found[1].lower())
        capitals = name is not None and name[1:] != name[1:].lower()  # an abbreviation or a name is written as it is
        if name is None or (capitals and found[1] != name):
            continue
        del left[found[1].lower()]
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="term", reftarget=name, refdoc=page, refwarn=True, refexplicit=True
        )
        link += nodes.inline(found[0], found[0], classes=["igsed-term"])
        pieces += [nodes.Text(text[start : found.start()]), link]
        start = found.end()
    return [*pieces, nodes.Text(text[start:])]


def _write(app: Sphinx, error: Exception | None) -> None:
    """Write the definitions, by the address that links to them have."""
    source = Path(app.srcdir) / f"{_PAGE}.md"
    if error or not source.is_file():
        return
    known: dict[str, Any] = {}
    for name, meaning in terms(source).items():
        entry = app.env.get_domain("std").objects.get(("term", name))  # type: ignore[attr-defined]
        known |= {entry[1]: meaning} if entry else {}
    script = f"window.igsedTerms = {json.dumps(known, ensure_ascii=False)};\n"
    (Path(app.outdir) / "_static" / SCRIPT).write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", _link)
    app.connect("build-finished", _write)
    app.add_js_file(SCRIPT)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
