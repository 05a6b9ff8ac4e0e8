"""Which code something depends on: imports in all their forms, digests that follow what computes, notebooks."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igsed_core.base import cells, code, imports
from igsed_core.base.errors import IgsedError

ROOT = Path(__file__).resolve().parents[2]
TICKS = itertools.count(time.time_ns(), 1_000_000_000)


def write(path: Path, text: str) -> Path:
    """Write a file whose time of change differs from that of every file before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    tick = next(TICKS)
    os.utime(path, ns=(tick, tick))
    return path


MODULES = {
    "__init__": '"""A tiny package."""',
    "plain": "VALUE = 1",
    "aliased": "VALUE = 1",
    "attribute": "VALUE = 1",
    "lazy": "VALUE = 1",
    "method": "VALUE = 1",
    "typed": "VALUE = 1",
    "runtime": "VALUE = 1",
    "fallback": "VALUE = 1",
    "unused": "VALUE = 1",
    "loop_a": "from . import loop_b",
    "loop_b": "from . import loop_a",
    "figures": "import matplotlib\n\n\ndef curve(*values):\n    return values",
    "study": "from tiny import plain\n\n\ndef run(n):\n    return n\n\n\ndef figures(n):\n    return n",
    "sub.__init__": "SUB = 1",
    "sub.deep.__init__": '"""Text only."""',
    "sub.deep.relative": "from ... import plain\nfrom ..sibling import VALUE",
    "sub.sibling": "VALUE = 1",
    "sub.chained": "VALUE = 1",
    "star.__init__": '"""Text only."""',
    "star.one": "VALUE = 1",
    "forms": """
import os
import tiny.plain
import tiny.aliased as other
from tiny.attribute import VALUE
import typing
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from tiny import typed
else:
    from tiny import runtime
if not typing.TYPE_CHECKING:
    import numpy.linalg
else:
    from tiny import typed
try:
    import surely_not_installed.part
except ImportError:
    from tiny import fallback
def f():
    from tiny import lazy
    class C:
        def g(self):
            import tiny.method
def h():
    return tiny.sub.chained.VALUE
""",
}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the tiny package and take it for ours."""
    folder = tmp_path / "tiny"
    for name, text in MODULES.items():
        write(folder / f"{name.replace('.', '/')}.py", text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(imports, "PACKAGE", "tiny")
    return folder


def names(*words: str) -> set[str]:
    return {"tiny", *(f"tiny.{word}" for word in words)}


def test_every_form_of_import_is_followed(tiny: Path) -> None:
    direct = names("forms", "plain", "aliased", "attribute", "runtime", "fallback", "lazy", "method")
    assert imports.reached(["tiny.forms"]) == direct | names("sub", "sub.chained")
    assert imports.reached(["tiny.sub.deep.relative"]) == names(
        "sub", "sub.deep", "sub.deep.relative", "sub.sibling", "plain"
    )


def test_nothing_traced_is_imported(tiny: Path) -> None:
    write(tiny / "plain.py", "raise RuntimeError('imported')")
    assert "tiny.plain" in imports.reached(["tiny.forms"])
    code.digest(["tiny.forms"])
    assert not [name for name in sys.modules if name == "tiny" or name.startswith("tiny.")]


def test_star_reaches_what_it_may_bring(tiny: Path) -> None:
    write(tiny / "starred.py", "from .star import *")
    assert imports.reached(["tiny.starred"]) == names("starred", "star", "star.one")


def test_a_cycle_ends(tiny: Path) -> None:
    assert imports.reached(["tiny.loop_a"]) == names("loop_a", "loop_b")


def test_modules_left_out_are_not_followed(tiny: Path) -> None:
    assert imports.reached(["tiny.sub.deep.relative"], without=lambda name: name == "tiny.sub.sibling") == names(
        "sub", "sub.deep", "sub.deep.relative", "plain"
    )
    write(tiny / "sub/sibling.py", "from tiny import unused")
    assert "tiny.unused" in imports.reached(["tiny.sub.deep.relative"])
    assert "tiny.unused" not in imports.reached(["tiny.sub.deep.relative"], without=lambda name: "sibling" in name)


def test_a_plug_in_is_followed_with_its_package_and_with_ours(tiny: Path) -> None:
    write(tiny.parent / "extra/__init__.py", "")
    write(tiny.parent / "extra/method.py", "from tiny.sub import sibling\nfrom extra import helper")
    write(tiny.parent / "extra/helper.py", "VALUE = 1")
    write(tiny.parent / "single.py", "import tiny.plain")
    assert imports.reached(["extra.method"]) == names("sub", "sub.sibling") | {"extra", "extra.method", "extra.helper"}
    assert imports.reached(["single"]) == names("plain") | {"single"}
    write(tiny / "user.py", "import extra.method")
    assert imports.reached(["tiny.user"]) == names("user")  # without it as a root it is somebody's package
    write(tiny.parent / "stray.csv", "1")
    before = code.digest(["single"])
    write(tiny.parent / "stray.csv", "2")
    assert code.digest(["single"]) == before  # no package, so nothing beside it is its data


def test_an_unknown_root_and_a_broken_module_are_named(tiny: Path) -> None:
    with pytest.raises(IgsedError, match=r"tiny\.gone"):
        imports.reached(["tiny.gone"])
    write(tiny / "broken.py", "a = (")
    with pytest.raises(IgsedError, match=r"broken\.py, line 1"):
        imports.reached(["tiny.broken"])


def test_imports_of_a_piece_of_source(tiny: Path) -> None:
    source = "import os.path\nfrom tiny import plain, f\nimport tiny.lazy as z\nfrom tiny.sub.sibling import VALUE"
    assert cells.imports_of(source) == {"os.path", "tiny", "tiny.plain", "tiny.lazy", "tiny.sub.sibling"}
    assert cells.imports_of("from . import here") == set()


def test_packages_are_named_with_their_versions(tiny: Path) -> None:
    numpy = importlib.metadata.version("numpy")
    assert code.packages(["tiny.forms"]) == {"numpy": numpy, "surely_not_installed": "absent"}
    assert code.packages(["tiny.plain"]) == {}
    write(tiny.parent / "single.py", "import json\nimport tiny.plain\nimport numpy")
    assert code.packages(["single"]) == {"numpy": numpy}


def test_a_new_version_of_a_package_changes_the_digest(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code.digest(["tiny.forms"]), code.digest(["tiny.plain"])
    monkeypatch.setattr(code, "version_of", lambda name: "99.0")
    assert code.digest(["tiny.forms"]) != before[0]
    assert code.digest(["tiny.plain"]) == before[1]


def test_what_is_installed_is_remembered_until_something_else_is(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> dict[str, list[str]]:
        """As another process finds it."""
        code._distributions.cache_clear()
        return code._distributions(tuple(sys.path))

    before = found()
    assert before == {top: sorted({*names}) for top, names in importlib.metadata.packages_distributions().items()}
    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "packages_distributions", lambda: pytest.fail("looked for again"))
        assert found() == before
    write(tiny.parent / "late-1.0.dist-info" / "METADATA", "Name: late\nVersion: 1.0\n")
    write(tiny.parent / "late-1.0.dist-info" / "top_level.txt", "of_late\n")
    assert found() == before | {"of_late": ["late"]}


def test_a_new_python_changes_the_digest(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code.digest(["tiny.plain"])
    monkeypatch.setattr(sys, "version_info", (4, 0, 0))
    assert code.digest(["tiny.plain"]) != before


SOURCE = '''"""Text."""
from typing import TYPE_CHECKING
import numpy as np
if TYPE_CHECKING:
    from tiny import typed


def f(a, b):
    """Add."""
    # a remark
    return np.add(a, b) * 2


class C:
    """Text."""

    x = 1
    """What x is."""
'''
SAME = {
    "comments": SOURCE.replace("# a remark", "# another"),
    "docstrings": SOURCE.replace("Add.", "Sum up.").replace("Text.", "").replace("What x is.", "x"),
    "no docstring": SOURCE.replace('    """Add."""\n', ""),
    "formatting": SOURCE.replace("(a, b) * 2", "(\n        a,\n        b,\n    ) * (2)").replace("\n\n\n", "\n\n"),
    "type checking": SOURCE.replace("tiny import typed", "tiny import unused"),
}
DIFFERENT = {
    "constant": SOURCE.replace("* 2", "* 3"),
    "names swapped": SOURCE.replace("np.add(a, b)", "np.add(b, a)"),
    "default": SOURCE.replace("f(a, b)", "f(a, b=1)"),
    "another import": SOURCE.replace("import numpy as np", "import scipy as np"),
    "for the type checker no more": SOURCE.replace("if TYPE_CHECKING", "if True"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_changes_no_result_changes_no_digest(tiny: Path, text: str) -> None:
    assert text != SOURCE
    write(tiny / "m.py", SOURCE)
    before = code.digest(["tiny.m"])
    write(tiny / "m.py", text)
    assert code.digest(["tiny.m"]) == before


@pytest.mark.parametrize("text", DIFFERENT.values(), ids=DIFFERENT)
def test_what_may_change_a_result_changes_the_digest(tiny: Path, text: str) -> None:
    assert text != SOURCE
    write(tiny / "m.py", SOURCE)
    before = code.digest(["tiny.m"])
    write(tiny / "m.py", text)
    assert code.digest(["tiny.m"]) != before


def test_further_code_counts(tiny: Path) -> None:
    assert code.digest(["tiny.plain"], cells="a") != code.digest(["tiny.plain"], cells="b")


def test_data_beside_a_reached_module_counts(tiny: Path) -> None:
    write(tiny / "sub/weights.safetensors", "1")
    write(tiny / "sub/deep/table.csv", "1")
    write(tiny / "top.json", "1")
    sibling, relative = code.digest(["tiny.sub.sibling"]), code.digest(["tiny.sub.deep.relative"])
    write(tiny / "sub/weights.safetensors", "2")
    assert code.digest(["tiny.sub.sibling"]) != sibling
    assert code.digest(["tiny.sub.deep.relative"]) != relative
    sibling, relative = code.digest(["tiny.sub.sibling"]), code.digest(["tiny.sub.deep.relative"])
    write(tiny / "sub/deep/table.csv", "2")
    assert code.digest(["tiny.sub.sibling"]) == sibling
    assert code.digest(["tiny.sub.deep.relative"]) != relative
    write(tiny / "top.json", "2")  # beside a package's docstring, which reads nothing
    assert code.digest(["tiny.sub.sibling"]) == sibling
    write(tiny / "sub/weights.safetensors~", "an editor's copy")
    assert code.digest(["tiny.sub.sibling"]) == sibling


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Draw for each module the modules that it imports, later ones only: no cycles."""
    n = draw(st.integers(2, 7))
    return [sorted(draw(st.sets(st.integers(i + 1, n - 1), max_size=3))) if i < n - 1 else [] for i in range(n)]


