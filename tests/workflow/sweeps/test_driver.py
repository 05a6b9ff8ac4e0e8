"""What a sweep asks of Snakemake and the cluster, and what it says when something fails."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pandas as pd
import pytest
import yaml

import tiny_bank
from igsed_core.base import children, files
from igsed_core.base.errors import IgsedError
from igsed_core.workflow import checks, cli
from igsed_core.workflow.sweeps import driver, job, plan, report, slurm, status
from igsed_core.workflow.sweeps.costs import Cost, asked_minutes
from igsed_core.workflow.sweeps.sweep_file import Sweep

ROOT = Path(__file__).resolve().parents[3]
Written = Callable[[str], Sweep]
TEXT = (
    "sweep: noise\nbase: SMOKE\nshards: 2\nshard_seconds: 0\n"
    "grid: {frame_length: [0.1, 0.2]}\nvariations: [{chapters: none}]\n"
)


@pytest.fixture
def planned(written: Written) -> plan.Plan:
    """Two experiments, nothing made."""
    made = plan.make(written(TEXT))
    made.sweep.folder.mkdir(parents=True)
    driver.write_batch(made, made.missing())
    return made


def test_snakemake_plans_exactly_our_jobs(planned: plan.Plan) -> None:
    command = [*driver.snakemake(planned.sweep, ROOT / "profiles" / "local", 2), "--dry-run"]
    command = [word for word in command if word not in ("--quiet", "rules", "host", "progress")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = {one.id for one in planned.jobs()}
    assert set(re.findall(r"output: jobs/(\S+)\.json", done.stdout)) == wanted
    assert len(wanted) == 8 + 3 * 2  # stages that differ, and the shards of three long ones


def test_a_job_is_given_what_the_batch_says(planned: plan.Plan) -> None:
    rows = files.read_json(planned.sweep.folder / job.BATCH)["lots"]
    light = next(row for row in rows.values() if row["stage"] == "baselines")
    heavy = next(row for row in rows.values() if row["stage"] == "training" and "-of-" not in row["jobs"][0])
    assert (light["cores"], light["gpu"], heavy["gpu"]) == (1, 0, 0)
    assert heavy["memory"] >= 1500
    assert heavy["minutes"] >= 10


def test_snakemake_plans_short_jobs_together(written: Written) -> None:
    made = plan.make(written(TEXT.replace("shards: 2\nshard_seconds: 0\n", "")))
    made.sweep.folder.mkdir(parents=True)
    driver.write_batch(made, made.missing(), together=1e6)
    batch = files.read_json(made.sweep.folder / job.BATCH)
    assert set(batch["jobs"]) == {one.id for one in made.jobs()}
    # What both experiments need, then what each has for itself: one that fails there does not hold up the other.
    first, *apart = batch["lots"].values()
    assert [len(lot["jobs"]) for lot in (first, *apart)] == [4, 2, 2]
    assert first["needs"] == [] and [lot["needs"] for lot in apart] == [[first["jobs"][-1]]] * 2
    nodes = [made.nodes[one] for one in first["jobs"]]
    assert first["memory"] == max(node.cost.asked_memory() for node in nodes) + driver.SERVERS_MEMORY
    assert first["minutes"] == asked_minutes(sum(node.cost.seconds for node in nodes), first["cores"])
    assert first["cores"] == made.sweep.cores == max(batch["jobs"][one]["cores"] for one in first["jobs"])
    command = [*driver.snakemake(made.sweep, ROOT / "profiles" / "local", 2), "--dry-run", "--printshellcmds"]
    command = [word for word in command if word not in ("--quiet", "rules", "host", "progress")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"output: jobs/(\S+)\.json", done.stdout)) == set(batch["lots"])
    for name, lot in batch["lots"].items():
        assert f"sweep-job . {' '.join(lot['jobs'])} > logs/{name}.lot.log" in done.stdout
    # Snakemake makes logs that it knows of, and one would say that its job has begun.
    assert "log: " not in done.stdout


def test_a_lot_ends_with_the_job_that_fails_and_the_next_attempt_goes_on(
    planned: plan.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lot = planned.sweep.folder, [one.id for one in planned.jobs()][:3]
    monkeypatch.setattr(job.kernels, "warm_ones", lambda _: contextlib.nullcontext({}))
    begun: list[str] = []
    statuses = {lot[0]: 0, lot[1]: -9, lot[2]: 0}

    def run(command: list[str], *, output: TextIO, further: dict[str, str]) -> int:
        assert command[-3:-1] == ["sweep-job", str(folder)] and further["OMP_NUM_THREADS"] == str(planned.sweep.cores)
        begun.append(command[-1])
        os.write(output.fileno(), b"said\n")
        if not statuses[command[-1]]:
            files.write_json(job.marker(folder, command[-1]), {})
        return statuses[command[-1]]

    monkeypatch.setattr(job.children, "run", run)
    assert job.run_lot(folder, lot) == 137
    assert begun == lot[:2]
    assert job.log(folder, lot[0]).read_text() == "said\n"
    assert job.log(folder, lot[1]).read_text() == f"said\n{job.ENDED}137\n"
    states = status.states_of(planned)
    assert (states[lot[1]], states[lot[2]]) == (status.FAILED, status.WAITING)
    statuses[lot[1]] = 0
    assert job.run_lot(folder, lot) == 0
    assert begun == [*lot[:2], *lot[1:]]
    assert job.log(folder, lot[1]).read_text() == "said\n"


def test_a_job_that_says_nothing_is_seen_to_run(
    planned: plan.Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(job, "BEAT", 0.05)
    name = next(one.id for one in planned.jobs())
    log = job.log(planned.sweep.folder, name)
    files.write_text(log, "said\n")
    os.utime(log, (0, 0))
    assert status.states_of(planned)[name] == status.FAILED
    with job.alive(log):
        end = time.monotonic() + 60
        while log.stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.05)
        assert status.states_of(planned)[name] == status.RUNNING
    os.utime(log, (0, 0))
    time.sleep(0.2)
    assert status.states_of(planned)[name] == status.FAILED
    with job.alive(tmp_path / "missing"):  # nothing to touch, nothing made
        time.sleep(0.2)
    assert not (tmp_path / "missing").exists()


def test_a_lot_makes_what_its_jobs_make(written: Written, tmp_path: Path) -> None:
    tiny = f"n_train: 8, n_eval: 4, soundbank: {tiny_bank.write_bank(tmp_path / 'bank')}"
    made = plan.make(
        written(f"sweep: two\nbase: SMOKE\ngrid: {{seed: 1..2}}\nvariations: [{{chapters: none, {tiny}}}]\n")
    )
    driver._describe(made)
    first = [node for node in made.nodes.values() if node.stage == "data_synthesis"]
    driver.write_batch(made, first)
    command = [sys.executable, "-m", "igsed_core", "sweep-job", str(made.sweep.folder), *(node.id for node in first)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(first) == 2
    for node in first:
        took = files.read_json(job.marker(made.sweep.folder, node.id))
        assert took["core_seconds"] > 0.5 and took["memory_mib"] > 50
        assert node.keys.finished() is not None


def test_a_lot_of_a_batch_that_was_planned_anew_says_so(planned: plan.Plan) -> None:
    folder, lot = planned.sweep.folder, [one.id for one in planned.jobs()][:2]
    for batch in ([], {}, {"jobs": {lot[0]: {"cores": 1}}}):
        files.write_json(folder / job.BATCH, batch)
        with pytest.raises(IgsedError, match=r"holds no job .*: start the sweep again, it plans anew"):
            job.run_lot(folder, lot)


def test_a_gpu_reaches_the_stages_that_can_use_one(written: Written) -> None:
    made = plan.make(written(TEXT + "gpu: true\ncores: 4\n"))
    made.sweep.folder.mkdir(parents=True)
    driver.write_batch(made, made.missing())
    rows = files.read_json(made.sweep.folder / job.BATCH)["lots"].values()
    assert {row["stage"] for row in rows if row["gpu"]} == {"training", "integrated_gradients"}
    assert {row["cores"] for row in rows if row["stage"] == "integrated_gradients"} == {4}


def test_every_stage_with_a_device_is_given_a_gpu(written: Written) -> None:
    """Not a list typed by hand: a chapter's own device counts as the main job's."""
    made = plan.make(
        written(TEXT.replace("chapters: none", "chapters: self_attention, attention_device: auto") + "gpu: true\n")
    )
    made.sweep.folder.mkdir(parents=True)
    driver.write_batch(made, made.missing())
    rows = files.read_json(made.sweep.folder / job.BATCH)["lots"].values()
    assert "self_attention" in {row["stage"] for row in rows if row["gpu"]}


def test_the_profiles_are_what_snakemake_reads() -> None:
    slurm = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    local = yaml.safe_load((ROOT / "profiles" / "local" / "config.yaml").read_text())
    assert slurm["executor"] == "slurm"
    assert slurm["retries"] >= 1 and local["retries"] >= 1
    assert "executor" not in local


def test_jobs_that_a_killed_call_left_are_cancelled_and_no_others(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = written(TEXT)
    prefix = slurm.job_prefix(sweep)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,50}", slurm.job_prefix(Sweep("a" * 30, {}, {})))
    programs = tmp_path / "programs"
    programs.mkdir()
    program(programs / "squeue", f"echo '11 {prefix}_uuid'; echo '12 {prefix}_uuid'; echo '13 igsed-noise-other_x'")
    program(programs / "scancel", f'echo "$@" > {tmp_path / "cancelled"}')
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert slurm.cancel_left(sweep) == ["11", "12"]
    assert (tmp_path / "cancelled").read_text().split() == ["11", "12"]


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_failures_are_named_with_reason_and_log(planned: plan.Plan) -> None:
    nodes = {node.stage: node for node in planned.nodes.values()}
    failed, killed = (job.log(planned.sweep.folder, nodes[stage].id) for stage in ("data_synthesis", "training"))
    for log in (failed, killed):
        log.parent.mkdir(parents=True, exist_ok=True)
    failed.write_text(f"making\nigsed: no space left on the disk\n{job.ENDED}1\n")
    killed.write_text("attribution: 10 %\n")
    os.utime(killed, (time.time() - 1000, time.time() - 1000))
    states = status.states_of(planned)
    assert states[nodes["data_synthesis"].id] == states[nodes["training"].id] == status.FAILED
    table = report.failures(planned).set_index("stage")
    assert table.loc["data_synthesis", "reason"] == "igsed: no space left on the disk"
    assert table.loc["data_synthesis", "log"] == str(failed)
    assert str(table.loc["training", "reason"]).startswith("killed")
    assert set(table.loc["baselines", ["reason", "log"]]) == {"not come to", ""}
    assert table.loc["training", "experiments"] == "noise.frame_length_0.1, noise.frame_length_0.2"


def test_a_log_that_grows_is_that_of_a_running_job(planned: plan.Plan) -> None:
    first = next(iter(planned.jobs()))
    log = job.log(planned.sweep.folder, first.id)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("mixing soundscapes: 3 %\n")
    assert status.states_of(planned)[first.id] == status.RUNNING
    files.write_json(job.marker(planned.sweep.folder, first.id), {})
    assert status.states_of(planned)[first.id] == status.DONE


def test_a_job_that_a_signal_ended_is_not_said_to_run(planned: plan.Plan) -> None:
    first = next(iter(planned.jobs())).id
    log = job.log(planned.sweep.folder, first)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"training: 3 %\n{children.STOPPED}; what was finished is kept\n")
    assert status.states_of(planned)[first] == status.FAILED


def test_a_new_call_begins_without_the_logs_of_what_it_does_again(planned: plan.Plan) -> None:
    first, second = [one.id for one in planned.jobs()][:2]  # shards of one stage, of which one was done
    for one in (first, second):
        path = job.log(planned.sweep.folder, one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{job.ENDED}1\n")
    planned.nodes[first.partition(".")[0]].keys.data.describe({})
    files.write_json(job.marker(planned.sweep.folder, second), {})
    driver._forget_untrue(planned)
    states = status.states_of(planned)
    assert (states[first], states[second]) == (status.WAITING, status.DONE)
    assert not job.log(planned.sweep.folder, first).exists() and job.log(planned.sweep.folder, second).exists()


def test_a_sweep_on_slurm_that_nobody_works_on_says_so(
    planned: plan.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to run for ever, whatever the queue held."""
    driver._describe(planned)
    (planned.sweep.folder / job.ON_SLURM).touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for printed, alone in (("", True), (f"echo '7 {slurm.job_prefix(planned.sweep)}_uuid'", False), ("exit 1", False)):
        program(programs / "squeue", printed)
        assert ("no call works on it" in status.of("noise")) == alone


