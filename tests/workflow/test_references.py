"""References: each cited and each citation known, every one with an address that can be followed, sorted by author."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import bs4
import pytest
from pybtex.database import Entry, parse_file

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY = ROOT / "book" / "references.bib"
ENTRIES: dict[str, Entry] = dict(parse_file(BIBLIOGRAPHY, "bibtex").entries.items())
DOI = re.compile(r"10\.\d{4,9}/\S+")
ARXIV = "10.48550/arXiv."
NEEDED = {"inproceedings": "booktitle", "article": "journal", "techreport": "institution", "misc": "title"}


def cited() -> Iterator[str]:
    """Keys in every `{cite}` of the book's pages, and of what the package writes into them."""
    texts = [*(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.py"), *(ROOT / "src").rglob("*.py")]
    for path in texts:
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", path.read_text(encoding="utf-8")):
            # A citation may go on in the next line of a comment.
            yield from (key.strip(" #\n") for key in keys.split(","))


def test_nothing_is_cited_that_is_missing_and_nothing_there_is_uncited() -> None:
    assert set(cited()) == set(ENTRIES)


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_can_be_followed_and_names_its_authors(key: str) -> None:
    entry = ENTRIES[key]
    fields = {name.lower(): value for name, value in entry.fields.items()}
    assert fields.get("title") and fields.get(NEEDED[entry.type]), key
    assert re.fullmatch(r"(19|20)\d\d", fields["year"])
    people = [" ".join([*person.first_names, *person.last_names]) for person in entry.persons["author"]]
    assert people and "others" not in people
    if doi := fields.get("doi"):
        assert DOI.fullmatch(doi), doi
    else:
        assert re.fullmatch(r"https://\S+", fields["url"])
    # An arXiv number stands in the entry once, or twice alike.
    numbers = {fields.get("eprint"), *re.findall(r"arXiv:(\S+)", fields.get("note", ""))} - {None}
    if doi and doi.startswith(ARXIV):
        numbers.add(doi.removeprefix(ARXIV))
    assert len(numbers) <= 1, numbers
    assert all(re.fullmatch(r"\d{4}\.\d{4,5}", str(number)) for number in numbers)


def test_no_work_stands_there_twice() -> None:
    places = Counter(entry.fields.get("doi") or entry.fields["url"] for entry in ENTRIES.values())
    titles = Counter(re.sub(r"\W", "", entry.fields["title"]).lower() for entry in ENTRIES.values())
    assert max(places.values()) == max(titles.values()) == 1


def test_the_list_is_sorted_by_author_and_leads_away(smoke_book: Path) -> None:
    page = bs4.BeautifulSoup((smoke_book / "book" / "references.html").read_text(), "html.parser")
    items = page.select("div.citation")
    assert len(items) == len(ENTRIES)
    first = {
        entry.fields.get("doi") or entry.fields["url"]: "".join(entry.persons["author"][0].last_names)
        for entry in ENTRIES.values()
    }
    links = [[str(a["href"]).removeprefix("https://doi.org/") for a in item.select("a.external")] for item in items]
    shown = [next(first[link] for link in of if link in first) for of in links]
    plain = [re.sub(r"[^a-z]", "", name.lower()) for name in shown]
    assert plain == sorted(plain)
