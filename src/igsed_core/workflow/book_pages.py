"""Pages that are written when the book is staged: parameters, provenance, downloads."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from igsed_core.base import files
from igsed_core.base.params import StageParams, choices_of
from igsed_core.workflow import book_cells, experiments, reproduce, stages
from igsed_core.workflow.api_pages import Origins
from igsed_core.workflow.experiments import Experiment, RunParams

_ASSIGNMENT = re.compile(r"^(\w+) = (.*)$", re.MULTILINE)


def page_of(
    notebook: Path,
    extra: str = "",
    *,
    offered: Collection[str] = (),
    box: str = "",
    places: Mapping[str, str] | None = None,
) -> str:
    """Return an executed notebook as the page shows it.

    The ``parameters`` cell shows the values of the run, and the cell in which papermill injected them is left out;
    ``box`` (Markdown) is put under the title and ``extra`` at the end. Code is folded, and joined to what it shows.
    Under each figure and table stands a line that names the function that made it and those of the tables ``offered``
    that it shows. ``places`` says what stands where a Markdown cell holds one of its names.
    """
    content = nbformat.read(notebook, as_version=4)
    cells = {tag: cell for cell in content.cells for tag in cell.metadata.get("tags", [])}
    if "injected-parameters" in cells:
        injected = cells["injected-parameters"]
        values = dict(_ASSIGNMENT.findall(injected.source))
        cells["parameters"].source = _with_values(cells["parameters"].source, values)
        content.cells.remove(injected)
    content.cells = list(book_cells.polish(book_cells.gathered(content.cells)))
    if content.cells and content.cells[0].cell_type == "markdown":
        content.cells[0].source = book_cells.with_box(content.cells[0].source, box)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = filled(cell.source, places or {})
    content.cells = list(_with_origins(content.cells, offered))
    if extra:
        cell = nbformat.v4.new_markdown_cell(extra)
        cell["id"] = "downloads"  # a random one would make every staging differ
        content.cells.append(cell)
    return nbformat.writes(content) + "\n"


def filled(text: str, places: Mapping[str, str]) -> str:
    """Put what belongs there where a page's Markdown holds the name of a place.

    >>> filled("See %%explorer%%.", {"%%explorer%%": "it"})
    'See it.'
    """
    for name, what in places.items():
        text = text.replace(name, what)
    return text


def _with_origins(cells: list[Any], offered: Collection[str]) -> Iterator[Any]:
    """Pass the cells, after each that shows a figure or a table a line that names its code and its data."""
    origins = Origins(offered)
    for cell in cells:
        yield cell
        line = origins.line(cell.source) if cell.cell_type == "code" else ""
        if line and any(output.output_type in ("display_data", "execute_result") for output in cell.outputs):
            source = nbformat.v4.new_markdown_cell(f"```{{div}} igsed-source\n{line}\n```")
            source["id"] = f"{cell['id']}-source"
            yield source


def _with_values(source: str, values: dict[str, str]) -> str:
    """Put other values into lines ``name = value  # meaning``."""
    lines = []
    for line in source.splitlines():
        found = re.match(r"(\w+) = (.*?)(  #.*)?$", line)
        if found and found[1] in values:
            line = f"{found[1]} = {values[found[1]]}{found[3] or ''}"
        lines.append(line)
    return "\n".join(lines)


def stub(stage: stages.Stage) -> str:
    """Return the page of a chapter that the run does not hold, as Markdown."""
    return (
        f"# {stage.params.title}\n\nThis run does not hold this chapter. "
        f"`make book ARGS=chapters={stage.name}` makes it; `chapters=all`, the default, makes every one.\n"
    )


def without(text: str, absent: Iterable[stages.Stage]) -> str:
    """Let a page say nothing of the numbers of chapters that the run does not hold."""
    for stage in absent:
        text = re.sub(rf"\{{glue:text\}}`{stage.notebook}\.ipynb::[^`]*`", "*(not in this run)*", text)
    return text


def downloads(names: Sequence[str]) -> str:
    """Links to some of the tidy tables, as Markdown; nothing where there are none."""
    holds = stages.tables()
    rows = [(f"{{download}}`{name}.csv <data/{name}.csv>`", holds[name][1]) for name in names]
    if not rows:
        return ""
    return (
        "## Download\n\nThe tidy tables behind this page; every row names its experiment and seed, and its split "
        "where there is one.\n\n" + table(("table", "holds"), rows)
    )


