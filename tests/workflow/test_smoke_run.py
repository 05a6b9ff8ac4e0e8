"""The main job on the smoke parameters: every stage by real papermill, Snakemake's choices, the tidy tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from igsed_core.detection.thresholds import registry as thresholds
from igsed_core.metrics import summaries
from igsed_core.workflow import experiments, stages

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["experiment", "seed", *summaries.COLUMNS]
FROM_THRESHOLDS = {name for name, stage in stages.STAGES.items() if "threshold_sensitivity" in stage.upstream}
FROM_THRESHOLDS |= {"threshold_sensitivity"}


def planned(run, *overrides):
    """Names of the stages that would run."""
    done = run.igsed("run", "params/smoke.yaml", *overrides, "--dry-run")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert {name for name, _ in lines} == set(stages.STAGES)
    return {name for name, state in lines if not state.startswith("at hand")}


def test_every_notebook_was_executed_to_its_end(smoke_run):
    for stage in stages.STAGES.values():
        notebook = nbformat.read(smoke_run.root / "notebooks" / f"{stage.notebook}.ipynb", as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code)
        assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]


def test_a_second_run_has_nothing_to_do(smoke_run):
    assert planned(smoke_run) == set()


def test_a_change_of_the_threshold_range_reruns_the_last_stages_only(smoke_run):
    assert planned(smoke_run, "percentile_max=90") == FROM_THRESHOLDS


def test_a_change_of_the_snr_reruns_everything_that_hears_the_soundscapes(smoke_run):
    assert planned(smoke_run, "snr_min=10") == set(stages.STAGES) - {"vocal_percussion"}


def test_a_change_of_the_path_points_reruns_attribution_and_what_follows(smoke_run):
    assert planned(smoke_run, "n_steps=9") == {"integrated_gradients", *FROM_THRESHOLDS}


def test_execution_parameters_rerun_nothing(smoke_run):
    assert planned(smoke_run, "workers=1", "internal_batch_size=2") == set()


def test_detection_table_is_tidy_and_complete(smoke_run):
    table = pd.read_csv(smoke_run.root / "results" / "detection.csv")
    assert list(table.columns) == COLUMNS
    key = ["split", "method", "average", "metric"]
    assert not table.duplicated(key).any()
    expected = pd.MultiIndex.from_product(
        [
            ["validation", "test"],
            ["ig", "fw_ws", "fw_ss", "random", "energy"],
            ["instance", "class"],
            ["iou", "iou_std", "f1", "pointing_game"],
        ]
    )
    found = set(map(tuple, table[key].to_numpy()))
    assert found == {row for row in expected if row[2:] != ("class", "iou_std")}
    assert (table["rule"] == "percentile").all()
    assert (table["class"] == "all").all()
    assert (table["ci_low"] <= table["ci_high"]).all()
    assert table["value"].between(0, 1).all()
    assert table.loc[table["metric"] == "pointing_game", "threshold"].isna().all()
    assert (table.loc[table["metric"] != "pointing_game", "threshold"].between(1, 99)).all()


def test_every_other_result_has_the_same_columns(smoke_run):
    for name in ("classification", "per_class", "curves", "detection_at_ig_threshold", "further"):
        assert list(pd.read_csv(smoke_run.root / "results" / f"{name}.csv").columns) == COLUMNS, name
    table = pd.read_csv(smoke_run.root / "results" / "differences.csv")
    assert list(table.columns) == ["experiment", "seed", *summaries.DIFFERENCE_COLUMNS]
    assert not table.duplicated(["experiment", "seed", *summaries.DIFFERENCE_COLUMNS[:8]]).any()
    ours = table[table["rule"] == "percentile"].query("metric == 'iou'")
    assert len(ours.drop_duplicates(["method", "other_method"])) == 10
    record = json.loads((smoke_run.stage("threshold_sensitivity") / "record.json").read_text())
    assert record["figures"]["bootstrap_seconds"] > 0


def test_methods_share_their_instances(smoke_run):
    table = pd.read_csv(smoke_run.root / "results" / "detection.csv")
    assert not table.drop_duplicates(["split", "average", "n"]).duplicated(["split", "average"]).any()
    counts = pd.read_csv(smoke_run.root / "results" / "instances.csv")
    evaluated = counts.groupby("split")["evaluated"].sum()
    instance = table[table["average"] == "instance"].groupby("split")["n"].first()
    assert evaluated.to_dict() == instance.to_dict()
    assert (counts["present"] == counts["evaluated"] + counts["missed"]).all()


def test_class_average_is_the_mean_of_the_class_table(smoke_run):
    overall = pd.read_csv(smoke_run.root / "results" / "detection.csv")
    by_class = pd.read_csv(smoke_run.root / "results" / "per_class.csv")
    means = by_class.groupby(["split", "method", "metric"])["value"].mean()
    rows = overall[(overall["average"] == "class") & (overall["metric"] != "iou_std")]
    for row in rows.itertuples():
        assert row.value == pytest.approx(means[row.split, row.method, row.metric])


def test_ground_truth_of_a_clip_agrees_with_its_jams(smoke_run):
    folder = smoke_run.stage("data_synthesis")
    events = pd.read_csv(folder / "events.csv")
    clips = pd.read_csv(folder / "clips.csv")
    for clip, split in clips[["clip", "split"]].head(5).itertuples(index=False):
        jams = json.loads((folder / split / f"{clip}.jams").read_text())
        sounds = [
            (o["value"]["label"], o["time"], o["time"] + o["duration"])
            for o in jams["annotations"][0]["data"]
            if o["value"]["role"] == "foreground"
        ]
        mine = events[events["clip"] == clip]
        listed = sorted(mine[["label", "onset", "offset"]].itertuples(index=False, name=None))
        assert [label for label, *_ in sorted(sounds)] == [label for label, *_ in listed]
        times = [time for _, *times in sorted(sounds) for time in times]
        assert times == pytest.approx([time for _, *times in listed for time in times])


def test_attribution_is_kept_at_10_ms_and_records_its_error(smoke_run):
    index = pd.read_csv(smoke_run.stage("integrated_gradients") / "maps.csv")
    assert np.isfinite(index["completeness_error"]).all()
    params = experiments.load("params/smoke.yaml").values()
    assert (index["n_steps"] <= params["n_steps"]).all()
    stopped = index[index["n_steps"] < params["n_steps"]]
    assert (stopped["completeness_error"] <= params["tolerance"] + 1e-4).all()


def test_the_record_of_a_stage_says_what_it_ran_with(smoke_run):
    for name in stages.STAGES:
        record = json.loads((smoke_run.stage(name) / "record.json").read_text())
        assert record["seconds"] > 0
        assert record["versions"]["torch"]
        assert record["machine"]["cores"] >= 1
        assert record["params"]["seed"] == experiments.load("params/smoke.yaml").stages[name].seed


def test_the_benchmark_of_a_stage_leaves_the_run_as_it_is(smoke_run):
    """It runs the stage elsewhere, on the same artefacts, and counts the memory of all its processes."""
    record = (smoke_run.stage("integrated_gradients") / "record.json").read_text()
    command = [sys.executable, "benchmarks/stage.py", str(smoke_run.root), "integrated_gradients", "n_steps=2"]
    done = subprocess.run(command, env=smoke_run.environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    heading, row = (line.split() for line in done.stdout.splitlines()[-2:])
    measured = dict(zip(heading, row, strict=True))
    assert int(measured["maps"]) == len(pd.read_csv(smoke_run.stage("integrated_gradients") / "maps.csv"))
    assert 100 < float(measured["pss_mib"]) <= float(measured["rss_mib"])
    assert int(measured["processes"]) >= 2
    assert (smoke_run.stage("integrated_gradients") / "record.json").read_text() == record
    assert planned(smoke_run) == set()


def test_a_notebook_reexecutes_alone_with_another_parameter(smoke_run):
    """`papermill -p`: the last stage but one, other thresholds; the next run refers to its own again."""
    source = stages.get("threshold_sensitivity").source
    target = smoke_run.runs / "alone.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), str(target)]
    command += ["-p", "experiment", "smoke", "-p", "percentile_min", "40", "-p", "replicates", "50"]
    subprocess.run(command, check=True, env=smoke_run.environment, capture_output=True, timeout=300)
    curves = pd.read_csv(smoke_run.stage("threshold_sensitivity") / "curves.csv")
    assert curves["threshold"].min() == 40
    assert planned(smoke_run) == set()  # what the run had made is still there
    smoke_run.igsed("run", "params/smoke.yaml")
    curves = pd.read_csv(smoke_run.stage("threshold_sensitivity") / "curves.csv")
    assert curves["threshold"].min() == 1


def test_an_unknown_parameter_given_to_papermill_is_an_error(smoke_run):
    source = stages.get("baselines").source
    command = [sys.executable, "-m", "papermill", str(source), str(smoke_run.runs / "typo.ipynb")]
    command += ["-p", "experiment", "smoke", "-p", "enrgy", "power"]
    done = subprocess.run(command, check=False, env=smoke_run.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "unknown parameter 'enrgy'" in done.stderr
    assert "Did you mean 'energy'?" in done.stderr
    assert "Valid ones: experiment, seed, energy" in done.stderr


def test_rules_are_tidy_and_share_their_instances(smoke_run):
    folder = smoke_run.root / "results"
    rules = pd.read_csv(folder / "rules.csv")
    assert list(rules.columns) == COLUMNS
    assert not rules.duplicated(["split", "method", "rule", "average", "metric"]).any()
    assert set(rules["rule"]) == set(thresholds.RULES)
    assert rules["value"].between(0, 1).all()
    parameter_free = [name for name, rule in thresholds.RULES.items() if rule.parameter_free]
    assert (rules["threshold"].isna() == rules["rule"].isin(parameter_free)).all()
    detection = pd.read_csv(smoke_run.root / "results" / "detection.csv")
    both = detection[detection["metric"].isin(["iou", "f1"])].merge(
        rules, on=["split", "method", "rule", "metric", "average"], suffixes=("", "_rules")
    )
    assert len(both) == 2 * 5 * 2 * 2
    for column in ("value", "n", "threshold", "ci_low", "ci_high"):  # the paper's rule is that of Table II
        np.testing.assert_allclose(both[f"{column}_rules"], both[column])
    for name in ("rules_by_duration", "rules_by_polyphony"):
        parts = pd.read_csv(folder / f"{name}.csv")
        parts = parts[(parts["average"] == "instance") & (parts["rule"] == "otsu") & (parts["method"] == "ig")]
        whole = rules[(rules["average"] == "instance") & (rules["rule"] == "otsu") & (rules["method"] == "ig")]
        n = whole[whole["metric"] == "iou"].set_index("split")["n"]
        for _, counted in parts.groupby("by"):
            assert counted.groupby("split")["n"].sum().to_dict() == n.to_dict()
