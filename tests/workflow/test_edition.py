"""The edition stands in one place; what depends on the repository's address follows it, or is not there."""

from __future__ import annotations

import hashlib
import importlib
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import igsed_core
from igsed_core.base.errors import IgsedError
from igsed_core.workflow import edition, redirects

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
release = importlib.import_module("release")

ADDRESS = "https://example.org/somebody/igsed"


def test_every_file_has_the_same_version_licence_and_authors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    this = edition.read()
    assert this.version == project["version"] == igsed_core.__version__
    assert this.licence == project["license"]
    assert list(this.authors) == [author["name"] for author in project["authors"]]
    assert this.licence in (ROOT / "LICENSE").read_text().splitlines()[0]


def test_the_citation_file_has_what_the_format_asks_for() -> None:
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= content.keys()
    assert content["cff-version"] == "1.2.0"
    assert content["type"] in ("software", "dataset")
    assert set(content) <= {
        *("cff-version", "message", "title", "authors", "type", "version", "license", "abstract", "keywords", "doi"),
        *("references", "repository-code", "date-released", "url", "identifiers", "contact", "commit"),
    }


def test_the_citation_file_is_valid() -> None:
    cffconvert = pytest.importorskip("cffconvert", reason="cffconvert is not installed: its schema is not applied")
    cffconvert.Citation((ROOT / "CITATION.cff").read_text()).validate()


def configured(folder: Path, this: edition.Edition) -> dict:
    config = folder / "_config.yml"
    shutil.copy(ROOT / "_config.yml", config)
    edition.configure(config, this)
    return yaml.safe_load(config.read_text())


def test_without_an_address_nothing_leads_to_one(tmp_path: Path) -> None:
    this = replace(edition.read(), repository="", doi="")
    config = configured(tmp_path, this)
    assert not {"repository", "launch_buttons"} & config.keys()
    assert not [key for key in config["html"] if key.startswith("use_") and config["html"][key] is True]
    words = edition.section(this, line="igsed book x", commit="`1`") + edition.footer(this)
    assert "://" not in words
    assert "DOI | none yet" in words


def test_with_an_address_buttons_lead_there(tmp_path: Path) -> None:
    this = replace(edition.read(), repository=ADDRESS, doi="10.5281/zenodo.1", released="2027-01-02")
    config = configured(tmp_path, this)
    assert config["repository"]["url"] == ADDRESS
    assert config["launch_buttons"] == {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"}
    assert config["html"]["use_repository_button"]
    entry = edition.bibtex(this)
    for field in (f"url = {{{ADDRESS}}}", "doi = {10.5281/zenodo.1}", "year = {2027}"):
        assert field in entry
    assert "colab" not in str(config).lower()  # its notebooks have no install cell


def test_the_address_stands_nowhere_else() -> None:
    this = edition.read()
    files = ["_config.yml", "README.md", "pyproject.toml", "postBuild", "environment.yml"]
    for path in [*map(ROOT.joinpath, files), *(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.py")]:
        text = path.read_text()
        assert not re.search(r"mybinder\.org|colab\.research|(github|gitlab)\.(com|io)/igsed", text), path.name
        assert not this.repository or this.repository not in text, path.name


@pytest.mark.parametrize("text", ["", "[]", "title: x", ": :"])
def test_a_citation_file_that_lacks_something_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "CITATION.cff").write_text(text)
    with pytest.raises(IgsedError, match=r"CITATION\.cff"):
        edition.read(tmp_path / "CITATION.cff")


def test_old_addresses_lead_to_pages_of_the_book(tmp_path: Path) -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = {toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])}
    redirects.write(tmp_path)
    for old, new in redirects.moved().items():
        assert old not in pages
        assert new in pages
        text = (tmp_path / f"{old}.html").read_text()
        (target,) = set(re.findall(r'href="([^"]+)"', text))
        assert ((tmp_path / old).parent / target).resolve() == (tmp_path / f"{new}.html").resolve()
        assert f'content="0; url={target}"' in text


def test_the_release_holds_book_pdf_and_source_with_a_checksum(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "_build" / "html").mkdir(parents=True)
    (root / "_build" / "html" / "index.html").write_text("<p>book")
    (root / "kept.txt").write_text("source")
    (root / "loose.txt").write_text("not in the repository")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "kept.txt"], cwd=root, check=True)
    with pytest.raises(SystemExit, match="make pdf"):
        release.pack(root, "1.2", tmp_path / "out")
    (root / "_build" / "igsed-book.pdf").write_bytes(b"%PDF")
    archive = release.pack(root, "1.2", tmp_path / "out")
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names == [f"igsed-1.2/{name}" for name in ("html/index.html", "igsed-book.pdf", "source/kept.txt")]
    sums = dict(reversed(line.split()) for line in (archive.parent / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((archive.parent / name).read_bytes()).hexdigest()
        for name in (archive.name, "igsed-book.pdf")
    }
    before = archive.read_bytes()
    assert release.pack(root, "1.2", tmp_path / "again").read_bytes() == before


@pytest.mark.parametrize("binder", [True, False])
def test_binder_gets_a_small_run_and_notebooks_with_its_parameters(tmp_path: Path, binder: bool) -> None:
    log = tmp_path / "calls"
    for name in ("python", "igsed"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{log}"\n')
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"} | ({"REPO_DIR": "/home/x"} if binder else {})
    subprocess.run(["bash", str(ROOT / "postBuild")], cwd=tmp_path, env=environment, check=True)
    calls = [line for line in log.read_text().splitlines() if line.startswith("igsed")]
    wanted = ["igsed run params/smoke.yaml", "igsed notebooks params/smoke.yaml --out book"]
    assert calls == (wanted if binder else [])
