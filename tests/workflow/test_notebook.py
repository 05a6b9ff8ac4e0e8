"""What a notebook calls first and last, and notebooks executed by papermill itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import pytest

from igsed_core.base import files, provenance
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths
from igsed_core.main_job.params import DataSynthesis, Results
from igsed_core.workflow import experiments, notebook, stages

BEGIN = "from igsed_core import notebook\nrun = notebook.begin('data_synthesis', globals())"


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("IGSED_DATA_DIR", str(tmp_path / "data"))


def after(*cells: str) -> dict[str, Any]:
    """The globals of a notebook whose cells have run, and whose last one calls :func:`notebook.begin`."""
    namespace: dict[str, Any] = {}
    for cell in cells:
        exec(cell, namespace)
    namespace["In"] = ["", *cells, BEGIN]
    return namespace


def begin(stage: str, *cells: str) -> notebook.StageRun:
    return notebook.begin(stage, after(*cells))


def finish(stage: str, *cells: str) -> notebook.StageRun:
    run = begin(stage, *cells)
    run.finish()
    return run


def test_parameters_are_those_of_the_cells_before() -> None:
    run = begin("data_synthesis", 'experiment = "mine"\nseed = 3', "# Parameters\nsnr_min = -5.0\nseed = 4")
    assert run.params == DataSynthesis(experiment="mine", seed=4, snr_min=-5.0)
    assert run.dir == RunPaths("mine").stage("data_synthesis")
    assert run.dir.is_dir()
    assert run.key == stages.data_key(run.stage, run.params, {})


@pytest.mark.parametrize(
    "cell",
    [
        "n_train = 2 * 25",
        "n_train: int = 50",
        "n_train = x = 50\ndel x",
        "n_train = 50\nprint(n_train)",
        "import os\nn_train = 50",
    ],
)
def test_no_way_to_set_a_parameter_is_overlooked(cell: str) -> None:
    assert begin("data_synthesis", cell).params.n_train == 50


@pytest.mark.parametrize(
    "cells",
    [
        ("seed = 1", "snr_mim = 5"),
        ("seed = 1\nsnr_mim = 5",),
        ("seed = 1", "", "snr_mim = float('nan')"),
        ("seed = 1", "snr_mim = -5 * 2", "# a remark"),
    ],
)
def test_unknown_parameter(cells: tuple[str, ...]) -> None:
    with pytest.raises(IgsedError) as error:
        begin("data_synthesis", *cells)
    message = str(error.value)
    assert "notebook 01_data_synthesis: unknown parameter 'snr_mim'. Did you mean 'snr_min'? Valid ones: " in message
    for name in experiments.parameter_fields(DataSynthesis):
        assert name in message


def test_a_parameter_of_another_stage_is_unknown_here() -> None:
    with pytest.raises(IgsedError, match=r"notebook 01_data_synthesis: unknown parameter 'n_points'"):
        begin("data_synthesis", "n_points = 3")


def test_calling_again_does_not_get_around_the_error() -> None:
    namespace = after("snr_mim = 5")
    namespace["In"] += [BEGIN]
    with pytest.raises(IgsedError, match="snr_mim"):
        notebook.begin("data_synthesis", namespace)


def test_a_corrected_mistake_is_forgotten() -> None:
    """The kernel still holds the wrong name, and the cell that set it."""
    run = begin("data_synthesis", "snr_mim = 5", "run = None\n(notebook := None)", "snr_min = 5")
    assert run.params.snr_min == 5.0


def test_a_second_run_in_the_same_kernel_has_other_variables() -> None:
    cells = ("seed = 7", "run = dict()", "held = [1, 2]\nbank = len(held)", "step = 0.01", "print('done')")
    assert begin("data_synthesis", *cells, "seed = 8").params.seed == 8


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("n_train = 0.5", r"notebook 01_data_synthesis: parameter 'n_train' is 0\.5, but must be a whole number"),
        ("snr_min = None", r"notebook 01_data_synthesis: parameter 'snr_min' is None, but must be a number"),
        (
            "snr_min = float('nan')",
            r"notebook 01_data_synthesis: parameter 'snr_min' is nan, but must be a finite number",
        ),
        ("n_train = 1", r"notebook 01_data_synthesis: parameter 'n_train' is 1, but must be at least 2"),
    ],
)
def test_bad_values(cell: str, message: str) -> None:
    with pytest.raises(IgsedError, match=message):
        begin("data_synthesis", cell)


def test_unfinished_upstream_is_named_with_the_remedy() -> None:
    begin("data_synthesis")
    with pytest.raises(
        IgsedError,
        match=r"stage 'data_synthesis' of experiment 'embedded' has not finished \(.*record\.json is missing\): "
        r"run notebook 01_data_synthesis first, or `igsed run`",
    ):
        begin("training")


def test_record_says_what_was_run() -> None:
    run = begin("data_synthesis", "seed = 5")
    run.finish(soundscapes=3)
    record = files.read_json(run.paths.record("data_synthesis"))
    assert record["key"] == run.key
    assert record["params"] == {**vars(DataSynthesis()), "seed": 5}
    assert record["figures"] == {"soundscapes": 3}
    assert record["seconds"] >= 0
    assert record["versions"]["torch"]
    assert record.keys() >= {"stage", "upstream", "finished", "commit", "machine"}


def test_parameters_and_keys_of_earlier_stages_are_at_hand() -> None:
    first = finish("data_synthesis", "duration = 5.0")
    run = begin("training", "epochs = 3")
    assert run.params_of(DataSynthesis) == first.params
    assert run.upstream["data_synthesis"]["key"] == first.key
    assert run.input("data_synthesis") == first.dir
    with pytest.raises(KeyError, match="training does not read from baselines"):
        run.input("baselines")
    run.finish()
    record = files.read_json(run.paths.record("training"))
    assert record["upstream"] == {"data_synthesis": first.key}


def test_the_same_key_keeps_artefacts_and_what_they_took() -> None:
    run = begin("data_synthesis")
    (run.dir / "artefact").write_text("x")
    run.finish(clips=1)
    record = files.read_json(run.paths.record("data_synthesis"))
    again = begin("data_synthesis", "workers = 2")  # execution only
    assert again.key == run.key
    assert (run.dir / "artefact").exists()
    again.finish(clips=1)
    assert files.read_json(run.paths.record("data_synthesis"))["seconds"] == record["seconds"]


def test_an_unfinished_run_goes_on_with_what_it_has() -> None:
    run = begin("data_synthesis")
    (run.dir / "artefact").write_text("x")
    assert (begin("data_synthesis").dir / "artefact").exists()


def test_another_key_clears_the_stage_and_what_was_made_from_it() -> None:
    paths = RunPaths("embedded")
    for stage in ("data_synthesis", "training", "integrated_gradients", "baselines"):
        run = finish(stage)
        (run.dir / "artefact").write_text("x")
        files.write_json(paths.marker(stage, "0123"), {})
    begin("integrated_gradients", "n_points = 3")
    assert not (paths.stage("integrated_gradients") / "artefact").exists()
    assert not paths.record("integrated_gradients").exists()
    assert not paths.marker("integrated_gradients", "0123").exists()
    for kept in ("data_synthesis", "training", "baselines"):
        assert (paths.stage(kept) / "artefact").exists()
        assert paths.record(kept).exists()
        assert paths.marker(kept, "0123").exists()
    begin("data_synthesis", "seed = 1")
    for stale in ("data_synthesis", "training", "baselines"):
        assert not paths.record(stale).exists()
        assert not paths.marker(stale, "0123").exists()
    assert not (paths.stage("data_synthesis") / "artefact").exists()


def test_a_stage_made_stale_by_an_earlier_one_is_cleared_when_it_runs() -> None:
    finish("data_synthesis")
    trained = finish("training")
    (trained.dir / "artefact").write_text("x")
    finish("data_synthesis", "seed = 1")
    assert not (begin("training").dir / "artefact").exists()


def test_experiments_do_not_touch_each_other() -> None:
    finish("data_synthesis", 'experiment = "one"')
    finish("data_synthesis", 'experiment = "two"\nseed = 1')
    assert RunPaths("one").record("data_synthesis").exists()


def test_provenance_names_versions_commit_and_machine() -> None:
    found = provenance.environment()
    assert set(provenance.PACKAGES) <= found["versions"].keys()
    assert found["machine"]["cores"] >= 1
    assert found["commit"] == "unknown" or len(found["commit"].removesuffix("+changes")) == 40


# --- papermill itself -------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose first notebook does nothing but begin and finish."""
    folder = tmp_path / "project" / "book"
    folder.mkdir(parents=True)
    monkeypatch.setattr(stages, "project_root", lambda: folder.parent)
    write_notebook(folder, "run.finish(soundscapes=0)")
    return folder