def test_a_marker_counts_for_nothing_where_the_store_lacks_the_stage(planned: plan.Plan) -> None:
    node = planned.missing()[0]
    marker = job.marker(planned.sweep.folder, node.id)
    files.write_json(marker, {})
    driver._forget_untrue(planned)
    assert not marker.exists()


def test_status_of_a_sweep_that_was_never_started_is_told(written: Written) -> None:
    written(TEXT)
    with pytest.raises(IgsedError, match="no sweep 'other' was started"):
        status.of("other")


def test_status_without_a_name_names_the_sweeps_that_were_started(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = plan.make(written(TEXT))
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out == "no sweep was started: `igsed sweep FILE` starts one\n"
    planned.sweep.folder.mkdir(parents=True)
    driver._describe(planned)
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out == "noise\n"


def test_status_counts_jobs_and_says_what_is_left(planned: plan.Plan) -> None:
    driver._describe(planned)
    told = status.of("noise")
    assert "0 of 2 experiments are whole" in told
    assert re.search(r"data_synthesis, shards +0 +0 +0 +2", told)
    assert "core hours are left" in told
    assert status.started("noise").varied == planned.sweep.varied


def test_a_scratch_folder_that_is_not_there_is_told_and_one_that_is_full_too(
    planned: plan.Plan, tmp_path: Path
) -> None:
    folder = planned.sweep.folder
    driver._describe(planned)
    batch = files.read_json(folder / job.BATCH)
    first = next(iter(planned.jobs())).id
    for scratch in ("/no/such/folder", "$IGSED_NO_SUCH_VARIABLE/x"):
        files.write_json(folder / job.BATCH, {**batch, "scratch": scratch})
        with pytest.raises(IgsedError, match="is not on this node"):
            job.run(folder, first)
    assert not job.marker(folder, first).exists()
    with pytest.raises(IgsedError, match="holds no job"):
        job.run(folder, "training/none")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_scratch_leaves_no_marker_and_the_next_call_goes_on(written: Written, tmp_path: Path) -> None:
    bank = tiny_bank.write_bank(tmp_path / "bank")
    planned = plan.make(written(TEXT.replace("none", f"none, n_train: 24, n_eval: 12, soundbank: {bank}")))
    driver._describe(planned)
    driver.write_batch(planned, planned.missing())
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("this container mounts nothing")
    first = next(iter(planned.jobs())).id
    command = [sys.executable, "-m", "igsed_core", "sweep-job", str(planned.sweep.folder), first]
    try:
        environment = {**os.environ, job.SCRATCH_VARIABLE: str(small)}
        full = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=300)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert full.returncode != 0
    assert "No space left" in full.stderr or "no space left" in full.stderr
    assert not job.marker(planned.sweep.folder, first).exists()
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    took = files.read_json(job.marker(planned.sweep.folder, first))
    assert took["core_seconds"] > 0 and took["memory_mib"] > 50
    clips = list(planned.nodes[first.partition(".")[0]].keys.data.folder.rglob("*.flac"))
    assert 0 < len(clips) < 36  # the other shard's are not there


