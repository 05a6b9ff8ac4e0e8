"""The whole book in one document: every page once, links within it, nothing that paper cannot show."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from igsed_core.base.errors import IgsedError
from igsed_core.workflow import cli, notebook, printing

ROOT = Path(__file__).resolve().parents[2]
BROWSER = next(filter(None, map(shutil.which, printing._BROWSERS)), None)
HEAD = '<title>One book</title><link rel="stylesheet" href="../_static/a.css?digest=1"><script>var toggle;</script>'
PAGES = {
    "book/one": '<h1 id="top">One</h1><a href="two.html#part">two</a><a href="#top">here</a>'
    '<a href="data/x.csv">table</a><a href="https://example.org/">away</a><img src="../_images/p.png">',
    "book/two": '<h1 id="top">Two</h1><p id="part">Words</p><audio src="x"></audio><button>enlarge</button>'
    '<div class="igsed-explorer">moves</div><script>alert(1)</script><details class="hide above-input">code</details>'
    "<details><summary>Solution of task 1<i class='sd-summary-chevron-right'>v</i></summary><p>Two.</p></details>",
}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A staged and built book of two pages."""
    html = tmp_path / "_build" / "html"
    (html / "book").mkdir(parents=True)
    for name, text in PAGES.items():
        (html / f"{name}.html").write_text(
            f'<html><head>{HEAD}</head><body><article class="bd-article">{text}</article></body></html>'
        )
    (html / "_static").mkdir()
    shutil.copy(ROOT / "_static" / "igsed.css", html / "_static" / "a.css")
    toc = "root: book/one\nparts:\n- chapters:\n  - file: book/two\n- chapters:\n  - file: book/api/base\n"
    (tmp_path / "_toc.yml").write_text(toc)
    return tmp_path


def test_pages_become_one_document(book: Path) -> None:
    text = printing.document(book / "_build" / "html", printing.pages(book))
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) == 5
    assert 'href="_static/a.css"' in text
    assert '<a href="#page-book-two--part">' in text
    assert '<a href="#page-book-one--top">' in text
    assert "<a>table</a>" in text
    assert 'href="https://example.org/"' in text
    assert 'src="_images/p.png"' in text
    assert not re.search(r"<script|<audio|<button|>moves|>code|x\.csv", text)


def test_paper_unfolds_solutions_says_what_it_lacks_and_lists_its_pages(book: Path) -> None:
    text = printing.document(book / "_build" / "html", printing.pages(book))
    folded = re.findall(r"<details[^>]*>", text)
    assert folded and all("open" in one for one in folded)
    assert text.count("On paper nothing moves") == 1
    assert "chevron" not in text  # a control: it turns what is folded
    assert "<title>One book</title>" in text and 'class="title"' in printing._HEADER  # stands at the head of each sheet
    contents = re.search(r"<h2>Contents</h2>(.*?)</nav>", text)
    assert contents is not None
    assert re.findall(r'href="#([^"]+)">(\w+)<', contents[1]) == [("page-book-one", "One"), ("page-book-two", "Two")]


def test_pages_on_the_code_are_not_printed_and_it_is_said_where_they_are(book: Path) -> None:
    """They took two sheets of three; a link to one leads nowhere on paper."""
    assert printing.pages(book) == ["book/one", "book/two"]
    page = book / "_build" / "html" / "book" / "one.html"
    page.write_text(page.read_text().replace('href="#top"', 'href="api/base.html#igsed_core.base"'))
    text = printing.document(book / "_build" / "html", printing.pages(book))
    assert "api/base" not in text and "<a>here</a>" in text
    contents = re.search(r"<nav.*?</nav>", text, flags=re.DOTALL)
    assert contents is not None and "docstrings in src/igsed_core" in contents[0]
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    code = [one["file"] for part in toc["parts"] if part["caption"] == "Code" for one in part["chapters"]]
    assert code and all(name.startswith(printing._ON_THE_CODE) for name in code)


def test_a_page_that_is_not_built_is_named(book: Path) -> None:
    (book / "_build" / "html" / "book" / "two.html").unlink()
    with pytest.raises(IgsedError, match=r"two\.html is missing: build the book"):
        printing.document(book / "_build" / "html", printing.pages(book))


def test_without_a_browser_the_remedy_is_named(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing.shutil, "which", lambda _: None)
    with pytest.raises(IgsedError, match="no browser to print with: install one of chromium"):
        printing._print(book, book / "x.pdf")


def test_a_browser_is_looked_for_before_the_pages_are_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All stages ran for hours, and then there was none; a dry run said nothing of it."""
    monkeypatch.setattr(printing.shutil, "which", lambda _: None)
    monkeypatch.setattr(notebook, "run", lambda *_, **__: pytest.fail("it runs"))
    for words in ([], ["--dry-run"]):
        assert cli.main(["pdf", str(ROOT / "params" / "smoke.yaml"), *words]) == 1
        assert "no browser to print with: install one of" in capsys.readouterr().err


def test_a_browser_that_fails_is_named(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright")
    monkeypatch.setattr(printing.shutil, "which", lambda _: "/bin/false")
    with pytest.raises(IgsedError, match=r"/bin/false did not print .*: try another one of chromium"):
        printing._print(book, book / "x.pdf")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: nothing is printed")
def test_a_pdf_comes_out(book: Path) -> None:
    target = printing._print(book, book / "out" / "x.pdf")
    content = target.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 2
    assert not (book / "_build" / "html" / "print.html").exists()
