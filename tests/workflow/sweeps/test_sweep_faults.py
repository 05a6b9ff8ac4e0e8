"""Sweeps that meet something else in their folders, a second call, edited code: each failed before it was mended."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from igsed_core.base import files, paths, store
from igsed_core.base.errors import IgsedError
from igsed_core.base.paths import RunPaths
from igsed_core.workflow import notebook, stages
from igsed_core.workflow.sweeps import costs, driver, job, places, plan, report, status
from igsed_core.workflow.sweeps.sweep_file import Sweep

ROOT = Path(__file__).resolve().parents[3]
LOCAL, SLURM = (ROOT / "profiles" / name for name in ("local", "slurm"))
Written = Callable[[str], Sweep]
TEXT = (
    "sweep: noise\nbase: SMOKE\nshards: 2\nshard_seconds: 0\n"
    "grid: {frame_length: [0.1, 0.2]}\nvariations: [{chapters: none}]\n"
)


@pytest.fixture
def sweep(written: Written) -> Sweep:
    return written(TEXT)


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Snakemake do nothing."""
    monkeypatch.setattr(driver, "_make", lambda sweep, command, further: None)
    monkeypatch.setenv("IGSED_WARM", "off")


def refused(sweep: Sweep, profile: Path = LOCAL) -> str:
    """What both a dry run and a call say, in one line and before anything is written."""
    told = []
    for call in (
        lambda: driver.dry_run(sweep, profile=profile),
        lambda: driver.run(sweep, profile=profile, cores=1),
    ):
        with pytest.raises(IgsedError) as caught:
            call()
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert "\n" not in told[0]
    return told[0]


