"""The built book as its readers meet it: accessible, soon ready, figures open large, words explain themselves."""

from __future__ import annotations

import html
import math
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import bs4
import pytest

from built_pages import PAGES, ready
from igsed_core.workflow import glossary_links, redirects

ROOT = Path(__file__).resolve().parents[2]
READ = [page for page in PAGES if not page.startswith("book/api/") or page == "book/api/paper"]  # API pages are alike
PARTS = 2  # browsers that read the pages side by side
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
AXE = "axe-core@4.11.0"
BOXES = 'mjx-container[display="true"], .igsed-table-frame'
READY = 5.0  # times the median page's work: seconds would test the machine
TERMS = glossary_links.terms(ROOT / "book" / "glossary.md")


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    """Script of axe-core, from the npm registry, or None: it is not copied into the repository."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), AXE]
    if subprocess.run(command, capture_output=True, check=False, timeout=300).returncode:
        return None
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def opened(browser: Any, **options: Any) -> Any:
    """Open a tab that waits longer than by default: the machine may be busy."""
    tab = browser.new_page(**options)
    tab.set_default_timeout(120_000)
    return tab


# Rules on colours look at every piece of text, eight times as long as all other rules together, and a page
# of code shows the same colours a thousand times: they are given one piece of each look (its colours and letters, what
# lies behind it, the text around it). The theme changes colours alone, so in the dark only they run again.
FINDINGS = """async ([theme, rules, every, colours]) => {
  document.documentElement.dataset.theme = theme;
  document.documentElement.dataset.mode = theme;
  const behind = new Map([[null, ""]]);
  const background = (node) => {
    if (!behind.has(node)) {
      const style = getComputedStyle(node);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
      const clear = own === "rgba(0, 0, 0, 0),none,1,none";
      behind.set(node, background(node.parentElement) + (clear ? "" : "|" + own));
    }
    return behind.get(node);
  };
  const looks = new Map();
  for (const node of document.body.querySelectorAll("*")) {
    if (![...node.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim())) continue;
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const mine = getComputedStyle(node), around = getComputedStyle(node.parentElement);
    const letters = [mine.color, mine.fontSize, mine.fontWeight, mine.textDecorationLine, mine.textShadow];
    const place = [mine.display, mine.visibility, around.color, around.display, background(node)];
    const look = [node.localName === "a", ...letters, ...place].join();
    if (!looks.has(look)) looks.set(look, node);
  }
  const run = (context, options) => axe.run(context, { resultTypes: ["violations"], ...options });
  const only = (values) => (values ? { runOnly: { type: "rule", values } } : {});
  const off = { rules: Object.fromEntries(colours.map((rule) => [rule, { enabled: false }])) };
  const found = [];
  if (every) {
    found.push(await run(document, only(rules)));
  } else {
    const others = rules?.filter((rule) => !colours.includes(rule));
    if (!rules || others.length) found.push(await run(document, rules ? only(others) : off));
    const few = { include: [...looks.values()] };
    found.push(await run(few, only(colours.filter((rule) => !rules || rules.includes(rule)))));
  }
  return found.flatMap(({ violations }) => violations)
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}`));
}"""
# What a page does once it is resized comes with a frame of its own.
LAID_OUT = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
COLOURS = ["color-contrast", "link-in-text-block"]
# What a narrow screen can change; words, roles and colours are those of the wide one, but for the menu.
LAYOUT = ["scrollable-region-focusable", "target-size", "link-in-text-block", "meta-viewport", "css-orientation-lock"]
RULES = {
    ("desktop", "light"): None,
    ("desktop", "dark"): COLOURS,
    ("phone", "light"): LAYOUT,
}
IN_EVERY_WAY = ("book/intro", "book/06_results")  # by all rules of a theme, every piece of text, in both sizes


@dataclass
class Visit:
    """What was found on some pages: seconds of the main thread until one is ready, and what axe says of them."""

    seconds: dict[str, float] = field(default_factory=dict)
    found: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)


def visit(browser: Any, smoke_book: Path, axe: str | None, pages: Sequence[str]) -> Visit:
    """Open each page: how soon it is ready, and what axe finds in both sizes and themes."""
    tab = opened(browser)
    session = tab.context.new_cdp_session(tab)
    # Seconds that the page's main thread computes, whatever else the machine does meanwhile.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])

    said = Visit()
    for page in pages:
        tab.set_viewport_size({"width": SIZES["desktop"][0], "height": SIZES["desktop"][1]})
        tab.goto("about:blank")
        before = busy()
        tab.goto((smoke_book / f"{page}.html").as_uri(), wait_until="load")
        ready(tab)
        said.seconds[page] = busy() - before
        if axe is None:
            continue
        tab.evaluate(axe)
        every = {("phone", "light"): None, ("phone", "dark"): COLOURS} if page in IN_EVERY_WAY else {}
        for (size, theme), rules in {**RULES, **every}.items():
            tab.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
            tab.evaluate(LAID_OUT)
            if found := tab.evaluate(FINDINGS, [theme, rules, page in IN_EVERY_WAY, COLOURS]):
                said.found[page, size, theme] = found
    tab.close()
    return said


@pytest.fixture(scope="class")
def visited(request: pytest.FixtureRequest, browser: Any, smoke_book: Path, axe: str | None) -> Visit:
    return visit(browser, smoke_book, axe, READ[request.cls.part :: PARTS])


class PagesOfAPart:
    """Both questions about every second page; a class goes to one process, which opens each page once."""

    part: ClassVar[int]

    def test_axe_finds_nothing_serious(self, visited: Visit, axe: str | None) -> None:
        if axe is None:
            pytest.skip(f"no npm, or it cannot fetch {AXE}: accessibility is not checked")
        assert visited.found == {}

    def test_a_page_is_soon_interactive(self, visited: Visit) -> None:
        most = READY * statistics.median(visited.seconds.values())
        assert {page: seconds for page, seconds in visited.seconds.items() if seconds > most} == {}


class TestFirstPart(PagesOfAPart):
    part = 0


class TestSecondPart(PagesOfAPart):
    part = 1


@pytest.mark.parametrize(
    ("page", "spoiled"),
    [("04_baselines", "summary"), ("04_baselines", "article p a"), ("cluster", "article td"), ("cluster", "code")],
)
def test_text_that_cannot_be_read_is_found_among_all_that_looks_alike(
    browser: Any, smoke_book: Path, axe: str | None, page: str, spoiled: str
) -> None:
    if axe is None:
        pytest.skip(f"no npm, or it cannot fetch {AXE}: accessibility is not checked")
    tab = opened(browser, viewport=dict(zip(("width", "height"), SIZES["desktop"], strict=True)))
    tab.goto((smoke_book / "book" / f"{page}.html").as_uri())
    ready(tab)
    tab.add_style_tag(content=f"{spoiled} {{ color: #999 !important; background: #aaa !important }}")
    tab.evaluate(axe)
    found = {every: tab.evaluate(FINDINGS, ["light", COLOURS, every, COLOURS]) for every in (True, False)}
    assert 0 < len(found[False]) <= len(found[True]) and set(found[False]) <= set(found[True])
    tab.close()


def test_a_tap_opens_a_figure_large(browser: Any, smoke_book: Path) -> None:
    tab = opened(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    tab.goto((smoke_book / "book" / "06_results.html").as_uri())
    figure = tab.locator("article img.igsed-opens").first
    small = figure.bounding_box()
    figure.tap()
    large = tab.locator("dialog.igsed-large img")
    assert large.bounding_box()["width"] > 2 * small["width"]
    tab.keyboard.press("Escape")
    large.wait_for(state="detached")
    tab.close()


def test_on_a_phone_the_verdict_is_on_the_screen(browser: Any, smoke_book: Path) -> None:
    tab = opened(browser, viewport={"width": 390, "height": 844})
    tab.goto((smoke_book / "book" / "14_audit.html").as_uri())
    ready(tab)
    row = tab.locator("table.igsed-words tbody tr").first
    question, verdict = (row.locator("td").nth(i).bounding_box() for i in (0, 1))
    assert verdict["x"] + verdict["width"] <= 390
    assert question["y"] < verdict["y"] < question["y"] + 400
    tab.close()


def test_what_is_wide_scrolls_in_its_box_and_can_be_reached(browser: Any, smoke_book: Path) -> None:
    tab = opened(browser, viewport={"width": 390, "height": 844})
    wide = 0
    for page in ("method", "06_results"):
        tab.goto((smoke_book / "book" / f"{page}.html").as_uri())
        ready(tab)
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page
        boxes = f"[...document.querySelectorAll({BOXES!r})].filter(b => b.scrollWidth > b.clientWidth + 1)"
        wide += tab.evaluate(f"{boxes}.length")
        assert tab.evaluate(f"{boxes}.every(b => getComputedStyle(b).overflowX === 'auto')"), page
    assert wide > 0
    tab.close()


def test_on_a_phone_figures_are_read_and_captions_are_whole(browser: Any, smoke_book: Path) -> None:
    """Figures scroll in a frame that the keyboard reaches; a caption is no wider than the screen."""
    tab = opened(browser, viewport={"width": 390, "height": 844})
    tab.goto((smoke_book / "book" / "06_results.html").as_uri())
    ready(tab)
    tab.evaluate(LAID_OUT)
    frames = "[...document.querySelectorAll('.igsed-figure-frame')]"
    assert tab.evaluate(f"{frames}.length") > 0
    assert tab.evaluate(f"{frames}.every(f => f.querySelector('img').clientWidth >= 570 && f.tabIndex === 0)")
    frame = tab.locator(".igsed-figure-frame").first
    assert "igsed-more" in frame.get_attribute("class")
    frame.evaluate("f => { f.scrollLeft = f.scrollWidth; }")
    tab.wait_for_function("!document.querySelector('.igsed-figure-frame').classList.contains('igsed-more')")
    widths = "[...document.querySelectorAll('.igsed-table-frame caption')].map(c => c.getBoundingClientRect().width)"
    assert max(tab.evaluate(widths)) <= 390
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.set_viewport_size({"width": 1440, "height": 900})
    tab.evaluate(LAID_OUT)
    assert tab.evaluate(f"{frames}.every(f => f.scrollWidth <= f.clientWidth + 1)")
    tab.close()


def test_on_a_phone_it_can_be_read_what_a_file_holds(browser: Any, smoke_book: Path) -> None:
    """Names of files do not break by themselves, and left 85 pixels for the words beside them."""
    tab = opened(browser, viewport={"width": 390, "height": 844})
    tab.goto((smoke_book / "book" / "17_vocal_percussion.html").as_uri())
    rows = "[...document.querySelectorAll('table.table tr')].filter(row => row.querySelector('a.download'))"
    widths = tab.evaluate(f"{rows}.map(row => [...row.cells].map(cell => cell.clientWidth))")
    assert widths and all(words > 150 for _, words in widths), widths
    tab.close()


@pytest.mark.parametrize("page", ["06_results", "17_vocal_percussion", "encoders", "parameters"])
def test_paper_shows_no_control_and_loses_no_column(browser: Any, smoke_book: Path, page: str) -> None:
    tab = opened(browser, viewport={"width": 700, "height": 1000})
    tab.goto((smoke_book / "book" / f"{page}.html").as_uri())
    ready(tab)
    tab.emulate_media(media="print")
    for control in (".dt-search", ".dt-paging", ".igsed-enlarge", "audio"):
        assert not any(one.is_visible() for one in tab.locator(control).all()), control
    frames = "[...document.querySelectorAll('.igsed-table-frame, .pst-scrollable-table-container')]"
    assert tab.evaluate(f"{frames}.filter(f => f.scrollWidth > f.clientWidth + 1).length") == 0
    split = """[...document.querySelectorAll('.igsed-table td')].filter((cell) => [...cell.childNodes].some((text) => {
      const words = document.createRange();
      return [...(text.data ?? '').matchAll(/[\\d.]+/g)].some(({index, 0: word}) => {
        words.setStart(text, index);
        words.setEnd(text, index + word.length);
        return new Set([...words.getClientRects()].map((box) => Math.round(box.top))).size > 1;
      });
    })).map((cell) => cell.textContent)"""
    assert tab.evaluate(split) == []
    tab.close()


def test_paper_has_every_row_of_a_long_table(browser: Any, smoke_book: Path) -> None:
    tab = opened(browser)
    tab.goto((smoke_book / "book" / "06_results.html").as_uri())
    ready(tab)
    values = tab.locator("table.igsed-table", has_text="further metrics")
    rows, said = values.locator("tbody tr"), values.locator("xpath=ancestor::*[contains(@class, 'dt-container')]")
    first = rows.count()
    count = int(re.search(r"of ([\d,]+) entries", said.inner_text())[1].replace(",", ""))  # type: ignore[index]
    assert first < count
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert rows.count() == count
    tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert rows.count() == first
    tab.close()


def test_a_word_says_its_meaning_under_the_pointer_and_the_keyboard(browser: Any, smoke_book: Path) -> None:
    tab = opened(browser, viewport={"width": 390, "height": 844})
    tab.goto((smoke_book / "book" / "method.html").as_uri())
    word = tab.locator("a:has(> .igsed-term)").first
    note = tab.get_by_role("tooltip")
    word.hover()
    assert note.inner_text() in TERMS.values()
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    tab.mouse.move(0, 0)
    note.wait_for(state="detached")
    word.focus()
    assert note.is_visible()
    tab.keyboard.press("Escape")
    note.wait_for(state="detached")
    tab.close()


@pytest.mark.parametrize("page", [page for page in PAGES if re.match(r"book/\d\d_", page)])
def test_the_answer_comes_first_and_figures_after_one_bar_of_code(smoke_book: Path, page: str) -> None:
    article = bs4.BeautifulSoup((smoke_book / f"{page}.html").read_text(), "html.parser").article
    assert article is not None
    parts = article.select(".igsed-short, details.hide, figure, table.igsed-table, audio, [class*=igsed-explorer]")
    kinds = ["bar" if part.name == "details" and "hide" in part.get("class", []) else part.name for part in parts]
    assert "igsed-short" in parts[0]["class"]
    assert kinds[1:3].count("bar") == 1, kinds[:4]
    captions = [caption.get_text() for caption in article.select("figcaption .caption-text")]
    assert len(captions) == len(set(captions))


def columns(text: str) -> Iterator[list[tuple[str, str]]]:
    """Every column of every table that sorts by a click: the value that the script is told of a cell, and its words."""
    for table in re.findall(r"<table[^>]*\bigsed-table\b.*?</table>", text, flags=re.DOTALL):
        rows = [
            re.findall(r'<td(?: data-order="([^"]*)")?>(.*?)</td>', row, flags=re.DOTALL)
            for row in table.partition("<tbody>")[2].split("</tr>")
        ]
        for column in zip(*filter(None, rows), strict=True):
            yield [(order, html.unescape(re.sub(r"<[^>]*>", "", words)).strip()) for order, words in column]


def falsely_sorted(column: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Cells of a column with numbers that sort by another value than they show; words stand behind all numbers."""
    wrong = []
    for told, words in column:
        number = re.match(r"[<>≤≥≈~]?\s*([+−-]?)([\d,]*\d(?:\.\d+)?(?:e[+-]?\d+)?)", words)
        mine = float(told) if told else math.nan
        if number is None:
            right = abs(mine) > 1e100
        else:
            right = abs(mine - float(f"{number[1]}{number[2]}".replace("−", "-").replace(",", ""))) < 1e-6
        wrong += [] if right else [(told, words)]
    return wrong


def test_every_column_of_every_page_sorts_by_its_numbers(smoke_book: Path) -> None:
    found = {page: list(columns((smoke_book / f"{page}.html").read_text())) for page in READ}
    numbered = [
        (page, column)
        for page, of in found.items()
        for column in of
        if any(re.match(r"\d", text) for _, text in column)
    ]
    assert len(numbered) > 50
    assert [(page, wrong) for page, column in numbered if (wrong := falsely_sorted(column))] == []


def test_no_page_shows_a_table_as_it_lies_in_memory(smoke_book: Path) -> None:
    """A cell that ends by keeping a table echoed it: 300 rows by 12 columns under no caption."""
    bare = r'<table[^>]*class="dataframe"'
    assert [page for page in READ if re.search(bare, (smoke_book / f"{page}.html").read_text())] == []


def test_pages_of_the_book_link_words_once(smoke_book: Path) -> None:
    text = (smoke_book / "book" / "08_methods.html").read_text()
    targets = re.findall(r'href="(glossary\.html#[^"]+)"[^>]*><span class="[^"]*igsed-term', text)
    assert len(targets) >= 3
    assert len(targets) == len(set(targets))
    anchors = set(re.findall(r'id="(term-[^"]+)"', (smoke_book / "book" / "glossary.html").read_text()))
    assert {target.partition("#")[2] for target in targets} <= anchors


def test_old_addresses_lead_on(smoke_book: Path) -> None:
    for old in redirects.moved():
        assert (smoke_book / f"{old}.html").is_file()


def test_the_first_address_has_a_title_and_a_language(smoke_book: Path) -> None:
    text = (smoke_book / "index.html").read_text()
    assert '<html lang="en">' in text
    assert "<title>When did it sound?</title>" in text
    assert "<title>When did it sound?</title>" in (smoke_book / "book" / "intro.html").read_text()


def test_every_page_of_the_run_says_how_it_is_made_again(smoke_book: Path) -> None:
    parts = (r"igsed \w+ params/smoke\.yaml", "seed 2026", r"n = \d", r"key \w{6}", r"commit \w+", r"took [\d.]+ ")
    for page in (page for page in PAGES if re.match(r"book/(\d\d_|intro)", page)):
        text = re.sub(r"<[^>]+>", "", (smoke_book / f"{page}.html").read_text())
        (strip,) = re.findall(r"Make this page again:.*", text)
        for part in parts:
            assert re.search(part, strip), (page, part, strip)
