"""What the book loads once for all its pages: scripts of libraries, and what can be moved, with the run's numbers."""

from __future__ import annotations

import base64
from pathlib import Path

import pandas as pd

from igsed_core.base import files
from igsed_core.base.paths import RunPaths
from igsed_core.base.run import Finished, StageRun
from igsed_core.base.store import Entry
from igsed_core.chapters.localiser import study as localiser
from igsed_core.chapters.localiser.params import Localiser
from igsed_core.detection import absence_hmm
from igsed_core.main_job.job import MainJob
from igsed_core.main_job.params import ThresholdSensitivity
from igsed_core.metrics.scores import ScoresOverTime
from igsed_core.show import clip_browser, display, explorer, players, results_browser, sounds
from igsed_core.show.explorer import Explorer
from igsed_core.workflow import book_pages, stages
from igsed_core.workflow.book_cells import TABLES_SCRIPT
from igsed_core.workflow.experiments import Experiment

FOLDER = "_extra"  # copied beside the pages by Sphinx (html_extra_path)
EXPLORER_SCRIPT, CLIPS_SCRIPT, RESULTS_SCRIPT = "igsed_explorer.js", "igsed_clips.js", "igsed_results.js"
# Page -> its own script; the libraries are common.
OWN_SCRIPTS = {"intro": EXPLORER_SCRIPT, "10_localiser": CLIPS_SCRIPT, "results_browser": RESULTS_SCRIPT}
PLACE, CLIPS, RESULTS = "%%explorer%%", "%%clips%%", "%%results%%"  # where a page's Markdown wants them
_MEDIA = "clips"  # folder of sounds and spectrograms of the clip browser
_READER = "results"  # a stage that reads from the whole main job
_COMPARED = ("ig", "localiser")  # in the clip browser: across, up


def write(experiment: Experiment, folder: Path) -> dict[str, str]:
    """Write the shared scripts.

    Parameters
    ----------
    experiment
        Whose stages have run.
    folder
        Of the staged book.

    Returns
    -------
    dict
        Name of a place on a page -> what stands there, as MyST Markdown.
    """
    extra = folder / FOLDER
    files.write_text(extra / TABLES_SCRIPT, display.library())
    for name, text in explorer.library().items():
        files.write_text(extra / name, text)
    job = main_job(experiment)
    made = explorer.explorer(job.instances("test"), frame_length=job.run.params_of(ThresholdSensitivity).frame_length)
    places = {PLACE: _place(made, "Threshold explorer", EXPLORER_SCRIPT, explorer.SCRIPTS, extra, _NO_EXPLORER)}
    if Localiser.stage in experiment.stages:
        browser = _clips(job, RunPaths(experiment.name).stage(Localiser.stage), extra / _MEDIA)
        places[CLIPS] = _place(browser, "Clip browser", CLIPS_SCRIPT, explorer.SCRIPTS, extra, "")
    tables = _tables(experiment)
    made = results_browser.results_browser(tables)
    places[RESULTS] = (
        _place(made, "All results", RESULTS_SCRIPT, (TABLES_SCRIPT,), extra, "", kind="igsed-browser")
        + "\n"
        + book_pages.downloads(list(tables))
    )
    return places


_NO_EXPLORER = "Here a threshold can be moved, if JavaScript is on; the figures show the same numbers."


def _place(
    made: Explorer, title: str, script: str, libraries: tuple[str, ...], extra: Path, without: str, kind: str = ""
) -> str:
    """Write a script and return its place on a page, with what it needs, as MyST Markdown."""
    files.write_text(extra / script, made.script)
    tags = "\n".join(f'<script defer src="../{name}"></script>' for name in (*libraries, script))
    aside = f"<noscript>{without}</noscript>\n" if without else ""
    return (
        "```{raw} html\n"
        f'<div class="{kind or "igsed-explorer"}" role="group" tabindex="0" aria-label="{title}">{made.place.strip()}\n'
        f"{aside}</div>\n{tags}\n```\n"
    )


def _clips(job: MainJob, stage: Path, media: Path) -> Explorer:
    """Make the clip browser of the test instances, with sounds and spectrograms of the worst clips."""
    found = files.read_table(stage / "localiser_by_instance.csv").query("metric == 'iou'")
    by_method = {("ig" if method == "ig" else "localiser"): of for method, of in found.groupby("method")}
    pairs = [of.set_index(["clip", "class"])["value"].rename(name) for name, of in by_method.items()]
    iou = pd.concat(pairs, axis=1)
    test = job.instances("test")
    index = test.index.join(iou, on=["clip", "label"])
    frame_length, n_frames = job.run.params_of(ThresholdSensitivity).frame_length, test.truth.shape[1]
    log_odds = ScoresOverTime.load(stage / localiser.LOG_ODDS).at(index).to_frames(frame_length, n_frames)
    scores = {"localiser": absence_hmm.probability(log_odds)}
    scores |= {name: test.scores[name] for name in ("ig", "fw_ws", "fw_ss", "energy") if name in test.scores}
    media.mkdir(parents=True)
    heard, seen = {}, {}
    for clip in clip_browser.worst(index, _COMPARED[::-1]):
        samples = job.data.select(clip).read()[0]
        heard[clip] = f"../{_MEDIA}/{players.write(samples, job.data.sample_rate, media / clip).name}"
        # In the script: Bokeh asks for pictures in a way that browsers refuse in a page that was opened as a file.
        picture = base64.b64encode(sounds.bare_spectrogram(samples, job.data.sample_rate)).decode()
        seen[clip] = f"data:image/jpeg;base64,{picture}"
    clips = clip_browser.Clips(index, test.truth, scores, frame_length)
    return clip_browser.clip_browser(clips, *_COMPARED, sounds=heard, pictures=seen)


def _tables(experiment: Experiment) -> dict[str, results_browser.Tidy]:
    """Read the tidy tables of all stages that the run holds, first those that the answer of the book rests on."""
    results = RunPaths(experiment.name).results
    by_maker = sorted(stages.tables().items(), key=lambda of: of[1][0] != ThresholdSensitivity.stage)
    return {
        name: results_browser.Tidy(stages.get(maker).params.title, files.read_table(results / f"{name}.csv"))
        for name, (maker, _) in by_maker
        if maker in experiment.stages and (results / f"{name}.csv").is_file()
    }


def main_job(experiment: Experiment) -> MainJob:
    """Open what the main job of an experiment left, for reading."""
    paths, reader = RunPaths(experiment.name), experiment.stages[_READER]
    entries = {name: Entry(name, paths.stage(name).resolve().name) for name in (*reader.upstream, _READER)}
    upstream = {name: done for name in reader.upstream if (done := Finished.read(entries[name]))}
    return MainJob(StageRun(reader, entries[_READER], upstream))