def test_a_second_call_is_refused_and_the_first_one_undisturbed(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited without an end, and then planned with what it had seen before."""
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    sweep.folder.mkdir(parents=True)
    with FileLock(sweep.folder / store.LOCK), pytest.raises(IgsedError, match="another call works on sweep 'noise'"):
        driver.run(sweep, profile=LOCAL, cores=1)
    assert [path.name for path in sweep.folder.iterdir()] == [store.LOCK]


def test_a_folder_that_is_somebody_elses_is_left_alone(sweep: Sweep) -> None:
    sweep.folder.parent.mkdir(parents=True)
    sweep.folder.write_text("mine")
    assert "noise.sweep is in the way, and was made by no sweep: move it" in refused(sweep)
    sweep.folder.unlink()
    sweep.folder.mkdir()
    (sweep.folder / "sweep.csv").write_text("mine")
    assert "give the sweep another name" in refused(sweep)
    assert (sweep.folder / "sweep.csv").read_text() == "mine"
    (sweep.folder / "sweep.csv").unlink()
    driver.dry_run(sweep, profile=LOCAL)  # an empty one may be taken
    (sweep.folder / store.LOCK).mkdir()
    with pytest.raises(IgsedError, match=r"\.lock cannot be locked .*: move what is in the way"):
        driver.run(sweep, profile=LOCAL, cores=1)


def test_an_experiment_of_another_run_is_not_written_over(sweep: Sweep) -> None:
    name, experiment = list(sweep.experiments.items())[-1]
    root = RunPaths(name).root
    root.parent.mkdir(parents=True)
    root.write_text("mine")
    assert f"{root} is no folder" in refused(sweep)
    root.unlink()
    files.write_json(root / notebook.VALUES, {**experiment.values(), "seed": 1})
    assert "holds results of `igsed run` with other parameters, which would be lost" in refused(sweep)
    files.write_json(root / notebook.VALUES, experiment.values())
    driver.dry_run(sweep, profile=LOCAL)


@pytest.mark.parametrize("variable", ["IGSED_RUNS_DIR", "IGSED_STORE_DIR", "IGSED_DATA_DIR"])
def test_a_folder_that_cannot_be_written_is_named(
    variable: str, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    told = refused(sweep)
    assert "file is a file" in told and told.endswith(f"set {variable} to a folder that can be written to")


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/" + "xy/" * 3000, '"/tmp/a\\nb"', "'/tmp/a b ''c'' \"d\"'"])
def test_a_path_that_can_be_none_is_named_with_its_parameter(path: str, written: Written) -> None:
    """What was too long for a file's name came as an error of the system, without the parameter."""
    told = refused(written(TEXT.replace("chapters: none", f"chapters: none, weights: {path}")))
    assert told.startswith("parameter 'weights' names ") and told.endswith("or leave it empty")
    assert len(told) < 600


def test_scratch_is_looked_at_where_the_jobs_run(written: Written, tmp_path: Path) -> None:
    """Each of the jobs said so by itself, hours after a dry run that was content."""
    elsewhere = written(TEXT + "scratch: /no/such/folder\n")
    assert "the scratch folder '/no/such/folder' is not on this node: let 'scratch' name one" in refused(elsewhere)
    driver.dry_run(elsewhere, profile=SLURM)
    with pytest.raises(IgsedError, match="nothing can be written to the scratch folder /proc"):
        driver.dry_run(written(TEXT + "scratch: /proc\n"), profile=LOCAL)
    driver.dry_run(written(TEXT + f"scratch: {tmp_path}\n"), profile=LOCAL)


@pytest.mark.parametrize(
    ("content", "told"), [("executor: [\n", "is not valid YAML: .*line 2"), ("- a\n", "'name: value' lines")]
)
def test_a_profile_is_read_as_yaml(content: str, told: str, sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(IgsedError, match=told):
        driver.dry_run(sweep, profile=tmp_path)
    (tmp_path / "config.yaml").write_text("# executor: slurm\nretries: 1\n")
    assert not places.on_slurm(tmp_path)
    (tmp_path / "config.yaml").write_text("executor:   slurm\n")
    assert places.on_slurm(tmp_path)


def test_what_was_changed_meanwhile_is_told_and_the_same_call_goes_on(
    sweep: Sweep, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs ended well, with markers, and their experiments "did not finish" for no reason that was given."""
    first = plan.make(sweep)
    sweep.folder.mkdir(parents=True)
    driver._describe(first)
    driver.write_batch(first, first.missing())
    shard, whole = next(one for one in first.jobs() if one.shard), first.missing()[0]

    def edit(*_: object) -> None:
        monkeypatch.setattr(stages.Code, "of_shipped", lambda self, names: {"shipped": {"a.csv": "edited"}})

    monkeypatch.setattr(driver, "_make", edit)
    with pytest.raises(
        IgsedError, match=r"what they depend on was changed meanwhile \(code, .*the same command goes on"
    ):
        driver.run(sweep, profile=LOCAL, cores=1)
    for name in (shard.id, whole.id):
        with pytest.raises(IgsedError, match="what stage 'data_synthesis' depends on was changed meanwhile"):
            job.run(sweep.folder, name)
        assert not job.marker(sweep.folder, name).exists()


def test_a_call_of_snakemake_that_starts_nothing_is_told_apart(sweep: Sweep, idle: None) -> None:
    with pytest.raises(IgsedError, match="no job was started, for the reason that Snakemake gives above"):
        driver.run(sweep, profile=LOCAL, cores=1)


def test_what_a_stopped_call_left_is_not_pruned(sweep: Sweep, idle: None) -> None:
    """What shards make lies in the store before any experiment refers to it."""
    node = plan.make(sweep).missing()[0]
    shared, lost = store.Entry("maps", "a"), store.Entry("maps", "b")
    for one in (node.keys.data, shared, lost):
        files.write_text(one.folder / "clip.txt", "x")
    (node.keys.data.folder / "maps").symlink_to(shared.folder)
    with pytest.raises(IgsedError, match="did not finish"):
        driver.run(sweep, profile=LOCAL, cores=1)
    unused = {one.entry for one in store.listed() if not one.users}
    assert unused == {lost}
    driver._hold(None, sweep)  # at the end its experiments refer to all of it
    assert {one.entry for one in store.listed() if not one.users} == {node.keys.data, shared, lost}


@pytest.mark.parametrize("name", ["", "../noise", "a/b", "noise.sweep", "a\nb", "x" * 300])
def test_status_of_what_is_no_name_lists_the_sweeps(name: str, sweep: Sweep) -> None:
    sweep.folder.mkdir(parents=True)
    driver._describe(plan.make(sweep))
    with pytest.raises(IgsedError, match=r"no sweep '.*' was started: there are noise$"):
        status.of(name)


def test_a_summary_that_is_damaged_or_older_says_how_to_go_on(sweep: Sweep, idle: None) -> None:
    """Status said "remove it and run the same command again", after which there was no sweep."""
    driver_ends(sweep)
    place = sweep.folder / status.SUMMARY
    older = json.loads(place.read_text())
    del older["shard_seconds"]
    damages = ("", "{", "[]", "{}", '{"sweep": "noise"}', "\xff", json.dumps(older))
    for content in damages:
        place.write_text(content, encoding="latin-1")
        with pytest.raises(IgsedError, match=r"sweep\.json is damaged, or of another version of igsed: start the"):
            status.of("noise")
    others = (*(sweep.folder / job.PARAMETERS).iterdir(), sweep.folder / job.BATCH, sweep.folder / plan.DECIDED)
    for content, damaged in zip(damages, others, strict=False):
        damaged.write_text(content, encoding="latin-1")
    driver_ends(sweep)  # as if nothing had been
    assert "0 of 2 experiments are whole" in status.of("noise")


def test_a_cluster_is_asked_only_where_there_is_one(
    sweep: Sweep, idle: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Slurm that is installed and does not run was waited for at each call, and what it said was lost."""
    programs = tmp_path / "programs"
    programs.mkdir()
    asked = programs / "squeue"
    asked.write_text("#!/bin/sh\necho 'slurm_load_jobs error' >&2\nexit 1\n")
    asked.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    driver_ends(sweep)
    assert "squeue" not in capsys.readouterr().err
    (sweep.folder / job.ON_SLURM).touch()  # an earlier call ran there
    driver_ends(sweep)
    assert "squeue does not answer (slurm_load_jobs error)" in capsys.readouterr().err


def driver_ends(sweep: Sweep) -> None:
    with pytest.raises(IgsedError, match="no job was started"):
        driver.run(sweep, profile=LOCAL, cores=1)


def test_a_folder_in_the_place_of_a_file_is_to_be_moved(sweep: Sweep, idle: None) -> None:
    (sweep.folder / status.SUMMARY).mkdir(parents=True)
    with pytest.raises(IgsedError, match=r"sweep\.json cannot be written \(.*\): move .*sweep\.json elsewhere"):
        driver.run(sweep, profile=LOCAL, cores=1)


def test_a_job_that_waits_has_not_failed_and_one_that_was_killed_gives_no_reason_of_its_own(sweep: Sweep) -> None:
    """What a job says while it works was taken for the reason of its end."""
    made = plan.make(sweep)
    one = made.missing()[0].id
    log = job.log(sweep.folder, one)
    log.parent.mkdir(parents=True, exist_ok=True)
    waiting = "igsed: another run is making data_synthesis/a: waiting for it\n"
    log.write_text(waiting)
    assert status.states_of(made)[one] == status.RUNNING
    log.write_text(f"{waiting}{job.ENDED}137\n")
    assert status.states_of(made)[one] == status.FAILED
    assert report.failures(made).set_index("stage").loc["data_synthesis", "reason"].startswith("killed")
    log.write_text(f"Traceback (most recent call last):\n  File\nValueError: x\n{job.ENDED}1\n")
    assert status.reason(log) == "ValueError: x"


def test_after_the_end_of_a_call_nothing_runs_and_what_was_pruned_waits(sweep: Sweep) -> None:
    made = plan.make(sweep)
    driver._describe(made)
    killed, pruned = made.missing()[0].id, made.missing()[1].id
    for one in (killed, pruned):
        files.write_text(job.log(sweep.folder, one), "mixing: 3 %\n")
    files.write_json(job.marker(sweep.folder, pruned), {})
    with FileLock(sweep.folder / store.LOCK):
        assert status.works_on(sweep)
        assert status.states_of(made)[killed] == status.RUNNING
    assert not status.works_on(sweep)
    states = status.states_of(made, alive=False)
    assert (states[killed], states[pruned]) == (status.FAILED, status.WAITING)
    assert "no call works on it: `igsed sweep` goes on from there" in status.of("noise")
    (sweep.folder / job.ON_SLURM).touch()
    assert status.works_on(sweep)  # jobs on a cluster go on by themselves


def test_damaged_records_of_what_was_taken_cost_an_estimate_alone(sweep: Sweep) -> None:
    root = paths.store_dir() / "training"
    for number, content in enumerate(("", "[]", "{}", '{"params": {}, "core_seconds": "x"}', '{"params": 3}')):
        files.write_text(root / str(number) / "record.json", content)
    files.write_json(root / "good" / "record.json", {"params": {}, "core_seconds": 5.0})
    files.write_text(root / "damaged" / "record.json", '{"params": {}, "core_seconds": 7.0}')
    files.write_text(root / "damaged" / costs.COST, "[1]")
    assert [one.core_seconds for one in costs.Costs.of_store(["training"]).records["training"]] == [5.0]
    assert "2 experiments" in driver.dry_run(sweep, profile=LOCAL)
    place = job.marker(sweep.folder, "training/a")
    for number, content in enumerate(("", "[]", "{}", '{"core_seconds": "x", "memory_mib": 3}')):
        files.write_text(place.with_name(f"a.1-{number}-of-5.json"), content)
    files.write_json(place.with_name("a.1-4-of-5.json"), {"core_seconds": 2.0, "memory_mib": 9.0})
    took = {"core_seconds": 1.0, "memory_mib": 4.0}
    assert job._whole(sweep.folder, "training/a", took) == {"jobs": 2, "core_seconds": 3.0, "memory_mib": 9.0}


@pytest.mark.skipif(shutil.which("bash") is None, reason="Snakemake runs jobs by bash")
def test_a_job_that_ends_badly_says_so_at_the_end_of_its_log(tmp_path: Path) -> None:
    lines = (driver_file() / "sweep.smk").read_text().partition("        shell:\n")[2].splitlines()
    line = "".join(one.strip().strip('"') for one in lines)
    assert "sweep-job ." in line
    log = tmp_path / "a b.log"
    params = SimpleNamespace(jobs=_Quoted("training/a"), told=_Quoted(log))
    command = line.format(IGSED="exit_7() { echo x; return 7; }; exit_7", params=params, ENDED=job.ENDED)
    assert os.waitstatus_to_exitcode(os.system(f"bash -euc {_quote(command)}")) == 7
    assert log.read_text() == f"x\n{job.ENDED}7\n"


def driver_file() -> Path:
    return Path(driver.__file__).parent


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


class _Quoted:
    """A name as Snakemake's ``:q`` writes it."""

    def __init__(self, path: object) -> None:
        self.path = path

    def __format__(self, form: str) -> str:
        return _quote(str(self.path))
