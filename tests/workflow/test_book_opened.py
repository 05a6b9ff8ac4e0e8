"""The built book in a browser without a network: every page as a file and from a server, and what can be clicked."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from built_pages import PAGES, ready
from igsed_core.workflow import stages
from smoke_run import SmokeRun

PARTS = 2  # browsers that open the pages side by side


@dataclass
class Seen:
    """What a browser saw of one page."""

    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


FACTS = """async () => {
  const loaded = (audio) => new Promise((done) => {
    if (audio.readyState >= 1) done(audio.duration);
    audio.addEventListener("loadedmetadata", () => done(audio.duration));
    audio.addEventListener("error", () => done(0));
  });
  const article = document.querySelector("article");
  const words = article.cloneNode(true);  // without code, in which a dollar sign begins a variable of the shell
  words.querySelectorAll("pre, code, script, style, noscript").forEach((part) => part.remove());
  return {
    images: [...article.querySelectorAll("img")].map((image) => image.naturalWidth),
    audio: await Promise.all([...document.querySelectorAll("audio")].map(loaded)),
    maths: [...article.querySelectorAll(".math")].map((m) => m.querySelectorAll("mjx-container").length),
    tables: article.querySelectorAll("table.igsed-table").length,
    sortable: article.querySelectorAll("table.igsed-table.dataTable").length,
    text: words.textContent,
    overflow: document.documentElement.scrollWidth - window.innerWidth,
  };
}"""


@pytest.fixture(scope="session")
def server(smoke_book: Path) -> Iterator[str]:
    """The book as `make serve` shows it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(smoke_book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def is_left(sent: Any) -> bool:
    """Whether a request ended because this test went on: the browser asks for the icon once all else is there."""
    return sent.failure == "net::ERR_ABORTED" and sent.url.endswith("favicon.svg")


def look(tab: Any, home: str, page: str) -> Seen:
    """Open a page and note what it complains of, whom it asks, and what it shows."""
    one = Seen()

    def note(kind: object, what: object) -> None:
        one.problems.append(f"{kind}: {what}")

    def request_made(sent: Any) -> None:
        if not sent.url.startswith((home, "data:", "blob:")):
            one.foreign.append(sent.url)

    listeners: dict[str, Callable[[Any], None]] = {
        "console": lambda m: note(m.type, m.text) if m.type in ("error", "warning") else None,
        "pageerror": lambda e: note("exception", e),
        "requestfailed": lambda r: None if is_left(r) else note("failed", r.url),
        "response": lambda r: note(r.status, r.url) if r.status >= 400 else None,
        "request": request_made,
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.goto(f"{home}/{page}.html", wait_until="load")
    ready(tab)
    one.facts = tab.evaluate(FACTS)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return one


@pytest.fixture(scope="class")
def seen(request: pytest.FixtureRequest, browser: Any, smoke_book: Path, server: str) -> dict[str, Seen]:
    tab = browser.new_page(viewport={"width": 800, "height": 900})
    tab.set_default_timeout(120_000)
    home = server if request.cls.served else smoke_book.as_uri()
    found = {page: look(tab, home, page) for page in PAGES[request.cls.part :: PARTS]}
    tab.close()
    return found


class PagesOpened:
    """All questions about every second page, as a file or from a server; a class goes to one process."""

    served: ClassVar[bool]
    part: ClassVar[int]

    def test_the_console_is_clean(self, seen: dict[str, Seen]) -> None:
        assert {page: one.problems for page, one in seen.items() if one.problems} == {}

    def test_nothing_is_asked_of_another_host(self, seen: dict[str, Seen]) -> None:
        assert {page: one.foreign for page, one in seen.items() if one.foreign} == {}

    def test_every_figure_is_there(self, seen: dict[str, Seen]) -> None:
        for page, one in seen.items():
            assert all(width > 0 for width in one.facts["images"]), page
            if page == "book/06_results":
                assert len(one.facts["images"]) >= 4
            if page == "book/intro":
                assert len(one.facts["images"]) == 2  # the answer, and the words in one picture

    def test_maths_is_typeset(self, seen: dict[str, Seen]) -> None:
        for page, one in seen.items():
            assert all(n == 1 for n in one.facts["maths"]), page
            if not page.startswith("book/api/"):  # docstrings name variables of the shell
                assert not re.search(r"\\(frac|mathrm|begin|int|alpha|tau)\b|\$\S", one.facts["text"]), page
            if page == "book/method":
                assert len(one.facts["maths"]) > 10

    def test_sounds_can_be_played(self, seen: dict[str, Seen]) -> None:
        for page, one in seen.items():
            assert all(duration > 0 for duration in one.facts["audio"]), page
            if page == "book/01_data_synthesis":
                assert one.facts["audio"] == [pytest.approx(10.0, abs=0.2)] * 3

    def test_every_table_can_be_sorted(self, seen: dict[str, Seen]) -> None:
        for page, one in seen.items():
            assert one.facts["sortable"] == one.facts["tables"], page
            assert one.facts["tables"] >= (3 if page == "book/06_results" else 0)

    def test_a_page_800_pixels_wide_does_not_scroll_sideways(self, seen: dict[str, Seen]) -> None:
        assert {page: one.facts["overflow"] for page, one in seen.items() if one.facts["overflow"] > 0} == {}


class TestFirstPartAsFiles(PagesOpened):
    served, part = False, 0


class TestSecondPartAsFiles(PagesOpened):
    served, part = False, 1


class TestFirstPartServed(PagesOpened):
    served, part = True, 0


class TestSecondPartServed(PagesOpened):
    served, part = True, 1


def test_a_click_on_a_heading_sorts(browser: Any, smoke_book: Path) -> None:
    tab = browser.new_page()
    tab.goto((smoke_book / "book" / "06_results.html").as_uri())
    table = tab.locator("table.igsed-table.dataTable", has_text="Recall").first
    heading = table.locator("thead tr").last.locator("th").last  # the paper's F1
    column = "td:last-child"

    def values() -> list[float]:
        return [float(t) for t in table.locator(f"tbody {column}").all_inner_texts()]

    before = values()
    for direction, expected in (("ascending", sorted(before)), ("descending", sorted(before, reverse=True))):
        assert expected != before
        heading.click()
        table.locator(f"thead th[aria-sort={direction}]").wait_for()
        assert values() == expected
    tab.close()


def test_all_tables_are_in_one(browser: Any, smoke_book: Path, smoke_run: SmokeRun) -> None:
    filled = {name for name in stages.tables() if len(pd.read_csv(smoke_run.root / "results" / f"{name}.csv"))}
    tab = browser.new_page()
    tab.goto((smoke_book / "book" / "results_browser.html").as_uri())
    tab.locator("#igsed-results tbody tr").nth(24).wait_for()
    tables = tab.locator("select[data-facet='table'] option").all_inner_texts()
    assert {text.split(":")[0] for text in tables} == {"all", *filled}
    tab.locator("select[data-facet='table']").select_option(next(t for t in tables if t.startswith("further:")))
    rows = len(pd.read_csv(next((smoke_book / "_downloads").glob("*/further.csv"))))
    assert f"of {rows} entries" in tab.locator(".dt-info").inner_text()
    tab.close()


def test_the_clip_browser_begins_with_the_worst(browser: Any, smoke_book: Path, smoke_run: SmokeRun) -> None:
    table = pd.read_csv(smoke_run.root / "results" / "localiser_by_instance.csv")
    lowest = table[(table["metric"] == "iou") & (table["method"] == "shifted_cam")]["value"].min()
    tab = browser.new_page()
    tab.goto((smoke_book / "book" / "10_localiser.html").as_uri())
    said = tab.locator("div", has_text=f"IoU of Localiser {lowest:.2f}").last
    said.wait_for(timeout=20_000)
    assert tab.locator("#igsed-clip-sound").get_attribute("src").startswith("../clips/")
    tab.close()


def test_without_javascript_tables_and_figures_are_still_there(browser: Any, smoke_book: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((smoke_book / "book" / "06_results.html").as_uri())
    table = tab.locator("table.igsed-table").first
    assert table.is_visible()
    assert "Blender" in table.inner_text()
    assert tab.locator("article img").first.is_visible()
    context.close()


def test_every_page_is_opened_in_some_part() -> None:
    assert sorted(page for part in range(PARTS) for page in PAGES[part::PARTS]) == sorted(PAGES)
