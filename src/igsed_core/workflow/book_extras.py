"""What the book loads once for all its pages: scripts of libraries, and the explorer with the scores of the run."""

from __future__ import annotations

from pathlib import Path

from igsed_core.base import files
from igsed_core.base.paths import RunPaths
from igsed_core.base.run import Finished, StageRun
from igsed_core.base.store import Entry
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import ThresholdSensitivity
from igsed_core.show import display, explorer
from igsed_core.workflow.book_cells import TABLES_SCRIPT
from igsed_core.workflow.experiments import Experiment

FOLDER = "_extra"  # copied beside the pages by Sphinx (html_extra_path)
EXPLORER_SCRIPT = "igsed_explorer.js"
PLACE = "%%explorer%%"  # where a page's Markdown wants it
_READER = "results"  # a stage that reads from the whole main job


def write(experiment: Experiment, folder: Path) -> str:
    """Write the shared scripts.

    Parameters
    ----------
    experiment
        Whose stages have run.
    folder
        Of the staged book.

    Returns
    -------
    str
        The explorer's place on a page, as MyST Markdown.
    """
    extra = folder / FOLDER
    files.write_text(extra / TABLES_SCRIPT, display.library())
    for name, text in explorer.library().items():
        files.write_text(extra / name, text)
    job = main_job(experiment)
    made = explorer.explorer(job.instances("test"), frame_length=job.run.params_of(ThresholdSensitivity).frame_length)
    files.write_text(extra / EXPLORER_SCRIPT, made.script)
    scripts = "\n".join(f'<script defer src="../{name}"></script>' for name in (*explorer.SCRIPTS, EXPLORER_SCRIPT))
    return (
        "```{raw} html\n"
        f'<div class="igsed-explorer" role="group" aria-label="Threshold explorer">{made.place.strip()}\n'
        "<noscript>Here a threshold can be moved, if JavaScript is on; the figures show the same numbers.</noscript>\n"
        f"</div>\n{scripts}\n```\n"
    )


def main_job(experiment: Experiment) -> MainJob:
    """Open what the main job of an experiment left, for reading."""
    paths, reader = RunPaths(experiment.name), experiment.stages[_READER]
    entries = {name: Entry(name, paths.stage(name).resolve().name) for name in (*reader.upstream, _READER)}
    upstream = {name: done for name in reader.upstream if (done := Finished.read(entries[name]))}
    return MainJob(StageRun(reader, entries[_READER], upstream))
