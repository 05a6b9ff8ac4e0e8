"""The edition: version, authors, licence and address of the book, read from ``CITATION.cff`` and from nowhere else."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from igsed_core.base import files
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root

PLACE = "%%edition%%"  # where a page's Markdown wants it
_REQUIRED = ("title", "version", "license", "authors")
_BINDER = "https://mybinder.org"


@dataclass(frozen=True)
class Edition:
    """What a reader cites.

    Attributes
    ----------
    title, version, licence, authors
        As in ``CITATION.cff``; authors in the order there, persons as "Given Family".
    repository
        Address of the public repository; empty while there is none.
    doi
        Of the archived release; empty while there is none.
    released
        Date of the release, ``YYYY-MM-DD``; empty before it.
    """

    title: str
    version: str
    licence: str
    authors: tuple[str, ...]
    repository: str = ""
    doi: str = ""
    released: str = ""


def read(path: Path | None = None) -> Edition:
    """Read the edition.

    Parameters
    ----------
    path
        A citation file; by default the project's.

    Raises
    ------
    IgsedError
        If the file is no YAML mapping, or lacks title, version, license or authors.
    """
    path = path or project_root() / "CITATION.cff"
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise IgsedError(f"{path} cannot be read ({error}): restore it from the repository") from error
    if missing := [name for name in _REQUIRED if not isinstance(content, dict) or not content.get(name)]:
        raise IgsedError(f"{path} lacks {', '.join(missing)}: add it")
    return Edition(
        title=str(content["title"]),
        version=str(content["version"]),
        licence=str(content["license"]),
        authors=tuple(_author(one) for one in content["authors"]),
        repository=str(content.get("repository-code") or "").rstrip("/"),
        doi=str(content.get("doi") or ""),
        released=str(content.get("date-released") or ""),
    )


def _author(one: dict[str, str]) -> str:
    return one.get("name") or " ".join(filter(None, (one.get("given-names"), one.get("family-names"))))


def bibtex(edition: Edition) -> str:
    """Return the BibTeX entry of an edition.

    Examples
    --------
    >>> from igsed_core.workflow.edition import Edition, bibtex
    >>> print(bibtex(Edition("A title", "1.0", "MIT", ("The authors",), released="2026-11-28")))
    @software{igsed,
      title = {{A title}},
      author = {{The authors}},
      version = {1.0},
      year = {2026},
      license = {MIT},
    }
    """
    fields = {
        "title": f"{{{edition.title}}}",
        "author": " and ".join(f"{{{author}}}" for author in edition.authors),
        "version": edition.version,
        "year": edition.released[:4],
        "license": edition.licence,
        "doi": edition.doi,
        "url": edition.repository,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@software{igsed,", *lines, "}"])


def section(edition: Edition, *, line: str, commit: str) -> str:
    """Return what the book says of its edition, as Markdown.

    Parameters
    ----------
    edition
        The edition.
    line
        The command that makes this book.
    commit
        Of the code that made it.
    """
    doi = f"[{edition.doi}](https://doi.org/{edition.doi})" if edition.doi else "none yet: it comes with a release"
    address = f"<{edition.repository}>" if edition.repository else "none yet"
    rows = {
        "version": edition.version + (f", {edition.released}" if edition.released else ", not yet released"),
        "authors": ", ".join(edition.authors),
        "licence": f"{edition.licence}, text and code",
        "DOI": doi,
        "repository": address,
        "made by": f"`{line}`, commit {commit}",
    }
    table = "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])
    return f"{table}\n\n## How to cite it\n\n```bibtex\n{bibtex(edition)}\n```\n"


def footer(edition: Edition) -> str:
    """Return one line for the foot of each page, as HTML."""
    words = f"{', '.join(edition.authors)}. Version {edition.version}, {edition.licence} licence."
    return f"<p>{html.escape(words)}</p>"


def configure(config: Path, edition: Edition) -> None:
    """Add to the staged ``_config.yml`` what depends on the edition.

    Buttons lead to the repository, and to Binder (``postBuild`` leaves a run there), only if there is an address.
    There is no button for Colab: a notebook needs the whole repository around it.

    Parameters
    ----------
    config
        Jupyter Book's configuration; it is written anew.
    edition
        The edition.
    """
    content: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    page = content.setdefault("html", {})
    page["extra_footer"] = footer(edition)
    if edition.repository:
        content["repository"] = {"url": edition.repository, "path_to_book": "", "branch": "main"}
        page |= {"use_repository_button": True, "use_issues_button": True}
        content["launch_buttons"] = {"binderhub_url": _BINDER, "notebook_interface": "jupyterlab"}
    files.write_text(config, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
