"""The book: how it is staged and built, and what its pages hold."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import pandas as pd
import pytest

from built_pages import PAGES
from igsed_core.base.errors import IgsedError
from igsed_core.show import clip_browser
from igsed_core.workflow import book, book_extras, book_pages, stages

ROOT = Path(__file__).resolve().parents[2]


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


def test_the_book_of_a_run_kept_elsewhere_takes_no_others_place(smoke_book):
    """`make test` after `make book` left the small run's book in the place of the user's."""
    assert (ROOT / "_build" / "html").resolve() != smoke_book.resolve()


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