FORMS = (
    "import {p}.m{i}",
    "from {p} import m{i}",
    "from . import m{i} as other",
    "from .m{i} import VALUE as v{i}",
    "def f{i}():\n    from {p}.m{i} import VALUE",
)


@settings(max_examples=25, deadline=None)
@given(graph=graphs(), data=st.data())
def test_a_changed_module_changes_exactly_the_digests_that_reach_it(
    graph: list[list[int]], data: st.DataObject
) -> None:
    package = f"random{next(TICKS)}"
    forms = {(i, j): data.draw(st.sampled_from(FORMS)) for i, imported in enumerate(graph) for j in imported}

    def text(i: int, value: int) -> str:
        return "\n".join([*(forms[i, j].format(p=package, i=j) for j in graph[i]), f"VALUE = {value}"])

    expected: list[set[int]] = [set() for _ in graph]
    for i in reversed(range(len(graph))):
        expected[i] = {i}.union(*(expected[j] for j in graph[i]))
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        try:
            write(Path(folder, package, "__init__.py"), "")
            for i in range(len(graph)):
                write(Path(folder, package, f"m{i}.py"), text(i, 1))
            before = [code.digest([f"{package}.m{i}"]) for i in range(len(graph))]
            for changed in range(len(graph)):
                write(Path(folder, package, f"m{changed}.py"), text(changed, 2))
                after = [code.digest([f"{package}.m{i}"]) for i in range(len(graph))]
                stale = {i for i in range(len(graph)) if after[i] != before[i]}
                assert stale == {i for i in range(len(graph)) if changed in expected[i]}
                write(Path(folder, package, f"m{changed}.py"), text(changed, 1))
            assert [code.digest([f"{package}.m{i}"]) for i in range(len(graph))] == before
        finally:
            sys.path.remove(folder)


