"""The floor plan: imports point downwards only, and no chapter imports another."""

from __future__ import annotations

import graphlib

import pytest

grimp = pytest.importorskip("grimp")

LAYERS = ("paper", "base", "metrics", "data", "models", "attribution", "detection", "show", "main_job", "chapters")
TOP = ("workflow", "__main__")


@pytest.fixture(scope="module")
def imports() -> list[tuple[list[str], list[str]]]:
    """Every import inside the package, as (importer's parts, imported module's parts) below ``igsed_core``."""
    graph = grimp.build_graph("igsed_core", cache_dir=None)
    return [
        (importer.split(".")[1:], imported.split(".")[1:])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if importer != "igsed_core" and imported != "igsed_core"
    ]


def test_imports_point_downwards_only(imports: list[tuple[list[str], list[str]]]) -> None:
    rank = {name: i for i, name in enumerate((*LAYERS, *TOP))}
    upward = [(a, b) for a, b in imports if rank[b[0]] > rank[a[0]]]
    assert upward == []


def test_no_chapter_imports_another(imports: list[tuple[list[str], list[str]]]) -> None:
    across = [(a, b) for a, b in imports if a[0] == b[0] == "chapters" and len(b) > 1 and a[1] != b[1]]
    assert across == []


def test_what_computes_does_not_import_what_draws(imports: list[tuple[list[str], list[str]]]) -> None:
    from igsed_core.base.imports import drawing

    def draws(parts: list[str]) -> bool:
        return drawing(".".join(["igsed_core", *parts]))

    in_words = {"verdicts", "in_short"}  # no notebook computes with them
    wrong = [(a, b) for a, b in imports if draws(b) and not draws(a) and a[0] not in TOP and not in_words & set(a)]
    assert wrong == []


def test_no_files_import_each_other_in_a_circle(imports: list[tuple[list[str], list[str]]]) -> None:
    """Not even inside a function, where a circle would not show at import."""
    order = graphlib.TopologicalSorter[str]()
    for importer, imported in imports:
        order.add(".".join(importer), ".".join(imported))
    order.prepare()  # raises on a circle, and names it
