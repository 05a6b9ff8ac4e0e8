"""Words of the glossary: read, found in a text once, shown on hover in the built book, one sentence without jargon each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from docutils import nodes
from sphinx import addnodes

from igsed_core.workflow import glossary_links

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TERMS = glossary_links.terms(ROOT / "book" / "glossary.md")


def test_there_are_enough_and_each_has_a_meaning() -> None:
    assert len(TERMS) >= 25
    for name, meaning in TERMS.items():
        assert len(meaning) > 20 and meaning.endswith("."), name


def test_names_of_one_definition_share_it(tmp_path: Path) -> None:
    page = tmp_path / "glossary.md"
    page.write_text("# G\n\n```{glossary}\none\ntwo\n    First `half`\n    and *second*.\n\nthree\n    Other.\n```\n")
    assert glossary_links.terms(page) == {
        "one": "First half and second.",
        "two": "First half and second.",
        "three": "Other.",
    }


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("The IoU of IG is above that of another IoU.", ["IoU", "IG"]),
        ("Framewise detectors are no detector.", ["Framewise detectors"]),
        ("The iou, the ig and a subclass are not meant, masking neither.", []),
        ("A mask.", ["mask"]),
        ("Nothing here.", []),
    ],
)
def test_the_first_use_of_a_word_becomes_a_link(text: str, links: list[str]) -> None:
    left = {name.lower(): name for name in TERMS}
    pieces = list(glossary_links._pieces(text, left, "book/x"))
    assert "".join(piece.astext() for piece in pieces) == text
    found = [piece for piece in pieces if isinstance(piece, addnodes.pending_xref)]
    assert [piece.astext() for piece in found] == links
    assert not {piece["reftarget"].lower() for piece in found} & left.keys()


@pytest.mark.parametrize("kind", [nodes.literal, nodes.title, nodes.reference])
def test_names_code_and_links_stay_as_they_are(kind: type[nodes.TextElement]) -> None:
    parent = kind("", "IoU")
    assert glossary_links._inside(parent[0])
    assert not glossary_links._inside(nodes.paragraph("", "IoU")[0])


def test_pages_of_the_book_link_words_once(smoke_book: Path) -> None:
    text = (smoke_book / "book" / "08_methods.html").read_text()
    targets = re.findall(r'href="(glossary\.html#[^"]+)"[^>]*><span class="[^"]*igsed-term', text)
    assert len(targets) >= 3
    assert len(targets) == len(set(targets))
    anchors = set(re.findall(r'id="(term-[^"]+)"', (smoke_book / "book" / "glossary.html").read_text()))
    assert {target.partition("#")[2] for target in targets} <= anchors


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are not opened")
def test_a_word_says_its_meaning_under_the_pointer_and_the_keyboard(smoke_book: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 844})
        tab.goto((smoke_book / "book" / "method.html").as_uri())
        word = tab.locator("a:has(> .igsed-term)").first
        note = tab.get_by_role("tooltip")
        word.hover()
        assert note.inner_text() in TERMS.values()
        box = note.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
        tab.mouse.move(0, 0)
        note.wait_for(state="detached")
        word.focus()
        assert note.is_visible()
        tab.keyboard.press("Escape")
        note.wait_for(state="detached")
        browser.close()
