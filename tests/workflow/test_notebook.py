"""What a notebook calls first and last, and notebooks executed by papermill itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import pandas as pd
import pytest

from igsed_core.base import files, provenance
from igsed_core.base import warm as warmth
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths, store_dir
from igsed_core.base.run import StageRun, labelled
from igsed_core.main_job.params import DataSynthesis, Results
from igsed_core.workflow import cli, experiments, kernels, notebook, stages

BEGIN = "from igsed_core.workflow import notebook\nrun = notebook.begin('data_synthesis', globals())"


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


def begin(stage: str, *cells: str) -> StageRun:
    return notebook.begin(stage, after(*cells))


def finish(stage: str, *cells: str) -> StageRun:
    run = begin(stage, *cells)
    for name in run.params.tables:
        run.table(name, pd.DataFrame({"clip": ["a"], "value": [1.5]}))
    run.finish()
    return run


def test_parameters_are_those_of_the_cells_before() -> None:
    run = begin("data_synthesis", 'experiment = "mine"\nseed = 3', "# Parameters\nsnr_min = -5.0\nseed = 4")
    assert run.params == DataSynthesis(experiment="mine", seed=4, snr_min=-5.0)
    assert run.dir.is_dir()
    assert run.entry == stages.keys_of(stages.get("data_synthesis"), run.params, {})[0].data
    assert not RunPaths("mine").stage("data_synthesis").exists()  # the experiment refers to what is finished


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
    with pytest.raises(IgsedError, match=r"notebook 01_data_synthesis: unknown parameter 'n_steps'"):
        begin("data_synthesis", "n_steps = 3")


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
        match=r"stage 'data_synthesis' of experiment 'embedded' has not finished: "
        r"run `igsed run params/embedded\.yaml` in a terminal",
    ):
        begin("training")


def test_record_says_what_was_run() -> None:
    run = finish("data_synthesis", "seed = 5")
    record = files.read_json(RunPaths("embedded").record("data_synthesis"))
    assert record["key"] == run.entry.key
    wanted = {name: value for name, value in vars(DataSynthesis()).items() if name != "experiment"}
    assert record["params"] == {**wanted, "seed": 5}
    assert record["seconds"] >= 0
    assert record["versions"]["torch"]
    assert record["tables"] == list(DataSynthesis.tables)
    assert record.keys() >= {"stage", "upstream", "uses", "finished", "commit", "machine"}


def test_parameters_and_keys_of_earlier_stages_are_at_hand() -> None:
    first = finish("data_synthesis", "duration = 5.0")
    run = begin("training", "epochs = 3")
    assert run.params_of(DataSynthesis) == first.params
    assert run.input("data_synthesis") == first.dir
    with pytest.raises(KeyError, match="training does not read from baselines"):
        run.input("baselines")
    run = finish("training", "epochs = 3")
    record = files.read_json(RunPaths("embedded").record("training"))
    assert record["upstream"] == {"data_synthesis": first.entry.key}
    assert record["uses"] == [first.entry.name]


def test_tables_are_labelled_when_an_experiment_refers_to_them() -> None:
    run = finish("data_synthesis", 'experiment = "mine"\nseed = 4')
    assert list(files.read_table(run.dir / "clips.csv").columns) == ["clip", "value"]
    table = files.read_table(RunPaths("mine").results / "clips.csv")
    assert table.to_dict("records") == [{"experiment": "mine", "seed": 4, "clip": "a", "value": 1.5}]


def test_a_table_of_several_seeds_keeps_its_own() -> None:
    table = pd.DataFrame({"value": ["0.5"], "seed": ["7"]})
    assert labelled(table, experiment="x", seed=1).to_dict("records") == [
        {"experiment": "x", "seed": "7", "value": "0.5"}
    ]


def test_an_undeclared_and_a_missing_table_are_errors() -> None:
    run = begin("data_synthesis")
    with pytest.raises(IgsedError, match=r"declares no table 'guests': add it, .* to `tables` of .*DataSynthesis"):
        run.table("guests", pd.DataFrame())
    with pytest.raises(IgsedError, match="declares table 'clips' and did not make it"):
        run.finish()


def test_the_same_key_keeps_artefacts_and_what_they_took() -> None:
    run = finish("data_synthesis")
    record = files.read_json(RunPaths("embedded").record("data_synthesis"))
    again = begin("data_synthesis", "workers = 2")  # execution only
    assert again.entry == run.entry
    again.finish(clips=1)
    assert files.read_json(RunPaths("embedded").record("data_synthesis"))["seconds"] == record["seconds"]


def test_an_unfinished_run_goes_on_with_what_it_has() -> None:
    run = begin("data_synthesis")
    (run.dir / "artefact").write_text("x")
    assert (begin("data_synthesis").dir / "artefact").exists()


def test_another_key_leaves_everything_as_it_is_and_going_back_costs_nothing() -> None:
    first = finish("data_synthesis")
    (first.dir / "artefact").write_text("x")
    other = finish("data_synthesis", "seed = 1")
    place = RunPaths("embedded").stage("data_synthesis")
    assert place.resolve() == other.dir.resolve() != first.dir.resolve()
    assert (first.dir / "artefact").exists()
    assert finish("data_synthesis").entry == first.entry
    assert (place / "artefact").exists()


def test_experiments_share_what_is_the_same() -> None:
    one = finish("data_synthesis", 'experiment = "one"')
    two = finish("data_synthesis", 'experiment = "two"')
    assert one.entry == two.entry
    assert finish("data_synthesis", 'experiment = "two"\nseed = 1').entry != one.entry
    assert RunPaths("one").stage("data_synthesis").resolve() == one.dir.resolve()


def test_what_is_shared_is_linked_and_referred_to() -> None:
    run = begin("data_synthesis")
    place = run.shared("maps", {"clip": 1}, modules=("igsed_core.metrics.frames",), name="maps/cam")
    (place / "a.npz").write_text("x")
    assert place == run.dir / "maps" / "cam"
    again = begin("data_synthesis", "n_train = 50")
    other = again.shared("maps", {"clip": 1}, modules=("igsed_core.metrics.frames",))
    assert (other / "a.npz").exists()
    assert place.resolve() == other.resolve()
    finish("data_synthesis")
    run.finish()
    assert place.resolve().relative_to(store_dir()).as_posix() in files.read_json(run.dir / "record.json")["uses"]


def test_exact_keys_of_a_run_win_over_what_the_experiment_refers_to(monkeypatch: pytest.MonkeyPatch) -> None:
    first = finish("data_synthesis")
    finish("data_synthesis", "seed = 1")
    monkeypatch.setenv(notebook.UPSTREAM_VARIABLE, json.dumps({"data_synthesis": first.entry.key}))
    assert begin("training").input("data_synthesis") == first.dir


def test_provenance_names_versions_commit_and_machine() -> None:
    found = provenance.environment()
    assert set(provenance.PACKAGES) <= found["versions"].keys()
    assert found["machine"]["cores"] >= 1
    assert found["commit"] == "unknown" or len(found["commit"].removesuffix("+changes")) == 40


# --- papermill itself -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """A server of kernels, as a run has one."""
    with kernels.warm_ones() as further:
        yield further


@pytest.fixture
def warm(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test's kernels be forked; in the others they are as anybody has them."""
    monkeypatch.setenv(warmth.VARIABLE, server[warmth.VARIABLE])


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose first notebook does nothing but begin and finish."""
    folder = tmp_path / "project" / "book"
    shutil.copytree(stages.get("results").source.parent, folder)
    (folder.parent / "Snakefile").touch()
    monkeypatch.setenv("IGSED_PROJECT", str(folder.parent))
    write_notebook(folder, FINISH)
    return folder


FINISH = """import pandas as pd
for name in run.params.tables:
    run.table(name, pd.DataFrame({"value": [1]}))
