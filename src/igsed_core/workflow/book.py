"""The book: sources, executed notebooks and generated pages are staged, then built by Jupyter Book."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml
from filelock import FileLock

from igsed_core.base import children, code, files, run, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths, project_root
from igsed_core.show import style, terms
from igsed_core.show.answers import Found
from igsed_core.workflow import (
    api_pages,
    book_extras,
    book_pages,
    edition,
    in_short,
    real_run,
    redirects,
    reproduce,
    stages,
    tasks,
)
from igsed_core.workflow.experiments import Experiment

MAX_PAGE = 5_000_000  # bytes
_PICTURE = "main_result.png"
_KEY = ".key"


def build(experiment: Experiment) -> Path:
    """Build the book of an experiment whose stages have run; a book that is up to date is left as it is.

    ``_build/html`` in the project's folder then points to it, unless runs are kept elsewhere, as those of tests are.

    Returns
    -------
    Path
        The book's first page, ``runs/<experiment>/book/_build/html/index.html``.

    Raises
    ------
    IgsedError
        If a stage has not run, a page is heavier than 5 MB, or Jupyter Book fails or warns; the message
        names the log.
    """
    paths = RunPaths(experiment.name)
    html = paths.book / "_build" / "html"
    staging = paths.book.with_name(".book.tmp")
    lock = FileLock(paths.root / ".book.lock")
    store.acquire(lock, f"another build of the book of experiment {paths.experiment!r} goes on")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        stage(experiment, staging)
        key = _digest(staging)
        guard = paths.book / _KEY
        if not (guard.exists() and guard.read_text() == key and (html / "index.html").exists()):
            # A fresh folder each time: Sphinx reports the warnings of a page only when it reads it anew.
            shutil.rmtree(paths.book, ignore_errors=True)
            staging.rename(paths.book)
            _run_jupyter_book(paths.book)
            _drop_font_preloads(html)
            _name_first_pages(html)
            _check_sizes(html)
            files.write_text(guard, key)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        lock.release()
    if html.is_relative_to(project_root() / "runs"):
        _link(project_root() / "_build" / "html", html)
    return html / "index.html"


def stage(experiment: Experiment, folder: Path) -> None:
    """Put everything that Jupyter Book reads into ``folder``: the same input gives the same files.

    Raises
    ------
    IgsedError
        If an executed notebook or a table of results is missing.
    """
    root, paths = project_root(), RunPaths(experiment.name)
    pages = folder / "book"
    pages.mkdir(parents=True)
    absent = [s for s in stages.STAGES.values() if s.name not in experiment.stages]
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, folder / name)
    shutil.copytree(root / "_static", folder / "_static")
    redirects.write(folder / book_extras.FOLDER)
    edition.configure(folder / "_config.yml", edition.read())
    line = reproduce.command(experiment)
    to_try = tasks.read()
    real = real_run.found()
    places = {
        real_run.PLACE: real_run.front(real),
        **book_extras.write(experiment, folder),
        edition.PLACE: _edition(experiment),
        tasks.PLACE: tasks.section(to_try["intro"]),
        terms.PLACE: terms.example().sentence(),
        reproduce.PLACE: _whole_strip(experiment),
    }
    style.save(terms.picture(), pages / terms.PICTURE)
    for source in sorted([*(root / "book").glob("*.md"), *(root / "book").glob("*.bib")]):
        text = book_pages.without(source.read_text(encoding="utf-8"), absent)
        files.write_text(pages / source.name, book_pages.filled(text, places))
    offered = {name: of for name, of in stages.tables().items() if of[0] in experiment.stages}
    for name in offered:
        _copy(paths.results / f"{name}.csv", pages / "data" / f"{name}.csv")
    _copy(paths.stage("results") / _PICTURE, pages / _PICTURE)
    found = _found(experiment, offered)
    real_run.copy(real, pages / "data")
    for s in absent:  # links from other pages stay whole
        files.write_text(pages / f"{s.notebook}.md", book_pages.stub(s))
    for s in map(stages.get, experiment.stages):
        notebook = paths.notebooks / f"{s.notebook}.ipynb"
        _require(notebook)
        # The results page offers every table, another page those that its own stage makes.
        named = [t for t, (maker, _) in offered.items() if s.name in ("results", maker)]
        answer = in_short.answer(s.name, found)
        numbers = {t: found.tables[t] for t in (answer.tables if answer else named) if t in found.tables}
        files.write_text(
            pages / notebook.name,
            book_pages.page_of(
                notebook,
                real_run.section(s.name, found, real)
                + tasks.section(to_try.get(s.notebook, []))
                + book_pages.downloads(named)
                + book_pages.strip(paths.record(s.name), line, numbers),
                offered=offered,
                box=in_short.box(s.name, found),
                places=places,
            ),
        )
    for layer in api_pages.LAYERS:
        files.write_text(pages / "api" / f"{layer}.md", api_pages.page(layer))
    records = [paths.record(name) for name in experiment.stages]
    for record in records:
        _require(record)
    files.write_text(pages / "_generated" / "parameters.md", book_pages.parameters(experiment))
    files.write_text(pages / "_generated" / "provenance.md", book_pages.provenance(records))


def _whole_strip(experiment: Experiment) -> str:
    """Return the strip of the first page, which shows numbers of several stages."""
    paths = RunPaths(experiment.name)
    records = [files.read_json(paths.record(name)) for name in experiment.stages if paths.record(name).is_file()]
    detection = paths.results / "detection.csv"
    _require(detection)
    took = book_pages.duration(sum(record["seconds"] for record in records))
    return reproduce.strip(
        records[-1],
        reproduce.command(experiment, "book"),
        reproduce.sample({"detection": files.read_table(detection)}),
        commit=book_pages.commit(records[-1]["commit"]),
        took=took,
    )


def _edition(experiment: Experiment) -> str:
    last = RunPaths(experiment.name).record(list(experiment.stages)[-1])
    _require(last)
    commit = book_pages.commit(files.read_json(last)["commit"])
    return edition.section(edition.read(), line=reproduce.command(experiment, "book"), commit=commit)


def _found(experiment: Experiment, tables: Iterable[str]) -> Found:
    """Read what the pages' boxes are made from."""
    paths = RunPaths(experiment.name)
    for name in experiment.stages:
        _require(paths.record(name))
    records = {name: files.read_json(paths.record(name)) for name in experiment.stages}
    return Found(
        {name: files.read_table(paths.results / f"{name}.csv") for name in tables},
        {name: record["figures"] for name, record in records.items()},
        {name: record["params"] for name, record in records.items()},
    )


