"""Cells of an executed notebook on their way to a page."""

from __future__ import annotations

import nbformat

from igsed_core.show import describe, display
from igsed_core.workflow import book_cells


def output(**data):
    return nbformat.v4.new_output("display_data", data=data)


def figure(words):
    return output(**{"image/png": "", describe.MIME: {"caption": words, "alt": f"{words} in words"}})


def test_each_figure_has_its_own_caption_and_alternative_text():
    cell = nbformat.v4.new_code_cell("show()", outputs=[figure("one"), output(**{"text/html": "a"}), figure("two_x")])
    parts = list(book_cells.polish([cell]))
    assert [p.metadata.get("mystnb", {}).get("figure", {}).get("caption") for p in parts] == ["one", None, r"two\_x"]
    assert [p.metadata.get("mystnb", {}).get("image", {}).get("alt") for p in parts] == [
        "one in words",
        None,
        "two_x in words",
    ]
    assert all(describe.MIME not in o["data"] for p in parts for o in p.outputs)
    assert [p.source for p in parts] == ["show()", book_cells._HIDDEN, book_cells._HIDDEN]


def test_code_is_folded_and_the_tables_script_comes_from_one_file():
    script = output(**{"text/html": f"{display.LIBRARY_START}x</script>"})
    (cell,) = book_cells.polish([nbformat.v4.new_code_cell("show()", outputs=[script])])
    assert cell.metadata["tags"] == ["hide-input"]
    assert cell.outputs[0]["data"]["text/html"] == '<script src="../igsed_tables.js"></script>'


def test_text_is_left_as_it_is():
    cell = nbformat.v4.new_markdown_cell("# T")
    assert list(book_cells.polish([cell])) == [cell]


def glued():
    return nbformat.v4.new_output("display_data", data={"text/plain": "x"}, metadata={"scrapbook": {"name": "x"}})


def test_one_bar_of_code_stands_before_the_first_figure():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    cells = [text("# T"), code("a"), code("b", outputs=[glued()]), text("words"), code("c", outputs=[figure("one")])]
    cells += [code("d"), text("more"), code("e"), code("f", outputs=[figure("two")]), code("g")]
    left = book_cells.gathered(cells)
    assert [cell.source for cell in left] == ["# T", "words", "a\n\nb\n\nc", "d", "more", "e\n\nf", "g"]
    assert [len(cell.get("outputs", [])) for cell in left] == [0, 0, 2, 0, 0, 1, 0]  # what is glued stays


def test_code_that_shows_nothing_at_all_keeps_its_cells():
    cells = [nbformat.v4.new_code_cell("a"), nbformat.v4.new_code_cell("b", outputs=[glued()])]
    assert [cell.source for cell in book_cells.gathered(cells)] == ["a", "b"]
