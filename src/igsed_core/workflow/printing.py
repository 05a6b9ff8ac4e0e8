"""The whole book as one PDF: the built pages are put into one document, which Chromium prints."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bs4
import yaml

from igsed_core.base import files, run
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths, project_root
from igsed_core.workflow.experiments import Experiment

PDF = "igsed-book.pdf"
_DOCUMENT = "print.html"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What cannot be read on paper: sounds, buttons, links beside headings, scripts; and what can be moved or played.
_NOT_PRINTED = (
    "script, noscript, audio, button, figure.igsed-player, .headerlink, .prev-next-area, details.hide.above-input, "
    ".igsed-users, .igsed-not-printed, [class*=sd-summary-chevron], .sd-summary-icon"
)
_MOVED = ".igsed-explorer, .igsed-browser, .igsed-heard-map"
_NOTE = '<p class="igsed-moved">On paper nothing moves and nothing plays: this stands in the book on the screen.</p>'
_ON_THE_CODE = "book/api/"
_NOT_HERE = (
    '<p class="igsed-moved">Not printed: the pages on the code, one per layer of the package. They stand in the book '
    "on the screen under &ldquo;Code&rdquo;, and their words in the docstrings in src/igsed_core.</p>"
)
_PATIENCE = 120_000  # ms, for maths and pictures of the whole book


def pages(book: Path) -> list[str]:
    """Return the pages of a staged book in reading order, without ending; those on the code are not printed.

    They took 500 of 790 sheets, and what they say stands in the docstrings of the source.

    Parameters
    ----------
    book
        Folder with ``_toc.yml``.
    """
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    return [name for name in names if not name.startswith(_ON_THE_CODE)]


def document(html: Path, order: list[str]) -> str:
    """Put pages of a built book into one, with links between them that stay within it.

    Parameters
    ----------
    html
        Folder of the built book.
    order
        Pages without ending, relative to it.

    Returns
    -------
    str
        HTML, to be saved in ``html``.
    """
    first = _parsed(html / f"{order[0]}.html")
    head = first.head
    assert head is not None
    for link in head.find_all(["link", "script"]):
        for name in ("href", "src"):
            if (value := link.get(name)) and not re.match(r"\w+:|/", str(value)):
                link[name] = _from(html, order[0], str(value))
    scripts = [one for one in head.find_all("script") if "mathjax" in str(one).lower()]
    for script in [*head.find_all("script")]:
        if script not in scripts:
            script.decompose()
    parts = list(_articles(html, order))
    parts.insert(1, _contents(parts, order))
    body = f'<body class="igsed-print">{"".join(parts)}</body>'
    return f'<!doctype html>\n<html lang="en" data-theme="light">{head}{body}</html>\n'


def _articles(html: Path, order: list[str]) -> Iterator[str]:
    for name in order:
        page = _parsed(html / f"{name}.html")
        article = page.select_one("article.bd-article")
        if article is None:
            raise IgsedError(f"page {html / name}.html holds no article: build the book again with `igsed book`")
        for unwanted in article.select(_NOT_PRINTED):
            unwanted.decompose()
        for moved in article.select(_MOVED):
            if not moved.decomposed:
                moved.replace_with(bs4.BeautifulSoup(_NOTE, "html.parser"))
        for folded in article.select("details"):
            folded["open"] = ""  # nobody unfolds a solution on paper
        for element in article.find_all(True):
            _rename(element, html, name, order)
        yield f'<section class="igsed-page" id="{_anchor(name)}">{article}</section>\n'


def _contents(parts: list[str], order: list[str]) -> str:
    """List the pages by their headings, each a link."""
    headings = [bs4.BeautifulSoup(part, "html.parser").find("h1") for part in parts]
    lines = [
        f'<li><a href="#{_anchor(name)}">{heading.get_text().strip() if heading else name}</a></li>'
        for name, heading in zip(order, headings, strict=True)
    ]
    return f'<nav class="igsed-page igsed-contents"><h2>Contents</h2><ol>{"".join(lines)}</ol>{_NOT_HERE}</nav>\n'


def _rename(element: bs4.Tag, html: Path, name: str, order: list[str]) -> None:
    """Give identifiers the page's name, so that no two are alike, and let links and pictures follow."""
    if "id" in element.attrs:
        element["id"] = f"{_anchor(name)}--{element['id']}"
    for kind in ("href", "src"):
        value = str(element.attrs.get(kind, ""))
        if not value or re.match(r"[a-z]+:", value):
            continue
        place, _, part = value.partition("#")
        target = _from(html, name, place) if place else f"{name}.html"
        page = target.removesuffix(".html")
        if page in order:
            element[kind] = f"#{_anchor(page)}" + (f"--{part}" if part else "")
        elif kind == "href":
            del element[kind]  # a file beside the book, which paper has not
        else:
            element[kind] = target


