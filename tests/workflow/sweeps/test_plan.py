"""The graph of a sweep: sharing, shards, groups, and what planning takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from igsed_core.base import files, paths
from igsed_core.workflow import experiments, stages
from igsed_core.workflow.sweeps import costs, plan
from igsed_core.workflow.sweeps.costs import Costs
from igsed_core.workflow.sweeps.sweep_file import Sweep

Written = Callable[[str], Sweep]
HEAD = "sweep: noise\nbase: SMOKE\n"
EVALUATION = {"threshold_sensitivity", "results"}


def test_experiments_that_differ_in_the_evaluation_share_all_before_it(written: Written) -> None:
    made = plan.make(written(HEAD + "grid: {frame_length: [0.05, 0.1, 0.2]}\nvariations: [{chapters: none}]\n"))
    stages_of = [node.stage for node in made.nodes.values()]
    assert {name for name in stages_of if stages_of.count(name) == 3} == EVALUATION
    assert {name for name in stages_of if stages_of.count(name) == 1} == {
        *("data_synthesis", "training", "integrated_gradients", "baselines"),
    }
    assert len(made.missing()) == len(made.nodes) == 10
    assert sum(map(len, made.of_experiment.values())) == 18


def test_keys_are_those_of_a_run_of_the_experiment_alone(written: Written) -> None:
    sweep = written(HEAD + "grid: {snr_min: [5], seed: 3..4}\n")
    made = plan.make(sweep)
    for name, experiment in sweep.experiments.items():
        alone = stages.keys(experiment)
        assert [made.nodes[i].keys for i in made.of_experiment[name]] == list(alone.values())


def test_every_job_comes_after_all_that_it_needs(written: Written) -> None:
    made = plan.make(written(HEAD + "shards: 3\nshard_seconds: 0\ngrid: {snr_min: [0, 5]}\n"))
    seen: set[str] = set()
    for job in made.jobs():
        assert set(job.needs) <= seen, job
        assert job.id not in seen
        seen.add(job.id)
    shards = [job for job in made.jobs() if job.shard and job.node.startswith("localiser/")]
    assert len(shards) == 2 * 2 * 3  # experiments, long steps, shards
    assert {job.needs for job in shards if job.shard.startswith("2:")} == {
        tuple(one.id for one in shards if one.shard.startswith("1:") and one.node == node)
        for node in {job.node for job in shards}
    }


def test_long_trainings_and_attacks_of_the_chapters_are_shared_out(written: Written) -> None:
    made = plan.make(written(HEAD + "shards: 4\nshard_seconds: 0\ngrid: {snr_min: [0]}\n"))
    rounds = {node.stage: made.steps(node) for node in made.nodes.values()}
    named = ("ceilings", "adversarial", "representations", "self_attention", "vocal_percussion")
    assert {name: rounds[name] for name in named} == dict(zip(named, (1, 2, 1, 3, 1), strict=True))


def test_a_long_step_is_shared_and_a_short_one_is_not(written: Written) -> None:
    """A job takes twelve seconds to start: what takes a minute is no work for twenty of them."""
    sweep = written(HEAD + "shards: 20\ngrid: {snr_min: [0]}\nvariations: [{chapters: none}]\n")
    for stage, seconds in (("data_synthesis", 100.0), ("training", 1_000.0), ("integrated_gradients", 1e6)):
        record = {"params": {}, "core_seconds": seconds}
        files.write_json(paths.store_dir() / stage / "a" / "record.json", record)
    made = plan.make(sweep)
    shards = {node.stage: node.shards for node in made.nodes.values()}
    assert {name: shards[name] for name in ("data_synthesis", "training", "integrated_gradients", "results")} == {
        "data_synthesis": 1,
        "training": 8,
        "integrated_gradients": 20,
        "results": 1,
    }
    assert sum(1 for _ in made.jobs()) == plan.estimate(made).jobs == len(made.nodes) + 8 + 20


@pytest.mark.parametrize(
    "damage", ["", "[]", "{}", '{"asked": [20, 120]}', '{"asked": [20, 120], "of": 3}', "not json"]
)
def test_a_call_that_goes_on_has_the_shards_of_the_one_before(written: Written, damage: str) -> None:
    head, grid = HEAD + "shards: 20\n", "grid: {snr_min: [0]}\nvariations: [{chapters: none}]\n"

    def planned(text: str) -> dict[str, int]:
        return {node.stage: node.shards for node in plan.make(written(text)).nodes.values()}

    made = plan.make(written(head + grid))
    made.sweep.folder.mkdir(parents=True)
    plan.keep(made)
    first = planned(head + grid)
    record = {"params": {}, "core_seconds": 1e6}
    files.write_json(paths.store_dir() / "training" / "a" / "record.json", record)
    assert planned(head + grid) == first
    longer = {**first, "training": 20}
    assert first["training"] < 20
    assert planned(head + "shard_seconds: 121\n" + grid)["training"] == 20  # other limits: decided anew
    (made.sweep.folder / plan.DECIDED).write_text(damage)
    assert planned(head + grid) == longer


def test_what_is_at_hand_is_no_job(written: Written) -> None:
    sweep = written(HEAD + "grid: {snr_min: [0, 5]}\nvariations: [{chapters: none}]\n")
    first = next(node for node in plan.make(sweep).nodes.values() if node.stage == "data_synthesis")
    files.write_json(first.keys.data.folder / "record.json", {"params": {}, "seconds": 1.0})
    first.keys.data.seal()
    again = plan.make(sweep).nodes[first.id]
    assert (again.data_whole, again.whole) == (True, False)  # its page is still to be made
    first.keys.page.folder.mkdir(parents=True)
    first.keys.page.seal()
    files.write_json(first.keys.page.folder / "page.json", {})
    made = plan.make(sweep)
    assert made.nodes[first.id].whole
    assert first.id not in {job.id for job in made.jobs()}
    assert not any(first.id in job.needs for job in made.jobs())


def test_groups_hold_every_missing_node_once_and_are_complete_in_order(written: Written) -> None:
    made = plan.make(
        written(HEAD + "shards: 4\nshard_seconds: 0\ngrid: {seed: 1..5}\nvariations: [{chapters: none}]\n")
    )
    groups = list(made.groups(40))
    assert len(groups) > 1
    flat = [node.id for group in groups for node in group]
    assert flat == [node.id for node in made.missing()]
    done: set[str] = set()
    for group in groups:
        assert sum(1 for _ in made.jobs(group)) <= 40
        done |= {node.id for node in group}
        assert all(up in done for node in group for up in node.upstream)


@pytest.mark.parametrize("seconds", [0.0, 30.0, 120.0, 1e9])
def test_lots_are_of_one_experiment_in_order_and_what_is_long_is_alone(written: Written, seconds: float) -> None:
    made = plan.make(written(HEAD + "shards: 20\ngrid: {snr_min: [0, 5], seed: 1..2}\n"))
    lots = list(made.lots(seconds=seconds))
    assert [node for lot in lots for node in lot] == made.missing()  # each once, after all that it needs
    for lot in lots:
        assert len({node.experiment for node in lot}) == 1
        if len(lot) > 1:
            assert all(node.shards == 1 and node.cost.seconds < seconds for node in lot)
            assert sum(node.cost.seconds for node in lot[:-1]) < seconds
    found = plan.estimate(made, together=seconds)
    alone = plan.estimate(made)
    assert found.jobs == alone.jobs - sum(len(lot) - 1 for lot in lots)
    assert alone.core_hours - found.core_hours == pytest.approx((alone.jobs - found.jobs) * costs.START / 3600)
    assert (found.jobs < alone.jobs) == (seconds > 0)


def test_stages_for_a_gpu_and_others_share_no_lot(written: Written) -> None:
    made = plan.make(written(HEAD + "gpu: true\ngrid: {snr_min: [0]}\nvariations: [{chapters: none}]\n"))
    lots = list(made.lots(seconds=1e9))
    assert [{node.gpu for node in lot} for lot in lots] == [{False}, {True}, {False}]


def test_the_estimate_is_of_the_nearest_recorded_run(written: Written) -> None:
    sweep = written(HEAD + "grid: {snr_min: [0]}\nvariations: [{chapters: none}]\n")
    made = plan.make(sweep)
    experiment = next(iter(sweep.experiments.values()))
    node = next(node for node in made.nodes.values() if node.stage == "training")
    params = {"learning_rate": node.params.learning_rate, "batch_size": 1}  # type: ignore[attr-defined]
    for key, values, seconds in (("a", params, 50.0), ("b", {"learning_rate": 7.0, "batch_size": 7}, 5000.0)):
        folder = node.keys.data.folder.parent / key
        files.write_json(folder / "record.json", {"params": values, "core_seconds": seconds})
    assert Costs.of_store(["training"]).of(node.params, experiment) == costs.Cost(
        50.0, costs.Costs().of(node.params, experiment).memory, "measured"
    )
    files.write_json(node.keys.data.folder.parent / "a" / costs.COST, {"core_seconds": 80.0})  # with its shards
    assert Costs.of_store(["training"]).of(node.params, experiment).seconds == 80.0


def test_without_a_record_the_estimate_is_of_the_size_that_ships(written: Written) -> None:
    sweep = written(HEAD + "grid: {n_train: [80, 81, 2222]}\nvariations: [{chapters: none, n_eval: 28}]\n")
    of = {
        experiment.stages["data_synthesis"].n_train: {  # type: ignore[attr-defined]
            name: costs.Costs().of(params, experiment).seconds for name, params in experiment.stages.items()
        }
        for experiment in sweep.experiments.values()
    }
    rows = {(row["stage"], row["size"]): float(row["core_seconds"]) for row in costs.shipped()}
    for name in of[80]:
        most = max(rows[name, "smoke"], rows[name, "embedded"])
        assert (of[80][name], of[81][name]) == (rows[name, "smoke"], most)
        assert of[2222][name] == pytest.approx(most * 2250 / 1250)


def test_the_estimate_knows_the_encoder_and_the_number_of_soundscapes(written: Written) -> None:
    sweep = written(
        HEAD + "grid: {encoder: [embedded, cnn14], n_train: [100, 400]}\nvariations: [{chapters: none, n_eval: 100}]\n"
    )
    made, root = plan.make(sweep), paths.store_dir()
    of = {
        (values["encoder"], values["n_train"]): sweep.experiments[name].stages["integrated_gradients"]
        for name, values in sweep.varied.items()
    }

    def estimated() -> dict[tuple[str, int], float]:
        known = Costs.of_store(stages.STAGES)
        return {
            (values["encoder"], values["n_train"]): known.of(
                of[values["encoder"], values["n_train"]], sweep.experiments[name]
            ).seconds
            for name, values in sweep.varied.items()
        }

    slower = costs.PASS["cnn14"] / costs.PASS["embedded"]
    shipped = estimated()
    assert shipped["cnn14", 100] == pytest.approx(slower * shipped["embedded", 100])
    # A run with 100 + 100 soundscapes and the small encoder was recorded: its stages name those before them.
    upstream: dict[str, str] = {}
    for node in list(made.nodes.values())[:3]:
        params = {"n_train": 100, "n_eval": 100} if node.stage == "data_synthesis" else {"encoder": "embedded"}
        if node.stage == "integrated_gradients":
            params = experiments.result_values(node.params)
        record = {"params": params, "upstream": upstream, "core_seconds": 10.0}
        files.write_json(root / node.stage / "a" / "record.json", record)
        upstream = {**upstream, node.stage: "a"}
    found = estimated()
    assert found["embedded", 100] == 10.0
    assert found["embedded", 400] == pytest.approx(25.0)
    assert found["cnn14", 100] == pytest.approx(10.0 * slower)
    # As soon as the slow encoder was measured, its own figure counts.
    for stage, values in (("training", {"encoder": "cnn14"}), ("integrated_gradients", params)):
        record = {"params": values, "upstream": {"data_synthesis": "a", "training": "b"}, "core_seconds": 70.0}
        files.write_json(root / stage / "b" / "record.json", record)
    assert estimated()["cnn14", 100] == 70.0


def test_many_experiments_of_twenty_shards_are_planned_in_little_memory() -> None:
    """A thousand and their time are for benchmarks/planning.py; a plan that held every job would show here."""
    root = Path(__file__).resolve().parents[3]
    found = {}
    for number in (20, 120):
        command = [sys.executable, str(root / "benchmarks" / "planning.py"), "--experiments", str(number)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert int(said.split("experiments, ")[1].split(" jobs")[0]) > 100 * number
        found[number] = float(said.split(" MiB")[0].rsplit(maxsplit=1)[1])
    assert (found[120] - found[20]) / 100 < 0.2  # MiB per experiment


@pytest.mark.parametrize(("seconds", "shards", "minutes"), [(10.0, 1, 10), (36000.0, 1, 2401), (36000.0, 100, 25)])
def test_minutes_asked_for_have_room(seconds: float, shards: int, minutes: int) -> None:
    assert costs.asked_minutes(seconds / shards, 1) == minutes
