"""The book: how it is staged and built, and how the built pages behave in a browser that has no network."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import pandas as pd
import pytest
import yaml

from igsed_core.base.errors import IgsedError
from igsed_core.show import clip_browser
from igsed_core.workflow import book, book_extras, book_pages, stages

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are not opened")
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]


def notebook_with(parameters, injected):
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    if injected:
        cells.append(nbformat.v4.new_code_cell(injected, metadata={"tags": ["injected-parameters"]}))
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("run()")])


def test_the_parameters_cell_shows_the_values_of_the_run(tmp_path):
    source = 'seed = 1  # of every choice\nname = "a=b"  # text [unit]\nother = 2'
    nbformat.write(notebook_with(source, '# Parameters\nseed = 7\nname = "c # d"\n'), tmp_path / "x.ipynb")
    page = nbformat.reads(book_pages.page_of(tmp_path / "x.ipynb"), as_version=4)
    assert page.cells[0].source == 'seed = 7  # of every choice\nname = "c # d"  # text [unit]\nother = 2'
    assert [cell.source for cell in page.cells[1:]] == ["run()"]


def test_a_page_is_the_same_each_time_and_ends_with_what_is_added(tmp_path):
    nbformat.write(notebook_with("seed = 1", ""), tmp_path / "x.ipynb")
    first = book_pages.page_of(tmp_path / "x.ipynb", "## More")
    assert first == book_pages.page_of(tmp_path / "x.ipynb", "## More")
    assert nbformat.reads(first, as_version=4).cells[-1].source == "## More"


def test_what_a_stage_recorded_as_empty_is_said_to_be_none():
    assert book_pages._value({"recordings": "", "encoder": "embedded"}) == "recordings: (none), encoder: `embedded`"


def test_a_page_that_is_too_heavy_is_named(tmp_path):
    (tmp_path / "small.html").write_text("x")
    book._check_sizes(tmp_path)
    (tmp_path / "huge.html").write_bytes(b"x" * (book.MAX_PAGE + 1))
    with pytest.raises(IgsedError, match=r"huge\.html.*fewer sounds"):
        book._check_sizes(tmp_path)


def test_the_link_is_relative_and_replaces_what_was_there(tmp_path):
    link = tmp_path / "_build" / "html"
    (link / "old").mkdir(parents=True)
    for name in ("one", "two"):
        target = tmp_path / "runs" / name
        target.mkdir(parents=True)
        book._link(link, target)
        assert link.readlink() == Path("..") / "runs" / name
        assert link.resolve() == target
    assert [p.name for p in link.parent.iterdir()] == ["html"]


@pytest.mark.parametrize(
    ("text", "fails"),
    [("# Page\n\nFine.", False), ("# Page\n\n{doc}`nowhere`", True), ("# Page\n\n{cite:p}`no`", True)],
)
def test_a_warning_fails_the_build_and_names_the_log(tmp_path, text, fails):
    shutil.copy(ROOT / "_config.yml", tmp_path)
    shutil.copytree(ROOT / "_static", tmp_path / "_static")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: page\n")
    for name in ("book", "_extra"):
        (tmp_path / name).mkdir()
    (tmp_path / "book" / "references.bib").write_text("")
    (tmp_path / "page.md").write_text(text)
    if not fails:
        book._run_jupyter_book(tmp_path)
        assert "Fine." in (tmp_path / "_build" / "html" / "page.html").read_text()
        return
    with pytest.raises(IgsedError, match=r"(?s)page\.md.*build\.log"):
        book._run_jupyter_book(tmp_path)


def test_a_second_build_leaves_the_book_as_it_is(smoke_run):
    index = smoke_run.html / "book" / "intro.html"
    smoke_run.igsed("book", "params/smoke.yaml")  # other tests may have executed a notebook again
    before = index.stat().st_mtime_ns
    smoke_run.igsed("book", "params/smoke.yaml")
    assert index.stat().st_mtime_ns == before


def test_every_chapter_became_a_page_of_modest_size(smoke_book):
    for page in PAGES:
        assert 5_000 < (smoke_book / f"{page}.html").stat().st_size < book.MAX_PAGE
    assert "book/intro.html" in (smoke_book / "index.html").read_text()


def test_numbers_in_the_text_come_from_the_run(smoke_book):
    text = (smoke_book / "book" / "intro.html").read_text()
    glued = re.findall(r'<span class="pasted-text">(.*?)</span>', text)
    assert len(glued) >= 10
    number = r"−?\d\.\d+( \[−?\d\.\d+,.−?\d\.\d+\])?"
    assert not [g for g in glued if re.search(r"\bnan\b|None|\{", g)], glued
    assert sum(bool(re.search(number, g)) for g in glued) >= 10, glued


def test_every_link_within_the_book_leads_somewhere(smoke_book):
    broken = []
    for page in (smoke_book / "book").glob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"]+)"', page.read_text()):
            url = urlparse(target)
            if url.scheme or url.netloc or not url.path:
                continue
            if not (page.parent / unquote(url.path)).exists():
                broken.append((page.name, target))
    assert broken == []


def test_the_tables_can_be_downloaded(smoke_book):
    text = (smoke_book / "book" / "06_results.html").read_text()
    for name in stages.tables():
        (link,) = set(re.findall(rf'href="([^"]*/{name}\.csv)"', text))
        columns = (smoke_book / "book" / link).read_text().splitlines()[0].split(",")
        assert columns[:2] == ["experiment", "seed"], name
        # A table of the audit may hold the paper's own figures, which have no split.
        assert "split" in columns or name.startswith("audit_") or "value" not in columns, name


def test_a_page_with_its_own_script_is_of_modest_size_and_libraries_are_there_once(smoke_book):
    for page, script in book_extras.OWN_SCRIPTS.items():
        text = (smoke_book / "book" / f"{page}.html").read_text()
        assert text.count(f'src="../{script}"') == 1, page
        assert len(text) + (smoke_book / script).stat().st_size < book.MAX_PAGE, page
    for page in (smoke_book / "book").glob("*.html"):
        assert "window.igsedTables = import" not in page.read_text(), page.name  # the tables' library, in the page


def test_the_worst_clips_can_be_heard(smoke_book, smoke_run):
    table = pd.read_csv(smoke_run.root / "results" / "localiser_by_instance.csv")
    sounds = {path.stem for path in (smoke_book / "clips").iterdir()}
    assert len(sounds) == min(clip_browser.SOUNDS, table["clip"].nunique())
    iou = table[table["metric"] == "iou"]
    for _, of_method in iou.groupby("method"):
        assert of_method.loc[of_method["value"].idxmin(), "clip"] in sounds


@dataclass
class Seen:
    """What a browser saw of one page."""

    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


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


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


@pytest.fixture(scope="module")
def server(smoke_book):
    """The book as `make serve` shows it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(smoke_book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def is_left(sent):
    """Whether a request ended because this test went on: the browser asks for the icon once all else is there."""
    return sent.failure == "net::ERR_ABORTED" and sent.url.endswith("favicon.svg")


@pytest.fixture(scope="module", params=["file", "http"])
def seen(request, browser, smoke_book, server):
    """Every page, opened as a file and from a server."""
    home = smoke_book.as_uri() if request.param == "file" else server
    result = {}
    tab = browser.new_page(viewport={"width": 800, "height": 900})
    for page in PAGES:
        result[page] = one = Seen()

        def note(kind, text, one=one):
            one.problems.append(f"{kind}: {text}")

        def request_made(sent, one=one):
            if not sent.url.startswith((home, "data:", "blob:")):
                one.foreign.append(sent.url)

        listeners = {
            "console": lambda m, note=note: note(m.type, m.text) if m.type in ("error", "warning") else None,
            "pageerror": lambda e, note=note: note("exception", e),
            "requestfailed": lambda r, note=note: None if is_left(r) else note("failed", r.url),
            "response": lambda r, note=note: note(r.status, r.url) if r.status >= 400 else None,
            "request": request_made,
        }
        for event, listener in listeners.items():
            tab.on(event, listener)
        tab.goto(f"{home}/{page}.html", wait_until="load")
        tab.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise")
        tab.wait_for_function(
            "document.querySelectorAll('table.igsed-table:not(.dataTable)').length === 0", timeout=20_000
        )
        tab.evaluate("window.MathJax?.startup?.promise")
        one.facts = tab.evaluate(FACTS)
        for event, listener in listeners.items():
            tab.remove_listener(event, listener)
    tab.close()
    return result


@needs_browser
class TestInTheBrowser:
    def test_the_console_is_clean(self, seen):
        assert {page: one.problems for page, one in seen.items() if one.problems} == {}

    def test_nothing_is_asked_of_another_host(self, seen):
        assert {page: one.foreign for page, one in seen.items() if one.foreign} == {}

    def test_every_figure_is_there(self, seen):
        for page, one in seen.items():
            assert all(width > 0 for width in one.facts["images"]), page
        assert len(seen["book/06_results"].facts["images"]) >= 4
        assert len(seen["book/intro"].facts["images"]) == 2  # the answer, and the words in one picture

    def test_maths_is_typeset(self, seen):
        for page, one in seen.items():
            assert all(n == 1 for n in one.facts["maths"]), page
            if not page.startswith("book/api/"):  # docstrings name variables of the shell
                assert not re.search(r"\\(frac|mathrm|begin|int|alpha|tau)\b|\$\S", one.facts["text"]), page
        assert len(seen["book/method"].facts["maths"]) > 10

    def test_sounds_can_be_played(self, seen):
        durations = seen["book/01_data_synthesis"].facts["audio"]
        assert len(durations) == 3
        assert all(duration == pytest.approx(10.0, abs=0.2) for duration in durations)

    def test_every_table_can_be_sorted(self, seen):
        for page, one in seen.items():
            assert one.facts["sortable"] == one.facts["tables"], page
        assert seen["book/06_results"].facts["tables"] >= 3

    def test_a_page_800_pixels_wide_does_not_scroll_sideways(self, seen):
        assert {page: one.facts["overflow"] for page, one in seen.items() if one.facts["overflow"] > 0} == {}

    def test_a_click_on_a_heading_sorts(self, browser, smoke_book):
        tab = browser.new_page()
        tab.goto((smoke_book / "book" / "06_results.html").as_uri())
        table = tab.locator("table.igsed-table.dataTable", has_text="Recall").first
        heading = table.locator("thead tr").last.locator("th").last  # the paper's F1
        column = "td:last-child"

        def values():
            return [float(t) for t in table.locator(f"tbody {column}").all_inner_texts()]

        before = values()
        for direction, expected in (("ascending", sorted(before)), ("descending", sorted(before, reverse=True))):
            assert expected != before
            heading.click()
            table.locator(f"thead th[aria-sort={direction}]").wait_for()
            assert values() == expected
        tab.close()

    def test_all_tables_are_in_one(self, browser, smoke_book, smoke_run):
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

    def test_the_clip_browser_begins_with_the_worst(self, browser, smoke_book, smoke_run):
        table = pd.read_csv(smoke_run.root / "results" / "localiser_by_instance.csv")
        lowest = table[(table["metric"] == "iou") & (table["method"] == "shifted_cam")]["value"].min()
        tab = browser.new_page()
        tab.goto((smoke_book / "book" / "10_localiser.html").as_uri())
        said = tab.locator("div", has_text=f"IoU of Localiser {lowest:.2f}").last
        said.wait_for(timeout=20_000)
        assert tab.locator("#igsed-clip-sound").get_attribute("src").startswith("../clips/")
        tab.close()

    def test_without_javascript_tables_and_figures_are_still_there(self, browser, smoke_book):
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto((smoke_book / "book" / "06_results.html").as_uri())
        table = tab.locator("table.igsed-table").first
        assert table.is_visible()
        assert "Blender" in table.inner_text()
        assert tab.locator("article img").first.is_visible()
        context.close()