def test_more_is_asked_for_than_was_measured() -> None:
    assert Cost(100.0, 4000.0, "measured").asked_memory() == 6000


def test_the_table_of_a_sweep_without_results_is_empty_but_whole(planned: plan.Plan) -> None:
    page = report.write(planned)
    table = pd.read_csv(planned.sweep.folder / report.TABLE)
    assert list(table) == ["table", "experiment", "frame_length"]
    assert "0 of 2 experiments are whole" in page.read_text()
    assert "What did not finish" in page.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "variations: [{chapters: none}]\ngrid: {weights: [w.pt, '']}",
            r"'weights' names .*w\.pt, and there is no such",
        ),
        ("variations: [{chapters: localiser}]\ngrid: {shifts: [4, 5]}", "parameter 'shifts' is 5"),
        (
            "variations: [{chapters: none}]\ngrid: {sample_rate: [32000, 44100]}",
            "but encoder 'embedded_mean' needs 32000",
        ),
        (
            "variations: [{chapters: none}]\ngrid: {background_source: [desed, sins]}",
            "which only the bank 'desed' takes",
        ),
    ],
)
def test_what_a_job_would_refuse_is_refused_before_any_and_by_a_dry_run(
    text: str, message: str, written: Written
) -> None:
    """Only paths were looked at, and by a dry run nothing: jobs failed one by one, hours later."""
    sweep = written(f"sweep: noise\nbase: SMOKE\n{text}\n")
    for profile in ("local", "slurm"):
        with pytest.raises(IgsedError, match=message):
            driver.dry_run(sweep, profile=ROOT / "profiles" / profile)
        with pytest.raises(IgsedError, match=message):
            driver.run(sweep, profile=ROOT / "profiles" / profile, cores=1)
    assert not [path for path in sweep.folder.rglob("*.json")]