def strip(record: Path, line: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the strip that says how a page is made again, as Markdown.

    Parameters
    ----------
    record
        The stage's ``record.json``.
    line
        The command (:func:`igsed_core.workflow.reproduce.command`).
    tables
        The stage's tidy tables, by name.
    """
    made = files.read_json(record)
    return reproduce.strip(
        made, line, reproduce.sample(tables), commit=commit(made["commit"]), took=duration(made["seconds"])
    )


def parameters(experiment: Experiment) -> str:
    """Every parameter with its value in this run, default, unit, bounds and meaning, as Markdown."""
    parts, shown = [], set[str]()
    every: list[tuple[str, StageParams | RunParams]] = [("", experiment.run), *experiment.stages.items()]
    for name, params in every:
        rows = []
        for f in fields(params):
            if f.name in shown:
                continue
            shown.add(f.name)
            value, meta = getattr(params, f.name), f.metadata
            changed = value != f.default
            rows.append(
                (
                    f"`{f.name}`" + (" ◦" if meta["execution"] else ""),
                    f"**{_code(value)}**" if changed else _code(value),
                    _code(f.default),
                    _range(f),
                    meta["unit"] or "–",
                    html.escape(meta["doc"], quote=False),
                )
            )
        if rows:
            reader = f"{{doc}}`{stages.get(name).notebook}`" if name else "`igsed run` and `igsed book`"
            parts.append(f"## {params.title}\n\nRead by {reader}.\n")
            parts.append(table(("parameter", "this run", "default", "allowed", "unit", "meaning"), rows))
    return "\n".join(parts)


def provenance(records: Sequence[Path]) -> str:
    """What the stages recorded of themselves, as Markdown."""
    entries = [files.read_json(record) for record in records]
    last = entries[-1]
    parts = ["## Stages\n"]
    parts.append(
        table(
            ("stage", "took", "finished", "key", "commit"),
            [
                (
                    f"{{doc}}`{experiments.STAGE_PARAMS[e['stage']].title} <{stages.get(e['stage']).notebook}>`",
                    duration(e["seconds"]),
                    e["finished"].replace("T", " ").replace("+00:00", " UTC"),
                    f"`{e['key']}`",
                    commit(e["commit"]),
                )
                for e in entries
            ],
        )
    )
    parts.append(
        "\nA stage's key is the hash of its parameters, its code and the keys of the stages before it: the same key "
        "means the same numbers. `+changes` marks a commit with changes that were not committed.\n"
    )
    counts = [
        (experiments.STAGE_PARAMS[e["stage"]].title, name.replace("_", " "), _value(value))
        for e in entries
        for name, value in e["figures"].items()
    ]
    if counts:
        parts += ["## Figures of the run\n", table(("stage", "figure", "value"), counts)]
    machine = [(name.replace("_", " "), str(value)) for name, value in last["machine"].items()]
    parts += ["\n## Machine\n", table(("part", "of this machine"), machine)]
    parts += ["\n## Versions\n", table(("package", "version"), list(last["versions"].items()))]
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """Lay out a Markdown table; if it holds ``numbers``, all columns but the first are aligned to the right."""
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    lines = [head, rule, *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _code(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{text}`" if text else "(empty)"


def _range(f: Field[Any]) -> str:
    if choices := choices_of(f):
        return ", ".join(f"`{choice}`" for choice in choices)
    meta = f.metadata
    low, high = meta["low"], meta["high"]
    if low is None and high is None:
        return "–"
    if high is None:
        return f"≥ {low:g}"
    return f"≤ {high:g}" if low is None else f"{low:g} to {high:g}"


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(90.0), duration(150.0)
    ('90.0 s', '2.5 min')
    """
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def commit(text: str) -> str:
    """Return a commit in short, as Markdown; what follows a ``+`` stays.

    >>> commit("0123456789abcdef+changes")
    '`0123456789+changes`'
    """
    head, sign, note = text.partition("+")
    return f"`{head[:10]}{sign}{note}`"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_value(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return f"`{value}`" if value else "(none)"
    return str(value)