def write_notebook(folder: Path, last_cell: str) -> None:
    text = f'# %% tags=["parameters"]\nseed = 2026\nsnr_min = 15.0\n\n# %%\n{BEGIN}\n\n# %%\n{last_cell}\n'
    document = jupytext.reads(text, fmt="py:percent")
    document.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    jupytext.write(document, folder / "01_data_synthesis.ipynb")


def test_execute_leaves_record_marker_and_page(book: Path) -> None:
    experiment = experiments.from_values({"experiment": "mine", "snr_min": -5.0})
    paths = RunPaths("mine")
    files.write_json(paths.marker("data_synthesis", "0ld"), {})
    target = notebook.execute("data_synthesis", experiment)
    data, page = stages.keys(experiment)["data_synthesis"]
    assert files.read_json(paths.record("data_synthesis"))["key"] == data
    assert files.read_json(paths.record("data_synthesis"))["params"]["snr_min"] == -5.0
    assert target == paths.notebooks / "01_data_synthesis.ipynb"
    cells = jupytext.read(target).cells
    assert [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"] == [1, 2, 3, 4]
    assert [p.name for p in (paths.notebooks / ".done").iterdir()] == [f"data_synthesis-{page}.json"]


def test_papermill_with_an_unknown_parameter(book: Path, tmp_path: Path) -> None:
    words = [str(book / "01_data_synthesis.ipynb"), str(tmp_path / "out.ipynb"), "-p", "snr_mim", "5"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *words, "--no-progress-bar"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "unknown parameter 'snr_mim'. Did you mean 'snr_min'? Valid ones: experiment, seed, soundbank" in done.stderr
    assert not RunPaths("embedded").root.exists()


def test_a_failing_cell_is_told_without_a_traceback_if_it_was_explained(book: Path, tmp_path: Path) -> None:
    write_notebook(book, "from igsed_core.base.errors import IgsedError\nraise IgsedError('file x is bad: remove it')")
    stage, params = stages.get("data_synthesis"), DataSynthesis()
    target = tmp_path / "out" / "01_data_synthesis.ipynb"
    with pytest.raises(IgsedError) as error:
        notebook.parameterise(stage, params, target, execute=True)
    assert str(error.value) == f"notebook 01_data_synthesis failed: file x is bad: remove it\n(see {target})"
    assert target.exists()
    assert "IGSED_TERMINAL" not in os.environ


def test_parameterise_without_executing(tmp_path: Path) -> None:
    """The real notebook, with the parameters injected after its own."""
    target = tmp_path / "06_results.ipynb"
    notebook.parameterise(stages.get("results"), Results("mine", 5), target, execute=False)
    cells = jupytext.read(target).cells
    tags = [cell["metadata"].get("tags", []) for cell in cells]
    injected = tags.index(["injected-parameters"])
    assert tags[injected - 1] == ["parameters"]
    assert 'experiment = "mine"' in cells[injected]["source"]
    assert "seed = 5" in cells[injected]["source"]
    assert all(not cell.get("outputs") for cell in cells)
