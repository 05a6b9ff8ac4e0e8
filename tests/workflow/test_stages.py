"""Keys: what a change of a parameter, a module or a file outside makes stale, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from igsed_core.base import cells, imports, plugins
from igsed_core.base.errors import IgsedError
from igsed_core.workflow import experiments, stages
from igsed_core.workflow.stages import Keys

ALL = set(stages.STAGES)
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
    "overlap_filter": "chain",
    "figure_2_seconds": 4.0,
    "onsets": "normal",
    "n_train": 10,
    "n_eval": 10,
    "workers": 1,
    "encoder": "mn04_as",
    "window": "hann",
    "learning_rate": 0.01,
    "batch_size": 8,
    "epochs": 3,
    "patience": 3,
    "pooled_embedding": "kept",
    "probability_threshold": 0.4,
    "device": "cpu",
    "engine": "captum",
    "quadrature": "riemann_left",
    "n_steps": 20,
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
    "sanity_shuffles": 2,
    "occlusion_clips": 2,
    "audit_clips": 2,
    "factorial_clips": 2,
    "margin": 0.05,
    "other_encoder": "",
    "audit_draws": 200,
    "vocal_bank": "avp",
    "vocal_takes": "Fixed",
    "vocal_users": 15,
    "vocal_held_out": 5,
    "vocal_sounds": 14,
    "vocal_labels": "syllable",
    "vocal_copies": 2,
    "vocal_splits": 2,
    "vocal_seeds": 2,
    "vocal_epochs": 2,
    "vocal_patience": 3,
    "vocal_batch_size": 16,
    "vocal_learning_rate": 0.001,
    "vocal_embedding": 16,
    "vocal_maps": 2,
    "vocal_steps": 4,
    "vocal_replicates": 50,
    "vocal_workers": 1,
    "attack_bank": "fsdkaggle2018",
    "attack_licences": "cc0",
    "attack_verified": False,
    "attack_kinds": 5,
    "attack_train": 3,
    "attack_validation": 2,
    "attack_test": 2,
    "attack_seconds": 1.0,
    "attack_rate": 8000,
    "attack_networks": "vgg",
    "attack_mixtures": "vgg",
    "attack_width": 4,
    "attack_mels": 20,
    "attack_epochs": 2,
    "attack_batch_size": 8,
    "attack_learning_rate": 0.001,
    "attack_clips": 2,
    "attack_targeted": 1,
    "attack_snr": 20.0,
    "attack_steps": 2,
    "attack_iterations": 3,
    "attack_searches": 1,
    "attack_soundscapes": 1,
    "attack_soundscape_snr": 30.0,
    "attack_points": 2,
    "attack_shifts": 1,
    "attack_replicates": 50,
    "attack_workers": 1,
    "attention_data": "urban_sed",
    "attention_train": 5,
    "attention_validation": 2,
    "attention_test": 2,
    "attention_hop": 0.3,
    "attention_channels": 4,
    "attention_units": 4,
    "attention_dropout": 0.2,
    "attention_widths": "1",
    "attention_heads": "none",
    "attention_seeds": 2,
    "attention_epochs": 1,
    "attention_patience": 2,
    "attention_batch_size": 4,
    "attention_learning_rate": 0.001,
    "attention_main_clips": 5,
    "attention_main_epochs": 1,
    "attention_main_width": 0.0,
    "attention_replicates": 20,
    "attention_device": "auto",
    "attention_workers": 1,
    "repr_data": "urbansound8k",
    "repr_files": 2,
    "repr_folds": 2,
    "repr_width": 4,
    "repr_recipes": "paper",
    "repr_epochs": 2,
    "repr_batch_size": 16,
    "repr_seeds": 2,
    "repr_maps": 4,
    "repr_steps": 2,
    "repr_replicates": 50,
    "repr_workers": 1,
    "tf_methods": "cam",
    "tf_without": "",
    "tf_clips": 2,
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
    "gates": 2,
    "attribution_gates": 1,
    "detectors": "linear",
    "detector_seeds": 2,
    "detector_epochs": 3,
    "edges": False,
    "redraws": 1,
    "soft_gates": 1,
    "recordings_gates": 3,
    "poolings": "attention",
    "pooled_clips": 2,
    "target": "probability",
    "internal_batch_size": 1,
    "ig_workers": 1,
    "ig_device": "cpu",
    "energy": "power",
    "frame_length": 0.2,
    "min_coverage": 0.5,
    "sign": "positive",
    "percentile_min": 5.0,
    "percentile_max": 95.0,
    "percentile_step": 2.0,
    "replicates": 50,
    "seeds": "5, 6",
    "seeds_training_data": True,
    "seeds_points": 3,
    "recordings_train_clips": 30,
    "recordings_clips": 3,
}


def downstream(name: str) -> set[str]:
    """Stages that read from a stage, directly or not."""
    found = {s.name for s in stages.STAGES.values() if name in s.upstream}
    return found.union(*(downstream(other) for other in found))


LAST = downstream("threshold_sensitivity")
ALONE = {"vocal_percussion"}  # reads from no other stage, and has sounds of its own
WITH_SOUNDSCAPES = ALL - ALONE
WITH_BANK = {"representations"}  # reads isolated sounds alone
AFTER_TRAINING = WITH_SOUNDSCAPES - {"data_synthesis"} - WITH_BANK


def changed(before: dict[str, Keys], after: dict[str, Keys], which: str = "data") -> set[str]:
    return {name for name in before if getattr(before[name], which) != getattr(after[name], which)}


def keys(**values: Any) -> dict[str, Keys]:
    return stages.keys(experiments.from_values(values))


UNCHANGED = stages.Remembered()


def keys_with(**values: Any) -> dict[str, Keys]:
    """The keys of this package and its notebooks, of which no file changes from test to test."""
    return stages.keys(experiments.from_values(values), UNCHANGED)


@cache
def keys_before(**values: Any) -> dict[str, Keys]:
    return keys_with(**values)


@pytest.mark.parametrize(
    ("values", "stale"),
    [
        ({"percentile_max": 95.0}, {"threshold_sensitivity", *LAST}),
        ({"n_steps": 20}, {"integrated_gradients", "threshold_sensitivity", *LAST}),
        ({"engine_clips": 3}, {"engine"}),
        ({"energy": "power"}, {"baselines", "threshold_sensitivity", *LAST}),
        ({"epochs": 3}, AFTER_TRAINING),
        ({"snr_min": 5.0}, WITH_SOUNDSCAPES),
        ({"seed": 1}, ALL),
        ({"workers": 2, "ig_workers": 1, "internal_batch_size": 3, "device": "cpu", "ig_device": "cpu"}, set()),
        ({"experiment": "other"}, set()),
        ({"snr_min": 15}, set()),  # the default, written as a whole number
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_stages_that_a_parameter_makes_stale(values: dict[str, Any], stale: set[str]) -> None:
    before, after = keys_before(), keys_with(**values)
    assert changed(before, after) == stale
    assert changed(before, after, "page") == stale


@pytest.mark.parametrize(
    "name", [n for n in experiments.parameter_fields() if n not in (*OUTSIDE, "seed", "experiment", "chapters")]
)
def test_each_parameter_makes_its_stage_and_those_after_it_stale(name: str) -> None:
    takers = [s.name for s in stages.STAGES.values() if name in experiments.parameter_fields(s.params)]
    field = experiments.parameter_fields()[name]
    wanted = set() if field.metadata["execution"] else {*takers}.union(*(downstream(taker) for taker in takers))
    base = {"quadrature": "gausslegendre"} if name == "engine" else {}  # Captum does not have the default rule
    assert changed(keys_before(**base), keys_with(**base, **{name: OTHER[name]})) == wanted


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package."""
    copy = tmp_path_factory.mktemp("package") / "igsed_core"
    own = Path(stages.__file__).resolve().parents[1]
    shutil.copytree(own, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def package(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package whose files a test may change, and from which keys are then derived."""
    before = {path: path.read_bytes() for path in copied.rglob("*.py")}
    home = imports._home

    def moved(top: str, search_path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        return (str(copied / "__init__.py"), (str(copied),)) if top == "igsed_core" else home(top, search_path)

    monkeypatch.setattr(imports, "_home", moved)
    yield copied
    for path in copied.rglob("*.py"):
        if path not in before:
            path.unlink()
    for path, text in before.items():
        if not path.is_file() or path.read_bytes() != text:
            path.write_bytes(text)


@cache
def keys_of_copy() -> dict[str, Keys]:
    """The keys of the copied package as it was copied, which each test finds and leaves behind."""
    return keys()


@cache
def imported_by() -> dict[str, set[str]]:
    """Each stage: the modules that its notebook imports and that compute, by grimp's graph of imports."""
    grimp = pytest.importorskip("grimp", reason="grimp, the second opinion on imports, is not installed")
    graph = grimp.build_graph("igsed_core", exclude_type_checking_imports=True, cache_dir=None)
    for other in list(graph.modules):
        if imports.drawing(other):
            graph.remove_module(other)
    found = {}
    for stage in stages.STAGES.values():
        params = experiments.from_values({}).stages[stage.name]
        roots = cells._imported(cells.notebook_cells(stage.source)) | set(plugins.digest_of(params.uses())[0])
        own = {root for root in roots if root in graph.modules}
        found[stage.name] = own.union(*(graph.find_upstream_modules(root) for root in own))
    return found


def reaching(module: str) -> set[str]:
    """Stages whose notebook imports a module that computes, directly or not."""
    there = {name for name, modules in imported_by().items() if module in modules}
    return there.union(*map(downstream, there))


COMPUTING = [
    "base.files",
    "base._torchaudio",
    "data.fetching",
    "data.mixing",
    "data.soundbank.synthesis.voice",
    "data.recordings",
    "metrics.frames",
    "metrics.psds",
    "models.encoders.base",
    "models.encoders.embedded.network",
    "models.encoders.cnn14",
    "models.training",
    "attribution.lrp",
    "attribution.ig.captum_ig",
    "attribution.ig.decibel",
    "attribution.cam",
    "detection.absence_hmm",
    "detection.thresholds.levels",
    "detection.thresholds.markov",
    "detection.tuning",
    "chapters.engine.study",
    "chapters.seeds.study",
    "chapters.audit.overlap",
    "paper",
]


@pytest.mark.parametrize("module", COMPUTING)
def test_a_changed_module_stales_exactly_the_stages_that_reach_it(package: Path, module: str) -> None:
    wanted = reaching(f"igsed_core.{module}")
    before = keys_of_copy()
    path = package / (module.replace(".", "/") + ".py")
    path = path if path.is_file() else path.with_suffix("") / "__init__.py"
    path.write_text(path.read_text() + "\n_CHANGED = 1\n")
    after = keys()
    assert changed(before, after) == wanted
    assert wanted <= changed(before, after, "page")


@pytest.mark.parametrize("module", ["show/style.py", "show/display.py", "chapters/methods/figures.py"])
def test_a_module_that_draws_stales_pages_only(package: Path, module: str) -> None:
    before = keys_of_copy()
    (package / module).write_text((package / module).read_text() + "\n_CHANGED = 1\n")
    after = keys()
    assert changed(before, after) == set()
    pages = changed(before, after, "page")
    assert "methods" in pages
    assert "data_synthesis" not in pages or "show" in module


@pytest.mark.parametrize("module", ["workflow/cli.py", "workflow/book.py", "workflow/book_pages.py"])
def test_code_that_changes_no_result_changes_no_key(package: Path, module: str) -> None:
    before = keys_of_copy()
    (package / module).write_text((package / module).read_text() + "\n_CHANGED = 1\n")
    assert keys() == before


def test_comments_docstrings_and_compiled_files_change_no_data_key(package: Path) -> None:
    before = keys_of_copy()
    (package / "data" / "__pycache__").mkdir()
    (package / "data" / "__pycache__" / "x.pyc").write_bytes(b"x")
    mixing = package / "data" / "mixing.py"
    mixing.write_text("# A comment more.\n" + mixing.read_text().replace('"""', '"""Now: ', 1))
    assert changed(before, keys()) == set()


def test_a_checkpoint_outside_is_part_of_the_key(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"1")
    before = keys_with(weights=str(weights))
    assert keys_with(weights=str(weights)) == before
    os.utime(weights, ns=(1, 1))
    after = keys_with(weights=str(weights))
    assert changed(before, after) == AFTER_TRAINING


def test_a_folder_bank_outside_is_part_of_the_key(tmp_path: Path) -> None:
    from tiny_bank import write_bank

    bank = write_bank(tmp_path / "bank")
    before = keys_with(soundbank=str(bank))
    assert keys_with(soundbank=str(bank)) == before
    sound = next(bank.rglob("*.wav"))
    os.utime(sound, ns=(1, 1))
    assert changed(before, keys_with(soundbank=str(bank))) == WITH_SOUNDSCAPES


@pytest.mark.parametrize("change", [{"shifts": 4}, {"components": 3}])
def test_other_conditions_take_the_localiser_of_its_own_page(change: dict[str, int]) -> None:
    assert changed(keys_before(), keys_with(**change)) == {"localiser", "conditions", "ceilings", "edges"}


def test_recordings_outside_are_part_of_the_key_of_their_stage(tmp_path: Path) -> None:
    (tmp_path / "events.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    before = keys_with(recordings=str(tmp_path))
    assert keys_with(recordings=str(tmp_path)) == before
    assert changed(keys_before(), before) == {"conditions"}
    os.utime(tmp_path / "events.tsv", ns=(1, 1))
    assert changed(before, keys_with(recordings=str(tmp_path))) == {"conditions"}
    with pytest.raises(IgsedError, match=r"parameter 'recordings' is '.*nothing': no such folder"):
        keys_with(recordings=str(tmp_path / "nothing"))


def test_a_bank_that_is_not_there() -> None:
    with pytest.raises(IgsedError, match=r"/no/such/bank'.*'soundbank' is one of desed, procedural"):
        keys(soundbank="no/such/bank")


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the notebooks, which a test may change."""
    folder = tmp_path / "book"
    shutil.copytree(stages.get("results").source.parent, folder)
    monkeypatch.setattr(stages, "project_root", lambda: tmp_path)
    return folder


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_text_of_a_notebook_changes_its_page_alone(book: Path) -> None:
    before = keys()
    edit(book / "03_integrated_gradients.ipynb", "Can the maps be trusted?", "May one trust the maps?")
    after = keys()
    assert changed(before, after) == set()
    assert changed(before, after, "page") == {"integrated_gradients"}


@pytest.mark.parametrize(
    ("stage", "pages"),
    [
        ("vocal_percussion", {"vocal_percussion"}),
        ("ceilings", {"ceilings", "edges"}),
        ("real", {"edges"}),  # the box of other pages is made with the book
    ],
)
def test_tables_that_ship_change_the_pages_that_show_them_alone(book: Path, stage: str, pages: set[str]) -> None:
    before = keys()
    folder = book.parent / "results" / stage
    folder.mkdir(parents=True)
    (folder / f"{stage}.csv").write_text("system,value\n")
    (folder / "provenance.json").write_text(json.dumps({"sha256": {stage: "0a"}}))
    shown = keys()
    assert changed(before, shown) == set()
    assert changed(before, shown, "page") == pages
    (folder / f"{stage}.csv").write_text("system,value\nsyllable,0.9\n")
    assert changed(shown, keys(), "page") == pages


def test_a_cell_that_computes_stales_its_stage_and_what_follows(book: Path) -> None:
    """REVIEW_CODE, improvement 1: swap the two framewise heads in page 04."""
    before = keys()
    edit(book / "04_baselines.ipynb", r"(\"fw_ws\", \"fw_ss\")", r"(\"fw_ss\", \"fw_ws\")")
    assert changed(before, keys()) == {"baselines", *downstream("baselines")}


def test_keys_are_short_and_all_different() -> None:
    found = keys()
    assert keys() == found
    every = [entry.key for pair in found.values() for entry in (pair.data, pair.page)]
    assert len(set(every)) == 2 * len(ALL)


def test_markers_are_named_after_page_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGSED_RUNS_DIR", str(tmp_path))
    experiment = experiments.from_values({"experiment": "mine"})
    done = tmp_path / "mine" / ".done"
    wanted = {name: done / f"{name}-{of.page.key}.json" for name, of in stages.keys(experiment).items()}
    assert stages.markers(experiment) == wanted


def test_the_graph() -> None:
    assert downstream("data_synthesis") == AFTER_TRAINING | WITH_BANK
    assert {name: downstream(name) for name in LAST if downstream(name)} == {"localiser": {"conditions"}}
    order = list(stages.STAGES)
    for stage in stages.STAGES.values():
        assert stage.source.is_file()
        for upstream in stage.upstream:
            assert order.index(upstream) < order.index(stage.name)
            assert set(stages.get(upstream).upstream) <= set(stage.upstream)  # so that one look finds all


def test_every_table_has_one_maker() -> None:
    declared = [name for stage in stages.STAGES.values() for name in stage.params.tables]
    assert len(declared) == len(set(declared)) == len(stages.tables())


def test_unknown_stage() -> None:
    with pytest.raises(IgsedError, match=r"unknown stage 'test': choose one of data_synthesis, training, "):
        stages.get("test")
