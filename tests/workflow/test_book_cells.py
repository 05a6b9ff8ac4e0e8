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