def _parsed(path: Path) -> bs4.BeautifulSoup:
    if not path.is_file():
        raise IgsedError(f"page {path} is missing: build the book with `igsed book`")
    return bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def _from(html: Path, page: str, link: str) -> str:
    """Turn an address relative to a page into one relative to the book."""
    path = (html / page).parent / link.partition("?")[0]
    resolved = path.resolve()
    return resolved.relative_to(html.resolve()).as_posix() if resolved.is_relative_to(html.resolve()) else link


def _anchor(page: str) -> str:
    return "page-" + re.sub(r"\W+", "-", page)


def write(experiment: Experiment) -> Path:
    """Print the built book of an experiment.

    ``_build/igsed-book.pdf`` in the project's folder then points to it, unless the runs are kept outside the project.

    Parameters
    ----------
    experiment
        Whose book is built.

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    IgsedError
        If the book is not built, or there is no Chromium or Playwright.
    """
    paths = RunPaths(experiment.name)
    target = _print(paths.book, paths.root / PDF)
    if target.is_relative_to(project_root()):
        run.link(project_root() / "_build" / PDF, target)
    return target


def require_browser() -> str:
    """Return the path of the browser that prints: before the hours that the pages take, not after them.

    Raises
    ------
    IgsedError
        If there is no Chromium or Playwright.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise IgsedError(f"there is no browser to print with: install one of {', '.join(_BROWSERS)}")
    if importlib.util.find_spec("playwright") is None:
        raise IgsedError("the PDF needs Playwright: `pip install playwright`, or run `make pdf`")
    return browser


def _print(book: Path, target: Path) -> Path:
    browser = require_browser()
    from playwright.sync_api import Error, sync_playwright

    html = book / "_build" / "html"
    source = html / _DOCUMENT
    files.write_text(source, document(html, pages(book)))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _by(sync_playwright, browser, source, target)
    except Error as error:
        reason = str(error).strip().splitlines()[0]
        raise IgsedError(
            f"{browser} did not print {source} ({reason}): try another one of {', '.join(_BROWSERS)}"
        ) from error
    source.unlink()
    return target


def _by(sync_playwright: Callable[[], Any], browser: str, source: Path, target: Path) -> None:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = running.new_page()
        tab.set_default_timeout(_PATIENCE)
        tab.goto(source.as_uri(), wait_until="load")
        tab.evaluate("window.MathJax?.startup?.promise")
        with files.atomic(target) as temporary:
            tab.pdf(
                path=temporary,
                format="A4",
                margin={"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
                display_header_footer=True,
                header_template=_HEADER,
                footer_template=_FOOTER,
                print_background=True,
                outline=True,
                tagged=True,
            )
        running.close()


# Chromium writes the document's title into an element of this class: that of the front page.
_HEADER = '<div style="font-size:8px;width:100%;text-align:center;color:#666"><span class="title"></span></div>'
_FOOTER = '<div style="font-size:8px;width:100%;text-align:center"><span class="pageNumber"></span></div>'
