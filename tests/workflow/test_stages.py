"""Keys: what a change of a parameter, a module or a file outside makes stale, and what it leaves alone."""

from __future__ import annotations

import ast
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from igsed_core.base.errors import IgsedError
from igsed_core.workflow import experiments, stages

ALL = set(stages.STAGES)
LAST = stages.downstream("threshold_sensitivity")
AFTER_TRAINING = ALL - {"data_synthesis"}
# Modules that change no result: how things are run, written, shown on the way.
INFRASTRUCTURE = {
    *("assets", "fetching", "config", "devices", "errors", "files", "parallel", "paths", "progress", "stages"),
    "notebook",  # opens a stage and hands it its parameters
    *("_torchaudio", "_zennit"),  # doors to libraries
}
OUTSIDE = ("soundbank", "weights", "recordings")  # paths: below
OTHER = {
    "bank_train_files": 3,
    "bank_eval_files": 3,
    "bank_backgrounds": 3,
    "background_source": "sins",
    "duration": 5.0,
    "sample_rate": 16000,
    "ref_db": -50.0,
    "events_min": 2,
    "events_max": 4,
    "snr_min": 5.0,
    "snr_max": 30.0,
    "max_polyphony": 3,
    "n_train": 10,
    "n_eval": 10,
    "workers": 1,
    "encoder": "mn04_as",
    "window": "hann",
    "learning_rate": 0.01,
    "batch_size": 8,
    "epochs": 3,
    "patience": 3,
    "probability_threshold": 0.4,
    "device": "cpu",
    "engine": "captum",
    "rule": "riemann_left",
    "n_points": 20,
    "tolerance": 0.1,
    "precision": "bfloat16",
    "engine_clips": 2,
    "captum_clips": 2,
    "reference_points": 20,
    "faithfulness_methods": "ig",
    "replacements": "mean",
    "faithfulness_target": "logit",
    "faithfulness_clips": 2,
    "sanity_clips": 2,
    "occlusion_clips": 2,
    "audit_clips": 2,
    "audit_draws": 200,
    "methods": "cam",
    "methods_validation_clips": 2,
    "methods_test_clips": 2,
    "shifts": 4,
    "components": 1,
    "conditions_clips": 2,
    "conditions_snr_min": 0.0,
    "conditions_snr_max": 20.0,
    "conditions_snr_step": 10.0,
    "pooling_clips": 2,
    "target": "probability",
    "internal_batch": 1,
    "ig_workers": 1,
    "ig_device": "cpu",
    "energy": "power",
    "frame_length": 0.2,
    "min_coverage": 0.5,
    "reading": "positive",
    "percentile_min": 5.0,
    "percentile_max": 95.0,
    "percentile_step": 2.0,
    "replicates": 50,
    "seeds": "5, 6",
    "seeds_training_data": True,
    "seeds_points": 3,
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package whose files a test may change."""
    copy = tmp_path / "package"
    shutil.copytree(stages.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    monkeypatch.setattr(stages, "PACKAGE", copy)
    return copy


def changed(before: dict[str, Any], after: dict[str, Any], which: int) -> set[str]:
    return {name for name in before if before[name][which] != after[name][which]}


def keys(**values: Any) -> dict[str, tuple[str, str]]:
    return stages.keys(experiments.from_values(values))


@pytest.mark.parametrize(
    ("values", "stale"),
    [
        ({"percentile_max": 95.0}, {"threshold_sensitivity", *LAST}),
        ({"n_points": 20}, {"integrated_gradients", "threshold_sensitivity", *LAST}),
        ({"engine_clips": 3}, {"engine"}),
        ({"energy": "power"}, {"baselines", "threshold_sensitivity", *LAST}),
        ({"epochs": 3}, AFTER_TRAINING),
        ({"snr_min": 5.0}, ALL),
        ({"seed": 1}, ALL),
        ({"workers": 2, "ig_workers": 1, "internal_batch": 3, "device": "cpu", "ig_device": "cpu"}, set()),
        ({"experiment": "other"}, set()),
        ({"snr_min": 15}, set()),  # the default, written as a whole number
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_stages_that_a_parameter_makes_stale(values: dict[str, Any], stale: set[str]) -> None:
    before, after = keys(), keys(**values)
    assert changed(before, after, 0) == stale
    assert changed(before, after, 1) == stale


@pytest.mark.parametrize(
    "name", [n for n in experiments.parameter_fields() if n not in (*OUTSIDE, "seed", "experiment")]
)
def test_each_parameter_makes_its_stage_and_those_after_it_stale(name: str) -> None:
    stage = next(s for s in stages.STAGES.values() if name in experiments.parameter_fields(s.params))
    field = experiments.parameter_fields()[name]
    wanted = set() if field.metadata["execution"] else {stage.name, *stages.downstream(stage.name)}
    base = {"rule": "gausslegendre"} if name == "engine" else {}  # Captum does not have the default rule
    assert changed(keys(**base), keys(**base, **{name: OTHER[name]}), 0) == wanted


@pytest.mark.parametrize(
    ("module", "stale"),
    [
        ("figures/style.py", set()),
        ("tables/cells.py", set()),
        ("players.py", set()),
        ("thresholds/levels.py", {"threshold_sensitivity", *LAST}),
        ("metrics.py", AFTER_TRAINING),  # Table I is computed with the training
        ("attribution/captum_ig.py", {"integrated_gradients", "threshold_sensitivity", *LAST}),
        ("engine_study.py", {"engine"}),
        ("seed_study.py", {"seeds"}),
        ("threshold_rules.py", {"threshold_rules", "methods", "localiser", "conditions"}),
        ("baselines.py", {"baselines", "threshold_sensitivity", *LAST}),
        ("training.py", AFTER_TRAINING),
        ("encoders/base.py", AFTER_TRAINING),
        ("mixing.py", ALL),
    ],
)
def test_stages_that_a_change_of_code_makes_stale(package: Path, module: str, stale: set[str]) -> None:
    before = keys()
    with (package / module).open("a") as stream:
        stream.write("\n# changed\n")
    after = keys()
    assert changed(before, after, 0) == stale
    assert changed(before, after, 1) == (stale or ALL)  # drawing: every page is drawn again, nothing computed


@pytest.mark.parametrize("module", ["cli.py", "provenance.py", "errors.py"])
def test_code_that_changes_no_result_changes_no_key(package: Path, module: str) -> None:
    before = keys()
    with (package / module).open("a") as stream:
        stream.write("\n# changed\n")
    assert keys() == before


def test_compiled_files_change_no_key(package: Path) -> None:
    before = keys()
    (package / "encoders" / "__pycache__").mkdir()
    (package / "encoders" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert keys() == before


@pytest.mark.parametrize(
    "pattern", sorted({*stages.DRAWING, *(p for stage in stages.STAGES.values() for p in stage.modules)})
)
def test_every_pattern_matches_a_file(pattern: str) -> None:
    assert list(stages.PACKAGE.glob(pattern))


def imported(path: Path) -> set[Path]:
    """Files of the package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "igsed_core":
            parts = str(node.module).split(".")[1:]
            for alias in node.names:
                for candidate in ((*parts, alias.name), parts):
                    base = stages.PACKAGE.joinpath(*candidate)
                    found.update(p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file())
    return found - {stages.PACKAGE / "__init__.py"}


@pytest.mark.parametrize("stage", stages.STAGES.values(), ids=lambda stage: stage.name)
def test_keys_cover_what_the_modules_of_a_stage_import(stage: stages.Stage) -> None:
    """A computing module that a stage reaches is hashed by the stage itself or by one before it."""
    patterns = {p for name in (stage.name, *stage.upstream) for p in stages.get(name).modules}
    covered = {path for pattern in patterns for path in stages.PACKAGE.glob(pattern)}
    todo = [path for pattern in stage.modules for path in stages.PACKAGE.glob(pattern) if path.suffix == ".py"]
    seen = set(todo)
    while todo:
        for path in imported(todo.pop()) - seen:
            if path.relative_to(stages.PACKAGE).with_suffix("").as_posix() not in INFRASTRUCTURE:
                assert path in covered, f"{stage.name} reaches {path.name}, which is in no key"
                seen.add(path)
                todo.append(path)


def test_a_checkpoint_outside_is_part_of_the_key(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"1")
    before = keys(weights=str(weights))
    assert keys(weights=str(weights)) == before
    os.utime(weights, ns=(1, 1))
    after = keys(weights=str(weights))
    assert changed(before, after, 0) == AFTER_TRAINING


def test_a_folder_bank_outside_is_part_of_the_key(tmp_path: Path) -> None:
    from tiny_bank import write_bank

    bank = write_bank(tmp_path / "bank")
    before = keys(soundbank=str(bank))
    assert keys(soundbank=str(bank)) == before
    sound = next(bank.rglob("*.wav"))
    os.utime(sound, ns=(1, 1))
    assert changed(before, keys(soundbank=str(bank)), 0) == ALL


def test_recordings_outside_are_part_of_the_key_of_their_stage(tmp_path: Path) -> None:
    (tmp_path / "events.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    before = keys(recordings=str(tmp_path))
    assert keys(recordings=str(tmp_path)) == before
    assert changed(keys(), before, 0) == {"conditions"}
    os.utime(tmp_path / "events.tsv", ns=(1, 1))
    assert changed(before, keys(recordings=str(tmp_path)), 0) == {"conditions"}
    with pytest.raises(IgsedError, match=r"parameter 'recordings' is '.*nothing': no such folder"):
        keys(recordings=str(tmp_path / "nothing"))


def test_a_bank_that_is_not_there() -> None:
    with pytest.raises(IgsedError, match=r"'no/such/bank'.*'soundbank' is one of desed, procedural"):
        keys(soundbank="no/such/bank")


def test_page_keys_follow_the_text_of_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = tmp_path / "book"
    shutil.copytree(stages.get("results").source.parent, book)
    monkeypatch.setattr(stages, "project_root", lambda: tmp_path)
    before = keys()
    with (book / "03_integrated_gradients.py").open("a") as stream:
        stream.write("\n# %% [markdown]\n# One word more.\n")
    after = keys()
    assert changed(before, after, 0) == set()
    assert changed(before, after, 1) == {"integrated_gradients"}


def test_keys_do_not_depend_on_the_order_of_files() -> None:
    assert keys() == keys()
    assert all(len(key) == stages.KEY_LENGTH for pair in keys().values() for key in pair)
    assert len({key for pair in keys().values() for key in pair}) == 2 * len(ALL)


def test_markers_are_named_after_page_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path))
    experiment = experiments.from_values({"experiment": "mine"})
    done = tmp_path / "mine" / "notebooks" / ".done"
    wanted = {name: done / f"{name}-{page}.json" for name, (_, page) in stages.keys(experiment).items()}
    assert stages.markers(experiment) == wanted


def test_the_graph() -> None:
    assert stages.downstream("data_synthesis") == list(stages.STAGES)[1:]
    assert stages.downstream("baselines") == ["threshold_sensitivity", *LAST]
    assert all(stages.downstream(name) == [] for name in LAST)
    order = list(stages.STAGES)
    for stage in stages.STAGES.values():
        assert stage.source.is_file()
        for upstream in stage.upstream:
            assert order.index(upstream) < order.index(stage.name)
            assert set(stages.get(upstream).upstream) <= set(stage.upstream)  # so that one look finds all


def test_unknown_stage() -> None:
    with pytest.raises(IgsedError, match=r"unknown stage 'test': choose one of data_synthesis, training, "):
        stages.get("test")
