"""Words of the glossary: read, and found in a text once."""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils import nodes
from sphinx import addnodes

from igsed_core.workflow import glossary_links

ROOT = Path(__file__).resolve().parents[2]
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
