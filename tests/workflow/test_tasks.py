"""Tasks for readers: two for each page, with commands that work and solutions that are folded."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from igsed_core.workflow import experiments, stages, tasks
from igsed_core.workflow.tasks import Task

ROOT = Path(__file__).resolve().parents[2]
TASKS = tasks.read()


def test_every_page_has_two() -> None:
    pages = {"intro", *(stage.notebook for stage in stages.STAGES.values())}
    assert TASKS.keys() == pages
    assert {page: len(of_page) for page, of_page in TASKS.items()} == dict.fromkeys(pages, 2)


@pytest.mark.parametrize("page", TASKS)
def test_every_task_uses_the_explorer_or_one_parameter(page: str) -> None:
    explorer = page == "intro" or "%%explorer%%" in (ROOT / "book" / f"{page}.py").read_text()
    for one in TASKS[page]:
        commands = re.findall(r"`(igsed [^`]*)`", one.task)
        assert commands or explorer, one.task
        for command in commands:
            _, verb, file, *overrides = shlex.split(command)
            assert verb == "run"
            experiment = experiments.load(ROOT / file, overrides)
            changed = [name for name in overrides if not name.startswith(("experiment=", "chapters="))]
            assert len(changed) == 1
            before = experiments.load(ROOT / file)
            name = changed[0].partition("=")[0]
            assert experiment.values()[name] != before.values().get(name)
            stage = next((s.name for s in stages.STAGES.values() if s.notebook == page), "")
            assert stage in experiment.stages


def test_solutions_hold_no_number_of_a_run() -> None:
    for of_page in TASKS.values():
        for one in of_page:
            # 0.40 [0.37, 0.43] and the like come from a run, and another run has others.
            assert not re.search(r"\d\.\d\d|\[", one.solution.replace("100 ms", "")), one.solution


def test_a_solution_is_folded() -> None:
    text = tasks.section([Task("Why?", "Because.")])
    assert re.search(r":::\{dropdown\} Solution of task 1\nBecause\.\n:::", text)
    assert tasks.section([]) == ""
