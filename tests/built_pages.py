"""The pages of the built book, and when one of them is ready in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]


def ready(tab: Any) -> None:
    """Wait until formulas are typeset and tables can be sorted."""
    tab.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise")
    tab.evaluate("window.MathJax?.startup?.promise")
    tab.wait_for_function("document.querySelectorAll('table.igsed-table:not(.dataTable)').length === 0", timeout=60_000)