run.finish(soundscapes=0)"""


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
    made = stages.keys(experiment)["data_synthesis"]
    assert files.read_json(paths.record("data_synthesis"))["key"] == made.data.key
    assert files.read_json(paths.record("data_synthesis"))["params"]["snr_min"] == -5.0
    assert target == paths.notebooks / "01_data_synthesis.ipynb"
    cells = jupytext.read(target).cells
    assert [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"] == [1, 2, 3, 4]
    done = paths.marker("data_synthesis", made.page.key)
    assert list(done.parent.iterdir()) == [done]


def test_what_was_changed_since_the_run_began_is_told(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Snakemake said that a marker was missing after five seconds, once the stage had run to its end."""
    (tmp_path / "mine.yaml").write_text("experiment: mine\nchapters: none\n")
    assert cli.main(["stage", "data_synthesis", str(tmp_path / "mine.yaml"), "--planned", "0123456789abcdef"]) == 1
    told = capsys.readouterr().err
    assert "what stage 'data_synthesis' depends on was changed meanwhile (code, a notebook, a table in results/" in told
    assert told.endswith("run the same command again; what was finished is kept\n")
    assert not RunPaths("mine").root.exists()


def test_a_table_that_is_edited_while_its_page_is_made_leaves_no_page(warm: None, book: Path) -> None:
    """The page was kept under the key of the table as it had been."""
    table = book.parent / "results" / "data_synthesis" / "a.csv"
    edit = f"from pathlib import Path\ntable = Path({str(table)!r})\ntable.parent.mkdir(parents=True)\ntable.touch()"
    write_notebook(book, f"{FINISH}\n{edit}")
    experiment = experiments.from_values({"experiment": "mine"})
    before = stages.keys(experiment)["data_synthesis"]
    with pytest.raises(IgsedError, match="'data_synthesis' depends on was changed meanwhile"):
        notebook.execute("data_synthesis", experiment)
    after = stages.keys(experiment)["data_synthesis"]
    assert before.page != after.page and before.data == after.data
    assert after.data_is_whole()  # what was finished is kept
    assert not before.page.folder.exists() and not after.page.folder.exists()