# Notebooks

CELLS = [
    ("markdown", "# Title\n\nSome text.", []),
    ("code", "seed = 2026", ["parameters"]),
    ("code", "from tiny import figures, study\nfrom tiny.plain import VALUE", []),
    ("code", "a = study.run(VALUE)\nb = study.run(2)", []),
    ("code", "figures.curve(a, b)", ["hide-input"]),
]


def drawing(module: str) -> bool:
    return module.endswith("figures")


def ipynb(path: Path, pieces: list[tuple[str, str, list[str]]]) -> Path:
    made = [
        {"cell_type": kind, "metadata": {"tags": tags} if tags else {}, "source": text.splitlines(keepends=True)}
        for kind, text, tags in pieces
    ]
    return write(path, json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def percent(path: Path, pieces: list[tuple[str, str, list[str]]]) -> Path:
    text = ""
    for kind, source, tags in pieces:
        head = "# %% [markdown]" if kind == "markdown" else "# %%" + (f" tags={json.dumps(tags)}" if tags else "")
        body = source if kind == "code" else "\n".join(f"# {line}".rstrip() for line in source.splitlines())
        text += f"{head}\n{body}\n\n"
    return write(path, text)


def replaced(old: str, new: str) -> list[tuple[str, str, list[str]]]:
    pieces = [(kind, text.replace(old, new), tags) for kind, text, tags in CELLS]
    assert pieces != CELLS
    return pieces


@pytest.fixture(params=[ipynb, percent])
def digests(request: pytest.FixtureRequest, tiny: Path) -> Iterator:
    """Write pieces as a notebook of either form and return its two digests."""
    path = tiny.parent / ("page.ipynb" if request.param is ipynb else "page.py")
    yield lambda pieces: cells.stage_digest(request.param(path, pieces), drawing)


def test_code_cells_are_those_without_parameters(tiny: Path) -> None:
    expected = [text for kind, text, tags in CELLS if kind == "code" and tags != ["parameters"]]
    assert cells.notebook_cells(ipynb(tiny.parent / "page.ipynb", CELLS)) == expected
    assert cells.notebook_cells(percent(tiny.parent / "page.py", CELLS)) == expected


def test_both_forms_have_the_same_digests(tiny: Path) -> None:
    assert cells.stage_digest(ipynb(tiny.parent / "page.ipynb", CELLS), drawing) == cells.stage_digest(
        percent(tiny.parent / "page.py", CELLS), drawing
    )


def test_that_a_pair_is_in_step_is_remembered_by_its_bytes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook, text = ipynb(tiny.parent / "page.ipynb", CELLS), percent(tiny.parent / "page.py", CELLS)
    assert cells.same_cells(text, notebook)
    with monkeypatch.context() as patch:
        patch.setattr(cells, "_read_cells", lambda *_: pytest.fail("read again"))
        assert cells.same_cells(text, notebook)
    write(text, text.read_text().replace("study.run(2)", "study.run(3)"))
    assert not cells.same_cells(text, notebook)
    assert not cells.same_cells(text, notebook)
    with pytest.raises(IgsedError, match=r"none\.py cannot be read"):
        cells.same_cells(tiny / "none.py", notebook)


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_books_pairs_have_the_same_digests(path: Path) -> None:
    assert cells.stage_digest(path, drawing) == cells.stage_digest(path.with_suffix(".py"), drawing)


@pytest.mark.parametrize(
    ("old", "new", "data_changes", "page_changes"),
    [
        ("a = study.run(VALUE)\nb = study.run(2)", "b = study.run(VALUE)\na = study.run(2)", True, True),
        ("study.run(2)", "study.run(3)", True, True),
        ("import VALUE", "import VALUE as other", True, True),
        ("Some text", "Other text", False, True),
        ("curve(a, b)", "curve(b, a)", False, True),
        ("b = study.run(2)", "b = study.run(2)  # a remark", False, True),
        ("seed = 2026", "seed = 2027", False, True),
        ("curve(a, b)", "curve(study.run(5), b)", True, True),
        ("curve(a, b)", "curve(c := a, b)", True, True),
        ("figures.curve(a, b)", "picture = figures.curve(a, b)", True, True),
    ],
)
def test_what_a_change_of_a_cell_makes_stale(
    digests, old: str, new: str, data_changes: bool, page_changes: bool
) -> None:
    before, after = digests(CELLS), digests(replaced(old, new))
    assert (after[0] != before[0], after[1] != before[1]) == (data_changes, page_changes)


@pytest.mark.parametrize(
    ("module", "data_changes", "page_changes"),
    [("plain", True, True), ("study", True, True), ("figures", False, True), ("unused", False, False)],
)
def test_what_a_change_of_a_module_makes_stale(
    digests, tiny: Path, module: str, data_changes: bool, page_changes: bool
) -> None:
    before = digests(CELLS)
    write(tiny / f"{module}.py", MODULES[module] + "\nNEW = 1\n")
    after = digests(CELLS)
    assert (after[0] != before[0], after[1] != before[1]) == (data_changes, page_changes)


def test_a_package_counts_where_it_is_imported(digests, monkeypatch: pytest.MonkeyPatch) -> None:
    with_numpy = replaced("from tiny import", "import numpy\nfrom tiny import")
    before = digests(CELLS), digests(with_numpy)
    monkeypatch.setattr(code, "version_of", lambda name: "99.0")
    after = digests(CELLS), digests(with_numpy)
    assert (after[0][0] != before[0][0], after[0][1] != before[0][1]) == (False, True)  # figures import matplotlib
    assert (after[1][0] != before[1][0], after[1][1] != before[1][1]) == (True, True)


def test_a_module_used_as_an_attribute_in_a_later_cell_counts(digests, tiny: Path) -> None:
    pieces = [*CELLS, ("code", "import tiny.sub", []), ("code", "c = tiny.sub.chained.VALUE", [])]
    before = digests(pieces), digests(CELLS)
    write(tiny / "sub/chained.py", "VALUE = 2")
    assert digests(pieces)[0] != before[0][0]
    assert digests(CELLS) == before[1]


def test_a_plug_in_reached_by_name_counts_as_a_further_root(tiny: Path) -> None:
    page = ipynb(tiny.parent / "page.ipynb", CELLS)
    write(tiny.parent / "single.py", "VALUE = 1")
    before = cells.stage_digest(page, drawing), cells.stage_digest(page, drawing, roots=["single"])
    write(tiny.parent / "single.py", "VALUE = 22")
    assert cells.stage_digest(page, drawing) == before[0]
    assert cells.stage_digest(page, drawing, roots=["single"])[0] != before[1][0]


def test_a_function_named_like_a_module_that_draws_computes(tiny: Path) -> None:
    head = "from tiny import study\n"
    assert cells.computing([head + "study.figures(1)"], drawing) != cells.computing(
        [head + "study.figures(2)"], drawing
    )


def test_a_variable_named_like_a_module_that_draws_computes(tiny: Path) -> None:
    head = "from tiny import figures, study\nfigures = study.run(1)\n"
    assert cells.computing([head + "figures.curve(1)"], drawing) != cells.computing(
        [head + "figures.curve(2)"], drawing
    )


def test_dotted_and_chained_calls_draw_too(tiny: Path) -> None:
    for head, call in (
        ("import tiny.figures", "tiny.figures.curve({}).show()"),
        ("import tiny.figures as f", "f.curve({})[0].show()"),
        ("from tiny.figures import curve as c", "c({})"),
    ):
        assert cells.computing([head, call.format(1), "'text'", "3"], drawing) == cells.computing(
            [head, call.format(2)], drawing
        )


def test_what_a_call_or_an_index_returns_is_no_module(tiny: Path) -> None:
    write(tiny / "sub/figures.py", "VALUE = 1")
    for text in ("sub[0].figures.curve({})", "sub(0).figures.curve({})"):
        pieces = [["from tiny import sub", text.format(value)] for value in (1, 2)]
        assert cells.computing(pieces[0], drawing) != cells.computing(pieces[1], drawing)


def test_tags_change_the_page_only(digests) -> None:
    before, after = digests(CELLS), digests([*CELLS[:-1], (*CELLS[-1][:2], ["hide-output"])])
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


def test_magics_are_code_and_broken_cells_are_named() -> None:
    assert cells.computing(["%matplotlib inline\nx = 1"], drawing) != cells.computing(["x = 1"], drawing)
    with pytest.raises(IgsedError, match="x = = 1"):
        cells.computing(["x = = 1"], drawing)


def test_a_missing_notebook_and_another_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(IgsedError, match=r"gone\.ipynb"):
        cells.notebook_cells(tmp_path / "gone.ipynb")
    for text in ("[]", "no json"):
        with pytest.raises(IgsedError, match=r"other\.ipynb"):
            cells.notebook_cells(write(tmp_path / "other.ipynb", text))


# This package

SOURCES = Path(code.__file__).parents[1]


def own_modules() -> list[str]:
    paths = [path.relative_to(SOURCES.parent).with_suffix("") for path in SOURCES.rglob("*.py")]
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def test_this_package_is_read_fast_enough() -> None:
    modules = own_modules()
    for remembered in (imports._read_source, imports._home):
        remembered.cache_clear()
    seconds = []
    for _ in range(2):
        began = time.process_time()  # not the clock on the wall: other tests run beside this one
        assert imports.reached(modules) >= set(modules)
        seconds.append(time.process_time() - began)
    assert seconds[0] < 1.5
    assert seconds[1] < 0.1


def test_grimp_finds_the_same_modules() -> None:
    grimp = pytest.importorskip("grimp", reason="grimp, the second opinion, is not installed")
    graph = grimp.build_graph("igsed_core", exclude_type_checking_imports=True, cache_dir=None)
    for module in own_modules():
        ours = imports.reached([module])
        theirs = {module} | graph.find_upstream_modules(module)
        parents = {name.rsplit(".", n)[0] for name in ours for n in range(name.count(".") + 1)}
        assert theirs <= ours
        for name in ours - theirs:  # packages above, what they import, and submodules used as attributes
            assert name in parents or any(name in graph.find_upstream_modules(parent) for parent in parents & ours)


def test_every_data_file_of_this_package_lies_beside_a_module() -> None:
    for path in SOURCES.rglob("*"):
        if path.suffix in {".csv", ".json", ".safetensors"}:
            assert list(path.parent.glob("*.py")), f"{path} lies beside no module: no digest would see it change"
