"""Registries: order, errors, lazy code, entry points of installed packages."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from igsed_core.base import registry
from igsed_core.base.errors import IgsedError
from igsed_core.base.registry import Entry, Registry


def points(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, str]) -> None:
    made = [importlib.metadata.EntryPoint(name, value, "igsed.things") for name, value in found]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: made if group == "igsed.things" else [])


THERE = Entry(target="math:hypot", title="from elsewhere")


def things() -> Registry[Entry]:
    return Registry(
        "thing",
        "igsed.things",
        {"b": Entry(target="math:sqrt", title="root"), "a": Entry(target="builtins:int", options={"base": 2})},
    )


def test_order_and_code() -> None:
    made = things()
    assert list(made) == ["b", "a"] and len(made) == 2
    assert made.load("b")(9) == 3
    assert made.load("a")("101") == 5
    assert made["b"].modules == ("math",) and made["b"].name == "b"


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(IgsedError, match="thing 'c' is unknown: choose one of b, a"):
        things()["c"]
    assert "c" not in things() and things().get("c") is None


def test_listing_imports_no_code() -> None:
    made = Registry("thing", "igsed.things", {"x": Entry(target="no_such_module:f")})
    assert list(made) == ["x"]
    with pytest.raises(ModuleNotFoundError):
        made.load("x")


def test_installed_packages_add_entries_after_the_own(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, ("z", f"{__name__}:THERE"))
    assert list(things()) == ["b", "a", "z"]
    assert things().load("z")(3, 4) == 5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", f"{__name__}:THERE", "is there already"),
        ("z", "no_such_module:x", "cannot be loaded"),
        ("z", f"{__name__}:missing", "cannot be loaded"),
        ("z", "math:pi", "is no igsed_core.base.registry.Entry but float"),
    ],
)
def test_a_bad_entry_point_is_named(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, (name, value))
    with pytest.raises(IgsedError, match=message):
        list(things())
    assert registry.IgsedError is IgsedError


RAISED = {
    "raise RuntimeError('no licence\\nfor this machine')": "RuntimeError: no licence for this machine",
    "1 / 0": "ZeroDivisionError: division by zero",
    "def f(:": "SyntaxError: ",
    "raise SystemExit": "SystemExit",
    "import not_installed_here": "ModuleNotFoundError: No module named 'not_installed_here'",
    "raise OSError(5, 'Input/output error', '/dev/x')": "Input/output error",
    "raise ValueError('x' * 5000)": r"x{50,200} \.\.\.\)",
    "\0": "(SyntaxError|ValueError): ",
}


@pytest.fixture(params=RAISED)
def broken(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that is installed beside this one, whose modules raise when they are imported; what is told of that."""
    info = tmp_path / "igsed_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: igsed-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[igsed.things]\nz = igsed_broken_a:THING\n")
    (tmp_path / "igsed_broken_a.py").write_text(request.param)
    (tmp_path / "igsed_broken_b.py").write_text(request.param)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield RAISED[request.param]
    for module in ("igsed_broken_a", "igsed_broken_b"):
        sys.modules.pop(module, None)


def test_a_package_that_raises_on_import_is_named_with_the_remedy(broken: str, tmp_path: Path) -> None:
    said = rf"thing 'z' of the installed package igsed-broken cannot be loaded \(.*{broken}"
    for ask in (list, len, lambda made: made["a"], lambda made: "a" in made, lambda made: made.get("z")):
        with pytest.raises(IgsedError, match=said) as error:
            ask(things())
        assert "`pip uninstall igsed-broken`" in str(error.value)
        assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_so_is_one_whose_code_raises_when_it_is_first_used(broken: str, tmp_path: Path) -> None:
    (tmp_path / "igsed_broken_a.py").write_text(
        "from igsed_core.base.registry import Entry\nTHING = Entry(target='igsed_broken_b:f', title='a thing')\n"
    )
    made = things()
    assert list(made) == ["b", "a", "z"] and made["z"].package == "igsed-broken"
    assert "package" not in made["z"].described() and "package" not in made["b"].described(looks=True)
    for use in (lambda: made.load("z"), made["z"].load):
        with pytest.raises(
            IgsedError, match=rf"'igsed_broken_b:f' of 'z' of the installed package igsed-broken .*{broken}"
        ):
            use()


def test_stopping_while_a_package_is_imported_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "igsed_slow.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(str(tmp_path))
    points(monkeypatch, ("z", "igsed_slow:THING"))
    with pytest.raises(KeyboardInterrupt):
        list(things())


def test_an_entry_is_described_by_what_results_depend_on() -> None:
    entry = things()["a"]
    assert entry.described() == {"target": "builtins:int", "options": {"base": 2}, "name": "a"}
    assert things()["b"].described(looks=True) == {"target": "math:sqrt", "title": "root", "name": "b"}