def test_devices_are_looked_at_where_the_jobs_run(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    sweep = written(TEXT.replace("{chapters: none}", "{chapters: none, device: cuda}"))
    with pytest.raises(IgsedError, match="no CUDA device is there"):
        driver.dry_run(sweep, profile=ROOT / "profiles" / "local")
    told = driver.dry_run(sweep, profile=ROOT / "profiles" / "slurm")
    assert "2 experiments" in told and "all experiments, each run by itself" in told
    with pytest.raises(IgsedError, match="there is no profile"):
        driver.dry_run(sweep, profile=ROOT / "profiles")


def test_experiments_that_differ_in_nothing_that_is_looked_at_are_checked_once(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(checks, "check", lambda experiment, missing, here: seen.append(experiment.name))
    driver.dry_run(written(TEXT.replace("[0.1, 0.2]", "[0.1, 0.2, 0.5]")), profile=ROOT / "profiles" / "local")
    assert len(seen) == 1


@pytest.mark.parametrize(
    "damage",
    [
        *({"shards": "x"}, {"shards": 10**7}, {"cores": 0}, {"cores": "a"}, {"gpu": "x"}, {"scratch": 3}),
        *({"varied": []}, {"varied": {}}, {"varied": {"noise.frame_length_0.1": 3}}, {"varied": {"../x": {}}}),
    ],
)
def test_a_damaged_summary_of_a_sweep_is_named(planned: plan.Plan, damage: dict[str, object]) -> None:
    """These were tracebacks, and a status that did not end."""
    driver._describe(planned)
    place = planned.sweep.folder / status.SUMMARY
    place.write_text(json.dumps({**json.loads(place.read_text()), **damage}))
    with pytest.raises(IgsedError, match=r"sweep\.json is damaged.*: start the sweep again"):
        status.of("noise")


def test_a_profile_that_is_no_text_is_named(planned: plan.Plan, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(IgsedError, match=r"config\.yaml is no UTF-16 text .*: save it as UTF-8"):
        driver.dry_run(planned.sweep, profile=tmp_path)