def _copy(source: Path, target: Path) -> None:
    _require(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _require(path: Path) -> None:
    if not path.is_file():
        raise IgsedError(
            f"the book needs {path}, which is missing: run `igsed book` with the experiment's parameter file"
        )


def _digest(folder: Path) -> str:
    """Hash the staged files and the versions of what turns them into pages."""
    digest = hashlib.sha256()
    for package in ("jupyter-book", "sphinx", "sphinx-book-theme", "pydata-sphinx-theme", "myst-nb"):
        digest.update(f"{package} {importlib.metadata.version(package)}\0".encode())
    # The API pages are made from the package itself.
    digest.update(code.digest([m for layer in api_pages.LAYERS for m in api_pages.modules(layer)]).encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _run_jupyter_book(folder: Path) -> None:
    """Build with warnings as errors; silent if all is well."""
    log = folder / "build.log"
    main = "from jupyter_book.cli.main import main; main()"  # the module has no entry point for `python -m`
    command = children.python(main, "build", str(folder), "-W", "-n", "--keep-going")
    with log.open("w", encoding="utf-8") as stream:
        status = children.run(command, output=stream)
    if status:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        worst = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-20:]
        raise IgsedError("Jupyter Book did not build the book:\n" + "\n".join(worst[:20]) + f"\n(full log: {log})")


def _drop_font_preloads(html: Path) -> None:
    """Let the pages be clean when opened as files: browsers refuse the theme's font preloads there.

    The fonts themselves are loaded by the style sheet, with or without the hint.
    """
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        files.write_text(page, re.sub(r'<link rel="preload" as="font"[^>]*>\n?', "", text))


def _name_first_pages(html: Path) -> None:
    """Give the forwarding page a title and a language, and say the book's name once in the title of the first page."""
    title = yaml.safe_load((project_root() / "_config.yml").read_text(encoding="utf-8"))["title"]
    files.write_text(
        html / "index.html",
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta http-equiv="refresh" content="0; url=book/intro.html"></head>'
        f'<body><p><a href="book/intro.html">{title}</a></p></body></html>\n',
    )
    first = html / "book" / "intro.html"
    text = first.read_text(encoding="utf-8")
    files.write_text(first, re.sub(r"<title>.*?</title>", f"<title>{title}</title>", text, count=1, flags=re.DOTALL))


def _check_sizes(html: Path) -> None:
    for page in sorted(html.rglob("*.html")):
        size = page.stat().st_size
        if size > MAX_PAGE:
            raise IgsedError(
                f"page {page} weighs {size / 1e6:.1f} MB, more than {MAX_PAGE / 1e6:g} MB: "
                "show fewer sounds or figures in its notebook"
            )


def _link(link: Path, target: Path) -> None:
    """Let ``link`` point to ``target``, by a relative path, in one step."""
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)  # left by a build in the source tree
    run.link(link, target)
