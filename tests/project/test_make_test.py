"""`make test` makes the smoke run once: the Makefile names who looks at it, and nobody else asks for it."""

from __future__ import annotations

import re
from pathlib import Path

from long_files import LONG

ROOT = Path(__file__).resolve().parents[2]


def test_the_tests_beside_the_run_do_not_make_it_again() -> None:
    """A file that asks for it from the other half of `make test` costs one whole run more: nine minutes once."""
    makefile = (ROOT / "Makefile").read_text()
    groups = re.findall(r"^(?:WHOLE_RUNS|READERS) := (.*)$", makefile, re.MULTILINE)
    named = {name for group in groups for name in re.findall(r"test_\w+\.py", group)}
    asks = re.compile(r"def \w+\([^)]*\bsmoke_(run|book)\b")
    asking = {path.name for path in (ROOT / "tests").rglob("test_*.py") if asks.search(path.read_text())}
    assert len(groups) == 2
    assert asking == named


def test_what_begins_first_is_there() -> None:
    assert [name for name in LONG if not (ROOT / "tests" / name).is_file()] == []
