"""Tasks for readers, with folded solutions: two for each page, from ``book/tasks.yml``."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import project_root

PLACE = "%%tasks%%"  # where a page's Markdown wants them; an executed notebook has them near its end


@dataclass(frozen=True)
class Task:
    """A task and its solution, as MyST Markdown."""

    task: str
    solution: str


def read() -> dict[str, list[Task]]:
    """Read the tasks of all pages, by the page's name.

    Raises
    ------
    IgsedError
        If an entry lacks its task or its solution.
    """
    path = project_root() / "book" / "tasks.yml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {page: [Task(one["task"], one["solution"]) for one in tasks] for page, tasks in content.items()}
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise IgsedError(f"{path}: an entry is no list of `task` and `solution` ({error}): write it so") from error


def section(tasks: list[Task]) -> str:
    """Return a page's tasks as MyST Markdown; empty where it has none.

    Examples
    --------
    >>> from igsed_core.workflow.tasks import Task, section
    >>> "## Try it" in section([Task("Why?", "Because.")])
    True
    """
    if not tasks:
        return ""
    parts = ["## Try it\n"]
    for number, one in enumerate(tasks, start=1):
        parts.append(f"**Task {number}.** {one.task}\n")
        parts.append(f":::{{dropdown}} Solution of task {number}\n{one.solution}\n:::\n")
    return "\n".join(parts) + "\n"