def test_another_experiment_takes_page_and_results_from_the_store(warm: None, book: Path) -> None:
    notebook.execute("data_synthesis", experiments.from_values({"experiment": "one"}))
    other = experiments.from_values({"experiment": "two"})
    made = stages.keys(other)["data_synthesis"]
    assert notebook.adopt(other, "data_synthesis", made)
    assert stages.markers(other)["data_synthesis"].exists()
    assert notebook.progress(other) == (1, len(other.stages))
    (injected,) = (
        cell["source"]
        for cell in jupytext.read(RunPaths("two").notebooks / "01_data_synthesis.ipynb").cells
        if "injected-parameters" in cell["metadata"].get("tags", [])
    )
    assert 'experiment = "two"' in injected
    assert set(files.read_table(RunPaths("two").results / "clips.csv")["experiment"]) == {"two"}


def test_a_marker_without_its_artefacts_is_not_believed(warm: None, book: Path) -> None:
    experiment = experiments.from_values({"experiment": "mine"})
    notebook.execute("data_synthesis", experiment)
    made = stages.keys(experiment)["data_synthesis"]
    shutil.rmtree(made.data.folder)
    assert not notebook.adopt(experiment, "data_synthesis", made)
    assert not stages.markers(experiment)["data_synthesis"].exists()


def test_papermill_with_an_unknown_parameter(book: Path, tmp_path: Path) -> None:
    words = [str(book / "01_data_synthesis.ipynb"), str(tmp_path / "out.ipynb"), "-p", "snr_mim", "5"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *words, "--no-progress-bar"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "unknown parameter 'snr_mim'. Did you mean 'snr_min'? Valid ones: experiment, seed, soundbank" in done.stderr
    assert not RunPaths("embedded").root.exists()


def test_a_failing_cell_is_told_without_a_traceback_if_it_was_explained(warm: None, book: Path, tmp_path: Path) -> None:
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
