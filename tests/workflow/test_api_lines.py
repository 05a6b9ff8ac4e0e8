"""The line under a figure or a table names the code that made it and the tables that it shows."""

from __future__ import annotations

import pytest

from igsed_core.workflow.api_pages import Origins

IMPORTS = "from igsed_core.chapters.ceilings import figures, tables\nfrom igsed_core.show import display\n"


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ('kept = run.table("one", found())\nfigures.ceilings(kept)', "one"),
        ('kept, more = work.report(first)\nrun.table("two", kept)\nfigures.ceilings(kept)', "two"),
        (
            'first = run.table("one", found())\nkept = report(first)\nrun.table("two", kept)\nfigures.ceilings(kept)',
            "two",
        ),
        ('run.table("two", kept)\ndisplay.show(tables.ceilings_table(kept))', "two"),
    ],
)
def test_the_data_are_the_table_that_was_kept(source: str, data: str) -> None:
    line = Origins(("one", "two")).line(IMPORTS + source)
    assert line.partition("data: ")[2] == f"{{download}}`{data}.csv <data/{data}.csv>`"
