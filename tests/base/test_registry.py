"""Registries: order, errors, lazy code, entry points of installed packages."""

from __future__ import annotations

import importlib.metadata

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


def test_an_entry_is_described_by_what_results_depend_on() -> None:
    entry = things()["a"]
    assert entry.described() == {"target": "builtins:int", "options": {"base": 2}, "name": "a"}
    assert things()["b"].described(looks=True) == {"target": "math:sqrt", "title": "root", "name": "b"}
