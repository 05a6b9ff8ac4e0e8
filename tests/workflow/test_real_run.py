"""The shipped run on real recordings stands beside a run's own: numbers from its files, sentences by the same rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from igsed_core.base import files, shipped
from igsed_core.base.paths import RunPaths
from igsed_core.show.answers import Found
from igsed_core.show.cells import number, with_interval
from igsed_core.workflow import in_short, real_run
from random_tables import Tables

MAKERS = {
    "results": ["detection", "further", "differences", "differences_two_way", "instances"],
    "methods": ["methods", "methods_cost"],
    "localiser": ["localiser", "localiser_differences", "localiser_differences_two_way"],
}


def made_of(made: Tables) -> Found:
    """The tables that are shown, of one kind."""
    (ladder, apart, two_way), (methods, cost) = made.ladder(), made.methods()
    of_localiser = {"localiser": ladder, "localiser_differences": apart, "localiser_differences_two_way": two_way}
    return Found({**made.main_job(), "methods": methods, "methods_cost": cost, **of_localiser})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which nothing ships yet."""
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))
    (tmp_path / "project" / "book").mkdir(parents=True)
    (tmp_path / "project" / "Snakefile").touch()
    monkeypatch.setenv("IGSED_PROJECT", str(tmp_path / "project"))
    return tmp_path / "project"


@pytest.fixture
def ours() -> Found:
    """What the run finds whose book is built."""
    return made_of(Tables(1, "plain"))


@pytest.fixture
def real(project: Path) -> Found:
    """What another run found, whose tables ship."""
    theirs, paths = made_of(Tables(2, "plain")), RunPaths("real")
    for stage, tables in {**MAKERS, "training": []}.items():
        about = {"stage": stage, "key": "0a", "tables": tables, "seconds": 600.0, "commit": "abcdef123456"}
        params = {"encoder": "mn04_as"} if stage == "training" else {}
        files.write_json(
            paths.record(stage), {**about, "params": params, "figures": {}, "finished": "2026-11-28T13:00"}
        )
        for table in tables:
            files.write_table(paths.results / f"{table}.csv", theirs.tables[table].assign(experiment="real", seed=1))
    shipped.ship("real", [*MAKERS, "training"], project / "results" / "real")
    found = real_run.found()
    assert found is not None
    return found


def test_where_none_ships_the_book_says_how_to_make_one(project: Path, ours: Found) -> None:
    assert real_run.found() is None
    assert real_run.COMMAND in real_run.front(None)
    assert [real_run.section(stage, ours, None) for stage in MAKERS] == ["", "", ""]


@pytest.mark.parametrize("stage", MAKERS)
def test_the_sentence_is_that_of_the_shipped_tables(stage: str, ours: Found, real: Found) -> None:
    said = real_run.sentence(stage, real)
    answer = in_short.answer(stage, real)
    assert answer is not None
    assert said.startswith(answer.text)
    assert (real_run.CHOSEN in said) == (stage == "localiser")
    brief = real_run.in_brief(stage, real)
    assert brief in real_run.front(real)
    assert len(re.findall(r"\.(?: |$)", brief)) <= 2, brief  # at most two sentences, which keep n and interval
    assert re.search(r"from \d+ (?:instance|method)", brief), brief
    assert said in real_run.section(stage, ours, real)
    assert "encoder `mn04_as`" in real_run.front(real)
    assert "abcdef1" in real_run.front(real)


@pytest.mark.parametrize("stage", MAKERS)
def test_every_cell_is_a_number_of_its_own_run(stage: str, ours: Found, real: Found) -> None:
    of = real_run.SHOWN[stage][0]
    lines = real_run.beside(stage, ours, real).splitlines()
    columns = [cell.strip() for cell in lines[0].strip("| ").split("|")]
    titles = {title: (method, rule) for title, method, rule in real_run.SHOWN[stage][1](real.tables[of])}
    assert len(lines) == 2 + len(titles)
    for line in lines[2:]:
        cells = dict(zip(columns, (cell.strip() for cell in line.strip("| ").split("|")), strict=True))
        method, rule = titles[cells["Method"]]
        for whose, table in (("this run", ours.tables[of]), ("real", real.tables[of])):
            where = (table["method"] == method) & (table["rule"] == rule) & (table["split"] == "test")
            where &= (table["average"] == "instance") & (table["metric"] == "iou") & (table["class"] == "all")
            rows = table[where].to_dict("records")  # a method of one run alone has no figure in the other
            assert cells[f"IoU, {whose}"] == with_interval(rows[-1] if rows else None)
            assert cells[f"n, {whose}"] == number(rows[-1]["n"] if rows else None, 0)


def test_the_files_behind_it_are_offered(ours: Found, real: Found, tmp_path: Path) -> None:
    real_run.copy(real, tmp_path)
    for stage in MAKERS:
        links = re.findall(r"<data/([^>]*)>", real_run.section(stage, ours, real))
        assert links
        assert all((tmp_path / link).is_file() for link in links)


def test_a_shipped_run_without_a_page_says_nothing_of_it(ours: Found, real: Found) -> None:
    assert real_run.section("seeds", ours, real) == ""
    less = Found({name: table for name, table in real.tables.items() if name != "methods"}, {}, real.params)
    assert real_run.section("methods", ours, less) == ""
